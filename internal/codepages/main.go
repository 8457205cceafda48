// Command codepages writes the pages below doc/codes: one for each code of the
// catalogue in package finding, and a list of them.
package main

import (
	"flag"
	"fmt"
	"os"
)

//go:generate go run . -out ../../doc/codes

func main() {
	out := flag.String("out", "doc/codes", "directory to write the pages to")
	flag.Parse()
	if err := write(*out); err != nil {
		fmt.Fprintln(os.Stderr, "codepages:", err)
		os.Exit(1)
	}
}
