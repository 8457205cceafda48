package strategy

import "github.com/ghostread/ghostread/explore/event"

// Random is the random walk: at every decision each enabled goroutine is as
// likely as any other. This is what shuttle's random scheduler does. It is the
// best first guess for executions of up to some hundred decisions; in longer
// ones the chance that a goroutine is left alone, or left waiting, for long
// goes to zero exponentially, and bugs that need it stay hidden: see [Sticky]
// and [PCT]. The zero value is ready for Begin.
type Random struct {
	rng   rng
	guard guard
}

// Begin starts an execution.
func (s *Random) Begin(seed uint64) {
	s.rng = rng(seed)
	s.guard.begin()
}

// Choose takes O(len(c.Enabled)) only while the guard holds somebody back,
// else O(1).
func (s *Random) Choose(c *Choice) int32 {
	if i := s.guard.next(c.Enabled); i >= 0 {
		return i
	}
	i := s.guard.uniform(c.Enabled, 0, &s.rng)
	s.guard.chose(c.Enabled[i])
	return i
}

// End does nothing.
func (s *Random) End(points uint64) {}

// stickyMax is the largest b for which Sticky preempts with probability 2^-b.
const stickyMax = 6

// Sticky is a random walk that leaves the current goroutine alone: it preempts
// with a probability of 2^-b, where b is drawn for each execution from 1 to 6,
// because the right number depends on the distance between the two places
// that have to be hit, which nobody knows. A goroutine that blocks or yields
// hands over to any other one with equal probability. The zero value is ready
// for Begin.
type Sticky struct {
	rng   rng
	shift uint32
	guard guard
}

// Begin starts an execution.
func (s *Sticky) Begin(seed uint64) {
	s.rng = rng(seed)
	s.shift = 1 + uint32(s.rng.below(stickyMax))
	s.guard.begin()
}

// Choose takes O(len(c.Enabled)).
func (s *Sticky) Choose(c *Choice) int32 {
	if i := s.guard.next(c.Enabled); i >= 0 {
		return i
	}
	i := int32(-1)
	if c.Cur != 0 && c.Kind != event.Yield && !s.guard.isHeld(c.Cur) && s.rng.next()>>(64-s.shift) != 0 {
		i = find(c.Enabled, c.Cur)
	}
	if i < 0 {
		i = s.guard.uniform(c.Enabled, c.Cur, &s.rng)
	}
	s.guard.chose(c.Enabled[i])
	return i
}

// End does nothing.
func (s *Sticky) End(points uint64) {}
