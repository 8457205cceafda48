package litmus

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// random returns a test of 2 or 3 threads. Straight ones have no branches,
// mutexes or CAS.
func random(r *rand.Rand, straight bool) *Test {
	t := &Test{Name: "t", Vars: []Var{{"x", 0}, {"y", int32(r.IntN(2))}}}
	if !straight {
		t.Mutexes = []string{"m"}
	}
	// Whole tests lean to one kind of access, otherwise nearly all have races.
	atomics := []int{0, 5, 9, 10}[r.IntN(4)]
	locked := !straight && r.IntN(3) == 0
	next := 0
	threads := 2 + r.IntN(2)
	length := 5 - threads
	if !straight && !locked {
		length++
	}
	for range threads {
		var regs []string
		operand := func() Operand {
			if len(regs) > 0 && r.IntN(3) == 0 {
				return Operand{Name: regs[r.IntN(len(regs))]}
			}
			return Operand{Number: int32(1 + r.IntN(2))}
		}
		var stmt func(depth int) Stmt
		stmt = func(depth int) Stmt {
			s := Stmt{Name: t.Vars[r.IntN(2)].Name}
			atomic := r.IntN(10) < atomics
			k := r.IntN(10)
			switch {
			case k < 4 && atomic:
				s.Op = OpAtomicStore
			case k < 4:
				s.Op = OpStore
			case k < 8 && atomic:
				s.Op = OpAtomicLoad
			case k < 8:
				s.Op = OpLoad
			case straight:
				s.Op = []Op{OpAdd, OpSwap}[r.IntN(2)]
			case k == 8:
				s.Op = []Op{OpAdd, OpSwap, OpCAS}[r.IntN(3)]
			case depth > 0 && len(regs) > 0:
				s = Stmt{Op: OpIf, Cond: Cond{Op: "==", A: Operand{Name: regs[r.IntN(len(regs))]}, B: Operand{Number: int32(r.IntN(2))}}}
				s.Body = []Stmt{stmt(depth - 1)}
				return s
			default:
				s = Stmt{Op: OpSet, Value: Expr{A: operand(), Op: '+', B: operand()}}
			}
			if s.Op.writes() {
				s.Value = Expr{A: operand()}
			}
			if s.Op == OpCAS {
				s.Old = Expr{A: Operand{Number: int32(r.IntN(2))}}
			}
			if s.Op.reads() || s.Op == OpSet {
				s.Reg = fmt.Sprintf("r%d", next)
				next++
				regs = append(regs, s.Reg)
			}
			return s
		}
		var body []Stmt
		for range 1 + r.IntN(length) {
			s := stmt(1)
			if locked && r.IntN(4) > 0 {
				body = append(body, Stmt{Op: OpLock, Name: "m"}, s, Stmt{Op: OpUnlock, Name: "m"})
			} else {
				body = append(body, s)
			}
		}
		t.Threads = append(t.Threads, Thread{body})
	}
	t.Exists = Cond{Op: "||", Args: []Cond{{Op: "==", A: Operand{Name: "x"}}, {Op: "==", A: Operand{Name: "y"}}}}
	for i := range min(next, MaxObserved-2) {
		t.Exists.Args = append(t.Exists.Args, Cond{Op: "==", A: Operand{Name: fmt.Sprintf("r%d", i)}})
	}
	return t
}

func keys(m map[string]Outcome) []string { return slices.Sorted(maps.Keys(m)) }

// subset returns the elements of a that are not in b.
func subset(a, b map[string]Outcome) []string {
	var missing []string
	for k := range a {
		if _, ok := b[k]; !ok {
			missing = append(missing, k)
		}
	}
	return missing
}

func rounds(t *testing.T, n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// TestRandom found it: two atomic operations must not both observe one ordinary
// write that both happen after.
func TestAtomicAfterOrdinary(t *testing.T) {
	test, err := Parse("t", []byte(`
test t
var x = 0, y = 1
mutex m
thread { lock m; x = 1; unlock m; lock m; r0 = x; unlock m; r1 = atomic.Add(x, 1) }
thread { lock m; r2 = y; unlock m; lock m; r3 = atomic.Swap(x, 2); unlock m }
exists x == 0 || y == 0 || r0 == 0 || r1 == 2 && r3 == 1 || r2 == 0
`))
	if err != nil {
		t.Fatal(err)
	}
	c := compile(test)
	sc := &machine{code: c}
	if err := sc.run(); err != nil {
		t.Fatal(err)
	}
	allowed, err := c.allowed()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(keys(sc.ends), keys(allowed)); diff != "" {
		t.Errorf("allowed (-sc +got):\n%s", diff)
	}
}

// TestRandom holds what ties the models together, on random tests:
// interleavings and races are those of the oracle; sequential consistency is
// part of x86-TSO, which is part of what Go allows, because Go's compiler is
// correct on that machine; and what Go's rules for reads and writes allow a
// test without races is what its interleavings do.
func TestRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	free, large := 0, 0
	for i := range rounds(t, 1000) {
		test := random(rand.New(rand.NewPCG(seed, uint64(i))), false)
		again, err := Parse("again", []byte(test.String()))
		if err != nil {
			t.Fatalf("Parse of what String printed: %v\n%s", err, test)
		}
		if again.String() != test.String() {
			t.Fatalf("String of what Parse read: got\n%s\nwant\n%s", again, test)
		}
		c := compile(test)
		sc, tso := &machine{code: c}, &machine{code: c, tso: true}
		if err := sc.run(); err != nil {
			t.Fatal(err)
		}
		if err := tso.run(); err != nil {
			t.Fatal(err)
		}
		allowed, err := c.allowed()
		if err != nil {
			large++
			continue
		}
		o := &interleaver{t: test, ends: make(map[string]bool)}
		o.run()
		if diff := cmp.Diff(slices.Sorted(maps.Keys(o.ends)), keys(sc.ends)); diff != "" {
			t.Fatalf("interleavings of test %d (-oracle +got):\n%s\n%s", i, diff, test)
		}
		if o.racy != (len(sc.races) > 0) {
			t.Fatalf("test %d has a race: got %t, oracle says %t\n%s", i, len(sc.races) > 0, o.racy, test)
		}
		if m := subset(sc.ends, tso.ends); m != nil {
			t.Fatalf("test %d: x86-TSO lacks the sequentially consistent outcomes %v\n%s", i, m, test)
		}
		if m := subset(tso.ends, allowed); m != nil {
			t.Fatalf("test %d: Go forbids the x86-TSO outcomes %v\n%s", i, m, test)
		}
		if !o.racy {
			free++
			if diff := cmp.Diff(keys(sc.ends), keys(allowed)); diff != "" {
				t.Fatalf("test %d has no race, and is allowed more than its interleavings (-sc +allowed):\n%s\n%s", i, diff, test)
			}
		}
	}
	t.Logf("%d tests have no race, %d are too large", free, large)
	if free < rounds(t, 1000)/20 || large > rounds(t, 1000)/20 {
		t.Error("too many tests with a race, or too large ones: the random tests test too little")
	}
}

// TestAllowed compares what is allowed with a second implementation, which
// begins at the other end: it chooses who reads from whom first.
func TestAllowed(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	weak, large := 0, 0
	for i := range rounds(t, 800) {
		test := random(rand.New(rand.NewPCG(seed, uint64(i))), true)
		c := compile(test)
		got, err := c.allowed()
		if err != nil {
			large++
			continue
		}
		want := readsFromFirst(c)
		if diff := cmp.Diff(keys(want), keys(got)); diff != "" {
			t.Fatalf("allowed outcomes of test %d (-oracle +got):\n%s\n%s", i, diff, test)
		}
		sc := &machine{code: c}
		if err := sc.run(); err != nil {
			t.Fatal(err)
		}
		if len(want) > len(sc.ends) {
			weak++
		}
	}
	t.Logf("%d tests have weak outcomes, %d are too large", weak, large)
	if weak < rounds(t, 800)/20 || large > rounds(t, 800)/20 {
		t.Error("too few tests with weak outcomes, or too many large ones: the random tests test too little")
	}
}

// interleaver enumerates interleavings on the syntax tree, without memory of
// states it has seen, and looks for races in each with a matrix.
type interleaver struct {
	t    *Test
	ends map[string]bool
	racy bool
}

// happening is one access of an interleaving.
type happening struct {
	thread int
	s      *Stmt
	writes bool
	from   int // index of the happening it synchronizes with, -1 for none
}

func (o *interleaver) run() {
	rest := make([][]*Stmt, len(o.t.Threads))
	for i := range o.t.Threads {
		for j := range o.t.Threads[i].Body {
			rest[i] = append(rest[i], &o.t.Threads[i].Body[j])
		}
	}
	vals := make(map[string]int32)
	for _, v := range o.t.Vars {
		vals[v.Name] = v.Init
	}
	o.walk(rest, vals, nil, "")
}

func (o *interleaver) walk(rest [][]*Stmt, vals map[string]int32, past []happening, holder string) {
	done := true
	for th := range rest {
		if len(rest[th]) == 0 {
			continue
		}
		done = false
		s := rest[th][0]
		if s.Op == OpLock && holder != "" {
			continue
		}
		rest2, vals2, past2, holder2 := slices.Clone(rest), maps.Clone(vals), slices.Clip(past), holder
		rest2[th] = rest[th][1:]
		val := func(op Operand) int32 {
			if op.Name != "" {
				return vals[op.Name]
			}
			return op.Number
		}
		value := val(s.Value.A)
		if s.Value.Op == '+' {
			value += val(s.Value.B)
		}
		if s.Value.Op == '-' {
			value -= val(s.Value.B)
		}
		was := vals[s.Name]
		result, now, writes := was, value, s.Op.writes()
		switch s.Op {
		case OpSet:
			result = value
		case OpIf:
			if s.Cond.Holds(func(n string) int32 { return vals[n] }) {
				rest2[th] = nil
				for i := range s.Body {
					rest2[th] = append(rest2[th], &s.Body[i])
				}
				rest2[th] = append(rest2[th], rest[th][1:]...)
			}
		case OpLock:
			holder2 = s.Name
		case OpUnlock:
			holder2 = ""
		case OpAdd:
			now = was + value
			result = now
		case OpCAS:
			result = 0
			if writes = was == val(s.Old.A); writes {
				result = 1
			}
		}
		if writes {
			vals2[s.Name] = now
		}
		if s.Reg != "" {
			vals2[s.Reg] = result
		}
		if s.Op != OpSet && s.Op != OpIf {
			from := -1
			for i, h := range past {
				if h.s.Name == s.Name && (h.writes && s.Op.reads() || h.s.Op == OpUnlock && s.Op == OpLock) {
					from = i
				}
			}
			// What is observed is the last write; it synchronizes if both do.
			if from >= 0 && !(past[from].s.Op.synchronizes() && s.Op.synchronizes()) {
				from = -1
			}
			past2 = append(past2, happening{th, s, writes, from})
		}
		o.walk(rest2, vals2, past2, holder2)
	}
	if !done {
		return
	}
	names := o.t.Observed()
	end := Outcome{Names: names}
	for _, n := range names {
		end.Values = append(end.Values, vals[n])
	}
	o.ends[end.Key()] = true
	o.races(past)
}

func (o *interleaver) races(past []happening) {
	n := len(past)
	before := make([][]bool, n)
	for j := range past {
		before[j] = make([]bool, n)
	}
	for j := range past {
		for i := range j {
			before[i][j] = past[i].thread == past[j].thread || past[j].from == i
		}
	}
	closure(before)
	for j := range past {
		for i := range j {
			a, b := past[i], past[j]
			if a.s.Name == b.s.Name && (a.writes || b.writes) && !(a.s.Op.synchronizes() && b.s.Op.synchronizes()) && !before[i][j] && a.thread != b.thread {
				o.racy = true
			}
		}
	}
}

func closure(m [][]bool) {
	for k := range m {
		for i := range m {
			for j := range m {
				m[i][j] = m[i][j] || m[i][k] && m[k][j]
			}
		}
	}
}

// readsFromFirst returns what Go allows a test without branches. It chooses a
// write for every read, then a total order of the synchronizing operations,
// and only then computes values.
func readsFromFirst(c *code) map[string]Outcome {
	type node struct {
		thread int
		in     *instr
	}
	var nodes []node
	var syncs []int
	for th, body := range c.threads {
		for i := range body {
			if body[i].op.synchronizes() {
				syncs = append(syncs, len(nodes))
			}
			nodes = append(nodes, node{th, &body[i]})
		}
	}
	ends := make(map[string]Outcome)
	from := make([]int, len(nodes))
	place := make([]int, len(nodes)) // in the total order
	check := func() {
		before := make([][]bool, len(nodes))
		for i := range nodes {
			before[i] = make([]bool, len(nodes))
			for j := range nodes {
				sameThread := nodes[i].thread == nodes[j].thread && i < j
				observed := nodes[j].in.op.reads() && from[j] == i && nodes[i].in.op.synchronizes() && nodes[j].in.op.synchronizes()
				before[i][j] = sameThread || observed
				if sameThread && nodes[i].in.op.synchronizes() && nodes[j].in.op.synchronizes() && place[i] > place[j] {
					return
				}
			}
		}
		closure(before)
		for r, n := range nodes {
			if !n.in.op.reads() {
				continue
			}
			w := from[r]
			if w == r || w >= 0 && before[r][w] {
				return
			}
			for o, m := range nodes {
				if o == r || o == w || !m.in.op.writes() || m.in.v != n.in.v {
					continue
				}
				if before[o][r] && (w < 0 || before[w][o]) {
					return
				}
				if w >= 0 && before[o][r] && nodes[w].in.op.synchronizes() && m.in.op.synchronizes() && place[w] < place[o] {
					return // there is an order of them, though neither happens before the other
				}
				if sync := n.in.op.synchronizes() && m.in.op.synchronizes(); sync && place[o] < place[r] {
					if w < 0 || before[w][o] || nodes[w].in.op.synchronizes() && place[w] < place[o] {
						return // not the last one
					}
				}
			}
			if n.in.op.synchronizes() && w >= 0 && nodes[w].in.op.synchronizes() && place[w] > place[r] {
				return
			}
		}
		// Values, as far as they can be computed without a circle.
		put, regs := make([]int32, len(nodes)), make([]int32, len(c.regs))
		known, regKnown := make([]bool, len(nodes)), make([]bool, len(c.regs))
		for range nodes {
			for i, n := range nodes {
				ready := !known[i]
				for _, o := range []operand{n.in.value.a, n.in.value.b} {
					ready = ready && (o.reg < 0 || regKnown[o.reg])
				}
				var was int32
				if n.in.op.reads() {
					if was = c.init[n.in.v]; from[i] >= 0 {
						ready = ready && known[from[i]]
						was = put[from[i]]
					}
				}
				if !ready {
					continue
				}
				var result int32
				if n.in.op == OpSet {
					result = n.in.value.eval(regs)
				} else {
					_, put[i], result = n.in.effect(was, regs)
				}
				known[i] = true
				if n.in.reg >= 0 {
					regs[n.in.reg], regKnown[n.in.reg] = result, true
				}
			}
		}
		if slices.Contains(known, false) {
			return
		}
		// The values that variables are left with.
		left := [][]int32{slices.Clone(c.init)}
		for v := range c.init {
			var last []int32
			for w, n := range nodes {
				if n.in.v != v || !n.in.op.writes() {
					continue
				}
				final := true
				for o, m := range nodes {
					if o == w || m.in.v != v || !m.in.op.writes() {
						continue
					}
					if before[w][o] || n.in.op.synchronizes() && m.in.op.synchronizes() && place[o] > place[w] {
						final = false
					}
				}
				if final {
					last = append(last, put[w])
				}
			}
			if last == nil {
				continue
			}
			var more [][]int32
			for _, mem := range left {
				for _, value := range last {
					mem = slices.Clone(mem)
					mem[v] = value
					more = append(more, mem)
				}
			}
			left = more
		}
		for _, mem := range left {
			o := c.outcome(regs, mem)
			ends[o.Key()] = o
		}
	}
	var permute func(i int)
	permute = func(i int) {
		if i == len(syncs) {
			check()
			return
		}
		for j := i; j < len(syncs); j++ {
			syncs[i], syncs[j] = syncs[j], syncs[i]
			place[syncs[i]] = i
			permute(i + 1)
			syncs[i], syncs[j] = syncs[j], syncs[i]
		}
	}
	var choose func(i int)
	choose = func(i int) {
		if i == len(nodes) {
			permute(0)
			return
		}
		if !nodes[i].in.op.reads() {
			choose(i + 1)
			return
		}
		for w := -1; w < len(nodes); w++ {
			if w < 0 || nodes[w].in.op.writes() && nodes[w].in.v == nodes[i].in.v {
				from[i] = w
				choose(i + 1)
			}
		}
	}
	choose(0)
	return ends
}
