package explore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/strategy"
	"github.com/ghostread/ghostread/finding"
)

var wall = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestReduced explores the faulty tests: no switch of a reduced schedule can
// be left out, and no schedule with none or one will do where it has more. It
// shows the same finding in fresh processes, 20 times out of 20.
func TestReduced(t *testing.T) {
	p, tests := compile(t, "testdata/worlds")
	before, after, findings := 0, 0, 0
	for _, test := range tests {
		if len(faulty[test].kinds) == 0 || strings.HasPrefix(test, "TestLong") {
			continue // clean; or too long to try all single switches
		}
		t.Run(test, func(t *testing.T) {
			o := explore.Options{MaxSteps: 300_000, MaxTime: 2 * time.Second, Wall: wall}
			_, found := search(t, p, test, o, 200)
			for _, f := range found {
				w := f.Witness
				if neverPasses[test] {
					if w.Switches != nil {
						t.Errorf("%s: reduced, though each execution has a process of its own", f.Kind)
					}
					continue
				}
				if w.Switches == nil || *w.Switches > w.Found {
					t.Fatalf("%s: switches counted: %t; want them, and %d at most", f.Kind, w.Switches != nil, w.Found)
				}
				before, after, findings = before+w.Found, after+*w.Switches, findings+1
				t.Logf("%s: %d of %d switches", f.Kind, *w.Switches, w.Found)
				checkReduced(t, p, test, o, f)
			}
		})
	}
	t.Logf("%d findings: %d switches before, %d after", findings, before, after)
}

// neverPasses are the tests whose executions have processes of their own, since
// none of them passes: their schedules are not reduced.
var neverPasses = map[string]bool{"TestAlwaysDeadlocks": true, "TestDeadlocksWithOne": true}

func checkReduced(t *testing.T, p explore.Program, test string, o explore.Options, f finding.Finding) {
	t.Helper()
	ctx := t.Context()
	s, err := explore.NewSession(p, test, o, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	// A leak is missed where something outside of the test happens to look like a
	// reference to what is waited for, which is more likely on a busy machine.
	tries := 1
	if f.Kind == finding.Leak {
		tries = 50
	}
	r, err := s.ReductionOf(ctx, uint64(f.Executions), f.Fingerprint)
	for n := 1; n < tries && (err != nil || len(r.Turns) != *f.Witness.Switches); n++ {
		r, err = s.ReductionOf(ctx, uint64(f.Executions), f.Fingerprint)
	}
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.Turns); n != *f.Witness.Switches {
		t.Errorf("reduced to %v, want %d turns as before", r.Turns, *f.Witness.Switches)
	}
	shows := func(turns ...strategy.Turn) bool {
		t.Helper()
		ok, err := r.Shows(ctx, turns...)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	shown := false
	for n := 0; !shown && n < tries; n++ {
		shown = shows(r.Turns...)
	}
	if !shown {
		t.Errorf("turns %v do not show the finding", r.Turns)
	}
	for i := range r.Turns {
		if shows(r.Without(i)...) {
			t.Errorf("reduced to %v, and number %d can go", r.Turns, i)
		}
	}
	if len(r.Turns) > 0 && shows() {
		t.Errorf("reduced to %v, and the schedule without any shows the finding", r.Turns)
	}
	if len(r.Turns) > 1 && !testing.Short() {
		for of := int32(-4); of <= 4; of++ {
			for at := int32(1); of != 0 && at <= int32(r.Decisions); at++ {
				for to := int32(1); to <= 4; to++ {
					if turn := (strategy.Turn{Of: of, At: at, To: to}); shows(turn) {
						t.Errorf("reduced to %v, and %v alone shows the finding", r.Turns, turn)
						return
					}
				}
			}
		}
	}
	for i := range 20 {
		ok, err := r.Repeats(ctx, f.Fingerprint)
		for n := 1; err == nil && !ok && n < tries; n++ {
			ok, err = r.Repeats(ctx, f.Fingerprint)
		}
		if err != nil || !ok {
			t.Fatalf("replay %d does not show the finding again (%v)", i, err)
		}
	}
}
