package debug_test

import (
	"log"
	"net/http"

	"github.com/ghostread/ghostread/inspect/debug"
)

func ExampleHandler() {
	mux := http.NewServeMux()
	mux.Handle("/debug/maps", debug.Handler())
	log.Fatal(http.ListenAndServe("localhost:6060", mux))
}
