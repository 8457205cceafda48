// Symbols lists the map functions in its own binary.
//
// It imports os/user because that package has a part in C: with CGO_ENABLED=1
// the binary is a cgo binary, with CGO_ENABLED=0 it is not.
package main

import (
	"crypto/sha256"
	"debug/elf"
	"flag"
	"fmt"
	"os"
	_ "os/user"
	"sort"
	"strings"
)

var want = flag.Bool("cgo", false, "this should be a cgo binary")

func main() {
	flag.Parse()
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	file, err := elf.Open(path)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		panic(err)
	}
	var names []string
	cgo := false
	for _, s := range symbols {
		switch {
		case strings.HasPrefix(s.Name, "runtime.map"), strings.HasPrefix(s.Name, "internal/runtime/maps."):
			if elf.ST_TYPE(s.Info) == elf.STT_FUNC {
				names = append(names, fmt.Sprintf("%s %d", s.Name, s.Size))
			}
		case strings.HasPrefix(s.Name, "x_cgo_"):
			cgo = true
		}
	}
	if len(names) == 0 || cgo != *want {
		panic(fmt.Sprintf("%d map functions, cgo %v: these are not the binaries to compare", len(names), cgo))
	}
	sort.Strings(names)
	fmt.Println("Each function with its size in bytes:")
	for _, n := range names {
		fmt.Println(" ", n)
	}
	fmt.Println("cgo_binary =", cgo)
	fmt.Println("functions =", len(names))
	fmt.Printf("names_and_sizes = sha256:%x\n", sha256.Sum256([]byte(strings.Join(names, "\n"))))
}
