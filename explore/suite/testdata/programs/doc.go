// Package programs holds small programs with one concurrency bug each, and the
// same programs without it. They are explored by the tests of package suite;
// its table says what is to be found in each.
//
// A program is a pair of tests, TestBuggyX and TestRepairedX. The buggy one
// passes under the schedule that a plain run usually takes.
package programs

import "sync"

// both runs two functions at the same time and waits for them.
func both(f, g func()) {
	var wg sync.WaitGroup
	wg.Go(f)
	wg.Go(g)
	wg.Wait()
}
