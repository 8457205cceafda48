package detect

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/explore/event"
)

// Events for hand-made logs. Places are numbered by position: see number.
func ev(g int32, k event.Kind, addr uint64) event.Event {
	return event.Event{G: g, Kind: k, Addr: addr, Stack: -1}
}

func sized(g int32, k event.Kind, addr uint64, size uint32) event.Event {
	e := ev(g, k, addr)
	e.Size = size
	return e
}

func spawn(g, child int32) event.Event {
	e := ev(g, event.Spawn, 0)
	e.Aux = uint64(child)
	return e
}

// final is what a goroutine that runs finalizers or cleanups does first.
func final(g int32) event.Event {
	e := ev(g, event.Adopt, 0)
	e.Aux = 1
	return e
}

func unsync(e event.Event) event.Event {
	e.Flags |= event.Unsync
	return e
}

func mapEv(g int32, k event.Kind, addr, function uint64) event.Event {
	e := ev(g, k, addr)
	e.Aux = function
	return e
}

// number gives each event its own program counter.
func number(log []event.Event) []event.Event {
	for i := range log {
		log[i].PC = uint64(i + 1)
	}
	return log
}

const (
	x  = 0x1000 // a variable
	y  = 0x1100 // another one
	mu = 0x2000 // a synchronisation object
	ch = 0x3000 // a channel's buffer slot
)

func TestRun(t *testing.T) {
	tests := []struct {
		name string
		log  []event.Event
		want [][2]int32
	}{
		{"two writes without order race", []event.Event{
			spawn(1, 2), ev(1, event.Write, x), ev(2, event.Write, x),
		}, [][2]int32{{1, 2}}},
		{"two reads do not race", []event.Event{
			spawn(1, 2), ev(1, event.Read, x), ev(2, event.Read, x),
		}, nil},
		{"spawn orders what was before it", []event.Event{
			ev(1, event.Write, x), spawn(1, 2), ev(2, event.Write, x),
		}, nil},
		{"the child's start does not order the parent's later write", []event.Event{
			spawn(1, 2), ev(2, event.Read, x), ev(1, event.Write, x),
		}, [][2]int32{{1, 2}}},
		{"a mutex orders", []event.Event{
			spawn(1, 2),
			ev(1, event.Acquire, mu), ev(1, event.Write, x), ev(1, event.Release, mu),
			ev(2, event.Acquire, mu), ev(2, event.Write, x), ev(2, event.Release, mu),
		}, nil},
		{"another mutex does not", []event.Event{
			spawn(1, 2),
			ev(1, event.Acquire, mu), ev(1, event.Write, x), ev(1, event.Release, mu),
			ev(2, event.Acquire, mu+8), ev(2, event.Write, x), ev(2, event.Release, mu+8),
		}, [][2]int32{{2, 5}}},
		{"two objects in one word are two", []event.Event{
			spawn(1, 2), ev(1, event.Write, x), ev(1, event.Release, mu), ev(2, event.Acquire, mu+4), ev(2, event.Write, x),
		}, [][2]int32{{1, 4}}},
		{"what follows a release is not covered by it", []event.Event{
			spawn(1, 2), ev(1, event.Release, mu), ev(1, event.Write, x), ev(2, event.Acquire, mu), ev(2, event.Read, x),
		}, [][2]int32{{2, 4}}},
		{"a release replaces what was released before", []event.Event{
			spawn(1, 2), spawn(1, 3),
			ev(2, event.Write, x), ev(2, event.Release, mu), ev(3, event.Release, mu),
			ev(1, event.Acquire, mu), ev(1, event.Read, x),
		}, [][2]int32{{2, 6}}},
		{"a merging release keeps it", []event.Event{
			spawn(1, 2), spawn(1, 3),
			ev(2, event.Write, x), ev(2, event.ReleaseMerge, mu), ev(3, event.ReleaseMerge, mu),
			ev(1, event.Acquire, mu), ev(1, event.Read, x),
		}, nil},
		{"readers that unlock do not order each other", []event.Event{
			spawn(1, 2), spawn(1, 3),
			ev(2, event.Acquire, mu), ev(2, event.Write, x), ev(2, event.ReleaseMerge, mu+8),
			ev(3, event.Acquire, mu), ev(3, event.Write, x), ev(3, event.ReleaseMerge, mu+8),
		}, [][2]int32{{3, 6}}},

		// Buffer slots: c <- v by 2, <-c by 3, c <- v by 4.
		{"a receive learns of the send", []event.Event{
			spawn(1, 2), spawn(1, 3), ev(2, event.Write, x),
			ev(2, event.ReleaseAcquire, ch), ev(3, event.ReleaseAcquire, ch), ev(3, event.Read, x),
		}, nil},
		{"a send learns of the receive that made room", []event.Event{
			spawn(1, 2), spawn(1, 3),
			ev(2, event.ReleaseAcquire, ch), ev(3, event.Write, x), ev(3, event.ReleaseAcquire, ch),
			ev(2, event.ReleaseAcquire, ch), ev(2, event.Write, x),
		}, nil},
		{"a slot passes on what the receiver knew before it received, no more", []event.Event{
			spawn(1, 2), spawn(1, 3), spawn(1, 4),
			ev(2, event.Write, x), ev(2, event.ReleaseAcquire, ch), ev(3, event.ReleaseAcquire, ch),
			ev(4, event.ReleaseAcquire, ch), ev(4, event.Write, x),
		}, [][2]int32{{3, 7}}},

		{"an atomic store publishes", []event.Event{
			spawn(1, 2), ev(1, event.Write, x), ev(1, event.AtomicStore, y), ev(2, event.AtomicLoad, y), ev(2, event.Read, x),
		}, nil},
		{"a load before the store learns nothing", []event.Event{
			spawn(1, 2), ev(2, event.AtomicLoad, y), ev(1, event.Write, x), ev(1, event.AtomicStore, y), ev(2, event.Read, x),
		}, [][2]int32{{2, 4}}},
		{"a store does not acquire", []event.Event{
			spawn(1, 2), ev(1, event.Write, x), ev(1, event.AtomicStore, y), ev(2, event.AtomicStore, y), ev(2, event.Read, x),
		}, [][2]int32{{1, 4}}},
		{"a later store hides what an earlier one released", []event.Event{
			spawn(1, 2), spawn(1, 3), ev(1, event.Write, x), ev(1, event.AtomicStore, y),
			ev(2, event.AtomicStore, y), ev(3, event.AtomicLoad, y), ev(3, event.Read, x),
		}, [][2]int32{{2, 6}}},
		{"a chain of read-modify-writes passes all on", []event.Event{
			spawn(1, 2), spawn(1, 3), ev(1, event.Write, x), ev(1, event.AtomicRMW, y),
			ev(2, event.AtomicRMW, y), ev(3, event.AtomicRMW, y), ev(3, event.Read, x),
		}, nil},
		{"atomic accesses do not race with each other", []event.Event{
			spawn(1, 2), ev(1, event.AtomicStore, x), ev(2, event.AtomicStore, x),
		}, nil},
		{"a plain read races with an atomic store", []event.Event{
			spawn(1, 2), ev(1, event.AtomicStore, x), ev(2, event.Read, x),
		}, [][2]int32{{1, 2}}},
		{"a plain write races with an atomic load", []event.Event{
			spawn(1, 2), ev(1, event.AtomicLoad, x), ev(2, event.Write, x),
		}, [][2]int32{{1, 2}}},
		{"a plain read does not race with an atomic load", []event.Event{
			spawn(1, 2), ev(1, event.AtomicLoad, x), ev(2, event.Read, x),
		}, nil},
		{"a plain write that an atomic store published does not race with what observes it", []event.Event{
			spawn(1, 2), ev(1, event.Write, x), ev(1, event.AtomicStore, x), ev(2, event.AtomicRMW, x), ev(2, event.AtomicLoad, x),
		}, nil},
		{"a plain write hidden by an atomic one still races", []event.Event{
			spawn(1, 2), ev(1, event.Write, x), ev(1, event.AtomicLoad, x), ev(2, event.AtomicStore, x),
		}, [][2]int32{{1, 3}}},
		{"Unsync atomics neither order nor race", []event.Event{
			spawn(1, 2), ev(1, event.Write, x), unsync(ev(1, event.AtomicStore, y)), unsync(ev(2, event.AtomicLoad, y)),
			ev(2, event.Write, y), ev(2, event.Read, x),
		}, [][2]int32{{1, 5}}},
		{"an Unsync acquire orders nothing", []event.Event{
			spawn(1, 2), ev(1, event.Write, x), ev(1, event.Release, mu), unsync(ev(2, event.Acquire, mu)), ev(2, event.Read, x),
		}, [][2]int32{{1, 4}}},

		{"ranges that touch do not overlap", []event.Event{
			spawn(1, 2), sized(1, event.WriteRange, x, 12), sized(2, event.WriteRange, x+12, 12),
		}, nil},
		{"ranges that share a byte do", []event.Event{
			spawn(1, 2), sized(1, event.WriteRange, x, 13), sized(2, event.WriteRange, x+12, 12),
		}, [][2]int32{{1, 2}}},
		{"a range and a field in its last word", []event.Event{
			spawn(1, 2), sized(1, event.ReadRange, x, 24), ev(2, event.Write, x+16),
		}, [][2]int32{{1, 2}}},
		{"neighbouring bytes are two variables", []event.Event{
			spawn(1, 2), ev(1, event.Write, x), ev(2, event.Write, x+1),
		}, nil},
		{"an empty range touches nothing", []event.Event{
			spawn(1, 2), ev(1, event.Write, x), sized(2, event.WriteRange, x, 0),
		}, nil},
		{"a buffer and a word in it", []event.Event{
			spawn(1, 2), sized(1, event.WriteRange, x, 1<<20), ev(2, event.Read, x+1<<19),
		}, [][2]int32{{1, 2}}},
		{"a word and a buffer over it", []event.Event{
			spawn(1, 2), ev(1, event.Read, x+1<<19), sized(2, event.WriteRange, x, 1<<20),
		}, [][2]int32{{1, 2}}},
		{"two buffers that meet in a byte", []event.Event{
			spawn(1, 2), sized(1, event.WriteRange, x, 1<<20+1), sized(2, event.ReadRange, x+1<<20, 1<<20),
		}, [][2]int32{{1, 2}}},
		{"two buffers side by side", []event.Event{
			spawn(1, 2), sized(1, event.WriteRange, x, 1<<20), sized(2, event.ReadRange, x+1<<20, 1<<20),
		}, nil},

		{"len of a map races with an assignment", []event.Event{
			spawn(1, 2), mapEv(1, event.MapWrite, x, 7), ev(2, event.Read, x),
		}, [][2]int32{{1, 2}}},
		{"two lookups do not race", []event.Event{
			spawn(1, 2), mapEv(1, event.MapRead, x, 7), mapEv(2, event.MapRead, x, 7),
		}, nil},

		{"a new object is another one", []event.Event{
			spawn(1, 2), ev(1, event.Write, x), sized(2, event.Alloc, x, 8), ev(2, event.Write, x),
		}, nil},
		{"a new object beside it is not", []event.Event{
			spawn(1, 2), ev(1, event.Write, x+8), sized(2, event.Alloc, x, 8), ev(2, event.Write, x+8),
		}, [][2]int32{{1, 3}}},
		{"a tiny object leaves its neighbours in the word alone", []event.Event{
			spawn(1, 2), ev(1, event.Write, x), ev(1, event.Write, x+4), sized(2, event.Alloc, x+4, 4),
			ev(2, event.Write, x+4), ev(2, event.Write, x),
		}, [][2]int32{{1, 5}}},
		{"a new object is another synchronisation object", []event.Event{
			spawn(1, 2), ev(1, event.Write, x), ev(1, event.Release, mu), sized(2, event.Alloc, mu-8, 16),
			ev(2, event.Acquire, mu), ev(2, event.Read, x),
		}, [][2]int32{{1, 5}}},
		{"a new object inside a buffer leaves the rest of it", []event.Event{
			spawn(1, 2), sized(1, event.WriteRange, x, 1<<20), sized(2, event.Alloc, x+4096, 64),
			ev(2, event.Write, x+4096), ev(2, event.Write, x+4096+63), ev(2, event.Write, x+4096+64),
		}, [][2]int32{{1, 5}}},
		// GOROOT/src/runtime/race/testdata: TestNoRaceDeferAtomicStore. The struct
		// that 2 stored to is freed; 3 gets its memory for a closure that 4 runs.
		{"memory of a struct comes back as a closure", []event.Event{
			spawn(1, 2), spawn(1, 3),
			sized(1, event.Alloc, x, 8), ev(2, event.AtomicStore, x), ev(2, event.AtomicStore, x), ev(2, event.Exit, 0),
			sized(3, event.Alloc, x, 8), ev(3, event.Write, x), spawn(3, 4), ev(4, event.Read, x),
		}, nil},

		{"a timer function knows who armed it", []event.Event{
			ev(1, event.Write, x), ev(1, event.Release, mu), ev(0, event.TimerFire, mu), spawn(0, 2), ev(0, event.TimerDone, mu), ev(2, event.Write, x),
		}, nil},
		{"a timer function does not know what its creator did later", []event.Event{
			ev(1, event.Release, mu), ev(1, event.Write, x), ev(0, event.TimerFire, mu), spawn(0, 2), ev(0, event.TimerDone, mu), ev(2, event.Write, x),
		}, [][2]int32{{1, 5}}},
		{"two timers do not order the goroutines that armed them", []event.Event{
			spawn(1, 2), ev(1, event.Write, x), ev(1, event.Release, mu), ev(2, event.Release, mu+64),
			ev(0, event.TimerFire, mu), spawn(0, 3), ev(0, event.TimerDone, mu),
			ev(0, event.TimerFire, mu+64), spawn(0, 4), ev(0, event.TimerDone, mu+64),
			ev(4, event.Read, x),
		}, [][2]int32{{1, 10}}},
		{"two timers that send to one channel do not either", []event.Event{
			spawn(1, 2), ev(1, event.Write, x), ev(1, event.Release, mu), ev(2, event.Release, mu+64),
			ev(0, event.TimerFire, mu), ev(0, event.ReleaseAcquire, ch), ev(0, event.TimerDone, mu),
			ev(0, event.TimerFire, mu+64), ev(0, event.ReleaseAcquire, ch+8), ev(0, event.TimerDone, mu+64),
			ev(2, event.ReleaseAcquire, ch+8), ev(2, event.Read, x),
		}, [][2]int32{{1, 11}}},
		{"a sleeper that a later firing of its lane wakes learns of that one only", []event.Event{
			spawn(1, 2), spawn(1, 3), ev(1, event.Write, x), ev(1, event.Release, mu),
			ev(0, event.TimerFire, mu), ev(0, event.Release, ch), ev(0, event.TimerDone, mu),
			ev(2, event.Release, mu+64),
			ev(0, event.TimerFire, mu+64), ev(0, event.Release, ch+8), ev(0, event.TimerDone, mu+64),
			ev(3, event.Acquire, ch+8), ev(3, event.Acquire, ch), ev(3, event.Read, x),
		}, nil},
		{"a finalizer comes after all before it", []event.Event{
			spawn(1, 2), ev(2, event.Write, x), ev(0, event.Write, x),
		}, nil},
		{"and before nothing", []event.Event{
			spawn(1, 2), ev(0, event.Write, x), ev(2, event.Write, x),
		}, [][2]int32{{1, 2}}},
		{"a goroutine from before is ordered after nothing", []event.Event{
			ev(1, event.Write, x), ev(2, event.Adopt, 0), ev(2, event.Read, x),
		}, [][2]int32{{0, 2}}},

		{"unless it runs finalizers: then after everything so far", []event.Event{
			spawn(1, 2), ev(2, event.Write, x), final(3), ev(3, event.Write, x), ev(2, event.Write, x),
		}, [][2]int32{{3, 4}}},
		{"each time it does", []event.Event{
			spawn(1, 2), final(3), ev(2, event.Write, x), final(3), ev(3, event.Write, x),
		}, nil},
		{"cleanups of one batch are not ordered", []event.Event{
			final(2), spawn(2, 3), ev(3, event.Write, x), spawn(2, 4), ev(4, event.Write, x),
		}, [][2]int32{{2, 4}}},
		{"a mutex is overwritten while another goroutine locks it", []event.Event{
			spawn(1, 2), ev(1, event.Write, mu), ev(2, event.Lock, mu), ev(2, event.Acquire, mu),
		}, [][2]int32{{1, 2}}},
		{"operations on a mutex do not race", []event.Event{
			spawn(1, 2), ev(1, event.Lock, mu), ev(2, event.TryLock, mu), ev(1, event.Unlock, mu),
		}, nil},

		{"a goroutine that was not joined is not its successor's past", []event.Event{
			spawn(1, 2), ev(2, event.Write, x), ev(2, event.Exit, 0), spawn(1, 3), ev(3, event.Write, x),
		}, [][2]int32{{1, 4}}},
		{"one that was joined is", []event.Event{
			spawn(1, 2), ev(2, event.Write, x), ev(2, event.ReleaseMerge, mu), ev(2, event.Exit, 0),
			ev(1, event.Acquire, mu), spawn(1, 3), ev(3, event.Write, x),
		}, nil},
		{"its successor's writes are not the parent's past", []event.Event{
			spawn(1, 2), ev(2, event.Write, x), ev(2, event.ReleaseMerge, mu), ev(2, event.Exit, 0),
			ev(1, event.Acquire, mu), spawn(1, 3), ev(3, event.Write, x), ev(1, event.Read, x),
		}, [][2]int32{{6, 7}}},
		{"it goes on after a race", []event.Event{
			spawn(1, 2), ev(1, event.Write, x), ev(2, event.Write, x), ev(1, event.Write, y), ev(2, event.Read, y),
		}, [][2]int32{{1, 2}, {3, 4}}},
	}
	d := New()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			log := number(tt.log)
			var got [][2]int32
			for _, r := range d.Run(log) {
				got = append(got, [2]int32{r.First, r.Second})
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Run(log) mismatch (-want +got):\n%s\n%s", diff, dump(log))
			}
			if err := check(d, log); err != nil {
				t.Errorf("oracle: %v", err)
			}
		})
	}
}

// TestPairOfPlacesIsReportedOnce holds for either order of the two.
func TestPairOfPlacesIsReportedOnce(t *testing.T) {
	log := []event.Event{spawn(1, 2)}
	for i := range 200 {
		e := ev(int32(1+i%2), event.Write, x)
		e.PC = uint64(100 + i%2)
		log = append(log, e)
	}
	if got := New().Run(log); len(got) != 1 {
		t.Errorf("Run reported %d races of one pair of places, want 1", len(got))
	}
}

func TestResultIsBounded(t *testing.T) {
	log := []event.Event{spawn(1, 2)}
	for i := range 2000 {
		log = append(log, ev(int32(1+i%2), event.Write, x))
	}
	if got := New().Run(number(log)); len(got) != maxRaces {
		t.Errorf("Run reported %d races, want %d", len(got), maxRaces)
	}
}
