package programs

import (
	"maps"
	"sync"
	"sync/atomic"
	"testing"
)

type register struct {
	mu sync.RWMutex
	m  map[string]int
}

func newRegister() *register { return &register{m: map[string]int{"zero": 0}} }

func (r *register) set(k string, v int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.m[k] = v
}

// TestBuggyMapWrites has two goroutines write to a map.
func TestBuggyMapWrites(t *testing.T) {
	m := map[string]int{}
	both(func() { m["a"] = 1 }, func() { m["b"] = 2 })
}

// TestRepairedMapWrites has a lock for them.
func TestRepairedMapWrites(t *testing.T) {
	r := newRegister()
	both(func() { r.set("a", 1) }, func() { r.set("b", 2) })
	if len(r.m) != 3 {
		t.Errorf("%d entries, want 3", len(r.m))
	}
}

// TestBuggyMapLen asks for the length without the lock.
func TestBuggyMapLen(t *testing.T) {
	r := newRegister()
	both(func() { r.set("a", 1) }, func() { _ = len(r.m) })
}

// TestRepairedMapLen asks under the lock.
func TestRepairedMapLen(t *testing.T) {
	r := newRegister()
	both(func() { r.set("a", 1) }, func() {
		r.mu.RLock()
		defer r.mu.RUnlock()
		_ = len(r.m)
	})
}

// TestBuggyMapRange lists the map while another goroutine inserts.
func TestBuggyMapRange(t *testing.T) {
	r := newRegister()
	both(func() { r.set("a", 1) }, func() {
		for range r.m {
		}
	})
}

// TestRepairedMapRange lists it under the lock.
func TestRepairedMapRange(t *testing.T) {
	r := newRegister()
	both(func() { r.set("a", 1) }, func() {
		r.mu.RLock()
		defer r.mu.RUnlock()
		for range r.m {
		}
	})
}

// TestBuggyFillUnderReadLock fills a cache under the lock for readers.
func TestBuggyFillUnderReadLock(t *testing.T) {
	r := newRegister()
	get := func(k string) {
		r.mu.RLock()
		defer r.mu.RUnlock()
		if _, ok := r.m[k]; !ok {
			r.m[k] = len(k)
		}
	}
	both(func() { get("a") }, func() { get("b") })
}

// TestRepairedFillUnderReadLock fills it under the lock for writers.
func TestRepairedFillUnderReadLock(t *testing.T) {
	r := newRegister()
	get := func(k string) {
		r.mu.RLock()
		_, ok := r.m[k]
		r.mu.RUnlock()
		if !ok {
			r.set(k, len(k))
		}
	}
	both(func() { get("a") }, func() { get("b") })
}

// TestBuggyMapCheckThenInsert looks under one lock and inserts under the next:
// both may find nothing.
func TestBuggyMapCheckThenInsert(t *testing.T) {
	r := newRegister()
	var made atomic.Int32
	ensure := func() {
		r.mu.RLock()
		_, ok := r.m["a"]
		r.mu.RUnlock()
		if !ok {
			made.Add(1)
			r.set("a", 1)
		}
	}
	both(ensure, ensure)
	if made.Load() != 1 {
		t.Errorf("made %d times, want 1", made.Load())
	}
}

// TestRepairedMapCheckThenInsert looks and inserts under one lock.
func TestRepairedMapCheckThenInsert(t *testing.T) {
	r := newRegister()
	made := 0
	ensure := func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if _, ok := r.m["a"]; !ok {
			made++
			r.m["a"] = 1
		}
	}
	both(ensure, ensure)
	if made != 1 {
		t.Errorf("made %d times, want 1", made)
	}
}

// TestBuggySyncMapLoadThenStore counts with two calls where one is needed.
func TestBuggySyncMapLoadThenStore(t *testing.T) {
	var m sync.Map
	var winners atomic.Int32
	claim := func() {
		if _, ok := m.Load("seat"); !ok {
			m.Store("seat", true)
			winners.Add(1)
		}
	}
	both(claim, claim)
	if winners.Load() != 1 {
		t.Errorf("%d have the seat", winners.Load())
	}
}

// TestRepairedSyncMapLoadThenStore uses LoadOrStore.
func TestRepairedSyncMapLoadThenStore(t *testing.T) {
	var m sync.Map
	var winners atomic.Int32
	claim := func() {
		if _, taken := m.LoadOrStore("seat", true); !taken {
			winners.Add(1)
		}
	}
	both(claim, claim)
	if winners.Load() != 1 {
		t.Errorf("%d have the seat", winners.Load())
	}
}

// TestBuggyMapHandedOut returns the map itself from under the lock.
func TestBuggyMapHandedOut(t *testing.T) {
	r := newRegister()
	all := func() map[string]int {
		r.mu.RLock()
		defer r.mu.RUnlock()
		return r.m
	}
	both(func() { r.set("a", 1) }, func() { _ = all()["a"] })
}

// TestRepairedMapHandedOut returns a copy.
func TestRepairedMapHandedOut(t *testing.T) {
	r := newRegister()
	all := func() map[string]int {
		r.mu.RLock()
		defer r.mu.RUnlock()
		return maps.Clone(r.m)
	}
	both(func() { r.set("a", 1) }, func() { _ = all()["a"] })
}
