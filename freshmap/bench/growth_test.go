package bench

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ghostread/ghostread/freshmap/bench/latency"
)

func BenchmarkLatency(b *testing.B) { each(b, "Latency", measureLatency) }
func BenchmarkMemory(b *testing.B)  { each(b, "Memory", measureMemory) }
func BenchmarkIterate(b *testing.B) { each(b, "Iterate", measureIterate) }

// measureLatency lets one goroutine insert and one look up what is there, and
// reports the time of single operations. One round is one growth.
func measureLatency(b *testing.B, c Case, p *Peer) {
	q := permuted(0, c.Size, c.Key, 4)
	now := latency.Wall
	if c.is("clock=cpu") {
		now = latency.Thread
	}
	var stores, loads latency.Histogram
	var lost int64
	for range b.N {
		lost += growTimed(p.make[c.Key](), q, now, &stores, &loads)
	}
	for name, h := range map[string]*latency.Histogram{"store": &stores, "load": &loads} {
		b.ReportMetric(float64(h.Quantile(0.5)), name+"-p50-ns")
		b.ReportMetric(float64(h.Quantile(0.99)), name+"-p99-ns")
		b.ReportMetric(float64(h.Quantile(0.999)), name+"-p99.9-ns")
		b.ReportMetric(float64(h.Max()), name+"-max-ns")
	}
	b.ReportMetric(float64(lost)/float64(b.N), "lost-loads")
	b.ReportMetric(float64(latency.Cost(now)), "clock-ns")
}

// growTimed returns how many loads did not find a key that was stored.
func growTimed(s subject, q Sequence, now func() int64, stores, loads *latency.Histogram) (lost int64) {
	var done atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		r := rand.New(rand.NewPCG(5, 5))
		sum := 0
		for {
			n := int(done.Load())
			if n == len(q.Ops) {
				sink.Add(int64(sum))
				return
			}
			if n == 0 {
				runtime.Gosched()
				continue
			}
			i := r.IntN(n)
			if q.Text != nil { // the key is in the cache before the clock starts
				sum += int(q.Text[i*textLen]) + int(q.Text[i*textLen+textLen-1])
			}
			took, ok := s.timedLoad(q, i, now)
			loads.Record(took)
			if !ok {
				lost++
			}
		}
	})
	runtime.LockOSThread()
	s.timedInsert(q, now, stores, &done)
	runtime.UnlockOSThread()
	wg.Wait()
	return lost
}

// measureMemory weighs a full map, what a collection costs while it lives, and
// what is left of it when 99 of 100 entries are gone.
func measureMemory(b *testing.B, c Case, p *Peer) {
	q := permuted(0, c.Size, c.Key, 6)
	n := float64(c.Size)
	for range b.N {
		empty := heap()
		s := p.make[c.Key]()
		s.insert(q)
		full := heap()
		b.ReportMetric(float64(int64(full.HeapAlloc-empty.HeapAlloc))/n, "B/entry")
		b.ReportMetric(float64(int64(full.HeapObjects-empty.HeapObjects))/n, "objects/entry")
		var wall, cpu []int64
		for range 5 {
			c0, w0 := cpuTime(), latency.Wall()
			runtime.GC()
			wall, cpu = append(wall, latency.Wall()-w0), append(cpu, cpuTime()-c0)
		}
		slices.Sort(wall)
		slices.Sort(cpu)
		b.ReportMetric(float64(wall[2]), "gc-ns")
		b.ReportMetric(float64(cpu[2]), "gc-cpu-ns")
		if c.Size <= 1_000_000 {
			s.removeAll(q.part(0, c.Size/100*99))
			left := heap()
			b.ReportMetric(float64(int64(left.HeapAlloc-empty.HeapAlloc))/n, "left-B/entry")
		}
		runtime.KeepAlive(s)
	}
	runtime.KeepAlive(q)
}

func heap() (m runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}

// measureIterate visits every entry, either undisturbed or while a writer
// inserts new keys in order. A view of one moment then has all keys up to some
// key: a key that is missing below the highest one seen is a hole.
func measureIterate(b *testing.B, c Case, p *Peer) {
	s := p.make[c.Key]()
	s.insert(permuted(0, c.Size, c.Key, 7))
	if c.is("writer=0") {
		var n, sum int
		cpu, rounds := cpuTime(), 0
		for b.Loop() {
			if rounds++; rounds == 1 {
				cpu = cpuTime()
			}
			s.each(func(v int) { n++; sum += v })
		}
		cpu = cpuTime() - cpu
		wall := b.Elapsed()
		sink.Add(int64(sum))
		if n != rounds*c.Size && p.Name != "haxmap" {
			b.Errorf("%s visited %d entries in %d rounds, want %d", c.Name(p.Name), n, rounds, rounds*c.Size)
		}
		b.ReportMetric(float64(wall)/float64(n), "ns/op")
		b.ReportMetric(float64(cpu)/float64(n), "cpu-ns/op")
		return
	}
	more := Sequence{Ops: make([]uint32, 3*c.Size)}
	for i := range more.Ops {
		more.Ops[i] = uint32(c.Size + i)
	}
	more = more.withText(c.Key)
	var took, visited, holes int64
	var stores latency.Histogram
	for round := range b.N {
		if round > 0 {
			s = p.make[c.Key]()
			s.insert(permuted(0, c.Size, c.Key, 7))
		}
		var stop atomic.Bool
		var wg sync.WaitGroup
		var started atomic.Int64
		wg.Go(func() {
			const step = 50
			for i := 0; i < len(more.Ops) && !stop.Load(); i += step {
				s.timedInsert(more.part(i, i+step), latency.Wall, &stores, &started)
			}
		})
		for started.Load() == 0 {
			runtime.Gosched()
		}
		var n, highest int64
		a := latency.Wall()
		s.each(func(v int) { n++; highest = max(highest, int64(v)) })
		took += latency.Wall() - a
		stop.Store(true)
		wg.Wait()
		visited += n
		holes += highest + 1 - n
	}
	b.ReportMetric(float64(took)/float64(visited), "ns/op")
	b.ReportMetric(float64(holes)/float64(b.N), "holes")
	b.ReportMetric(float64(stores.Max()), "writer-max-ns")
	b.ReportMetric(float64(stores.Quantile(0.999)), "writer-p99.9-ns")
}
