package dportest

// The specification of the primitives: what the documentation of sync,
// sync/atomic and the language says, each operation one step. Where it leaves a
// choice, what Go does is said here: goroutines that wait on a channel are
// served in order, and so are those of a Cond; an RWMutex lets readers in who
// have waited when a writer leaves. A WaitGroup that is used again before a Wait has
// returned panics there or in the next Wait, which may leave in its place.

// What a goroutine can be.
const (
	ready = iota
	parked
	ended
)

// waiter is a goroutine parked on a channel, for a case of a select or, if that
// is -1, an operation.
type waiter struct {
	g, cas int8
	send   bool
	val    int8
}

type channel struct {
	buf    [2]int8
	n      int8
	closed bool
	q      [2 * MaxThreads]waiter
	waits  int8
}

// How far a Wait of a Cond is.
const (
	hasPlace    = 1 + iota // among those that wait
	sleeps                 // and has unlocked
	calledEarly            // was called before it unlocked
	called                 // is to lock again
)

// state is that of a program between two operations. It is comparable.
type state struct {
	pc, st, notes [MaxThreads]int8
	note          [MaxThreads][MaxNotes]int8

	x    [variables]int8
	held [mutexes]bool

	writing, writer int8 // goroutine+1 that keeps new readers out; that waits for old ones
	readers         int8
	late            [MaxThreads]bool // readers that wait for the writer

	count    int8 // of the WaitGroup
	waiters  int8
	tokens   int8             // to leave Wait with
	waiting  [MaxThreads]int8 // in order
	waits    int8
	released [MaxThreads]bool // called, and not run since

	once   int8             // 1: the function runs; 2: it has returned
	inWait [MaxThreads]int8 // how far CondWait is
	cond   [MaxThreads]int8 // who waits for a signal
	conds  int8

	ch [nilChan]channel
}

func (s *state) put(g, v int8) {
	s.note[g][s.notes[g]] = v
	s.notes[g]++
}

func (s *state) panics(g int8) {
	s.put(g, Panicked)
	s.st[g] = ended
}

// Outcomes returns what p can come to, by the specification; nil if it has more
// than limit states.
func (p Program) Outcomes(limit int) map[string]bool {
	e := explorer{p: p, seen: map[state]bool{}, out: map[string]bool{}, limit: limit}
	var s state
	for g := range p {
		if len(p[g]) == 0 {
			s.st[g] = ended
		}
	}
	e.visit(s)
	if len(e.seen) > limit {
		return nil
	}
	return e.out
}

type explorer struct {
	p     Program
	seen  map[state]bool
	out   map[string]bool
	limit int
}

func (e *explorer) visit(s state) {
	if e.seen[s] || len(e.seen) > e.limit {
		return
	}
	e.seen[s] = true
	moved := false
	for g := range e.p {
		if s.st[g] == ready {
			for _, n := range e.step(s, int8(g)) {
				moved = true
				e.visit(n)
			}
		}
	}
	if moved {
		return
	}
	notes, over := make([][]int8, len(e.p)), make([]bool, len(e.p))
	for g := range e.p {
		notes[g], over[g] = s.note[g][:s.notes[g]], s.st[g] == ended
	}
	e.out[outcome(notes, over, s.x)] = true
}

// pass lets g go on behind its operation.
func (e *explorer) pass(s *state, g int8) {
	s.st[g] = ready
	if s.pc[g]++; int(s.pc[g]) == len(e.p[g]) {
		s.st[g] = ended
	}
}

// step returns the states that g's next operation can lead to; none if it
// cannot be done.
func (e *explorer) step(s state, g int8) []state {
	o := &e.p[g][s.pc[g]]
	one := func() []state { e.pass(&s, g); return []state{s} }
	same := func() []state { return []state{s} }
	try := func(ok bool) {
		if !ok {
			s.put(g, 0)
			s.pc[g] += int8(o.Skip)
			return
		}
		s.put(g, 1)
	}
	switch o.Code {
	case Load:
		s.put(g, s.x[o.Obj])
	case Store:
		s.x[o.Obj] = int8(o.Val)
	case Add:
		s.x[o.Obj]++
		s.put(g, s.x[o.Obj])
	case CAS:
		if s.x[o.Obj] != 0 {
			s.put(g, 0)
			break
		}
		s.x[o.Obj] = int8(o.Val)
		s.put(g, 1)
	case Lock:
		if s.held[o.Obj] {
			return nil
		}
		s.held[o.Obj] = true
	case TryLock:
		free := !s.held[o.Obj]
		try(free)
		s.held[o.Obj] = true
	case Unlock:
		s.held[o.Obj] = false
	case RLock:
		if s.writing != 0 {
			s.late[g], s.st[g] = true, parked
			return same()
		}
		s.readers++
	case TryRLock:
		try(s.writing == 0)
		if s.writing == 0 {
			s.readers++
		}
	case RUnlock:
		if s.readers--; s.readers == 0 && s.writer != 0 {
			e.pass(&s, s.writer-1)
			s.writer = 0
		}
	case WLock:
		if s.writing != 0 {
			return nil
		}
		if s.writing = g + 1; s.readers > 0 {
			s.writer, s.st[g] = g+1, parked
			return same()
		}
	case TryWLock:
		ok := s.writing == 0 && s.readers == 0
		try(ok)
		if ok {
			s.writing = g + 1
		}
	case WUnlock:
		s.writing = 0
		for r := range s.late {
			if s.late[r] {
				s.late[r] = false
				s.readers++
				e.pass(&s, int8(r))
			}
		}
	case WgAdd, WgDone:
		if o.Code == WgAdd {
			s.count++
		} else {
			s.count--
		}
		if s.count < 0 {
			s.panics(g)
			return same()
		}
		if s.count == 0 {
			n := s.waiters
			s.waiters = 0
			s.tokens += n
			for _, w := range s.waiting[:min(n, s.waits)] {
				s.released[w], s.st[w] = true, ready
			}
			drop(&s.waiting, &s.waits, min(n, s.waits))
		}
	case WgWait:
		called := s.released[g]
		switch s.released[g] = false; {
		case !called && s.count == 0:
			return one()
		case !called:
			s.waiters++
		}
		if s.tokens == 0 { // somebody else has left with ours
			s.waiting[s.waits], s.st[g] = g, parked
			s.waits++
			return same()
		}
		if s.tokens--; s.count != 0 {
			s.panics(g)
			return same()
		}
	case OnceDo:
		switch s.once {
		case 0:
			s.once = 1
		case 1:
			return nil
		case 2:
			s.pc[g] += int8(o.Skip)
		}
	case OnceEnd:
		s.once = 2
	case CondWait:
		switch s.inWait[g] {
		case 0:
			s.inWait[g] = hasPlace
			s.cond[s.conds] = g
			s.conds++
			return same()
		case hasPlace:
			s.held[0] = false
			s.inWait[g], s.st[g] = sleeps, parked
			return same()
		case calledEarly:
			s.held[0] = false
			s.inWait[g] = called
			return same()
		}
		if s.held[0] {
			return nil
		}
		s.held[0], s.inWait[g] = true, 0
	case Signal:
		if s.conds > 0 {
			s.notify(1)
		}
	case Broadcast:
		s.notify(s.conds)
	case Send, Recv, Range:
		c := Case{Send: o.Code == Send, Ch: o.Obj, Val: o.Val}
		if !s.can(c) {
			s.queue(g, c, -1)
			s.st[g] = parked
			return same()
		}
		e.communicate(&s, g, c)
		return same()
	case Close:
		c := &s.ch[o.Obj]
		if c.closed {
			s.panics(g)
			return same()
		}
		c.closed = true
		for c.waits > 0 {
			e.wake(&s, c.q[0], Closed)
		}
	case Select:
		var next []state
		for i, c := range o.Cases {
			if s.can(c) {
				n := s
				if !c.Send || !s.ch[c.Ch].closed {
					n.put(g, int8(i))
				}
				e.communicate(&n, g, c)
				next = append(next, n)
			}
		}
		if next != nil {
			return next
		}
		if o.Val == 1 {
			s.put(g, int8(len(o.Cases)))
			break
		}
		for i, c := range o.Cases {
			s.queue(g, c, int8(i))
		}
		s.st[g] = parked
		return same()
	}
	return one()
}

// notify calls the first n that wait for a signal.
func (s *state) notify(n int8) {
	for _, g := range s.cond[:n] {
		if s.inWait[g] == hasPlace {
			s.inWait[g] = calledEarly
		} else {
			s.inWait[g], s.st[g] = called, ready
		}
	}
	drop(&s.cond, &s.conds, n)
}

// drop takes the first n from a queue.
func drop(q *[MaxThreads]int8, length *int8, n int8) {
	copy(q[:], q[n:])
	*length -= n
	clear(q[*length:])
}

// first returns the first goroutine that waits to send, or to receive.
func (c *channel) first(send bool) (waiter, bool) {
	for _, w := range c.q[:c.waits] {
		if w.send == send {
			return w, true
		}
	}
	return waiter{}, false
}

// can reports whether a communication can go on at once.
func (s *state) can(c Case) bool {
	if c.Ch == nilChan {
		return false
	}
	ch := &s.ch[c.Ch]
	_, other := ch.first(!c.Send)
	if c.Send {
		return ch.closed || other || int(ch.n) < c.Ch
	}
	return ch.closed || other || ch.n > 0
}

// queue lets g wait for a communication.
func (s *state) queue(g int8, c Case, cas int8) {
	if c.Ch == nilChan {
		return
	}
	ch := &s.ch[c.Ch]
	ch.q[ch.waits] = waiter{g, cas, c.Send, int8(c.Val)}
	ch.waits++
}

// wake ends the wait of w, which gets v if it is to receive, and panics if it is
// to send and v is Closed.
func (e *explorer) wake(s *state, w waiter, v int8) {
	for i := range s.ch {
		ch, n := &s.ch[i], int8(0)
		for _, x := range ch.q[:ch.waits] {
			if x.g != w.g {
				ch.q[n] = x
				n++
			}
		}
		clear(ch.q[n:])
		ch.waits = n
	}
	if w.send && v == Closed {
		s.panics(w.g)
		return
	}
	if w.cas >= 0 {
		s.put(w.g, w.cas)
	}
	s.st[w.g] = ready
	if w.send {
		e.pass(s, w.g)
		return
	}
	e.received(s, w.g, v)
}

// received lets g go on with what it received; a range, unless that was the end,
// with itself.
func (e *explorer) received(s *state, g, v int8) {
	if e.p[g][s.pc[g]].Code != Range {
		s.put(g, v)
		e.pass(s, g)
	} else if v != Closed {
		s.put(g, v)
	} else {
		e.pass(s, g)
	}
}

// communicate does what can go on at once.
func (e *explorer) communicate(s *state, g int8, c Case) {
	ch := &s.ch[c.Ch]
	other, found := ch.first(!c.Send)
	switch {
	case c.Send && ch.closed:
		s.panics(g)
	case c.Send && found:
		e.wake(s, other, int8(c.Val))
		e.pass(s, g)
	case c.Send:
		ch.buf[ch.n] = int8(c.Val)
		ch.n++
		e.pass(s, g)
	case ch.n > 0:
		v := ch.buf[0]
		ch.buf[0], ch.buf[1] = ch.buf[1], 0
		if ch.n--; found {
			ch.buf[ch.n] = other.val
			ch.n++
			e.wake(s, other, 0)
		}
		e.received(s, g, v)
	case found:
		v := other.val
		e.wake(s, other, 0)
		e.received(s, g, v)
	default:
		e.received(s, g, Closed)
	}
}
