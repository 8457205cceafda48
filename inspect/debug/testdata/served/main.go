// Command served asks its own handler about its maps.
package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"

	"github.com/ghostread/ghostread/inspect/debug"
)

var sessions = map[string]int{}

var numbers = map[uint64]uint64{}

var many = []map[string]bool{{"a": true}, {"b": true}}

func main() {
	for i := range 600 {
		sessions[fmt.Sprint("secret-token-", i)] = i
		numbers[uint64(i)<<32|7] = 1
	}
	for i := range 500 {
		delete(numbers, uint64(i)<<32|7)
	}
	masked, open := debug.Handler(), debug.Handler(debug.ShowValues())
	ask := func(h http.Handler, query string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/maps?"+query, nil))
		fmt.Printf("%s: %d %s\n%s\n-- end --\n", query, w.Code, w.Header().Get("Content-Type"), w.Body)
		if strings.Contains(w.Body.String(), "secret-token") != (h == open) {
			fmt.Println("LEAK or nothing shown:", query)
			os.Exit(1)
		}
	}
	for _, query := range strings.Fields(os.Args[1]) {
		ask(masked, query)
	}
	ask(open, "owner=main.sessions&entries=3")
	runtime.KeepAlive(many)
}
