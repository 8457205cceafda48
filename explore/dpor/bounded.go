package dpor

import (
	"slices"

	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/explore/strategy"
)

// Bounded explores all schedules with at most so many preemptions, those with
// fewer first: iterative context bounding, after Musuvathi and Qadeer,
// "Iterative Context Bounding for Systematic Testing of Multithreaded
// Programs", PLDI 2007. A preemption is a decision for another goroutine
// although the running one could go on; who goes on when that blocks, yields
// or ends, and what a select takes, is free. Nothing is left out because it is
// equal up to the order of independent steps, so it is no way to a proof; but
// most bugs need few preemptions.
//
// A schedule is the list of decisions at which it does other than the default,
// which leaves the turn to whoever has it. Each execution adds those that
// deviate once more, behind the last deviation of its own: so each list comes
// once. Choose neither allocates nor uses maps; Learn does. The methods must
// not be called concurrently.
type Bounded struct {
	limit int // preemptions

	known    []deviation // all that were queued; a schedule is a chain of them
	queues   [][]int32   // by number of preemptions: schedules to explore, as indices of known
	bound    int         // the queue that is being explored
	now      []deviation // of the running execution, in order; known[i].before is not used
	item     int32       // of known; -1 is the default schedule
	done     bool
	gap      string
	explored uint64

	// Of the running execution.
	at      int // decisions so far
	next    int // index of the next deviation
	last    int32
	run     int
	strayed bool
	over    bool
	asked   []question
	enabled []int32
}

// A deviation is a decision that is not the default.
type deviation struct {
	before int32 // the deviation before it, index of known, -1 if it is the first
	at     int32 // decision
	to     int32 // goroutine, or case of a select
}

// A question is a decision behind the last deviation of the execution.
type question struct {
	at, from, n int32 // part of enabled
	chosen      int32
	costs       bool // another answer is a preemption
}

const (
	maxKnown     = 1 << 22 // deviations that are kept
	maxQuestions = 1 << 16 // of one execution
)

// NewBounded returns a Bounded that has explored nothing. preemptions is 0 or
// more.
func NewBounded(preemptions int) *Bounded {
	return &Bounded{
		limit: max(preemptions, 0), item: -1, queues: make([][]int32, max(preemptions, 0)+1),
		asked: make([]question, 0, maxQuestions), enabled: make([]int32, 0, maxEnabled),
	}
}

// Begin starts an execution. The schedule does not depend on a seed.
func (s *Bounded) Begin(uint64) {
	s.asked, s.enabled = s.asked[:0], s.enabled[:0]
	s.at, s.next, s.last, s.run, s.strayed, s.over = 0, 0, 0, 0, false, false
}

// Choose takes O(len(c.Enabled)) time.
func (s *Bounded) Choose(c *strategy.Choice) int32 {
	data := c.Kind == event.Case
	i, costs := int32(0), false
	if !data {
		i, costs = s.usual(c)
	}
	at := int32(s.at)
	s.at++
	switch {
	case s.next < len(s.now) && s.now[s.next].at == at:
		j := index(c.Enabled, s.now[s.next].to)
		s.next++
		if j < 0 {
			s.strayed = true
		} else {
			i = j
		}
	case s.next < len(s.now):
	case len(s.asked) == cap(s.asked) || len(s.enabled)+len(c.Enabled) > cap(s.enabled):
		s.over = true
	default:
		s.asked = append(s.asked, question{at: at, from: int32(len(s.enabled)), n: int32(len(c.Enabled)), chosen: c.Enabled[i], costs: costs})
		s.enabled = append(s.enabled, c.Enabled...)
	}
	if !data {
		if g := c.Enabled[i]; g == s.last {
			s.run++
		} else {
			s.last, s.run = g, 0
		}
	}
	return i
}

// usual returns who goes on by default: whoever runs, until it blocks, yields
// or has had its turn for long, and then the next one. costs says that another
// choice would be a preemption.
func (s *Bounded) usual(c *strategy.Choice) (i int32, costs bool) {
	if c.Cur != 0 && c.Kind != event.Yield && s.run < patience {
		return index(c.Enabled, c.Cur), true
	}
	for k, g := range c.Enabled {
		if g > s.last {
			return int32(k), false
		}
	}
	return 0, false
}

// End does nothing: see Learn.
func (s *Bounded) End(uint64) {}

// Done reports whether there is nothing more to explore.
func (s *Bounded) Done() bool { return s.done }

// Gap says why the search has not explored what it says, or is empty.
func (s *Bounded) Gap() string { return s.gap }

// Executions returns how many schedules were explored. None comes twice.
func (s *Bounded) Executions() (explored, redundant uint64) { return s.explored, 0 }

// Miss notes a reason why the search is not complete, and keeps the first.
func (s *Bounded) Miss(why string) {
	if s.gap == "" {
		s.gap = why
	}
}

// Learn prepares the execution after the one that has just ended. It does not
// need a log. It takes time in proportion to the decisions and those who could
// have run at each.
func (s *Bounded) Learn([]event.Event) {
	switch {
	case s.strayed || s.next < len(s.now):
		s.Miss("the test did not repeat: the same decisions led to another state")
	default:
		s.explored++
		if s.over {
			s.Miss("an execution has more decisions than a systematic search keeps")
		}
		s.branch()
	}
	s.advance()
}

// branch queues the schedules that deviate from the last one once more.
func (s *Bounded) branch() {
	for _, q := range s.asked {
		bound := s.bound
		if q.costs {
			bound++
		}
		if bound > s.limit {
			continue
		}
		for _, g := range s.enabled[q.from : q.from+q.n] {
			if g == q.chosen {
				continue
			}
			if len(s.known) == maxKnown {
				s.Miss("there are more schedules than a systematic search keeps")
				return
			}
			s.queues[bound] = append(s.queues[bound], int32(len(s.known)))
			s.known = append(s.known, deviation{before: s.item, at: q.at, to: g})
		}
	}
}

// advance takes the next schedule from the queue: the one that was added last,
// whose beginning is most like the one before.
func (s *Bounded) advance() {
	for s.bound <= s.limit && len(s.queues[s.bound]) == 0 {
		s.bound++
	}
	if s.bound > s.limit {
		s.done = true
		return
	}
	q := &s.queues[s.bound]
	s.item = (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	s.now = s.now[:0]
	for i := s.item; i >= 0; i = s.known[i].before {
		s.now = append(s.now, s.known[i])
	}
	slices.Reverse(s.now)
}
