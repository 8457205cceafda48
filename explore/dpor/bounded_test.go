package dpor

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/explore/strategy"
	"github.com/ghostread/ghostread/internal/dportest"
)

// recorder notes the schedule of an execution under another strategy, and how
// many preemptions it has.
type recorder struct {
	strategy.Strategy
	schedule    string
	preemptions int
}

func (r *recorder) Choose(c *strategy.Choice) int32 {
	i := r.Strategy.Choose(c)
	r.schedule += fmt.Sprint(c.Enabled[i], " ")
	if c.Cur != 0 && c.Kind != event.Yield && c.Kind != event.Case && c.Enabled[i] != c.Cur {
		r.preemptions++
	}
	return i
}

// schedules returns all schedules of p with their preemptions; nil if there
// are more than limit.
func schedules(p dportest.Program, limit int) map[string]int {
	out := map[string]int{}
	var want []int
	for len(out) < limit {
		f := &prefix{want: want}
		r := &recorder{Strategy: f}
		p.Run(r, false)
		out[r.schedule] = r.preemptions
		for len(want) < len(f.counts) {
			want = append(want, 0)
		}
		for len(want) > 0 && want[len(want)-1] == f.counts[len(want)-1]-1 {
			want = want[:len(want)-1]
		}
		if len(want) == 0 {
			return out
		}
		want[len(want)-1]++
	}
	return nil
}

// TestBounded compares the schedules that are explored with all there are: each
// with few enough preemptions comes once, those with fewer first.
func TestBounded(t *testing.T) {
	const seed = 20_261_123
	programs := 150 // about half of those that are generated have few enough schedules
	if testing.Short() {
		programs = 25
	}
	r := rand.New(rand.NewPCG(seed, 2))
	t.Logf("seed %d", seed)
	compared, explored := 0, 0
	for compared < programs {
		p := dportest.Generate(r)
		if r.IntN(2) == 0 {
			g := r.IntN(len(p))
			p[g] = append([]dportest.Op{{Code: dportest.Gosched}}, p[g]...)
		}
		all := schedules(p, 1500)
		if all == nil {
			continue
		}
		compared++
		limit := r.IntN(4)
		want := 0
		for _, n := range all {
			if n <= limit {
				want++
			}
		}
		s := NewBounded(limit)
		seen, last := map[string]bool{}, 0
		for !s.Done() {
			s.Begin(1)
			rec := &recorder{Strategy: s}
			_, log := p.Run(rec, false)
			s.End(0)
			s.Learn(log)
			n, exists := all[rec.schedule]
			switch {
			case !exists:
				t.Fatalf("schedule %s of %v is none", rec.schedule, p)
			case seen[rec.schedule]:
				t.Fatalf("schedule %s of %v comes twice", rec.schedule, p)
			case n < last || n > limit:
				t.Fatalf("schedule %s of %v with %d preemptions after one with %d, at most %d", rec.schedule, p, n, last, limit)
			case n != rec.preemptions:
				t.Fatalf("schedule %s has %d and %d preemptions", rec.schedule, n, rec.preemptions)
			}
			seen[rec.schedule], last = true, n
		}
		if s.Gap() != "" || len(seen) != want {
			t.Fatalf("%d schedules of %v with at most %d preemptions, want %d; gap %q", len(seen), p, limit, want, s.Gap())
		}
		if n, _ := s.Executions(); n != uint64(want) {
			t.Fatalf("%d schedules counted, want %d", n, want)
		}
		explored += want
	}
	t.Logf("%d programs, %d schedules", compared, explored)
}

// TestBoundedAllocation holds Choose to what may run inside package runtime.
func TestBoundedAllocation(t *testing.T) {
	s := NewBounded(2)
	c := &strategy.Choice{Enabled: []int32{1, 2, 3}, Cur: 2, Kind: event.AtomicLoad}
	if n := testing.AllocsPerRun(100, func() {
		s.Begin(1)
		for range 50 {
			s.Choose(c)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
