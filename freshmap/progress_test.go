package freshmap_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ghostread/ghostread/freshmap"
)

// stall begins an operation whose callback does not return, waits until it is
// in there, and returns what lets it go on and waits for its end.
func stall(begin func(stalled func())) (release func()) {
	inside, goOn, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		begin(func() {
			close(inside)
			<-goOn
		})
	}()
	<-inside
	return func() {
		close(goOn)
		<-done
	}
}

// stallings are the operations that call functions with a lock held.
var stallings = []struct {
	name  string
	was   bool // the key is there before
	begin func(m *freshmap.Map[int, int], k int, stalled func())
	want  int // its value afterwards, 0 for none
}{
	{"Compute sets", true, func(m *freshmap.Map[int, int], k int, stalled func()) {
		m.Compute(k, func(int, bool) (int, freshmap.Op) { stalled(); return -7, freshmap.Set })
	}, -7},
	{"Compute adds", false, func(m *freshmap.Map[int, int], k int, stalled func()) {
		m.Compute(k, func(int, bool) (int, freshmap.Op) { stalled(); return -7, freshmap.Set })
	}, -7},
	{"Compute removes", true, func(m *freshmap.Map[int, int], k int, stalled func()) {
		m.Compute(k, func(int, bool) (int, freshmap.Op) { stalled(); return 0, freshmap.Remove })
	}, 0},
	{"LoadOrCompute", false, func(m *freshmap.Map[int, int], k int, stalled func()) {
		m.LoadOrCompute(k, func() int { stalled(); return -7 })
	}, -7},
}

// TestStalledWriter stops a writer in its callback. Readers of any key go on,
// and so do the writers of most others, growth among them. None of these waits
// is bounded by time: a map that lets them wait ends in a deadlock.
func TestStalledWriter(t *testing.T) {
	const (
		n      = 3000
		others = 4000
	)
	for _, tt := range stallings {
		t.Run(tt.name, func(t *testing.T) {
			m := freshmap.New[int, int]()
			for i := range n {
				m.Store(i, i+1)
			}
			key, now := 17, 18
			if !tt.was {
				m.Delete(key)
				now = 0
			}
			release := stall(func(stalled func()) { tt.begin(m, key, stalled) })

			loads := func() {
				t.Helper()
				for i := range n {
					want := i + 1
					if i == key {
						want = now
					}
					if got, ok := m.Load(i); got != want || ok != (want != 0) {
						t.Errorf("Load(%d) while a writer is stalled = %d, %t, want %d, %t", i, got, ok, want, want != 0)
					}
				}
			}
			loads()

			// Writers of single keys: those whose stripe is held wait, all
			// others return. Where the map has sixteen stripes or more, at
			// least half of them do, however the keys fall.
			splits := m.Stats().Split
			finished := make(chan struct{}, others)
			var waiting sync.WaitGroup
			for i := range others {
				waiting.Go(func() {
					m.Store(n+i, i+1)
					finished <- struct{}{}
				})
			}
			for range others / 2 {
				<-finished
			}
			if got := m.Stats().Split; got <= splits {
				t.Errorf("segments split while a writer is stalled: got %d, want more than %d", got, splits)
			}
			loads()
			if _, ok := m.LoadOrStore(key+1, -1); !ok {
				t.Errorf("LoadOrStore(%d) = false, want the value that is there", key+1)
			}

			// What looks at the whole map returns as well.
			seen := make(map[int]bool)
			for k := range m.All() {
				if seen[k] {
					t.Errorf("All: got key %d twice, want once", k)
				}
				seen[k] = true
			}
			for i := range n {
				if want := i != key || tt.was; seen[i] != want {
					t.Errorf("All shows key %d: %t, want %t", i, seen[i], want)
				}
			}
			if got := m.Len(); got < n-1+others/2 || got > n+others {
				t.Errorf("Len() = %d, want from %d to %d", got, n-1+others/2, n+others)
			}

			release()
			waiting.Wait()
			if got, ok := m.Load(key); got != tt.want || ok != (tt.want != 0) {
				t.Errorf("Load(%d) after the release = %d, %t, want %d", key, got, ok, tt.want)
			}
			want := n + others
			if tt.want == 0 {
				want--
			}
			if got := m.Len(); got != want {
				t.Errorf("Len() after the release = %d, want %d", got, want)
			}
			for i := range others {
				if got, ok := m.Load(n + i); !ok || got != i+1 {
					t.Errorf("Load(%d) after the release = %d, %t, want %d, true", n+i, got, ok, i+1)
				}
			}
		})
	}
}

// TestStalledWriterAndSnapshot has Snapshot, Clear, Grow and Shrink wait for a
// stalled writer. While they wait, they keep nobody else waiting.
func TestStalledWriterAndSnapshot(t *testing.T) {
	const n, others = 3000, 2000
	tests := []struct {
		name string
		wait func(m *freshmap.Map[int, int])
		left bool // entries from before are left
	}{
		{"Snapshot", func(m *freshmap.Map[int, int]) {
			s := m.Snapshot()
			defer s.Close()
			if got, ok := s.Load(17); !ok || got != -7 && got != 18 {
				panic(fmt.Sprintf("Load(17) = %d, %t, want -7 or 18, true", got, ok))
			}
		}, true},
		{"Clear", func(m *freshmap.Map[int, int]) { m.Clear() }, false},
		{"Wipe", func(m *freshmap.Map[int, int]) { m.Wipe() }, false},
		{"Grow", func(m *freshmap.Map[int, int]) { m.Grow(20 * n) }, true},
		{"Shrink", func(m *freshmap.Map[int, int]) { m.Shrink() }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := freshmap.New[int, int]()
			for i := range n {
				m.Store(i, i+1)
			}
			release := stall(func(stalled func()) {
				m.Compute(17, func(int, bool) (int, freshmap.Op) { stalled(); return -7, freshmap.Set })
			})
			var begun atomic.Bool
			var waiting sync.WaitGroup
			waiting.Go(func() {
				begun.Store(true)
				tt.wait(m)
			})
			for !begun.Load() {
				runtime.Gosched()
			}
			finished := make(chan struct{}, others)
			for i := range others {
				waiting.Go(func() {
					m.Store(n+i, i+1)
					finished <- struct{}{}
				})
			}
			for range others / 2 {
				<-finished
			}
			if got, ok := m.Load(17); tt.left && (!ok || got != 18) {
				t.Errorf("Load(17) while its writer is stalled = %d, %t, want 18, true", got, ok)
			}
			release()
			waiting.Wait()
			if got, ok := m.Load(17); tt.left && (!ok || got != -7) {
				t.Errorf("Load(17) after the release = %d, %t, want -7, true", got, ok)
			}
			if tt.left {
				if got := m.Len(); got != n+others {
					t.Errorf("Len() = %d, want %d", got, n+others)
				}
			}
			wantNothingKept(t, m)
		})
	}
}

// TestLoadUnderOverwrites has one writer overwrite a few keys as fast as it can.
// Readers go on meanwhile; each value that they get is whole, and none is older
// than one they got before.
func TestLoadUnderOverwrites(t *testing.T) {
	t.Run("int int", func(t *testing.T) { loadUnderOverwrites(t, intInt) })
	t.Run("boxed wide", func(t *testing.T) { loadUnderOverwrites(t, boxedWide) })
	t.Run("string padded", func(t *testing.T) { loadUnderOverwrites(t, stringPadded) })
	t.Run("pair string", func(t *testing.T) { loadUnderOverwrites(t, pairString) })
	t.Run("int any", func(t *testing.T) { loadUnderOverwrites(t, intAny) })
	t.Run("int big", func(t *testing.T) { loadUnderOverwrites(t, intBig) })
}

func loadUnderOverwrites[K, V comparable](t *testing.T, s shape[K, V]) {
	const keys = 2
	loads := 200000
	if testing.Short() {
		loads = 20000
	}
	m := freshmap.New[K, V]()
	var names [keys]K
	for i := range names {
		names[i] = s.key(i)
		m.Store(names[i], s.make(1))
	}
	var stop atomic.Bool
	var writing, reading sync.WaitGroup
	writing.Go(func() {
		for n := int64(2); !stop.Load(); n++ {
			m.Store(names[n%keys], s.make(n))
		}
	})
	for range 2 {
		reading.Go(func() {
			var last [keys]int64
			for n := range loads {
				i := n % keys
				v, ok := m.Load(names[i])
				got := s.number(v, ok)
				if !ok || got < last[i] || got < 1 {
					t.Errorf("Load(%v) = %v (number %d), %t, want a whole value from number %d on", names[i], v, got, ok, max(last[i], 1))
					return
				}
				last[i] = got
			}
		})
	}
	reading.Wait()
	stop.Store(true)
	writing.Wait()
}

// TestStalledLoops has a loop over the map, and one over a snapshot, that do
// not go on. No other operation waits for them.
func TestStalledLoops(t *testing.T) {
	const n = 1000
	m := rangeMap(n)
	s := m.Snapshot()
	inLoop := stall(func(stalled func()) {
		first := true
		m.Range(func(int, int) bool {
			if first {
				stalled()
			}
			first = false
			return true
		})
	})
	inSnapshot := stall(func(stalled func()) {
		first := true
		for range s.All() {
			if first {
				stalled()
			}
			first = false
		}
	})
	for i := range n {
		m.Store(i, -i)
		m.Delete(i + 1)
	}
	m.Grow(4 * n)
	m.Shrink()
	m.Snapshot().Close()
	m.Clear()
	for i := range n {
		m.Store(i, i)
	}
	if err := m.Fence(context.Background()); err != nil {
		t.Errorf("Fence = %v, want nil", err)
	}
	inLoop()
	inSnapshot()
	if err := agrees(s, identity(n)); err != nil {
		t.Errorf("snapshot: %v", err)
	}
	s.Close()
	wantNothingKept(t, m)
}

// TestObserverMayUseTheMap does everything in the observer that could wait for
// a lock.
func TestObserverMayUseTheMap(t *testing.T) {
	var m *freshmap.Map[int, int]
	var kinds []freshmap.GrowthKind
	depth := 0
	m = freshmap.New[int, int](freshmap.WithObserver(func(g freshmap.Growth) {
		kinds = append(kinds, g.Kind)
		if depth++; depth == 1 {
			m.Store(-1, m.Len())
			m.Load(5)
			m.Delete(-1)
			m.Snapshot().Close()
			m.Stats()
			m.Migrating()
		}
		depth--
	}))
	for i := range 2000 {
		m.Store(i, i)
	}
	if err := m.Fence(context.Background()); err != nil {
		t.Errorf("Fence = %v, want nil", err)
	}
	if !slices.Contains(kinds, freshmap.GrowthStart) || len(kinds) == 0 || kinds[len(kinds)-1] != freshmap.GrowthDone {
		t.Errorf("events of a growth that has ended: got %v, want a start and at the end done", kinds)
	}
}

// A callback that does not return normally leaves the map unlocked and as it
// was.
func TestCallbackThatDoesNotReturn(t *testing.T) {
	ends := []struct {
		name string
		end  func()
	}{
		{"panic", func() { panic("stop") }},
		{"Goexit", runtime.Goexit},
	}
	calls := []struct {
		name string
		call func(m *freshmap.Map[int, int], k int, end func())
	}{
		{"Compute", func(m *freshmap.Map[int, int], k int, end func()) {
			m.Compute(k, func(int, bool) (int, freshmap.Op) { end(); return -1, freshmap.Set })
		}},
		{"LoadOrCompute", func(m *freshmap.Map[int, int], k int, end func()) {
			m.LoadOrCompute(k, func() int { end(); return -1 })
		}},
		{"Range", func(m *freshmap.Map[int, int], _ int, end func()) {
			m.Range(func(int, int) bool { end(); return true })
		}},
	}
	const n = 500
	for _, e := range ends {
		for _, c := range calls {
			t.Run(c.name+" "+e.name, func(t *testing.T) {
				m := rangeMap(n)
				s := m.Snapshot() // so that the segment is about to be copied
				defer s.Close()
				for k := range n + 100 {
					done := make(chan struct{})
					go func() {
						defer close(done)
						defer func() { _ = recover() }()
						c.call(m, k, e.end)
					}()
					<-done
				}
				if got := m.Len(); got != n {
					t.Errorf("Len() = %d, want %d", got, n)
				}
				now := m.Snapshot()
				defer now.Close()
				for _, s := range []*freshmap.Snapshot[int, int]{s, now} {
					if err := agrees(s, identity(n), n, n+1); err != nil {
						t.Error(err)
					}
				}
				for k := range n + 100 { // nothing is locked
					m.Store(k, k)
				}
			})
		}
	}
}

// Comparing what cannot be compared panics, and leaves nothing locked.
func TestIncomparableValue(t *testing.T) {
	m := freshmap.New[int, any]()
	m.Store(1, []int{1})
	for _, f := range []func(){
		func() { m.CompareAndSwap(1, []int{1}, 2) },
		func() { m.CompareAndDelete(1, []int{1}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("comparing slices: got no panic, want one")
				}
			}()
			f()
		}()
	}
	m.Store(1, 3)
	if got := m.CompareAndSwap(1, 3, 4); !got {
		t.Errorf("CompareAndSwap(1, 3, 4) = %t, want true", got)
	}
}

// TestFenceEndsUnderWriters has writers that keep making work. Fence only waits
// for what there was when it began.
func TestFenceEndsUnderWriters(t *testing.T) {
	m := freshmap.New[int, int]()
	var stop atomic.Bool
	var writing sync.WaitGroup
	for w := range 2 {
		writing.Go(func() {
			for !stop.Load() {
				for i := range 2000 {
					m.Store(w<<20+i, i)
				}
				for i := range 2000 {
					m.Delete(w<<20 + i)
				}
			}
		})
	}
	for range 20 {
		if err := m.Fence(context.Background()); err != nil {
			t.Errorf("Fence = %v, want nil", err)
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := m.Fence(ended); err != nil && err != context.Canceled {
		t.Errorf("Fence with an ended context = %v, want nil or %v", err, context.Canceled)
	}
	stop.Store(true)
	writing.Wait()
	wantNothingKept(t, m)
}

// TestZeroMapAtOnce has many goroutines be the first to use a map.
func TestZeroMapAtOnce(t *testing.T) {
	for range 200 {
		var m freshmap.Map[string, int]
		var using sync.WaitGroup
		for w := range 4 {
			using.Go(func() {
				m.Load("a")
				switch w {
				case 0:
					m.Store("a", 1)
				case 1:
					m.LoadOrStore("b", 1)
				case 2:
					m.Snapshot().Close()
					m.Clear()
					m.Grow(10)
				case 3:
					m.Delete("c")
					m.Compute("c", func(int, bool) (int, freshmap.Op) { return 1, freshmap.Set })
				}
				for range m.All() {
				}
				m.Stats()
			})
		}
		using.Wait()
		if got := m.Len(); got > 3 {
			t.Errorf("Len() = %d, want at most 3", got)
		}
	}
}
