package bench

import (
	"fmt"
	"strings"
)

// A Case is one workload at one size.
type Case struct {
	Workload string // the name of the benchmark function
	Size     int    // entries
	Key      string // KeyInt or KeyString
	Variant  string // "dist=zipf", "writer=1", "clock=cpu" or ""
}

// Mixes are the workloads of loads and writes: the share of loads of a
// hundred, and whether half of the writes delete. R stands for a range of keys
// that is half full, U for overwriting what is there.
var Mixes = []struct {
	Name    string
	Reads   int
	Deletes bool
}{
	{"R99", 99, true}, {"R90", 90, true}, {"R75", 75, true}, {"R50", 50, true},
	{"U90", 90, false}, {"U50", 50, false},
}

func isMix(workload string) bool {
	for _, m := range Mixes {
		if m.Name == workload {
			return true
		}
	}
	return false
}

// GrowthSize is the number of entries that the latency is measured up to.
const GrowthSize = 4_000_000

// Sizes of the maps. The last one is only measured when asked for.
var sizes = []int{1_000, 100_000, 1_000_000, 10_000_000}

// Cases returns every case, those of ten million entries only if big.
func Cases(big bool) []Case {
	var all []Case
	point := []string{"Hits", "Misses"}
	for _, m := range Mixes {
		point = append(point, m.Name)
	}
	for _, size := range sizes {
		if size > 1_000_000 && !big {
			continue
		}
		for _, key := range []string{KeyInt, KeyString} {
			for _, w := range point {
				for _, dist := range []string{Uniform, Zipf} {
					all = append(all, Case{w, size, key, "dist=" + dist})
				}
			}
			all = append(all, Case{"Grow", size, key, ""})
			if size >= 100_000 {
				all = append(all, Case{"Memory", size, key, ""}, Case{"Iterate", size, key, "writer=0"}, Case{"Iterate", size, key, "writer=1"})
			}
		}
	}
	for _, key := range []string{KeyInt, KeyString} {
		for _, clock := range []string{"wall", "cpu"} {
			all = append(all, Case{"Latency", GrowthSize, key, "clock=" + clock})
		}
	}
	return all
}

// Name is the name of the benchmark of a peer, as benchstat reads it.
func (c Case) Name(peer string) string { return c.Workload + "/" + c.sub(peer) }

func (c Case) sub(peer string) string {
	s := fmt.Sprintf("peer=%s/size=%s/key=%s", peer, Size(c.Size), c.Key)
	if c.Variant != "" {
		s += "/" + c.Variant
	}
	return s
}

func (c Case) is(variant string) bool { return c.Variant == variant }

// Size writes a number of entries as 1k, 100k or 4M.
func Size(n int) string {
	switch {
	case n >= 1_000_000 && n%1_000_000 == 0:
		return fmt.Sprintf("%dM", n/1_000_000)
	case n >= 1_000 && n%1_000 == 0:
		return fmt.Sprintf("%dk", n/1_000)
	}
	return fmt.Sprint(n)
}

// Pattern returns what to give to go test -bench for exactly this benchmark.
func Pattern(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		p = strings.ReplaceAll(p, ".", `\.`)
		if i == 0 {
			p = "Benchmark" + p
		}
		parts[i] = "^" + p + "$"
	}
	return strings.Join(parts, "/")
}
