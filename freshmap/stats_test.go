package freshmap_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/ghostread/ghostread/freshmap"
)

// invariants compares figures of Stats that are about the same thing. No
// writer runs.
func invariants[K comparable, V any](m *freshmap.Map[K, V]) error {
	s := m.Stats()
	switch {
	case s.Entries != m.Len():
		return fmt.Errorf("%d entries, but Len() is %d", s.Entries, m.Len())
	case s.Entries > s.Slots:
		return fmt.Errorf("%d entries in %d slots", s.Entries, s.Slots)
	case s.Segments > s.Directory:
		return fmt.Errorf("%d segments behind %d entries of the directory", s.Segments, s.Directory)
	case s.Directory&(s.Directory-1) != 0:
		return fmt.Errorf("a directory of %d, which is no power of two", s.Directory)
	case s.Bytes < s.Slots*int(unsafe.Sizeof(uint64(0))):
		return fmt.Errorf("%d bytes for %d slots", s.Bytes, s.Slots)
	case (s.Pending != 0) != m.Migrating():
		return fmt.Errorf("%d tasks pending, but Migrating() is %t", s.Pending, m.Migrating())
	case s.Snapshots == 0 && s.Kept != 0:
		return fmt.Errorf("%d segments kept for no snapshot", s.Kept)
	}
	return nil
}

// TestStats follows the figures through the life of a map.
func TestStats(t *testing.T) {
	m := freshmap.New[int, int]()
	check := func(when string) freshmap.Stats {
		t.Helper()
		if err := invariants(m); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		return m.Stats()
	}
	check("empty")
	for i := range 10_000 {
		m.Store(i, i)
		if i%500 == 0 {
			check("growing")
		}
	}
	full := check("full")
	if full.Entries != 10_000 || full.Split == 0 || full.Segments < 10_000/84 {
		t.Errorf("Stats() of 10,000 entries: got %+v; want that many entries, splits, at least %d segments", full, 10_000/84)
	}
	s := m.Snapshot()
	m.Store(1, 2)
	m.Store(1, 3)
	if st := check("snapshot"); st.Snapshots != 1 || st.Kept != 1 || st.Copied != 1 {
		t.Errorf("Stats() after two writes to one segment beside a snapshot: got %+v, want one snapshot, kept and copied segment", st)
	}
	s.Close()
	if st := check("snapshot closed"); st.Snapshots != 0 || st.Kept != 0 {
		t.Errorf("Stats() after Close: got %+v, want no snapshot and nothing kept", st)
	}
	for i := range 10_000 {
		m.Delete(i)
		if i%500 == 0 {
			check("shrinking")
		}
	}
	m.Shrink()
	if err := m.Fence(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := check("empty again"); st.Bytes > full.Bytes/10 || st.Joined == 0 {
		t.Errorf("Stats() of the emptied map: got %+v, want at most a tenth of %d bytes, and joined segments", st, full.Bytes)
	}
}

// TestStatsBytes compares what Stats says of the memory with what the heap
// says.
func TestStatsBytes(t *testing.T) {
	if raceEnabled() {
		t.Skip("skipped with the race detector, which has other sizes")
	}
	before := heapBytes()
	m := freshmap.New[int, int]()
	for i := range 200_000 {
		m.Store(i, i)
	}
	if err := m.Fence(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, want := float64(m.Stats().Bytes), float64(heapBytes()-before)
	runtime.KeepAlive(m)
	t.Logf("Stats().Bytes %.1f, heap %.1f bytes per entry", got/200_000, want/200_000)
	if got < want*0.9 || got > want*1.1 {
		t.Errorf("Stats().Bytes: got %.0f, want what the heap has grown by, %.0f, within a tenth", got, want)
	}
}

func heapBytes() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// A log checks the order of growth events as they come.
type log struct {
	mu                    sync.Mutex
	running               bool
	inside                atomic.Bool
	starts, progress, end int
	done                  int // of the last event
	err                   error
}

func (l *log) observe(g freshmap.Growth) {
	if !l.inside.CompareAndSwap(false, true) {
		l.err = fmt.Errorf("two events at once")
	}
	defer l.inside.Store(false)
	l.mu.Lock()
	defer l.mu.Unlock()
	fail := func(format string, args ...any) {
		if l.err == nil {
			l.err = fmt.Errorf("%+v after %d starts, %d progress, %d done: %s", g, l.starts, l.progress, l.end, fmt.Sprintf(format, args...))
		}
	}
	switch g.Kind {
	case freshmap.GrowthStart:
		if l.running {
			fail("started twice")
		}
		l.running, l.done = true, 0
		l.starts++
	case freshmap.GrowthProgress:
		if !l.running {
			fail("not started")
		}
		if g.Done <= l.done || g.Pending <= 0 {
			fail("no progress since %d", l.done)
		}
		l.progress++
	case freshmap.GrowthDone:
		if !l.running {
			fail("not started")
		}
		if g.Pending != 0 || g.Done <= l.done {
			fail("done with work left, or without progress since %d", l.done)
		}
		l.running = false
		l.end++
	default:
		fail("unknown kind")
	}
	l.done = g.Done
}

// TestObserver watches one goroutine: after each call events and Migrating
// agree.
func TestObserver(t *testing.T) {
	var l log
	var m *freshmap.Map[int, int]
	m = freshmap.New[int, int](freshmap.WithObserver(func(g freshmap.Growth) {
		l.observe(g)
		m.Load(1) // the map can be used
		if g.Entries != m.Len() {
			t.Errorf("event %+v: Len() is %d", g, m.Len())
		}
	}))
	for i := range 5000 {
		m.Store(i, i)
		if l.running != m.Migrating() {
			t.Fatalf("after Store(%d): %d starts and %d done, but Migrating() is %t", i, l.starts, l.end, m.Migrating())
		}
	}
	m.Grow(20_000)
	s := m.Snapshot()
	for i := range 5000 {
		m.Delete(i)
	}
	s.Close()
	m.Shrink()
	m.Clear()
	if err := m.Fence(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l.err != nil {
		t.Error(l.err)
	}
	if l.running || l.starts == 0 || l.starts != l.end || l.progress == 0 {
		t.Errorf("got %d starts, %d progress, %d done; want as many done as starts", l.starts, l.progress, l.end)
	}
}

// TestObserverConcurrently has many goroutines cause events.
func TestObserverConcurrently(t *testing.T) {
	for _, manual := range []bool{false, true} {
		var l log
		opts := []freshmap.Option{freshmap.WithObserver(l.observe)}
		if manual {
			opts = append(opts, freshmap.WithManualSteps())
		}
		m := freshmap.New[int, int](opts...)
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 5000 {
					m.Store(g*5000+i, i)
					if manual && i%3 == 0 {
						m.Step()
					}
				}
				for i := range 5000 {
					m.Delete(g*5000 + i)
				}
				_ = m.Fence(context.Background())
			})
		}
		wg.Wait()
		if err := m.Fence(t.Context()); err != nil {
			t.Fatal(err)
		}
		if l.err != nil {
			t.Errorf("manual steps %t: %v", manual, l.err)
		}
		if l.running || l.starts == 0 || l.starts != l.end {
			t.Errorf("manual steps %t: got %d starts and %d done after the last Fence, want as many, and some", manual, l.starts, l.end)
		}
	}
}

// TestGrowMakesRoom grows for n entries and stores them: hardly any segment
// is split any more.
func TestGrowMakesRoom(t *testing.T) {
	for _, n := range []int{100, 5000, 40_000} {
		for name, grown := range map[string]func() *freshmap.Map[int, int]{
			"Grow": func() *freshmap.Map[int, int] {
				m := freshmap.New[int, int]()
				for i := range 1000 {
					m.Store(-i-1, i)
				}
				m.Grow(n)
				return m
			},
			"WithCapacity": func() *freshmap.Map[int, int] {
				return freshmap.New[int, int](freshmap.WithCapacity(n))
			},
		} {
			m := grown()
			before := m.Stats()
			if before.Slots < n+before.Entries {
				t.Errorf("%s(%d): got %d slots, want room for that and %d", name, n, before.Slots, before.Entries)
			}
			for i := range n {
				m.Store(i, i)
			}
			after := m.Stats()
			if got := after.Split - before.Split; got > int64(after.Segments/100) {
				t.Errorf("%s(%d), then %d stores: got %d splits of %d segments, want at most one in a hundred", name, n, n, got, after.Segments)
			}
		}
	}
}

// TestGrowWithoutEvents says that what Grow has made room for causes no
// migration: no event while the entries come.
func TestGrowWithoutEvents(t *testing.T) {
	var events int
	m := freshmap.New[int, int](freshmap.WithObserver(func(freshmap.Growth) { events++ }), freshmap.WithCapacity(20_000))
	m.Grow(20_000)
	if err := m.Fence(t.Context()); err != nil {
		t.Fatal(err)
	}
	splits := m.Stats().Split
	events = 0
	for i := range 20_000 {
		m.Store(i, i)
	}
	t.Logf("%d events and %d splits while 20,000 entries came", events, m.Stats().Split-splits)
	if events != 0 {
		t.Errorf("got %d events, want none: there was room", events)
	}
}

// TestManualSteps does all work by Step, and reads between any two steps.
func TestManualSteps(t *testing.T) {
	m := freshmap.New[int, int](freshmap.WithManualSteps())
	const n = 600
	for i := range n {
		m.Store(i, i)
	}
	for i := range n {
		m.Store(i, -i)
		if i%2 == 0 {
			m.Delete(i)
		}
	}
	if !m.Migrating() {
		t.Fatal("Migrating(): got false, want true: nobody has done a step")
	}
	steps := 0
	for m.Step() {
		steps++
		for i := range n {
			if v, ok := m.Load(i); ok != (i%2 == 1) || ok && v != -i {
				t.Fatalf("Load(%d) after %d steps: got %d %t, want the odd ones", i, steps, v, ok)
			}
		}
		if steps > 1_000_000 {
			t.Fatal("a million steps and no end")
		}
	}
	t.Logf("%d steps", steps)
	if m.Migrating() {
		t.Error("Migrating() after the last step: got true, want false")
	}
}

// TestFenceUnderWriters fences while writers never stop growing and shrinking
// the map.
func TestFenceUnderWriters(t *testing.T) {
	m := freshmap.New[int, int]()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for g := range 2 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				k := g*1_000_000 + i%20_000
				if i/20_000%2 == 0 {
					m.Store(k, i)
				} else {
					m.Delete(k)
				}
			}
		})
	}
	for range 50 {
		if err := m.Fence(t.Context()); err != nil {
			t.Errorf("Fence: got %v, want nil", err)
		}
	}
	stop()
	wg.Wait()
}

// TestInOutIn fills a large map, deletes nearly all of it and fills it again:
// memory follows the entries.
func TestInOutIn(t *testing.T) {
	n := 300_000
	if testing.Short() {
		n = 30_000
	}
	m := freshmap.New[int, int]()
	var full int
	for round := range 3 {
		for i := range n {
			m.Store(i*7, i+round)
		}
		if err := m.Fence(t.Context()); err != nil {
			t.Fatal(err)
		}
		bytes := int(m.Stats().Bytes)
		if round == 0 {
			full = bytes
		}
		if m.Len() != n || bytes > full*3/2 {
			t.Fatalf("round %d: got %d entries in %d bytes, want %d in at most %d", round, m.Len(), bytes, n, full*3/2)
		}
		sum := 0
		for k, v := range m.All() {
			if v != k/7+round {
				t.Fatalf("round %d: All() yields %d for %d, want %d", round, v, k, k/7+round)
			}
			sum++
		}
		if sum != n {
			t.Fatalf("round %d: All() yields %d entries, want %d", round, sum, n)
		}
		for i := range n {
			if i%1000 != 0 {
				m.Delete(i * 7)
			}
		}
		if err := m.Fence(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := int(m.Stats().Bytes); got > full/20 {
			t.Errorf("round %d: Stats().Bytes with one entry in a thousand left: got %d, want at most %d of %d", round, got, full/20, full)
		}
		for i := range n {
			got, ok := m.Load(i * 7)
			if want := i%1000 == 0; ok != want || ok && got != i+round {
				t.Fatalf("round %d: Load(%d): got %d %t, want it to be present: %t", round, i*7, got, ok, want)
			}
		}
	}
}
