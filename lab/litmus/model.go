package litmus

import (
	"math/bits"
	"slices"
)

// The Go memory model gives a program with a data race a meaning too: a racy
// read of a machine word "must observe some write w such that r does not
// happen before w and there is no write w' such that w happens before w' and
// w' happens before r" (https://go.dev/ref/mem, Implementation Restrictions
// for Programs Containing Data Races). The synchronizing operations still
// behave as if executed in one order, and values do not come out of thin air.
//
// The functions of this file enumerate the executions that these rules allow.
// They guess the value of every read, which makes the threads independent of
// each other, and then look for writes that explain the guesses.

// event is an access of a thread in an execution with guessed values.
type event struct {
	thread int
	op     Op
	v      int
	sync   bool
	read   bool
	got    int32 // what it reads
	write  bool
	put    int32  // what it writes
	needs  uint64 // reads of the thread, by index, that decide what it writes or whether it runs
}

// trace is an execution of one thread with guessed values.
type trace struct {
	events []event
	regs   []int32 // the registers of other threads are 0
}

// guesser enumerates the traces of a thread.
type guesser struct {
	*code
	values [][]int32 // that each variable may have
	traces []trace
}

// traces returns the traces of all threads.
func (c *code) traces() ([][]trace, error) {
	g := &guesser{code: c}
	for _, v := range c.init {
		g.values = append(g.values, []int32{v})
	}
	// A value that can be read must have been written, with the help of
	// values that were read before. Each round allows one write more.
	writes := 0
	for _, body := range c.threads {
		for _, in := range body {
			writes += b2i(in.op.writes())
		}
	}
	var all [][]trace
	for round := 0; ; round++ {
		all = nil
		for th := range c.threads {
			g.traces = nil
			if !g.extend(th, 0, trace{regs: make([]int32, len(c.regs))}, make([]uint64, len(c.regs)), nil) {
				return nil, errLarge
			}
			all = append(all, g.traces)
		}
		grown := false
		for _, ts := range all {
			for _, t := range ts {
				for _, e := range t.events {
					if e.write && !slices.Contains(g.values[e.v], e.put) {
						g.values[e.v] = append(g.values[e.v], e.put)
						grown = true
					}
				}
			}
		}
		if !grown || round == writes {
			return all, nil
		}
	}
}

// guard says that instructions before end run because of some reads.
type guard struct {
	end   int
	needs uint64
}

// extend goes on with a trace at instruction pc. needs tells for each
// register which reads it depends on. It reports whether that was feasible.
func (g *guesser) extend(th, pc int, t trace, needs []uint64, guards []guard) bool {
	body := g.threads[th]
	if len(g.traces) > 20_000 {
		return false
	}
	if pc == len(body) {
		g.traces = append(g.traces, t)
		return true
	}
	in := &body[pc]
	var control uint64
	for _, gd := range guards {
		if pc < gd.end {
			control |= gd.needs
		}
	}
	of := func(es ...expr) (n uint64) {
		for _, e := range es {
			for _, o := range []operand{e.a, e.b} {
				if o.reg >= 0 {
					n |= needs[o.reg]
				}
			}
		}
		return n
	}
	// Each path changes its own copies.
	t = trace{slices.Clip(t.events), slices.Clone(t.regs)}
	needs = slices.Clone(needs)
	guards = slices.Clip(guards)
	switch in.op {
	case OpSet:
		t.regs[in.reg], needs[in.reg] = in.value.eval(t.regs), of(in.value)|control
		return g.extend(th, pc+1, t, needs, guards)
	case OpIf:
		var n uint64
		in.cond.walk(func(o Operand) {
			if o.Name != "" {
				n |= needs[g.regs[o.Name]]
			}
		})
		if !g.holds(in.cond, t.regs) {
			// What the body would have set depends on the condition as well.
			for _, skipped := range body[pc:in.skip] {
				if skipped.reg >= 0 {
					needs[skipped.reg] |= n | control
				}
			}
			return g.extend(th, in.skip, t, needs, guards)
		}
		return g.extend(th, pc+1, t, needs, append(guards, guard{in.skip, n}))
	case OpLock, OpUnlock:
		t.events = append(t.events, event{thread: th, op: in.op, v: in.v, sync: true, needs: control})
		return g.extend(th, pc+1, t, needs, guards)
	}
	guesses := []int32{0}
	if in.op.reads() {
		guesses = g.values[in.v]
	}
	for _, guess := range guesses {
		e := event{thread: th, op: in.op, v: in.v, sync: in.op.synchronizes(), read: in.op.reads(), got: guess}
		var result int32
		e.write, e.put, result = in.effect(guess, t.regs)
		e.needs = of(in.value, in.old) | control
		n := trace{append(t.events, e), slices.Clone(t.regs)}
		ns := needs
		if in.reg >= 0 {
			n.regs[in.reg] = result
			ns = slices.Clone(needs)
			ns[in.reg] = e.needs | 1<<len(t.events)
		}
		if !g.extend(th, pc+1, n, ns, guards) {
			return false
		}
	}
	return true
}

// maxSteps bounds the search of a chooser: about a second.
const maxSteps = 500_000

// chooser looks for the executions of the threads' traces that are allowed.
type chooser struct {
	*code
	ends  map[string]Outcome
	steps int

	// The execution that is looked at. Events have global numbers; sets of
	// them are bit masks.
	events  []event
	first   []int    // number of the first event of each thread
	before  []uint64 // happened before, as sets; filled while synchronizing events are ordered
	source  []int    // the write that each read observes; -1 is the initial value
	regs    []int32
	place   []int // of each synchronizing event in their order
	count   int   // of those that have a place
	lastPut []int // last synchronizing write of each variable, -1 for none
	owner   []int // thread that holds each mutex, -1 for nobody
	opened  []int // last unlock of each mutex, -1 for none
}

// allowed returns the outcomes that the Go memory model allows.
func (c *code) allowed() (map[string]Outcome, error) {
	traces, err := c.traces()
	if err != nil {
		return nil, err
	}
	ch := &chooser{code: c, ends: make(map[string]Outcome)}
	if !ch.pick(traces, nil) {
		return nil, errLarge
	}
	return ch.ends, nil
}

// pick chooses a trace for each thread.
func (ch *chooser) pick(traces [][]trace, chosen []trace) bool {
	if len(chosen) < len(traces) {
		for _, t := range traces[len(chosen)] {
			if !ch.pick(traces, append(slices.Clip(chosen), t)) {
				return false
			}
		}
		return true
	}
	ch.events, ch.first, ch.regs = nil, nil, make([]int32, len(ch.code.regs))
	for _, t := range chosen {
		ch.first = append(ch.first, len(ch.events))
		shift := len(ch.events)
		for _, e := range t.events {
			e.needs <<= shift
			ch.events = append(ch.events, e)
		}
		for i, v := range t.regs {
			ch.regs[i] |= v
		}
	}
	if ch.steps++; ch.steps > maxSteps {
		return false
	}
	if !ch.explicable() {
		return true
	}
	ch.before = make([]uint64, len(ch.events))
	ch.place, ch.count = make([]int, len(ch.events)), 0
	ch.source = slices.Repeat([]int{-1}, len(ch.events))
	ch.lastPut = slices.Repeat([]int{-1}, len(ch.init))
	ch.owner = slices.Repeat([]int{-1}, len(ch.t.Mutexes))
	ch.opened = slices.Repeat([]int{-1}, len(ch.t.Mutexes))
	return ch.order(slices.Clone(ch.first))
}

// explicable reports whether every value that is read is written somewhere.
func (ch *chooser) explicable() bool {
	for _, r := range ch.events {
		if !r.read || r.got == ch.init[r.v] {
			continue
		}
		if !slices.ContainsFunc(ch.events, func(w event) bool { return w.write && w.v == r.v && w.put == r.got }) {
			return false
		}
	}
	return true
}

// order appends a synchronizing event to the order of all of them, in every
// way. next has the number of the first event of each thread that was not
// passed yet; those that do not synchronize are passed at once.
func (ch *chooser) order(next []int) bool {
	if ch.steps++; ch.steps > maxSteps {
		return false
	}
	next = slices.Clone(next) // the caller tries other orders with it
	for th := range next {
		for next[th] < ch.end(th) && !ch.events[next[th]].sync {
			ch.follow(th, next[th], -1)
			next[th]++
		}
	}
	done := true
	for th := range next {
		i := next[th]
		if i == ch.end(th) {
			continue
		}
		done = false
		then := slices.Clone(next)
		then[th]++
		ch.place[i] = ch.count
		ch.count++
		e := ch.events[i]
		switch e.op {
		case OpLock:
			if ch.owner[e.v] < 0 {
				ch.owner[e.v] = th
				ch.follow(th, i, ch.opened[e.v])
				if !ch.order(then) {
					return false
				}
				ch.owner[e.v] = -1
			}
			ch.count--
			continue
		case OpUnlock:
			was := ch.opened[e.v]
			ch.owner[e.v], ch.opened[e.v] = -1, i
			ch.follow(th, i, -1)
			if !ch.order(then) {
				return false
			}
			ch.owner[e.v], ch.opened[e.v] = th, was
			ch.count--
			continue
		}
		was := ch.lastPut[e.v]
		if e.write {
			ch.lastPut[e.v] = i
		}
		if !e.read {
			ch.follow(th, i, -1)
			if !ch.order(then) {
				return false
			}
		} else {
			// It observes the last synchronizing write, with which it then
			// synchronizes, or an ordinary write, with which it races.
			if was >= 0 && ch.events[was].put == e.got || was < 0 && ch.init[e.v] == e.got {
				ch.source[i] = was
				ch.follow(th, i, was)
				if !ch.order(then) {
					return false
				}
			}
			for w, o := range ch.events {
				if o.op == OpStore && o.v == e.v && o.put == e.got {
					ch.source[i] = w
					ch.follow(th, i, -1)
					if !ch.order(then) {
						return false
					}
				}
			}
		}
		ch.lastPut[e.v] = was
		ch.count--
	}
	if done {
		ch.read(0)
	}
	return true
}

// end returns the number behind the last event of a thread.
func (ch *chooser) end(th int) int {
	if th+1 < len(ch.first) {
		return ch.first[th+1]
	}
	return len(ch.events)
}

// follow sets what happened before event i: what happened before the one
// above it in its thread, and before the one it synchronizes with.
func (ch *chooser) follow(th, i, with int) {
	ch.before[i] = 0
	if i > ch.first[th] {
		ch.before[i] = ch.before[i-1] | 1<<(i-1)
	}
	if with >= 0 {
		ch.before[i] |= ch.before[with] | 1<<with
	}
}

// read chooses the write that each ordinary read from number i on observes.
func (ch *chooser) read(i int) {
	for ; i < len(ch.events); i++ {
		e := ch.events[i]
		if !e.read {
			continue
		}
		if e.sync {
			if !ch.visible(i, ch.source[i]) {
				return
			}
			continue
		}
		if ch.init[e.v] == e.got && ch.visible(i, -1) {
			ch.source[i] = -1
			ch.read(i + 1)
		}
		for w, o := range ch.events {
			if o.write && o.v == e.v && o.put == e.got && ch.visible(i, w) {
				ch.source[i] = w
				ch.read(i + 1)
			}
		}
		return
	}
	if ch.causal() {
		ch.finish()
	}
}

// visible reports whether read r may observe write w, -1 for the initial one:
// r does not happen before w, and no other write is between them. For a read
// that synchronizes, a write that does is between them also if it only comes
// earlier in the order of those: else two additions could both observe one
// ordinary write that both happen after.
func (ch *chooser) visible(r, w int) bool {
	if w >= 0 && (w == r || ch.before[w]&(1<<r) != 0) {
		return false
	}
	if w >= 0 && ch.events[r].sync {
		for o, e := range ch.events {
			if e.sync && e.write && e.v == ch.events[r].v && o != r && ch.place[o] < ch.place[r] && ch.overwrites(o, w) {
				return false
			}
		}
	}
	for b := ch.before[r]; b != 0; b &= b - 1 {
		o := bits.TrailingZeros64(b)
		if e := ch.events[o]; o == w || !e.write || e.v != ch.events[r].v {
			continue
		}
		if w < 0 || ch.overwrites(o, w) {
			return false
		}
	}
	return true
}

// overwrites reports whether write o is behind write w of the same variable.
// Where both synchronize, their order decides even if neither happens before
// the other. The text of the memory model lacks that, and without it a plain
// read that happens after two atomic stores may return the older one: then
// programs without data races are not sequentially consistent, which the same
// text promises.
func (ch *chooser) overwrites(o, w int) bool {
	if ch.before[o]&(1<<w) != 0 {
		return true
	}
	return ch.events[o].sync && ch.events[w].sync && ch.place[w] < ch.place[o]
}

// causal reports whether no value comes out of thin air: no write depends,
// over reads and the writes they observe, on itself.
func (ch *chooser) causal() bool {
	const (
		unseen = iota
		open
		good
	)
	mark := make([]int, len(ch.events))
	var visit func(i int) bool
	visit = func(i int) bool {
		switch mark[i] {
		case open:
			return false
		case good:
			return true
		}
		mark[i] = open
		for b := ch.events[i].needs; b != 0; b &= b - 1 {
			if !visit(bits.TrailingZeros64(b)) {
				return false
			}
		}
		if e := ch.events[i]; e.read && ch.source[i] >= 0 && !visit(ch.source[i]) {
			return false
		}
		mark[i] = good
		return true
	}
	for i := range ch.events {
		if !visit(i) {
			return false
		}
	}
	return true
}

// finish adds the outcomes of the execution: one for each choice of writes
// that a variable may be left with once all threads have ended.
func (ch *chooser) finish() {
	ch.leave(0, slices.Clone(ch.init))
}

func (ch *chooser) leave(v int, mem []int32) {
	if v == len(mem) {
		o := ch.outcome(ch.regs, mem)
		ch.ends[o.Key()] = o
		return
	}
	if !slices.Contains(ch.t.Observed(), ch.t.Vars[v].Name) {
		ch.leave(v+1, mem)
		return
	}
	written := false
	for w, e := range ch.events {
		if !e.write || e.v != v {
			continue
		}
		written = true
		overwritten := false
		for o, e := range ch.events {
			overwritten = overwritten || e.write && e.v == v && ch.overwrites(o, w)
		}
		if !overwritten {
			mem[v] = e.put
			ch.leave(v+1, mem)
		}
	}
	if !written {
		mem[v] = ch.init[v]
		ch.leave(v+1, mem)
	}
}
