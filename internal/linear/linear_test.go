package linear

import (
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// seed returns the seed of a test and prints it. FRESHMAP_SEED sets another.
func seed(t *testing.T, def uint64) uint64 {
	t.Helper()
	if s := os.Getenv("FRESHMAP_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("FRESHMAP_SEED=%q: %v", s, err)
		}
		def = n
	}
	t.Logf("FRESHMAP_SEED=%d", def)
	return def
}

// allOrders is the oracle: every order of the operations that respects their
// times, one after the other, without memory. Operations that never returned
// may be left out.
func allOrders[S comparable, A any](from []S, history []Op[A], step func(S, A) (S, bool)) []S {
	var to []S
	used := make([]bool, len(history))
	var try func(S)
	try = func(s S) {
		done := true
		for i, op := range history {
			done = done && (used[i] || op.Return == Never)
		}
		if done && !slices.Contains(to, s) {
			to = append(to, s)
		}
		for i, op := range history {
			blocked := used[i]
			for j, o := range history {
				blocked = blocked || !used[j] && o.Return < op.Call
			}
			if blocked {
				continue
			}
			if next, ok := step(s, op.Action); ok {
				used[i] = true
				try(next)
				used[i] = false
			}
		}
	}
	for _, s := range from {
		try(s)
	}
	return to
}

// randomHistory makes a history by letting operations happen at random moments
// in their intervals, so that it is linearizable, and then may change one
// answer or one time.
func randomHistory(rng *rand.Rand, whole bool) []Op[Action] {
	n := 1 + rng.IntN(7)
	const span = 12
	h := make([]Op[Action], n)
	type moment struct{ at, op int }
	var moments []moment
	for i := range h {
		a, b := rng.Int64N(span), rng.Int64N(span)
		h[i] = Op[Action]{Client: i, Call: min(a, b), Return: max(a, b)}
		at := int(h[i].Call + rng.Int64N(h[i].Return-h[i].Call+1))
		if rng.IntN(10) == 0 {
			h[i].Return = Never
			if rng.IntN(2) == 0 {
				at = -1 // it does not happen
			}
		}
		moments = append(moments, moment{at, i})
		kinds := int(PointKinds)
		if whole {
			kinds = int(All) + 1
		}
		h[i].Action = Action{Kind: Kind(rng.IntN(kinds)), Arg: 1 + rng.Int64N(3), Old: 1 + rng.Int64N(3)}
		if whole {
			h[i].Action.Key = rng.IntN(2)
		}
	}
	slices.SortStableFunc(moments, func(a, b moment) int { return a.at - b.at })
	var state Keys
	for _, m := range moments {
		a := &h[m.op].Action
		answer(rng, state, a)
		if m.at >= 0 {
			state, _ = Whole(state, *a)
		}
	}
	if rng.IntN(2) == 0 {
		op := &h[rng.IntN(n)]
		switch rng.IntN(3) {
		case 0:
			op.Action.OK = !op.Action.OK
			if !op.Action.OK {
				op.Action.Got = 0
			}
		case 1:
			op.Action.Got = rng.Int64N(4)
			op.Action.Old = rng.Int64N(4)
			op.Action.Keys[rng.IntN(2)] = rng.Int64N(4)
		case 2:
			op.Call = rng.Int64N(span)
			op.Return = op.Call
		}
	}
	return h
}

// answer gives an action the answers that it gets in a state.
func answer(rng *rand.Rand, s Keys, a *Action) {
	cur := s[a.Key]
	a.Got, a.OK = cur, cur != 0
	switch a.Kind {
	case LoadOrStore, LoadOrCompute:
		a.Called = b2i(a.Kind == LoadOrCompute && cur == 0)
		if cur == 0 {
			a.Got = a.Arg
		}
	case ComputeKeep:
		a.Called, a.Old = 1, cur
	case ComputeSet:
		a.Called, a.Old, a.Got, a.OK = 1, cur, a.Arg, true
	case ComputeRemove:
		a.Called, a.Old, a.Got, a.OK = 1, cur, 0, false
	case CompareAndSwap, CompareAndDelete:
		if cur != 0 && rng.IntN(2) == 0 {
			a.Old = cur
		}
		a.OK = cur != 0 && a.Old == cur
	case All:
		a.Keys = s
	case Len:
		a.Got = 0
		for _, v := range s {
			a.Got += int64(b2i(v != 0))
		}
	}
}

func TestCheckAgainstAllOrders(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t, 4), 0))
	histories := 30000
	if testing.Short() {
		histories = 6000
	}
	for _, whole := range []bool{false, true} {
		verdicts := make(map[bool]int)
		for range histories {
			h := randomHistory(rng, whole)
			from := []Keys{{}}
			if rng.IntN(4) == 0 {
				from = append(from, Keys{1})
			}
			step := func(s Keys, a Action) (Keys, bool) { return Whole(s, a) }
			want := allOrders(from, h, step)
			got, err := Check(from, h, step)
			slices.SortFunc(want, compareKeys)
			slices.SortFunc(got, compareKeys)
			if !slices.Equal(got, want) || (err != nil) != (len(want) == 0) {
				t.Fatalf("Check(%v, %v) = %v, %v, want %v", from, h, got, err, want)
			}
			verdicts[err == nil]++
		}
		t.Logf("several keys: %t: %d histories are linearizable, %d are not", whole, verdicts[true], verdicts[false])
		if verdicts[true] < histories/10 || verdicts[false] < histories/10 {
			t.Errorf("histories for Check, by linearizable: got %v, want at least a tenth of each", verdicts)
		}
	}
}

func compareKeys(a, b Keys) int { return slices.Compare(a[:], b[:]) }

func TestCheck(t *testing.T) {
	type h = []Op[Action]
	op := func(call, ret int64, a Action) Op[Action] { return Op[Action]{Call: call, Return: ret, Action: a} }
	store := func(v int64) Action { return Action{Kind: Store, Arg: v} }
	load := func(v int64) Action { return Action{Kind: Load, Got: v, OK: v != 0} }
	tests := []struct {
		name    string
		history h
		want    []int64 // nothing: not linearizable
	}{
		{"nothing happened", nil, []int64{0}},
		{"a load sees the store before it", h{op(1, 2, store(7)), op(3, 4, load(7))}, []int64{7}},
		{"an entry is lost", h{op(1, 2, store(7)), op(3, 4, load(0))}, nil},
		{"a load is stale", h{op(1, 2, store(7)), op(3, 4, store(8)), op(5, 6, load(7))}, nil},
		{"a load may see the past while the store runs", h{op(1, 2, store(7)), op(3, 6, store(8)), op(4, 5, load(7))}, []int64{8}},
		{"time does not run backwards for two readers", h{op(1, 2, store(7)), op(3, 10, store(8)), op(4, 5, load(8)), op(6, 7, load(7))}, nil},
		{"touching operations overlap", h{op(1, 2, store(7)), op(2, 3, load(0))}, []int64{7}},
		{"two stores at once end in either", h{op(1, 4, store(7)), op(2, 3, store(8))}, []int64{7, 8}},
		{"what never returned may be seen", h{op(1, Never, store(7)), op(2, 3, load(0)), op(4, 5, load(7))}, []int64{7}},
		{"what never returned may never happen", h{op(1, Never, store(7)), op(2, 3, load(0))}, []int64{0, 7}},
		{"one of two compare-and-swaps fails", h{
			op(1, 2, store(7)),
			op(3, 6, Action{Kind: CompareAndSwap, Old: 7, Arg: 8, OK: true}),
			op(4, 5, Action{Kind: CompareAndSwap, Old: 7, Arg: 9, OK: true}),
		}, nil},
		{"a callback is called twice", h{op(1, 2, Action{Kind: LoadOrCompute, Arg: 7, Got: 7, Called: 2})}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Check([]int64{0}, tt.history, Register)
			slices.Sort(got)
			if !slices.Equal(got, tt.want) || (err != nil) != (tt.want == nil) {
				t.Errorf("Check(%v) = %v, %v, want %v", tt.history, got, err, tt.want)
			}
		})
	}
}

func TestViolationTellsWhatHappened(t *testing.T) {
	var history []Op[Action]
	for i := range int64(100) {
		history = append(history, Op[Action]{Client: 1, Call: 2 * i, Return: 2*i + 1, Action: Action{Kind: Store, Arg: i + 1}})
	}
	history = append(history, Op[Action]{Client: 3, Call: 200, Return: 201, Action: Action{Kind: Load, Key: 2, Got: 99, OK: true}})
	_, err := Check([]int64{0}, history, Register)
	var v *Violation[Action]
	if !errors.As(err, &v) {
		t.Fatalf("Check with a stale load = %v, want a violation", err)
	}
	text := err.Error()
	for _, want := range []string{"client 3", "Load(k2) = 99, true", "possible before: 100;", "198..199"} {
		if !strings.Contains(text, want) {
			t.Errorf("violation: got %q, want %q in it", text, want)
		}
	}
	if n := strings.Count(text, "\n"); n > shown {
		t.Errorf("violation: got %d lines, want at most %d", n, shown)
	}
}

// Every order of twelve operations would be half a billion; their subsets are
// four thousand.
func TestCheckRemembers(t *testing.T) {
	var history []Op[Action]
	for i := range 12 {
		a := Action{Kind: Load, Got: 1, OK: true}
		if i == 0 {
			a = Action{Kind: Store, Arg: 1}
		}
		history = append(history, Op[Action]{Client: i, Call: int64(i), Return: int64(200 - i), Action: a})
	}
	if got, err := Check([]int64{0}, history, Register); err != nil || !slices.Equal(got, []int64{1}) {
		t.Errorf("Check(12 open) = %v, %v, want [1]", got, err)
	}
}

func BenchmarkCheck(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 1000
	history := make([]Op[Action], n)
	var state Keys
	for i := range history {
		a := Action{Kind: Kind(rng.IntN(int(PointKinds))), Arg: rng.Int64N(100) + 1, Old: 1}
		answer(rng, state, &a)
		state, _ = Whole(state, a)
		history[i] = Op[Action]{Client: i % 4, Call: int64(10*i - rng.IntN(20)), Return: int64(10*i + rng.IntN(20)), Action: a}
	}
	for b.Loop() {
		if _, err := Check([]int64{0}, history, Register); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/op-checked")
}
