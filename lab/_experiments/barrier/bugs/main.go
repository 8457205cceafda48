// Bugs runs one bug a time: programs that hide a pointer from the garbage
// collector, leave the bounds of an object, misuse C memory or race. It is
// made to see which tool notices which of them.
//
//	bugs CASE              run one case in this process
//	bugs -each N [CASE..]  run each case in N processes of its own, and judge what they say
//	bugs -list             names of the cases
//
// Each case is a file of its own, named for it. A comment says what is wrong
// and which rule of package unsafe, of cgo or of the memory model it breaks.
//
// A case prints facts and ends with one line:
//
//	RESULT ok     nothing wrong was visible
//	RESULT stale  memory of a dead object was read as if the object were alive
//	RESULT wrong  a wrong value was read, or a write went astray
//
// unless a tool, the runtime or the system stops the process before.
package main

import (
	"fmt"
	"os"
	"sort"
	"strconv"
)

// bugs has the cases by name. Each file adds its own; the files that use C
// are left out when the program is built without cgo.
var bugs = map[string]func(){}

func main() {
	args := os.Args[1:]
	switch {
	case len(args) == 1 && args[0] == "-list":
		for _, name := range names() {
			fmt.Println(name)
		}
	case len(args) >= 2 && args[0] == "-each":
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 1 {
			fmt.Fprintf(os.Stderr, "bugs: %s is no number of processes\n", args[1])
			os.Exit(2)
		}
		chosen := args[2:]
		if len(chosen) == 0 {
			chosen = names()
		}
		each(n, chosen)
	case len(args) == 1 && bugs[args[0]] != nil:
		bugs[args[0]]()
	default:
		fmt.Fprintln(os.Stderr, "usage: bugs CASE | bugs -each N [CASE..] | bugs -list")
		os.Exit(2)
	}
}

func names() []string {
	var all []string
	for name := range bugs {
		all = append(all, name)
	}
	sort.Strings(all)
	return all
}

// result is the last line of a case.
func result(word, format string, args ...interface{}) {
	fmt.Printf("RESULT %s %s\n", word, fmt.Sprintf(format, args...))
}

// fact is a line that the lab reads.
func fact(name string, value interface{}) { fmt.Printf("%s = %v\n", name, value) }
