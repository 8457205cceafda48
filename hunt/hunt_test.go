package hunt_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/build"
	"github.com/ghostread/ghostread/explore/overlay"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/hunt"
)

// events keeps what a hunt reports.
type events struct {
	t        *testing.T
	busy     sync.Mutex
	found    []finding.Finding
	last     hunt.Progress
	progress func(hunt.Progress)
}

// alone fails the test if two methods run at the same time.
func (e *events) alone() func() {
	if !e.busy.TryLock() {
		e.t.Error("methods of Events are called concurrently")
		e.busy.Lock()
	}
	return e.busy.Unlock
}

func (e *events) Finding(f finding.Finding) {
	defer e.alone()()
	e.found = append(e.found, f)
}

func (e *events) Progress(p hunt.Progress) {
	defer e.alone()()
	if p.Executions < e.last.Executions || p.Findings < e.last.Findings || p.Tests < e.last.Tests {
		e.t.Errorf("progress goes back from %+v to %+v", e.last, p)
	}
	e.last = p
	if e.progress != nil {
		e.progress(p)
	}
}

// run hunts in packages below testdata.
func run(t *testing.T, ctx context.Context, o hunt.Options, progress func(hunt.Progress), packages ...string) (finding.Summary, []finding.Finding, error) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds tests on a patched Go release")
	}
	for _, p := range packages {
		o.Patterns = append(o.Patterns, "./testdata/"+p)
	}
	e := &events{t: t, progress: progress}
	summary, found, err := hunt.Run(ctx, o, e)
	if _, ok := errors.AsType[*overlay.UnsupportedError](err); ok {
		t.Skip(err)
	}
	// What was streamed is what is returned; only AlsoIn may have grown.
	if diff := cmp.Diff(fingerprints(e.found), fingerprints(found)); diff != "" {
		t.Errorf("findings (-streamed +returned):\n%s", diff)
	}
	if summary.Findings != len(found) {
		t.Errorf("summary: got %d findings, want %d", summary.Findings, len(found))
	}
	return summary, found, err
}

func fingerprints(list []finding.Finding) (all []string) {
	for _, f := range list {
		all = append(all, f.Fingerprint)
	}
	return all
}

const testdata = "github.com/ghostread/ghostread/hunt/testdata/"

// outcomes are the executions of each test, by the name that AlsoIn would use.
func outcomes(s finding.Summary) map[string]int {
	list := map[string]int{}
	for _, o := range s.Outcomes {
		list[strings.TrimPrefix(o.Subject.String(), testdata)] = o.Executions
	}
	return list
}

// TestEnough hunts in a test that has too many schedules for a proof and shows
// nothing new after a while: it ends long before its budget. A strategy that
// was asked for by name never has enough.
func TestEnough(t *testing.T) {
	o := hunt.Options{Budget: time.Hour, Run: regexp.MustCompile("^TestSmall$"), Patterns: []string{"../explore/testdata/bench"}}
	summary, _, err := run(t, t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(summary.Outcomes) != 1 || summary.Outcomes[0].Verdict != finding.Clean || !strings.HasPrefix(summary.Outcomes[0].Reason, "settled: ") {
		t.Errorf("got outcomes %+v, want one that is clean and settled", summary.Outcomes)
	}
	if n := summary.Executions; n < 50_000 {
		t.Errorf("settled after %d executions, want 50,000 or more", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Explore.Strategy = "pct"
	summary, _, err = run(t, ctx, o, func(p hunt.Progress) {
		if p.Executions > 60_000 {
			cancel()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(summary.Outcomes) != 1 || summary.Outcomes[0].Reason != "" {
		t.Errorf("got outcomes %+v, want one that is not settled", summary.Outcomes)
	}
}

func TestOneCauseIsOneFinding(t *testing.T) {
	summary, found, err := run(t, t.Context(), hunt.Options{Execs: 50, Run: regexp.MustCompile("^TestO")}, nil, "shared")
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 {
		t.Fatalf("got %d findings, want 1: %+v", len(found), found)
	}
	f := found[0]
	met := append([]string{f.Subject.String()}, f.AlsoIn...)
	slices.Sort(met)
	if diff := cmp.Diff([]string{testdata + "shared.TestOne", testdata + "shared.TestOther"}, met); diff != "" {
		t.Errorf("tests that meet the cause (-want +got):\n%s", diff)
	}
	for _, o := range summary.Outcomes {
		if o.Verdict != finding.Found || !slices.Equal(o.Findings, []string{f.Fingerprint}) {
			t.Errorf("outcome of %s: got %s with %v, want found with %s", o.Subject, o.Verdict, o.Findings, f.Fingerprint)
		}
	}
}

// Every test gets its first look, however small the budget; a limit of
// executions is kept to the one.
func TestTinyBudget(t *testing.T) {
	summary, _, err := run(t, t.Context(), hunt.Options{Budget: time.Nanosecond, Execs: 25}, nil, "fair")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"fair.TestA": 25, "fair.TestB": 25, "fair.TestC": 25, "fair.TestD": 25}, outcomes(summary)); diff != "" {
		t.Errorf("executions (-want +got):\n%s", diff)
	}
	if got := summary.Verdict(); got != finding.Clean {
		t.Errorf("verdict: got %s, want clean", got)
	}
	if summary.Executions != 100 {
		t.Errorf("executions in all: got %d, want 100", summary.Executions)
	}
}

// A budget without a limit of executions comes to an end.
func TestBudgetEnds(t *testing.T) {
	summary, _, err := run(t, t.Context(), hunt.Options{Budget: time.Nanosecond, Run: regexp.MustCompile("A|B")}, nil, "fair")
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range outcomes(summary) {
		if n == 0 {
			t.Errorf("%s: got no executions, want a first look", name)
		}
	}
}

func TestBrokenPackage(t *testing.T) {
	summary, found, err := run(t, t.Context(), hunt.Options{Execs: 50}, nil, "broken", "untested", "shared")
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 {
		t.Errorf("got %d findings in the package that compiles, want 2", len(found))
	}
	i := slices.IndexFunc(summary.Outcomes, func(o finding.Outcome) bool { return o.Subject.Package == testdata+"broken" })
	if i < 0 {
		t.Fatalf("no outcome of the package that does not compile: %+v", summary.Outcomes)
	}
	if o := summary.Outcomes[i]; o.Verdict != finding.Unknown || !strings.Contains(o.Reason, "undefined: undefinedHere") {
		t.Errorf("outcome of the package that does not compile: got %s (%s), want unknown with the compiler's words", o.Verdict, o.Reason)
	}
}

func TestNothingToHuntIn(t *testing.T) {
	t.Run("all broken", func(t *testing.T) {
		_, _, err := run(t, t.Context(), hunt.Options{}, nil, "broken")
		if _, ok := errors.AsType[*build.Error](err); !ok || !strings.Contains(err.Error(), "undefined: undefinedHere") {
			t.Errorf("got error %v, want a build.Error with the compiler's words", err)
		}
	})
	t.Run("no tests", func(t *testing.T) {
		_, _, err := run(t, t.Context(), hunt.Options{}, nil, "untested")
		if _, ok := errors.AsType[*build.NoTestsError](err); !ok {
			t.Errorf("got error %v, want a build.NoTestsError", err)
		}
	})
	t.Run("no packages", func(t *testing.T) {
		_, _, err := run(t, t.Context(), hunt.Options{}, nil, "none/...")
		if _, ok := errors.AsType[*build.NoPackagesError](err); !ok {
			t.Errorf("got error %v, want a build.NoPackagesError", err)
		}
	})
	t.Run("no match", func(t *testing.T) {
		_, _, err := run(t, t.Context(), hunt.Options{Run: regexp.MustCompile("^TestNone$")}, nil, "fair")
		want := &hunt.NoMatchError{Run: "^TestNone$", Packages: 1}
		got, _ := errors.AsType[*hunt.NoMatchError](err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	})
	t.Run("no such strategy", func(t *testing.T) {
		_, _, err := run(t, t.Context(), hunt.Options{Explore: explore.Options{Strategy: "luck"}}, nil, "fair")
		if err == nil || !strings.Contains(err.Error(), `unknown strategy "luck"`) {
			t.Errorf("got error %v, want the unknown strategy", err)
		}
	})
}

// What ends the test's process is unknown, and what skips itself is told.
func TestUnknown(t *testing.T) {
	summary, _, err := run(t, t.Context(), hunt.Options{Execs: 5}, nil, "ends")
	if err != nil {
		t.Fatal(err)
	}
	if got := summary.Verdict(); got != finding.Unknown {
		t.Errorf("verdict: got %s, want unknown", got)
	}
	if len(summary.Outcomes) != 1 || !strings.Contains(summary.Outcomes[0].Reason, "the program exits with status 3") {
		t.Errorf("outcomes: got %+v, want one that names the status 3", summary.Outcomes)
	}
	if !slices.ContainsFunc(summary.Notes, func(n string) bool { return strings.HasPrefix(n, "1 test") && strings.Contains(n, "skip") }) {
		t.Errorf("notes: got %q, want one about the test that skips itself", summary.Notes)
	}
}

// A hunt that is interrupted in the middle of a slice confirms and returns
// what was seen until then.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	summary, found, err := run(t, ctx, hunt.Options{Jobs: 1, Run: regexp.MustCompile("^TestOne$")}, func(p hunt.Progress) {
		if p.Executions > 0 {
			cancel()
		}
	}, "shared")
	if err != nil {
		t.Fatalf("got error %v, want none: an interrupted hunt is a short one", err)
	}
	if len(found) != 1 {
		t.Errorf("got %d findings, want the race of the first executions", len(found))
	}
	if !slices.ContainsFunc(summary.Notes, func(n string) bool { return strings.HasPrefix(n, "interrupted") }) {
		t.Errorf("notes: got %q, want one that begins with interrupted", summary.Notes)
	}

	cancel()
	summary, _, err = run(t, ctx, hunt.Options{}, nil, "shared")
	if err != nil || len(summary.Notes) == 0 {
		t.Errorf("interrupted before it began: got error %v and notes %q, want none and a note", err, summary.Notes)
	}
}

// proof is what has to be the same when a hunt is repeated.
type proof struct {
	Fingerprint string
	Subject     string
	Executions  int
	Seed        uint64
	Hash        string
}

func proofs(found []finding.Finding) (list []proof) {
	for _, f := range found {
		list = append(list, proof{f.Fingerprint, f.Subject.String(), f.Executions, f.Witness.Seed, f.Witness.Hash})
	}
	slices.SortFunc(list, func(a, b proof) int { return strings.Compare(a.Fingerprint, b.Fingerprint) })
	return list
}

// TestRepeats: the same seed finds the same, by the same executions, and how
// many processes share the work does not change what is found.
func TestRepeats(t *testing.T) {
	// One test for each cause, so that which of two meets it first is not left to chance.
	o := hunt.Options{Execs: 300, Jobs: 1, Run: regexp.MustCompile("^Test(One|LostUpdate)$"),
		Explore: explore.Options{Seed: 7, Wall: time.Unix(1_700_000_000, 0)}}
	_, first, err := run(t, t.Context(), o, nil, "shared")
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != 2 {
		t.Fatalf("got %d findings with seed 7, want 2", len(first))
	}
	for _, jobs := range []int{1, 2} {
		o.Jobs = jobs
		_, again, err := run(t, t.Context(), o, nil, "shared")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(proofs(first), proofs(again)); diff != "" {
			t.Errorf("findings with %d jobs (-first +again):\n%s", jobs, diff)
		}
	}
}
