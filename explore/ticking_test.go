package explore_test

import (
	"strings"
	"testing"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/replay"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/internal/exploretest"
)

// TestTicking finds a deadlock although tickers go on, replays it with the
// identical schedule, and stays silent about tests that wait long and return.
func TestTicking(t *testing.T) {
	p, tests := compile(t, "testdata/ticking")
	for _, test := range tests {
		t.Run(test, func(t *testing.T) {
			outcome, found := search(t, p, test, explore.Options{Replays: t.TempDir()}, 60)
			if test != "TestLost" {
				if outcome.Verdict != finding.Clean {
					t.Errorf("outcome is %s (%s), want clean: %+v", outcome.Verdict, outcome.Reason, found)
				}
				return
			}
			if len(found) != 1 || found[0].Kind != finding.Deadlock {
				t.Fatalf("found %+v, want one deadlock; outcome %+v", found, outcome)
			}
			f := found[0]
			var said strings.Builder
			for _, e := range f.Evidence {
				said.WriteString(e.Text + "\n")
			}
			exploretest.InOrder(t, said.String(), []string{"waits to be signalled by Cond r.cond", "G1 broadcast at", "G1 waits for WaitGroup wg", "G2 goes on whenever a timer fires"})
			if strings.Contains(said.String(), "G2 waits") {
				t.Errorf("the ticker is said to wait:\n%s", said.String())
			}
			file, err := replay.Open(f.Witness.File)
			if err != nil {
				t.Fatal(err)
			}
			r, err := explore.Replay(t.Context(), p, file)
			if err != nil {
				t.Fatal(err)
			}
			if !r.Same || r.Hash != file.Hash {
				t.Errorf("replay: same finding %t, hash %s, want %s: %s", r.Same, r.Hash, file.Hash, r.Diverged)
			}
		})
	}
}
