package litmus

import (
	"encoding/binary"
	"errors"
	"slices"
)

// errLarge is the error of tests whose enumeration takes too long.
var errLarge = errors.New("the test has too many executions to enumerate; leave out statements or threads")

// maxStates bounds an enumeration: about a second, and some 300 MB.
const maxStates = 500_000

// clock is a vector clock: how much of each thread happened before.
type clock [MaxThreads]uint8

func (c *clock) join(d clock) {
	for i := range c {
		c[i] = max(c[i], d[i])
	}
}

// pending is a store that other threads do not see yet.
type pending struct {
	v     int
	value int32
}

// state is a moment of an execution.
type state struct {
	pc    [MaxThreads]uint8
	mem   []int32
	regs  []int32
	owner []int8 // of each mutex, -1 for nobody

	// For x86-TSO: the store buffers, oldest first.
	buffer [MaxThreads][]pending

	// For races: what happened before each thread's next step, what is passed
	// on by the last write of each variable and the last unlock of each mutex,
	// and when each thread last touched each variable in each way. An older
	// access needs no memory: whoever is ordered after the last one is
	// ordered after it too.
	clocks  [MaxThreads]clock
	release []clock
	unlock  []clock
	last    []accesses
}

// accesses are times in the clocks of the threads, 0 for never.
type accesses [MaxThreads][ways]access

type access struct {
	at   uint8
	stmt uint8 // index of the instruction
}

// The ways to touch a variable.
const (
	plainRead = iota
	plainWrite
	atomicRead
	atomicWrite
	ways
)

func (s *state) clone() *state {
	c := *s
	c.mem, c.regs, c.owner = slices.Clone(s.mem), slices.Clone(s.regs), slices.Clone(s.owner)
	c.release, c.unlock, c.last = slices.Clone(s.release), slices.Clone(s.unlock), slices.Clone(s.last)
	for i := range c.buffer {
		c.buffer[i] = slices.Clone(s.buffer[i])
	}
	return &c
}

// key is equal for states that have equal futures.
func (s *state) key() string {
	b := append([]byte(nil), s.pc[:]...)
	for _, v := range s.mem {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	for _, v := range s.regs {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	for _, o := range s.owner {
		b = append(b, byte(o))
	}
	for _, buf := range s.buffer {
		b = append(b, byte(len(buf)))
		for _, p := range buf {
			b = append(b, byte(p.v))
			b = binary.LittleEndian.AppendUint32(b, uint32(p.value))
		}
	}
	for _, c := range s.clocks {
		b = append(b, c[:]...)
	}
	for _, cs := range [][]clock{s.release, s.unlock} {
		for _, c := range cs {
			b = append(b, c[:]...)
		}
	}
	for _, a := range s.last {
		for _, t := range a {
			for _, w := range t {
				b = append(b, w.at, w.stmt)
			}
		}
	}
	return string(b)
}

// Race is a pair of statements that touch a variable at the same time: one of
// them writes it, one is not atomic, and nothing orders them.
type Race struct {
	Threads [2]int // counted from 0
	Stmts   [2]*Stmt
}

// machine enumerates the executions of a test.
type machine struct {
	*code
	tso   bool // with store buffers; without, sequentially consistent
	seen  map[string]bool
	races map[[2]*Stmt]Race
	ends  map[string]Outcome
	stuck bool // an execution deadlocks
}

// run explores all executions.
func (m *machine) run() error {
	m.seen, m.races, m.ends = make(map[string]bool), make(map[[2]*Stmt]Race), make(map[string]Outcome)
	s := &state{
		mem:   slices.Clone(m.init),
		regs:  make([]int32, len(m.regs)),
		owner: slices.Repeat([]int8{-1}, len(m.t.Mutexes)),
	}
	if !m.tso {
		s.release = make([]clock, len(m.init))
		s.unlock = make([]clock, len(m.t.Mutexes))
		s.last = make([]accesses, len(m.init))
		for i := range s.clocks {
			s.clocks[i][i] = 1
		}
	}
	for th := range m.threads {
		m.local(s, th)
	}
	return m.explore(s)
}

func (m *machine) explore(s *state) error {
	key := s.key()
	if m.seen[key] {
		return nil
	}
	if len(m.seen) == maxStates {
		return errLarge
	}
	m.seen[key] = true
	moved, done := false, true
	for th := range m.threads {
		if len(s.buffer[th]) > 0 {
			n := s.clone()
			n.drain(th)
			moved = true
			if err := m.explore(n); err != nil {
				return err
			}
		}
		if int(s.pc[th]) == len(m.threads[th]) {
			continue
		}
		done = false
		if n := m.step(s, th); n != nil {
			moved = true
			if err := m.explore(n); err != nil {
				return err
			}
		}
	}
	switch {
	case moved:
	case done:
		o := m.outcome(s.regs, s.mem)
		m.ends[o.Key()] = o
	default:
		m.stuck = true
	}
	return nil
}

// drain makes the oldest store of a thread visible.
func (s *state) drain(th int) {
	p := s.buffer[th][0]
	s.mem[p.v] = p.value
	s.buffer[th] = s.buffer[th][1:]
}

// step executes one instruction of a thread in a copy of s. It returns nil if
// the thread has to wait.
func (m *machine) step(s *state, th int) *state {
	in := &m.threads[th][s.pc[th]]
	// On x86 every write of sync/atomic and every operation of a mutex is an
	// instruction with an implied or explicit LOCK: it waits until the store
	// buffer is empty. An atomic load is an ordinary MOV.
	if in.op.synchronizes() && in.op != OpAtomicLoad && len(s.buffer[th]) > 0 {
		return nil
	}
	if in.op == OpLock && s.owner[in.v] >= 0 {
		return nil
	}
	n := s.clone()
	at := n.pc[th]
	n.pc[th]++
	switch in.op {
	case OpLock:
		n.owner[in.v] = int8(th)
		if !m.tso {
			n.clocks[th].join(n.unlock[in.v])
		}
	case OpUnlock:
		n.owner[in.v] = -1
		if !m.tso {
			n.unlock[in.v] = n.clocks[th]
		}
	default:
		was := n.mem[in.v]
		for _, p := range n.buffer[th] {
			if p.v == in.v {
				was = p.value // a thread sees its own stores at once
			}
		}
		writes, now, result := in.effect(was, n.regs)
		if in.reg >= 0 {
			n.regs[in.reg] = result
		}
		if !m.tso {
			m.touch(n, th, in, at, writes)
		}
		switch {
		case !writes:
		case m.tso && in.op == OpStore:
			n.buffer[th] = append(n.buffer[th], pending{in.v, now})
		default:
			n.mem[in.v] = now
		}
	}
	if !m.tso {
		n.clocks[th][th]++
	}
	m.local(n, th)
	return n
}

// local executes what nobody else can notice.
func (m *machine) local(s *state, th int) {
	for int(s.pc[th]) < len(m.threads[th]) {
		switch in := &m.threads[th][s.pc[th]]; in.op {
		case OpSet:
			s.regs[in.reg] = in.value.eval(s.regs)
			s.pc[th]++
		case OpIf:
			if m.holds(in.cond, s.regs) {
				s.pc[th]++
			} else {
				s.pc[th] = uint8(in.skip)
			}
		default:
			return
		}
	}
}

// touch notes an access, the races it has with those before, and what it
// synchronizes with: a read that observes an atomic write.
func (m *machine) touch(s *state, th int, in *instr, at uint8, writes bool) {
	atomic := in.op.synchronizes()
	if atomic && in.op.reads() {
		s.clocks[th].join(s.release[in.v])
	}
	for other := range m.threads {
		for way, a := range s.last[in.v][other] {
			conflict := writes || way == plainWrite || way == atomicWrite
			bothAtomic := atomic && way >= atomicRead
			if other == th || a.at <= s.clocks[th][other] || !conflict || bothAtomic {
				continue
			}
			r := Race{[2]int{other, th}, [2]*Stmt{m.threads[other][a.stmt].stmt, in.stmt}}
			if other > th {
				r.Threads[0], r.Threads[1] = r.Threads[1], r.Threads[0]
				r.Stmts[0], r.Stmts[1] = r.Stmts[1], r.Stmts[0]
			}
			m.races[r.Stmts] = r
		}
	}
	now := access{s.clocks[th][th], at}
	mark := &s.last[in.v][th]
	if in.op.reads() {
		mark[plainRead+2*b2i(atomic)] = now
	}
	if !writes {
		return
	}
	mark[plainWrite+2*b2i(atomic)] = now
	if atomic {
		s.release[in.v] = s.clocks[th]
	} else {
		s.release[in.v] = clock{} // whoever reads this value observes no synchronizing write
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
