package spec

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/internal/linear"
)

// violation is what is wrong with a history, in words.
type violation struct {
	undecided bool
	found     bool
	title     string // which answer is wrong, and why
	message   string // the operations that contradict each other, a line each
	ops       []evidence
}

// evidence is one of the operations that contradict each other.
type evidence struct {
	g           int32
	first, last int64 // events of its call and its return, -1: not known
	name, text  string
	role        string // "read" for the answer that is wrong, "write" for what it contradicts, "note", "other" for what is in the timeline only
}

// explain says which operations contradict each other, and which of their
// answers is wrong. others are the histories of other keys.
func (p *part[S, In, Out]) explain(others []*part[S, In, Out]) violation {
	q := p.problem()
	q.Limit = coreLimit
	core := q.Core()
	if core == nil {
		return violation{found: true, title: fmt.Sprintf("no order explains its %d operations; which of them contradict each other takes too long to find out", len(p.ops))}
	}
	c := p.culprit(q, core)
	v := violation{found: true}
	var rival int
	v.title, rival = p.reason(q, core, c, others)
	v.message = p.table(core.Ops, c)
	if r := p.right(q, core, c); len(r) > 0 {
		v.message += fmt.Sprintf("\n%s should have returned %s.", p.ops[c].name, strings.Join(r, " or "))
	}
	if n := len(p.ops) - len(core.Ops); n > 0 {
		v.message += "\n" + plural(n, "other operation makes no difference to that, whenever it happened.", "other operations make no difference to that, whenever they happened.")
	}
	order := slices.Clone(core.Ops)
	slices.SortFunc(order, func(a, b int) int {
		rank := func(i int) int {
			switch i {
			case c:
				return -2
			case rival:
				return -1
			}
			return i
		}
		return rank(a) - rank(b)
	})
	if rival >= 0 && !slices.Contains(order, rival) {
		order = slices.Insert(order, 1, rival)
	}
	for _, i := range order {
		o := p.ops[i]
		e := evidence{g: o.g, first: o.first, last: -1, name: o.name, text: p.text(i), role: "note"}
		if o.returned {
			e.last = o.last
		}
		switch i {
		case c:
			e.role = "read"
		case rival:
			e.role = "write"
		}
		v.ops = append(v.ops, e)
	}
	for i, o := range p.ops {
		if !slices.Contains(order, i) {
			v.ops = append(v.ops, evidence{g: o.g, first: o.first, last: o.last, name: o.name, role: "other"})
		}
	}
	return v
}

// windowOps is how many operations the search for the smallest contradiction
// begins with, if the history can be cut: each of them is open all the time in
// that search.
const windowOps = 12

// coreLimit is how many configurations one of the searches for less looks at.
const coreLimit = 1 << 16

// maxRight is how many of the answers that would have been right are told.
const maxRight = 3

// window returns the last part of a history that is not linearizable, up to the
// contradiction. What comes before is left out where no operation was running,
// and stands for the states that it can have led to.
func (p *part[S, In, Out]) window() *part[S, In, Out] {
	if len(p.ops) <= windowOps {
		return p
	}
	w := *p
	w.ops = slices.Clone(p.ops)
	slices.SortFunc(w.ops, func(a, b *operation[In, Out]) int { return cmp.Compare(a.call, b.call) })
	all := w.problem()
	type cut struct {
		at   int // operations before it
		from []int
	}
	cuts := []cut{{0, w.from}}
	last := int64(0)
	for i := 0; i <= len(w.ops); i++ {
		if i == len(w.ops) || i > 0 && w.ops[i].call > last {
			begin := cuts[len(cuts)-1]
			to, err := linear.Check(begin.from, all.History[begin.at:i], func(s, a int) (int, bool) { return w.step(s, a, false) })
			if err != nil {
				for len(cuts) > 1 && i-cuts[0].at > windowOps {
					cuts = cuts[1:]
				}
				w.ops, w.from = w.ops[cuts[0].at:i], cuts[0].from
				return &w
			}
			cuts = append(cuts, cut{i, to})
		}
		if i < len(w.ops) {
			if !w.ops[i].returned {
				break // open for ever: no more cuts
			}
			last = max(last, w.ops[i].ret)
		}
	}
	begin := cuts[len(cuts)-1]
	w.ops, w.from = w.ops[begin.at:], begin.from
	return &w
}

// culprit returns the operation whose answer is wrong: without it the others
// have an order. Of several it is the one that would have been right earlier,
// and the one that returned last.
func (p *part[S, In, Out]) culprit(q *linear.Problem[int, int], core *linear.Core) int {
	best, rank := core.Ops[len(core.Ops)-1], -1
	byReturn := slices.Clone(core.Ops)
	slices.SortFunc(byReturn, func(a, b int) int { return cmp.Compare(p.ops[a].ret, p.ops[b].ret) })
	for _, i := range byReturn {
		if !p.ops[i].returned || p.decide(q, core, i, linear.AnyAnswer) != linear.Linearizable {
			continue
		}
		r := 0
		if p.decide(q, core, i, linear.Earlier) == linear.Linearizable {
			r = 1
		}
		if r >= rank {
			best, rank = i, r
		}
	}
	return best
}

func (p *part[S, In, Out]) decide(q *linear.Problem[int, int], core *linear.Core, i int, f linear.Freedom) linear.Verdict {
	return q.Decide(core.Free(func(j int) linear.Freedom {
		if j == i {
			return f
		}
		return 0
	}))
}

// reason says in words why the answer of operation c is wrong, and which other
// operation shows it, -1 if there is no single one.
func (p *part[S, In, Out]) reason(q *linear.Problem[int, int], core *linear.Core, c int, others []*part[S, In, Out]) (string, int) {
	op := p.ops[c]
	said := p.text(c)
	if p.decide(q, core, c, linear.Earlier) == linear.Linearizable {
		if r := p.before(q, core, c); r >= 0 {
			if absent := p.o.model.Absent; absent != nil && absent(op.out) {
				return fmt.Sprintf("lost: %s although %s had returned before it began", said, p.ops[r].name), r
			}
			return fmt.Sprintf("stale: %s although %s had returned before it began", said, p.ops[r].name), r
		}
		return "stale: " + said + ", which was right earlier", -1
	}
	float := func(f linear.Freedom) linear.Verdict {
		free := make([]linear.Freedom, len(p.ops))
		for i := range free {
			free[i] = linear.Floating
		}
		free[c] = f
		return q.Decide(free)
	}
	if float(0) == linear.NotLinearizable {
		for _, o := range others {
			if o.holds(op) {
				return fmt.Sprintf("misdirected: %s, which is an answer about %v and never was one about %v", said, o.key, p.key), -1
			}
		}
		return "phantom: " + said + ", which no operations lead to, in whatever order", -1
	}
	if r := p.after(q, core, c); r >= 0 {
		return fmt.Sprintf("premature: %s before %s was called", said, p.ops[r].name), r
	}
	for _, i := range core.Ops {
		if i != c && p.ops[i].returned && p.decide(q, core, i, linear.AnyAnswer) == linear.Linearizable {
			return fmt.Sprintf("%s and %s, and no order of the operations gives both answers", said, p.text(i)), i
		}
	}
	return "no order of the operations gives all of their answers, the last of which was " + said, -1
}

// right returns the answers that operation c could have given; none if others
// are wrong too.
func (p *part[S, In, Out]) right(q *linear.Problem[int, int], core *linear.Core, c int) (texts []string) {
	var answers []Out
	free := *q
	free.Step = func(s, a int, f bool) (int, bool) {
		if a == c {
			if _, out := p.o.model.Step(p.states[s], p.ops[c].in); !slices.ContainsFunc(answers, func(o Out) bool { return p.o.equal(o, out) }) {
				answers = append(answers, out)
			}
		}
		return q.Step(s, a, f)
	}
	free.Decide(core.Only(c, linear.AnyAnswer))
	op := p.ops[c]
	for _, out := range answers {
		if len(texts) == maxRight {
			texts = append(texts, "something else")
			break
		}
		fixed := *op
		fixed.out = out
		p.ops[c] = &fixed
		if q.Decide(core.Only(c, 0)) == linear.Linearizable {
			texts = append(texts, fmt.Sprintf("%v", out))
		}
	}
	p.ops[c] = op
	return texts
}

// before returns the operation that makes the answer of c, which would have been
// right earlier, wrong: the last to return before c began of those that c would
// have to overlap.
func (p *part[S, In, Out]) before(q *linear.Problem[int, int], core *linear.Core, c int) int {
	var earlier []int
	for _, i := range core.Ops {
		if p.ops[i].returned && p.ops[i].ret < p.ops[c].call {
			earlier = append(earlier, i)
		}
	}
	slices.SortFunc(earlier, func(a, b int) int { return cmp.Compare(p.ops[b].ret, p.ops[a].ret) })
	moved := *q
	free := core.Free(func(int) linear.Freedom { return 0 })
	for _, i := range earlier {
		moved.History = slices.Clone(q.History)
		moved.History[c].Call = p.ops[i].ret
		if moved.Decide(free) == linear.Linearizable {
			return i
		}
	}
	return -1
}

// after returns an operation that was called after c had returned and without
// which c's answer cannot be explained.
func (p *part[S, In, Out]) after(q *linear.Problem[int, int], core *linear.Core, c int) int {
	late := func(i int) bool { return i != c && p.ops[i].call > p.ops[c].ret }
	decide := func(with int) linear.Verdict {
		free := make([]linear.Freedom, len(p.ops))
		for i := range free {
			free[i] = linear.Floating
			if late(i) && i != with {
				free[i] = linear.Absent
			}
		}
		free[c] = 0
		return q.Decide(free)
	}
	if decide(-1) == linear.Linearizable {
		return -1
	}
	for i := range p.ops {
		if late(i) && decide(i) == linear.Linearizable {
			return i
		}
	}
	return -1
}

// holds reports whether the operation could have got its answer here: in one of
// the states that the history of this key leads through.
func (p *part[S, In, Out]) holds(op *operation[In, Out]) bool {
	q := p.problem()
	if q.Decide(nil) != linear.Linearizable {
		return false
	}
	for _, s := range p.states {
		if _, out := p.o.model.Step(s, op.in); p.o.equal(op.out, out) {
			return true
		}
	}
	return false
}

// table lists operations in the order of their calls, with the numbers of the
// moments at which they were called and returned.
func (p *part[S, In, Out]) table(ops []int, c int) string {
	var moments []int64
	for _, i := range ops {
		moments = append(moments, p.ops[i].call)
		if p.ops[i].returned {
			moments = append(moments, p.ops[i].ret)
		}
	}
	slices.Sort(moments)
	number := func(at int64) int { n, _ := slices.BinarySearch(moments, at); return n + 1 }
	order := slices.Clone(ops)
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p.ops[a].call, p.ops[b].call) })
	var b strings.Builder
	if len(ops) == 1 {
		b.WriteString("Nothing explains this operation; before it are the moments of call and return:")
	} else {
		b.WriteString("The operations that contradict each other, with the moments of call and return:")
	}
	for _, i := range order {
		op := p.ops[i]
		ret := "never"
		if op.returned {
			ret = fmt.Sprint(number(op.ret))
		}
		fmt.Fprintf(&b, "\n%3d..%-5s ", number(op.call), ret)
		if op.g != 0 {
			fmt.Fprintf(&b, "G%-3d ", op.g)
		}
		b.WriteString(p.text(i))
		if i == c {
			b.WriteString("   <- wrong")
		}
	}
	return b.String()
}

// text is an operation with its answer, if it is one: the zero value that the
// model answers in every state is none.
func (p *part[S, In, Out]) text(i int) string {
	op := p.ops[i]
	if !op.returned {
		return op.name + ", which has not returned"
	}
	var zero Out
	silent := reflect.DeepEqual(op.out, zero)
	for _, s := range p.states {
		if !silent {
			break
		}
		_, out := p.o.model.Step(s, op.in)
		silent = reflect.DeepEqual(out, zero)
	}
	if silent {
		return op.name
	}
	return fmt.Sprintf("%s returned %v", op.name, op.out)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
