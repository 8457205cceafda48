package explore_test

import (
	"testing"
	"time"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/replay"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/internal/exploretest"
)

// livelocks are the tests of testdata/spin that spin, and what is to be said of
// each, in this order.
var livelocks = map[string][]string{
	"TestSpinFlag":    {"nobody is left", "atomically loads ready at spin_test.go:21, yields at spin_test.go:22", "certain:", "nobody else can run"},
	"TestSpinPlain":   {"nobody is left", "locks mu at spin_test.go:41, reads a variable at spin_test.go:42, unlocks mu at spin_test.go:43", "certain:"},
	"TestSpinSelect":  {"nobody is left", "polls in a select at spin_test.go:61", "certain:"},
	"TestSpinTwo":     {"none of them writes", "loads a at spin_test.go:78", "loads b at spin_test.go:84", "certain:", "whoever goes first"},
	"TestSpinTryLock": {"keep each other", "locks first at spin_test.go:97, tries to lock second at spin_test.go:98, unlocks first at spin_test.go:103", "under this schedule:"},
	"TestSpinCAS":     {"keep each other", "changes mine at spin_test.go:118, atomically loads other at spin_test.go:119, atomically changes mine at spin_test.go:122", "under this schedule:"},
}

// TestLivelocks finds each livelock, replays it with the identical schedule, and
// stays silent about loops that end, and those that it does not follow.
func TestLivelocks(t *testing.T) {
	p, tests := compile(t, "testdata/spin")
	for _, test := range tests {
		t.Run(test, func(t *testing.T) {
			dir := t.TempDir()
			outcome, found := search(t, p, test, explore.Options{MaxSteps: 200_000, MaxTime: 5 * time.Second, Replays: dir}, 15)
			want, bad := livelocks[test]
			if !bad {
				if outcome.Verdict != finding.Clean {
					t.Errorf("outcome is %s (%s), want clean: %+v", outcome.Verdict, outcome.Reason, found)
				}
				return
			}
			if len(found) != 1 || found[0].Kind != finding.Livelock {
				t.Fatalf("found %+v, want one livelock; outcome %+v", found, outcome)
			}
			f := found[0]
			said := f.Title
			for _, e := range f.Evidence {
				said += "\n" + e.Text
			}
			exploretest.InOrder(t, said, want)
			file, err := replay.Open(f.Witness.File)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				r, err := explore.Replay(t.Context(), p, file)
				if err != nil {
					t.Fatal(err)
				}
				if !r.Same || r.Hash != file.Hash {
					t.Errorf("replay: same finding %t, hash %s, want %s: %s", r.Same, r.Hash, file.Hash, r.Diverged)
				}
			}
		})
	}
}
