package strategy

import "github.com/ghostread/ghostread/explore/event"

// POS is partial order sampling: every operation that a goroutine is about to
// make has a random priority, and the enabled one with the highest priority
// runs. Those that conflict with the operation that runs (they touch the same
// object and one of them changes it) draw a new priority, so that the order of
// the next conflict does not follow from that of the last one. Yuan, Yang, Gu,
// "Partial Order Aware Concurrency Sampling", CAV 2018.
//
// Where a random walk spreads over interleavings, most of which differ in the
// order of operations that have nothing to do with each other, POS spreads
// over the orders of conflicts; the probability of each has a bound that does
// not depend on how long the rest of the execution is.
//
// Two things differ from the paper. A goroutine without an operation, because
// it was just started or woken, has a priority of its own until it gets to
// one. And a goroutine that yields is held back for some decisions, as [PCT]
// does it. The zero value is ready for Begin.
type POS struct {
	rng     rng
	pending pending
	guard   guard
}

// Begin starts an execution.
func (s *POS) Begin(seed uint64) {
	s.rng = rng(seed)
	s.pending.begin()
	s.guard.begin()
}

// Choose takes O(len(c.Enabled)).
func (s *POS) Choose(c *Choice) int32 {
	if c.Cur != 0 {
		s.pending.arrive(c).rank = s.rng.next()
	}
	i := s.guard.next(c.Enabled)
	if i < 0 {
		if c.Kind == event.Yield && c.Cur != 0 {
			s.guard.yields(c.Cur, len(c.Enabled), &s.rng)
		}
		i = s.top(c.Enabled)
		s.guard.chose(c.Enabled[i])
	}
	s.execute(c.Enabled, c.Enabled[i])
	return i
}

// top returns the index of the enabled goroutine with the highest priority
// among those not held back, or among all if all are.
func (s *POS) top(enabled []int32) int32 {
	all := s.guard.held == 0 || s.guard.free(enabled) == 0
	best, rank := int32(-1), uint64(0)
	for i, g := range enabled {
		op, was := s.pending.of(g)
		if !was {
			op.rank = s.rng.next()
		}
		if !all && s.guard.isHeld(g) {
			continue
		}
		if best < 0 || op.rank > rank {
			best, rank = int32(i), op.rank
		}
	}
	return best
}

// execute draws anew for those in conflict with what g is about to do, and for
// g itself, whose next operation is another one.
func (s *POS) execute(enabled []int32, g int32) {
	op, _ := s.pending.of(g)
	if op.waiting && (op.object != 0 || op.kind == event.Select) {
		for _, other := range enabled {
			if other == g {
				continue
			}
			if o := &s.pending.ops[uint32(other)&(pendingSize-1)]; o.g == other && o.execution == op.execution && conflicts(op, o) {
				o.rank = s.rng.next()
			}
		}
	}
	op.rank, op.waiting, op.object = s.rng.next(), false, 0
}

// End does nothing.
func (s *POS) End(points uint64) {}
