package bench

import (
	"bytes"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ghostread/ghostread/freshmap/bench/generate"
	"github.com/ghostread/ghostread/freshmap/bench/latency"
)

// Every peer must do in every loop what a map does; a benchmark of a map that
// is used wrongly says nothing.
func TestPeersAreMaps(t *testing.T) {
	for _, p := range Peers() {
		for _, key := range []string{KeyInt, KeyString} {
			if p.Name == Floor {
				continue
			}
			t.Run(p.Name+"/"+key, func(t *testing.T) { testMap(t, p.make[key](), key) })
		}
	}
}

func testMap(t *testing.T, s subject, key string) {
	const n = 5000
	all := permuted(0, n, key, 1)
	counts := func(call string, q Sequence, want int) {
		t.Helper()
		if got, _ := s.reads(q); got != want {
			t.Errorf("%s: %d of %d keys are there, want %d", call, got, len(q.Ops), want)
		}
	}
	counts("empty", all, 0)
	s.insert(all)
	counts("after insert", all, n)
	counts("keys that never were", permuted(n, n, key, 1), 0)
	if _, sum := s.reads(all); sum != n*(n-1)/2 {
		t.Errorf("the sum of the values is %d, want %d", sum, n*(n-1)/2)
	}
	visited, sum := 0, 0
	s.each(func(v int) { visited++; sum += v })
	if visited != n || sum != n*(n-1)/2 {
		t.Errorf("each visited %d entries with the sum %d, want %d, %d", visited, sum, n, n*(n-1)/2)
	}
	s.removeAll(all.part(0, n/2))
	counts("first half after removeAll", all.part(0, n/2), 0)
	counts("second half after removeAll", all.part(n/2, n), n/2)

	// A mix against a plain map.
	const seed = 3
	mix := drawn(4*n, 0, n, key, Uniform, 50, true, seed)
	want := map[uint32]bool{}
	for _, op := range all.Ops[n/2:] {
		want[op] = true
	}
	found := 0
	for _, op := range mix.Ops {
		switch k := op & keyMask; op >> opShift {
		case opLoad:
			if want[k] {
				found++
			}
		case opStore:
			want[k] = true
		default:
			delete(want, k)
		}
	}
	if got, _ := s.mixed(mix); got != found {
		t.Errorf("seed %d: mixed found %d, want %d", seed, got, found)
	}
	counts("after mixed", all, len(want))

	var h latency.Histogram
	var done atomic.Int64
	s.timedInsert(all, latency.Wall, &h, &done)
	if h.Count() != n || done.Load() != n {
		t.Errorf("timedInsert recorded %d and published %d, want %d", h.Count(), done.Load(), n)
	}
	if _, ok := s.timedLoad(all, n/3, latency.Wall); !ok {
		t.Errorf("timedLoad does not find a key that is there")
	}
}

func TestPeersServeTwoGoroutines(t *testing.T) {
	for _, p := range Peers() {
		if p.Name == Floor || p.Name == "haxmap" { // haxmap v1.4.0 loses entries
			continue
		}
		s := p.make[KeyInt]()
		const n = 20000
		var wg sync.WaitGroup
		for w := range 2 {
			wg.Go(func() { s.insert(permuted(w*n, n, KeyInt, 9)) })
		}
		wg.Wait()
		if got, _ := s.reads(permuted(0, 2*n, KeyInt, 8)); got != 2*n {
			t.Errorf("%s: %d entries after two goroutines inserted, want %d", p.Name, got, 2*n)
		}
	}
}

func TestGeneratedLoopsAreCurrent(t *testing.T) {
	files, err := generate.Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from what go generate writes: %v", name, err)
		}
	}
}

func TestSequences(t *testing.T) {
	q := permuted(7, 3, KeyString, 1)
	seen := map[string]bool{}
	for i := range q.Ops {
		seen[q.text(i)] = true
	}
	for _, want := range []string{"user:000000000000007", "user:000000000000008", "user:000000000000009"} {
		if !seen[want] {
			t.Errorf("permuted(7, 3) has %v, want %s", seen, want)
		}
	}
	const seed, n = 5, 1000
	counts := map[uint32]int{}
	ops := [3]int{}
	for _, op := range drawn(100_000, 0, n, KeyInt, Zipf, 90, true, seed).Ops {
		counts[op&keyMask]++
		ops[op>>opShift]++
		if op&keyMask >= n {
			t.Fatalf("seed %d: key %d, want below %d", seed, op&keyMask, n)
		}
	}
	if counts[0] < 10_000 || counts[0] > 18_000 { // 1/zeta(1000) is 13 %
		t.Errorf("seed %d: the first key was drawn %d times of 100000, want about 13000", seed, counts[0])
	}
	if ops[opLoad] < 89_000 || ops[opLoad] > 91_000 || ops[opStore] < 4_500 || ops[opRemove] < 4_500 {
		t.Errorf("seed %d: %v loads, stores and deletes, want about 90, 5 and 5 thousand", seed, ops)
	}
}

func TestNames(t *testing.T) {
	c := Case{"Hits", 1_000_000, KeyInt, "dist=uniform"}
	name := c.Name("sync.Map")
	if want := "Hits/peer=sync.Map/size=1M/key=int/dist=uniform"; name != want {
		t.Errorf("Name = %s, want %s", name, want)
	}
	if got, want := Pattern(name), `^BenchmarkHits$/^peer=sync\.Map$/^size=1M$/^key=int$/^dist=uniform$`; got != want {
		t.Errorf("Pattern(%s) = %s, want %s", name, got, want)
	}
}
