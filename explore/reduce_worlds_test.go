package explore_test

import (
	"testing"
	"time"

	"github.com/ghostread/ghostread/explore"
)

// TestReducedRepeats: a reduced schedule has no more switches than the one it
// comes from, and shows the same finding every time in fresh processes.
func TestReducedRepeats(t *testing.T) {
	p, tests := compile(t, "testdata/worlds")
	for _, test := range tests {
		if len(faulty[test].kinds) == 0 {
			continue
		}
		t.Run(test, func(t *testing.T) {
			start := time.Now()
			o := explore.Options{MaxSteps: 300_000, MaxTime: 2 * time.Second}
			_, found := search(t, p, test, o, 200)
			t.Logf("%v", time.Since(start))
			for _, f := range found {
				w := f.Witness
				if w.Switches == nil || *w.Switches > w.Found {
					t.Fatalf("%s: switches %v of %d, want a number not above", f.Kind, w.Switches, w.Found)
				}
				t.Logf("%s: %d of %d switches, %d decisions", f.Kind, *w.Switches, w.Found, w.Decisions)
			}
		})
	}
}
