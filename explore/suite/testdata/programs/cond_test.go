package programs

import (
	"sync"
	"sync/atomic"
	"testing"
)

// tray is a buffer of one item whose two sides wait on one Cond.
type tray struct {
	c    *sync.Cond
	full bool
}

func (y *tray) put(wake func()) {
	y.c.L.Lock()
	defer y.c.L.Unlock()
	for y.full {
		y.c.Wait()
	}
	y.full = true
	wake()
}

func (y *tray) take(wake func()) {
	y.c.L.Lock()
	defer y.c.L.Unlock()
	for !y.full {
		y.c.Wait()
	}
	y.full = false
	wake()
}

// meet has two producers and two consumers.
func meet(y *tray, wake func()) {
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { y.put(wake) })
		wg.Go(func() { y.take(wake) })
	}
	wg.Wait()
}

// TestBuggySignalWrongSide wakes one of those who wait, perhaps one who waits
// for the opposite.
func TestBuggySignalWrongSide(t *testing.T) {
	y := &tray{c: sync.NewCond(new(sync.Mutex))}
	meet(y, y.c.Signal)
}

// TestRepairedSignalWrongSide wakes all.
func TestRepairedSignalWrongSide(t *testing.T) {
	y := &tray{c: sync.NewCond(new(sync.Mutex))}
	meet(y, y.c.Broadcast)
}

// TestBuggySignalLost looks at the flag without the lock: the signal may come
// before the wait.
func TestBuggySignalLost(t *testing.T) {
	c := sync.NewCond(new(sync.Mutex))
	var ready atomic.Bool
	both(func() {
		if !ready.Load() {
			c.L.Lock()
			c.Wait()
			c.L.Unlock()
		}
	}, func() {
		ready.Store(true)
		c.Signal()
	})
}

// TestRepairedSignalLost looks and sets under the lock.
func TestRepairedSignalLost(t *testing.T) {
	c := sync.NewCond(new(sync.Mutex))
	ready := false
	both(func() {
		c.L.Lock()
		for !ready {
			c.Wait()
		}
		c.L.Unlock()
	}, func() {
		c.L.Lock()
		ready = true
		c.L.Unlock()
		c.Signal()
	})
}

// feed runs two consumers of a queue, and a producer who wakes all of them.
func feed(take func(c *sync.Cond, queue *[]int)) {
	c := sync.NewCond(new(sync.Mutex))
	var queue []int
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			c.L.Lock()
			defer c.L.Unlock()
			take(c, &queue)
		})
	}
	wg.Go(func() {
		for i := range 2 {
			c.L.Lock()
			queue = append(queue, i)
			c.L.Unlock()
			c.Broadcast()
		}
	})
	wg.Wait()
}

// TestBuggyIfInsteadOfFor does not look again after it was woken.
func TestBuggyIfInsteadOfFor(t *testing.T) {
	feed(func(c *sync.Cond, queue *[]int) {
		if len(*queue) == 0 {
			c.Wait()
		}
		*queue = (*queue)[1:]
	})
}

// TestRepairedIfInsteadOfFor looks again.
func TestRepairedIfInsteadOfFor(t *testing.T) {
	feed(func(c *sync.Cond, queue *[]int) {
		for len(*queue) == 0 {
			c.Wait()
		}
		*queue = (*queue)[1:]
	})
}

// closing has two goroutines wait until a gate is closed.
func closing(wake func(*sync.Cond)) {
	c := sync.NewCond(new(sync.Mutex))
	closed := false
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			c.L.Lock()
			for !closed {
				c.Wait()
			}
			c.L.Unlock()
		})
	}
	c.L.Lock()
	closed = true
	c.L.Unlock()
	wake(c)
	wg.Wait()
}

// TestBuggySignalOnClose wakes one of two.
func TestBuggySignalOnClose(t *testing.T) { closing((*sync.Cond).Signal) }

// TestRepairedSignalOnClose wakes both.
func TestRepairedSignalOnClose(t *testing.T) { closing((*sync.Cond).Broadcast) }

// TestBuggySignalFirst signals before it sets what is waited for.
func TestBuggySignalFirst(t *testing.T) {
	c := sync.NewCond(new(sync.Mutex))
	ready := false
	both(func() {
		c.L.Lock()
		defer c.L.Unlock()
		for !ready {
			c.Wait()
		}
	}, func() {
		c.Signal()
		c.L.Lock()
		ready = true
		c.L.Unlock()
	})
}

// TestRepairedSignalFirst signals afterwards.
func TestRepairedSignalFirst(t *testing.T) {
	c := sync.NewCond(new(sync.Mutex))
	ready := false
	both(func() {
		c.L.Lock()
		defer c.L.Unlock()
		for !ready {
			c.Wait()
		}
	}, func() {
		c.L.Lock()
		ready = true
		c.L.Unlock()
		c.Signal()
	})
}
