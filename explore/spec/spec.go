// Package spec lets a test say what has to be true of the program: a condition
// that holds at every step ([Invariant]), and an object whose operations, called
// from several goroutines, must look as if they happened one at a time
// ([Object]).
//
// Under "ghostread explore" and "ghostread hunt" a test is run in thousands of
// schedules. There an invariant is evaluated after each step of a goroutine that
// may have changed something, and a history is judged in each execution. What is
// broken is a finding: which step, or which answer, in which schedule, and how to
// run that again. Nothing of this is noticed by the program: checks and the
// recording of operations add no scheduling points, no order between goroutines
// and no data races, so the bugs that are there without them are there with them.
//
// Under "go test" the package does what can be done there. An invariant is
// evaluated when the test ends and where it calls [Condition.Check]. A history is
// recorded as it comes and judged when the test ends. Recording takes a lock, so
// the race detector may then miss a race between two operations of one object.
//
// The package imports nothing but the standard library, and a small package of
// its own that does the same.
package spec

import (
	"unsafe"
)

// What world, which the explorer's runtime provides, is asked for. These and
// mark are those of runtime/ghostread_spec.go; TestLayouts in explore/sched
// compares them.
const (
	specVersion = 1 + iota // answers 1
	specEnter              // the goroutine goes aside: what it does is not noticed; answers its id, 0 if it is in no world
	specLeave              // it comes back
	specCall               // *mark: an operation begins, aside
	specReturn             // *mark: the operation ends, aside
	specWatch              // *func(): to be called after each step; nil: none
	specReport             // *string: ends the execution
	specWorld              // answers the number of the execution
	specTell               // answers 1 if somebody is going to read the whole report, and not only its first line
)

// mark is the call and the return of an operation.
type mark struct {
	call       int64 // first step of the operation that others could notice
	ret        int64 // after its last
	first      int64 // event of the call, -1 if there was none
	last       int64 // event of the return
	outer      int64 // of the operation around it
	outerFirst int64
	object     uintptr
	g          int32
}

// aside runs f so that the program does not notice, and reports false without
// running it if this is no exploration. f must not wait and must not start
// goroutines.
//
//go:norace
func aside(f func()) bool {
	if world(specEnter, nil) == 0 {
		return false
	}
	f()
	world(specLeave, nil)
	return true
}

// report ends the execution with what was seen.
func report(text string) {
	world(specReport, unsafe.Pointer(&text))
}
