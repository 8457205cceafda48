package freshmap_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ghostread/ghostread/freshmap"
)

// agrees compares a snapshot, in every way of reading it, with a model. Keys
// that the model lacks are looked up as well.
func agrees[K, V comparable](s *freshmap.Snapshot[K, V], model map[K]V, absent ...K) error {
	seen := make(map[K]V)
	for k, v := range s.All() {
		if _, ok := seen[k]; ok {
			return fmt.Errorf("All: got key %v twice, want once", k)
		}
		if want, ok := model[k]; !ok || v != want {
			return fmt.Errorf("All: got %v for key %v, want %v, %t", v, k, want, ok)
		}
		seen[k] = v
	}
	if len(seen) != len(model) {
		return fmt.Errorf("All: got %d keys, want %d", len(seen), len(model))
	}
	if got := s.Len(); got != len(model) {
		return fmt.Errorf("Len() = %d, want %d", got, len(model))
	}
	for k, want := range model {
		if got, ok := s.Load(k); !ok || got != want {
			return fmt.Errorf("Load(%v) = %v, %t, want %v, true", k, got, ok, want)
		}
	}
	for _, k := range absent {
		if _, ok := model[k]; !ok {
			if got, ok := s.Load(k); ok || got != *new(V) {
				return fmt.Errorf("Load(%v) = %v, %t, want nothing", k, got, ok)
			}
		}
	}
	keys := 0
	for k := range s.Keys() {
		keys++
		if _, ok := model[k]; !ok {
			return fmt.Errorf("Keys: got %v, want no such key", k)
		}
	}
	values, want := make(map[V]int), make(map[V]int)
	for v := range s.Values() {
		values[v]++
	}
	for _, v := range model {
		want[v]++
	}
	if keys != len(model) || !maps.Equal(values, want) {
		return fmt.Errorf("Keys and Values: got %d keys and %d different values, want %d and %d", keys, len(values), len(model), len(want))
	}
	return nil
}

// TestSnapshotStays takes snapshots of maps that nobody else uses, compares
// them with models, and goes on comparing while everything in the map changes.
func TestSnapshotStays(t *testing.T) {
	t.Run("int int", func(t *testing.T) { snapshotStays(t, intInt, 2000) })
	t.Run("int int, few", func(t *testing.T) { snapshotStays(t, intInt, 10) })
	t.Run("int int, manual steps", func(t *testing.T) { snapshotStays(t, intInt, 700, freshmap.WithManualSteps()) })
	t.Run("int int, few hashes", func(t *testing.T) {
		snapshotStays(t, intInt, 700, freshmap.WithHasher(func(k int) uint64 { return uint64(k % 5) }))
	})
	t.Run("string int", func(t *testing.T) { snapshotStays(t, stringInt, 700) })
	t.Run("pair string", func(t *testing.T) { snapshotStays(t, pairString, 700) })
	t.Run("boxed wide", func(t *testing.T) { snapshotStays(t, boxedWide, 700) })
	t.Run("int pointer", func(t *testing.T) { snapshotStays(t, intPointer, 700) })
	t.Run("int any", func(t *testing.T) { snapshotStays(t, intAny, 700) })
	t.Run("int big", func(t *testing.T) { snapshotStays(t, intBig, 700) })
}

func snapshotStays[K, V comparable](t *testing.T, s shape[K, V], n int, opts ...freshmap.Option) {
	rng := rand.New(rand.NewPCG(historySeed(t), uint64(n)))
	m := freshmap.New[K, V](opts...)
	model := make(map[K]V)
	serial := int64(1) << 41
	store := func(i int) {
		serial++
		k, v := s.key(i), s.make(serial)
		m.Store(k, v)
		model[k] = v
	}
	changes := []struct {
		name string
		f    func()
	}{
		{"stores", func() {
			for range n / 2 {
				store(rng.IntN(n))
			}
		}},
		{"one store", func() { store(rng.IntN(n)) }},
		{"deletes", func() {
			for range n / 2 {
				k := s.key(rng.IntN(n))
				m.Delete(k)
				delete(model, k)
			}
		}},
		{"overwrites", func() {
			for i := range n {
				if _, ok := model[s.key(i)]; ok {
					store(i)
				}
			}
		}},
		{"computes", func() {
			for range n / 4 {
				k := s.key(rng.IntN(n))
				serial++
				v := s.make(serial)
				got, _ := m.Compute(k, func(old V, loaded bool) (V, freshmap.Op) {
					if want, ok := model[k]; loaded != ok || old != want {
						t.Errorf("Compute(%v): callback got %v, %t, want %v, %t", k, old, loaded, want, ok)
					}
					return v, freshmap.Set
				})
				if got != v {
					t.Errorf("Compute(%v) = %v, want %v", k, got, v)
				}
				model[k] = v
			}
		}},
		{"Clear", func() { m.Clear(); clear(model) }},
		{"Grow", func() { m.Grow(2 * n) }},
		{"Shrink", func() { m.Shrink() }},
		{"Step", func() {
			for range rng.IntN(50) {
				m.Step()
			}
		}},
		{"Fence", func() {
			if err := m.Fence(context.Background()); err != nil {
				t.Errorf("Fence = %v, want nil", err)
			}
		}},
		{"nothing", func() {}},
	}
	absent := []K{s.key(n), s.key(n + 1)}
	for i := range n {
		absent = append(absent, s.key(i))
	}
	type taken struct {
		*freshmap.Snapshot[K, V]
		model map[K]V
		after []string // what was done to the map since
	}
	var open []*taken
	steps := 150
	if testing.Short() {
		steps = 20
	}
	for range steps {
		if len(open) < 5 && rng.IntN(3) > 0 {
			open = append(open, &taken{Snapshot: m.Snapshot(), model: maps.Clone(model)})
		}
		c := changes[rng.IntN(len(changes))]
		c.f()
		for _, o := range open {
			o.after = append(o.after, c.name)
			if err := agrees(o.Snapshot, o.model, absent...); err != nil {
				t.Fatalf("one of %d snapshots, after %v: %v", len(open), o.after, err)
			}
		}
		for k, want := range model {
			if got, ok := m.Load(k); !ok || got != want {
				t.Fatalf("Load(%v) = %v, %t, want %v, true, after %s with %d snapshots", k, got, ok, want, c.name, len(open))
			}
		}
		if got := m.Len(); got != len(model) {
			t.Fatalf("Len() = %d, want %d, after %s with %d snapshots", got, len(model), c.name, len(open))
		}
		if len(open) > 0 && rng.IntN(3) == 0 {
			i := rng.IntN(len(open))
			open[i].Close()
			if rng.IntN(2) == 0 {
				open[i].Close() // a second time changes nothing
			}
			open = slices.Delete(open, i, i+1)
		}
	}
	for _, o := range open {
		o.Close()
	}
	wantNothingKept(t, m)
}

// wantNothingKept fails unless a map without snapshots gives up all that it
// kept for them.
func wantNothingKept[K, V comparable](t *testing.T, m *freshmap.Map[K, V]) {
	t.Helper()
	if err := m.Fence(context.Background()); err != nil {
		t.Errorf("Fence = %v, want nil", err)
	}
	if st := m.Stats(); st.Pending != 0 || st.Snapshots != 0 || st.Kept != 0 {
		t.Errorf("Stats without snapshots = %+v, want Pending, Snapshots and Kept 0", st)
	}
}

// TestSnapshotSeesPrefix has one writer that stores keys in their order, again
// and again. What a snapshot shows must be what there was between two stores.
func TestSnapshotSeesPrefix(t *testing.T) {
	t.Run("int int", func(t *testing.T) { snapshotSeesPrefix(t, intInt) })
	t.Run("string int", func(t *testing.T) { snapshotSeesPrefix(t, stringInt) })
	t.Run("boxed wide", func(t *testing.T) { snapshotSeesPrefix(t, boxedWide) })
	t.Run("int big", func(t *testing.T) { snapshotSeesPrefix(t, intBig) })
}

func snapshotSeesPrefix[K, V comparable](t *testing.T, s shape[K, V]) {
	const n = 700
	rounds, want := int64(200), 400
	if testing.Short() {
		rounds, want = 20, 20
	}
	m := freshmap.New[K, V]()
	var writing sync.WaitGroup
	var enough atomic.Bool
	writing.Go(func() {
		for round := int64(1); round <= rounds || !enough.Load(); round++ {
			for i := range n {
				m.Store(s.key(i), s.make(round))
			}
		}
	})
	snapshots := 0
	for ; snapshots < want && !t.Failed(); snapshots++ {
		snap := m.Snapshot()
		got := make([]int64, n)
		for i := range n {
			got[i] = s.number(snap.Load(s.key(i)))
		}
		again := make(map[K]int64)
		for k, v := range snap.All() {
			again[k] = s.id(v)
		}
		if l := snap.Len(); l != len(again) {
			t.Errorf("Len() = %d, want %d, the number of keys that All shows", l, len(again))
		}
		snap.Close()
		for i, v := range got {
			if again[s.key(i)] != v {
				t.Errorf("key %d: Load got round %d, All got round %d", i, v, again[s.key(i)])
			}
			if v != got[0] && v != got[0]-1 || i > 0 && v > got[i-1] {
				t.Errorf("key %d: got round %d behind round %d, and %d for key 0: no moment was like this", i, v, got[i-1], got[0])
				break
			}
		}
	}
	enough.Store(true)
	writing.Wait()
	wantNothingKept(t, m)
}

// cutStep is what a writer of TestSnapshotIsConsistentCut stores: the number of
// the write, and the numbers it had just read from the other writers.
type cutStep struct {
	n    int64
	read [3]int64
}

// TestSnapshotIsConsistentCut has writers with keys of their own that they
// write in a fixed order, some of them by Delete. With each value they store
// what they have read of the others' keys. A snapshot must show the first
// writes of each writer, without a gap, and whatever one of them had read.
func TestSnapshotIsConsistentCut(t *testing.T) {
	const writers, width = 3, 97 // keys of each writer
	seed := historySeed(t)
	key := func(w int, n int64) int { return w*width + int(n%width) }
	deletes := func(n int64) bool { return n%5 == 0 }
	want := 800
	if testing.Short() {
		want = 80
	}

	m := freshmap.New[int, cutStep]()
	var stop atomic.Bool
	var running sync.WaitGroup
	for w := range writers {
		rng := rand.New(rand.NewPCG(seed, uint64(w)))
		running.Go(func() {
			for n := int64(1); !stop.Load(); n++ {
				v := cutStep{n: n}
				for o := range writers {
					if got, ok := m.Load(key(o, rng.Int64N(width))); ok && o != w {
						v.read[o] = got.n
					}
				}
				if deletes(n) {
					m.Delete(key(w, n))
				} else {
					m.Store(key(w, n), v)
				}
			}
		})
	}
	running.Go(func() { // others come and go, so that segments split and join
		rng := rand.New(rand.NewPCG(seed, writers))
		for !stop.Load() {
			n := rng.IntN(3000)
			for i := range n {
				m.Store(-1-i, cutStep{})
			}
			for i := range n {
				m.Delete(-1 - i)
			}
			m.Shrink()
		}
	})

	for range want {
		s := m.Snapshot()
		runtime.Gosched() // writers go on before it is read
		var values [writers][width]cutStep
		var latest [writers]int64
		for k, v := range s.All() {
			if k >= 0 {
				values[k/width][k%width] = v
				latest[k/width] = max(latest[k/width], v.n)
			}
		}
		s.Close()
		for w := range writers {
			// The last write may have been a deletion.
			last := latest[w]
			err := prefix(values[w][:], last, deletes)
			if err != nil && deletes(last+1) {
				last++
				err = prefix(values[w][:], last, deletes)
			}
			if err != nil {
				t.Errorf("snapshot of writer %d after its write %d: %v", w, last, err)
			}
			latest[w] = last
		}
		for w := range writers {
			for _, v := range values[w] {
				for o, n := range v.read {
					if n > latest[o] {
						t.Errorf("snapshot: got write %d of writer %d, which had read write %d of writer %d, but of that only %d writes", v.n, w, n, o, latest[o])
					}
				}
			}
		}
		if t.Failed() {
			break
		}
	}
	stop.Store(true)
	running.Wait()
	wantNothingKept(t, m)
}

// prefix compares the values of one writer with what its writes 1 to last
// leave.
func prefix(values []cutStep, last int64, deletes func(int64) bool) error {
	width := int64(len(values))
	for i := range width {
		n := last - (last-i+width)%width // the last write to this key
		if n <= 0 || deletes(n) {
			n = 0
		}
		if values[i].n != n {
			return fmt.Errorf("key %d: got write %d, want %d", i, values[i].n, n)
		}
	}
	return nil
}

// TestSnapshotStaysUnderWriters reads snapshots over and over while writers
// change everything.
func TestSnapshotStaysUnderWriters(t *testing.T) {
	const n = 1500
	seed := historySeed(t)
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	m := freshmap.New[string, [3]uint64]()
	for round := range rounds {
		model := make(map[string][3]uint64)
		m.Clear()
		for i := range n {
			k, v := stringInt.key(i), boxedWide.make(int64(round<<20+i))
			m.Store(k, v)
			model[k] = v
		}
		s := m.Snapshot()
		var stop atomic.Bool
		var writing, reading sync.WaitGroup
		for w := range 2 {
			rng := rand.New(rand.NewPCG(seed, uint64(round*2+w)))
			writing.Go(func() {
				for i := 0; !stop.Load(); i++ {
					k := stringInt.key(rng.IntN(2 * n))
					switch rng.IntN(3) {
					case 0:
						m.Delete(k)
					default:
						m.Store(k, boxedWide.make(int64(1<<40+i)))
					}
					if i%4000 == 3999 {
						switch rng.IntN(4) {
						case 0:
							m.Clear()
						case 1:
							m.Shrink()
						case 2:
							m.Grow(n)
						case 3:
							m.Snapshot().Close()
						}
					}
				}
			})
		}
		for range 2 {
			reading.Go(func() {
				for range 5 {
					if err := agrees(s, model, "absent", stringInt.key(n)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		reading.Wait()
		stop.Store(true)
		writing.Wait()
		s.Close()
		wantNothingKept(t, m)
	}
}

// TestSnapshotCopiesWhatIsWritten counts the segments that are copied.
func TestSnapshotCopiesWhatIsWritten(t *testing.T) {
	m := freshmap.New[int, int](freshmap.WithManualSteps())
	const n = 20000
	for i := range n {
		m.Store(i, i)
	}
	copies := func(f func()) int64 {
		before := m.Stats().Copied
		f()
		return m.Stats().Copied - before
	}
	if got := copies(func() { m.Store(1, 2) }); got != 0 {
		t.Errorf("segments copied by a store without snapshot: got %d, want 0", got)
	}
	s := m.Snapshot()
	if got := copies(func() {
		for i := range 100 {
			m.Store(7, i)
		}
	}); got != 1 {
		t.Errorf("segments copied by 100 stores of one key: got %d, want 1", got)
	}
	if got, most := copies(func() {
		for i := range n {
			m.Store(i, -i)
		}
	}), int64(m.Stats().Segments); got > most {
		t.Errorf("segments copied by storing every key: got %d, want at most %d", got, most)
	}
	if got := copies(func() {
		for i := range n {
			m.Load(i)
		}
	}); got != 0 {
		t.Errorf("segments copied by loads: got %d, want 0", got)
	}
	s.Close()
	if got := copies(func() {
		for i := range n {
			m.Store(i, i)
		}
	}); got != 0 {
		t.Errorf("segments copied by stores after Close: got %d, want 0", got)
	}
	wantNothingKept(t, m)
}

// TestSnapshotsDoNotPileUp opens and closes snapshots between writes; the
// memory in use stays what one map and one snapshot need.
func TestSnapshotsDoNotPileUp(t *testing.T) {
	const n = 10000
	m := freshmap.New[int, int]()
	heap := func() uint64 {
		var ms runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&ms)
		return ms.HeapAlloc
	}
	before := heap()
	fill := func(round int) {
		for i := range n {
			m.Store(i, round)
		}
	}
	fill(0)
	one := heap() - before
	rounds := 60
	if testing.Short() {
		rounds = 15
	}
	for round := range rounds {
		s := m.Snapshot()
		fill(round)
		s.Close()
	}
	wantNothingKept(t, m)
	if after := heap() - before; after > 3*one+1<<20 {
		t.Errorf("heap after %d snapshots: got %d bytes, want at most three times the map's %d and 1 MiB", rounds, after, one)
	}
	runtime.KeepAlive(m)
}

// TestForgottenSnapshotIsClosed drops a snapshot without closing it. How long
// the collector takes to notice is its own affair: the loop is long, and ends
// at once when it has.
func TestForgottenSnapshotIsClosed(t *testing.T) {
	m := freshmap.New[int, int]()
	for i := range 1000 {
		m.Store(i, i)
	}
	func() {
		s := m.Snapshot()
		for i := range 1000 {
			m.Store(i, -i)
		}
		if v, ok := s.Load(5); !ok || v != 5 {
			t.Errorf("Load(5) = %d, %t, want 5, true", v, ok)
		}
	}()
	for range 5000 {
		runtime.GC()
		if m.Stats().Snapshots == 0 {
			break
		}
		time.Sleep(time.Millisecond) // lets the goroutine of the cleanups run
	}
	wantNothingKept(t, m)
}

func TestSnapshotIteratorsStop(t *testing.T) {
	m := freshmap.New[int, int]()
	for i := range 300 {
		m.Store(i, i)
	}
	s := m.Snapshot()
	defer s.Close()
	all, keys, values := 0, 0, 0
	for range s.All() {
		if all++; all == 3 {
			break
		}
	}
	for range s.Keys() {
		if keys++; keys == 3 {
			break
		}
	}
	for range s.Values() {
		if values++; values == 3 {
			break
		}
	}
	if all != 3 || keys != 3 || values != 3 {
		t.Errorf("All, Keys and Values left after 3: got %d, %d, %d", all, keys, values)
	}
	for k, v := range s.All() {
		m.Delete(k) // the map may be changed meanwhile
		m.Store(k+1000, v)
	}
	if err := agrees(s, identity(300)); err != nil {
		t.Errorf("after changing the map in a loop over a snapshot: %v", err)
	}
	if got := m.Len(); got != 300 {
		t.Errorf("Len() = %d, want 300", got)
	}
}

func TestSnapshotOfEmptyMap(t *testing.T) {
	var m freshmap.Map[int, int]
	s := m.Snapshot()
	m.Store(1, 1)
	if err := agrees(s, nil, 1, 2); err != nil {
		t.Error(err)
	}
	s.Close()
	s.Close()
}

func identity(n int) map[int]int {
	model := make(map[int]int)
	for i := range n {
		model[i] = i
	}
	return model
}
