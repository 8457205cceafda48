package worlds

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Executions of these tests are longer than what is explored of one.

const longRounds = 100_000

// longWork makes more points with a choice than are explored.
func longWork(rounds int) int64 {
	var n atomic.Int64
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range rounds {
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return n.Load()
}

func TestLong(t *testing.T) {
	if n := longWork(longRounds); n != 3*longRounds {
		t.Errorf("n = %d", n)
	}
}

// TestLongSpin waits in two ways for goroutines that get their turn only if
// somebody is made to give it, and for time.
func TestLongSpin(t *testing.T) {
	longWork(longRounds)
	var flag atomic.Bool
	go func() { time.Sleep(time.Second); flag.Store(true) }()
	for !flag.Load() {
	}
	go func() { flag.Store(false) }()
	for flag.Load() {
		runtime.Gosched()
	}
	var mu sync.Mutex
	c := make(chan int)
	for i := range 4 {
		go func() { mu.Lock(); defer mu.Unlock(); c <- i }()
	}
	for range 4 {
		<-c
	}
}

// TestLongLateRace races after the part that is explored.
func TestLongLateRace(t *testing.T) {
	longWork(longRounds)
	n := 0
	var wg sync.WaitGroup
	wg.Go(func() { n++ })
	n++
	wg.Wait()
}

// TestLongLateFailure fails far behind the part that is explored, for what
// happened in it.
func TestLongLateFailure(t *testing.T) {
	var last atomic.Int32
	var wg sync.WaitGroup
	wg.Go(func() { last.Store(1) })
	wg.Go(func() { last.Store(2) })
	wg.Wait()
	longWork(8_000) // after more, time is helped on, and a failure could come of that
	if last.Load() == 1 {
		t.Error("last = 1")
	}
}

func TestLongLateDeadlock(t *testing.T) {
	var last atomic.Int32
	var wg sync.WaitGroup
	wg.Go(func() { last.Store(1) })
	wg.Go(func() { last.Store(2) })
	wg.Wait()
	longWork(longRounds)
	if last.Load() == 1 {
		<-make(chan int)
	}
}
