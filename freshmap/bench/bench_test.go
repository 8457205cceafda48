package bench

import (
	"flag"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

var big = flag.Bool("big", false, "benchmarks: ten million entries too")

func BenchmarkHits(b *testing.B)   { each(b, "Hits", point) }
func BenchmarkMisses(b *testing.B) { each(b, "Misses", point) }
func BenchmarkR99(b *testing.B)    { each(b, "R99", point) }
func BenchmarkR90(b *testing.B)    { each(b, "R90", point) }
func BenchmarkR75(b *testing.B)    { each(b, "R75", point) }
func BenchmarkR50(b *testing.B)    { each(b, "R50", point) }
func BenchmarkU90(b *testing.B)    { each(b, "U90", point) }
func BenchmarkU50(b *testing.B)    { each(b, "U50", point) }
func BenchmarkGrow(b *testing.B)   { each(b, "Grow", grow) }

func each(b *testing.B, workload string, run func(*testing.B, Case, *Peer)) {
	for _, p := range Peers() {
		for _, c := range Cases(*big) {
			if c.Workload != workload || !p.Takes(workload) {
				continue
			}
			b.Run(c.sub(p.Name), func(b *testing.B) {
				if why := LeftOut(p.Name, c); why != "" {
					b.Skip(why)
				}
				run(b, c, p)
			})
		}
	}
}

// A filled map outlives the runs of one benchmark with growing b.N; the next
// benchmark drops it.
var filled struct {
	name string
	s    subject
	q    Sequence
}

func prepare(c Case, p *Peer) (subject, Sequence) {
	if filled.name == c.Name(p.Name) {
		return filled.s, filled.q
	}
	filled.s, filled.q = nil, Sequence{}
	runtime.GC()
	length := 1 << 16
	for length < 2*c.Size && length < 1<<24 {
		length *= 2
	}
	dist := c.Variant[len("dist="):]
	keys, first, reads, deletes := c.Size, 0, 100, false
	for _, m := range Mixes {
		if m.Name == c.Workload {
			reads, deletes = m.Reads, m.Deletes
		}
	}
	if deletes {
		keys *= 2
	}
	q := drawn(length, first, keys, c.Key, dist, reads, deletes, 1)
	if c.Workload == "Misses" {
		q = drawn(length, keys, keys, c.Key, dist, reads, deletes, 1)
	}
	s := p.make[c.Key]()
	if p.Name != Floor {
		s.insert(permuted(0, keys, c.Key, 2).part(0, c.Size))
	}
	filled.name, filled.s, filled.q = c.Name(p.Name), s, q
	return s, q
}

var sink atomic.Int64

func point(b *testing.B, c Case, p *Peer) {
	s, q := prepare(c, p)
	loop := s.mixed
	if c.Workload == "Hits" || c.Workload == "Misses" {
		loop = s.reads
	}
	workers := runtime.GOMAXPROCS(0)
	if b.N > 1 {
		loop(q.part(0, min(b.N, 1<<16))) // the code, the stack and what a map puts off to its first use
	}
	var found atomic.Int64
	b.ResetTimer()
	cpu := cpuTime()
	parallel(workers, b.N, func(w, n int) {
		i := w * (len(q.Ops) / workers)
		for n > 0 {
			j := min(i+n, len(q.Ops))
			f, sum := loop(q.part(i, j))
			found.Add(int64(f))
			sink.Add(int64(sum))
			n -= j - i
			i = 0
		}
	})
	cpu = cpuTime() - cpu
	b.StopTimer()
	b.ReportMetric(float64(cpu)/float64(b.N), "cpu-ns/op")
	switch f := int(found.Load()); {
	case p.Name == Floor:
	case c.Workload == "Hits" && f != b.N, c.Workload == "Misses" && f != 0:
		b.ReportMetric(float64(b.N-f), "wrong")
		if p.Name != "haxmap" {
			b.Errorf("%s: %d of %d loads found their key", c.Name(p.Name), f, b.N)
		}
	}
}

// parallel splits n operations over goroutines.
func parallel(workers, n int, work func(w, n int)) {
	var wg sync.WaitGroup
	for w := range workers {
		share := n / workers
		if w < n%workers {
			share++
		}
		if w == workers-1 {
			work(w, share)
		} else {
			wg.Go(func() { work(w, share) })
		}
	}
	wg.Wait()
}

// grow counts one insert as one operation; a round of the benchmark is a map
// from empty to full.
func grow(b *testing.B, c Case, p *Peer) {
	q := permuted(0, c.Size, c.Key, 3)
	workers := runtime.GOMAXPROCS(0)
	var before, after runtime.MemStats
	rounds := 0
	var last subject
	runtime.ReadMemStats(&before)
	cpu, wall := cpuTime(), b.Elapsed()
	for b.Loop() {
		if rounds++; rounds == 1 { // b.Loop starts the clock
			cpu, wall = cpuTime(), b.Elapsed()
		}
		s := p.make[c.Key]()
		last = s
		parallel(workers, c.Size, func(w, _ int) {
			s.insert(q.part(w*c.Size/workers, (w+1)*c.Size/workers))
		})
	}
	cpu, wall = cpuTime()-cpu, b.Elapsed()-wall
	runtime.ReadMemStats(&after)
	n := float64(rounds * c.Size)
	b.ReportMetric(float64(wall)/n, "ns/op")
	b.ReportMetric(float64(cpu)/n, "cpu-ns/op")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/n, "B/insert")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/n, "allocs/insert")
	found, _ := last.reads(q)
	b.ReportMetric(float64(c.Size-found), "lost-entries")
	if found != c.Size && p.Name != "haxmap" {
		b.Errorf("%s: %d entries are there, want %d", c.Name(p.Name), found, c.Size)
	}
}
