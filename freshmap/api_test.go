package freshmap_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ghostread/ghostread/freshmap"
)

type words = freshmap.Map[string, int]

// TestMethods is the meaning of each method for one goroutine. Every row runs
// on a zero Map and on one from New.
func TestMethods(t *testing.T) {
	answer := func(v int, op freshmap.Op) func(int, bool) (int, freshmap.Op) {
		return func(int, bool) (int, freshmap.Op) { return v, op }
	}
	one := map[string]int{"a": 1}
	two := map[string]int{"a": 1, "b": 2}
	none := map[string]int{}
	tests := []struct {
		name   string
		before map[string]int
		call   func(m *words) string
		want   string
		after  map[string]int
	}{
		{"Load of a key that is there", one, func(m *words) string { return fmt.Sprint(m.Load("a")) }, "1 true", one},
		{"Load of a key that is not there", one, func(m *words) string { return fmt.Sprint(m.Load("b")) }, "0 false", one},
		{"Load from an empty map", none, func(m *words) string { return fmt.Sprint(m.Load("a")) }, "0 false", none},
		{"Store adds", one, func(m *words) string { m.Store("b", 2); return "" }, "", two},
		{"Store overwrites", two, func(m *words) string { m.Store("b", 3); return "" }, "", map[string]int{"a": 1, "b": 3}},
		{"Store of the zero key and value", none, func(m *words) string { m.Store("", 0); return fmt.Sprint(m.Load("")) }, "0 true", map[string]int{"": 0}},
		{"LoadOrStore loads", one, func(m *words) string { return fmt.Sprint(m.LoadOrStore("a", 7)) }, "1 true", one},
		{"LoadOrStore stores", one, func(m *words) string { return fmt.Sprint(m.LoadOrStore("b", 2)) }, "2 false", two},
		{"LoadOrCompute loads and does not call", one, func(m *words) string {
			return fmt.Sprint(m.LoadOrCompute("a", func() int { panic("called") }))
		}, "1 true", one},
		{"LoadOrCompute stores what it is told", one, func(m *words) string {
			return fmt.Sprint(m.LoadOrCompute("b", func() int { return 2 }))
		}, "2 false", two},
		{"LoadOrCompute without a function loads", one, func(m *words) string { return fmt.Sprint(m.LoadOrCompute("a", nil)) }, "1 true", one},
		{"LoadAndStore of a key that is there", one, func(m *words) string { return fmt.Sprint(m.LoadAndStore("a", 7)) }, "1 true", map[string]int{"a": 7}},
		{"LoadAndStore of a key that is not there", one, func(m *words) string { return fmt.Sprint(m.LoadAndStore("b", 2)) }, "0 false", two},
		{"LoadAndDelete of a key that is there", two, func(m *words) string { return fmt.Sprint(m.LoadAndDelete("b")) }, "2 true", one},
		{"LoadAndDelete of a key that is not there", one, func(m *words) string { return fmt.Sprint(m.LoadAndDelete("b")) }, "0 false", one},
		{"LoadAndDelete from an empty map", none, func(m *words) string { return fmt.Sprint(m.LoadAndDelete("b")) }, "0 false", none},
		{"Delete", two, func(m *words) string { m.Delete("b"); m.Delete("b"); return "" }, "", one},
		{"Compute keeps what is there", one, func(m *words) string { return fmt.Sprint(m.Compute("a", answer(7, freshmap.Keep))) }, "1 true", one},
		{"Compute keeps what is not there", one, func(m *words) string { return fmt.Sprint(m.Compute("b", answer(7, freshmap.Keep))) }, "0 false", one},
		{"Compute sets what is there", one, func(m *words) string { return fmt.Sprint(m.Compute("a", answer(7, freshmap.Set))) }, "7 true", map[string]int{"a": 7}},
		{"Compute sets what is not there", one, func(m *words) string { return fmt.Sprint(m.Compute("b", answer(2, freshmap.Set))) }, "2 true", two},
		{"Compute removes what is there", two, func(m *words) string { return fmt.Sprint(m.Compute("b", answer(7, freshmap.Remove))) }, "0 false", one},
		{"Compute removes what is not there", one, func(m *words) string { return fmt.Sprint(m.Compute("b", answer(7, freshmap.Remove))) }, "0 false", one},
		{"Compute is told what is there", one, func(m *words) (s string) {
			m.Compute("a", func(old int, loaded bool) (int, freshmap.Op) { s = fmt.Sprint(old, loaded); return 0, freshmap.Keep })
			return s
		}, "1 true", one},
		{"Compute is told what is not there", one, func(m *words) (s string) {
			m.Compute("b", func(old int, loaded bool) (int, freshmap.Op) { s = fmt.Sprint(old, loaded); return 0, freshmap.Keep })
			return s
		}, "0 false", one},
		{"CompareAndSwap with the value", one, func(m *words) string { return fmt.Sprint(m.CompareAndSwap("a", 1, 7)) }, "true", map[string]int{"a": 7}},
		{"CompareAndSwap with another value", one, func(m *words) string { return fmt.Sprint(m.CompareAndSwap("a", 2, 7)) }, "false", one},
		{"CompareAndSwap of a key that is not there", one, func(m *words) string { return fmt.Sprint(m.CompareAndSwap("b", 0, 7)) }, "false", one},
		{"CompareAndDelete with the value", two, func(m *words) string { return fmt.Sprint(m.CompareAndDelete("b", 2)) }, "true", one},
		{"CompareAndDelete with another value", two, func(m *words) string { return fmt.Sprint(m.CompareAndDelete("b", 1)) }, "false", two},
		{"CompareAndDelete of a key that is not there", one, func(m *words) string { return fmt.Sprint(m.CompareAndDelete("b", 0)) }, "false", one},
		{"Clear", two, func(m *words) string { m.Clear(); return "" }, "", none},
		{"Clear of an empty map", none, func(m *words) string { m.Clear(); return "" }, "", none},
		{"Wipe", two, func(m *words) string { m.Wipe(); return fmt.Sprint(m.Migrating()) }, "false", none},
		{"Wipe of an empty map", none, func(m *words) string { m.Wipe(); return fmt.Sprint(m.Migrating()) }, "false", none},
		{"Grow", one, func(m *words) string { m.Grow(1000); m.Grow(0); m.Grow(-5); return fmt.Sprint(m.Stats().Slots >= 1001) }, "true", one},
		{"Grow of an empty map", none, func(m *words) string { m.Grow(1000); return fmt.Sprint(m.Stats().Slots >= 1000) }, "true", none},
		{"Shrink", one, func(m *words) string { m.Grow(1000); m.Shrink(); return fmt.Sprint(m.Stats().Slots < 500) }, "true", one},
		{"Shrink of an empty map", none, func(m *words) string { m.Shrink(); return "" }, "", none},
		{"Step without work", none, func(m *words) string { return fmt.Sprint(m.Step(), m.Migrating()) }, "false false", none},
		{"Fence without work", one, func(m *words) string { return fmt.Sprint(m.Fence(context.Background())) }, "<nil>", one},
		{"Stats of an empty map", none, func(m *words) string { s := m.Stats(); return fmt.Sprint(s.Entries, s.Pending, s.Snapshots) }, "0 0 0", none},
		{"Range of an empty map", none, func(m *words) string {
			m.Range(func(string, int) bool { panic("called") })
			for range m.All() {
				panic("called")
			}
			return ""
		}, "", none},
		{"Range without a function over an empty map", none, func(m *words) string { m.Range(nil); return "" }, "", none},
		{"Range stops when it is told to", two, func(m *words) string {
			n := 0
			m.Range(func(string, int) bool { n++; return false })
			return fmt.Sprint(n)
		}, "1", two},
		{"All, Keys, Values", two, func(m *words) string {
			return fmt.Sprint(maps.Collect(m.All()), slices.Sorted(m.Keys()), slices.Sorted(m.Values()))
		}, "map[a:1 b:2] [a b] [1 2]", two},
		{"iterators can be used twice", two, func(m *words) string {
			all := m.All()
			a := maps.Collect(all)
			m.Store("c", 3)
			return fmt.Sprint(a, maps.Collect(all))
		}, "map[a:1 b:2] map[a:1 b:2 c:3]", map[string]int{"a": 1, "b": 2, "c": 3}},
		{"Snapshot", two, func(m *words) string {
			s := m.Snapshot()
			defer s.Close()
			m.Store("a", 9)
			m.Delete("b")
			m.Store("c", 3)
			v, ok := s.Load("a")
			_, absent := s.Load("c")
			return fmt.Sprint(v, ok, absent, s.Len(), maps.Collect(s.All()), slices.Sorted(s.Keys()), slices.Sorted(s.Values()))
		}, "1 true false 2 map[a:1 b:2] [a b] [1 2]", map[string]int{"a": 9, "c": 3}},
		{"Snapshot survives Clear", two, func(m *words) string {
			s := m.Snapshot()
			defer s.Close()
			m.Clear()
			m.Wipe()
			return fmt.Sprint(maps.Collect(s.All()))
		}, "map[a:1 b:2]", none},
		{"Snapshot of an empty map", none, func(m *words) string {
			s := m.Snapshot()
			m.Store("a", 1)
			_, ok := s.Load("a")
			n := s.Len()
			s.Close()
			s.Close()
			return fmt.Sprint(n, ok)
		}, "0 false", one},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, m := range []*words{new(words), freshmap.New[string, int]()} {
				for k, v := range tt.before {
					m.Store(k, v)
				}
				if got := tt.call(m); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if got := maps.Collect(m.All()); !maps.Equal(got, tt.after) {
					t.Errorf("got map %v afterwards, want %v", got, tt.after)
				}
				if got := m.Len(); got != len(tt.after) {
					t.Errorf("Len() afterwards: got %d, want %d", got, len(tt.after))
				}
			}
		})
	}
}

// TestNilFunctions calls back into nothing: a panic like any other, after
// which the map can be used.
func TestNilFunctions(t *testing.T) {
	m := new(words)
	m.Store("a", 1)
	for name, f := range map[string]func(){
		"LoadOrCompute": func() { m.LoadOrCompute("b", nil) },
		"Compute":       func() { m.Compute("a", nil) },
		"Range":         func() { m.Range(nil) },
	} {
		if e, ok := catch(f).(runtime.Error); !ok || !strings.Contains(e.Error(), "nil pointer") {
			t.Errorf("%s(nil): got panic %v, want a nil dereference", name, e)
		}
	}
	for range 100 {
		m.Store("a", 2)
		m.Store("b", 2)
	}
	if got := maps.Collect(m.All()); !maps.Equal(got, map[string]int{"a": 2, "b": 2}) {
		t.Errorf("got map %v afterwards, want map[a:2 b:2]", got)
	}
}

// TestPanicInCallback panics where the stripe of the key is locked.
func TestPanicInCallback(t *testing.T) {
	m := new(freshmap.Map[int, int])
	for i := range 1000 {
		boom := func() { panic("boom") }
		if got := catch(func() { m.LoadOrCompute(i, func() int { boom(); return 0 }) }); got != "boom" {
			t.Fatalf("LoadOrCompute(%d): got panic %v, want boom", i, got)
		}
		if got := catch(func() { m.Compute(i, func(int, bool) (int, freshmap.Op) { boom(); return 0, freshmap.Set }) }); got != "boom" {
			t.Fatalf("Compute(%d): got panic %v, want boom", i, got)
		}
		if v, ok := m.Load(i); ok {
			t.Fatalf("Load(%d): got %d, want nothing: the functions panicked", i, v)
		}
		m.Store(i, i)
	}
	if got := m.Len(); got != 1000 {
		t.Errorf("Len(): got %d, want 1000", got)
	}
}

// TestGoexitInCallback leaves a callback without a panic and without an
// answer, as t.FailNow does.
func TestGoexitInCallback(t *testing.T) {
	m := new(words)
	for range 2 {
		var wg sync.WaitGroup
		wg.Go(func() {
			m.Compute("a", func(int, bool) (int, freshmap.Op) { runtime.Goexit(); return 1, freshmap.Set })
		})
		wg.Wait()
	}
	m.Store("a", 1)
	if v, ok := m.Load("a"); v != 1 || !ok {
		t.Errorf("Load: got %d %t, want 1 true", v, ok)
	}
}

// TestLoadOrComputeOnce has many goroutines compute one key.
func TestLoadOrComputeOnce(t *testing.T) {
	for range 200 {
		m := new(words)
		var calls int // written by one of them only: the race detector watches
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if v, _ := m.LoadOrCompute("a", func() int { calls++; return calls }); v != 1 {
					t.Errorf("LoadOrCompute: got %d, want 1", v)
				}
			})
		}
		wg.Wait()
		if calls != 1 {
			t.Fatalf("LoadOrCompute: got %d calls, want 1", calls)
		}
	}
}

// TestUncomparableValues is what sync.Map does with them: a type that can
// never be compared panics, and an interface panics when the comparison does.
func TestUncomparableValues(t *testing.T) {
	f := func() {}
	for _, present := range []bool{false, true} {
		m := new(freshmap.Map[int, func()])
		var peer sync.Map
		if present {
			m.Store(1, f)
			peer.Store(1, f)
		}
		for name, call := range map[string]func(){
			"CompareAndSwap":   func() { m.CompareAndSwap(1, f, f) },
			"CompareAndDelete": func() { m.CompareAndDelete(1, f) },
		} {
			if catch(call) == nil {
				t.Errorf("%s of functions, key present: %t: got no panic, want one", name, present)
			}
		}
		m.Store(1, f) // no lock stayed held
	}
	absent := struct{}{}
	tests := []struct {
		name      string
		have, old any
	}{
		{"same type, uncomparable", []int{1}, []int{1}},
		{"uncomparable inside", [1]any{[]int{1}}, [1]any{[]int{1}}},
		{"other type", []int{1}, 1},
		{"old uncomparable, other type", 1, []int{1}},
		{"old uncomparable, absent", absent, []int{1}},
		{"equal", 1, 1},
		{"nil", nil, nil},
		{"NaN", math.NaN(), math.NaN()},
		{"zeros", 0.0, math.Copysign(0, -1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, name := range []string{"CompareAndSwap", "CompareAndDelete"} {
				var m freshmap.Map[int, any]
				var peer sync.Map
				if tt.have != absent {
					m.Store(1, tt.have)
					peer.Store(1, tt.have)
				}
				var got, want bool
				var gotPanic, wantPanic any
				if name == "CompareAndSwap" {
					gotPanic = catch(func() { got = m.CompareAndSwap(1, tt.old, 2) })
					wantPanic = catch(func() { want = peer.CompareAndSwap(1, tt.old, 2) })
				} else {
					gotPanic = catch(func() { got = m.CompareAndDelete(1, tt.old) })
					wantPanic = catch(func() { want = peer.CompareAndDelete(1, tt.old) })
				}
				if got != want || (gotPanic == nil) != (wantPanic == nil) {
					t.Errorf("%s(%v is there, old %v): got %t, panic %v; sync.Map has %t, panic %v", name, tt.have, tt.old, got, gotPanic, want, wantPanic)
				}
				m.Store(1, 1) // no lock stayed held
			}
		})
	}
}

// TestFloatValues compares values as == does, not by their bits.
func TestFloatValues(t *testing.T) {
	var m freshmap.Map[int, float64]
	m.Store(1, math.Copysign(0, -1))
	if !m.CompareAndSwap(1, 0, math.NaN()) {
		t.Error("CompareAndSwap(-0 is there, old +0): got false, want true")
	}
	if m.CompareAndSwap(1, math.NaN(), 1) {
		t.Error("CompareAndSwap(NaN is there, old NaN): got true, want false")
	}
}

// TestStrangeKeys stores keys that are not equal to themselves, or equal to
// keys of other bits.
func TestStrangeKeys(t *testing.T) {
	var m freshmap.Map[float64, int]
	m.Store(0, 1)
	m.Store(math.Copysign(0, -1), 2)
	if v, ok := m.Load(0); v != 2 || !ok || m.Len() != 1 {
		t.Errorf("Load(+0) after Store(-0): got %d %t of %d entries, want 2 true of 1", v, ok, m.Len())
	}
	for range 300 {
		m.Store(math.NaN(), 3)
	}
	if _, ok := m.Load(math.NaN()); ok {
		t.Error("Load(NaN): got true, want false")
	}
	m.Delete(math.NaN())
	if got := m.Len(); got != 301 {
		t.Errorf("Len() with 300 NaN: got %d, want 301", got)
	}
	m.Clear()
	if got := m.Len(); got != 0 {
		t.Errorf("Len() after Clear: got %d, want 0", got)
	}
}

// TestUnhashableKeyWithOwnHasher has a hasher that does not panic where == on
// keys does: no lock may stay held.
func TestUnhashableKeyWithOwnHasher(t *testing.T) {
	m := freshmap.New[any, int](freshmap.WithHasher(func(any) uint64 { return 1 }))
	for range 3 {
		if catch(func() { m.Store([]int{1}, 1) }) == nil {
			t.Error("Store([]int): got no panic, want one")
		}
		if catch(func() { m.Compute([]int{1}, nil) }) == nil {
			t.Error("Compute([]int): got no panic, want one")
		}
	}
	m.Store(1, 2)
	if v, ok := m.Load(1); v != 2 || !ok {
		t.Errorf("Load(1): got %d %t, want 2 true", v, ok)
	}
}

// TestOptions gives New what it cannot use, and what makes no difference.
func TestOptions(t *testing.T) {
	hasher := freshmap.WithHasher(func(string) uint64 { return 0 })
	if got := catch(func() { freshmap.New[int, int](hasher) }); got == nil || !strings.Contains(fmt.Sprint(got), "int") {
		t.Errorf("New[int, int](WithHasher for string): got panic %v, want one that names the types", got)
	}
	m := freshmap.New[string, int](hasher, freshmap.WithCapacity(-1), freshmap.WithShrink(freshmap.ShrinkNever), freshmap.WithObserver(nil))
	for i := range 1000 {
		m.Store(fmt.Sprint(i), i)
	}
	if got := m.Len(); got != 1000 {
		t.Errorf("Len(): got %d, want 1000", got)
	}
}

// TestFenceContext ends a Fence by its context.
func TestFenceContext(t *testing.T) {
	m := freshmap.New[int, int](freshmap.WithManualSteps())
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for i := range 1000 {
		m.Store(i, i)
	}
	if !m.Migrating() {
		t.Fatal("Migrating() after 1000 stores with manual steps: got false, want true")
	}
	if err := m.Fence(ctx); !errors.Is(err, cause) && !errors.Is(err, context.Canceled) {
		t.Errorf("Fence(cancelled): got %v, want the cause or %v", err, context.Canceled)
	}
	if err := m.Fence(t.Context()); err != nil || m.Migrating() {
		t.Errorf("Fence(): got %v, still migrating: %t; want neither", err, m.Migrating())
	}
}

// float returns both zeros, infinities and NaN among ordinary numbers.
func float(i uint16) float64 {
	switch i % 32 {
	case 0:
		return math.Copysign(0, -1)
	case 1:
		return 0
	case 2:
		return math.NaN()
	case 3:
		return math.Inf(1)
	}
	return float64(i) / 3
}

// anyKey returns keys of many types, some of which no map takes.
func anyKey(i uint16) any {
	switch i % 16 {
	case 0:
		return nil
	case 1:
		return text(i)
	case 2:
		return float(i)
	case 3:
		return pair{int(i), "p"}
	case 4:
		return &places[i]
	case 5:
		return [2]any{int(i), text(i)}
	case 6:
		return uint8(i)
	case 7:
		return struct{}{}
	case 13:
		return []int{int(i)}
	case 14:
		return [2]any{1, func() {}}
	case 15:
		return struct{ m map[int]int }{}
	}
	return int(i)
}

// anyValue returns values of many types, some of which cannot be compared.
func anyValue(i uint8) any {
	switch i % 8 {
	case 0:
		return nil
	case 1:
		return text(i)
	case 2:
		return math.NaN()
	case 3:
		return []int{int(i)}
	case 4:
		return &places[i]
	}
	return int(i)
}

func sameAny(a, b any) bool {
	switch a := a.(type) {
	case []int:
		b, ok := b.([]int)
		return ok && slices.Equal(a, b)
	case float64:
		b, ok := b.(float64)
		return ok && math.Float64bits(a) == math.Float64bits(b)
	}
	return a == b
}

// TestBadHasher stores far more entries than the hash tells apart.
func TestBadHasher(t *testing.T) {
	for _, h := range hashers {
		if h.bend == nil {
			continue
		}
		t.Run(h.name, func(t *testing.T) {
			const n = 2000
			m := freshmap.New[int, int](freshmap.WithHasher(func(k int) uint64 { return h.bend(uint64(k)) }))
			for round := range 2 {
				for i := range n {
					m.Store(i, i+round)
				}
				for i := range n {
					if got, ok := m.Load(i); !ok || got != i+round {
						t.Fatalf("round %d: Load(%d): got %d %t, want %d true", round, i, got, ok, i+round)
					}
				}
				if got, ok := m.Load(n); ok {
					t.Fatalf("round %d: Load(%d): got %d, want nothing", round, n, got)
				}
				if got := m.Len(); got != n {
					t.Fatalf("round %d: Len(): got %d, want %d", round, got, n)
				}
				for i := range n {
					if got, ok := m.LoadAndDelete(i); !ok || got != i+round {
						t.Fatalf("round %d: LoadAndDelete(%d): got %d %t, want %d true", round, i, got, ok, i+round)
					}
				}
				m.Shrink()
				if err := m.Fence(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := m.Len(); got != 0 {
					t.Fatalf("round %d: Len() after deleting everything: got %d, want 0", round, got)
				}
			}
		})
	}
}
