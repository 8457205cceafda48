package field

import (
	"log"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

func second() bool {
	var last atomic.Int32
	var wg sync.WaitGroup
	for i := range int32(2) {
		wg.Go(func() { last.Store(i + 1) })
	}
	wg.Wait()
	return last.Load() == 2
}

func TestExitSometimes(t *testing.T) {
	if !second() {
		log.Fatal("the first one was last")
	}
}

// TestExitZero ends as if all tests had passed, which package testing does
// not let pass.
func TestExitZero(t *testing.T) {
	if !second() {
		os.Exit(0)
	}
}

func TestExitAlways(t *testing.T) {
	second()
	log.Fatal("always")
}
