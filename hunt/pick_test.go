package hunt

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// simulate gives slices to tests as workers would, by a clock of its own. A
// slice takes up to three times what was granted: the last execution ends when
// it ends.
func simulate(t *testing.T, tests, jobs, rounds int, seed uint64) *Hunt {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	given := make([]int, tests)
	h := &Hunt{}
	index := map[*test]int{}
	for i := range tests {
		x := new(test)
		h.tests = append(h.tests, x)
		index[x] = i
	}
	var running []*test
	for range rounds {
		for len(running) < min(jobs, tests) {
			x := h.pick()
			if x == nil {
				t.Fatalf("seed %d: no test is picked while %d of %d are free", seed, tests-len(running), tests)
			}
			if given[index[x]]++; given[index[x]] == 2 && slices.Contains(given, 0) {
				t.Errorf("seed %d: test %d has a second slice before all had one: %v", seed, index[x], given)
			}
			x.busy = true
			running = append(running, x)
		}
		i := r.IntN(len(running))
		x := running[i]
		running = append(running[:i], running[i+1:]...)
		slice, _ := h.share(x)
		x.spent += time.Duration(r.Int64N(int64(3 * slice)))
		x.looked, x.busy = true, false
	}
	return h
}

// TestFair: nobody has a second slice before all have had one, and the time
// spent on tests differs by no more than their last slices.
func TestFair(t *testing.T) {
	for seed := range uint64(50) {
		const tests = 9
		jobs := 1 + int(seed%4)
		h := simulate(t, tests, jobs, 500, seed)
		least, most := h.tests[0].spent, h.tests[0].spent
		for _, x := range h.tests {
			least, most = min(least, x.spent), max(most, x.spent)
		}
		if gap := most - least; gap > 2*3*maxSlice {
			t.Errorf("seed %d, %d jobs: the tests had between %v and %v", seed, jobs, least, most)
		}
	}
}

// TestPick walks through what makes a test eligible.
func TestPick(t *testing.T) {
	const budget = time.Hour
	over, within := time.Now().Add(-2*budget), time.Now()
	tests := []struct {
		name   string
		start  time.Time
		budget time.Duration
		tests  []test
		want   int // -1: none
	}{
		{"none", within, budget, nil, -1},
		{"the first of equals", within, budget, []test{{}, {}}, 0},
		{"least time first", within, budget, []test{{spent: 2}, {spent: 1}}, 1},
		{"not one that is being explored", within, budget, []test{{busy: true}, {spent: 9}}, 1},
		{"not one that is done", within, budget, []test{{done: true}, {spent: 9}}, 1},
		{"after the budget, only first looks", over, budget, []test{{looked: true}, {spent: 9}}, 1},
		{"after the budget, when all were looked at", over, budget, []test{{looked: true}, {looked: true}}, -1},
		{"no budget", over, 0, []test{{looked: true, spent: 2}, {looked: true, spent: 1}}, 1},
		{"before exploration began", time.Time{}, 1, []test{{}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := &Hunt{opts: Options{Budget: tt.budget}, start: tt.start}
			for i := range tt.tests {
				h.tests = append(h.tests, &tt.tests[i])
			}
			got := -1
			picked := h.pick()
			for i, x := range h.tests {
				if x == picked {
					got = i
				}
			}
			if got != tt.want {
				t.Errorf("pick: got test %d, want %d", got, tt.want)
			}
			// A worker that is told over must not find work, and the other way round.
			busy := false
			for _, x := range h.tests {
				busy = busy || x.busy
			}
			if picked != nil && h.over() && !busy {
				t.Errorf("pick finds test %d though the hunt is over", got)
			}
		})
	}
}
