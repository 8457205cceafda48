package inspect

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// spreadIn makes a Swiss table of groups from the control bytes of their full
// slots, and looks at it. Slots that are not given are empty.
func spreadIn(groups ...[]byte) *Spread {
	s := &shape{swiss: &swiss{group: groupSlots}, stride: groupSlots, slots: []slotField{{t: &gobinary.Type{}}, {t: &gobinary.Type{}}}}
	var p section
	for _, list := range groups {
		p.data = append(p.data, list...)
		p.data = append(p.data, bytes.Repeat([]byte{0x80}, groupSlots-len(list))...)
	}
	p.n = len(p.data)
	p.countGroups(s.swiss, p.data)
	t := newTally(new(walk), s)
	t.begin(&copying{swiss: s.swiss}, 1)
	t.look(0, &p, p.data)
	sum := t.sum()
	return t.spread(&sum, false, func(yield func(*section) bool) { yield(&p) })
}

// TestSpreadVerdict tells a good hash from bad ones.
func TestSpreadVerdict(t *testing.T) {
	good, same, crowded := make([][]byte, 512), make([][]byte, 512), make([][]byte, 512)
	x := uint32(1)
	for i := range 2500 {
		x = x*1664525 + 1013904223
		k := x >> 23
		for len(good[k]) == groupSlots {
			k = (k + 1) % 512
		}
		good[k] = append(good[k], byte(x>>8)&0x7f)
		c := byte(x>>8) & 0x7f
		if i%3 == 0 {
			c = 0x2a
		}
		same[k] = append(same[k], c)
		crowded[i/groupSlots] = append(crowded[i/groupSlots], byte(x>>8)&0x7f)
	}
	for _, tt := range []struct {
		name   string
		groups [][]byte
		want   string
	}{
		{"uniform", good, "the hash is fine"},
		{"a third alike", same, "34 % of the entries share the control byte 0x2a"},
		{"in some groups only", crowded, "entries crowd in some groups"},
		{"few", [][]byte{{1, 1, 1}}, "too few entries to judge"},
	} {
		if got := spreadIn(tt.groups...).Verdict(); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestProbes follows probe sequences by hand: of four groups the first is full,
// so look-ups that begin there go on to the second one.
func TestProbes(t *testing.T) {
	full := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	s := spreadIn(full, []byte{1, 2}, []byte{3}, []byte{4})
	if s.Miss != 5./4 || s.WorstMiss != 2 || s.Home != 10./12 {
		t.Errorf("got %+v, want 1.25 groups, 2 at most, and 10 of 12 entries at home", s)
	}
	s = spreadIn(full, full, []byte{3}, []byte{4})
	// From the first group: 0, 1, 3; from the second one: 1, 2.
	if s.Miss != 7./4 || s.WorstMiss != 3 || s.Home != 8./18 {
		t.Errorf("got %+v, want 1.75 groups, 3 at most, and 8 of 18 entries at home", s)
	}
}

// TestSpread looks at the hashes of real maps, at a full classic one, and at one
// whose keys nobody can find.
func TestSpread(t *testing.T) {
	for _, release := range []string{"", "1.23.12"} {
		t.Run("go"+release, func(t *testing.T) {
			target := run(t, buildIn(t, "residue", release, nil), "drop large", "keep large", "nan")
			d, err := target.At("main.large", 0, Look{})
			if err != nil {
				t.Fatal(err)
			}
			s := d.Spread
			if s.Verdict() != "the hash is fine" || s.Miss < 1 || s.Miss > 3 || s.Home < 0.4 || s.Share > 0.05 || math.Abs(s.Control) > farAway {
				t.Errorf("got %+v: %s", s, s.Verdict())
			}
			if d.Classic {
				chains, more := 0, 0
				for n, count := range s.Chains {
					chains, more = chains+count, more+n*count
				}
				if chains != 1<<d.B || uint64(groupSlots*(chains+more)) != d.Slots || s.Hit < 1 || s.Hit > s.Miss {
					t.Errorf("got %d chains with %d overflow buckets in 1<<%d, hits %.2f", chains, more, d.B, s.Hit)
				}
			}
			for owner, want := range map[string]int{"main.nans": 3, "main.nanKeys": 2, "main.large": 0} {
				d, err := target.At(owner, 0, Look{})
				if err != nil {
					t.Fatal(err)
				}
				if d.Spread.NaN != want || (want > 0) != strings.Contains(d.Spread.Verdict(), "not equal to itself") {
					t.Errorf("%s: got %d keys that are not equal to themselves, want %d", owner, d.Spread.NaN, want)
				}
			}
		})
	}
}
