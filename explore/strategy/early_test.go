package strategy

import (
	"slices"
	"testing"
)

// timed is an execution of two goroutines with opportunities for timers: at
// each step of the one that runs there is one, and then a decision. It ends
// after steps decisions. It returns them as the core would record them.
func timed(s Strategy, seed uint64, steps int) (list []int32) {
	s.Begin(seed)
	defer s.End(uint64(steps))
	t, _ := s.(Timers)
	armed := t != nil && t.Armed()
	c := Choice{Cur: 1}
	offered := int32(0)
	for range steps {
		c.Enabled = nil
		if armed {
			if offered++; t.Fire(&c) {
				list = append(list, -offered)
				offered = 0
			}
		}
		if c.Cur == 2 && len(list)%3 == 0 {
			continue // nobody else can run
		}
		c.Enabled = []int32{1, 2}
		c.Cur = c.Enabled[s.Choose(&c)]
		list = append(list, c.Cur)
		offered = 0
	}
	return list
}

func fires(list []int32) (n int) {
	for _, d := range list {
		if d < 0 {
			n++
		}
	}
	return n
}

// TestEarlyShare: about a third of the executions have early timers, one to
// four, the first execution none, and all opportunities have their turn.
func TestEarlyShare(t *testing.T) {
	const n, k = 6000, 20
	e := NewEarly(new(Random))
	some, most, at := 0, 0, map[int32]int{}
	for seed := range uint64(n) {
		list := timed(e, seed, k)
		fired := fires(list)
		if seed == 0 && fired > 0 {
			t.Error("a timer fires in the first execution, want it to count")
		}
		if fired > 0 {
			some++
		}
		most = max(most, fired)
		at[int32(e.at[0])]++
	}
	if share := float64(some) / n; share < 0.25 || share > 0.36 {
		t.Errorf("%.2f of the executions have early timers, want about a third", share)
	}
	if most < 3 || most > earlyMost {
		t.Errorf("%d timers in one execution at most, want 3 or 4", most)
	}
	for i := int32(1); i <= k; i++ {
		if at[i] < n/k/5 {
			t.Errorf("opportunity %d was drawn %d times in %d executions", i, at[i], n)
		}
	}
}

// TestEarlyWithoutTimers: if there are no opportunities, hardly any execution
// asks, and the strategy decides as it does by itself.
func TestEarlyWithoutTimers(t *testing.T) {
	e, alone, armed := NewEarly(new(Sticky)), new(Sticky), 0
	c := Choice{Enabled: []int32{1, 2, 3}, Cur: 2}
	for seed := range uint64(320) {
		e.Begin(seed)
		alone.Begin(seed)
		if e.Armed() {
			armed++
		}
		for range 20 {
			if a, b := e.Choose(&c), alone.Choose(&c); a != b {
				t.Fatalf("seed %d: %d chosen, want %d", seed, a, b)
			}
		}
		e.End(20)
		alone.End(20)
	}
	if want := 320 / earlyMeasure; armed != want {
		t.Errorf("%d executions of 320 ask, want %d", armed, want)
	}
}

// TestEarlyRepeats: timers fire in a replay where they fired, the turns found
// by following fire them again, and one that is left out does not fire.
func TestEarlyRepeats(t *testing.T) {
	e := NewEarly(new(Random))
	seen := 0
	for seed := range uint64(400) {
		want := timed(e, seed, 30)
		r := NewReplay(want)
		if got := timed(r, 0, 30); !slices.Equal(got, want) {
			t.Fatalf("seed %d: replayed %v, want %v", seed, got, want)
		}
		if at, n := r.Diverged(); n != 0 || r.Used() != len(want) {
			t.Errorf("seed %d: diverged %d times, first at %d; used %d of %d", seed, n, at, r.Used(), len(want))
		}
		if r.Armed() != (fires(want) > 0) {
			t.Errorf("seed %d: asks %t, and %d timers are to fire", seed, r.Armed(), fires(want))
		}
		if fires(want) == 0 {
			continue
		}
		seen++
		buffer, count := make([]Turn, 100), new(uint32)
		if got := timed(NewFollow(want, buffer, count), 0, 30); !slices.Equal(got, want) {
			t.Fatalf("seed %d: followed %v, want %v", seed, got, want)
		}
		turns := slices.Clone(buffer[:*count])
		if got := timed(NewScript(byPlace(turns), buffer, count), 0, 30); !slices.Equal(got, want) {
			t.Fatalf("seed %d: script ran %v, want %v", seed, got, want)
		}
		strict := slices.DeleteFunc(turns, func(t Turn) bool { return t.To == 0 })
		if got := timed(NewScript(byPlace(strict), buffer, count), 0, 30); fires(got) != 0 {
			t.Errorf("seed %d: %d timers fire in %v, want none", seed, fires(got), got)
		}
	}
	if seen < 80 {
		t.Errorf("%d executions with early timers, want 80", seen)
	}
}

// TestEarlyDivergence: a timer that cannot fire where it did is noted, and
// what comes after it goes on.
func TestEarlyDivergence(t *testing.T) {
	r := NewReplay([]int32{1, -9, 2})
	r.Begin(0)
	c := Choice{Enabled: []int32{1, 2}, Cur: 1}
	r.Choose(&c)
	for range 3 {
		if r.Fire(&c) {
			t.Error("fires before its time")
		}
	}
	if i := r.Choose(&c); c.Enabled[i] != 2 {
		t.Errorf("chose %d, want 2", c.Enabled[i])
	}
	if at, n := r.Diverged(); at != 1 || n != 1 {
		t.Errorf("diverged %d times, first at %d; want once, at 1", n, at)
	}
}

func TestEarlyAllocatesNothing(t *testing.T) {
	e := NewEarly(NewMix())
	e.Guess()
	c := Choice{Enabled: []int32{1, 2}, Cur: 1}
	if n := testing.AllocsPerRun(200, func() { e.Begin(7); e.Fire(&c); e.Choose(&c); e.End(1) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
