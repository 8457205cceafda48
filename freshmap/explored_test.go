package freshmap_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/ghostread/ghostread/freshmap"
	"github.com/ghostread/ghostread/internal/linear"
)

// These tests are small, so that a controlled scheduler can try their
// interleavings, many thousands of them:
//
//	ghostread explore ./freshmap --run TestExplored
//
// Two or three goroutines make a few operations around one event: a split, an
// erasing step, Clear, a snapshot. Each execution is checked for
// linearizability. An ordinary run tries one interleaving of each.

// exploration is a map with some entries and what a few goroutines do to it.
type exploration[K, V comparable] struct {
	shape   shape[K, V]
	opts    []freshmap.Option
	hot     int  // hot keys that are there at the beginning
	fillers int  // other keys that are there, and stay
	others  bool // the scripts add keys that the exploration does not know
	whole   bool // check the map as a whole, not key by key
	ranges  bool // All is a loop over the map, not over a snapshot

	setup func(m *freshmap.Map[K, V])
	// Each runs in a goroutine of its own. Its operations on hot keys go
	// through the worker, which records them.
	scripts []func(w *worker[K, V])
	after   func(m *freshmap.Map[K, V])
}

func (e exploration[K, V]) run(t *testing.T) {
	m := freshmap.New[K, V](append(e.opts, freshmap.WithManualSteps())...)
	s := e.shape
	r := newRecording(t, pointMap[K, V](m), s, plan{whole: e.whole, ranges: e.ranges})
	for i := range e.hot {
		m.Store(r.keys[i], s.make(int64(i+1)))
		r.states[i][0] = s.id(s.make(int64(i + 1)))
		r.whole[0][i] = r.states[i][0]
	}
	for i := range e.fillers {
		m.Store(s.key(hot+i), s.make(int64(i+1)))
	}
	if e.setup != nil {
		e.setup(m)
	}
	workers := make([]*worker[K, V], len(e.scripts))
	var running sync.WaitGroup
	for i, f := range e.scripts {
		w := &worker[K, V]{recording: r, client: i, rng: rand.New(rand.NewPCG(1, 1))}
		for k := range e.hot {
			w.last[k] = s.make(int64(k + 1)) // what CompareAndSwap expects at first
		}
		workers[i] = w
		running.Go(func() { f(w) })
	}
	running.Wait()

	var history []histOp
	for _, w := range workers {
		history = append(history, w.ops...)
	}
	now := r.clock.Add(1)
	quiet := linear.Action{Kind: linear.All, Keys: r.look()}
	history = append(history, histOp{Client: -1, Call: now, Return: now, Action: quiet})
	if err := r.check(history); err != nil {
		t.Error(err)
	}
	present := 0
	for _, v := range quiet.Keys {
		if v != 0 {
			present++
		}
	}
	for i := range e.fillers {
		v, ok := m.Load(s.key(hot + i))
		if got, want := s.number(v, ok), s.id(s.make(int64(i+1))); got != want {
			t.Errorf("filler %d: got %d, want %d", i, got, want)
		}
		present++
	}
	if got := m.Len(); got != present && !e.others {
		t.Errorf("Len() = %d, want %d", got, present)
	}
	if e.after != nil {
		e.after(m)
	}
	wantNothingKept(t, m)
}

// script returns a script of operations on one hot key.
func script[K, V comparable](i int, kinds ...linear.Kind) func(*worker[K, V]) {
	return func(w *worker[K, V]) {
		for _, k := range kinds {
			w.do(k, i)
		}
	}
}

// grow is a script that splits the segments and erases what is left of them.
func grow[K, V comparable](w *worker[K, V]) {
	w.m.Grow(60)
	steps(w)
}

// shrink is a script that joins segments and erases what is left of them.
func shrink[K, V comparable](w *worker[K, V]) {
	w.m.Shrink()
	steps(w)
}

// steps does the work that is there. It has an end, also if a writer is in the
// way that the scheduler does not let go on.
func steps[K, V comparable](w *worker[K, V]) {
	for i := 0; i < 60 && w.m.Step(); i++ {
	}
}

// explored is a shorthand for the types of most explorations.
type explored = exploration[int, int]

func TestExploredSplit(t *testing.T) {
	explored{shape: intInt, hot: 2, fillers: 3, scripts: []func(*worker[int, int]){
		grow[int, int],
		script[int, int](0, linear.Load, linear.Store, linear.Load),
		script[int, int](1, linear.Load, linear.Load, linear.LoadAndDelete),
	}}.run(t)
}

func TestExploredSplitOfStrings(t *testing.T) {
	exploration[string, [3]uint64]{shape: shape[string, [3]uint64]{key: stringInt.key, make: boxedWide.make, id: boxedWide.id},
		hot: 2, fillers: 2, scripts: []func(*worker[string, [3]uint64]){
			grow[string, [3]uint64],
			script[string, [3]uint64](0, linear.Load, linear.Store, linear.Load),
			script[string, [3]uint64](1, linear.Load, linear.LoadOrStore),
		}}.run(t)
}

// Stores of other keys widen and split the segment.
func TestExploredSplitByStore(t *testing.T) {
	explored{shape: intInt, hot: 1, others: true, scripts: []func(*worker[int, int]){
		func(w *worker[int, int]) {
			m := w.m.(*freshmap.Map[int, int])
			for i := 0; !m.Migrating(); i++ {
				m.Store(-1-i, 1)
			}
			steps(w)
		},
		script[int, int](0, linear.Load, linear.CompareAndSwap, linear.Load),
	}}.run(t)
}

// What a split has left is erased while readers and writers are about.
func TestExploredErase(t *testing.T) {
	explored{shape: intInt, hot: 3, fillers: 2,
		setup: func(m *freshmap.Map[int, int]) {
			s := m.Snapshot() // overwriting copies the segments
			for i := range 3 {
				m.Store(intInt.key(i), i+1)
			}
			s.Close() // and now the old ones are to be erased
		},
		scripts: []func(*worker[int, int]){
			func(w *worker[int, int]) {
				for range 4 {
					w.m.Step()
				}
			},
			script[int, int](0, linear.Load, linear.Delete, linear.Load),
			script[int, int](0, linear.LoadOrStore, linear.Load),
		}}.run(t)
}

// Segments are copied for a snapshot, given up and erased while a reader may
// still be in the old one.
func TestExploredCopyAndErase(t *testing.T) {
	explored{shape: intInt, hot: 2,
		scripts: []func(*worker[int, int]){
			func(w *worker[int, int]) {
				s := w.m.Snapshot()
				w.do(linear.Store, 1)
				s.Close()
				steps(w)
			},
			script[int, int](0, linear.Load, linear.Load, linear.Load),
			script[int, int](1, linear.Load, linear.LoadAndStore),
		}}.run(t)
}

func TestExploredJoin(t *testing.T) {
	explored{shape: intInt, hot: 2, fillers: 3,
		setup: func(m *freshmap.Map[int, int]) { m.Grow(60) },
		scripts: []func(*worker[int, int]){
			shrink[int, int],
			script[int, int](0, linear.Load, linear.Store, linear.Load),
			script[int, int](1, linear.Delete, linear.LoadOrStore),
		}}.run(t)
}

func TestExploredGrowAndShrink(t *testing.T) {
	explored{shape: intInt, hot: 1, fillers: 2, scripts: []func(*worker[int, int]){
		grow[int, int],
		shrink[int, int],
		script[int, int](0, linear.Load, linear.ComputeSet),
	}}.run(t)
}

func TestExploredClear(t *testing.T) {
	explored{shape: intInt, hot: 2, whole: true, scripts: []func(*worker[int, int]){
		script[int, int](0, linear.Clear, linear.Load),
		func(w *worker[int, int]) {
			w.do(linear.Load, 0)
			w.do(linear.Load, 1)
		},
		func(w *worker[int, int]) {
			w.do(linear.Store, 1)
			w.do(linear.LoadOrStore, 0)
		},
	}}.run(t)
}

func TestExploredSnapshot(t *testing.T) {
	explored{shape: intInt, hot: 2, whole: true, scripts: []func(*worker[int, int]){
		func(w *worker[int, int]) {
			w.do(linear.Store, 0)
			w.do(linear.Store, 1)
		},
		script[int, int](0, linear.All, linear.All),
		script[int, int](0, linear.LoadAndDelete, linear.ComputeSet),
	}}.run(t)
}

func TestExploredSnapshotAndClear(t *testing.T) {
	explored{shape: intInt, hot: 3, whole: true, scripts: []func(*worker[int, int]){
		script[int, int](0, linear.Clear),
		script[int, int](1, linear.All, linear.Load),
		script[int, int](2, linear.Store, linear.All),
	}}.run(t)
}

// An older snapshot stays as it is while a newer one comes and goes.
func TestExploredTwoSnapshots(t *testing.T) {
	model := map[int]int{0: 1, 1: 2}
	var first *freshmap.Snapshot[int, int]
	explored{shape: intInt, hot: 2,
		setup: func(m *freshmap.Map[int, int]) { first = m.Snapshot() },
		scripts: []func(*worker[int, int]){
			func(w *worker[int, int]) {
				s := w.m.Snapshot()
				w.do(linear.Store, 0)
				s.Close()
				w.m.Step()
			},
			script[int, int](0, linear.Store, linear.Delete),
			func(*worker[int, int]) {
				if err := agrees(first, model); err != nil {
					t.Errorf("while others write: %v", err)
				}
			},
		},
		after: func(*freshmap.Map[int, int]) {
			if err := agrees(first, model); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			first.Close()
		}}.run(t)
}

func TestExploredCompute(t *testing.T) {
	explored{shape: intInt, hot: 1, scripts: []func(*worker[int, int]){
		script[int, int](0, linear.ComputeSet, linear.ComputeRemove),
		script[int, int](0, linear.LoadOrCompute, linear.ComputeKeep),
		script[int, int](0, linear.CompareAndSwap, linear.CompareAndDelete),
	}}.run(t)
}

// A slot is taken by another key while a reader looks at it.
func TestExploredSlotTakenAgain(t *testing.T) {
	explored{shape: intInt, hot: 2, opts: []freshmap.Option{freshmap.WithHasher(func(int) uint64 { return 1 })},
		scripts: []func(*worker[int, int]){
			func(w *worker[int, int]) {
				w.do(linear.Delete, 0)
				w.do(linear.Store, 2)
				w.do(linear.Store, 0)
			},
			func(w *worker[int, int]) {
				w.do(linear.Load, 0)
				w.do(linear.Load, 2)
			},
			script[int, int](1, linear.Load),
		}}.run(t)
}

// A wide value is overwritten twice, and its slot given away, while it is read.
func TestExploredWideValue(t *testing.T) {
	exploration[boxedKey, [3]uint64]{shape: boxedWide, hot: 1, scripts: []func(*worker[boxedKey, [3]uint64]){
		script[boxedKey, [3]uint64](0, linear.Store, linear.LoadAndStore),
		script[boxedKey, [3]uint64](0, linear.Load, linear.Load),
		script[boxedKey, [3]uint64](0, linear.Delete, linear.LoadOrStore),
	}}.run(t)
}

func TestExploredStringValue(t *testing.T) {
	exploration[[16]byte, string]{shape: pairString, hot: 2, opts: []freshmap.Option{freshmap.WithHasher(func([16]byte) uint64 { return 1 })},
		scripts: []func(*worker[[16]byte, string]){
			func(w *worker[[16]byte, string]) {
				w.do(linear.Delete, 0)
				w.do(linear.Store, 1)
				w.do(linear.Store, 0)
			},
			script[[16]byte, string](0, linear.Load, linear.Load),
		}}.run(t)
}

func TestExploredRange(t *testing.T) {
	explored{shape: intInt, hot: 2, fillers: 2, ranges: true, scripts: []func(*worker[int, int]){
		script[int, int](0, linear.All),
		script[int, int](0, linear.Delete, linear.Store),
		grow[int, int],
	}}.run(t)
}

// A key comes back behind the place where Range has been: its slot in the first
// group is taken by another.
func TestExploredRangeOfAWanderer(t *testing.T) {
	explored{shape: intInt, hot: 2, fillers: 7, ranges: true,
		opts: []freshmap.Option{freshmap.WithHasher(func(int) uint64 { return 1 })},
		scripts: []func(*worker[int, int]){
			script[int, int](0, linear.All),
			func(w *worker[int, int]) {
				w.do(linear.Delete, 0)
				w.do(linear.Store, 2)
				w.do(linear.Store, 0)
			},
		}}.run(t)
}

// What Range has seen cleared, a Load after it does not bring back.
func TestExploredRangeAndClear(t *testing.T) {
	explored{shape: intInt, hot: 1, ranges: true, scripts: []func(*worker[int, int]){
		script[int, int](0, linear.Clear),
		script[int, int](0, linear.All, linear.Load),
		script[int, int](0, linear.Load, linear.All),
	}}.run(t)
}

func TestExploredZeroMap(t *testing.T) {
	var m freshmap.Map[int, int]
	var running sync.WaitGroup
	running.Go(func() { m.Store(1, 1) })
	running.Go(func() {
		if _, loaded := m.LoadOrStore(1, 2); !loaded {
			m.Store(2, 2)
		}
	})
	running.Go(func() {
		if v, ok := m.Load(1); ok && v != 1 && v != 2 {
			t.Errorf("Load(1) = %d, want 1 or 2", v)
		}
	})
	running.Wait()
	if v, ok := m.Load(1); !ok || v != 1 && v != 2 {
		t.Errorf("Load(1) = %d, %t, want 1 or 2, true", v, ok)
	}
}
