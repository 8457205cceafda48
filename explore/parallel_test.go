package explore_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/finding"
)

// spreadRun is what a search comes to, as far as it must not depend on how
// many processes make it.
type spreadRun struct {
	Digest     uint64
	Executions int
	Found      []string
}

// spread explores test with so many processes, in slices of so many executions
// and, the first ten, of so much time; 0 is no limit.
func spread(t *testing.T, p explore.Program, test string, o explore.Options, processes int, total, execs uint64, slice time.Duration) (r spreadRun, slices int) {
	t.Helper()
	s, err := explore.NewSession(p, test, explore.Whole(o), func(f finding.Finding) {
		r.Found = append(r.Found, f.Title+" "+f.Fingerprint+" "+f.Witness.Command)
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Spread(processes)
	for s.Left(total) > 0 && !s.Done() {
		n, until := s.Left(total), forever()
		if execs != 0 {
			n = min(n, execs)
		}
		if slice != 0 && slices < 10 {
			until = time.Now().Add(slice)
		}
		if err := s.Slice(t.Context(), n, until); err != nil {
			t.Fatal(err)
		}
		slices++
	}
	s.Flush()
	r.Digest, r.Executions = s.Digest(), s.Outcome().Executions
	return r, slices
}

// TestSpread: the executions, and what is found in them, are the same with any
// number of processes.
func TestSpread(t *testing.T) {
	p, _ := compile(t, "testdata/bench")
	for _, tt := range []struct {
		test, strategy string
		total          uint64
	}{
		{"TestSmall", "mix", 1700}, {"TestSmall", "pct", 900}, {"TestSmall", "surw", 900}, {"TestSmall", "auto", 500}, {"TestRare", "mix", 3000},
	} {
		t.Run(tt.test+"/"+tt.strategy, func(t *testing.T) {
			o := explore.Options{Strategy: tt.strategy, Seed: 3, Wall: wall}
			want, _ := spread(t, p, tt.test, o, 1, tt.total, 0, 0)
			if want.Executions != int(tt.total) {
				t.Fatalf("one process: %d executions, want %d", want.Executions, tt.total)
			}
			if tt.test == "TestRare" && len(want.Found) != 1 {
				t.Fatalf("seed %d: found %q, want one failure", o.Seed, want.Found)
			}
			for _, n := range []int{2, 3, 8} {
				got, _ := spread(t, p, tt.test, o, n, tt.total, 0, 0)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("seed %d, %d processes (-one process +now):\n%s", o.Seed, n, diff)
				}
			}
		})
	}
}

// TestSpreadSlices: no execution is left out or made twice where slices end in
// the middle of blocks, and the number of processes changes nothing. A walk
// learns nothing, so that its executions do not depend on where blocks are cut;
// those of the mix do not either where blocks come to their end.
func TestSpreadSlices(t *testing.T) {
	p, _ := compile(t, "testdata/bench")
	for _, tt := range []struct {
		name       string
		strategy   string
		repeatable bool
		execs      uint64
		slice      time.Duration
	}{
		{"cut by number", "random", false, 333, 0},
		{"cut by time", "random", false, 0, 5 * time.Millisecond},
		{"cut by time at the end of blocks", "mix", true, 0, 5 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const total = 2100
			o := explore.Options{Strategy: tt.strategy, Seed: 4, Wall: wall, Repeatable: tt.repeatable}
			want, _ := spread(t, p, "TestSmall", o, 1, total, 0, 0)
			for _, n := range []int{1, 2, 3} {
				got, slices := spread(t, p, "TestSmall", o, n, total, tt.execs, tt.slice)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("seed %d, %d processes, %d slices (-one slice +now):\n%s", o.Seed, n, slices, diff)
				}
			}
		})
	}
}

// TestSpreadFaulty: tests that crash, hang, leak or cannot be explored come to
// the same with two processes.
func TestSpreadFaulty(t *testing.T) {
	p, _ := compile(t, "testdata/worlds")
	for _, tt := range []struct {
		test  string
		total uint64
	}{
		{"TestPanic", 250}, // a process for each panic
		{"TestFailure", 600}, {"TestDeadlock", 600}, {"TestLeak", 600}, {"TestRaceOnField", 600}, {"TestAlwaysFails", 600}, {"TestSkipped", 600},
	} {
		t.Run(tt.test, func(t *testing.T) {
			o := explore.Options{Strategy: "mix", Seed: 5, Wall: wall}
			want, _ := spread(t, p, tt.test, o, 1, tt.total, 0, 0)
			got, _ := spread(t, p, tt.test, o, 2, tt.total, 0, 0)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("seed %d, two processes (-one process +two):\n%s", o.Seed, diff)
			}
		})
	}
}
