package strategy

import "github.com/ghostread/ghostread/explore/event"

const (
	pctMaxDepth = 16
	// pctFirstLength is the length assumed for the first execution.
	pctFirstLength = 64
)

// PCT is probabilistic concurrency testing. Every goroutine has a random
// priority and the enabled one with the highest priority runs. At depth-1
// decisions drawn from the expected length k of an execution, the goroutine
// that was to run falls below all others, for the rest of the execution. A
// bug that shows when depth ordering constraints hold between steps is hit
// with probability at least 1/(n k^(depth-1)) in every execution of n
// goroutines.
//
// Three things differ from the paper. Priorities are a hash of the seed and
// the goroutine's id, so goroutines cost nothing and the order of their
// creation does not matter. k counts decisions, not steps: points at which
// only one goroutine can run cannot tell schedules apart, and leaving them out
// raises the probability; k is learnt from earlier executions and forgotten
// slowly. And a goroutine that yields is held back for some decisions, because
// it says itself that it waits for somebody else; held back only for a while,
// since a bug may need it before all others have come to rest.
type PCT struct {
	rng    rng
	salt   uint64
	depth  uint32
	length uint32 // k
	fallen uint32 // change points that were reached
	change [pctMaxDepth]struct {
		at uint32 // decision, counted from 1; 0 once it was used
		g  int32  // who fell there, 0 before
	}
	guard guard
}

// NewPCT returns a PCT for bugs of the given depth, clamped to 1..16. Depth 1
// has no change points and finds what one order of the goroutines shows.
func NewPCT(depth int) *PCT {
	p := new(PCT)
	p.init(depth)
	return p
}

func (p *PCT) init(depth int) {
	p.depth = uint32(min(max(depth, 1), pctMaxDepth))
	p.length = pctFirstLength
}

// Length returns k, the number of decisions the next execution is expected to
// have. Together with the seed it determines the change points.
func (p *PCT) Length() uint32 { return p.length }

// SetLength sets k, so that an execution can be repeated without those before.
func (p *PCT) SetLength(k uint32) { p.length = max(k, 1) }

// Begin starts an execution.
func (p *PCT) Begin(seed uint64) {
	p.rng = rng(seed)
	p.salt = p.rng.next()
	p.fallen = 0
	for i := uint32(0); i+1 < p.depth; i++ {
		c := &p.change[i&(pctMaxDepth-1)]
		c.at = 1 + uint32(p.rng.below(uint64(p.length)))
		c.g = 0
	}
	p.guard.begin()
}

// priority returns the rank of a goroutine; higher runs first. The ranks below
// depth belong to those that fell, by the index of their change point, as in
// the paper: the indexes are in random order of time.
func (p *PCT) priority(g int32) uint64 {
	if p.fallen != 0 {
		for i := uint32(0); i+1 < p.depth; i++ {
			if p.change[i&(pctMaxDepth-1)].g == g {
				return uint64(i)
			}
		}
	}
	return mix(p.salt^uint64(uint32(g))*0x9e3779b97f4a7c15) | 1<<63
}

// top returns the index of the enabled goroutine with the highest priority
// among those not held back, or among all if all are.
func (p *PCT) top(enabled []int32) int32 {
	all := p.guard.held == 0 || p.guard.free(enabled) == 0
	best, rank := int32(0), uint64(0)
	found := false
	for i, g := range enabled {
		if !all && p.guard.isHeld(g) {
			continue
		}
		if r := p.priority(g); !found || r > rank {
			best, rank, found = int32(i), r, true
		}
	}
	return best
}

// Choose takes O(len(c.Enabled)·depth).
func (p *PCT) Choose(c *Choice) int32 {
	if i := p.guard.next(c.Enabled); i >= 0 {
		return i
	}
	if c.Kind == event.Yield && c.Cur != 0 {
		p.guard.yields(c.Cur, len(c.Enabled), &p.rng)
	}
	i := p.top(c.Enabled)
	for j := uint32(0); j+1 < p.depth; j++ {
		if p.change[j&(pctMaxDepth-1)].at == p.guard.n {
			p.fall(c.Enabled[i], j)
			i = p.top(c.Enabled)
		}
	}
	p.guard.chose(c.Enabled[i])
	return i
}

// fall gives g the priority of change point j.
func (p *PCT) fall(g int32, j uint32) {
	for i := uint32(0); i+1 < p.depth; i++ {
		if c := &p.change[i&(pctMaxDepth-1)]; c.g == g {
			c.g = 0
		}
	}
	c := &p.change[j&(pctMaxDepth-1)]
	c.at, c.g = 0, g
	p.fallen++
}

// End adapts k to the execution that ends.
func (p *PCT) End(points uint64) { p.observe(p.guard.n) }

// observe learns that an execution took n decisions. k follows growth at once
// and shrinks by an eighth, so that a test whose length varies does not lose
// its long executions: a change point that is too late costs one execution, a
// k that is too small makes late bugs unreachable.
func (p *PCT) observe(n uint32) {
	p.length = max(p.length-p.length/8, n, 1)
}
