package explore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/replay"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/internal/exploretest"
)

// TestChoices explores what is left to chance besides the order of goroutines:
// each outcome is met in 200 executions, and replays repeat it. The first
// digit of a test's name is how many outcomes it has.
func TestChoices(t *testing.T) {
	p, suite := exploretest.Open(t, "testdata/choices")
	dir := t.TempDir()
	for _, test := range suite.Explored() {
		t.Run(test, func(t *testing.T) {
			o := explore.Options{Strategy: "mix", Wall: wall, Replays: dir}
			outcome, found := search(t, p, test, o, 200)
			if outcomes := int(strings.TrimPrefix(test, "Test")[0] - '0'); len(found) != outcomes-1 {
				t.Errorf("%d outcomes, want %d; %s (%s)", len(found)+1, outcomes, outcome.Verdict, outcome.Reason)
			}
			for _, f := range found {
				if f.Kind != finding.Failure {
					t.Errorf("found %s: %s", f.Kind, f.Title)
					continue
				}
				repeats(t, p, f, 2)
			}
		})
	}
}

// repeats replays f in n fresh processes.
func repeats(t *testing.T, p explore.Program, f finding.Finding, n int) {
	t.Helper()
	file, err := replay.Open(f.Witness.File)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		r, err := explore.Replay(ctx, p, file)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if !r.Same || r.Diverged != "" {
			t.Fatalf("%s: replay %d: same finding %t; diverged %q", f.Subject.Test, i, r.Same, r.Diverged)
		}
	}
}
