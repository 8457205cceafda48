package explore_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/internal/exploretest"
)

// untimely is what is to come of the tests in testdata/timers that are wrong.
var untimely = map[string]struct {
	kind  finding.Kind
	timer string // that fires early, as a note says; "" if none need to
}{
	"TestWrongFetch":   {finding.Leak, "the timer of time.After at wrong.go:19 fires early, "},
	"TestWrongCall":    {finding.Leak, "the timer of context.WithTimeout at wrong.go:26 fires early, "},
	"TestWrongRun":     {finding.Deadlock, "the timer of context.WithTimeout at wrong.go:40 fires early, "},
	"TestWrongOnce":    {finding.Panic, "the timer of time.AfterFunc at wrong.go:58 fires early, "},
	"TestWrongDone":    {finding.Panic, "the timer of time.AfterFunc at wrong.go:71 fires early, "},
	"TestWrongHalf":    {finding.Torn, "the timer of time.After at wrong.go:92 fires early, "},
	"TestWrongFlusher": {finding.Deadlock, "the timer of time.NewTicker at wrong.go:109 fires early, "},
	"TestWrongAlways":  {finding.Leak, ""},
}

// earlyReplays is how often a finding is replayed in a fresh process.
const earlyReplays = 1

// TestEarly explores what programs do with timers: what is wrong is found in
// 100 executions, with a label if it needs an early timer; what is right stays
// silent in thousands, and so do tests that rely on time not to pass.
func TestEarly(t *testing.T) {
	p, suite := exploretest.Open(t, "testdata/timers")
	for _, test := range suite.Explored() {
		t.Run(test, func(t *testing.T) {
			o := explore.Options{Wall: wall, Replays: t.TempDir()}
			want, wrong := untimely[test]
			if !wrong {
				o.Strategy = "mix"
				outcome, found := search(t, p, test, o, 3000)
				for _, f := range found {
					t.Errorf("found %s at %s: %s\n%s\n%s", f.Kind, f.Pos, f.Title, f.Message, strings.Join(f.Notes, "\n"))
				}
				if outcome.Verdict != finding.Clean {
					t.Errorf("outcome is %s (%s), want clean", outcome.Verdict, outcome.Reason)
				}
				t.Log(outcome.Reason)
				return
			}
			for _, o.Seed = range []uint64{1, 2} {
				_, found := search(t, p, test, o, 100)
				i := slices.IndexFunc(found, func(f finding.Finding) bool { return f.Kind == want.kind })
				if i < 0 {
					t.Errorf("seed %d: found %v, want %s", o.Seed, found, want.kind)
					continue
				}
				f := found[i]
				t.Logf("seed %d: execution %d, %d switches, %v", o.Seed, f.Executions, *f.Witness.Switches, f.Notes)
				repeats(t, p, f, earlyReplays)
				n, notes := 0, 0
				if want.timer != "" {
					n = 1
				}
				for _, note := range f.Notes {
					if text, ok := strings.CutPrefix(note, "timing-dependent: "); ok && strings.HasPrefix(text, want.timer) {
						notes++
					}
				}
				if f.Witness.EarlyTimers != n || notes != n {
					t.Errorf("seed %d: %d early timers, notes %q; want %d, %s", o.Seed, f.Witness.EarlyTimers, f.Notes, n, want.timer)
				}
			}
			o.Seed, o.Strict = 1, true
			_, found := search(t, p, test, o, 300)
			if slices.ContainsFunc(found, func(f finding.Finding) bool { return f.Kind == want.kind }) != (want.timer == "") {
				t.Errorf("under strict time: found %v", found)
			}
		})
	}
}
