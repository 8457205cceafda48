// Package detect finds the data races of one execution in its log.
//
// Two accesses race when they touch a common byte, come from different
// goroutines, at least one writes, at least one is not atomic, and neither
// happens before the other. Happens-before is what the log's synchronisation
// events say, whatever order the scheduler happened to pick, so a race is
// found in nearly every execution that makes both accesses at all.
//
// # Model
//
// The method is FastTrack's (Flanagan and Freund, "FastTrack: Efficient and
// Precise Dynamic Race Detection", PLDI 2009): a vector clock for each
// goroutine and each synchronisation object, and for each piece of memory only
// the epochs (goroutine, clock) of the last accesses that still matter. An
// access is forgotten when a later one is ordered after it, touches at least
// its bytes and conflicts with at least what it conflicts with. Whatever races
// with the forgotten one races with the later one too. So [Detector.Run] need
// not name every pair that races, but names every access that races with an
// earlier one. Reads by many goroutines move to a vector indexed by goroutine.
//
// The meaning of events is that of Go's TSan runtime:
//
//   - A goroutine starts with the clock of the goroutine that spawned it.
//   - Release stores the goroutine's clock in the object, ReleaseMerge joins
//     it, Acquire joins the object's clock into the goroutine's.
//   - ReleaseAcquire swaps: the object gets the clock that the goroutine had
//     before, and the goroutine joins what the object had before
//     (VectorClock::ReleaseStoreAcquire). A channel uses it on a buffer slot:
//     the k-th receive learns of the k-th send and the (k+c)-th send of the
//     k-th receive, as the memory model asks, but two sends through one slot
//     are ordered by the receive between them, never because they met there.
//   - An atomic load acquires; a store releases; a read-modify-write does both
//     and leaves the join. Loads and read-modify-writes are checked after they
//     acquired: what they observe happens before them. TSan checks a
//     read-modify-write before, and calls a plain write that was published by
//     an atomic store to the same word a race; the memory model does not.
//   - A compare-and-swap that failed ([event.Failed]) is a load. TSan takes it
//     for a write when it looks for races; the memory model does not, as it has
//     no effect that another operation could observe.
//   - [event.Unsync] synchronisation does nothing at all, and an Unsync atomic
//     is no access.
//   - Read, Write, MapRead, MapWrite and atomics touch the one byte at Addr,
//     the first of their object, as the compiler's hooks give no size.
//   - An operation on a mutex touches the byte at Addr as an atomic write does,
//     and orders nothing itself. So a mutex that is copied or overwritten while
//     others use it is found.
//   - Alloc forgets accesses and objects in its bytes. Without it an address
//     that the allocator hands out again connects two objects: GOROOT's
//     TestNoRaceDeferAtomicStore frees small structs that were stored to
//     atomically while their memory comes back as closures of goroutines.
//
// Goroutine 0 is not one goroutine. Between TimerFire and TimerDone it is a
// timer function, which starts with what the timer object knows (what the
// goroutine that armed it released) and with nothing that other firings know:
// if they shared one clock, two timers would order the goroutines that armed
// them. Outside it is the runtime itself, ordered after all that happened.
//
// A goroutine that runs finalizers or cleanups says so by an Adopt with Aux 1
// each time it begins, and is ordered after all that happened before, as in
// TSan: an object is found dead after its last use, but the log does not say
// which goroutines had to let go of it.
//
// # Limits
//
// Memory is bounded. A detector that meets more than 2,048 concurrent
// goroutines, a million 8-byte words or 32 MB of clocks in one execution lets
// some of them share a clock or forgets accesses: it misses races, and
// [Detector.Exact] says so, but it reports no false ones. Timer functions use
// at most 16 lanes: an access made by a firing can hide behind one made by the
// sixteenth firing after it.
//
// The package is compiled twice: as a package of this module and, copied by
// the overlay, into the standard library of the tested program, where it runs
// after each execution. It therefore imports only explore/event and math/bits.
package detect

import "github.com/ghostread/ghostread/explore/event"

// Race is two accesses that are not ordered. They are indexes into the log;
// First < Second.
type Race struct {
	First, Second int32
	Addr          uint64 // the first byte that both touch in the 8-byte word where it was seen
}

// maxRaces bounds the result. A program with this many racing pairs of places
// has one missing lock, not as many bugs.
const maxRaces = 64

// maxEvery bounds it where every pair is asked for.
const maxEvery = 1 << 16

// Detector keeps the memory of earlier runs for the next one, so that a run
// over a log no larger than an earlier one allocates nothing
// (TestSteadyStateAllocatesNothing). It must not be used concurrently.
type Detector struct {
	log    []event.Event
	races  []Race
	limit  int
	exact  bool
	habits Habit // to take on
	every  bool  // report each pair of accesses, however many have the same places

	memory  memory
	objects objects
	order   order
	pairs   pairs
}

// New returns a Detector. It holds 120 kB, and after a run what that
// needed.
func New() *Detector {
	d := new(Detector)
	d.limit = maxRaces
	d.races = make([]Race, 0, maxRaces)
	return d
}

// Exact reports whether the last Run stayed within the limits of the package
// documentation. If not, there may be more races than it returned.
func (d *Detector) Exact() bool { return d.exact && d.order.exact && d.memory.exact }

// Run returns the races of one execution, in the order of their second
// access, at most one for each unordered pair of program counters and at most
// 64. The result is valid until the next Run. It accepts any log: events that
// make no sense produce no panic, only senseless races.
//
// It takes time linear in the number of events and of the 8-byte words they
// touch, times the number of goroutines for synchronisation events.
func (d *Detector) Run(log []event.Event) []Race {
	d.log = log
	d.races = d.races[:0]
	d.exact = true
	d.order.reset()
	d.objects.reset()
	d.memory.reset(len(log))
	d.pairs.reset()

	g, t := int32(0), int32(0) // the goroutine of the last event and its lane; g is 0 when t is stale
	for i := range log {
		e := &log[i]
		k := e.Kind
		if k > event.ReleaseAcquire && k < event.Spawn && !(k >= event.Lock && k <= event.RUnlock) || k == event.None {
			continue
		}
		if e.G != g || g == 0 {
			if k == event.TimerFire || k == event.TimerDone || k == event.Alloc || k > event.Exit && k < event.TimerFire {
				// These need no lane: do not make one.
			} else if e.G == 0 {
				g, t = 0, d.systemLane()
			} else {
				g, t = e.G, d.laneOf(e.G)
			}
		}
		switch k {
		case event.Read, event.MapRead:
			d.single(e.Addr, t, plain, int32(i))
		case event.Write, event.MapWrite:
			d.single(e.Addr, t, plain|write, int32(i))
		case event.ReadRange:
			d.span(e.Addr, e.Size, t, plain, int32(i))
		case event.WriteRange:
			d.span(e.Addr, e.Size, t, plain|write, int32(i))
		case event.AtomicLoad:
			if e.Flags&event.Unsync == 0 {
				d.acquire(t, e.Addr)
				d.single(e.Addr, t, 0, int32(i))
			}
		case event.AtomicStore:
			if e.Flags&event.Unsync == 0 {
				d.single(e.Addr, t, write, int32(i))
				d.release(t, e.Addr)
			}
		case event.AtomicRMW:
			switch {
			case e.Flags&event.Unsync != 0:
			case d.habits&(ChecksFirst|FailsToWrite) != 0:
				d.otherwise(e, t, int32(i))
			case e.Flags&event.Failed != 0:
				d.acquire(t, e.Addr)
				d.single(e.Addr, t, 0, int32(i))
			default:
				d.acquire(t, e.Addr)
				d.single(e.Addr, t, write, int32(i))
				d.release(t, e.Addr) // a store of the join
			}
		case event.Lock, event.TryLock, event.Unlock, event.RLock, event.TryRLock, event.RUnlock:
			if e.Addr != 0 {
				d.single(e.Addr, t, write, int32(i))
			}
		case event.Acquire:
			if e.Flags&event.Unsync == 0 {
				d.acquire(t, e.Addr)
			}
		case event.Release:
			if e.Flags&event.Unsync == 0 {
				d.release(t, e.Addr)
			}
		case event.ReleaseMerge:
			if e.Flags&event.Unsync == 0 {
				d.releaseMerge(t, e.Addr)
			}
		case event.ReleaseAcquire:
			if e.Flags&event.Unsync == 0 {
				d.releaseAcquire(t, e.Addr)
			}
		case event.Spawn:
			d.spawn(t, int32(e.Aux))
			g = 0
		case event.Exit, event.Stop:
			d.order.exit(t)
		case event.TimerFire:
			d.fire(e.Addr)
			g = 0
		case event.TimerDone:
			d.order.system = noLane
			g = 0
		case event.Adopt:
			d.adopt(e.G, e.Aux == 1)
			g = 0
		case event.Alloc:
			d.alloc(e.Addr, uint64(e.Size))
		}
	}
	d.log = nil
	return d.races
}

// report adds the race of two accesses to a word unless their places were
// reported before.
func (d *Detector) report(first, second int32, word uint64, mask uint32) {
	if d.every {
		if len(d.races) >= maxEvery {
			return
		}
	} else if len(d.races) >= d.limit || !d.pairs.add(d.log[first].PC, d.log[second].PC) {
		return
	}
	addr := word << 3
	for mask&1 == 0 && mask != 0 {
		mask >>= 1
		addr++
	}
	d.races = append(d.races, Race{first, second, addr})
}

// pairSlots is at least four times maxRaces: pairs is never more than a
// quarter full.
const pairSlots = 256

// pairs is the set of pairs of program counters reported in this run.
type pairs struct {
	gen  uint32
	slot [pairSlots]struct {
		a, b uint64
		gen  uint32
	}
}

func (p *pairs) reset() {
	p.gen++
	if p.gen == 0 {
		*p = pairs{gen: 1}
	}
}

// add reports whether the pair was not in the set.
func (p *pairs) add(a, b uint64) bool {
	if a > b {
		a, b = b, a
	}
	h := (a*3 + b) * 0x9e3779b97f4a7c15 >> 56
	for range pairSlots {
		s := &p.slot[h&(pairSlots-1)]
		if s.gen != p.gen {
			s.a, s.b, s.gen = a, b, p.gen
			return true
		}
		if s.a == a && s.b == b {
			return false
		}
		h++
	}
	return false
}
