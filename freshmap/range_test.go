package freshmap_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ghostread/ghostread/freshmap"
)

// TestRangeIsLinearizableByKey ranges over a map while every other operation
// runs, Clear among them: what it shows or does not show of a key must have
// been so at some moment during the call.
func TestRangeIsLinearizableByKey(t *testing.T) {
	p := shortPlan(plan{workers: 4, rounds: 40, ops: 1000, clear: true, ranges: true, fillers: 300})
	t.Run("int int", func(t *testing.T) { record(t, intInt, p) })
	t.Run("string padded", func(t *testing.T) { record(t, stringPadded, p) })
	t.Run("boxed wide", func(t *testing.T) { record(t, boxedWide, p) })
	t.Run("int int, colliding hashes", func(t *testing.T) {
		record(t, intInt, p, freshmap.WithHasher(func(k int) uint64 { return uint64(k % 3) }))
	})
}

// ticker is a key that stays, with a value that its only writer counts up. The
// values that it had during a call lie between what was done before the call
// and what had begun after it.
type ticker struct{ began, done atomic.Int64 }

// TestRange has keys that stay, with values that change, between others that
// come and go while the map grows and shrinks. Each call must visit each key
// that stays once, with a value of the time of the call, and no key twice.
func TestRange(t *testing.T) {
	t.Run("int int", func(t *testing.T) { rangeVisitsWhatStays(t, intInt, 400, 2000) })
	t.Run("int int, few", func(t *testing.T) { rangeVisitsWhatStays(t, intInt, 5, 100) })
	t.Run("string int", func(t *testing.T) { rangeVisitsWhatStays(t, stringInt, 400, 2000) })
	t.Run("boxed wide", func(t *testing.T) { rangeVisitsWhatStays(t, boxedWide, 400, 2000) })
	t.Run("int big", func(t *testing.T) { rangeVisitsWhatStays(t, intBig, 400, 2000) })
}

func rangeVisitsWhatStays[K, V comparable](t *testing.T, s shape[K, V], stays, passes int) {
	seed := historySeed(t)
	m := freshmap.New[K, V]()
	tickers := make([]ticker, stays)
	for i := range tickers {
		m.Store(s.key(i), s.make(1))
		tickers[i].began.Store(1)
		tickers[i].done.Store(1)
	}
	index := make(map[K]int)
	for i := range stays + passes {
		index[s.key(i)] = i
	}
	var stop atomic.Bool
	var running sync.WaitGroup
	running.Go(func() {
		rng := rand.New(rand.NewPCG(seed, 1))
		for n := int64(2); !stop.Load(); n++ {
			i := rng.IntN(stays)
			tickers[i].began.Store(n)
			m.Store(s.key(i), s.make(n))
			tickers[i].done.Store(n)
		}
	})
	running.Go(func() {
		rng := rand.New(rand.NewPCG(seed, 2))
		for !stop.Load() {
			n := rng.IntN(passes)
			for i := range n {
				m.Store(s.key(stays+i), s.make(1))
			}
			snap := m.Snapshot()
			if rng.IntN(4) == 0 {
				m.Grow(passes)
			}
			for i := range n {
				m.Delete(s.key(stays + i))
			}
			if rng.IntN(2) == 0 {
				m.Shrink()
			}
			snap.Close()
		}
	})

	calls := 600
	if testing.Short() {
		calls = 60
	}
	from := make([]int64, stays)
	for call := range calls {
		for i := range tickers {
			from[i] = tickers[i].done.Load()
		}
		visits := make([]int, stays+passes)
		values := make([]int64, stays)
		visit := func(k K, v V) bool {
			i, ok := index[k]
			if !ok {
				t.Errorf("Range: got key %v, which nobody stored", k)
				return false
			}
			visits[i]++
			if i < stays {
				values[i] = s.id(v)
			}
			return true
		}
		switch call % 3 {
		case 0:
			m.Range(visit)
		case 1:
			for k, v := range m.All() {
				visit(k, v)
			}
		case 2: // the values are looked up
			for k := range m.Keys() {
				if v, ok := m.Load(k); ok || index[k] < stays {
					visit(k, v)
				}
			}
		}
		for i, n := range visits {
			if i < stays && n != 1 || n > 1 {
				t.Errorf("Range visited key %d %d times, want once (it stays: %t)", i, n, i < stays)
			}
		}
		for i, v := range values {
			if most := tickers[i].began.Load(); v < from[i] || v > most {
				t.Errorf("Range: got value %d for key %d, which had values from %d to %d during the call", v, i, from[i], most)
			}
		}
		if t.Failed() {
			break
		}
	}
	stop.Store(true)
	running.Wait()
}

// TestRangeWhileKeysWander has keys of one hash, which lie wherever there was
// room when they were stored. Another key takes the slot of one that was deleted,
// so that a key may come back behind the place where Range has just been.
func TestRangeWhileKeysWander(t *testing.T) {
	const keys = 40
	m := freshmap.New[int, int](freshmap.WithHasher(func(int) uint64 { return 1 }))
	rng := rand.New(rand.NewPCG(historySeed(t), 0))
	for i := range keys {
		m.Store(i, i)
	}
	const stays = 3 // the first keys
	var stop atomic.Bool
	var writing sync.WaitGroup
	writing.Go(func() {
		out := keys - 1
		m.Delete(out)
		for !stop.Load() {
			next := stays + rng.IntN(keys-stays)
			m.Delete(next)
			m.Store(out, out)
			out = next
		}
	})
	calls := 20000
	if testing.Short() {
		calls = 2000
	}
	for range calls {
		var visits [keys]int
		m.Range(func(k, _ int) bool { visits[k]++; return true })
		for k, n := range visits {
			if n > 1 || k < stays && n == 0 {
				t.Errorf("Range visited key %d %d times, want at most once, and those below %d once", k, n, stays)
			}
		}
		if t.Failed() {
			break
		}
	}
	stop.Store(true)
	writing.Wait()
}

// rangeMap returns a map of the keys 0 to n-1 with themselves as values, with
// what it was before n keys more were deleted still to be erased.
func rangeMap(n int) *freshmap.Map[int, int] {
	m := freshmap.New[int, int]()
	for i := range 2 * n {
		m.Store(i, i)
	}
	for i := range n {
		m.Delete(n + i)
	}
	return m
}

func TestRangeIterators(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 100, 5000} {
		m := rangeMap(n)
		want := make([]int, n)
		for i := range want {
			want[i] = i
		}
		check := func(name string, got []int) {
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s of %d entries: got %d: %v", name, n, len(got), got)
			}
		}
		var ranged, all, keys, values []int
		m.Range(func(k, v int) bool {
			if k != v {
				t.Errorf("Range: got value %d for key %d, want %d", v, k, k)
			}
			ranged = append(ranged, k)
			return true
		})
		for k, v := range m.All() {
			if k != v {
				t.Errorf("All: got value %d for key %d, want %d", v, k, k)
			}
			all = append(all, k)
		}
		for k := range m.Keys() {
			keys = append(keys, k)
		}
		for v := range m.Values() {
			values = append(values, v)
		}
		check("Range", ranged)
		check("All", all)
		check("Keys", keys)
		check("Values", values)
	}
	var empty freshmap.Map[string, int]
	for k := range empty.All() {
		t.Errorf("All of the zero map: got key %q, want none", k)
	}
}

func TestRangeStops(t *testing.T) {
	m := rangeMap(500)
	for _, want := range []int{1, 2, 77, 500} {
		loops := []struct {
			name string
			run  func(func() bool)
		}{
			{"Range", func(f func() bool) { m.Range(func(int, int) bool { return f() }) }},
			{"All", func(f func() bool) {
				for range m.All() {
					if !f() {
						break
					}
				}
			}},
			{"Keys", func(f func() bool) {
				for range m.Keys() {
					if !f() {
						break
					}
				}
			}},
			{"Values", func(f func() bool) {
				for range m.Values() {
					if !f() {
						break
					}
				}
			}},
		}
		for _, l := range loops {
			got := 0
			l.run(func() bool { got++; return got < want })
			if got != want {
				t.Errorf("%s, stopped at call %d: got %d calls", l.name, want, got)
			}
		}
	}
	// Neither has left a lock behind.
	for i := range 1000 {
		m.Store(i, i)
	}
}

// TestRangeNested uses the map from the function that Range calls.
func TestRangeNested(t *testing.T) {
	const n = 600
	// once fails if a key is visited twice, or one of the first n is not
	// visited though it should be.
	once := func(t *testing.T, m *freshmap.Map[int, int], all bool, f func(k, call int)) {
		t.Helper()
		visits := make(map[int]int)
		call := 0
		m.Range(func(k, _ int) bool {
			visits[k]++
			if visits[k] > 1 {
				t.Errorf("Range visited key %d twice, want once", k)
			}
			f(k, call)
			call++
			return call < 100*n // new keys must not keep it going for ever
		})
		for k := range n {
			if all && visits[k] != 1 {
				t.Errorf("Range visited key %d %d times, want once", k, visits[k])
			}
		}
	}
	tests := []struct {
		name  string
		all   bool // every key stays until it is visited
		left  int  // Len afterwards, -1 if it may be anything
		visit func(m *freshmap.Map[int, int], k, call int)
	}{
		{"loads", true, n, func(m *freshmap.Map[int, int], k, _ int) {
			if v, ok := m.Load(k); !ok || v != k {
				panic(fmt.Sprintf("Load(%d) = %d, %t, want %d, true", k, v, ok, k))
			}
		}},
		{"overwrites", true, n, func(m *freshmap.Map[int, int], k, call int) {
			m.Store((k+call)%n, call)
			m.Compute(k, func(int, bool) (int, freshmap.Op) { return -1, freshmap.Set })
		}},
		{"deletes what it has seen", true, 0, func(m *freshmap.Map[int, int], k, _ int) { m.Delete(k) }},
		{"adds keys", true, -1, func(m *freshmap.Map[int, int], k, call int) {
			for i := range 5 {
				if call < n {
					m.Store(n+5*call+i, k)
				}
			}
		}},
		{"grows", true, n, func(m *freshmap.Map[int, int], _, call int) {
			if call%100 == 0 {
				m.Grow(20 * n)
			}
		}},
		{"shrinks", true, n, func(m *freshmap.Map[int, int], _, call int) {
			if call%100 == 50 {
				m.Shrink()
			}
			if call%100 == 0 {
				m.Grow(2 * n)
			}
		}},
		{"takes snapshots", true, n, func(m *freshmap.Map[int, int], k, call int) {
			s := m.Snapshot()
			m.Store(k, call)
			if call%50 == 0 {
				s.Close()
			}
		}},
		{"ranges", true, n, func(m *freshmap.Map[int, int], _, call int) {
			got := 0
			if call%60 == 0 {
				for range m.All() {
					got++
				}
				if got != n {
					panic(fmt.Sprintf("All within Range: got %d entries, want %d", got, n))
				}
			}
		}},
		{"clears", false, 0, func(m *freshmap.Map[int, int], _, call int) {
			if call == 5 {
				m.Clear()
			}
		}},
		{"clears and stores again", false, n, func(m *freshmap.Map[int, int], _, call int) {
			if call%100 == 5 {
				m.Clear()
				for i := range n {
					m.Store(i, i)
				}
			}
		}},
		{"wipes", false, 0, func(m *freshmap.Map[int, int], _, call int) {
			if call == 5 {
				m.Wipe()
			}
		}},
		{"counts", true, n, func(m *freshmap.Map[int, int], _, _ int) {
			if got := m.Len(); got != n {
				panic(fmt.Sprintf("Len() = %d, want %d", got, n))
			}
			m.Stats()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := rangeMap(n)
			once(t, m, tt.all, func(k, call int) { tt.visit(m, k, call) })
			if got := m.Len(); tt.left >= 0 && got != tt.left {
				t.Errorf("Len() = %d after Range, want %d", got, tt.left)
			}
		})
	}
}

// A panic in the loop leaves nothing behind.
func TestRangePanics(t *testing.T) {
	m := rangeMap(300)
	for range 3 {
		func() {
			defer func() {
				if got := recover(); got != "stop" {
					t.Errorf("recover() = %v, want stop", got)
				}
			}()
			m.Range(func(k, _ int) bool { panic("stop") })
		}()
	}
	for i := range 300 {
		m.Delete(i)
	}
	if got := m.Len(); got != 0 {
		t.Errorf("Len() = %d, want 0", got)
	}
}
