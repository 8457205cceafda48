// Package dpor explores all schedules of a small test, but only one of those
// that differ in the order of independent steps alone: dynamic partial-order
// reduction with source sets and sleep sets, after Abdulla, Aronsson, Jonsson
// and Sagonas, "Optimal Dynamic Partial Order Reduction", POPL 2014 (their
// Algorithm 1). A search that has come to its end is a proof for the inputs
// and the controlled choices of the test; nothing else in ghostread is one.
//
// A step is what a goroutine does from one scheduling point to the next. Two
// steps are dependent if both touch a word of memory or an object of
// synchronisation and one of them changes it, or if one made the goroutine of
// the other runnable. The attempt to take a lock that is held is a step like
// any other: so every order of attempts is explored, and no rule about which
// operations could have run at the same time is needed.
//
// The search knows the steps from the log of the execution, so it learns after
// each execution and asks the next one to follow a prefix of decisions. What
// makes the answer worth less than a proof (an execution that was cut short,
// time that moved while goroutines could run, prefixes that did not repeat) it
// says in [Search.Gap].
//
// [Bounded] is the other search that enumerates: all schedules with few
// preemptions, whatever their steps depend on.
//
// The package is compiled into the standard library of the tested program, like
// package strategy. Choose neither allocates nor uses maps; Learn does, and
// must be called outside of the world.
package dpor

import (
	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/explore/strategy"
)

// Bounds of one execution. What exceeds them is no small test.
const (
	maxDecisions = 1 << 13
	maxEnabled   = 1 << 16 // of all decisions together
	patience     = 500     // decisions in a row that a fresh schedule leaves to one goroutine
)

// Search is a strategy that learns. Its methods must not be called
// concurrently.
type Search struct {
	path []node // decisions to follow; after Learn, those of the next execution
	done bool
	gap  string

	executions uint64 // that showed a schedule not seen before
	redundant  uint64 // that came out equal to an earlier one

	// Of the running execution.
	made    []decision
	enabled []int32
	last    int32
	run     int
	strayed bool
	over    bool

	trace trace
}

// A decision is a question that the core asked in the running execution.
type decision struct {
	pos    uint64 // events logged before
	at, n  int32  // its part of Search.enabled
	chosen int32
	data   bool // not who goes on, but what the running goroutine gets
}

// A node is a decision of the path, and what is known of its alternatives.
type node struct {
	enabled   []int32
	chosen    int32
	data      bool
	backtrack []int32 // to be explored, or explored
	done      []int32
	sleep     []sleeper // explored already, and nothing has happened since that their step depends on
	accesses  []access  // of the step that chosen makes here
}

type sleeper struct {
	g        int32
	accesses []access
}

// New returns a Search that has explored nothing.
func New() *Search {
	return &Search{made: make([]decision, 0, maxDecisions), enabled: make([]int32, 0, maxEnabled)}
}

// Begin starts an execution. The schedule does not depend on a seed.
func (s *Search) Begin(uint64) {
	s.made, s.enabled = s.made[:0], s.enabled[:0]
	s.last, s.run, s.strayed, s.over = 0, 0, false, false
}

// Choose follows the path, and behind it leaves the turn to whoever has it. It
// takes O(len(c.Enabled)) time.
func (s *Search) Choose(c *strategy.Choice) int32 {
	i, d := int32(-1), len(s.made)
	data := c.Kind == event.Case
	switch {
	case d < len(s.path):
		n := &s.path[d]
		if len(n.enabled) == len(c.Enabled) && n.data == data {
			i = index(c.Enabled, n.chosen)
		}
		if i < 0 {
			s.strayed = true
			i = 0
		}
	case data:
		i = 0
	default:
		i = s.fresh(c)
	}
	if d == cap(s.made) || len(s.enabled)+len(c.Enabled) > cap(s.enabled) {
		s.over = true
		return i
	}
	at := int32(len(s.enabled))
	s.enabled = append(s.enabled, c.Enabled...)
	s.made = append(s.made, decision{pos: c.Events, at: at, n: int32(len(c.Enabled)), chosen: c.Enabled[i], data: data})
	return i
}

// fresh chooses where nothing is prescribed: whoever has the turn keeps it, but
// for goroutines that sleep at the end of the path, which come last.
func (s *Search) fresh(c *strategy.Choice) int32 {
	i := int32(-1)
	if c.Cur != 0 && c.Kind != event.Yield && s.run < patience && !s.asleep(c.Cur) {
		i = index(c.Enabled, c.Cur)
	}
	if i < 0 {
		for k, g := range c.Enabled {
			if g == s.last || s.asleep(g) {
				continue
			}
			if i < 0 || g > s.last && c.Enabled[i] < s.last {
				i = int32(k)
			}
		}
	}
	if i < 0 {
		for k, g := range c.Enabled {
			if i < 0 || g > s.last && c.Enabled[i] <= s.last {
				i = int32(k)
			}
		}
	}
	if g := c.Enabled[i]; g == s.last {
		s.run++
	} else {
		s.last, s.run = g, 0
	}
	return i
}

func (s *Search) asleep(g int32) bool {
	if len(s.path) == 0 {
		return false
	}
	return sleeping(s.path[len(s.path)-1].sleep, g)
}

// End does nothing: see Learn.
func (s *Search) End(uint64) {}

// Done reports whether there is nothing more to explore.
func (s *Search) Done() bool { return s.done }

// Gap says why a search that is done proves nothing, or is empty.
func (s *Search) Gap() string { return s.gap }

// Executions returns how many schedules were explored that are not equal up to
// the order of independent steps, and how many executions turned out to be
// equal to one of them.
func (s *Search) Executions() (explored, redundant uint64) { return s.executions, s.redundant }

// Miss notes a reason why the search is not a proof, and keeps the first.
func (s *Search) Miss(why string) {
	if s.gap == "" {
		s.gap = why
	}
}

// Learn takes the log of the execution that has just ended and prepares the
// next one. It takes time in proportion to the events, for each event to the
// number of goroutines, and for each pair of steps that race to the distance
// between them.
func (s *Search) Learn(log []event.Event) {
	switch {
	case s.strayed || len(s.made) < len(s.path):
		s.Miss("the test did not repeat: the same decisions led to another state")
		s.next()
		return
	case s.over:
		s.Miss("an execution has more decisions than an exhaustive search keeps")
		s.done = true
		return
	}
	first := max(len(s.path)-1, 0) // the decision that is new in this execution
	for d := len(s.path); d < len(s.made); d++ {
		m := &s.made[d]
		n := node{enabled: append([]int32(nil), s.enabled[m.at:m.at+m.n]...), chosen: m.chosen, data: m.data}
		if n.data {
			n.backtrack = n.enabled
		} else {
			n.backtrack = []int32{n.chosen}
		}
		s.path = append(s.path, n)
	}
	t := &s.trace
	t.build(log, s.made)
	if t.gap != "" {
		s.Miss(t.gap)
	}
	for d := owner(s.path, first); d < len(s.path); d++ {
		if st := t.at(d); st != nil {
			s.path[d].accesses = union(s.path[d].accesses, st.accesses)
		}
	}
	end, other, dull := s.sleepers(first)
	s.races(first, end)
	switch {
	case dull && other != 0:
		s.path = s.path[:end+1]
		n := &s.path[end]
		n.chosen, n.backtrack, n.accesses = other, []int32{other}, nil
		s.redundant++
		return
	case dull:
		s.path = s.path[:end]
		s.redundant++
	default:
		s.executions++
	}
	s.next()
}

// sleepers hands the sleep sets down the path. If from a decision on the
// execution is one that was explored already (dull), it returns that decision,
// and a goroutine to run there instead, 0 if there is none. Otherwise it
// returns the length of the path.
func (s *Search) sleepers(first int) (end int, other int32, dull bool) {
	for d := owner(s.path, first) + 1; d < len(s.path); d++ { // what followed a choice of data is part of the step before it
		above, n := &s.path[d-1], &s.path[d]
		n.sleep = nil
		for _, sl := range above.sleep {
			if !s.trace.touched(d-1, sl) {
				n.sleep = append(n.sleep, sl)
			}
		}
		if n.data || !sleeping(n.sleep, n.chosen) {
			continue
		}
		for _, g := range n.enabled {
			if !sleeping(n.sleep, g) {
				return d, g, true
			}
		}
		return d, 0, true
	}
	return len(s.path), 0, false
}

// races adds to the nodes what the races of new steps ask for: those that end
// behind decision first and begin before decision end.
func (s *Search) races(first, end int) {
	t := &s.trace
	for j := range t.steps {
		st := &t.steps[j]
		if st.upto < first || st.after >= end {
			continue
		}
		for _, i := range st.races {
			if d := t.steps[i].node; d >= 0 && d < end {
				s.reverse(int(i), j, &s.path[d])
			}
		}
	}
}

// reverse makes sure that step j is also explored before step i, which it races
// with and which was chosen at n: one of the goroutines that could begin what
// does not depend on i has to be explored at n.
func (s *Search) reverse(i, j int, n *node) {
	initials := s.trace.initials(i, j)
	pick := int32(0)
	for _, g := range initials {
		if has(n.backtrack, g) {
			return
		}
		if has(n.enabled, g) && (pick == 0 || g == s.trace.steps[j].g) {
			pick = g
		}
	}
	if pick != 0 {
		n.backtrack = append(n.backtrack, pick)
		return
	}
	for _, g := range n.enabled {
		if !has(n.backtrack, g) {
			n.backtrack = append(n.backtrack, g)
		}
	}
}

// next turns the path to the next schedule to explore.
func (s *Search) next() {
	for len(s.path) > 0 {
		n := &s.path[len(s.path)-1]
		n.done = append(n.done, n.chosen)
		if !n.data {
			n.sleep = append(n.sleep, sleeper{n.chosen, n.accesses})
		}
		for _, g := range n.backtrack {
			if !has(n.done, g) && (n.data || !sleeping(n.sleep, g)) {
				n.chosen, n.accesses = g, nil
				return
			}
		}
		s.path = s.path[:len(s.path)-1]
	}
	s.done = true
}

// owner returns the decision that scheduled the step in which decision d was
// taken: d itself, unless it is one about data.
func owner(path []node, d int) int {
	for d > 0 && path[d].data {
		d--
	}
	return d
}

func sleeping(list []sleeper, g int32) bool {
	for i := range list {
		if list[i].g == g {
			return true
		}
	}
	return false
}

func index(list []int32, g int32) int32 {
	for i, x := range list {
		if x == g {
			return int32(i)
		}
	}
	return -1
}

func has(list []int32, g int32) bool { return index(list, g) >= 0 }
