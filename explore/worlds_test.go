package explore_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/internal/exploretest"
)

// compile builds a package for exploration.
func compile(t testing.TB, dir string) (explore.Program, []string) {
	t.Helper()
	p, suite := exploretest.Open(t, dir)
	return p, suite.Explored()
}

// search explores one test of p and returns what came of it.
func search(t *testing.T, p explore.Program, test string, o explore.Options, execs uint64) (finding.Outcome, []finding.Finding) {
	t.Helper()
	var found []finding.Finding
	s, err := explore.NewSession(p, test, o, func(f finding.Finding) {
		if err := f.Validate(); err != nil {
			t.Errorf("%s: finding is not valid: %v", test, err)
		}
		found = append(found, f)
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := s.Slice(ctx, execs, time.Now().Add(time.Minute)); err != nil {
		t.Fatalf("%s: %v", test, err)
	}
	return s.Outcome(), found
}

// faulty is what is to come of the tests in testdata/worlds that are not
// clean: the kinds of findings, or the beginning of the reason why nothing
// can be said.
var faulty = map[string]struct {
	kinds  []finding.Kind
	reason string
	object string // that the first finding names, where the test is about that
}{
	"TestAlwaysDeadlocks":        {kinds: []finding.Kind{finding.Deadlock}},
	"TestDeadlocksWithOne":       {kinds: []finding.Kind{finding.Deadlock}},
	"TestDeadlock":               {kinds: []finding.Kind{finding.Deadlock}},
	"TestDeadlockAfterFinalizer": {kinds: []finding.Kind{finding.Deadlock}},
	"TestLeak":                   {kinds: []finding.Kind{finding.Leak}},
	"TestPanic":                  {kinds: []finding.Kind{finding.Panic}},
	"TestFailure":                {kinds: []finding.Kind{finding.Failure}},
	"TestRaceOnField":            {kinds: []finding.Kind{finding.Race}, object: "s.hits (int)"},
	"TestGlobal":                 {kinds: []finding.Kind{finding.Race}, object: "worlds.config.limits[1].high (int)"},
	"TestParallelRace":           {kinds: []finding.Kind{finding.Race}, object: "shared (int)"},
	"TestTorn":                   {kinds: []finding.Kind{finding.Torn}},
	"TestLost":                   {kinds: []finding.Kind{finding.Lost}},
	"TestPhantom":                {kinds: []finding.Kind{finding.Phantom}},
	"TestStale":                  {kinds: []finding.Kind{finding.Stale}, object: "status"},
	"TestTimerRace":              {kinds: []finding.Kind{finding.Race}},
	"TestEndless":                {reason: "every execution was cut short: time limit"},
	"TestEndlessLoop":            {reason: "every execution was cut short: time limit"},
	"TestBlockedOutside":         {reason: "every execution was cut short: time limit"},
	"TestPollTooSlow":            {reason: "every execution was cut short: a loop polls"},
	"TestAlwaysFails":            {reason: "fails without exploration too"},
	"TestSkipped":                {reason: "its first run took longer"},
	"TestLongLateRace":           {kinds: []finding.Kind{finding.Race}},
	"TestLongLateFailure":        {kinds: []finding.Kind{finding.Failure}},
	"TestLongLateDeadlock":       {kinds: []finding.Kind{finding.Deadlock}},
	"FuzzRace":                   {kinds: []finding.Kind{finding.Race}},
	"FuzzSeedFails":              {kinds: []finding.Kind{finding.Failure}},
	"FuzzSkips":                  {reason: "its first run took longer"},
	"FuzzAlwaysFails":            {reason: "fails without exploration too"},
	"ExampleOutput":              {kinds: []finding.Kind{finding.Failure}},
	"ExampleLeak":                {kinds: []finding.Kind{finding.Leak}},
	"ExampleAlwaysWrong":         {reason: "fails without exploration too"},
}

// TestWorlds explores what a controlled scheduler may trip over, and what it
// must find.
func TestWorlds(t *testing.T) {
	p, tests := compile(t, "testdata/worlds")
	for _, test := range tests {
		t.Run(test, func(t *testing.T) {
			o := explore.Options{MaxSteps: 300_000, MaxTime: 2 * time.Second}
			want, bad := faulty[test]
			execs := uint64(200)
			long := strings.HasPrefix(test, "TestLong")
			if long {
				execs, o.MaxSteps, o.MaxTime = 8, 10_000, 10*time.Second
			}
			if want.reason != "" {
				execs, o.MaxTime = 2, 500*time.Millisecond
			}
			outcome, found := search(t, p, test, o, execs)
			var kinds []finding.Kind
			for _, f := range found {
				kinds = append(kinds, f.Kind)
			}
			switch {
			case want.reason != "":
				if outcome.Verdict != finding.Unknown || !strings.HasPrefix(outcome.Reason, want.reason) {
					t.Errorf("outcome is %s (%s), want unknown (%s...)", outcome.Verdict, outcome.Reason, want.reason)
				}
			case bad:
				if !slices.Equal(kinds, want.kinds) {
					t.Errorf("found %v, want %v; outcome %+v", kinds, want.kinds, outcome)
				}
			case outcome.Verdict != finding.Clean:
				t.Errorf("outcome is %s (%s), want clean", outcome.Verdict, outcome.Reason)
			}
			if note := "sampled: the first 10000 points"; strings.Contains(outcome.Reason, note) != long {
				t.Errorf("outcome is %s (%s), want %q in it: %t", outcome.Verdict, outcome.Reason, note, long)
			}
			if !bad || want.reason != "" {
				for _, f := range found {
					t.Errorf("found %s at %s: %s\n%s", f.Kind, f.Pos, f.Title, f.Message)
				}
			}
		})
	}
}
