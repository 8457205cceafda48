// Command generate writes the loops_*.go files of the benchmark into the
// current directory.
package main

import (
	"fmt"
	"os"

	"github.com/ghostread/ghostread/freshmap/bench/generate"
)

func main() {
	files, err := generate.Files()
	for name, src := range files {
		if err == nil {
			err = os.WriteFile(name, src, 0o666)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(2)
	}
}
