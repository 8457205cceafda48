package detect

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/explore/event"
)

func TestSteadyStateAllocatesNothing(t *testing.T) {
	d := New()
	logs := [][]event.Event{serviceLog(1, 300, 5), serviceLog(2, 20_000, 100), crowd(64, 40), serviceLog(3, 300, 5)}
	for _, log := range logs {
		d.Run(log)
	}
	i := 0
	if n := testing.AllocsPerRun(100, func() {
		d.Run(logs[i%len(logs)])
		i++
	}); n != 0 {
		t.Errorf("Run allocates %v times per run over logs it has seen, want 0", n)
	}
}

// TestRunsDoNotKnowOfEachOther: nothing of a run is left for the next.
func TestRunsDoNotKnowOfEachOther(t *testing.T) {
	used, limit := New(), 1<<20
	used.limit = limit
	used.Run(serviceLog(1, 50_000, 300))
	for seed := range uint64(500) {
		log := randomLog(rand.New(rand.NewPCG(seed, 5)))
		fresh := New()
		fresh.limit = limit
		want := append([]Race(nil), fresh.Run(log)...)
		got := used.Run(log)
		if len(got) != len(want) {
			t.Fatalf("seed %d: %d races after other logs, %d in a new Detector", seed, len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("seed %d: race %d is %v after other logs, %v in a new Detector", seed, i, got[i], want[i])
			}
		}
	}
}

// TestGenerationsWrapAround: the stamps that replace clearing are 32 bits.
func TestGenerationsWrapAround(t *testing.T) {
	d := New()
	log := number([]event.Event{spawn(1, 2), ev(1, event.Write, x), ev(2, event.Write, x)})
	d.Run(log)
	d.memory.gen, d.order.gen, d.pairs.gen = ^uint32(0)-2, ^uint32(0)-2, ^uint32(0)-2
	for i := range 6 {
		if got := d.Run(log); len(got) != 1 {
			t.Fatalf("run %d around the end of the generations: %d races, want 1", i, len(got))
		}
	}
}

// TestIndexGrows: ranges can touch far more words than there are events.
func TestIndexGrows(t *testing.T) {
	const ranges = 40
	log := []event.Event{spawn(1, 2)}
	for i := range uint64(ranges) {
		log = append(log, sized(1, event.WriteRange, x+i<<12, bigWords*8))
	}
	for i := range uint64(ranges) {
		log = append(log, ev(2, event.Read, x+i<<12+8*i))
	}
	d := New()
	if got := d.Run(number(log)); len(got) != ranges || !d.Exact() {
		t.Errorf("%d races, exact %t; want %d, true", len(got), d.Exact(), ranges)
	}
	if d.memory.ncells != ranges*bigWords || d.memory.mask < 2*ranges*bigWords {
		t.Errorf("%d words in an index of %d slots", d.memory.ncells, d.memory.mask+1)
	}
}

// TestIdsOutOfRange: goroutine ids that the runtime core never gives are
// folded, and Exact says so.
func TestIdsOutOfRange(t *testing.T) {
	d := New()
	d.Run(number([]event.Event{ev(-1, event.Write, x), spawn(1<<30, -1<<31), ev(-1<<31, event.Write, y), ev(-1, event.Exit, 0)}))
	if d.Exact() || len(d.order.byID) > maxGoroutine {
		t.Errorf("exact %t with a table of %d ids; want false and at most %d", d.Exact(), len(d.order.byID), maxGoroutine)
	}
}

// crowd has many goroutines read a few words many times, and then one write
// each; they are not ordered.
func crowd(goroutines, rounds int) []event.Event {
	var log []event.Event
	for g := range goroutines {
		log = append(log, spawn(1, int32(g+2)))
	}
	for i := range rounds {
		for g := range goroutines {
			e := ev(int32(g+2), event.Read, x+8*uint64(i%3))
			e.PC = uint64(1000 + g)
			log = append(log, e)
		}
	}
	for i := range 3 {
		e := ev(1, event.Write, x+8*uint64(i))
		e.PC = uint64(i + 1)
		log = append(log, e)
	}
	return log
}

// TestManyReaders: a write is reported against every reader, and the readers
// are in a vector.
func TestManyReaders(t *testing.T) {
	const goroutines = 200
	var log []event.Event
	for g := range int32(goroutines) {
		log = append(log, spawn(1, g+2))
	}
	for range 3 {
		for g := range int32(goroutines) {
			log = append(log, ev(g+2, event.Read, x))
		}
	}
	log = append(log, ev(1, event.Write, x))
	d := New()
	d.limit = 1 << 20
	readers := map[int32]bool{}
	for _, r := range d.Run(number(log)) {
		readers[log[r.First].G] = true
	}
	if len(readers) != goroutines {
		t.Errorf("a write races with %d readers, %d were reported", goroutines, len(readers))
	}
	if d.memory.nnodes > 2*vectorAt {
		t.Errorf("%d readers of a word take %d list entries: no vector is used", goroutines, d.memory.nnodes)
	}
}

// TestOneReaderNotJoined: writes that are ordered after all readers but one
// race with that one, each of them.
func TestOneReaderNotJoined(t *testing.T) {
	const goroutines = 20
	for left := int32(2); left < goroutines+2; left++ {
		var log []event.Event
		for g := range int32(goroutines) {
			log = append(log, spawn(1, g+2))
		}
		want := map[[2]int32]bool{}
		for g := range int32(goroutines) {
			if g+2 == left {
				want[[2]int32{int32(len(log)), 4 * goroutines}] = true
				want[[2]int32{int32(len(log)), 4*goroutines + 1}] = true
			}
			log = append(log, ev(g+2, event.Read, x))
		}
		for g := range int32(goroutines) {
			k := event.ReleaseMerge
			if g+2 == left {
				k = event.Lock
			}
			log = append(log, ev(g+2, k, mu), ev(1, event.Acquire, mu))
		}
		log = append(log, ev(1, event.Write, x), ev(1, event.Write, x))
		d := New()
		got := map[[2]int32]bool{}
		for _, r := range d.Run(number(log)) {
			got[[2]int32{r.First, r.Second}] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("reader %d not joined (-want +got):\n%s", left, diff)
		}
	}
}

// randomCrowd makes longer logs with more goroutines and fewer words than
// randomLog: vectors, clocks of more than one class, lanes taken over.
func randomCrowd(r *rand.Rand) []event.Event {
	var log []event.Event
	live := []int32{1}
	next := int32(2)
	n := 100 + r.IntN(150)
	for len(log) < n {
		e := event.Event{G: live[r.IntN(len(live))], PC: uint64(len(log) + 1), Stack: -1, Addr: x + 8*r.Uint64N(2)}
		switch k := r.IntN(40); {
		case k < 18:
			e.Kind = event.Read
		case k < 20:
			e.Kind, e.Size = event.ReadRange, uint32(1+r.IntN(20))
		case k < 21:
			e.Kind = event.Write
		case k < 22:
			e.Kind = event.AtomicLoad
		case k < 28:
			if len(live) > 24 {
				continue
			}
			e.Kind, e.Aux = event.Spawn, uint64(next)
			live = append(live, next)
			next++
		case k < 32:
			if e.G == 1 {
				continue
			}
			if r.IntN(2) == 0 {
				log = append(log, event.Event{G: e.G, Kind: event.ReleaseMerge, Addr: mu, PC: e.PC})
				e.PC++
			}
			e.Kind = event.Exit
			for i := range live {
				if live[i] == e.G {
					live = append(live[:i], live[i+1:]...)
					break
				}
			}
		case k < 33:
			e.Kind, e.Size = event.Alloc, uint32(1+r.IntN(16))
		case k < 36:
			e.Kind, e.Addr = event.Acquire, mu
		default:
			e.Kind, e.Addr = event.Acquire+event.Kind(r.IntN(4)), mu+8*r.Uint64N(3)
		}
		log = append(log, e)
	}
	return log
}

func TestRunOfCrowdsAgreesWithReachability(t *testing.T) {
	d := New()
	d.limit = 1 << 20
	logs := uint64(2000)
	if testing.Short() {
		logs = 200
	}
	reused := 0
	for seed := range logs {
		log := randomCrowd(rand.New(rand.NewPCG(seed, 6)))
		if err := check(d, log); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, dump(log))
		}
		goroutines := int32(1)
		for i := range log {
			if log[i].Kind == event.Spawn {
				goroutines++
			}
		}
		if d.order.n < goroutines {
			reused++
		}
	}
	if reused < int(logs)/10 {
		t.Errorf("lanes were taken over in %d of %d logs: the generator has lost its balance", reused, logs)
	}
}

// TestForkAndJoinNeedsFewLanes: a test that starts and joins goroutines all
// the time must not make clocks long.
func TestForkAndJoinNeedsFewLanes(t *testing.T) {
	var log []event.Event
	for g := int32(2); g < 20_000; g++ {
		log = append(log, spawn(1, g), ev(g, event.Write, x), ev(g, event.ReleaseMerge, mu), ev(g, event.Exit, 0), ev(1, event.Acquire, mu), ev(1, event.Write, x))
	}
	d := New()
	if got := d.Run(number(log)); len(got) != 0 || d.order.n > 4 || !d.Exact() {
		t.Errorf("%d races, %d lanes, exact %t; want 0, at most 4, true", len(got), d.order.n, d.Exact())
	}
}

// TestBeyondTheLimits: no panic, no race where there is none, and Exact says
// that some may be missing.
func TestBeyondTheLimits(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	tests := []struct {
		name string
		log  func() []event.Event
	}{
		{"too many goroutines at once, all ordered by a mutex", func() []event.Event {
			var log []event.Event
			for g := int32(2); g < 3*maxLanes; g++ {
				log = append(log, spawn(1, g))
			}
			for round := range 3 {
				for g := int32(2); g < 3*maxLanes; g++ {
					log = append(log, ev(g, event.Acquire, mu), ev(g, event.Write, x+8*uint64(round)), ev(g, event.Release, mu))
				}
			}
			return log
		}},
		{"too many ended and not joined", func() []event.Event {
			var log []event.Event
			for g := int32(2); g < 3*maxLanes; g++ {
				log = append(log, spawn(1, g), ev(g, event.Acquire, mu), ev(g, event.Write, x), ev(g, event.Release, mu), ev(g, event.Write, y+8*uint64(g)), ev(g, event.Exit, 0))
			}
			return log
		}},
		{"too many words", func() []event.Event {
			log := []event.Event{spawn(1, 2)}
			for i := range uint64(maxItems + 10) {
				log = append(log, ev(1, event.Write, x+8*i))
			}
			log = append(log, ev(1, event.Release, mu-8), ev(2, event.Acquire, mu-8))
			for i := range uint64(100) {
				log = append(log, ev(2, event.Write, x+8*(maxItems-50+i)))
			}
			return log
		}},
		{"too many objects", func() []event.Event {
			log := []event.Event{spawn(1, 2)}
			for i := range uint64(maxItems + 10) {
				log = append(log, ev(1, event.Write, x), ev(1, event.Release, mu+i))
			}
			return append(log, ev(2, event.Acquire, mu+maxItems+9), ev(2, event.Write, x))
		}},
		{"clocks that fill the arena", func() []event.Event {
			var log []event.Event
			for g := int32(2); g < 1500; g++ {
				log = append(log, spawn(1, g))
			}
			for i := range uint64(20_000) {
				g := int32(2 + i%1498)
				log = append(log, ev(g, event.Acquire, mu+8*(i-1)), ev(g, event.Write, x), ev(g, event.ReleaseMerge, mu+8*i))
			}
			return log
		}},
		{"too many buffers", func() []event.Event {
			log := []event.Event{spawn(1, 2)}
			for i := range uint64(maxBig + 10) {
				log = append(log, sized(1, event.WriteRange, 1<<40+i<<20, 1<<19))
			}
			log = append(log, ev(1, event.Release, mu), ev(2, event.Acquire, mu))
			for i := range uint64(maxBig + 10) {
				log = append(log, sized(2, event.ReadRange, 1<<40+i<<20, 1<<19))
			}
			return log
		}},
	}
	d := New()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := d.Run(number(tt.log()))
			if len(got) != 0 || d.Exact() {
				t.Errorf("%d races, exact %t; want 0, false", len(got), d.Exact())
			}
		})
	}
}

// TestLateTimers: timer functions that run for the first time when all lanes
// are taken make no goroutine forget what it knows.
func TestLateTimers(t *testing.T) {
	var log []event.Event
	for g := int32(2); g < 2*maxLanes; g++ {
		log = append(log, ev(1, event.Write, x+16*uint64(g)), spawn(1, g))
	}
	for range 2 * maxLanes {
		log = append(log, ev(0, event.TimerFire, y), ev(0, event.TimerDone, y))
	}
	for g := int32(2); g < 2*maxLanes; g++ {
		log = append(log, ev(g, event.Write, x+16*uint64(g)))
	}
	if races := New().Run(number(log)); len(races) != 0 {
		t.Errorf("%d races, the first is %v; want none", len(races), races[0])
	}
}

// TestLostObjects: a lock for whose clock there is no room any more orders all
// the same. Its users are many, so that the clock grows, and so are the locks.
func TestLostObjects(t *testing.T) {
	for _, kind := range []event.Kind{event.Release, event.ReleaseMerge} {
		var log []event.Event
		lock := func(g int32, mu uint64, what ...event.Event) {
			log = append(log, ev(g, event.Acquire, mu))
			log = append(log, what...)
			log = append(log, ev(g, kind, mu))
		}
		lock(1, mu, ev(1, event.Write, x)) // a small clock, for which there is room
		lock(1, mu+8, ev(1, event.Write, x+64))
		const users = 2000
		for g := int32(2); g < users; g++ {
			log = append(log, spawn(1, g))
		}
		for g := int32(2); g < users; g++ {
			log = append(log, ev(g, event.Write, x+1<<20+8*uint64(g))) // keeps its lane
		}
		for i := range uint64(6000) { // 8 KB each
			log = append(log, ev(users-1, event.Release, mu+1<<20+64*i))
		}
		for g := int32(2); g < users; g++ {
			lock(g, mu, ev(g, event.Write, x))
			lock(users-g+1, mu+8, ev(users-g+1, event.Write, x+64))
		}
		d := New()
		if races := d.Run(number(log)); len(races) != 0 {
			t.Errorf("%v: %d races, the first is %v; want none", kind, len(races), races[0])
		}
		if d.Exact() {
			t.Errorf("%v: there was room for everything: the test shows nothing", kind)
		}
	}
}

// TestMemoryOfLargeLogs holds Run to 150 MB on top of a log of 1M events.
func TestMemoryOfLargeLogs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	tests := []struct {
		name string
		make func(i uint64, e *event.Event)
	}{
		{"an ordinary service", nil},
		{"every write its own word", func(i uint64, e *event.Event) {
			e.G, e.Kind, e.Addr = int32(1+i%50), event.Write, x+8*i
		}},
		{"every release its own object", func(i uint64, e *event.Event) {
			e.G, e.Kind, e.Addr = int32(1+i%8), event.Release, x+8*i
		}},
		{"structs", func(i uint64, e *event.Event) {
			e.G, e.Kind, e.Addr, e.Size = int32(1+i%50), event.WriteRange, x+24*i, 24
		}},
		{"ten thousand goroutines and a thousand mutexes", func(i uint64, e *event.Event) {
			*e = ev(int32(1+i%10_000), event.Acquire+event.Kind(i%3), mu+64*(i*7919%1000))
		}},
		{"goroutines that start goroutines", func(i uint64, e *event.Event) {
			*e = spawn(int32(1+i), int32(2+i))
		}},
		{"reads by a thousand goroutines of a thousand words", func(i uint64, e *event.Event) {
			*e = ev(int32(1+i%1000), event.Read, x+8*(i/1000))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			log := serviceLog(1, 1_000_000, 50)
			if tt.make != nil {
				for i := range log {
					log[i] = event.Event{}
					tt.make(uint64(i), &log[i])
				}
			}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			d := New()
			d.Run(log)
			runtime.ReadMemStats(&after)
			// All that was ever allocated, as the collector may be off.
			if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 150 {
				t.Errorf("Run allocated %d MB, want at most 150", got)
			} else {
				t.Logf("%d MB, exact %t", got, d.Exact())
			}
			runtime.KeepAlive(d)
		})
	}
}

// FuzzRun feeds arbitrary events: ids that nobody spawned, negative and huge
// ones, ranges beyond the end of the address space, timers that never fired.
// Run must not panic, must not report nonsense, and its memory is bounded by
// construction.
func FuzzRun(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(encode(randomLog(rand.New(rand.NewPCG(seed, 7)))))
	}
	d := New()
	f.Fuzz(func(t *testing.T, data []byte) {
		log := decode(data)
		for _, r := range d.Run(log) {
			if r.First < 0 || r.First >= r.Second || int(r.Second) >= len(log) {
				t.Fatalf("Run reported %v in a log of %d events", r, len(log))
			}
			if !accesses(log[r.First].Kind) || !accesses(log[r.Second].Kind) {
				t.Fatalf("Run reported %v, which are no accesses", r)
			}
			Classify(log, r, functionNameAny)
		}
	})
}

func accesses(k event.Kind) bool { return k.IsMemory() || k.IsLock() }

func functionNameAny(pc uint64) string { return functions[pc%uint64(len(functions))] }

const recordSize = 16

// encode packs logs with small numbers; decode spreads the extremes.
func encode(log []event.Event) []byte {
	var b []byte
	for _, e := range log {
		b = append(b, byte(e.Kind), byte(e.Flags), byte(e.G), byte(e.G>>8))
		b = binary.LittleEndian.AppendUint32(b, uint32(e.Addr))
		b = binary.LittleEndian.AppendUint32(b, e.Size)
		b = binary.LittleEndian.AppendUint32(b, uint32(e.Aux))
	}
	return b
}

func decode(b []byte) []event.Event {
	var log []event.Event
	for ; len(b) >= recordSize && len(log) < 5000; b = b[recordSize:] {
		e := event.Event{Kind: event.Kind(b[0]), Flags: event.Flags(b[1]), PC: uint64(len(log))}
		e.G = int32(int16(binary.LittleEndian.Uint16(b[2:])))
		if e.G > 1<<14 {
			e.G <<= 16
		}
		a := binary.LittleEndian.Uint32(b[4:])
		e.Addr = uint64(a)
		if a >= 1<<31 {
			e.Addr = -uint64(a &^ (1 << 31))
		}
		e.Size = binary.LittleEndian.Uint32(b[8:])
		e.Aux = uint64(int64(int32(binary.LittleEndian.Uint32(b[12:]))))
		log = append(log, e)
	}
	return log
}
