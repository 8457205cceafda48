package strategy

import (
	"math/bits"

	"github.com/ghostread/ghostread/explore/event"
)

const (
	// surwSize is for how many goroutines SURW learns how long they are; those
	// with higher ids count as one operation long.
	surwSize = 256
	// surwClasses is into how many classes the places of a program fall.
	surwClasses = 64
	// surwLearn is how many executions at the start are searched for places
	// that belong together; later it is one in as many.
	surwLearn = 8
	// surwForget is in how many executions the numbers shrink once.
	surwForget = 64
)

// SURW is the selectively uniform random walk. A walk that gives each enabled
// goroutine the same chance rarely lets a short one wait until a long one has
// finished. SURW chooses with a probability proportional to the number of
// operations that a goroutine has still ahead, which makes all interleavings
// of a set of operations equally likely if the numbers are right and nobody
// blocks. Zhao, Wolff, Mathur, Roychoudhury, "Selectively Uniform Concurrency
// Testing", ASPLOS 2025.
//
// The set is drawn for each execution: half of the time all operations,
// otherwise those at places that were seen in conflict with each other, since
// a bug seldom depends on more. A goroutine is drawn that makes the next
// operation of the set, and until it does, no other goroutine may make one;
// what is outside of the set is interleaved as [Random] would do it.
//
// The numbers are learnt from earlier executions, by id, and forgotten slowly;
// the first execution is a random walk. Goroutines that are not started yet
// count for the one that starts them. A goroutine that yields is held back for
// some decisions, as [PCT] does it.
//
// The zero value is ready for Begin. It has a size of about 70 KiB.
type SURW struct {
	rng      rng
	pending  pending
	guard    guard
	set      uint64 // classes whose operations are spread evenly
	shared   uint64 // classes seen in conflict with some class
	met      uint64 // classes that had an operation, in any execution
	recent   uint64 // classes with an entry of last
	together [surwClasses]uint64
	last     [surwClasses]operation // in this execution
	turn     uint32                 // executions before this one
	intended int32                  // who makes the next operation of the set, 0 if not drawn
	top      int32                  // ids above were not seen, in no execution
	g        [surwSize]surwG
}

// surwG is what is known about the goroutine with one id.
type surwG struct {
	ahead   uint32 // operations of the set that it, and those it will start, have ahead
	own     uint32 // ahead at the start, with those of the goroutines it starts
	parent  int32  // who ran before it first could, 0 if unknown
	started bool
	usual   [surwClasses]uint16 // operations in an execution
	now     [surwClasses]uint16 // in this one
}

// Begin takes O(goroutines of earlier executions).
func (s *SURW) Begin(seed uint64) {
	s.rng = rng(seed)
	s.pending.begin()
	s.guard.begin()
	s.intended = 0
	s.recent = 0
	s.set = ^uint64(0)
	if n := bits.OnesCount64(s.shared); n > 0 && s.rng.next()>>63 != 0 {
		m := s.shared
		for k := s.rng.below(uint64(n)); k > 0; k-- {
			m &= m - 1
		}
		s.set = s.together[bits.TrailingZeros64(m)&(surwClasses-1)]
	}
	for id := int32(0); id <= s.top; id++ {
		g := &s.g[id&(surwSize-1)]
		g.ahead, g.started = 0, false
		for m := s.set & s.met; m != 0; m &= m - 1 {
			g.ahead += uint32(g.usual[bits.TrailingZeros64(m)&(surwClasses-1)])
		}
	}
	for id := s.top; id > 0; id-- { // whoever starts it has a lower id
		g := &s.g[id&(surwSize-1)]
		g.own = g.ahead
		if g.parent != 0 {
			s.g[g.parent&(surwSize-1)].ahead += g.ahead
		}
	}
}

// Choose takes O(len(c.Enabled)).
func (s *SURW) Choose(c *Choice) int32 {
	s.meet(c.Enabled)
	if c.Cur != 0 {
		op := s.pending.arrive(c)
		op.class = uint8(mix(c.PC) & (surwClasses - 1))
		s.met |= 1 << op.class
		if c.Cur < surwSize {
			if n := &s.g[c.Cur].now[op.class&(surwClasses-1)]; *n != 1<<16-1 {
				*n++
			}
		}
	}
	i := s.guard.next(c.Enabled)
	if i < 0 {
		if c.Kind == event.Yield && c.Cur != 0 {
			s.guard.yields(c.Cur, len(c.Enabled), &s.rng)
		}
		i = s.pick(c.Enabled)
		s.guard.chose(c.Enabled[i])
	}
	s.execute(c.Enabled[i])
	return i
}

// meet moves what lies ahead of goroutines that were started since the last
// decision from their parents to them.
func (s *SURW) meet(enabled []int32) {
	for _, id := range enabled {
		if id >= surwSize {
			return
		}
		g := &s.g[id]
		if g.started {
			continue
		}
		g.started = true
		s.top = max(s.top, id)
		if g.parent != 0 {
			p := &s.g[g.parent&(surwSize-1)]
			if s.intended == g.parent && s.rng.below(uint64(max(p.ahead, 1))) < uint64(g.own) {
				s.intended = id // the operation that was drawn is the child's
			}
			p.ahead -= min(p.ahead, g.own)
		}
		g.parent = 0
		if last := s.guard.last; last > 0 && last < id {
			g.parent = last
		}
	}
}

// inSet reports whether g is about to make an operation of the set.
func (s *SURW) inSet(g int32) bool {
	op, _ := s.pending.of(g)
	return op.waiting && s.set>>(op.class&(surwClasses-1))&1 != 0
}

// pick returns the index of a random goroutine among those not held back (all,
// if all are) that make an operation outside of the set, or are the one that
// is to make the next of it. If there is none, the latter cannot run, and
// another one is drawn.
func (s *SURW) pick(enabled []int32) int32 {
	all := s.guard.held == 0 || s.guard.free(enabled) == 0
	if s.intended == 0 {
		if i := s.draw(enabled, all); i >= 0 {
			s.intended = enabled[i]
		}
	}
	best, n := int32(-1), uint64(0)
	for i, g := range enabled {
		if !all && s.guard.isHeld(g) || s.inSet(g) && g != s.intended {
			continue
		}
		if n++; n == 1 || s.rng.below(n) == 0 {
			best = int32(i)
		}
	}
	if best < 0 {
		best = max(s.draw(enabled, all), 0)
	}
	return best
}

// draw returns the index of a random goroutine, in proportion to how many
// operations of the set each has ahead, or -1 if none has any.
func (s *SURW) draw(enabled []int32, all bool) int32 {
	total := uint64(0)
	for _, g := range enabled {
		if all || !s.guard.isHeld(g) {
			total += s.weight(g)
		}
	}
	if total == 0 {
		return -1
	}
	k := s.rng.below(total)
	for i, g := range enabled {
		if all || !s.guard.isHeld(g) {
			w := s.weight(g)
			if k < w {
				return int32(i)
			}
			k -= w
		}
	}
	return -1
}

// weight is how many operations of the set g has ahead, at least 1 if it is
// about to make one.
func (s *SURW) weight(g int32) uint64 {
	w := uint64(0)
	if s.inSet(g) {
		w = 1
	}
	if g < surwSize {
		w = max(w, uint64(s.g[g].ahead))
	}
	return w
}

// execute counts what g is about to do.
func (s *SURW) execute(g int32) {
	op, _ := s.pending.of(g)
	if !op.waiting {
		return
	}
	if s.turn < surwLearn || s.turn%surwLearn == 0 {
		s.compare(op)
	}
	if s.inSet(g) {
		s.intended = 0
		if g < surwSize && s.g[g].ahead > 0 {
			s.g[g].ahead--
		}
	}
	op.waiting = false
}

// compare learns from the last operation in each class which places touch one
// object from several goroutines.
func (s *SURW) compare(op *operation) {
	for m := s.recent; m != 0; m &= m - 1 {
		class := bits.TrailingZeros64(m) & (surwClasses - 1)
		if o := &s.last[class]; o.g != op.g && conflicts(op, o) {
			s.join(op.class, uint8(class))
		}
	}
	s.last[op.class&(surwClasses-1)] = *op
	s.recent |= 1 << op.class
}

// join notes that operations of two classes were in conflict.
func (s *SURW) join(a, b uint8) {
	x, y := uint64(1)<<(a&(surwClasses-1)), uint64(1)<<(b&(surwClasses-1))
	if s.together[a&(surwClasses-1)]&y != 0 {
		return
	}
	all := x | y | s.together[a&(surwClasses-1)] | s.together[b&(surwClasses-1)]
	for m := all; m != 0; m &= m - 1 {
		s.together[bits.TrailingZeros64(m)&(surwClasses-1)] = all
	}
	s.shared |= all
}

// End learns how long the goroutines were. A number follows growth at once,
// for operations at which nobody else could run are no decisions and were not
// counted, and shrinks now and then by an eighth.
func (s *SURW) End(points uint64) {
	s.turn++
	for id := int32(0); id <= s.top; id++ {
		g := &s.g[id&(surwSize-1)]
		for m := s.met; m != 0; m &= m - 1 {
			i := bits.TrailingZeros64(m) & (surwClasses - 1)
			n := g.usual[i]
			if s.turn%surwForget == 0 {
				n -= n / 8
			}
			g.usual[i], g.now[i] = max(n, g.now[i]), 0
		}
	}
}
