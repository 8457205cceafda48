package programs

import (
	"slices"
	"sync"
	"testing"
)

// TestBuggyAppend has two goroutines append to a slice.
func TestBuggyAppend(t *testing.T) {
	var list []int
	both(func() { list = append(list, 1) }, func() { list = append(list, 2) })
}

// TestRepairedAppend has a lock for them.
func TestRepairedAppend(t *testing.T) {
	var mu sync.Mutex
	var list []int
	add := func(v int) {
		mu.Lock()
		defer mu.Unlock()
		list = append(list, v)
	}
	both(func() { add(1) }, func() { add(2) })
	if len(list) != 2 {
		t.Errorf("%v, want two elements", list)
	}
}

// derive appends to one slice in two goroutines, each for itself.
func derive(base []int) (a, b []int) {
	both(func() { a = append(base, 1) }, func() { b = append(base, 2) })
	return a, b
}

// TestBuggySpareCapacity has room behind the common part, which both use.
func TestBuggySpareCapacity(t *testing.T) { derive(make([]int, 2, 8)) }

// TestRepairedSpareCapacity cuts the room off.
func TestRepairedSpareCapacity(t *testing.T) {
	a, b := derive(slices.Clip(make([]int, 2, 8)))
	if a[2] != 1 || b[2] != 2 {
		t.Error(a, b)
	}
}

type queue struct {
	mu   sync.Mutex
	list []int
}

// TestBuggySliceHandedOut returns the slice itself; its elements are changed
// in place.
func TestBuggySliceHandedOut(t *testing.T) {
	q := &queue{list: []int{1, 2}}
	all := func() []int {
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.list
	}
	both(func() {
		q.mu.Lock()
		q.list[0] = 3
		q.mu.Unlock()
	}, func() { _ = all()[0] + 1 })
}

// TestRepairedSliceHandedOut returns a copy.
func TestRepairedSliceHandedOut(t *testing.T) {
	q := &queue{list: []int{1, 2}}
	all := func() []int {
		q.mu.Lock()
		defer q.mu.Unlock()
		return slices.Clone(q.list)
	}
	both(func() {
		q.mu.Lock()
		q.list[0] = 3
		q.mu.Unlock()
	}, func() { _ = all()[0] + 1 })
}

// TestBuggySliceHeader replaces a slice, three words, while it is read. What
// was read is not used: it may be longer than its array.
func TestBuggySliceHeader(t *testing.T) {
	list := []int{1}
	var seen []int
	both(func() { list = []int{1, 2, 3} }, func() { seen = list })
	_ = len(seen)
}

// TestRepairedSliceHeader hands it over a channel.
func TestRepairedSliceHeader(t *testing.T) {
	lists := make(chan []int, 1)
	var seen []int
	both(func() { lists <- []int{1, 2, 3} }, func() { seen = append(seen, <-lists...) })
	if len(seen) != 3 {
		t.Error(seen)
	}
}

func double(part []int) {
	for i := range part {
		part[i] *= 2
	}
}

// TestBuggyParts has two workers whose parts overlap by one.
func TestBuggyParts(t *testing.T) {
	list := make([]int, 4)
	both(func() { double(list[:3]) }, func() { double(list[2:]) })
}

// TestRepairedParts has parts that meet but do not overlap.
func TestRepairedParts(t *testing.T) {
	list := []int{1, 1, 1, 1}
	both(func() { double(list[:2]) }, func() { double(list[2:]) })
	if !slices.Equal(list, []int{2, 2, 2, 2}) {
		t.Error(list)
	}
}

// TestBuggyOldLength takes the length under one lock and the element under the
// next.
func TestBuggyOldLength(t *testing.T) {
	q := &queue{list: []int{1, 2}}
	length := func() int {
		q.mu.Lock()
		defer q.mu.Unlock()
		return len(q.list)
	}
	both(func() {
		q.mu.Lock()
		q.list = q.list[:1]
		q.mu.Unlock()
	}, func() {
		n := length()
		q.mu.Lock()
		defer q.mu.Unlock()
		_ = q.list[n-1]
	})
}

// TestRepairedOldLength takes both under one lock.
func TestRepairedOldLength(t *testing.T) {
	q := &queue{list: []int{1, 2}}
	both(func() {
		q.mu.Lock()
		q.list = q.list[:1]
		q.mu.Unlock()
	}, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		_ = q.list[len(q.list)-1]
	})
}
