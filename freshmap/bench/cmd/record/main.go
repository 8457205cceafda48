// Command record measures freshmap and its peers and writes the document. See
// the README of the module.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/ghostread/ghostread/freshmap/bench/record"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := record.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}
