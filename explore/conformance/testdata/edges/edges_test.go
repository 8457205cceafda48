// Package edges has the corners of happens-before, in pairs: a test whose name
// ends in Races has a race, and the one that ends in Ordered differs by little
// and has none.
package edges

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func both(a, b func()) {
	var wg sync.WaitGroup
	wg.Go(a)
	wg.Go(b)
	wg.Wait()
}

func TestRangeRaces(t *testing.T) {
	buf, from := make([]byte, 64), make([]byte, 64)
	both(func() { copy(buf[3:20], from) }, func() { copy(buf[19:40], from) })
}

func TestRangeOrdered(t *testing.T) {
	buf, from := make([]byte, 64), make([]byte, 64)
	both(func() { copy(buf[3:20], from) }, func() { copy(buf[20:40], from) })
}

type node struct {
	next *node
	data [6]int
}

func fill(v int) (n *node) {
	for range 50 {
		n = &node{next: n}
		n.data[0] = v
	}
	return n
}

// What one goroutine has dropped is another one's new object.
func TestReuseOrdered(t *testing.T) {
	both(
		func() { runtime.KeepAlive(fill(1)); runtime.GC(); runtime.KeepAlive(fill(2)) },
		func() { runtime.KeepAlive(fill(3)); runtime.GC(); runtime.KeepAlive(fill(4)) },
	)
}

// What the collector leaves in place keeps its past.
func TestReuseRaces(t *testing.T) {
	n := fill(1)
	both(
		func() { n.data[1] = 1; runtime.GC(); runtime.KeepAlive(fill(2)) },
		func() { runtime.GC(); runtime.KeepAlive(fill(3)); n.data[1] = 2 },
	)
}

// collect collects garbage until gone reports true, a few times at most.
func collect(gone func() bool) {
	for range 10 {
		if gone() {
			return
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
}

func TestFinalizerOrdered(t *testing.T) {
	var done atomic.Bool
	sum := 0
	func() {
		n := &node{}
		runtime.SetFinalizer(n, func(n *node) { sum += n.data[0]; done.Store(true) })
		n.data[0] = 1
		sum = 2
	}()
	collect(done.Load)
	if done.Load() {
		sum++
	}
}

// The finalizer tells nobody that it is through.
func TestFinalizerRaces(t *testing.T) {
	sum := new(int)
	func() {
		n := &node{}
		runtime.SetFinalizer(n, func(n *node) { *sum++ })
	}()
	collect(func() bool { return false })
	*sum = 3
}

func TestCleanupOrdered(t *testing.T) {
	var done atomic.Bool
	sum := 0
	func() {
		n := &node{}
		runtime.AddCleanup(n, func(v int) { sum += v; done.Store(true) }, 1)
		n.data[0] = 1
		sum = 2
	}()
	collect(done.Load)
	if done.Load() {
		sum++
	}
}

func TestCleanupRaces(t *testing.T) {
	sum := new(int)
	func() {
		n := &node{}
		runtime.AddCleanup(n, func(v int) { *sum += v }, 1)
	}()
	collect(func() bool { return false })
	*sum = 3
}

func TestAfterFuncOrdered(t *testing.T) {
	var wg sync.WaitGroup
	wg.Add(1)
	v := 1
	time.AfterFunc(1, func() { v++; wg.Done() })
	wg.Wait()
	v++
}

func TestAfterFuncRaces(t *testing.T) {
	var wg sync.WaitGroup
	wg.Add(1)
	v := 1
	time.AfterFunc(1, func() { v++; wg.Done() })
	v++
	wg.Wait()
}

func TestResetOrdered(t *testing.T) {
	var wg sync.WaitGroup
	wg.Add(1)
	var v int
	timer := time.AfterFunc(time.Hour, func() { v++; wg.Done() })
	if timer.Stop() {
		v = 1
		timer.Reset(1)
	}
	wg.Wait()
	v++
}

func TestResetRaces(t *testing.T) {
	var wg sync.WaitGroup
	wg.Add(1)
	var v int
	timer := time.AfterFunc(time.Hour, func() { v++; wg.Done() })
	if timer.Stop() {
		timer.Reset(1)
		v = 1
	}
	wg.Wait()
}

// A Stop that comes in time prevents the function.
func TestStopOrdered(t *testing.T) {
	var v int
	timer := time.AfterFunc(1, func() { v++ })
	if timer.Stop() {
		v = 1
	}
}

// One that comes too late does not wait for it.
func TestStopRaces(t *testing.T) {
	var v int
	timer := time.AfterFunc(1, func() { v++ })
	time.Sleep(2)
	if !timer.Stop() {
		v = 1
	}
}

func TestPoolOrdered(t *testing.T) {
	var pool sync.Pool
	use := func() {
		n, _ := pool.Get().(*node)
		if n == nil {
			n = new(node)
		}
		n.data[0]++
		pool.Put(n)
	}
	both(use, use)
}

func TestPoolRaces(t *testing.T) {
	var pool sync.Pool
	use := func() {
		n, _ := pool.Get().(*node)
		if n == nil {
			n = new(node)
		}
		pool.Put(n)
		n.data[0]++
	}
	both(use, use)
}

func TestSwapOrdered(t *testing.T) {
	var flag atomic.Int32
	var v int
	both(func() { v = 1; flag.CompareAndSwap(0, 1) }, func() {
		if flag.Load() == 1 {
			v++
		}
	})
}

// The compare-and-swap fails, and says nothing.
func TestSwapRaces(t *testing.T) {
	var flag atomic.Int32
	var v int
	both(func() { v = 1; flag.CompareAndSwap(2, 1) }, func() {
		if flag.Load() == 0 {
			v++
		}
	})
}

// A failed one reads, as the plain read does.
func TestFailedSwapOrdered(t *testing.T) {
	flag := new(int32)
	sum := new(int32)
	both(func() { atomic.CompareAndSwapInt32(flag, 2, 1) }, func() { *sum = *flag })
}

func TestFailedSwapRaces(t *testing.T) {
	flag := new(int32)
	sum := new(int32)
	both(func() { atomic.CompareAndSwapInt32(flag, 0, 1) }, func() { *sum = *flag })
}
