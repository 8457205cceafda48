package strategy

// mixPeriod is the number of executions after which Mix starts again.
const mixPeriod = 6

// Mix alternates from one execution to the next between Random, Sticky and
// PCT of depths 2 to 4, half of the executions being PCT's: a hunt does not
// know which kind of bug it looks for, and each of them is blind to some.
// All of them learn the length of executions from all executions.
type Mix struct {
	turn   uint32
	now    uint32
	random Random
	sticky Sticky
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
	m.now = m.turn
	m.turn = (m.turn + 1) % mixPeriod
	switch m.now {
	case 0:
		m.random.Begin(seed)
	case 2, 4:
		m.sticky.Begin(seed)
	default:
		m.pct[m.now/2].Begin(seed)
	}
}

// Choose costs what the strategy of this execution costs.
func (m *Mix) Choose(c *Choice) int32 {
	switch m.now {
	case 0:
		return m.random.Choose(c)
	case 2, 4:
		return m.sticky.Choose(c)
	default:
		return m.pct[m.now/2].Choose(c)
	}
}

// End lets every PCT learn the length of the execution.
func (m *Mix) End(points uint64) {
	n := uint32(0)
	switch m.now {
	case 0:
		n = m.random.guard.n
	case 2, 4:
		n = m.sticky.guard.n
	default:
		n = m.pct[m.now/2].guard.n
	}
	for i := range m.pct {
		m.pct[i].observe(n)
	}
}

// Current returns the name under which [New] makes the strategy of this
// execution, and its depth (0 unless it is pct).
func (m *Mix) Current() (name string, depth int) {
	switch m.now {
	case 0:
		return "random", 0
	case 2, 4:
		return "sticky", 0
	default:
		return "pct", int(m.pct[m.now/2].depth)
	}
}

// Length returns PCT's k for the next execution; see [PCT.Length].
func (m *Mix) Length() uint32 { return m.pct[0].length }
