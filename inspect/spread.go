package inspect

import (
	"fmt"
	"math"
	"math/bits"
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

// spreadOf looks at a map whose groups or buckets are pieces. It takes O(slots)
// time, and for a classic map 35 bytes for each of them.
func (w *walk) spreadOf(d *Detail, sh *shape, pieces []piece) *Spread {
	out := new(Spread)
	var bytes [256]int
	at := sh.control()
	key := sh.slots[0].t
	special := mayDiffer(key, 0)
	for _, p := range pieces {
		for off := int64(0); off+sh.stride <= int64(len(p.data)); off += sh.stride {
			b := p.data[off : off+sh.stride]
			for i, c := range b[at : at+groupSlots] {
				bytes[c]++
				if special && sh.full(c) {
					if k, _ := sh.entry(b, i); w.differs(key, k, 0) {
						out.NaN++
					}
				}
			}
		}
	}
	entries := 0
	for c := range bytes {
		if !sh.full(byte(c)) {
			bytes[c] = 0
		}
		entries += bytes[c]
	}
	if entries == 0 {
		return out
	}
	for c, n := range bytes {
		if n > bytes[out.Common] {
			out.Common = byte(c)
		}
	}
	out.Share = float64(bytes[out.Common]) / float64(entries)
	// A top hash below minTopHash is raised by as much, so that five have twice
	// the share of the others (runtime/map.go, tophash).
	weight := func(c int) float64 {
		switch {
		case !d.Classic && c < 128:
			return 1. / 128
		case !d.Classic || c < minTopHash:
			return 0
		case c < 2*minTopHash:
			return 2. / 256
		}
		return 1. / 256
	}
	sum, cells := 0., 0
	for c, n := range bytes {
		if e := weight(c) * float64(entries); e > 0 {
			sum += (float64(n) - e) * (float64(n) - e) / e
			cells++
		}
	}
	if entries >= fewPerCell*cells {
		out.Control = deviation(sum, cells-1)
	}
	if d.Classic {
		parts := &Snapshot{Classic: true, Growing: d.Growing, shape: sh, pieces: w.pieces}
		parts.divide(&d.Map)
		out.chains(parts)
	} else {
		out.probes(sh, pieces)
	}
	return out
}

// chains looks at the chains of a classic map.
func (out *Spread) chains(s *Snapshot) {
	var main, more *Part
	for i := range s.Parts {
		switch s.Parts[i].Name {
		case "buckets":
			main = &s.Parts[i]
		case "overflow buckets":
			more = &s.Parts[i]
		}
	}
	if main == nil {
		return
	}
	length := make([]int, len(main.Groups)) // overflow buckets of each chain
	full := make([]int, len(main.Groups))
	looks, entries := 0, 0
	count := func(g *SlotGroup, chain, depth int) {
		for n := range g.Slots {
			if g.Slots[n].State == Full {
				full[chain]++
				entries++
				looks += depth
			}
		}
	}
	for k := range main.Groups {
		count(&main.Groups[k], k, 1)
	}
	if more != nil {
		for k := range more.Groups {
			if chain := more.Groups[k].Bucket; chain < len(length) {
				length[chain]++
				count(&more.Groups[k], chain, 1+length[chain])
			}
		}
	}
	total := 0
	for _, n := range length {
		for len(out.Chains) <= n {
			out.Chains = append(out.Chains, 0)
		}
		out.Chains[n]++
		total += 1 + n
		out.WorstMiss = max(out.WorstMiss, 1+n)
	}
	out.Miss = float64(total) / float64(len(length))
	if entries > 0 {
		out.Hit = float64(looks) / float64(entries)
		home := 0
		for k := range main.Groups {
			for n := range main.Groups[k].Slots {
				if main.Groups[k].Slots[n].State == Full {
					home++
				}
			}
		}
		out.Home = float64(home) / float64(entries)
	}
	if s.Growing || len(full) < 2 || entries < fewPerCell*len(full) {
		return // while it grows some chains have not got their entries yet
	}
	sum, e := 0., float64(entries)/float64(len(full))
	for _, n := range full {
		sum += (float64(n) - e) * (float64(n) - e) / e
	}
	out.Fill = deviation(sum, len(full)-1)
}

// probes looks at the probe sequences of a Swiss map, whose tables' groups are
// pieces. A look-up goes on from groups without an empty slot only, so an entry
// to which no sequence leads that begins at another group is in its first one
// (internal/runtime/maps/table.go).
func (out *Spread) probes(sh *shape, pieces []piece) {
	groups, looks, entries, home := 0, 0, 0, 0
	sum, df := 0., 0
	var full []int             // entries of each group
	var ends, led, none []bool // groups with an empty slot; to which a sequence leads from another one
	for _, p := range pieces {
		n := int(int64(len(p.data)) / sh.stride)
		if n == 0 || n&(n-1) != 0 {
			continue // torn
		}
		if len(none) < n {
			full, ends, led, none = make([]int, n), make([]bool, n), make([]bool, n), make([]bool, n)
		}
		copy(led[:n], none)
		used := 0
		for k := range n {
			word := u64(p.data, int64(k)*sh.stride+sh.swiss.ctrl)
			const high = 0x8080808080808080
			full[k] = groupSlots - bits.OnesCount64(word&high)
			ends[k] = word&high&^(word<<6) != 0 // a deleted one has bit 1 too
			used += full[k]
		}
		for k := range n {
			at, seen := k, 1
			for step := 1; !ends[at] && step < n; step++ {
				at = (at + step) & (n - 1)
				led[at] = true
				seen++
			}
			looks += seen
			out.WorstMiss = max(out.WorstMiss, seen)
		}
		groups += n
		entries += used
		e := float64(used) / float64(n)
		if e > 0 {
			df += n - 1
		}
		for k := range n {
			if !led[k] {
				home += full[k]
			}
			if e > 0 {
				sum += (float64(full[k]) - e) * (float64(full[k]) - e) / e
			}
		}
	}
	if groups > 0 {
		out.Miss = float64(looks) / float64(groups)
	}
	if entries > 0 {
		out.Home = float64(home) / float64(entries)
	}
	if df > 0 && entries >= fewPerCell*groups/2 {
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
