package programs

import (
	"sync"
	"testing"
)

type purse struct {
	mu   sync.Mutex
	id   int
	cash int
}

// TestBuggyLockOrder locks two purses in the order of the arguments.
func TestBuggyLockOrder(t *testing.T) {
	pay := func(from, to *purse) {
		from.mu.Lock()
		defer from.mu.Unlock()
		to.mu.Lock()
		defer to.mu.Unlock()
		from.cash--
		to.cash++
	}
	a, b := &purse{id: 1}, &purse{id: 2}
	both(func() { pay(a, b) }, func() { pay(b, a) })
}

// TestRepairedLockOrder locks the purse with the smaller number first.
func TestRepairedLockOrder(t *testing.T) {
	pay := func(from, to *purse) {
		first, second := from, to
		if second.id < first.id {
			first, second = second, first
		}
		first.mu.Lock()
		defer first.mu.Unlock()
		second.mu.Lock()
		defer second.mu.Unlock()
		from.cash--
		to.cash++
	}
	a, b := &purse{id: 1}, &purse{id: 2}
	both(func() { pay(a, b) }, func() { pay(b, a) })
	if a.cash+b.cash != 0 {
		t.Errorf("%d + %d, want 0 in all", a.cash, b.cash)
	}
}

type drawer struct {
	mu    sync.Mutex
	items []string
}

func (d *drawer) put(s string) {
	d.mu.Lock()
	d.items = append(d.items, s)
	d.mu.Unlock()
}

// TestBuggyMissingUnlock forgets to unlock when the drawer is empty.
func TestBuggyMissingUnlock(t *testing.T) {
	var d drawer
	first := func() string {
		d.mu.Lock()
		if len(d.items) == 0 {
			return ""
		}
		s := d.items[0]
		d.mu.Unlock()
		return s
	}
	both(func() { d.put("key") }, func() { first() })
}

// TestRepairedMissingUnlock unlocks on every way out.
func TestRepairedMissingUnlock(t *testing.T) {
	var d drawer
	first := func() string {
		d.mu.Lock()
		defer d.mu.Unlock()
		if len(d.items) == 0 {
			return ""
		}
		return d.items[0]
	}
	both(func() { d.put("key") }, func() { first() })
}

// TestBuggyLockAgain calls a method that locks while it holds the lock, on the
// one path where there is something to throw away.
func TestBuggyLockAgain(t *testing.T) {
	var d drawer
	clear := func() {
		d.mu.Lock()
		d.items = nil
		d.mu.Unlock()
	}
	tidy := func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if len(d.items) > 0 {
			clear()
		}
	}
	both(tidy, func() { d.put("junk") })
}

// TestRepairedLockAgain has a function for callers that hold the lock.
func TestRepairedLockAgain(t *testing.T) {
	var d drawer
	clearLocked := func() { d.items = nil }
	tidy := func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if len(d.items) > 0 {
			clearLocked()
		}
	}
	both(tidy, func() { d.put("junk") })
}

func dine(seats int, eat func(left, right *sync.Mutex, seat int)) {
	forks := make([]sync.Mutex, seats)
	var wg sync.WaitGroup
	for i := range seats {
		wg.Go(func() { eat(&forks[i], &forks[(i+1)%seats], i) })
	}
	wg.Wait()
}

// TestBuggyRing has everyone at a table of three take the left fork first.
func TestBuggyRing(t *testing.T) {
	dine(3, func(left, right *sync.Mutex, _ int) {
		left.Lock()
		right.Lock()
		right.Unlock()
		left.Unlock()
	})
}

// TestRepairedRing has the last one take the right fork first.
func TestRepairedRing(t *testing.T) {
	dine(3, func(left, right *sync.Mutex, seat int) {
		if seat == 2 {
			left, right = right, left
		}
		left.Lock()
		right.Lock()
		right.Unlock()
		left.Unlock()
	})
}

type bell struct {
	mu        sync.Mutex
	listeners map[int]func()
}

func (b *bell) add(id int, f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listeners[id] = f
}

func (b *bell) remove(id int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.listeners, id)
}

// TestBuggyCallbackUnderLock calls listeners with the lock held; one of them
// removes itself.
func TestBuggyCallbackUnderLock(t *testing.T) {
	b := &bell{listeners: map[int]func(){}}
	ring := func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, f := range b.listeners {
			f()
		}
	}
	both(ring, func() { b.add(1, func() { b.remove(1) }) })
}

// TestRepairedCallbackUnderLock copies the listeners and calls them unlocked.
func TestRepairedCallbackUnderLock(t *testing.T) {
	b := &bell{listeners: map[int]func(){}}
	ring := func() {
		b.mu.Lock()
		var all []func()
		for _, f := range b.listeners {
			all = append(all, f)
		}
		b.mu.Unlock()
		for _, f := range all {
			f()
		}
	}
	both(ring, func() { b.add(1, func() { b.remove(1) }) })
}

// TestBuggyPanicWhileLocked recovers from a panic and leaves the lock behind.
func TestBuggyPanicWhileLocked(t *testing.T) {
	var d drawer
	take := func() {
		defer func() { _ = recover() }()
		d.mu.Lock()
		d.items = d.items[1:] // panics if there is none
		d.mu.Unlock()
	}
	both(func() { d.put("cup") }, take)
}

// TestRepairedPanicWhileLocked unlocks in a defer.
func TestRepairedPanicWhileLocked(t *testing.T) {
	var d drawer
	take := func() {
		defer func() { _ = recover() }()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.items = d.items[1:]
	}
	both(func() { d.put("cup") }, take)
}
