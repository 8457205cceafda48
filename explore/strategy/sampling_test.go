package strategy

import (
	"math"
	"testing"

	"github.com/ghostread/ghostread/explore/event"
)

// A model is a program in which every operation names an object, for the
// strategies that want to know. A goroutine starts without an operation and
// then has one after the other pending; nobody blocks, but a goroutine may
// have to be started by another one.
type model struct {
	ops [][]step // of goroutine i+1
	// start[i] is how many operations of goroutine 1 come before goroutine
	// i+1 can run; nil if all can from the beginning.
	start []int
}

type step struct {
	kind       event.Kind
	object, pc uint64
}

// symmetric has one goroutine for each length, all of whose operations are s,
// at a place of its own for each goroutine.
func symmetric(s step, lengths ...int) model {
	m := model{}
	for i, n := range lengths {
		var ops []step
		for range n {
			o := s
			o.pc += uint64(i) * 16
			ops = append(ops, o)
		}
		m.ops = append(m.ops, ops)
	}
	return m
}

func (m model) can(done []int, g int) bool {
	return done[g] < len(m.ops[g]) && (m.start == nil || done[0] >= m.start[g])
}

// run makes one execution and returns the order of operations, as a string of
// the digits of their goroutines.
func (m model) run(st Strategy, seed uint64) string {
	done, started := make([]int, len(m.ops)), make([]bool, len(m.ops))
	var trace []byte
	points := uint64(0)
	cur := -1
	st.Begin(seed)
	for {
		c := Choice{Step: points}
		for g := range m.ops {
			if m.can(done, g) {
				c.Enabled = append(c.Enabled, int32(g+1))
			}
		}
		if len(c.Enabled) == 0 {
			break
		}
		if cur >= 0 {
			o := m.ops[cur][done[cur]]
			c.Cur, c.Kind, c.Object, c.PC = int32(cur+1), o.kind, o.object, o.pc
			points++
		}
		g := int(c.Enabled[0]) - 1
		if len(c.Enabled) > 1 {
			g = int(c.Enabled[st.Choose(&c)]) - 1
		}
		if started[g] {
			done[g]++
			trace = append(trace, byte('1'+g))
		}
		started[g] = true
		cur = -1
		if m.can(done, g) {
			cur = g
		}
	}
	st.End(points)
	return string(trace)
}

// all returns every order of operations, by brute force.
func (m model) all() []string {
	var list []string
	done := make([]int, len(m.ops))
	var walk func(prefix []byte)
	walk = func(prefix []byte) {
		end := true
		for g := range m.ops {
			if m.can(done, g) {
				end = false
				done[g]++
				walk(append(prefix[:len(prefix):len(prefix)], byte('1'+g)))
				done[g]--
			}
		}
		if end {
			list = append(list, string(prefix))
		}
	}
	walk(nil)
	return list
}

// sample counts orders in executions with consecutive seeds, after some that
// are there to learn from.
func (m model) sample(s Strategy, learn, n int) map[string]int {
	for seed := range uint64(learn) {
		m.run(s, 1<<32+seed)
	}
	count := map[string]int{}
	for seed := range uint64(n) {
		count[m.run(s, seed)]++
	}
	return count
}

// distance is the total variation distance of what was counted from a
// distribution: 0 if they are equal, 1 if they have nothing in common.
func distance(count map[string]int, n int, want map[string]float64) float64 {
	d := 0.0
	for order, p := range want {
		d += math.Abs(p - float64(count[order])/float64(n))
	}
	for order, k := range count {
		if _, ok := want[order]; !ok {
			d += float64(k) / float64(n)
		}
	}
	return d / 2
}

func uniform(orders []string) map[string]float64 {
	p := map[string]float64{}
	for _, o := range orders {
		p[o] = 1 / float64(len(orders))
	}
	return p
}

// TestEveryInterleavingIsReached of two goroutines with four operations each,
// whether they conflict or not. POS promises that for conflicts only.
func TestEveryInterleavingIsReached(t *testing.T) {
	const n = 6000
	for _, name := range names {
		if name == "pct" {
			continue // at depth 3 two preemptions are all there is
		}
		for what, s := range map[string]step{
			"conflict": {event.Write, 8, 100},
			"reads":    {event.Read, 8, 100},
			"nothing":  {event.Sleep, 0, 100},
		} {
			m := symmetric(s, 4, 4)
			all := m.all()
			if len(all) != 70 {
				t.Fatalf("brute force finds %d interleavings, want 70", len(all))
			}
			if name == "pos" && what != "conflict" {
				continue // the order of its operations does not matter to POS
			}
			count := m.sample(make1(t, name), 0, n)
			for _, o := range all {
				if count[o] == 0 {
					t.Errorf("%s, %s: %s never came up with seeds 0 to %d", name, what, o, n-1)
				}
			}
			if len(count) != len(all) {
				t.Errorf("%s, %s: %d orders, want %d", name, what, len(count), len(all))
			}
		}
	}
}

// TestPOSDistribution compares POS with what follows from its definition for
// two goroutines of three operations each. Being started is one more operation
// that is in conflict with nothing.
//
// Without conflicts each operation has one priority, so that all orders of the
// eight priorities are equally likely: they are enumerated. If everything
// conflicts, priorities are drawn anew at each step, and it is a random walk
// once both are started. Before, one makes j operations against the other's
// start, whose priority v is the lower of two: 2∫(1-v)^(j+1) v dv is the
// probability of exactly j, and the share ∫(1-v)^(j+1) v² dv of it goes on with
// the same goroutine, whose pending operation has a priority below v.
func TestPOSDistribution(t *testing.T) {
	const n = 40_000
	const limit = 0.02 // chance makes less of 20 orders
	free := map[string]float64{}
	var rank [8]int
	var permute func(used, k int)
	permute = func(used, k int) {
		if k == len(rank) {
			a, b := 0, 4
			order := ""
			for a < 4 || b < 8 {
				if b == 8 || a < 4 && rank[a] > rank[b] {
					if a > 0 {
						order += "1"
					}
					a++
				} else {
					if b > 4 {
						order += "2"
					}
					b++
				}
			}
			free[order] += 1.0 / 40320
			return
		}
		for r := range rank {
			if used>>r&1 == 0 {
				rank[k] = r
				permute(used|1<<r, k+1)
			}
		}
	}
	permute(0, 0)
	walk := map[string]float64{}
	for _, o := range symmetric(step{}, 3, 3).all() {
		for _, f := range []byte("12") { // who started first
			for j := 0; j <= 3; j++ {
				if j > 0 && o[j-1] != f {
					break
				}
				if j == 3 {
					walk[o] += 1.0 / 5
					break
				}
				x := float64(j)
				p := 1/(x+2) - 1/(x+3)
				same := 1 / ((x + 2) * (x + 3) * (x + 4))
				if o[j] != f {
					same = p - same
				}
				left := [2]int{3, 3}
				for i := range o {
					if i > j && left[0] > 0 && left[1] > 0 {
						same /= 2
					}
					left[o[i]-'1']--
				}
				walk[o] += same
			}
		}
	}
	if len(free) != 20 || len(walk) != 20 {
		t.Fatalf("the oracle has %d and %d orders, want 20 of each", len(free), len(walk))
	}
	for _, tt := range []struct {
		name  string
		a, b  step
		want  map[string]float64
		other map[string]float64
	}{
		{"writes of one object", step{event.Write, 8, 1}, step{event.Write, 8, 2}, walk, free},
		{"a write and a read of it", step{event.Write, 8, 1}, step{event.Read, 8, 2}, walk, free},
		{"a lock", step{event.Lock, 8, 1}, step{event.Unlock, 8, 2}, walk, free},
		{"a select beside a send", step{event.Select, 0, 1}, step{event.ChanSend, 8, 2}, walk, free},
		{"two objects", step{event.Write, 8, 1}, step{event.Write, 16, 2}, free, walk},
		{"reads of one object", step{event.Read, 8, 1}, step{event.AtomicLoad, 8, 2}, free, walk},
		{"read locks", step{event.RLock, 8, 1}, step{event.RUnlock, 8, 2}, free, walk},
		{"no object", step{event.Sleep, 0, 1}, step{event.Sleep, 0, 2}, free, walk},
		{"a select beside a lock", step{event.Select, 0, 1}, step{event.Lock, 8, 2}, free, walk},
	} {
		m := model{ops: [][]step{{tt.a, tt.a, tt.a}, {tt.b, tt.b, tt.b}}}
		count := m.sample(new(POS), 0, n)
		d, far := distance(count, n, tt.want), distance(count, n, tt.other)
		t.Logf("%s: distance %.4f, from the other distribution %.4f (seeds 0 to %d)", tt.name, d, far, n-1)
		if d > limit {
			t.Errorf("%s: distance %.4f from what is expected, want at most %.2f: %v", tt.name, d, limit, count)
		}
		if far < 5*limit {
			t.Errorf("%s: distance %.4f from the other distribution: the test cannot tell them apart", tt.name, far)
		}
	}
}

// TestSURWIsUniform compares SURW and Random with the uniform distribution
// over all interleavings.
func TestSURWIsUniform(t *testing.T) {
	const n = 30_000
	w := step{event.Write, 8, 1}
	spawn := symmetric(w, 3, 4, 4)
	spawn.start = []int{0, 1, 2}
	for _, tt := range []struct {
		name  string
		m     model
		limit float64
	}{
		{"4 and 4", symmetric(w, 4, 4), 0.05},
		{"1 and 12", symmetric(w, 1, 12), 0.05},
		{"2 and 9", symmetric(w, 2, 9), 0.05},
		{"2, 3 and 3", symmetric(w, 2, 3, 3), 0.10},
		{"the first starts the others", spawn, 0.25},
		{"no object", symmetric(step{event.Sleep, 0, 1}, 1, 12), 0.05},
	} {
		all := tt.m.all()
		want := uniform(all)
		surw := distance(tt.m.sample(new(SURW), 500, n), n, want)
		random := distance(tt.m.sample(new(Random), 500, n), n, want)
		t.Logf("%s: %d interleavings, distance from uniform: surw %.3f, random %.3f (seeds 0 to %d)", tt.name, len(all), surw, random, n-1)
		if surw > tt.limit || surw > random/2 {
			t.Errorf("%s: distance of surw from uniform %.3f, want at most %.2f and half of random's, %.3f", tt.name, surw, tt.limit, random)
		}
	}
}

// TestSURWSelects: two goroutines touch one object twice each, one at its
// beginning and one at its end, with 20 operations of their own around. To a
// walk over all operations, one order of the four is nearly certain.
func TestSURWSelects(t *testing.T) {
	m := model{ops: make([][]step, 2)}
	for i := range 22 {
		a, b := step{event.Write, 16, 1000}, step{event.Write, 24, 2000}
		if i < 2 {
			a.object, a.pc = 8, 1001
		}
		if i >= 20 {
			b.object, b.pc = 8, 2001
		}
		m.ops[0], m.ops[1] = append(m.ops[0], a), append(m.ops[1], b)
	}
	const n = 6000
	rare := func(s Strategy) int {
		for seed := range uint64(500) {
			m.run(s, 1<<32+seed)
		}
		count := map[string]int{}
		for seed := range uint64(n) {
			order, done := "", [2]int{}
			for _, g := range m.run(s, seed) {
				i := g - '1'
				if m.ops[i][done[i]].object == 8 {
					order += string(g)
				}
				done[i]++
			}
			count[order]++
		}
		least := n
		for _, o := range symmetric(step{}, 2, 2).all() {
			least = min(least, count[o])
		}
		t.Logf("%T: %v (seeds 0 to %d)", s, count, n-1)
		return least
	}
	random, surw := rare(new(Random)), rare(new(SURW))
	if surw < n/6/4 || surw < 10*random {
		t.Errorf("the least frequent of six orders came up %d times in %d, with random %d; want at least %d and ten times as often", surw, n, random, n/6/4)
	}
}

// TestSURWManyGoroutines: ids beyond the tables, and two that share a place.
func TestSURWManyGoroutines(t *testing.T) {
	for _, name := range []string{"pos", "surw"} {
		s := make1(t, name)
		for seed := range uint64(20) {
			p := program(pendingSize+surwSize, 3)
			if trace := p.run(s, seed); len(trace) != 3*len(p.steps) {
				t.Fatalf("%s, seed %d: %d steps, want %d", name, seed, len(trace), 3*len(p.steps))
			}
		}
	}
}
