package inspect

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestHex compares the bytes of a dump with memory, and with what the dump says
// that they mean.
func TestHex(t *testing.T) {
	for _, release := range []string{"", "1.23.12"} {
		t.Run("go"+release, func(t *testing.T) {
			exe := buildIn(t, "residue", release, nil)
			target := run(t, exe, "delete", "secrets", "grow")
			d, err := target.Hex("main.deleted", 0, Look{}, -1)
			if err != nil {
				t.Fatal(err)
			}
			number := regexp.MustCompile(`^slot \d, (key|element).*: (\d+)$`)
			count := map[string]int{}
			for _, sec := range d.Sections {
				for _, l := range sec.Lines {
					b, err := hex.DecodeString(strings.ReplaceAll(l.Hex, " ", ""))
					if err != nil || !slices.Equal(b, target.mem.bytes(l.Addr, len(b))) {
						t.Fatalf("%s: %+v is not what is there", sec.Name, l)
					}
					if m := number.FindStringSubmatch(l.Text); m != nil {
						if fmt.Sprint(u64(b, 0)) != m[2] {
							t.Errorf("%s: %+v", sec.Name, l)
						}
						count[m[1]]++
					}
				}
			}
			if count["key"] != 600 || count["element"] != 300 || d.More != 0 {
				t.Errorf("got %v and %d more, want 600 keys, of which 300 are left, and 300 elements", count, d.More)
			}
			few, err := target.Hex("main.grown", 0, Look{}, 3)
			if err != nil {
				t.Fatal(err)
			}
			groups := 0
			for _, p := range few.Snapshot.Parts {
				groups += len(p.Groups)
			}
			if few.More != groups-3 {
				t.Errorf("3 groups of %d: %d more", groups, few.More)
			}
			// Byte arrays may be secrets.
			for _, clear := range []bool{false, true} {
				d, err := target.Hex("main.vault", 0, Look{Values: clear}, -1)
				if err != nil {
					t.Fatal(err)
				}
				secret := spaced(residueToken(eventSecrets, 302)[:8]) // of a deleted entry
				if got := strings.Contains(fmt.Sprintf("%+v", d.Sections), secret); got != clear {
					t.Errorf("in clear: got %t, want %t", got, clear)
				}
			}
			// The table of offsets is that by which the slots were found.
			for name, from := range map[string]func() (*Offsets, error){
				"of a process":      func() (*Offsets, error) { return target.Offsets("main.vault", 0) },
				"of an executable":  func() (*Offsets, error) { return OffsetsOf(exe, "map[[32]uint8]int") },
				"of its variable":   func() (*Offsets, error) { return OffsetsOf(exe, "main.vault") },
				"of another vault?": func() (*Offsets, error) { return OffsetsOf(exe, "map[[32]uint8]string") },
			} {
				o, err := from()
				if strings.HasSuffix(name, "?") {
					if err == nil || !strings.Contains(err.Error(), "has no map type") {
						t.Errorf("%s: got %v", name, err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				got := map[string]int64{}
				for _, s := range o.Structs {
					for _, f := range s.Fields {
						got[f.Name] = f.Offset
					}
				}
				s, err := target.Snapshot("main.vault", 0)
				if err != nil {
					t.Fatal(err)
				}
				want := map[string]int64{"keys": s.shape.slots[0].off, "values": s.shape.slots[1].off}
				if s.shape.swiss != nil {
					want = map[string]int64{"slots": s.shape.slots[0].off, "elem": s.shape.slots[1].off - s.shape.slots[0].off, "used": s.shape.swiss.tUsed}
				}
				for field, off := range want {
					if at, ok := got[field]; !ok || at != off {
						t.Errorf("%s: %s is at %d (%t), want %d", name, field, at, ok, off)
					}
				}
			}
		})
	}
}
