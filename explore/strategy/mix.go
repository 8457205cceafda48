package strategy

// What an execution of Mix runs under.
const (
	mixRandom = iota
	mixSticky
	mixPOS
	mixSURW
	mixPCT // of depth 2, and one more for each number above
)

// mixTurns starts with one execution of each kind. Then those that aim at
// conflicts and at depths get more than the walks.
var mixTurns = [...]uint8{
	mixRandom, mixSticky, mixPCT, mixPOS, mixSURW,
	mixSticky, mixPCT + 1, mixPOS, mixSURW, mixPCT + 2,
}

// Mix alternates from one execution to the next between Random, Sticky, POS,
// SURW and PCT of depths 2 to 4: a hunt does not know which kind of bug it
// looks for, and each of them is blind to some. Every PCT learns the length of
// executions from all executions; SURW learns from its own.
type Mix struct {
	turn   uint32
	now    uint8
	random Random
	sticky Sticky
	pos    POS
	surw   SURW
	pct    [3]PCT
}

// NewMix returns a Mix that starts with Random.
func NewMix() *Mix {
	m := new(Mix)
	for i := range m.pct {
		m.pct[i].init(2 + i)
	}
	return m
}

// Begin starts an execution with the strategy whose turn it is.
func (m *Mix) Begin(seed uint64) {
	m.now = mixTurns[m.turn]
	m.turn = (m.turn + 1) % uint32(len(mixTurns))
	m.current().Begin(seed)
}

// Choose costs what the strategy of this execution costs.
func (m *Mix) Choose(c *Choice) int32 { return m.current().Choose(c) }

// Deciding returns the strategy to which s, once an execution has begun, passes
// its questions: asking that one saves the way.
func Deciding(s Strategy) Strategy {
	if e, ok := s.(*Early); ok {
		s = e.Strategy
	}
	if m, ok := s.(*Mix); ok {
		return m.current()
	}
	return s
}

func (m *Mix) current() Strategy {
	switch m.now {
	case mixRandom:
		return &m.random
	case mixSticky:
		return &m.sticky
	case mixPOS:
		return &m.pos
	case mixSURW:
		return &m.surw
	default:
		return &m.pct[m.now-mixPCT]
	}
}

// End lets every PCT learn the length of the execution, and SURW what it
// wants to know of its own.
func (m *Mix) End(points uint64) {
	n := uint32(0)
	switch m.now {
	case mixRandom:
		n = m.random.guard.n
	case mixSticky:
		n = m.sticky.guard.n
	case mixPOS:
		n = m.pos.guard.n
	case mixSURW:
		n = m.surw.guard.n
		m.surw.End(points)
	default:
		n = m.pct[m.now-mixPCT].guard.n
	}
	for i := range m.pct {
		m.pct[i].observe(n)
	}
}

// Current returns the name under which [New] makes the strategy of this
// execution, and its depth (0 unless it is pct).
func (m *Mix) Current() (name string, depth int) {
	switch m.now {
	case mixRandom:
		return "random", 0
	case mixSticky:
		return "sticky", 0
	case mixPOS:
		return "pos", 0
	case mixSURW:
		return "surw", 0
	default:
		return "pct", int(m.pct[m.now-mixPCT].depth)
	}
}

// Length returns PCT's k for the next execution; see [PCT.Length].
func (m *Mix) Length() uint32 { return m.pct[0].length }

// Skip goes on as if n executions had been made, but for what is learned from
// them.
func (m *Mix) Skip(n uint64) { m.turn = uint32((uint64(m.turn) + n) % uint64(len(mixTurns))) }
