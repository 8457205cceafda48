package programs

import (
	"sync/atomic"
	"testing"
)

// TestBuggyPlainRead reads a counter plainly that is written atomically.
func TestBuggyPlainRead(t *testing.T) {
	var n int64
	both(func() { atomic.AddInt64(&n, 1) }, func() { _ = n + 1 })
}

// TestRepairedPlainRead reads it atomically.
func TestRepairedPlainRead(t *testing.T) {
	var n int64
	both(func() { atomic.AddInt64(&n, 1) }, func() { _ = atomic.LoadInt64(&n) })
}

// TestBuggyPlainReset sets a counter to zero plainly.
func TestBuggyPlainReset(t *testing.T) {
	var n int64
	both(func() { atomic.AddInt64(&n, 1) }, func() { n = 0 })
}

// TestRepairedPlainReset sets it atomically.
func TestRepairedPlainReset(t *testing.T) {
	var n int64
	both(func() { atomic.AddInt64(&n, 1) }, func() { atomic.StoreInt64(&n, 0) })
}

// TestBuggyLoadThenStore adds in two steps.
func TestBuggyLoadThenStore(t *testing.T) {
	var n atomic.Int32
	add := func() { n.Store(n.Load() + 1) }
	both(add, add)
	if n.Load() != 2 {
		t.Errorf("n = %d, want 2", n.Load())
	}
}

// TestRepairedLoadThenStore adds in one.
func TestRepairedLoadThenStore(t *testing.T) {
	var n atomic.Int32
	add := func() { n.Add(1) }
	both(add, add)
	if n.Load() != 2 {
		t.Errorf("n = %d, want 2", n.Load())
	}
}

// TestBuggyCheckThenSet looks at a flag and then sets it.
func TestBuggyCheckThenSet(t *testing.T) {
	var started atomic.Bool
	var times atomic.Int32
	start := func() {
		if !started.Load() {
			started.Store(true)
			times.Add(1)
		}
	}
	both(start, start)
	if times.Load() != 1 {
		t.Errorf("started %d times", times.Load())
	}
}

// TestRepairedCheckThenSet does both in one step.
func TestRepairedCheckThenSet(t *testing.T) {
	var started atomic.Bool
	var times atomic.Int32
	start := func() {
		if started.CompareAndSwap(false, true) {
			times.Add(1)
		}
	}
	both(start, start)
	if times.Load() != 1 {
		t.Errorf("started %d times", times.Load())
	}
}

// TestBuggyTwoCounters reads two counters one after the other that belong
// together.
func TestBuggyTwoCounters(t *testing.T) {
	var taken, free atomic.Int32
	free.Store(5)
	both(func() {
		free.Add(-1)
		taken.Add(1)
	}, func() {
		if f, n := free.Load(), taken.Load(); f+n != 5 {
			t.Errorf("%d + %d, want 5", f, n)
		}
	})
}

// TestRepairedTwoCounters has one counter and computes the other.
func TestRepairedTwoCounters(t *testing.T) {
	const all = 5
	var taken atomic.Int32
	both(func() { taken.Add(1) }, func() {
		n := taken.Load()
		if f := all - n; f+n != 5 {
			t.Errorf("%d + %d, want 5", f, n)
		}
	})
}

// TestBuggySwapWithoutRetry does not look whether the swap took place.
func TestBuggySwapWithoutRetry(t *testing.T) {
	var n atomic.Int32
	add := func() {
		old := n.Load()
		n.CompareAndSwap(old, old+1)
	}
	both(add, add)
	if n.Load() != 2 {
		t.Errorf("n = %d, want 2", n.Load())
	}
}

// TestRepairedSwapWithoutRetry tries again.
func TestRepairedSwapWithoutRetry(t *testing.T) {
	var n atomic.Int32
	add := func() {
		for {
			if old := n.Load(); n.CompareAndSwap(old, old+1) {
				return
			}
		}
	}
	both(add, add)
	if n.Load() != 2 {
		t.Errorf("n = %d, want 2", n.Load())
	}
}

// TestBuggyInPlace changes what an atomic.Value holds in place.
func TestBuggyInPlace(t *testing.T) {
	var v atomic.Value
	v.Store(&settings{"first", 1})
	both(func() { v.Load().(*settings).size = 2 }, func() { _ = v.Load().(*settings).size + 1 })
}

// TestRepairedInPlace stores a changed copy.
func TestRepairedInPlace(t *testing.T) {
	var v atomic.Value
	v.Store(&settings{"first", 1})
	both(func() {
		s := *v.Load().(*settings)
		s.size = 2
		v.Store(&s)
	}, func() { _ = v.Load().(*settings).size + 1 })
}
