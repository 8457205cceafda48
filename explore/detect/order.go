package detect

const (
	// maxLanes bounds the length of clocks.
	maxLanes = 2048
	// maxGoroutine bounds the table from goroutine ids to lanes; the runtime
	// core counts from 1, so only a damaged log exceeds it.
	maxGoroutine = 1 << 20
	// timerLanes is how many timer functions have lanes of their own.
	timerLanes = 16
	// reuseTries is how many lanes of ended goroutines a new one looks at.
	reuseTries = 8

	noLane = int32(-1)
)

// lane is one component of all clocks: a goroutine, a firing of a timer or the
// finalizer, and after its end another one.
type lane struct {
	clock []uint32 // clock[self] is the epoch; components beyond the end are 0
	off   uint32   // the clock's region
	class uint8
	ended bool
	// shared: two live goroutines have had to share the lane.
	shared bool
	timer  bool
	epoch  uint32
	used   uint32 // last epoch in which there was an access, 0 if none
}

// order is who knows what of whom.
type order struct {
	arena arena
	exact bool

	gen  uint32
	byID []struct {
		gen  uint32
		lane int32
	}

	lanes    [maxLanes]lane
	n        int32
	forced   int32 // next lane to be shared
	ended    []int32
	timers   [timerLanes]int32
	ntimers  int32
	rotation int32
	system   int32 // lane of the timer function that runs, or noLane
	final    int32 // lane of the finalizer goroutine, or noLane
}

func (o *order) reset() {
	o.exact = true
	o.arena.reset()
	o.gen++
	if o.gen == 0 {
		clear(o.byID)
		o.gen = 1
	}
	if o.ended == nil {
		o.ended = make([]int32, 0, maxLanes)
	}
	o.ended = o.ended[:0]
	o.n, o.forced, o.ntimers, o.rotation = 0, 0, 0, 0
	o.system, o.final = noLane, noLane
}

// grow makes the clock of lane t at least n long.
func (o *order) grow(t int32, n int) {
	l := &o.lanes[t]
	old := len(l.clock)
	if n <= old {
		return
	}
	if class := classOf(n); class > l.class {
		off := o.arena.get(class, arenaChunks)
		words := o.arena.words(off, n)
		copy(words, l.clock)
		o.arena.put(l.off, l.class)
		l.off, l.class, l.clock = off, class, words
	} else {
		l.clock = l.clock[:n]
	}
	clear(l.clock[old:])
}

// join joins a clock into that of lane t.
func (o *order) join(t int32, other []uint32) {
	if len(other) > len(o.lanes[t].clock) {
		o.grow(t, len(other))
	}
	mine := o.lanes[t].clock
	mine = mine[:len(other)]
	for i, x := range other {
		mine[i] = max(mine[i], x)
	}
}

// start gives lane t, new or taken over, the clock of its creator and its own
// epoch.
func (o *order) start(t int32, clock []uint32) {
	l := &o.lanes[t]
	l.ended = false
	n := max(len(clock), int(t)+1)
	if class := classOf(n); class > l.class {
		o.arena.put(l.off, l.class)
		l.off, l.class = o.arena.get(class, arenaChunks), class
	}
	l.clock = o.arena.words(l.off, n)
	k := copy(l.clock, clock)
	clear(l.clock[k:])
	l.clock[t] = l.epoch
}

// fresh adds a lane, or returns noLane when there are too many.
func (o *order) fresh() int32 {
	if o.n == maxLanes {
		return noLane
	}
	t := o.n
	o.n++
	o.lanes[t] = lane{epoch: 1, off: o.arena.get(0, arenaChunks)}
	return t
}

// succeeds reports whether whoever starts with the given clock may take over
// lane t without anyone being able to tell: it is ordered after every access
// and every release that the lane has made.
func (o *order) succeeds(t int32, clock []uint32) bool {
	l := &o.lanes[t]
	known := uint32(0)
	if int(t) < len(clock) {
		known = clock[t]
	}
	return l.used < l.epoch && known >= l.epoch-1
}

// open returns a lane that starts with the clock. Programs that start and join
// goroutines by the thousand thus need few lanes, and clocks stay short.
func (o *order) open(clock []uint32) int32 {
	last := len(o.ended) - 1
	for i := last; i >= 0 && i > last-reuseTries; i-- {
		t := o.ended[i]
		if o.succeeds(t, clock) {
			o.ended[i] = o.ended[last]
			o.ended = o.ended[:last]
			o.start(t, clock)
			return t
		}
	}
	if t := o.fresh(); t != noLane {
		o.start(t, clock)
		return t
	}
	// Too many: two goroutines become one as far as clocks are concerned,
	// which can only add order.
	o.exact = false
	var t int32
	if last >= 0 {
		t = o.ended[last]
		o.ended = o.ended[:last]
		o.lanes[t].ended = false
	} else {
		for o.lanes[o.forced%maxLanes].timer {
			o.forced++
		}
		t = o.forced % maxLanes
		o.forced++
		o.lanes[t].shared = true
	}
	o.join(t, clock)
	return t
}

// exit ends a goroutine.
func (o *order) exit(t int32) {
	l := &o.lanes[t]
	if !l.ended && !l.shared && !l.timer && t != o.final {
		l.ended = true
		o.ended = append(o.ended, t)
	}
}

// id folds goroutine ids that the runtime core never gives.
func (o *order) id(g int32) int32 {
	if uint32(g) >= maxGoroutine {
		o.exact = false
		return int32(1 + uint32(g)&(1<<16-1))
	}
	return g
}

// bind makes lane t that of goroutine g.
func (o *order) bind(g, t int32) {
	g = o.id(g)
	if int(g) >= len(o.byID) {
		n := max(64, len(o.byID))
		for n <= int(g) {
			n *= 2
		}
		byID := make([]struct {
			gen  uint32
			lane int32
		}, n)
		copy(byID, o.byID)
		o.byID = byID
	}
	o.byID[g].gen, o.byID[g].lane = o.gen, t
}

// step starts a new epoch of lane t: what it does from now on is not covered
// by what it has released.
func (o *order) step(t int32) {
	l := &o.lanes[t]
	l.epoch++
	l.clock[t] = l.epoch
}

// laneOf returns the lane of a goroutine. One that nobody spawned, such as the
// first one, starts with an empty clock.
func (d *Detector) laneOf(g int32) int32 {
	o := &d.order
	if uint32(g) < uint32(len(o.byID)) && o.byID[g].gen == o.gen {
		return o.byID[g].lane
	}
	if id := o.id(g); id != g && int(id) < len(o.byID) && o.byID[id].gen == o.gen {
		return o.byID[id].lane
	}
	t := o.open(nil)
	o.bind(g, t)
	return t
}

// systemLane returns the lane of goroutine 0. Outside of timer functions it
// acquires everything before each of its events.
func (d *Detector) systemLane() int32 {
	o := &d.order
	if o.system != noLane {
		return o.system
	}
	if o.final == noLane {
		o.final = o.open(nil)
		o.lanes[o.final].shared = true // never taken over
	}
	o.learn(o.final, true)
	return o.final
}

// learn lets lane to acquire everything. If apart, all others start a new epoch,
// so that what they do later is not taken for known.
func (o *order) learn(to int32, apart bool) {
	o.grow(to, int(o.n))
	for t := int32(0); t < o.n; t++ {
		if t != to {
			o.lanes[to].clock[t] = o.lanes[t].epoch
			if apart {
				o.step(t)
			}
		}
	}
}

// spawn starts goroutine g, ordered after what lane t did.
func (d *Detector) spawn(t, g int32) {
	o := &d.order
	child := o.open(o.lanes[t].clock)
	o.bind(g, child)
	if child != t {
		o.step(t)
	}
}

// adopt starts goroutine g, ordered after nothing, or, if it is about to run
// finalizers or cleanups, takes it to be ordered after everything so far: an
// object is found dead after its last use.
func (d *Detector) adopt(g int32, final bool) {
	if final {
		d.order.learn(d.laneOf(g), d.habits&FinalKnows == 0)
		return
	}
	d.order.bind(g, d.order.open(nil))
}

// fire starts a timer function, ordered after what the timer object knows.
func (d *Detector) fire(timer uint64) {
	o := &d.order
	var clock []uint32
	if s := d.findObject(timer); s != nil {
		clock = o.arena.words(s.off, int(s.n))
	}
	if d.habits&OneTimer != 0 && o.ntimers > 0 {
		o.system = o.timers[0]
		o.join(o.system, clock)
		return
	}
	for i := range o.ntimers {
		t := o.timers[i]
		if t != o.system && (o.lanes[t].used == 0 || o.succeeds(t, clock)) {
			o.start(t, clock)
			o.system = t
			return
		}
	}
	t := noLane
	if o.ntimers < timerLanes {
		t = o.fresh()
	}
	if t != noLane {
		o.lanes[t].timer = true
		o.timers[o.ntimers] = t
		o.ntimers++
	} else if o.ntimers > 0 {
		t = o.timers[o.rotation%o.ntimers]
		o.rotation++
	} else {
		// All lanes were taken before the first timer fired: this one may be
		// that of a goroutine, which must not forget what it knows.
		o.system = o.open(clock)
		return
	}
	o.start(t, clock)
	o.system = t
}
