package strategy

const (
	// guardRun is how many decisions in a row one goroutine may win before it
	// counts as spinning, at the start of an execution.
	guardRun = 2000
	// guardRunMin ends the halving of that number.
	guardRunMin = 125
	// guardHold is for how many decisions the first offender is held back; it
	// doubles with every offence up to guardHoldMax, because a loop that waits
	// for a long computation would otherwise take nearly all of the steps.
	guardHold    = 64
	guardHoldMax = 8192
	// benchSize bounds who is held back at one time. When it is full, everybody
	// takes turns for a while: with more spinning goroutines than that, some
	// would always be free to run before the one they wait for.
	benchSize = 16
)

// guard holds goroutines back for a while: those that spin, and, where a
// strategy says so, those that yield. It holds back, it does not stop: when
// only held goroutines are enabled, they run.
type guard struct {
	n     uint32 // decisions so far in this execution
	last  int32  // who won the last decision
	run   uint32 // how many in a row
	limit uint32 // how many are allowed
	hold  uint32
	turns uint32 // decisions for which everybody still takes turns
	held  uint32 // entries of bench in use
	bench [benchSize]struct {
		g     int32
		until uint32 // decision at which g is back
	}
}

func (g *guard) begin() {
	g.n, g.last, g.run, g.turns, g.held = 0, 0, 0, 0, 0
	g.limit, g.hold = guardRun, guardHold
}

// next starts a decision: those whose time is over come back. It returns the
// index of whose turn it is, or -1 if the strategy is free to choose.
func (g *guard) next(enabled []int32) int32 {
	g.n++
	if g.turns > 0 {
		g.turns--
		i := after(enabled, g.last)
		g.last, g.run = enabled[i], 0
		return i
	}
	for i := uint32(0); i < g.held; {
		if g.bench[i].until <= g.n {
			g.held--
			g.bench[i] = g.bench[g.held&(benchSize-1)]
			continue
		}
		i++
	}
	return -1
}

// isHeld reports whether id is held back at this decision.
func (g *guard) isHeld(id int32) bool {
	for i := uint32(0); i < g.held; i++ {
		if g.bench[i&(benchSize-1)].g == id {
			return true
		}
	}
	return false
}

// free returns how many of the enabled goroutines are not held back.
func (g *guard) free(enabled []int32) int {
	if g.held == 0 {
		return len(enabled)
	}
	n := 0
	for _, id := range enabled {
		if !g.isHeld(id) {
			n++
		}
	}
	return n
}

// holdBack keeps id from running for the given number of decisions.
func (g *guard) holdBack(id int32, decisions uint32) {
	i := uint32(0)
	for i < g.held && g.bench[i&(benchSize-1)].g != id {
		i++
	}
	if i == benchSize {
		g.turns = g.hold
		return
	}
	if i == g.held {
		g.held++
	}
	b := &g.bench[i]
	b.g, b.until = id, g.n+1+decisions
}

// yields holds id back because it says itself that it waits for somebody else:
// long enough for each of the others to have had a turn, and a random while
// more, since how far they get between two polls is part of the schedule.
func (g *guard) yields(id int32, enabled int, r *rng) {
	others := uint64(enabled - 1)
	g.holdBack(id, uint32(others+r.below(8*others)))
}

// chose ends a decision: it counts how long id has been winning.
func (g *guard) chose(id int32) {
	if id != g.last {
		g.last, g.run = id, 0
		return
	}
	g.run++
	if g.run < g.limit {
		return
	}
	g.holdBack(id, g.hold)
	g.run = 0
	// A second offence is likely the same loop: notice it sooner.
	g.limit = max(g.limit/2, guardRunMin)
	g.hold = min(g.hold*2, guardHoldMax)
}

// uniform returns the index of a random goroutine among those not held back
// and, if others exist, not equal to except.
func (g *guard) uniform(enabled []int32, except int32, r *rng) int32 {
	if g.held == 0 && except == 0 {
		return int32(r.below(uint64(len(enabled))))
	}
	n := 0
	for _, id := range enabled {
		if id != except && !g.isHeld(id) {
			n++
		}
	}
	if n == 0 {
		if except != 0 {
			return g.uniform(enabled, 0, r)
		}
		return int32(r.below(uint64(len(enabled))))
	}
	k := int(r.below(uint64(n)))
	for i, id := range enabled {
		if id != except && !g.isHeld(id) {
			if k == 0 {
				return int32(i)
			}
			k--
		}
	}
	return 0
}
