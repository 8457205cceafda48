package cli

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/ghostread/ghostread/inspect"
	"github.com/ghostread/ghostread/report"
)

// fewTables is how many tables are shown one by one.
const fewTables = 16

// writeDetail prints one map for people.
func writeDetail(out io.Writer, t *inspect.Target, d *inspect.Detail, look inspect.Look) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s at %#x, %s, %s\n", d.Owner, d.Type.Name, d.Addr, t.Name, t.Image.Version)
	fmt.Fprintf(&b, "%s in %s slots (load %.0f %%), %s deleted; %s, %s of it waste\n", inspect.Plural(d.Entries, "entry"), inspect.Count(d.Slots),
		100*d.Load(), inspect.Count(d.Tombstones), inspect.Bytes(d.Bytes), inspect.Bytes(d.Waste()))
	if stops := t.Stops(); stops.Count > 0 {
		fmt.Fprintf(&b, "%s to read it\n", stops)
	}
	for _, n := range t.Notes() {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	if d.Consistent {
		b.WriteString("read as of one moment\n")
	} else {
		fmt.Fprintf(&b, "it changed while it was read, %d times in a row: what follows mixes several moments\n", d.Tries)
	}
	writeShape(&b, d)
	what := "group"
	if d.Classic {
		what = "bucket"
	}
	if len(d.Full) > 0 {
		b.WriteString("slots with an entry:")
		for n, count := range d.Full {
			if count > 0 {
				fmt.Fprintf(&b, "  %d of 8 in %s", n, inspect.Plural(uint64(count), what))
			}
		}
		b.WriteString("\n")
	}
	if d.Spread != nil && d.Entries > 0 {
		writeSpread(&b, d)
	}
	if d.KeysLeft+d.ElemsLeft > 0 {
		fmt.Fprintf(&b, "left behind: in slots without an entry %s and %s can still be read\n",
			inspect.Plural(uint64(d.KeysLeft), "key"), inspect.Plural(uint64(d.ElemsLeft), "element"))
	}
	if len(d.First) > 0 {
		hidden := ""
		if !look.Values {
			hidden = "; --show-values shows strings"
		}
		fmt.Fprintf(&b, "\n%s of %s%s:\n", inspect.Plural(uint64(len(d.First)), "entry"), inspect.Count(d.Entries), hidden)
		for _, e := range d.First {
			fmt.Fprintf(&b, "  %s: %s\n", e.Key, e.Elem)
		}
	}
	_, err := io.WriteString(out, report.Visible(b.String()))
	return err
}

// writeShape prints how the map is divided.
func writeShape(b *strings.Builder, d *inspect.Detail) {
	switch {
	case d.Slots == 0:
		b.WriteString("no slots: nothing was allocated for entries yet\n")
	case d.Classic && d.Growing:
		fmt.Fprintf(b, "%s, growing: %s of the old buckets are moved, %s of old ones are left\n", inspect.Plural(1<<d.B, "bucket"), inspect.Count(d.Evacuated), inspect.Bytes(d.Old))
	case d.Classic && d.Overflow > 0:
		fmt.Fprintf(b, "%s, and %s of overflow buckets\n", inspect.Plural(1<<d.B, "bucket"), inspect.Bytes(d.Overflow))
	case d.Classic:
		fmt.Fprintf(b, "%s\n", inspect.Plural(1<<d.B, "bucket"))
	case len(d.Tables) == 0:
		b.WriteString("one group of 8 slots, no table\n")
	default:
		fmt.Fprintf(b, "directory of %s (depth %d), %s\n", inspect.Plural(1<<d.Depth, "place"), d.Depth, inspect.Plural(uint64(len(d.Tables)), "table"))
		for _, t := range d.Tables[:min(len(d.Tables), fewTables)] {
			fmt.Fprintf(b, "  table at %#x: depth %d, %s of %s slots, %s deleted, grows after %s more\n", t.Addr, t.Depth,
				inspect.Count(t.Used), inspect.Count(t.Capacity), inspect.Count(t.Tombstones), inspect.Count(t.GrowthLeft))
		}
		if more := len(d.Tables) - fewTables; more > 0 {
			fmt.Fprintf(b, "  and %s more\n", inspect.Plural(uint64(more), "table"))
		}
	}
}

// writeSpread prints what look-ups cost and how good the hash is.
func writeSpread(b *strings.Builder, d *inspect.Detail) {
	s := d.Spread
	if d.Classic {
		b.WriteString("overflow buckets:")
		for n, count := range s.Chains {
			if count > 0 {
				fmt.Fprintf(b, "  %d in %s", n, inspect.Plural(uint64(count), "chain"))
			}
		}
		fmt.Fprintf(b, "\na look-up looks at %.2f buckets if the key is there, at %.2f if not, at %d at most", s.Hit, s.Miss, s.WorstMiss)
	} else {
		fmt.Fprintf(b, "a look-up looks at %.2f groups if the key is not there, at %d at most; of the entries, %.0f %% at least are in the first group", s.Miss, s.WorstMiss, math.Floor(100*s.Home))
	}
	fmt.Fprintf(b, "\n%s\n", s.Verdict())
}
