package inspect

import (
	"fmt"
	"iter"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// Spread says how the entries of a map are spread over its groups or buckets:
// what look-ups cost, and whether its hash does what a hash should.
type Spread struct {
	// Chains counts the chains of a classic map by how many overflow buckets they
	// have, old buckets left out.
	Chains []int `json:",omitempty"`

	// Hit is how many groups or buckets a look-up of a key looks at that is in the
	// map, on average. Of a Swiss map only a bound is known without its hash: Home
	// is the share of entries that are in the first group for sure.
	Hit  float64 `json:",omitempty"`
	Home float64

	// Miss is the same of keys that are not in the map, if their hashes are
	// uniform; WorstMiss the most of them.
	Miss      float64
	WorstMiss int

	// Control is how far control bytes or top hashes are from uniform, and Fill
	// how far the number of entries in each group or chain is, in standard
	// deviations of the chi-square distribution; 0 with too few entries.
	Control float64
	Fill    float64
	Common  byte    // the control byte or top hash that most entries have
	Share   float64 // of entries that have it

	NaN int // entries whose keys are not equal to themselves
}

// Bounds of the statistics.
const (
	fewPerCell = 5 // entries expected in a cell, below which chi-square says nothing
	farAway    = 6 // standard deviations: once in a billion
)

// Verdict says in words what the hash does.
func (s *Spread) Verdict() string {
	var parts []string
	switch {
	case s.Control > farAway:
		parts = append(parts, fmt.Sprintf("the hash is not uniform: %.0f %% of the entries share the control byte %#02x", 100*s.Share, s.Common))
	case s.Fill > farAway:
		parts = append(parts, "the hash is fine by its control bytes, yet entries crowd in some groups: much was deleted in the order of a range loop, or the rest of the hash is not uniform")
	case s.Control == 0 && s.Fill == 0:
		parts = append(parts, "too few entries to judge the hash")
	default:
		parts = append(parts, "the hash is fine")
	}
	if s.NaN > 0 {
		parts = append(parts, Plural(uint64(s.NaN), "entry")+" with a key that is not equal to itself (NaN): no look-up finds them, and only clear removes them")
	}
	return strings.Join(parts, "; ")
}

// deviation returns by how many standard deviations a chi-square sum with df
// degrees of freedom exceeds what is expected.
func deviation(sum float64, df int) float64 {
	if df <= 0 {
		return 0
	}
	return (sum - float64(df)) / math.Sqrt(2*float64(df))
}

// spread says how the entries are spread whose sum all is. body has the parts of
// the map with groups or buckets.
func (t *tally) spread(all *counts, growing bool, body iter.Seq[*section]) *Spread {
	out := &Spread{NaN: all.nan}
	classic := t.shape.classic != nil
	entries := 0
	for c, n := range all.control {
		entries += n
		if n > all.control[out.Common] {
			out.Common = byte(c)
		}
	}
	if entries == 0 {
		return out
	}
	out.Share = float64(all.control[out.Common]) / float64(entries)
	// A top hash below minTopHash is raised by as much, so that five have twice
	// the share of the others (runtime/map.go, tophash).
	weight := func(c int) float64 {
		switch {
		case !classic && c < 128:
			return 1. / 128
		case !classic || c < minTopHash:
			return 0
		case c < 2*minTopHash:
			return 2. / 256
		}
		return 1. / 256
	}
	sum, cells := 0., 0
	for c, n := range all.control {
		if e := weight(c) * float64(entries); e > 0 {
			sum += (float64(n) - e) * (float64(n) - e) / e
			cells++
		}
	}
	if entries >= fewPerCell*cells {
		out.Control = deviation(sum, cells-1)
	}
	if classic {
		t.chains(out, all, growing)
	} else {
		t.probes(out, all, entries, body)
	}
	return out
}

// chains says how the chains of a classic map are.
func (t *tally) chains(out *Spread, all *counts, growing bool) {
	if len(t.length) == 0 {
		return
	}
	total, entries := 0, 0
	for i, n := range t.length {
		for len(out.Chains) <= int(n) {
			out.Chains = append(out.Chains, 0)
		}
		out.Chains[n]++
		total += 1 + int(n)
		entries += int(t.entries[i])
	}
	out.WorstMiss = len(out.Chains)
	out.Miss = float64(total) / float64(len(t.length))
	if entries > 0 {
		out.Hit = float64(all.looks) / float64(entries)
		out.Home = float64(all.home) / float64(entries)
	}
	if growing || len(t.entries) < 2 || entries < fewPerCell*len(t.entries) {
		return // while it grows some chains have not got their entries yet
	}
	sum, e := 0., float64(entries)/float64(len(t.entries))
	for _, n := range t.entries {
		sum += (float64(n) - e) * (float64(n) - e) / e
	}
	out.Fill = deviation(sum, len(t.entries)-1)
}

// probes says how the probe sequences of a Swiss map are.
func (t *tally) probes(out *Spread, all *counts, entries int, body iter.Seq[*section]) {
	out.WorstMiss = all.worst
	out.Home = float64(all.home) / float64(entries)
	if all.groups > 0 {
		out.Miss = float64(all.looks) / float64(all.groups)
	}
	sum, df := 0., 0
	for p := range body {
		if n := float64(int64(p.n) / t.shape.stride); p.full > 0 {
			// The sum of (x-e)*(x-e)/e, where e is full/n.
			sum += float64(p.squares)*n/float64(p.full) - float64(p.full)
			df += int(n) - 1
		}
	}
	if df > 0 && entries >= fewPerCell*all.groups/2 {
		out.Fill = deviation(sum, df)
	}
}

// mayDiffer reports whether keys of type t can have a NaN.
func mayDiffer(t *gobinary.Type, nested int) bool {
	if t == nil || nested > viewNesting {
		return false
	}
	switch t.Kind {
	case reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128, reflect.Interface:
		return true
	case reflect.Struct:
		return slices.ContainsFunc(t.Fields, func(f gobinary.Field) bool { return mayDiffer(f.Type, nested+1) })
	case reflect.Array:
		return mayDiffer(t.Elem, nested+1)
	}
	return false
}

// differs reports whether a key is not equal to itself: it is or has a NaN.
func (w *walk) differs(t *gobinary.Type, b []byte, nested int) bool {
	if t == nil || int64(len(b)) < t.Size || nested > viewNesting {
		return false
	}
	single := func(at int64) bool { return math.IsNaN(float64(math.Float32frombits(uint32(number(b, at, 4))))) }
	double := func(at int64) bool { return math.IsNaN(math.Float64frombits(u64(b, at))) }
	switch t.Kind {
	case reflect.Float32:
		return single(0)
	case reflect.Float64:
		return double(0)
	case reflect.Complex64:
		return single(0) || single(4)
	case reflect.Complex128:
		return double(0) || double(8)
	case reflect.Struct:
		for _, f := range t.Fields {
			if f.Offset >= 0 && f.Type.Size >= 0 && f.Offset <= int64(len(b))-f.Type.Size && w.differs(f.Type, b[f.Offset:f.Offset+f.Type.Size], nested+1) {
				return true
			}
		}
	case reflect.Array:
		if t.Elem == nil || t.Elem.Size <= 0 || t.Elem.Kind == reflect.Uint8 {
			return false
		}
		for at := int64(0); at+t.Elem.Size <= int64(len(b)); at += t.Elem.Size {
			if w.differs(t.Elem, b[at:at+t.Elem.Size], nested+1) {
				return true
			}
		}
	case reflect.Interface:
		dynamic, ok := w.dynamic(!w.empty(t), u64(b, 0))
		if data := u64(b, 8); ok && !dynamic.Direct() && w.fits(data, 1, dynamic.Size) {
			return w.differs(dynamic, append([]byte(nil), w.t.mem.bytes(data, int(dynamic.Size))...), nested+1)
		}
	}
	return false
}
