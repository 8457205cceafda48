package inspect

import (
	"strconv"
	"strings"
	"testing"
)

// TestNearMisses looks at heaps full of objects of the size of a map's header
// that look like one, with a hundred maps among them that nothing typed leads
// to: none of the others may be taken for a map, and these are to be found.
func TestNearMisses(t *testing.T) {
	for _, release := range []string{"", "1.23.12"} {
		exe := buildIn(t, "near", release, nil)
		for seed := range 3 {
			target := run(t, exe, strconv.Itoa(seed))
			w := walked(t, target)
			looked, maps := 0, 0
			for i := range target.heap.spans {
				if s := &target.heap.spans[i]; s.elem == headerBytes && !s.noscan {
					looked += int(s.n)
				}
			}
			for i := range w.maps {
				m := &w.maps[i]
				if w.paths.name(m.path) != unowned {
					continue
				}
				if maps++; !strings.Contains(m.Type.Name, "map[uint64]uint64") || m.Entries == 0 || m.Entries > 100 {
					t.Errorf("go%s, seed %d: %s with %d entries at %#x is none of the maps", release, seed, m.Type.Name, m.Entries, m.Addr)
				}
			}
			t.Logf("go%s, seed %d: %d maps among %d objects of their size, and %d that may be", release, seed, maps, looked, w.lost.Unsure)
			if maps != 99 || w.lost.Unsure == 0 || looked < 80_000 {
				t.Errorf("go%s, seed %d: %d maps of 99, among %d objects", release, seed, maps, looked)
			}
		}
	}
}
