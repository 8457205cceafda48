package freshmap_test

import (
	"sync"
	"testing"

	"github.com/ghostread/ghostread/freshmap"
)

// These tests are so small that all of their schedules can be explored:
//
//	ghostread explore ./freshmap --run TestAllSchedules --strategy dpor
//
// Two goroutines make one or two operations each around one event, and what
// they may see is written down. Nothing is recorded on the way: a clock that
// all of them share would make every order of all operations another schedule.

// together runs a and b in goroutines of their own and waits for both.
func together(a, b func()) {
	var running sync.WaitGroup
	running.Go(a)
	running.Go(b)
	running.Wait()
}

func small(entries int) *freshmap.Map[int, int] {
	m := freshmap.New[int, int](freshmap.WithManualSteps())
	for i := range entries {
		m.Store(i, 10+i)
	}
	return m
}

// expect looks a key up when all is quiet; want 0 is for none.
func expect(t *testing.T, m *freshmap.Map[int, int], key, want int) {
	t.Helper()
	if v, _ := m.Load(key); v != want {
		t.Errorf("in the end %d is %d, want %d", key, v, want)
	}
}

func TestAllSchedulesLoadAndStore(t *testing.T) {
	m := small(2)
	var v, w int
	together(func() { v, _ = m.Load(0); w, _ = m.Load(0) }, func() { m.Store(0, 20) })
	if v != 10 && v != 20 || w != 20 && (w != 10 || v != 10) {
		t.Errorf("loaded %d, then %d, want 10 and then 20 for ever", v, w)
	}
	expect(t, m, 0, 20)
}

func TestAllSchedulesLoadAndDelete(t *testing.T) {
	m := small(2)
	var v, w int
	together(func() { v, _ = m.Load(0); w, _ = m.Load(1) }, func() { m.Delete(0) })
	if v != 10 && v != 0 || w != 11 {
		t.Errorf("loaded %d and of its neighbour %d, want 10 or none, and 11", v, w)
	}
	expect(t, m, 0, 0)
}

// The slot of a deleted key is taken by another one.
func TestAllSchedulesLoadAndReuse(t *testing.T) {
	m := small(1)
	var v, w int
	together(func() { v, _ = m.Load(0); w, _ = m.Load(5) }, func() { m.Delete(0); m.Store(5, 15) })
	if v != 10 && v != 0 || w != 15 && w != 0 {
		t.Errorf("loaded %d and %d, want 10 or none and 15 or none", v, w)
	}
	expect(t, m, 0, 0)
	expect(t, m, 5, 15)
}

func TestAllSchedulesStringKey(t *testing.T) {
	m := freshmap.New[string, int](freshmap.WithManualSteps())
	m.Store("a", 10)
	var v int
	together(func() { v, _ = m.Load("a") }, func() { m.Delete("a"); m.Store("a", 20) })
	if w, _ := m.Load("a"); v != 10 && v != 0 && v != 20 || w != 20 {
		t.Errorf("loaded %d, in the end %d, want 10, none or 20, and then 20", v, w)
	}
}

func TestAllSchedulesTwoStores(t *testing.T) {
	m := small(1)
	together(func() { m.Store(0, 20) }, func() { m.Store(0, 30) })
	if v, _ := m.Load(0); v != 20 && v != 30 {
		t.Errorf("in the end %d, want 20 or 30", v)
	}
}

func TestAllSchedulesLoadOrStore(t *testing.T) {
	m := small(1)
	var v, w int
	var a, b bool
	together(func() { v, a = m.LoadOrStore(5, 20) }, func() { w, b = m.LoadOrStore(5, 30) })
	if v != w || a == b || m.Len() != 2 {
		t.Errorf("got %d, loaded %t, and %d, loaded %t; %d entries; want one value, loaded once, and 2", v, a, w, b, m.Len())
	}
	expect(t, m, 5, v)
}

func TestAllSchedulesCompareAndSwap(t *testing.T) {
	m := small(1)
	var a, b bool
	together(func() { a = m.CompareAndSwap(0, 10, 20) }, func() { b = m.CompareAndSwap(0, 10, 30) })
	if a == b {
		t.Errorf("swapped: %t and %t, want one of them", a, b)
	}
	if a {
		expect(t, m, 0, 20)
	} else {
		expect(t, m, 0, 30)
	}
}

func TestAllSchedulesCompute(t *testing.T) {
	m := small(1)
	add := func() {
		m.Compute(0, func(v int, ok bool) (int, freshmap.Op) { return v + 1, freshmap.Set })
	}
	together(add, add)
	expect(t, m, 0, 12)
}

// A read while the only segment is split, and while what it leaves is erased.
func TestAllSchedulesLoadAndGrow(t *testing.T) {
	m := small(2)
	var v int
	together(func() { v, _ = m.Load(0) }, func() { m.Grow(20); m.Step() })
	if v != 10 {
		t.Errorf("loaded %d while the map grows, want 10", v)
	}
	expect(t, m, 0, 10)
	expect(t, m, 1, 11)
}

func TestAllSchedulesStoreAndGrow(t *testing.T) {
	m := small(1)
	together(func() { m.Store(0, 20) }, func() { m.Grow(20); m.Step() })
	expect(t, m, 0, 20)
}

func TestAllSchedulesClear(t *testing.T) {
	m := small(1)
	var v int
	together(func() { v, _ = m.Load(0) }, func() { m.Clear() })
	if v != 10 && v != 0 {
		t.Errorf("loaded %d while the map is cleared, want 10 or none", v)
	}
	expect(t, m, 0, 0)
}

func TestAllSchedulesLoadAndShrink(t *testing.T) {
	m := small(1)
	m.Grow(20)
	for m.Step() {
	}
	var v int
	together(func() { v, _ = m.Load(0) }, func() { m.Shrink(); m.Step() })
	if v != 10 {
		t.Errorf("loaded %d while the map shrinks, want 10", v)
	}
	expect(t, m, 0, 10)
}

// Range visits what is there all the time, once.
func TestAllSchedulesRange(t *testing.T) {
	m := small(2)
	visits := map[int]int{}
	together(func() {
		for k, v := range m.Range {
			if visits[k]++; v != 10+k && v != 20 {
				t.Errorf("visited %d with %d", k, v)
			}
		}
	}, func() { m.Store(0, 20); m.Delete(1) })
	if visits[0] != 1 || visits[1] > 1 {
		t.Errorf("visits by key: %v, want one of 0 and at most one of 1", visits)
	}
}

// A string is two words, which must not be read from two writes.
func TestAllSchedulesStringValue(t *testing.T) {
	m := freshmap.New[int, string](freshmap.WithManualSteps())
	m.Store(0, "a")
	var v string
	together(func() { v, _ = m.Load(0) }, func() { m.Store(0, "bcd") })
	if v != "a" && v != "bcd" {
		t.Errorf(`loaded %q, want "a" or "bcd"`, v)
	}
}

// A value of several words overwrites in place, between two buffers.
func TestAllSchedulesWideValue(t *testing.T) {
	m := freshmap.New[int, [3]uint64](freshmap.WithManualSteps())
	m.Store(0, [3]uint64{1, 1, 1})
	var v [3]uint64
	together(func() { v, _ = m.Load(0) }, func() { m.Store(0, [3]uint64{2, 2, 2}); m.Store(0, [3]uint64{3, 3, 3}) })
	if v[0] == 0 || v[0] != v[1] || v[1] != v[2] {
		t.Errorf("loaded %v, want one of three values whole", v)
	}
}
