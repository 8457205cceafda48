package suite

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/replay"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/internal/exploretest"
)

var (
	full       = flag.Bool("full", false, "10,000 executions of each repaired program under every strategy, and 100 replays of each finding")
	strategies = flag.String("strategies", "", "explore repaired programs with these `strategies` only, separated by commas")
)

const (
	maxExecs  = 100 // a bug must show in so many executions
	maxMedian = 5   // executions to the first finding

	// repairedExecs are for one repaired program under one strategy.
	repairedExecs     = 300
	repairedExecsFull = 10_000

	replays     = 1
	replaysFull = 100
)

var seeds = []uint64{1, 2, 3}

// compile builds the programs for exploration.
func compile(t *testing.T) (explore.Program, []string) {
	t.Helper()
	p, tests := exploretest.Open(t, "testdata/programs")
	return p, tests.Tests
}

// session returns a Session and the list that its findings are put in.
func session(t *testing.T, p explore.Program, test string, o explore.Options) (*explore.Session, *[]finding.Finding) {
	t.Helper()
	found := new([]finding.Finding)
	s, err := explore.NewSession(p, test, o, func(f finding.Finding) {
		if err := f.Validate(); err != nil {
			t.Errorf("%s: finding is not valid: %v", test, err)
		}
		*found = append(*found, f)
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, found
}

// slice makes further executions of s. Numbers end it, the time limit is for a
// program that hangs.
func slice(t *testing.T, s *explore.Session, execs uint64) {
	t.Helper()
	limit := time.Minute + time.Duration(execs)*10*time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), 2*limit)
	defer cancel()
	if err := s.Slice(ctx, execs, time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
}

// TestTable compares the table with the programs there are.
func TestTable(t *testing.T) {
	_, tests := compile(t)
	want := map[string]bool{}
	perCategory := map[string]int{}
	for _, c := range table {
		perCategory[c.category]++
		for _, name := range []string{"TestBuggy" + c.name, "TestRepaired" + c.name} {
			if want[name] {
				t.Errorf("table has %s twice", c.name)
			}
			want[name] = true
		}
	}
	for _, name := range tests {
		if !want[name] {
			t.Errorf("table does not have %s", name)
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("table has %s, and testdata/programs does not", name)
	}
	if len(table) < 60 {
		t.Errorf("%d programs, want 60 or more", len(table))
	}
	for _, c := range categories {
		if perCategory[c] == 0 {
			t.Errorf("no program in category %s", c)
		}
		t.Logf("%s: %d", c, perCategory[c])
		delete(perCategory, c)
	}
	for c := range perCategory {
		t.Errorf("table has a category %q, want one of %v", c, categories)
	}
}

// TestBuggy explores every buggy program until the bug shows, and replays what
// was found.
func TestBuggy(t *testing.T) {
	p, _ := compile(t)
	var mu sync.Mutex
	var firsts []int // executions to the first finding, for each program and seed
	perKind := map[finding.Kind]int{}
	t.Run("programs", func(t *testing.T) {
		for _, c := range table {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				for _, seed := range seeds {
					s, found := session(t, p, "TestBuggy"+c.name, explore.Options{Seed: seed, Replays: dir})
					slice(t, s, maxExecs)
					if len(*found) == 0 {
						t.Errorf("seed %d: nothing found in %d executions, want %v: %+v", seed, maxExecs, c.kinds, s.Outcome())
						continue
					}
					first := slices.MinFunc(*found, func(a, b finding.Finding) int { return a.Executions - b.Executions })
					for _, f := range *found {
						if !slices.Contains(c.kinds, f.Kind) {
							t.Errorf("seed %d: found %s (%s) in execution %d, want %v\n%s", seed, f.Kind, f.Title, f.Executions, c.kinds, f.Message)
						}
					}
					mu.Lock()
					firsts = append(firsts, first.Executions)
					perKind[first.Kind]++
					mu.Unlock()
					if first.Executions > maxMedian {
						t.Logf("seed %d: %s in execution %d", seed, first.Kind, first.Executions)
					}
					if seed == seeds[0] {
						again(t, p, first)
					}
				}
			})
		}
	})
	if len(firsts) == 0 {
		return
	}
	slices.Sort(firsts)
	median := firsts[len(firsts)/2]
	t.Logf("seeds %v: %d of %d found within %d executions; to the first finding: median %d, 90%% within %d, at most %d; %v",
		seeds, len(firsts), len(table)*len(seeds), maxExecs, median, firsts[len(firsts)*9/10], firsts[len(firsts)-1], perKind)
	if median > maxMedian {
		t.Errorf("median is %d executions, want at most %d", median, maxMedian)
	}
}

// again replays a finding in fresh processes and wants the identical schedule
// each time.
func again(t *testing.T, p explore.Program, f finding.Finding) {
	t.Helper()
	file, err := replay.Open(f.Witness.File)
	if err != nil {
		t.Fatal(err)
	}
	n := replays
	if *full {
		n = replaysFull
	}
	same := 0
	var differs string
	for range n {
		r, err := explore.Replay(t.Context(), p, file)
		switch {
		case err != nil:
			t.Fatal(err)
		case !r.Same || r.Hash != file.Hash:
			differs = fmt.Sprintf("same finding %t, hash %s, want %s: %s", r.Same, r.Hash, file.Hash, r.Diverged)
		default:
			same++
		}
	}
	if same != n {
		t.Errorf("%d of %d replays of %s are identical, want all: %s", same, n, f.Witness.File, differs)
	}
}

// TestRepaired wants nothing from the repaired programs.
func TestRepaired(t *testing.T) {
	p, _ := compile(t)
	names, execs := []string{"mix"}, uint64(repairedExecs)
	if *full {
		names, execs = explore.Strategies, repairedExecsFull
	}
	if *strategies != "" {
		names = strings.Split(*strategies, ",")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			made := 0
			t.Run("programs", func(t *testing.T) {
				for _, c := range table {
					t.Run(c.name, func(t *testing.T) {
						t.Parallel()
						s, found := session(t, p, "TestRepaired"+c.name, explore.Options{Strategy: name})
						slice(t, s, execs)
						s.Flush()
						for _, f := range *found {
							t.Errorf("found %s at %s in execution %d: %s\n%s", f.Kind, f.Pos, f.Executions, f.Title, f.Message)
						}
						o := s.Outcome()
						if o.Verdict == finding.Unknown {
							t.Errorf("outcome is unknown (%s), want clean", o.Reason)
						}
						mu.Lock()
						made += o.Executions
						mu.Unlock()
					})
				}
			})
			t.Logf("seed 1: %d executions of %d repaired programs", made, len(table))
		})
	}
}
