package inspect

import "testing"

// TestGauge compares what is said without the slots with what the slots say.
func TestGauge(t *testing.T) {
	for _, release := range []string{"", "1.23.12"} {
		t.Run("go"+release, func(t *testing.T) {
			target := run(t, build(t, release, nil))
			for _, owner := range []string{"main.empty", "main.large", "main.shrunk", "main.growing", "main.hold.byName", "main.hold.inner"} {
				d, err := target.At(owner, 0, Look{})
				if err != nil {
					t.Fatal(err)
				}
				g, err := target.Gauge(owner, 0)
				if err != nil {
					t.Fatal(err)
				}
				r, err := g.Read()
				if err != nil {
					t.Fatal(err)
				}
				want := d.Map
				want.Tries, want.plausible = r.Tries, r.plausible // the latter is of the slots
				if r.Classic {
					// Overflow buckets are counted by the header only, and those of
					// old buckets not at all.
					if r.Bytes > want.Bytes || r.Bytes < want.Bytes*9/10 || r.Slots > want.Slots || r.Slots < want.Slots*9/10 {
						t.Errorf("%s: got %d slots in %d bytes, want about %d in %d", owner, r.Slots, r.Bytes, want.Slots, want.Bytes)
					}
					r.Bytes, r.Overflow, r.Slots, r.Old = want.Bytes, want.Overflow, want.Slots, want.Old
				}
				if r.Map != want {
					t.Errorf("%s: got %+v, want %+v", owner, r.Map, want)
				}
				if r.Tables != len(d.Tables) || r.Depth != d.Depth {
					t.Errorf("%s: got %d tables of depth %d, want %d of %d", owner, r.Tables, r.Depth, len(d.Tables), d.Depth)
				}
				if again, err := g.Read(); err != nil || again.Added+again.Removed != 0 || again.Replaced {
					t.Errorf("%s, a second time: got %+v, %v; want no change", owner, again, err)
				}
			}
		})
	}
}

// TestGaugeMoves looks at a map whose keys move on all the time: it has 3000 or
// 3001 of them, and as many come as go.
func TestGaugeMoves(t *testing.T) {
	for _, release := range []string{"", "1.23.12"} {
		target := run(t, build(t, release, nil), "write")
		g, err := target.Gauge("main.window", 0)
		if err != nil {
			t.Fatal(err)
		}
		good := 0
		var last *Reading
		reads := 0
		for ; reads < 1000 || good == 0; reads++ {
			r, err := g.Read()
			if err != nil {
				t.Fatal(err)
			}
			if !r.Consistent {
				continue
			}
			good++
			if r.Entries != 3000 && r.Entries != 3001 {
				t.Fatalf("called consistent: %+v", r)
			}
			last = r
		}
		t.Logf("go%s: %d of %d readings are consistent, the last %+v", release, good, reads, last)
	}
}
