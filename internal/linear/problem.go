package linear

import (
	"math"
	"slices"
)

// A Freedom is what a question about a history leaves out of account of an
// operation. Freedoms are added with |.
type Freedom uint8

const (
	AnyAnswer Freedom = 1 << iota // the model says what it answered
	Earlier                       // it may have happened before its call
	Later                         // it may have happened after its return
	Optional                      // it may not have happened
	Absent                        // it did not happen

	// Floating is an operation that says nothing: it happened whenever it may
	// help, or never.
	Floating = AnyAnswer | Earlier | Later | Optional
)

// A Verdict answers whether a history is linearizable.
type Verdict uint8

// The verdicts.
const (
	Undecided Verdict = iota // within the bounds
	Linearizable
	NotLinearizable
)

// A Problem is the question whether a history is linearizable, in a form that
// can be made easier. Its methods may be called concurrently if Step may.
type Problem[S comparable, A any] struct {
	From    []S // states that the model may begin in
	History []Op[A]
	// Step returns the state after an action, and whether its answer fits; any
	// answer fits if free.
	Step  func(s S, a A, free bool) (S, bool)
	Limit int // configurations that one search may look at; 0: as many as it takes
}

// Decide says whether the history is linearizable when the operations have the
// given freedoms; nil gives them none.
func (p *Problem[S, A]) Decide(free []Freedom) Verdict {
	history := make([]Op[freely[A]], 0, len(p.History))
	for i, op := range p.History {
		f := Freedom(0)
		if free != nil {
			f = free[i]
		}
		if f&Absent != 0 {
			continue
		}
		o := Op[freely[A]]{Client: op.Client, Call: op.Call, Return: op.Return, Action: freely[A]{op.Action, f&AnyAnswer != 0}}
		if f&Earlier != 0 {
			o.Call = math.MinInt64
		}
		if f&Later != 0 && o.Return != Never {
			o.Return = Never - 1
		}
		if f&Optional != 0 {
			o.Return = Never
		}
		history = append(history, o)
	}
	_, err := check(p.From, history, func(s S, a freely[A]) (S, bool) { return p.Step(s, a.action, a.free) }, p.limit())
	switch err {
	case nil:
		return Linearizable
	case ErrUndecided:
		return Undecided
	}
	return NotLinearizable
}

type freely[A any] struct {
	action A
	free   bool
}

// A Core is a few operations of a history that contradict each other: it is not
// linearizable whenever the others happened, if at all, and whatever they
// answered, and that does not hold for any further one of these.
type Core struct {
	Ops  []int     // in the order of History
	base []Freedom // of all: what came after the return that nothing explains
}

// Free returns freedoms for the whole history: the operations of the core have
// those that of gives them, others float.
func (c *Core) Free(of func(i int) Freedom) []Freedom {
	free := make([]Freedom, len(c.base))
	for i, f := range c.base {
		free[i] = f | Floating
	}
	for _, i := range c.Ops {
		free[i] = c.base[i] | of(i)
	}
	return free
}

// Only returns freedoms for the whole history in which nothing floats: operation
// i has those of f.
func (c *Core) Only(i int, f Freedom) []Freedom {
	free := slices.Clone(c.base)
	free[i] |= f
	return free
}

// Core returns the core of the history, nil if it is linearizable or that is
// undecided. If a search for less was undecided, the core may be larger than
// need be.
//
// It makes about as many searches as there are operations, of which each may
// cost as much as Limit says.
func (p *Problem[S, A]) Core() *Core {
	_, err := check(p.From, p.History, func(s S, a A) (S, bool) { return p.Step(s, a, false) }, p.limit())
	v, ok := err.(*Violation[A])
	if !ok {
		return nil
	}
	c := &Core{base: make([]Freedom, len(p.History))}
	var order []int
	for i, op := range p.History {
		switch {
		case op.Call > v.Op.Return:
			c.base[i] = Absent
			continue
		case op.Return > v.Op.Return:
			c.base[i] = Optional // what it answered may come of what is not there
		}
		order = append(order, i)
	}
	free := slices.Clone(c.base)
	// The oldest first: most often they are far from the matter.
	slices.SortStableFunc(order, func(a, b int) int {
		return compare(p.History[a].Return, p.History[b].Return)
	})
	for again := true; again; {
		again = false
		for _, i := range order {
			if free[i] == Floating {
				continue
			}
			free[i] = Floating
			if p.Decide(free) == NotLinearizable {
				again = true
			} else {
				free[i] = c.base[i]
			}
		}
	}
	for _, i := range order {
		if free[i] != Floating {
			c.Ops = append(c.Ops, i)
		}
	}
	slices.Sort(c.Ops)
	return c
}

func (p *Problem[S, A]) limit() int {
	if p.Limit == 0 {
		return math.MaxInt
	}
	return p.Limit
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
