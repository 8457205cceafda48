package explore_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/replay"
	"github.com/ghostread/ghostread/finding"
)

// specs is what is to be found in the tests of testdata/spec: the kind, how the
// title begins or what it has, and how many operations contradict each other.
var specs = map[string]struct {
	kind  finding.Kind
	title string
	ops   int
}{
	"TestCounter":      {finding.History, "returned", 2},
	"TestStale":        {finding.History, "the store is not linearizable: stale: Load(a) returned 1 although Store(a, 2) had returned before it began", 3},
	"TestLost":         {finding.History, "the store is not linearizable: lost: Load(a) returned 0 although Store(a, 2) had returned before it began", 2},
	"TestMisdirected":  {finding.History, "misdirected: Load(b) returned 1", 1},
	"TestQueue":        {finding.History, "the queue is not linearizable: Take() returned", 2},
	"TestRace":         {finding.Race, "of n (int) is not ordered", 0},
	"TestLate":         {finding.History, "lost: Load(a) returned 0 although Store(a, 1) had returned before it began", 2},
	"TestSum":          {finding.Invariant, `invariant "the sum stays" does not hold after this step`, 0},
	"TestLastWrite":    {finding.Invariant, `invariant "n stays below 2" does not hold after this step`, 0},
	"TestCheckWaits":   {finding.Invariant, "a check waits (sync.Mutex.Lock)", 0},
	"TestCheckSleeps":  {finding.Invariant, "a check waits (sleep)", 0},
	"TestCheckStarts":  {finding.Invariant, "a check starts a goroutine", 0},
	"TestCheckPanics":  {finding.Invariant, `invariant "panics"`, 0},
	"TestCheckGivesUp": {finding.Invariant, `invariant "gives up"`, 0},
}

func TestSpecs(t *testing.T) {
	p, tests := compile(t, "testdata/spec")
	for _, test := range tests {
		t.Run(test, func(t *testing.T) {
			if test == "TestUndecided" {
				o, found := search(t, p, test, explore.Options{}, 5)
				if len(found) > 0 || o.Verdict != finding.Unknown || !strings.Contains(o.Reason, "too many recorded operations overlap") {
					t.Errorf("found %v, outcome %s (%s), want unknown", found, o.Verdict, o.Reason)
				}
				return
			}
			want, broken := specs[test]
			if broken == strings.HasSuffix(test, "Right") {
				t.Fatalf("%s is listed %t", test, broken)
			}
			outcome, found := search(t, p, test, explore.Options{}, 3000)
			if !broken {
				for _, f := range found {
					t.Errorf("found %s at %s: %s\n%s", f.Kind, f.Pos, f.Title, f.Message)
				}
				if outcome.Verdict != finding.Clean {
					t.Errorf("outcome is %s (%s), want clean", outcome.Verdict, outcome.Reason)
				}
				return
			}
			if len(found) != 1 || found[0].Kind != want.kind || !strings.Contains(found[0].Title, want.title) {
				t.Fatalf("found %+v, want one %s, %q", found, want.kind, want.title)
			}
			f := found[0]
			t.Logf("%s: %s\n%s", f.Pos, f.Title, f.Message)
			ops := 0
			for line := range strings.Lines(f.Message) {
				ops += strings.Count(line, "..")
			}
			if ops != want.ops {
				t.Errorf("%d operations contradict each other, want %d:\n%s", ops, want.ops, f.Message)
			}
			if place, ok := f.Evidence[0].Place(); !ok || !strings.HasSuffix(place.File, "_test.go") || f.Evidence[0].Goroutine == 0 {
				t.Errorf("the first evidence is %+v, want a place in the test and its goroutine", f.Evidence[0])
			}
		})
	}
}

// TestRecordingIsNotNoticed compares the scheduling points of operations that
// are recorded with those of operations that are not.
func TestRecordingIsNotNoticed(t *testing.T) {
	p, _ := compile(t, "testdata/spec")
	points := func(test string) (n uint64) {
		s, err := explore.NewSession(p, test, explore.Options{}, nil, func(p explore.Progress) {
			if p.Executions > 0 {
				n = p.Steps / p.Executions
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Slice(t.Context(), 10, time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		return n
	}
	plain := points("TestPointsOfFiveRight") - points("TestPointsOfOneRight")
	recorded := points("TestPointsOfFiveRecordedRight") - points("TestPointsOfOneRecordedRight")
	if plain != 4 || recorded != plain {
		t.Errorf("four operations have %d scheduling points, and %d when they are recorded; want 4 and 4", plain, recorded)
	}
}

// TestSpecsReplay replays what was found a hundred times, in fresh processes.
func TestSpecsReplay(t *testing.T) {
	if testing.Short() {
		t.Skip("starts 200 processes")
	}
	p, _ := compile(t, "testdata/spec")
	for _, test := range []string{"TestQueue", "TestLastWrite"} {
		t.Run(test, func(t *testing.T) {
			_, found := search(t, p, test, explore.Options{Replays: t.TempDir()}, 1000)
			if len(found) != 1 {
				t.Fatalf("found %d, want 1", len(found))
			}
			file, err := replay.Open(found[0].Witness.File)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 100 {
				r, err := explore.Replay(t.Context(), p, file)
				if err != nil {
					t.Fatal(err)
				}
				if !r.Same || r.Diverged != "" || r.Hash != found[0].Witness.Hash {
					t.Fatalf("replay %d: %+v, want the finding by the recorded schedule", i, r)
				}
			}
		})
	}
}

// TestSpecsExhausted explores all schedules: a right object is proved, a wrong
// one found although its operations touch nothing in common, and with an
// invariant there is no proof.
func TestSpecsExhausted(t *testing.T) {
	p, _ := compile(t, "testdata/spec")
	for _, tt := range []struct {
		test  string
		kinds []finding.Kind
		proof bool
	}{
		{"TestCounter", []finding.Kind{finding.History}, true},
		{"TestCounterRight", nil, true},
		{"TestLate", []finding.Kind{finding.History}, true},
		{"TestSumRight", nil, false},
	} {
		t.Run(tt.test, func(t *testing.T) {
			o, found := search(t, p, tt.test, explore.Options{Strategy: "dpor"}, 20_000)
			var kinds []finding.Kind
			for _, f := range found {
				kinds = append(kinds, f.Kind)
			}
			if !slices.Equal(kinds, tt.kinds) {
				t.Errorf("found %v, want %v", kinds, tt.kinds)
			}
			if len(found) == 0 && o.Exhausted != tt.proof {
				t.Errorf("outcome is %s (%s), exhausted %t, want %t", o.Verdict, o.Reason, o.Exhausted, tt.proof)
			}
		})
	}
}
