package spin

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestSpinFlag waits for a flag that the other one does not set if it was
// stopped before.
func TestSpinFlag(t *testing.T) {
	var stopped, ready atomic.Bool
	go func() {
		if stopped.Load() {
			return
		}
		ready.Store(true)
	}()
	stopped.Store(true)
	for !ready.Load() {
		runtime.Gosched()
	}
}

// TestSpinPlain waits for an ordinary variable, under a lock.
func TestSpinPlain(t *testing.T) {
	var mu sync.Mutex
	stopped, ready := false, false
	go func() {
		mu.Lock()
		defer mu.Unlock()
		if !stopped {
			ready = true
		}
	}()
	mu.Lock()
	stopped = true
	mu.Unlock()
	for {
		mu.Lock()
		r := ready
		mu.Unlock()
		if r {
			return
		}
	}
}

// TestSpinSelect polls channels that nobody will use.
func TestSpinSelect(t *testing.T) {
	a, b := make(chan int), make(chan int)
	var stopped atomic.Bool
	go func() {
		if !stopped.Load() {
			close(a)
		}
	}()
	stopped.Store(true)
	for {
		select {
		case <-a:
			return
		case <-b:
			return
		default:
			runtime.Gosched()
		}
	}
}

// TestSpinTwo has two goroutines wait for a flag each that the other would set
// behind its own wait.
func TestSpinTwo(t *testing.T) {
	var a, b atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !a.Load() {
			runtime.Gosched()
		}
		b.Store(true)
	})
	wg.Go(func() {
		for !b.Load() {
			runtime.Gosched()
		}
		a.Store(true)
	})
	wg.Wait()
}

// TestSpinTryLock has two goroutines give way to each other.
func TestSpinTryLock(t *testing.T) {
	var a, b sync.Mutex
	both := func(first, second *sync.Mutex) {
		for {
			first.Lock()
			if second.TryLock() {
				second.Unlock()
				first.Unlock()
				return
			}
			first.Unlock()
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { both(&a, &b) })
	wg.Go(func() { both(&b, &a) })
	wg.Wait()
}

// TestSpinCAS has two goroutines say that they want something, see that the
// other one does too, and take it back.
func TestSpinCAS(t *testing.T) {
	var a, b atomic.Int32
	enter := func(mine, other *atomic.Int32) {
		for {
			mine.CompareAndSwap(0, 1)
			if other.Load() == 0 {
				return
			}
			mine.CompareAndSwap(1, 0)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { enter(&a, &b); a.Store(0) })
	wg.Go(func() { enter(&b, &a); b.Store(0) })
	wg.Wait()
}
