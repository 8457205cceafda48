package record

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/freshmap/bench"
	"github.com/ghostread/ghostread/freshmap/bench/result"
)

// peers of the tables of single operations, in order.
func pointPeers(s *result.Set, floor bool) []string {
	var out []string
	for _, p := range bench.Peers() {
		if (!p.Takes("Grow") && !(floor && p.Name == bench.Floor)) || !slices.ContainsFunc(s.Lines, func(l result.Line) bool { return l.Peer == p.Name }) {
			continue
		}
		out = append(out, p.Name)
	}
	return out
}

// markdown is the generated part of the document.
func markdown(a About, s *result.Set, stat string) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("%s, %s, %d cores shared with other work, %s, commit %s.", a.Date, a.CPU, a.Cores, a.Go, a.Commit)
	p("Peers: %s, sync.Map, one map under an RWMutex, and 64 of them.", strings.Join(a.Modules, ", "))
	p("Medians of up to %d repetitions (%s run of %s), each in a process of its own, interleaved, the peers in another order each time.", a.Reps, a.Mode, a.Took)
	p("ns are processor time of the whole process per operation, garbage collection included, unless it says otherwise; as many goroutines work as GOMAXPROCS says.")
	p("")
	p("### What was asked for")
	p("")
	p("Ratios to xsync, int keys, uniform, GOMAXPROCS 2, unless it says otherwise. The range is that of single repetitions.")
	p("")
	p("| | asked | measured | range | met |")
	p("|---|---|---|---|---|")
	for _, f := range figures(s) {
		asked, got, spread := f.asked, "", ""
		if asked == "" {
			asked = fmt.Sprintf("≤ %g", f.bound)
		}
		if f.ok {
			got, spread = three(f.ratio.Mid), three(f.ratio.Low)+"–"+three(f.ratio.High)
			if f.note != "" {
				got += " (" + f.note + ")"
			}
		}
		p("| %s | %s | %s | %s | %s |", f.text, asked, got, spread, f.met())
	}
	p("")
	p("![Time per operation over the number of entries](freshmap/size.svg)")
	p("")
	points(p, s)
	losses(p, s)
	growth(p, s)
	memory(p, s)
	iteration(p, s)
	leftOut(p, a)
	if stat != "" {
		p("### benchstat")
		p("")
		p("The repetitions are in [freshmap/bench/results](../freshmap/bench/results/bench.txt).")
		p("")
		p("<details><summary>xsync, sync.Map and freshmap</summary>")
		p("")
		p("```text")
		p("%s", strings.TrimRight(stat, "\n"))
		p("```")
		p("")
		p("</details>")
	}
	return b.String()
}

type printer func(format string, args ...any)

// row prints the values of peers with their ratio to xsync, and reports
// whether there was one.
func row(p printer, title string, peers []string, s *result.Set, k result.Key, unit string) bool {
	cells := []string{title}
	any := false
	for _, peer := range peers {
		k.Peer = peer
		v, ok := s.Median(k, unit)
		if !ok {
			cells = append(cells, "")
			continue
		}
		any = true
		cell := three(v)
		if r, ok := s.Compare(k, "xsync", unit); ok && peer != "xsync" && peer != bench.Floor {
			cell += fmt.Sprintf(" (%.2f)", r.Mid)
		}
		if peer == "freshmap" {
			cell = "**" + cell + "**"
		}
		cells = append(cells, cell)
	}
	if any {
		p("| %s |", strings.Join(cells, " | "))
	}
	return any
}

func header(p printer, first string, peers []string) {
	p("| %s | %s |", first, strings.Join(peers, " | "))
	p("|---|%s", strings.Repeat("---|", len(peers)))
}

var names = map[string]string{
	"Hits": "hits", "Misses": "misses", "R99": "99/1", "R90": "90/10", "R75": "75/25", "R50": "50/50",
	"U90": "90/10 overwriting", "U50": "50/50 overwriting", "Grow": "insert",
}

func points(p printer, s *result.Set) {
	peers := pointPeers(s, true)
	p("### Single operations")
	p("")
	p("ns, and the ratio to xsync. `99/1` to `50/50`: Loads and, half and half, Stores and Deletes of keys of which half are there. `insert`: from an empty map to that size.")
	p("`floor` is the loop and a call.")
	p("")
	for _, t := range []struct {
		title, key, dist string
		procs            int
	}{
		{"int keys, GOMAXPROCS 2", bench.KeyInt, bench.Uniform, 2},
		{"string keys (20 bytes), GOMAXPROCS 2", bench.KeyString, bench.Uniform, 2},
		{"int keys drawn by Zipf's law (0.99), GOMAXPROCS 2", bench.KeyInt, bench.Zipf, 2},
		{"int keys, GOMAXPROCS 1", bench.KeyInt, bench.Uniform, 1},
		{"string keys, GOMAXPROCS 1", bench.KeyString, bench.Uniform, 1},
	} {
		var rows strings.Builder
		in := func(format string, args ...any) { fmt.Fprintf(&rows, format+"\n", args...) }
		for _, w := range []string{"Hits", "Misses", "R99", "R90", "R75", "R50", "U90", "U50", "Grow"} {
			for _, size := range []int{1_000, 100_000, 1_000_000, 10_000_000} {
				k := pointKey(w, size, t.key, t.dist, t.procs)
				if w == "Grow" {
					if t.dist == bench.Zipf {
						continue
					}
					k = caseKey(w, size, t.key, "", "")
					k.Procs = t.procs
				}
				row(in, bench.Size(size)+" "+names[w], peers, s, k, "cpu-ns/op")
			}
		}
		if rows.Len() > 0 {
			p("**%s**", t.title)
			p("")
			header(p, "", peers)
			p("%s", rows.String())
		}
	}
}

func growth(p printer, s *result.Set) {
	p("### While it grows")
	p("")
	p("One goroutine stores %s new keys into an empty map, one loads keys that are there. On the wall a goroutine also waits for the collector and for whoever else has the processor; the time of the thread is only what the operation did, on a clock that is itself a system call (see its column).", bench.Size(bench.GrowthSize))
	p("")
	p("![Store and Load while the map grows](freshmap/growth.svg)")
	p("")
	for _, key := range []string{bench.KeyInt, bench.KeyString} {
		for _, clock := range []struct{ variant, title string }{{"clock=wall", "on the wall"}, {"clock=cpu", "of the thread"}} {
			var rows []string
			for _, peer := range pointPeers(s, false) {
				k := caseKey("Latency", bench.GrowthSize, key, clock.variant, peer)
				if _, ok := s.Median(k, "store-max-ns"); !ok {
					continue
				}
				cells := []string{peer}
				for _, op := range []string{"store", "load"} {
					for _, q := range []string{"p50", "p99", "p99.9", "max"} {
						v, _ := s.Median(k, op+"-"+q+"-ns")
						cells = append(cells, duration(v))
					}
				}
				lost, _ := s.Median(k, "lost-loads")
				c, _ := s.Median(k, "clock-ns")
				rows = append(rows, "| "+strings.Join(append(cells, three(lost), duration(c)), " | ")+" |")
			}
			if len(rows) == 0 {
				continue
			}
			p("**%s keys, %s**", key, clock.title)
			p("")
			p("| | Store p50 | p99 | p99.9 | max | Load p50 | p99 | p99.9 | max | Loads that missed | clock |")
			p("|---|---|---|---|---|---|---|---|---|---|---|")
			p("%s", strings.Join(rows, "\n"))
			p("")
		}
	}
	var rows []string
	for _, size := range []int{1_000, 100_000, 1_000_000, 10_000_000} {
		for _, unit := range []string{"B/insert", "allocs/insert"} {
			r := ""
			row(func(f string, args ...any) { r = fmt.Sprintf(f, args...) },
				bench.Size(size)+" "+unit, pointPeers(s, false), s, caseKey("Grow", size, bench.KeyInt, "", ""), unit)
			if r != "" {
				rows = append(rows, r)
			}
		}
	}
	if len(rows) > 0 {
		p("What is allocated for each insert into a map that grows, int keys:")
		p("")
		header(p, "", pointPeers(s, false))
		p("%s", strings.Join(rows, "\n"))
		p("")
	}
}

// losses names the peers that do not hold what was stored.
func losses(p printer, s *result.Set) {
	for _, peer := range pointPeers(s, false) {
		cases, worst, where := 0, 0.0, ""
		for _, k := range s.Cases() {
			k.Peer = peer
			most := 0.0
			for _, unit := range []string{"lost-entries", "lost-loads", "wrong"} {
				most = slices.Max(append(s.Values(k, unit), most))
			}
			if most > 0 {
				cases++
			}
			if most > worst {
				worst, where = most, short(k)
			}
		}
		if cases > 0 {
			p("%s lost entries that nobody deleted in %d of the cases that look, at worst %.0f in %s. Its times are those of a map that may do that.", peer, cases, worst, where)
			p("")
		}
	}
}

func memory(p printer, s *result.Set) {
	p("### Memory")
	p("")
	p("The heap of a full map without the bytes of string keys, a garbage collection on the wall while it lives, and the heap that is left, per former entry, when 99 of 100 entries were deleted.")
	p("")
	p("![Bytes per entry](freshmap/memory.svg)")
	p("")
	for _, key := range []string{bench.KeyInt, bench.KeyString} {
		for _, size := range []int{100_000, 1_000_000, 10_000_000} {
			var rows []string
			for _, peer := range pointPeers(s, false) {
				k := caseKey("Memory", size, key, "", peer)
				v, ok := s.Median(k, "B/entry")
				if !ok {
					continue
				}
				ratio := ""
				if r, ok := s.Compare(k, "xsync", "B/entry"); ok {
					ratio = fmt.Sprintf(" (%.2f)", r.Mid)
				}
				o, _ := s.Median(k, "objects/entry")
				g, _ := s.Median(k, "gc-ns")
				left := ""
				if l, ok := s.Median(k, "left-B/entry"); ok {
					left = three(l)
				}
				rows = append(rows, fmt.Sprintf("| %s | %s%s | %s | %s | %s |", peer, three(v), ratio, three(o), duration(g), left))
			}
			if len(rows) > 0 {
				p("**%s %s keys**", bench.Size(size), key)
				p("")
				p("| | bytes per entry | objects per entry | collection | bytes left |")
				p("|---|---|---|---|---|")
				p("%s", strings.Join(rows, "\n"))
				p("")
			}
		}
	}
}

func iteration(p printer, s *result.Set) {
	p("### Iteration")
	p("")
	p("A writer inserts new keys in order meanwhile. A hole is a key that the iteration did not see although it saw one that was inserted later: a view of one moment has none. The last column is the writer's longest Store.")
	p("")
	for _, key := range []string{bench.KeyInt, bench.KeyString} {
		for _, size := range []int{100_000, 1_000_000} {
			var rows []string
			for _, peer := range bench.Peers() {
				alone, ok := s.Median(caseKey("Iterate", size, key, "writer=0", peer.Name), "ns/op")
				if !ok {
					continue
				}
				k := caseKey("Iterate", size, key, "writer=1", peer.Name)
				cells := []string{peer.Name, three(alone), "", "", ""}
				if v, ok := s.Median(k, "ns/op"); ok {
					h, _ := s.Median(k, "holes")
					w, _ := s.Median(k, "writer-max-ns")
					cells = append(cells[:2], three(v), fmt.Sprintf("%.0f", h), duration(w))
				}
				rows = append(rows, "| "+strings.Join(cells, " | ")+" |")
			}
			if len(rows) > 0 {
				p("**%s %s keys**", bench.Size(size), key)
				p("")
				p("| | ns per entry | with a writer | holes | longest Store |")
				p("|---|---|---|---|---|")
				p("%s", strings.Join(rows, "\n"))
				p("")
			}
		}
	}
}

func leftOut(p printer, a About) {
	var missing []string
	for _, peer := range bench.Peers() {
		if !slices.Contains(a.Measured, peer.Name) {
			missing = append(missing, peer.Name)
		}
	}
	if len(a.LeftOut) == 0 && len(missing) == 0 {
		return
	}
	p("### Left out")
	p("")
	if len(missing) > 0 {
		p("- %s: not part of the run (%s)", strings.Join(missing, ", "), a.Mode)
	}
	for _, l := range a.LeftOut {
		p("- %s, %s: %s", l.Peer, short(result.Key{Case: l.Case, Procs: l.Procs}), l.Reason)
	}
	p("")
}
