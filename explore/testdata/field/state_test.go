package field

import (
	"expvar"
	"sync"
	"sync/atomic"
	"testing"
)

// Tests that pass in the first execution of a process only.

var (
	once    sync.Once
	counter atomic.Int32
	slots   = make(chan int, 3)
)

func TestStateOnce(t *testing.T) {
	var hit atomic.Bool
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { once.Do(func() { hit.Store(true) }) })
	}
	wg.Wait()
	if !hit.Load() {
		t.Error("once.Do did not call")
	}
}

func TestStateCounter(t *testing.T) {
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { counter.Add(1) })
	}
	wg.Wait()
	if n := counter.Load(); n != 2 {
		t.Errorf("counter = %d, want 2", n)
	}
}

// TestStateRegistry panics the second time.
func TestStateRegistry(t *testing.T) {
	var wg sync.WaitGroup
	wg.Go(func() { expvar.NewInt("field") })
	wg.Wait()
}

// TestStateSlots waits for ever the fourth time.
func TestStateSlots(t *testing.T) {
	var wg sync.WaitGroup
	wg.Go(func() { slots <- 1 })
	wg.Wait()
}

// TestStateFails fails under some schedules, and always the second time.
func TestStateFails(t *testing.T) {
	var last atomic.Int32
	var wg sync.WaitGroup
	for i := range int32(2) {
		wg.Go(func() { last.Store(i + 1) })
	}
	wg.Wait()
	if counter.Add(1) > 1 {
		t.Fatal("again")
	}
	if last.Load() == 2 {
		t.Fatal("the second one was last")
	}
}

// TestFirstPanics panics when the goroutines run in the order in which they
// were started, as they do in the warm-up.
func TestFirstPanics(t *testing.T) {
	var last atomic.Int32
	var wg sync.WaitGroup
	for i := range int32(2) {
		wg.Go(func() { last.Store(i + 1) })
	}
	wg.Wait()
	if last.Load() == 2 {
		panic("the second one was last")
	}
}

func TestAlwaysPanics(t *testing.T) {
	var wg sync.WaitGroup
	wg.Go(func() {})
	wg.Wait()
	panic("always")
}
