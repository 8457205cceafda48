package record

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/ghostread/ghostread/freshmap/bench"
	"github.com/ghostread/ghostread/freshmap/bench/result"
)

// table prints the medians of what was measured, with the ratio to xsync of
// the same repetitions.
func table(w io.Writer, set *result.Set, left []LeftOut) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "case\tpeer\tmedian\tunit\tto xsync\trange")
	for _, c := range set.Cases() {
		for _, p := range bench.Peers() {
			k := result.Key{Case: c.Case, Peer: p.Name, Procs: c.Procs}
			for _, unit := range units(set, k) {
				v, _ := set.Median(k, unit)
				fmt.Fprintf(out, "%s-%d\t%s\t%.4g\t%s", c.Case, c.Procs, p.Name, v, unit)
				if r, ok := set.Compare(k, "xsync", unit); ok {
					fmt.Fprintf(out, "\t%.3f\t%.2f-%.2f", r.Mid, r.Low, r.High)
				}
				fmt.Fprintln(out)
			}
		}
	}
	out.Flush()
	for _, l := range left {
		fmt.Fprintf(w, "left out: %s in %s-%d: %s\n", l.Peer, l.Case, l.Procs, l.Reason)
	}
}

// units are those worth a line in the terminal.
func units(set *result.Set, k result.Key) []string {
	var out []string
	for _, u := range []string{"cpu-ns/op", "B/insert", "store-p50-ns", "store-p99-ns", "store-p99.9-ns", "store-max-ns",
		"load-p99.9-ns", "load-max-ns", "lost-loads", "lost-entries", "wrong", "B/entry", "objects/entry", "gc-ns", "left-B/entry", "holes", "writer-max-ns"} {
		if _, ok := set.Median(k, u); ok {
			out = append(out, u)
		}
	}
	if _, ok := set.Median(k, "ns/op"); ok && (len(out) == 0 || out[0] == "holes") {
		out = append([]string{"ns/op"}, out...)
	}
	return out
}
