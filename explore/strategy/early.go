package strategy

// Timers is a Strategy that may let a timer fire although goroutines can run.
// Time is strict otherwise: it goes on when nobody can. What is at one instant
// with a timeout, or after it, is then never seen while work goes on.
type Timers interface {
	Strategy
	// Armed reports, after Begin, whether the execution shall ask at all.
	Armed() bool
	// Fire is asked at every opportunity: the goroutine c.Cur is about to make
	// an operation, and a timer is pending that may fire early; or it is about
	// to look at a timer's channel. If Fire says so, time goes on to that of the
	// next timer. c.Enabled is empty.
	Fire(c *Choice) bool
}

const (
	earlyShare   = 3  // one execution of so many lets timers fire early
	earlyMost    = 4  // timers that fire early in one execution
	earlyGuess   = 32 // opportunities, where none were counted
	earlyMeasure = 16 // one execution of so many counts opportunities instead
)

// Early adds early timers to a strategy: in a third of the executions, one to
// four fire, one half of the time only one, each at an opportunity drawn from
// the expected number of them. That number is learnt from executions in which
// none fired; the first one and every sixteenth only count. A test without timers is
// explored as if Early were not there.
type Early struct {
	Strategy
	rng    rng
	turn   uint32
	length uint32 // opportunities to expect
	seen   uint32 // in this execution
	fired  uint32
	n      uint32
	armed  bool
	at     [earlyMost]uint32
}

// NewEarly returns s with early timers.
func NewEarly(s Strategy) *Early { return &Early{Strategy: s} }

// Guess makes e take an execution to have some opportunities, instead of
// counting them in the first: for a process that makes only one.
func (e *Early) Guess() { e.turn, e.length = 1, earlyGuess }

// Begin starts an execution.
func (e *Early) Begin(seed uint64) {
	e.Strategy.Begin(seed)
	e.rng = rng(mix(seed ^ 0x6c62272e07bb0142))
	e.seen, e.fired, e.n = 0, 0, 0
	measure := e.turn%earlyMeasure == 0
	e.turn++
	if e.armed = measure; measure || e.length == 0 || e.rng.below(earlyShare) != 0 {
		return
	}
	e.armed = true
	for e.n == 0 || e.n < earlyMost && e.rng.next()>>63 == 0 {
		e.at[e.n&(earlyMost-1)] = 1 + uint32(e.rng.below(uint64(e.length)))
		e.n++
	}
}

// Armed reports whether timers may fire early in this execution.
func (e *Early) Armed() bool { return e.armed }

// Fire takes O(1).
func (e *Early) Fire(c *Choice) bool {
	e.seen++
	for _, at := range e.at[:min(e.n, earlyMost)] {
		if at == e.seen {
			e.fired++
			return true
		}
	}
	return false
}

// End learns how many opportunities there were. Where a timer fired there may
// have been more without.
func (e *Early) End(points uint64) {
	e.Strategy.End(points)
	switch {
	case !e.armed:
	case e.fired > 0:
		e.length = max(e.length, e.seen)
	default:
		e.length = max(e.length-e.length/8, e.seen)
	}
}
