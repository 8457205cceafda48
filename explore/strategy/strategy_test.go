package strategy

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/explore/event"
)

var names = []string{"random", "sticky", "pct", "pos", "surw", "mix"}

func make1(t testing.TB, name string) Strategy {
	t.Helper()
	s, ok := New(name, 3)
	if !ok {
		t.Fatalf("New(%q, 3) knows no such strategy", name)
	}
	return s
}

func TestNewKnowsNoOther(t *testing.T) {
	if s, ok := New("dpor", 1); ok || s != nil {
		t.Errorf(`New("dpor", 1) = %v, %t; want nil, false`, s, ok)
	}
}

// TestNewIsFresh: two strategies of one name share nothing.
func TestNewIsFresh(t *testing.T) {
	for _, name := range names {
		a, b := make1(t, name), make1(t, name)
		want := fmt.Sprint(program(3, 20).run(a, 7))
		program(3, 9).run(b, 8)
		if got := fmt.Sprint(program(3, 20).run(make1(t, name), 7)); got != want {
			t.Errorf("%s: %v after another one ran, want %v", name, got, want)
		}
	}
}

// A simulation is a program of which only scheduling is left: goroutine i
// (ids count from 1) makes steps[i-1] steps, each a decision while another
// goroutine can run. wait[i-1] blocks a goroutine's step.
type simulation struct {
	steps []int
	// blocked reports that goroutine g cannot make its next step.
	blocked func(s *simulation, g int32) bool
	// kind says what a goroutine is about to do; Write if nil.
	kind func(s *simulation, g int32) event.Kind
	// stop ends the execution early, as a failed assertion does.
	stop func(s *simulation) bool

	done    []int   // steps made
	trace   []int32 // who made each step
	chosen  []int32 // who won each decision
	enabled []int32
}

// program has n goroutines of k steps each.
func program(n, k int) *simulation {
	s := &simulation{steps: make([]int, n)}
	for i := range s.steps {
		s.steps[i] = k
	}
	return s
}

const maxSteps = 200_000

// run makes one execution and returns who made each step.
func (s *simulation) run(st Strategy, seed uint64) []int32 {
	s.done = append(s.done[:0], make([]int, len(s.steps))...)
	s.trace, s.chosen = s.trace[:0], s.chosen[:0]
	st.Begin(seed)
	cur := int32(0)
	c := Choice{}
	for len(s.trace) < maxSteps {
		s.enabled = s.enabled[:0]
		curCan := false
		for i := range s.steps {
			g := int32(i + 1)
			if s.done[i] < s.steps[i] && (s.blocked == nil || !s.blocked(s, g)) {
				s.enabled = append(s.enabled, g)
				curCan = curCan || g == cur
			}
		}
		if len(s.enabled) == 0 {
			break
		}
		next := s.enabled[0]
		if len(s.enabled) > 1 {
			c = Choice{Enabled: s.enabled, Kind: event.Write, Step: uint64(len(s.trace)), Decision: uint32(len(s.chosen))}
			if curCan {
				c.Cur = cur
				if s.kind != nil {
					c.Kind = s.kind(s, cur)
				}
			}
			next = s.enabled[st.Choose(&c)]
			s.chosen = append(s.chosen, next)
		}
		s.done[next-1]++
		s.trace = append(s.trace, next)
		cur = next
		if s.stop != nil && s.stop(s) {
			break
		}
	}
	st.End(uint64(len(s.trace)))
	return s.trace
}

func TestSameSeedSameSchedule(t *testing.T) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			a, b := make1(t, name), make1(t, name)
			different := 0
			last := ""
			for seed := range uint64(60) {
				p, q := program(4, 30), program(4, 30)
				x, y := p.run(a, seed), q.run(b, seed)
				if diff := cmp.Diff(x, y); diff != "" {
					t.Fatalf("seed %d: two runs differ:\n%s", seed, diff)
				}
				if s := fmt.Sprint(x); s != last {
					different++
					last = s
				}
			}
			if different < 30 {
				t.Errorf("%d of 60 neighbouring seeds give a schedule unlike the one before", different)
			}
		})
	}
}

// TestRandomIsUniform: chi-squared over who wins, 7 degrees of freedom.
func TestRandomIsUniform(t *testing.T) {
	s := new(Random)
	s.Begin(42)
	enabled := []int32{2, 3, 5, 7, 11, 13, 17, 19}
	var count [8]float64
	const n = 80_000
	for range n {
		count[s.Choose(&Choice{Enabled: enabled, Cur: 5, Kind: event.Read})]++
	}
	chi := 0.0
	for _, x := range count {
		chi += (x - n/8) * (x - n/8) / (n / 8)
	}
	if chi > 24.3 { // p = 0.001
		t.Errorf("wins %v: chi-squared %.1f, want at most 24.3", count, chi)
	}
}

// TestStickyPreemptsSeldom: the share of preemptions varies from one execution
// to the next between a half and a sixty-fourth.
func TestStickyPreemptsSeldom(t *testing.T) {
	s := new(Sticky)
	low, high := 1.0, 0.0
	for seed := range uint64(60) {
		p := program(2, 2000)
		trace := p.run(s, seed)
		switches := 0
		for i := 1; i < 2000; i++ {
			if trace[i] != trace[i-1] {
				switches++
			}
		}
		share := float64(switches) / 2000
		low, high = min(low, share), max(high, share)
	}
	if low > 0.03 || low < 0.005 || high < 0.4 || high > 0.6 {
		t.Errorf("shares of preemptions from %.3f to %.3f, want about 0.016 to 0.5", low, high)
	}
}

// TestPCTPrioritiesAreFair: each order of three goroutines comes up.
func TestPCTPrioritiesAreFair(t *testing.T) {
	s := NewPCT(1)
	count := map[string]int{}
	const n = 6000
	for seed := range uint64(n) {
		count[fmt.Sprint(program(3, 1).run(s, seed))]++
	}
	if len(count) != 6 {
		t.Fatalf("orders of three goroutines: %v, want six", count)
	}
	for order, x := range count {
		if x < n/6*8/10 || x > n/6*12/10 {
			t.Errorf("order %s came up %d times in %d, want about %d", order, x, n, n/6)
		}
	}
}

// TestPCTGuarantee measures the probability of bugs of known depth against the
// bound of the paper, 1/(n k^(d-1)), on programs without other structure.
func TestPCTGuarantee(t *testing.T) {
	tests := []struct {
		name  string
		n, k  int // goroutines, steps of each
		depth int
		bug   func(s *simulation) bool // looked at after each step
	}{
		{"depth 1: the last goroutine finishes before the first starts", 4, 5, 1, func(s *simulation) bool {
			return s.done[3] == 5 && s.done[0] == 0
		}},
		{"depth 2: another one finishes in one gap of the first", 2, 20, 2, func(s *simulation) bool {
			// goroutine 2 makes all of its steps while 1 stands after its 7th.
			return s.done[0] == 7 && s.done[1] == 20 && started(s, 2, 7)
		}},
		{"depth 3: there and back", 2, 12, 3, func(s *simulation) bool {
			// 1 up to its 4th step, 2 up to its 6th, 1 to its end, then 2.
			return s.done[0] == 12 && s.done[1] == 6 && len(s.trace) == 18 && s.trace[3] == 1 && s.trace[4] == 2 && s.trace[9] == 2
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := NewPCT(tt.depth)
			k := 1
			for range tt.depth - 1 {
				k *= tt.n * tt.k
			}
			want := 1 / float64(tt.n*k)
			runs := min(int(200/want), 300_000)
			p.SetLength(uint32(tt.n * tt.k))
			hits := 0
			for seed := range uint64(runs) {
				s := program(tt.n, tt.k)
				hit := false
				s.stop = func(s *simulation) bool { hit = hit || tt.bug(s); return false }
				s.run(p, seed)
				if hit {
					hits++
				}
			}
			got := float64(hits) / float64(runs)
			t.Logf("%d hits in %d executions: %.5f, bound %.5f", hits, runs, got, want)
			if got < want*0.8 {
				t.Errorf("hit rate %.5f is below the bound %.5f", got, want)
			}
		})
	}
}

// started reports that goroutine g made its first step after n steps of 1.
func started(s *simulation, g int32, n int) bool {
	ones := 0
	for _, x := range s.trace {
		if x == g {
			return ones == n
		}
		if x == 1 {
			ones++
		}
	}
	return false
}

// TestPCTLearnsLength: up at once, down slowly.
func TestPCTLearnsLength(t *testing.T) {
	p := NewPCT(2)
	program(2, 1000).run(p, 1)
	long := p.Length()
	if long < 900 || long > 2000 {
		t.Errorf("Length after an execution of at most 2000 decisions = %d", long)
	}
	program(2, 10).run(p, 2)
	if got := p.Length(); got >= long || got < long*3/4 {
		t.Errorf("Length after a short execution = %d, want a little below %d", got, long)
	}
	for seed := range uint64(100) {
		program(2, 10).run(p, seed)
	}
	if got := p.Length(); got > 30 {
		t.Errorf("Length after 100 short executions = %d, want at most 30", got)
	}
}

// TestSetLengthRepeats: seed and length are all that a schedule depends on.
func TestSetLengthRepeats(t *testing.T) {
	p := NewPCT(4)
	for seed := range uint64(20) {
		program(3, int(10+seed*5)).run(p, seed)
	}
	k := p.Length()
	want := append([]int32(nil), program(3, 40).run(p, 99)...)
	q := NewPCT(4)
	q.SetLength(k)
	if diff := cmp.Diff(want, program(3, 40).run(q, 99)); diff != "" {
		t.Errorf("same seed and length, another schedule:\n%s", diff)
	}
}

// TestSpinningEnds: whoever waits in a loop for others lets them run, with and
// without yielding, alone and in company.
func TestSpinningEnds(t *testing.T) {
	const need = 300
	for _, name := range append([]string{"replay"}, names...) {
		for _, spinners := range []int{1, 3, 20} {
			for _, yields := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d/yields=%t", name, spinners, yields), func(t *testing.T) {
					var s Strategy
					if name == "replay" {
						s = NewReplay(nil)
					} else {
						s = make1(t, name)
					}
					for seed := range uint64(20) {
						p := program(spinners+1, 1<<30)
						p.steps[spinners] = need
						if yields {
							p.kind = func(s *simulation, g int32) event.Kind {
								if g <= int32(spinners) {
									return event.Yield
								}
								return event.Write
							}
						}
						p.stop = func(s *simulation) bool { return s.done[spinners] == need }
						p.run(s, seed)
						if p.done[spinners] != need {
							t.Fatalf("seed %d: the goroutine waited for made %d of %d steps in %d", seed, p.done[spinners], need, maxSteps)
						}
					}
				})
			}
		}
	}
}

// TestYieldIsTemporary: one that yields comes back although the others could
// go on for ever.
func TestYieldIsTemporary(t *testing.T) {
	for _, name := range names {
		s := make1(t, name)
		for seed := range uint64(50) {
			p := program(3, 1<<30)
			p.kind = func(s *simulation, g int32) event.Kind {
				if g == 1 {
					return event.Yield
				}
				return event.Write
			}
			p.stop = func(s *simulation) bool { return s.done[0] == 3 || len(s.trace) == 20_000 }
			p.run(s, seed)
			if p.done[0] != 3 {
				t.Errorf("%s, seed %d: the yielding goroutine made %d steps in 20000", name, seed, p.done[0])
			}
		}
	}
}

func TestReplayRepeats(t *testing.T) {
	for _, name := range names {
		s := make1(t, name)
		for seed := range uint64(20) {
			p := program(4, 25)
			want := append([]int32(nil), p.run(s, seed)...)
			r := NewReplay(append([]int32(nil), p.chosen...))
			if diff := cmp.Diff(want, program(4, 25).run(r, 0)); diff != "" {
				t.Fatalf("%s, seed %d: replay differs:\n%s", name, seed, diff)
			}
			if at, n := r.Diverged(); at != -1 || n != 0 || r.Used() != len(p.chosen) {
				t.Errorf("%s, seed %d: Diverged() = %d, %d, Used() = %d; want -1, 0, %d", name, seed, at, n, r.Used(), len(p.chosen))
			}
		}
	}
}

func TestReplayDivergence(t *testing.T) {
	tests := []struct {
		name  string
		want  []int32
		trace []int32
		first int
		count int
	}{
		{"no list: no preemption, then the next", nil, []int32{1, 1, 1, 2, 2, 2, 3, 3, 3}, -1, 0},
		{"the list ends early", []int32{2, 3}, []int32{2, 3, 3, 3, 1, 1, 1, 2, 2}, -1, 0},
		{"an id that does not exist", []int32{3, 9, 2}, []int32{3, 3, 2, 2, 2, 3, 1, 1, 1}, 1, 1},
		{"one that has ended", []int32{2, 2, 2, 2, 3}, []int32{2, 2, 2, 3, 3, 3, 1, 1, 1}, 3, 1},
		{"twice", []int32{9, 8}, []int32{1, 1, 1, 2, 2, 2, 3, 3, 3}, 0, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReplay(tt.want)
			if diff := cmp.Diff(tt.trace, program(3, 3).run(r, 0)); diff != "" {
				t.Errorf("schedule (-want +got):\n%s", diff)
			}
			if first, n := r.Diverged(); first != tt.first || n != tt.count {
				t.Errorf("Diverged() = %d, %d; want %d, %d", first, n, tt.first, tt.count)
			}
		})
	}
}

// TestMixTakesTurns and names what Current says.
func TestMixTakesTurns(t *testing.T) {
	m := NewMix()
	var got []string
	surw := new(SURW)
	for seed := range uint64(len(mixTurns) + 1) {
		k := m.Length()
		trace := append([]int32(nil), program(3, 10).run(m, seed)...)
		name, depth := m.Current()
		got = append(got, fmt.Sprint(name, depth))
		s, _ := New(name, depth)
		if p, ok := s.(*PCT); ok {
			p.SetLength(k)
		} else if name == "surw" {
			s = surw // it learns from one of its turns to the next
		}
		if diff := cmp.Diff(trace, program(3, 10).run(s, seed)); diff != "" {
			t.Errorf("execution %d: %s of depth %d alone differs:\n%s", seed, name, depth, diff)
		}
	}
	want := []string{"random0", "sticky0", "pct2", "pos0", "surw0", "sticky0", "pct3", "pos0", "surw0", "pct4", "random0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("turns (-want +got):\n%s", diff)
	}
}

// TestNoAllocation: strategies run where the runtime cannot allocate.
func TestNoAllocation(t *testing.T) {
	for _, name := range append([]string{"replay"}, names...) {
		var s Strategy = NewReplay([]int32{1, 2, 99, 3})
		if name != "replay" {
			s = make1(t, name)
		}
		enabled := []int32{1, 2, 3, 4, 5}
		seed := uint64(0)
		c := new(Choice)
		if n := testing.AllocsPerRun(50, func() {
			s.Begin(seed)
			seed++
			for i := range 5000 {
				*c = Choice{Enabled: enabled, Cur: int32(i%4) + 1, Kind: event.Write, Object: uint64(i % 3), PC: uint64(i % 20)}
				if i%7 == 0 {
					c.Kind = event.Yield
				}
				s.Choose(c)
			}
			s.End(5000)
		}); n != 0 {
			t.Errorf("%s allocates %v times in an execution, want 0", name, n)
		}
	}
}

// TestChoiceIsAlwaysEnabled with sets that change all the time.
func TestChoiceIsAlwaysEnabled(t *testing.T) {
	for _, name := range append([]string{"replay"}, names...) {
		var s Strategy = NewReplay([]int32{1, 2, 99, 3, -4, 0})
		if name != "replay" {
			s = make1(t, name)
		}
		r := rng(5)
		for seed := range uint64(50) {
			s.Begin(seed)
			for range 500 {
				var enabled []int32
				for g := int32(1); g < 40; g++ {
					if r.below(8) == 0 {
						enabled = append(enabled, g)
					}
				}
				if len(enabled) == 0 {
					continue
				}
				c := &Choice{Enabled: enabled, Kind: event.Kind(r.below(80)), Object: r.below(4), PC: r.below(100)}
				if r.below(3) > 0 {
					c.Cur = enabled[r.below(uint64(len(enabled)))]
				}
				if i := s.Choose(c); i < 0 || int(i) >= len(enabled) {
					t.Fatalf("%s: Choose(%+v) = %d", name, c, i)
				}
			}
			s.End(500)
		}
	}
}

func BenchmarkChoose(b *testing.B) {
	for _, name := range names {
		for _, n := range []int32{3, 10} {
			b.Run(fmt.Sprintf("%s/enabled=%d", name, n), func(b *testing.B) {
				s := make1(b, name)
				c := &Choice{Kind: event.Read}
				for g := range n {
					c.Enabled = append(c.Enabled, g+1)
				}
				s.Begin(1)
				i := 0
				for b.Loop() {
					if i++; i%200 == 0 {
						s.End(200)
						s.Begin(uint64(i))
					}
					c.Cur = c.Enabled[s.Choose(c)]
				}
			})
		}
	}
}
