package inspect

import (
	"fmt"
	"testing"
)

// TestSnapshot compares snapshots slot by slot with what At says of the map.
func TestSnapshot(t *testing.T) {
	for _, release := range []string{"", "1.23.12"} {
		t.Run("go"+release, func(t *testing.T) {
			target := run(t, build(t, release, nil))
			for _, owner := range []string{"main.shrunk", "main.growing", "main.hold.wide", "main.hold.inner"} {
				d, err := target.At(owner, 0, Look{})
				if err != nil {
					t.Fatal(err)
				}
				s, err := target.Snapshot(owner, 0)
				if err != nil {
					t.Fatal(err)
				}
				var full, keys, elems, evacuated int
				overflow := uint64(0)
				for _, p := range s.Parts {
					for _, g := range p.Groups {
						for i := range g.Slots {
							switch slot := &g.Slots[i]; {
							case slot.State == Full:
								full++
							case slot.State == Evacuated:
								evacuated++
								fallthrough
							default:
								if slot.KeyLeft {
									keys++
								}
								if slot.ElemLeft {
									elems++
								}
							}
						}
						if p.Name == "overflow buckets" {
							overflow++
						}
					}
				}
				got := fmt.Sprint(full, keys, elems, s.Entries, s.Slots, s.Tombstones, s.Bytes, s.Waste, s.Consistent, s.Growing, s.Classic, s.Depth)
				want := fmt.Sprint(d.Entries, d.KeysLeft, d.ElemsLeft, d.Entries, d.Slots, d.Tombstones, d.Bytes, d.Waste(), true, d.Growing, d.Classic, d.Depth+d.B)
				if got != want {
					t.Errorf("%s: got %s, want %s", owner, got, want)
				}
				if s.Seed == 0 {
					t.Errorf("%s: no seed", owner)
				}
				if d.Classic && d.Slots != 8*(1<<s.Depth+overflow) {
					t.Errorf("%s: %d overflow buckets in 1<<%d for %d slots", owner, overflow, s.Depth, d.Slots)
				}
				if (evacuated > 0) != (d.Growing && d.Evacuated > 0) {
					t.Errorf("%s: %d evacuated slots, growing %t with %d buckets moved", owner, evacuated, d.Growing, d.Evacuated)
				}
			}
		})
	}
}
