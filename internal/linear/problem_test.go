package linear

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// step is Register for a [Problem]. A free action may find any state.
func step(s int64, a Action, free bool) (int64, bool) {
	to, ok := Register(s, a)
	return to, ok || free
}

// explained is the oracle of [Problem.Decide]: every order of every choice of
// operations, held against the definition of each freedom.
func explained(p *Problem[int64, Action], free []Freedom) bool {
	n := len(p.History)
	optional := func(i int) bool { return free[i]&Optional != 0 || p.History[i].Return == Never }
	// first reports whether i returned before j was called.
	first := func(i, j int) bool {
		return p.History[i].Return < p.History[j].Call && free[i]&(Later|Optional) == 0 && free[j]&Earlier == 0
	}
	used := make([]bool, n)
	var try func(s int64) bool
	try = func(s int64) bool {
		done := true
		for i := range n {
			done = done && (used[i] || optional(i) || free[i]&Absent != 0)
		}
		if done {
			return true
		}
		for i := range n {
			blocked := used[i] || free[i]&Absent != 0
			for j := range n {
				blocked = blocked || j != i && !used[j] && free[j]&Absent == 0 && first(j, i)
			}
			if blocked {
				continue
			}
			to, ok := Register(s, p.History[i].Action)
			if !ok && free[i]&AnyAnswer == 0 {
				continue
			}
			used[i] = true
			if try(to) {
				return true
			}
			used[i] = false
		}
		return false
	}
	return slices.ContainsFunc(p.From, try)
}

func TestDecideAgainstAllOrders(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t, 5), 0))
	verdicts := make(map[Verdict]int)
	for range 10_000 {
		p := &Problem[int64, Action]{From: []int64{0}, History: randomHistory(rng, false), Step: step}
		free := make([]Freedom, len(p.History))
		for i := range free {
			switch rng.IntN(4) {
			case 0:
				free[i] = Freedom(rng.IntN(int(Absent) << 1))
			case 1:
				free[i] = Floating
			}
		}
		want := NotLinearizable
		if explained(p, free) {
			want = Linearizable
		}
		got := p.Decide(free)
		if got != want {
			t.Fatalf("Decide(%v, freedoms %v) = %d, want %d", p.History, free, got, want)
		}
		verdicts[got]++
	}
	t.Log(verdicts)
	if verdicts[Linearizable] < 1000 || verdicts[NotLinearizable] < 1000 {
		t.Errorf("verdicts of Decide: got %v, want at least a tenth of each", verdicts)
	}
}

// TestCore holds a core to its definition by the oracle, and compares its size
// with that of the smallest of all sets of operations that contradict.
func TestCore(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t, 6), 0))
	cores, smallest := 0, 0
	for cores < 1500 {
		p := &Problem[int64, Action]{From: []int64{0}, History: randomHistory(rng, false), Step: step}
		core := p.Core()
		if (core == nil) != (p.Decide(nil) == Linearizable) {
			t.Fatalf("Core(%v) = %v, Decide = %d", p.History, core, p.Decide(nil))
		}
		if core == nil {
			continue
		}
		cores++
		contradict := func(set []int) bool {
			c := &Core{Ops: set, base: core.base}
			return !explained(p, c.Free(func(int) Freedom { return 0 }))
		}
		if !contradict(core.Ops) {
			t.Fatalf("Core(%v) = %v, which do not contradict each other", p.History, core.Ops)
		}
		for i := range core.Ops {
			if less := slices.Delete(slices.Clone(core.Ops), i, i+1); contradict(less) {
				t.Fatalf("Core(%v) = %v, want less: %v", p.History, core.Ops, less)
			}
		}
		least := len(core.Ops)
		for set := range 1 << len(p.History) {
			var list []int
			for i := range p.History {
				if set>>i&1 != 0 {
					list = append(list, i)
				}
			}
			if len(list) < least && contradict(list) {
				least = len(list)
			}
		}
		if least == len(core.Ops) {
			smallest++
		}
	}
	t.Logf("%d of %d cores are the smallest there are", smallest, cores)
	if smallest < cores*9/10 {
		t.Errorf("cores that are the smallest: got %d of %d, want nine in ten", smallest, cores)
	}
}

// TestUndecided: what does not fit into the bounds is neither.
func TestUndecided(t *testing.T) {
	p := &Problem[int64, Action]{From: []int64{0}, Step: step}
	for i := range 80 {
		p.History = append(p.History, Op[Action]{Client: i, Call: 1, Return: 9, Action: Action{Kind: LoadAndStore, Arg: int64(i + 1), Got: 99, OK: true}})
	}
	if got := p.Decide(nil); got != Undecided {
		t.Errorf("Decide(80 operations at once) = %d, want undecided", got)
	}
	p.History, p.Limit = p.History[:10], 1000
	for i := range p.History {
		p.History[i].Action = Action{Kind: Store, Arg: int64(i + 1)}
	}
	p.History = append(p.History, Op[Action]{Call: 10, Return: 11, Action: Action{Kind: Load, Got: 99, OK: true}})
	if got := p.Decide(nil); got != Undecided {
		t.Errorf("Decide(10 stores at once, limit 1000) = %d, want undecided", got)
	}
	if p.Limit = 0; p.Decide(nil) != NotLinearizable {
		t.Error("Decide(10 stores at once, no limit): want not linearizable")
	}
}
