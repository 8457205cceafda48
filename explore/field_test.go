package explore_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/finding"
)

// field is what is to come of the tests in testdata/field: the kinds of
// findings, none for clean, or the beginning of the reason why nothing can be
// said.
var field = map[string]struct {
	kinds        []finding.Kind
	reason       string
	uncontrolled []string
}{
	"TestStateFails":   {kinds: []finding.Kind{finding.Failure}},
	"TestFirstPanics":  {kinds: []finding.Kind{finding.Panic}},
	"TestAlwaysPanics": {reason: "fails without exploration too: panic: always"},

	"TestExitSometimes": {kinds: []finding.Kind{finding.Panic}},
	"TestExitZero":      {kinds: []finding.Kind{finding.Panic}},
	"TestExitAlways":    {reason: "fails without exploration too: fatal error: the program exits with status 1"},

	"TestNetServer":          {uncontrolled: []string{"network or pipes", "files"}},
	"TestNetServerSlow":      {uncontrolled: []string{"network or pipes", "files"}},
	"TestNetServerRace":      {kinds: []finding.Kind{finding.Race}, uncontrolled: []string{"network or pipes", "files"}},
	"TestNetDeadline":        {uncontrolled: []string{"network or pipes", "files"}},
	"TestChild":              {uncontrolled: []string{"network or pipes", "child processes", "files"}},
	"TestChildTakesTime":     {uncontrolled: []string{"child processes", "files"}},
	"TestChildKilled":        {uncontrolled: []string{"child processes", "files"}},
	"TestChildSelf":          {uncontrolled: []string{"network or pipes", "child processes", "files"}},
	"TestSignal":             {uncontrolled: []string{"signals"}},
	"TestSignalOnly":         {uncontrolled: []string{"signals"}},
	"TestSignalNone":         {kinds: []finding.Kind{finding.Deadlock}},
	"TestFiles":              {uncontrolled: []string{"files"}},
	"TestCollectorFinalizer": {uncontrolled: []string{"the garbage collector"}},
	"TestCollectorWeak":      {uncontrolled: []string{"the garbage collector"}},
}

// TestField explores what tests of published modules do.
func TestField(t *testing.T) {
	p, tests := compile(t, "testdata/field")
	for _, test := range tests {
		t.Run(test, func(t *testing.T) {
			execs := uint64(20)
			if test == "TestChildTakesTime" || strings.HasPrefix(test, "TestWaitsFor") {
				execs = 3 // of a quarter of a second
			}
			outcome, found := search(t, p, test, explore.Options{MaxTime: 5 * time.Second}, execs)
			var kinds []finding.Kind
			for _, f := range found {
				kinds = append(kinds, f.Kind)
			}
			want := field[test]
			verdict := finding.Clean
			switch {
			case want.reason != "":
				verdict = finding.Unknown
			case want.kinds != nil:
				verdict = finding.Found
			}
			if outcome.Verdict != verdict || !strings.HasPrefix(outcome.Reason, want.reason) || !slices.Equal(kinds, want.kinds) {
				t.Errorf("outcome is %s (%s), found %v; want %s (%s), %v", outcome.Verdict, outcome.Reason, kinds, verdict, want.reason, want.kinds)
			}
			if !slices.Equal(outcome.Uncontrolled, want.uncontrolled) {
				t.Errorf("not under control: %v, want %v", outcome.Uncontrolled, want.uncontrolled)
			}
			for _, f := range found {
				t.Logf("%s at %s: %s\n%s", f.Kind, f.Pos, f.Title, f.Message)
			}
		})
	}
}
