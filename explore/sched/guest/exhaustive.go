//go:build ghostread_guest

package guest

import (
	"internal/ghostread/dpor"
	"internal/ghostread/event"
	"internal/ghostread/strategy"
	"internal/ghostread/wire"
	"unsafe"
)

// A learner is a strategy that enumerates schedules.
type learner interface {
	strategy.Strategy
	Learn(log []event.Event)
	Miss(why string)
	Done() bool
	Gap() string
	Executions() (explored, redundant uint64)
}

// portfolio says which strategy an execution of a search runs under: the one of the
// job, or, under wire.Auto, a random one and the search over all schedules by
// turns.
type portfolio struct {
	sampler strategy.Strategy // nil if all executions are the learner's
	learner learner           // nil if there is none, or it has ended
	tries   uint64            // executions under the learner
}

// Bounds of the search over all schedules that the automatic strategy makes on
// the way. The mix of random strategies goes first and finds most of what there
// is; a test that is small enough comes to its end in the first tries.
const (
	broad     = 100    // executions before it
	eager     = 1000   // tries that take every second execution
	steady    = 20_000 // then every fourth, until there were so many
	smallTest = 1000   // decisions of one execution
	after     = 1000   // random executions when it has come to its end: with other chances of the program, and timers that it does not have
)

func (t *portfolio) init(j *wire.Job) (ok bool) {
	switch j.Strategy {
	case wire.Exhaustive:
		t.learner = dpor.New()
	case wire.Bounded:
		t.learner = dpor.NewBounded(j.Depth)
	case wire.Auto:
		t.learner = dpor.New()
		fallthrough
	default:
		t.sampler, ok = sampler(j)
		return ok
	}
	return true
}

// sampler returns the strategy of executions that are no systematic search's.
func sampler(j *wire.Job) (strategy.Strategy, bool) {
	name := j.Strategy
	if name == wire.Auto {
		name = "mix"
	}
	return strategy.New(name, j.Depth)
}

// renew lets the sampler start anew, for the block of executions that goes on
// with number n.
func (t *portfolio) renew(j *wire.Job, n uint64) {
	if t.sampler == nil {
		return
	}
	t.sampler, _ = sampler(j)
	if m, ok := t.sampler.(*strategy.Mix); ok {
		m.Skip(n - 1)
	}
	if j.Early {
		e := strategy.NewEarly(t.sampler)
		if j.Fresh {
			e.Guess()
		}
		t.sampler = e
	}
}

// take sets the strategy of the execution that comes n executions after the
// first.
func (l *loop) take(n uint64) {
	t := &l.by
	every := uint64(2)
	if t.tries >= eager {
		every = 4
	}
	name := l.job.Strategy
	switch {
	case t.sampler == nil:
		l.strategy = t.learner
	case t.learner != nil && n >= broad && n%every == 0:
		l.strategy, name = t.learner, wire.Exhaustive
	default:
		l.strategy = t.sampler
	}
	l.systematic(name)
}

// systematic prepares the executions that follow for a strategy, by its name.
func (l *loop) systematic(name string) {
	c := &l.config
	c.cases = wire.Systematic(name)
	c.whole = name == wire.Exhaustive
	c.logging = l.job.Race || c.capture || c.whole
}

// seedOf returns the seed of execution n. A systematic search gives the
// program the same chances in each.
func (l *loop) seedOf(n uint64) uint64 {
	if l.config.cases {
		n = 1
	}
	return wire.SeedOf(l.job.Seed, n)
}

// learn tells a systematic search what the execution was, if it was one of
// that. When that is through, it returns the number of the execution that is
// to be the last one; before that, 0.
func (l *loop) learn(c *config) (last uint64) {
	t := &l.by
	s := t.learner
	if s == nil {
		return 0
	}
	small := l.head.Decisions <= smallTest
	if l.trying() || t.sampler == nil {
		t.tries++
		l.tell(c)
		small = small && s.Gap() == "" && t.tries < steady
	}
	if t.sampler != nil && !small {
		t.learner = nil
		send(wire.Record{Kind: "large"})
		return 0
	}
	if !s.Done() {
		return 0
	}
	last = l.head.Execution
	if t.sampler != nil {
		last += after
	}
	t.learner = nil
	explored, redundant := s.Executions()
	send(wire.Record{Kind: "exhausted"}.Uint("explored", explored).Uint("redundant", redundant).
		With("gap", s.Gap()).Uint("last", last))
	return last
}

// trying reports whether the execution is one of the search over all schedules
// that the automatic strategy makes on the way. If it does not end within the
// limits, then the test is not small, and others say whether it ends.
func (l *loop) trying() bool {
	return l.by.sampler != nil && l.by.learner != nil && l.strategy == strategy.Strategy(l.by.learner)
}

// tell tells the learner what its execution was.
func (l *loop) tell(c *config) {
	s := l.by.learner
	switch {
	case c.looked:
		s.Miss("an invariant sees in which order independent steps happen")
	case c.reason != wire.Done && c.reason != wire.Deadlock:
		s.Miss("an execution was cut short: " + wire.Reason(int(c.reason)))
	case c.external:
		s.Miss("network or system calls had a say")
	case l.files.shared:
		s.Miss("several goroutines use files, and what goes through these is not seen")
	case c.loose:
		s.Miss("time went on while goroutines could run")
	case c.full:
		s.Miss("an execution is longer than the event log")
	}
	s.Learn(unsafe.Slice((*event.Event)(c.events), l.head.Events))
}

// meet counts the pairs of operations that met for the first time in the
// execution, of the first executions and of some of those that follow.
func (l *loop) meet(c *config, n uint64) {
	const first, some = 500, 8
	if !l.job.Race || n > first && n%some != 0 {
		return
	}
	if l.pairs.Add(unsafe.Slice((*event.Event)(c.events), l.head.Events)) > 0 {
		l.head.Pairs, l.head.Novel = l.pairs.Len(), l.head.Executions
	}
}
