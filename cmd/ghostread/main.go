// Command ghostread finds, proves and replays reads that lie: reads in Go
// programs that return what no correct execution may return. Run it without
// arguments for the list of its commands.
package main

import (
	"os"

	"github.com/ghostread/ghostread/internal/cli"
)

func main() { os.Exit(cli.Run(os.Stdout, os.Stderr, os.Args[1:])) }
