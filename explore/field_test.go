package explore_test

import (
	"os/exec"
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
	"TestFirstUse":     {kinds: []finding.Kind{finding.Race, finding.Lost}},
	"TestAlwaysPanics": {reason: "fails without exploration too: panic: always"},

	"TestExitSometimes": {kinds: []finding.Kind{finding.Panic}},
	"TestExitZero":      {kinds: []finding.Kind{finding.Panic}},
	"TestExitAlways":    {reason: "fails without exploration too: fatal error: the program exits with status 1"},

	"TestNetServer":          {uncontrolled: []string{"network or pipes"}},
	"TestNetServerSlow":      {uncontrolled: []string{"network or pipes"}},
	"TestNetServerRace":      {kinds: []finding.Kind{finding.Race}, uncontrolled: []string{"network or pipes"}},
	"TestNetDeadline":        {uncontrolled: []string{"network or pipes"}},
	"TestChild":              {uncontrolled: []string{"network or pipes", "child processes"}},
	"TestChildTakesTime":     {uncontrolled: []string{"child processes"}},
	"TestChildKilled":        {uncontrolled: []string{"child processes"}},
	"TestChildSelf":          {uncontrolled: []string{"network or pipes", "child processes"}},
	"TestSignal":             {uncontrolled: []string{"signals"}},
	"TestSignalOnly":         {uncontrolled: []string{"signals"}},
	"TestSignalNone":         {kinds: []finding.Kind{finding.Deadlock}},
	"TestFiles":              {uncontrolled: []string{"files"}},
	"TestCollectorFinalizer": {uncontrolled: []string{"the garbage collector"}},
	"TestCollectorWeak":      {uncontrolled: []string{"the garbage collector"}},
}

// TestFirstUseRepeats replays races that only the first execution of a process
// has.
func TestFirstUseRepeats(t *testing.T) {
	p, _ := compile(t, "testdata/field")
	for _, strategy := range []string{"auto", "dpor"} {
		_, found := search(t, p, "TestFirstUse", explore.Options{Strategy: strategy, Replays: t.TempDir()}, 20)
		if len(found) == 0 {
			t.Errorf("%s found nothing", strategy)
		}
		for _, f := range found {
			repeats(t, p, f, 3)
		}
	}
}

// TestNative explores tests of a package that calls C.
func TestNative(t *testing.T) {
	if out, err := exec.Command("go", "env", "CGO_ENABLED").Output(); err != nil || strings.TrimSpace(string(out)) != "1" {
		t.Skip("no C compiler")
	}
	p, tests := compile(t, "testdata/native")
	for _, test := range tests {
		outcome, found := search(t, p, test, explore.Options{}, 20)
		if outcome.Verdict != finding.Clean || !slices.Equal(outcome.Uncontrolled, []string{"C code"}) {
			t.Errorf("%s is %s (%s), found %v, not under control: %v; want clean and C code", test, outcome.Verdict, outcome.Reason, found, outcome.Uncontrolled)
		}
	}
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
			uncontrolled := outcome.Uncontrolled
			if test != "TestFiles" { // package net may or may not have to open some
				uncontrolled = slices.DeleteFunc(uncontrolled, func(u string) bool { return u == "files" })
			}
			if !slices.Equal(uncontrolled, want.uncontrolled) {
				t.Errorf("not under control: %v, want %v", uncontrolled, want.uncontrolled)
			}
			for _, f := range found {
				t.Logf("%s at %s: %s\n%s", f.Kind, f.Pos, f.Title, f.Message)
			}
		})
	}
}
