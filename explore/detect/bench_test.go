package detect

import (
	"math/rand/v2"
	"testing"

	"github.com/ghostread/ghostread/explore/event"
)

// serviceLog looks like the log of an ordinary test of the given length:
// goroutines that share a few objects under mutexes, channels and atomics,
// work on memory of their own, allocate, and start and join helpers.
func serviceLog(seed uint64, events, goroutines int) []event.Event {
	r := rand.New(rand.NewPCG(seed, 2))
	log := make([]event.Event, 0, events+16)
	add := func(g int32, k event.Kind, addr uint64, size uint32, aux uint64) {
		log = append(log, event.Event{G: g, Kind: k, Addr: addr, Size: size, Aux: aux, PC: 0x400000 + addr%97*4 + uint64(k), Stack: -1})
	}
	for g := 2; g <= goroutines; g++ {
		add(1, event.Spawn, 0, 0, uint64(g))
	}
	heap := uint64(0xc000100000)
	own := make([]uint64, goroutines+1)
	for g := range own {
		own[g] = heap
		heap += 256
	}
	for len(log) < events {
		g := int32(1 + r.IntN(goroutines))
		switch r.IntN(8) {
		case 0: // a critical section: the mutex's state word, then the data
			m := 0xc000010000 + 64*r.Uint64N(4)
			add(g, event.Lock, m, 0, 0)
			add(g, event.Acquire, m, 0, 0)
			add(g, event.Read, m+16, 0, 0)
			add(g, event.ReadRange, m+24, 16, 0)
			add(g, event.Write, m+16, 0, 0)
			add(g, event.Unlock, m, 0, 0)
			add(g, event.ReleaseMerge, m, 0, 0)
		case 1: // a buffered channel
			c := 0xc000020000 + 8*r.Uint64N(8)
			add(g, event.ChanSend, c, 0, 0)
			add(g, event.Read, c&^63, 0, 0)
			add(g, event.ReleaseAcquire, c, 0, 0)
		case 2:
			v := 0xc000030000 + 8*r.Uint64N(4)
			add(g, event.AtomicRMW, v, 0, 0)
		case 3:
			v := 0xc000030000 + 8*r.Uint64N(4)
			add(g, event.AtomicLoad, v, 0, 0)
		case 4: // a new object and its fields
			size := uint64(16 + 16*r.IntN(6))
			add(g, event.Alloc, heap, uint32(size), 0)
			add(g, event.WriteRange, heap, 24, 0)
			add(g, event.Read, heap+8, 0, 0)
			own[g] = heap
			if heap += size; heap > 0xc000100000+uint64(events)*8 {
				heap = 0xc000100000
			}
		default:
			p := own[g]
			add(g, event.Read, p, 0, 0)
			add(g, event.Read, p+8, 0, 0)
			add(g, event.Write, p+8, 0, 0)
		}
	}
	return log[:events]
}

// vectorDetector is the peer: the textbook detector with full vector clocks,
// Go maps and a list of accesses for each word. It knows the events of
// serviceLog, not timers, finalizers or Unsync.
type vectorDetector struct {
	clocks map[int32][]uint32
	syncs  map[uint64][]uint32
	cells  map[uint64][]vectorAccess
	races  int
}

type vectorAccess struct {
	g      int32
	mask   uint8
	write  bool
	atomic bool
	clk    uint32
}

func (d *vectorDetector) join(a, b []uint32) []uint32 {
	for len(a) < len(b) {
		a = append(a, 0)
	}
	for i, x := range b {
		a[i] = max(a[i], x)
	}
	return a
}

func (d *vectorDetector) run(log []event.Event) int {
	*d = vectorDetector{clocks: map[int32][]uint32{}, syncs: map[uint64][]uint32{}, cells: map[uint64][]vectorAccess{}}
	for i := range log {
		e := &log[i]
		me := d.clocks[e.G]
		if int(e.G) >= len(me) {
			me = d.join(make([]uint32, e.G+1), me)
			me[e.G] = 1
		}
		switch e.Kind {
		case event.Spawn:
			child := d.join(make([]uint32, e.Aux+1), me)
			child[e.Aux] = 1
			d.clocks[int32(e.Aux)] = child
			me[e.G]++
		case event.Acquire, event.AtomicLoad:
			me = d.join(me, d.syncs[e.Addr])
		case event.Release, event.AtomicStore:
			d.syncs[e.Addr] = append(d.syncs[e.Addr][:0], me...)
			me[e.G]++
		case event.ReleaseMerge:
			d.syncs[e.Addr] = d.join(d.syncs[e.Addr], me)
			me[e.G]++
		case event.ReleaseAcquire:
			old := append([]uint32(nil), me...)
			me = d.join(me, d.syncs[e.Addr])
			d.syncs[e.Addr] = old
			me[e.G]++
		case event.AtomicRMW:
			me = d.join(me, d.syncs[e.Addr])
			d.syncs[e.Addr] = d.join(d.syncs[e.Addr], me)
			me[e.G]++
		case event.Alloc:
			for w := e.Addr >> 3; w <= (e.Addr+uint64(e.Size)-1)>>3; w++ {
				delete(d.cells, w)
				delete(d.syncs, w<<3)
			}
		}
		d.clocks[e.G] = me
		lo, hi := bytesOf(e)
		for at := lo; at <= hi; {
			w := at >> 3
			mask := uint8(0)
			for ; at <= hi && at>>3 == w; at++ {
				mask |= 1 << (at & 7)
			}
			d.access(w, vectorAccess{e.G, mask, e.Kind.IsWrite(), e.Kind.IsAtomic(), me[e.G]}, me)
		}
	}
	return d.races
}

func (d *vectorDetector) access(w uint64, a vectorAccess, me []uint32) {
	cell := d.cells[w]
	kept := false
	for j := range cell {
		x := &cell[j]
		if x.g == a.g {
			if x.write == a.write && x.mask == a.mask && x.atomic == a.atomic {
				x.clk = a.clk
				kept = true
			}
			continue
		}
		if x.mask&a.mask == 0 || !x.write && !a.write || x.atomic && a.atomic {
			continue
		}
		if int(x.g) >= len(me) || x.clk > me[x.g] {
			d.races++
		}
	}
	if !kept {
		d.cells[w] = append(cell, a)
	}
}

// bench takes turns between several logs, lest the branch predictor learn one.
func bench(b *testing.B, events, goroutines int, run func(log []event.Event)) {
	logs := make([][]event.Event, max(1, min(32, 100_000/events)))
	for i := range logs {
		logs[i] = serviceLog(uint64(i), events, goroutines)
		run(logs[i])
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		run(logs[i%len(logs)])
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(events), "ns/event")
}

func BenchmarkRun(b *testing.B) {
	for _, bb := range []struct {
		name               string
		events, goroutines int
	}{
		{"events=300", 300, 5},
		{"events=600", 600, 8},
		{"events=10k", 10_000, 20},
		{"events=1M", 1_000_000, 50},
	} {
		b.Run(bb.name+"/ghostread", func(b *testing.B) {
			d := New()
			bench(b, bb.events, bb.goroutines, func(log []event.Event) { d.Run(log) })
		})
		b.Run(bb.name+"/vectors", func(b *testing.B) {
			d := new(vectorDetector)
			bench(b, bb.events, bb.goroutines, func(log []event.Event) { d.run(log) })
		})
	}
}
