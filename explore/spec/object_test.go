package spec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seed returns the seed of a test and prints it. SPEC_SEED sets another one.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(20261123)
	if s := os.Getenv("SPEC_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("SPEC_SEED=%q: %v", s, err)
		}
	}
	t.Logf("SPEC_SEED=%d", n)
	return n
}

// A recorder is a test that keeps what it is told.
type recorder struct {
	testing.TB
	said     []string
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func (r *recorder) end() string {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
	return strings.Join(r.said, "\n")
}

// A request of the small map that the tests are about.
type request struct {
	op       string // load, store, swap or delete
	key, arg int
}

func (r request) name() string {
	switch r.op {
	case "store", "swap":
		return fmt.Sprintf("%s(k%d, %d)", r.op, r.key, r.arg)
	}
	return fmt.Sprintf("%s(k%d)", r.op, r.key)
}

// step is the model of one key.
func step(s int, r request) (int, int) {
	switch r.op {
	case "store":
		return r.arg, 0
	case "swap":
		return r.arg, s
	case "delete":
		return 0, s
	}
	return s, s
}

// keyed is the model key by key, whole the same for the whole map, with a state
// that cannot be hashed.
var (
	keyed = Model[int, request, int]{Step: step, Key: func(r request) any { return r.key }, Absent: func(v int) bool { return v == 0 }}
	whole = Model[[]int, request, int]{
		Init: []int{0, 0},
		Step: func(s []int, r request) ([]int, int) {
			after := append([]int(nil), s...)
			var out int
			after[r.key], out = step(s[r.key], r)
			return after, out
		},
	}
)

// recorded makes an object that has recorded a history.
func recorded[S any](t testing.TB, m Model[S, request, int], history []operation[request, int]) *Object[S, request, int] {
	o := NewObject(t, "the map", m)
	o.history = append(o.history, history...)
	return o
}

// random makes a history of a right map, and may change an answer or a time.
func random(rng *rand.Rand) []operation[request, int] {
	const span = 20
	ops := []string{"load", "load", "store", "swap", "delete"}
	h := make([]operation[request, int], 1+rng.IntN(7))
	at := make([]float64, len(h))
	taken := rng.Perm(2 * len(h)) // times differ
	for i := range h {
		a, b := int64(taken[2*i]), int64(taken[2*i+1])
		r := request{ops[rng.IntN(len(ops))], rng.IntN(2), 1 + rng.IntN(3)}
		h[i] = operation[request, int]{name: r.name(), in: r, mark: mark{call: min(a, b), ret: max(a, b)}, returned: rng.IntN(8) > 0}
		at[i] = float64(h[i].call) + rng.Float64()*float64(h[i].ret-h[i].call)
	}
	state := []int{0, 0}
	for range h {
		next := -1
		for i := range h {
			if !math.IsInf(at[i], 1) && (next < 0 || at[i] < at[next]) {
				next = i
			}
		}
		op := &h[next]
		state, op.out = whole.Step(state, op.in)
		at[next] = math.Inf(1)
	}
	if op := &h[rng.IntN(len(h))]; rng.IntN(2) == 0 {
		if rng.IntN(2) == 0 {
			op.out = rng.IntN(4)
		} else {
			op.call = rng.Int64N(span)
			op.ret = op.call + rng.Int64N(3)
		}
	}
	return h
}

// explained is the oracle: every order, without memory.
func explained(h []operation[request, int]) bool {
	used := make([]bool, len(h))
	var try func(s []int) bool
	try = func(s []int) bool {
		done := true
		for i := range h {
			done = done && (used[i] || !h[i].returned)
		}
		if done {
			return true
		}
		for i := range h {
			blocked := used[i]
			for j := range h {
				blocked = blocked || !used[j] && h[j].returned && h[j].ret < h[i].call
			}
			if blocked {
				continue
			}
			to, out := whole.Step(s, h[i].in)
			if h[i].returned && out != h[i].out {
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
	return try([]int{0, 0})
}

func TestJudgeAgainstAllOrders(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	verdicts := map[bool]int{}
	words := map[string]int{}
	for range 20_000 {
		h := random(rng)
		want := explained(h)
		verdicts[want]++
		r := &recorder{TB: t}
		recorded(r, keyed, h)
		said := r.end()
		if (said == "") != want {
			t.Fatalf("history %+v: Check says %q, and that it is linearizable is %t", h, said, want)
		}
		r = &recorder{TB: t}
		recorded(r, whole, h)
		if other := r.end(); (other == "") != want {
			t.Fatalf("history %+v: Check of the whole map says %q, and that it is linearizable is %t", h, other, want)
		}
		if !want {
			title, _, _ := strings.Cut(said, "\n")
			word, _, ok := strings.Cut(strings.TrimPrefix(title, "the map is not linearizable: "), ":")
			if !ok {
				word = "contradiction"
			}
			words[word]++
		}
	}
	t.Log(verdicts, words)
	if verdicts[true] < 2000 || verdicts[false] < 2000 {
		t.Errorf("histories by linearizable: got %v, want a tenth of each", verdicts)
	}
	for _, w := range []string{"stale", "lost", "phantom", "misdirected", "premature", "contradiction"} {
		if words[w] == 0 {
			t.Errorf("no history is %s: %v", w, words)
		}
	}
}

func TestWords(t *testing.T) {
	op := func(call, ret int64, r request, out int) operation[request, int] {
		return operation[request, int]{name: r.name(), in: r, out: out, mark: mark{call: call, ret: ret}, returned: true}
	}
	load := func(k int) request { return request{op: "load", key: k} }
	store := func(k, v int) request { return request{"store", k, v} }
	const table = "The operations that contradict each other, with the moments of call and return:"
	const single = "Nothing explains this operation; before it are the moments of call and return:"
	tests := []struct {
		name    string
		history []operation[request, int]
		want    []string
	}{
		{"stale", []operation[request, int]{op(1, 2, store(0, 1), 0), op(3, 4, store(0, 2), 0), op(5, 6, load(1), 0), op(7, 8, load(0), 1)}, []string{
			"the map is not linearizable: stale: load(k0) returned 1 although store(k0, 2) had returned before it began",
			table, "  1..2     store(k0, 1)", "  3..4     store(k0, 2)", "  5..6     load(k0) returned 1   <- wrong",
			"load(k0) should have returned 2.",
		}},
		{"lost", []operation[request, int]{op(1, 2, store(0, 1), 0), op(3, 4, load(0), 0), op(5, 6, load(0), 1)}, []string{
			"the map is not linearizable: lost: load(k0) returned 0 although store(k0, 1) had returned before it began",
			table, "  1..2     store(k0, 1)", "  3..4     load(k0) returned 0   <- wrong",
			"load(k0) should have returned 1.",
			"1 other operation makes no difference to that, whenever it happened.",
		}},
		{"time runs backwards for two readers", []operation[request, int]{op(1, 10, store(0, 1), 0), op(2, 3, load(0), 1), op(4, 5, load(0), 0)}, []string{
			"the map is not linearizable: lost: load(k0) returned 0 although load(k0) had returned before it began",
			table, "  1..2     load(k0) returned 1", "  3..4     load(k0) returned 0   <- wrong",
			"load(k0) should have returned 1.",
			"1 other operation makes no difference to that, whenever it happened.",
		}},
		{"phantom", []operation[request, int]{op(1, 2, store(0, 1), 0), op(3, 4, load(0), 7)}, []string{
			"the map is not linearizable: phantom: load(k0) returned 7, which no operations lead to, in whatever order",
			single, "  1..2     load(k0) returned 7   <- wrong",
			"load(k0) should have returned 1.",
			"1 other operation makes no difference to that, whenever it happened.",
		}},
		{"misdirected", []operation[request, int]{op(1, 2, store(1, 3), 0), op(3, 4, load(0), 3)}, []string{
			"the map is not linearizable: misdirected: load(k0) returned 3, which is an answer about 1 and never was one about 0",
			single, "  1..2     load(k0) returned 3   <- wrong",
			"load(k0) should have returned 0.",
		}},
		{"premature", []operation[request, int]{op(1, 2, load(0), 3), op(3, 4, store(0, 3), 0)}, []string{
			"the map is not linearizable: premature: load(k0) returned 3 before store(k0, 3) was called",
			single, "  1..2     load(k0) returned 3   <- wrong",
			"load(k0) should have returned 0.",
			"1 other operation makes no difference to that, whenever it happened.",
		}},
		{"two take one", []operation[request, int]{op(1, 2, store(0, 1), 0), op(3, 6, request{op: "delete"}, 1), op(4, 5, request{op: "delete"}, 1)}, []string{
			"the map is not linearizable: delete(k0) returned 1 and delete(k0) returned 1, and no order of the operations gives both answers",
			table, "  1..4     delete(k0) returned 1   <- wrong", "  2..3     delete(k0) returned 1",
			"delete(k0) should have returned 0.",
			"1 other operation makes no difference to that, whenever it happened.",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &recorder{TB: t}
			recorded(r, keyed, tt.history)
			if diff := cmp.Diff(tt.want, strings.Split(r.end(), "\n")); diff != "" {
				t.Errorf("Check (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLongHistories: a lie at the end of a long history is found, and what came
// long before is not in its way; overlapping without end is unknown.
func TestLongHistories(t *testing.T) {
	long := func(n int) (h []operation[request, int]) {
		for i := range n {
			r := request{"store", 0, i + 1}
			h = append(h, operation[request, int]{name: r.name(), in: r, mark: mark{call: int64(2 * i), ret: int64(2*i + 1)}, returned: true})
		}
		return h
	}
	r := &recorder{TB: t}
	h := long(5000)
	h = append(h, operation[request, int]{name: "load(k0)", in: request{op: "load"}, out: 4998, mark: mark{call: 20_000, ret: 20_001}, returned: true})
	recorded(r, keyed, h)
	if said, want := r.end(), "stale: load(k0) returned 4998 although store(k0, 5000) had returned before it began"; !strings.Contains(said, want) {
		t.Errorf("Check of 5001 operations says %q, want %q in it", said, want)
	}

	r = &recorder{TB: t}
	h = nil
	for i := range 80 {
		req := request{"swap", 0, i + 1}
		h = append(h, operation[request, int]{name: req.name(), in: req, out: 99, mark: mark{call: int64(i), ret: int64(1000 + i)}, returned: true})
	}
	recorded(r, keyed, h)
	if said, want := r.end(), "it is unknown whether the 80 recorded operations are linearizable"; !strings.Contains(said, want) {
		t.Errorf("Check of 80 operations at a time says %q, want %q in it", said, want)
	}
}

// TestParallel records from goroutines that run in parallel: a right object, and
// one that forgets.
func TestParallel(t *testing.T) {
	for _, forgets := range []bool{false, true} {
		r := &recorder{TB: t}
		o := NewObject(r, "the map", keyed)
		var mu sync.Mutex
		m := map[int]int{}
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(7, uint64(g)))
				for range 200 {
					req := request{[]string{"load", "store", "delete"}[rng.IntN(3)], rng.IntN(2), 1 + rng.IntN(5)}
					o.Do(req.name(), req, func() int {
						mu.Lock()
						defer mu.Unlock()
						if forgets && req.op == "load" {
							return 0
						}
						var out int
						m[req.key], out = step(m[req.key], req)
						return out
					})
				}
			})
		}
		wg.Wait()
		if said := r.end(); (said != "") != forgets || forgets && !strings.Contains(said, "load(k") {
			t.Errorf("an object that forgets (%t): Check says %q", forgets, said)
		}
	}
}

// TestInvariantWithoutExploration: it is evaluated at once, at the end, and when
// the test says so.
func TestInvariantWithoutExploration(t *testing.T) {
	r := &recorder{TB: t}
	n := 0
	c := Invariant(r, "n is small", func() error {
		if n > 5 {
			return fmt.Errorf("n is %d", n)
		}
		if n < 0 {
			panic("negative")
		}
		return nil
	})
	n = 7
	c.Check()
	n = -1
	if diff := cmp.Diff("invariant \"n is small\" is broken: n is 7\ninvariant \"n is small\" is broken: the check panics: negative", r.end()); diff != "" {
		t.Errorf("a broken invariant (-want +got):\n%s", diff)
	}
}

func BenchmarkDo(b *testing.B) {
	o := NewObject(&recorder{TB: b}, "nothing", keyed)
	in := request{op: "load"}
	for b.Loop() {
		o.Do("load(k0)", in, func() int { return 0 })
		o.history = o.history[:0]
	}
}
