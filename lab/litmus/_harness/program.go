// The program runs litmus tests: small threads on shared variables, millions
// of times, with everything done to make them overlap. The technique is that
// of litmus7 (http://diy.inria.fr/doc/litmus.html):
//
//   - An array of instances, walked in a random order. Each variable is alone
//     on two cache lines, because processors fetch lines in pairs.
//   - Each thread first reads the variables that it will load. The load then
//     hits its cache while the store has to wait for the other core: the
//     store buffer fills.
//   - The threads agree on a time to start, by the time stamp counter, and
//     wait for it. A barrier in memory would let one thread start a cache
//     miss, hundreds of cycles, before the other.
//   - A little jitter, so that all offsets occur.
//   - Threads pinned to a CPU each, no garbage collection, one P to spare.
package main

import (
	"flag"
	"fmt"

	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// A cell is a variable and the rest of its two cache lines.
type cell struct {
	word int32
	_    [124]byte
}

// A mutexCell is a mutex on lines of its own.
type mutexCell struct {
	mu sync.Mutex
	_  [120]byte
}

// cells are one instance: the variables of a test, its mutexes, and what the
// threads need to start together.
type cells struct {
	v       [nVars]cell
	m       [nMutexes]mutexCell
	at      int64 // the time that was agreed on
	_       [120]byte
	arrived int32 // threads that are here
	_       [124]byte
}

// results has a place for each name that an outcome consists of.
type results [8]int32

// A test is generated from a .litmus file, see tests.go.
type test struct {
	name, doc, exists string
	names             []string    // what an outcome consists of
	init              []int32     // of the variables
	final             map[int]int // places of names that are variables: which
	threads           []thread
	interesting       func(*results) bool
	class             string              // of the interesting outcome, in the Go memory model
	tso               bool                // x86-TSO has it
	known             map[results]verdict // all outcomes that a model allows
}

type thread struct {
	run   func(*cells, *results)
	loads []int // the variables that it loads, in order
}

// A verdict is what the models say of an outcome.
type verdict struct {
	class string // sc, racy or forbidden
	tso   bool
}

// A technique says how threads are made to meet.
type technique struct {
	name    string // "" for the one that the flags describe
	start   string // tsc, spin or none
	preload bool
	pin     bool
}

var techniques = []technique{
	{"none", "none", false, false},
	{"pinned", "none", false, true},
	{"spin", "spin", false, true},
	{"spin_preload", "spin", true, true},
	{"tsc", "tsc", false, true},
	{"tsc_preload", "tsc", true, true},
}

var (
	iterations = flag.Int("n", defaultIterations, "how often each test runs")
	start      = flag.String("start", defaultStart, "how threads start together: tsc, spin or none")
	preload    = flag.Bool("preload", defaultPreload, "threads first read what they will load")
	pin        = flag.Bool("pin", defaultPin, "each thread has a CPU of its own")
	compare    = flag.Bool("compare", defaultCompare, "run each test with each technique")
	seed       = flag.Int64("seed", 1, "of the order of instances and of the jitter")
	limit      = flag.Duration("max", 0, "time for a test, at most; 0 means 5 microseconds for each time, and half a second at least")
)

func main() {
	flag.Parse()
	if *limit == 0 {
		// Undisturbed, a test needs a tenth of that.
		*limit = time.Duration(*iterations) * 5 * time.Microsecond
		if *limit < time.Second/2 {
			*limit = time.Second / 2
		}
	}
	// A collection would stop the threads, and there is next to no garbage.
	debug.SetGCPercent(-1)
	hurry()
	how := technique{"", *start, *preload, *pin}
	if how.start == "tsc" && !haveTicks {
		fmt.Printf("%s has no counter that is fine enough: threads start with a spin barrier\n", runtime.GOARCH)
		how.start = "spin"
	}
	fmt.Printf("cpus = %d\n", runtime.NumCPU())
	fmt.Printf("seed = %d\n", *seed)
	if runtime.NumCPU() < 2 {
		fmt.Println("This machine has one CPU: threads never overlap, and what is not seen here says nothing.")
	}
	if *compare {
		compareTechniques()
		return
	}
	fmt.Printf("start = %s\n", how.start)
	var all []*measured
	for i := range tests {
		m := measure(&tests[i], how)
		m.print()
		all = append(all, m)
	}
	picture(all)
}
