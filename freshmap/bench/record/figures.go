package record

import (
	"fmt"
	"math"
	"strings"

	"github.com/ghostread/ghostread/freshmap/bench"
	"github.com/ghostread/ghostread/freshmap/bench/result"
)

// A figure is a goal: a ratio of freshmap to another map.
type figure struct {
	text  string
	asked string
	// bound is what the ratio must not exceed.
	bound float64
	ratio result.Ratio
	ok    bool // measured
	note  string
}

func (f figure) met() string {
	switch {
	case !f.ok:
		return "not measured"
	case f.ratio.Mid <= f.bound:
		return "yes"
	}
	return "no"
}

func pointKey(workload string, size int, key, dist string, procs int) result.Key {
	c := bench.Case{Workload: workload, Size: size, Key: key, Variant: "dist=" + dist}
	return result.Key{Case: newJob(c, procs).name(), Peer: "freshmap", Procs: procs}
}

// caseKey is the key of a case that has no variant of keys.
func caseKey(workload string, size int, key, variant, peer string) result.Key {
	c := bench.Case{Workload: workload, Size: size, Key: key, Variant: variant}
	return result.Key{Case: newJob(c, 2).name(), Peer: peer, Procs: 2}
}

// figures are what was asked for before anything was measured.
func figures(s *result.Set) []figure {
	var out []figure
	add := func(text, asked string, bound float64, k result.Key, base, unit, note string) {
		r, ok := s.Compare(k, base, unit)
		out = append(out, figure{text, asked, bound, r, ok, note})
	}
	point := func(text, workload string, size int, bound float64) {
		add(fmt.Sprintf("%s at %s", text, bench.Size(size)), "", bound,
			pointKey(workload, size, bench.KeyInt, bench.Uniform, 2), "xsync", "cpu-ns/op", "")
	}
	point("hits", "Hits", 1_000, 1.05)
	point("hits", "Hits", 100_000, 0.95)
	point("hits", "Hits", 1_000_000, 0.7)
	for _, size := range []int{1_000, 100_000, 1_000_000, 10_000_000} {
		if _, ok := s.Median(pointKey("Misses", size, bench.KeyInt, bench.Uniform, 2), "cpu-ns/op"); ok || size <= 1_000_000 {
			point("misses", "Misses", size, 1.1)
		}
	}
	for _, w := range []struct{ text, name string }{{"90/10 with two writers", "R90"}, {"50/50 with two writers", "R50"}} {
		point(w.text, w.name, 1_000, 0.9)
		point(w.text, w.name, 1_000_000, 0.75)
	}
	add("bytes per entry at 1M", "", 0.65, caseKey("Memory", 1_000_000, bench.KeyInt, "", "freshmap"), "xsync", "B/entry", "")
	wall := caseKey("Latency", bench.GrowthSize, bench.KeyInt, "clock=wall", "freshmap")
	thread := caseKey("Latency", bench.GrowthSize, bench.KeyInt, "clock=cpu", "freshmap")
	pair := func(k result.Key, unit string) string {
		a, _ := s.Median(k, unit)
		k.Peer = "xsync"
		b, ok := s.Median(k, unit)
		if !ok {
			return ""
		}
		return duration(a) + " to " + duration(b)
	}
	for _, f := range []struct {
		text, asked, unit string
		bound             float64
	}{
		{"worst Store while growing to 4M", "≤ 1/100", "store-max-ns", 0.01},
		{"Store p99.9 while growing to 4M", "≤ 1", "store-p99.9-ns", 1},
	} {
		add(f.text+", on the wall", f.asked, f.bound, wall, "xsync", f.unit, pair(wall, f.unit))
		if _, ok := s.Median(thread, f.unit); ok {
			add(f.text+", of the thread", f.asked, f.bound, thread, "xsync", f.unit, pair(thread, f.unit))
		}
	}
	out = append(out, againstSync(s, "time of sync.Map, everywhere", 2, func(result.Key) bool { return true }))
	out = append(out, againstSync(s, "time of sync.Map, at 1M", 4, func(k result.Key) bool { return strings.Contains(k.Case, "/size=1M/") }))
	return out
}

// againstSync is the worst ratio to sync.Map over the cases of single
// operations.
func againstSync(s *result.Set, text string, times float64, in func(result.Key) bool) figure {
	f := figure{text: text, asked: fmt.Sprintf("≤ 1/%g", times), bound: 1 / times, ratio: result.Ratio{Mid: math.Inf(-1)}}
	cases := 0
	for _, k := range s.Cases() {
		k.Peer = "freshmap"
		if _, ok := s.Median(k, "cpu-ns/op"); !ok || !in(k) || strings.HasPrefix(k.Case, "Iterate") {
			continue
		}
		r, ok := s.Compare(k, "sync.Map", "cpu-ns/op")
		if !ok {
			continue
		}
		cases++
		if r.Mid > f.ratio.Mid {
			f.ratio, f.ok = r, true
			f.note = "worst: " + short(k)
		}
	}
	if f.ok {
		f.note += fmt.Sprintf(", of %d cases", cases)
	}
	return f
}

// short is a case as a person would say it.
func short(k result.Key) string {
	f := strings.Split(k.Case, "/")
	for i, part := range f {
		if name, v, ok := strings.Cut(part, "="); ok {
			f[i] = v
			if name == "clock" || name == "writer" {
				f[i] = name + " " + v
			}
		}
	}
	return fmt.Sprintf("%s, GOMAXPROCS %d", strings.Join(f, " "), k.Procs)
}

func duration(ns float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}} {
		if ns >= u.size {
			return three(ns/u.size) + " " + u.name
		}
	}
	return three(ns) + " ns"
}

// three writes three significant digits without an exponent.
func three(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 0.1 || a == 0:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.4f", v)
}
