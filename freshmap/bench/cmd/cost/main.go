// Command cost prints the tables of what an operation costs, or puts them into
// doc/freshmap.md. See the README of the module.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/ghostread/ghostread/freshmap/bench/cost"
	"github.com/ghostread/ghostread/freshmap/bench/record"
)

func main() {
	cost.Target()
	write := flag.Bool("doc", false, "put the tables into doc/freshmap.md instead of printing them")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	text, err := cost.Document(ctx, os.Stderr)
	if err == nil && *write {
		err = record.PutCost(text)
	} else {
		fmt.Print(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(2)
	}
}
