//go:build ghostread_guest

package runtime

import "unsafe"

// What package internal/ghostread/guest may ask of the core. The structs have
// the layout of their namesakes there; TestLayouts and TestLinks in
// explore/sched compare them.

type ghostConfig struct {
	body   func()
	choose func(*ghostChoice) int32
	shared *ghostShared
	dec    []int32

	events    unsafe.Pointer
	maxEvents uint64
	stacks    unsafe.Pointer
	maxWords  uint64

	seed     uint64 // of the program's random stream
	wall     int64  // ns since 1970 at the start
	maxSteps uint64
	maxTime  int64 // ns
	logging  bool
	capture  bool
	whole    bool // log all that could order two steps; capture does
	cases    bool // which ready case a select takes is a decision
	early    bool // ask fire whether timers fire although goroutines can run
	fire     func(*ghostChoice) bool

	watch bool   // for a state that comes again, from the start
	base  uint64 // steps at the two points with the same state, where they are known; 0: not
	again uint64

	// Set on return.
	reason     int32
	goroutines int32
	loose      bool   // time was pushed on while goroutines could run
	external   bool   // network, system calls or the runtime had a say
	outside    uint8  // what the execution touched that is not controlled, by the bits below
	full       bool   // the event log overflowed
	coasted    bool   // a limit was met, after which there were no decisions
	failing    bool   // package testing was told of a failure, whether or not the test has ended
	fired      int32  // timers that fired although goroutines could run
	looked     bool   // there were invariants
	report     string // what package spec has seen, if the reason is that
	waits      string // or why it could not look
	reporter   int32
	reportPC   uintptr
	reportAt   uint64 // events before it
	certain    bool   // livelock: whatever the schedule, because nobody else can run, or nobody writes
	since      uint64 // livelock: entries of the log at the first of the two points
}

// ghostread_run runs body and all it starts as a world of its own, and
// returns when that has ended. GOMAXPROCS must be 1.
//
//go:linkname ghostread_run internal/ghostread/guest.runtimeRun
func ghostread_run(c *ghostConfig) {
	if gomaxprocs != 1 {
		throw("ghostread: GOMAXPROCS must be 1")
	}
	gp := getg()
	ghost.world++
	ghost.driver.set(gp)
	ghost.choose, ghost.shared, ghost.dec = c.choose, c.shared, c.dec
	ghost.maxSteps, ghost.deadline, ghost.stolen = c.maxSteps, nanotime()+c.maxTime, c.shared.stolen
	ghost.logging, ghost.capture, ghost.whole = c.logging, c.capture, c.whole || c.capture
	ghost.cases, ghost.early, ghost.fire, ghost.failing = c.cases, c.early, c.fire, false
	ghostLogTo.ev, ghostLogTo.max = c.events, c.maxEvents
	ghostLogTo.stack, ghostLogTo.words = c.stacks, c.maxWords
	ghostLogTo.full = false
	ghost.nextid, ghost.nrun, ghost.next = 0, 0, 0
	ghost.rootDone, ghost.stop, ghost.external, ghost.outside = false, 0, false, 0
	ghost.coast, ghost.turn = false, 0
	ghost.idleSince, ghost.polled, ghost.choices = 0, 0, 0
	ghost.prog = c.seed
	ghostSpec.look, ghostSpec.looked, ghostSpec.report, ghostSpec.waits, ghostSpec.clock = nil, false, "", "", 0
	ghost.choice.enabled = ghost.ids[:0]
	ghost.procs = ghostCPUs()
	ghost.cycles = work.cycles.Load()
	s := c.shared
	s.decisions, s.steps, s.hash, s.events, s.words, s.state = 0, 0, 14695981039346656037, 0, 0, 1
	ghostClock.wall = c.wall
	if ghostClock.now == 0 {
		ghostClock.now = nanotime()
	}
	ghostClock.start, ghostClock.root, ghostClock.ticks = ghostClock.now, ghostClock.now, 0
	ghostClock.asked, ghostClock.moved, ghostClock.fires, ghostClock.pushed, ghostClock.loose = 0, 0, 0, false, false
	ghostClock.offers, ghostClock.asks, ghostClock.fired, ghostClock.overdue, ghostClock.early = 0, 0, 0, false, ghostStrict
	lockInit(&ghostTimers.mu, lockRankTimers)

	ghostActive, ghostWatch = true, true
	ghostSpinStart(c.watch, c.base, c.again)
	go c.body()
	gopark(nil, nil, waitReasonZero, traceBlockGeneric, 1)
	ghostDropTimers()

	c.reason, c.goroutines = ghost.stop, ghost.nextid
	c.loose, c.external, c.full = ghostClock.loose, ghost.external, ghostLogTo.full
	c.base, c.again, c.since, c.certain = ghostSpin.baseAt, ghostSpin.stopAt, ghostSpin.events, !ghostSpin.others || !ghostSpin.wrote
	ghostSpin.on = false
	c.coasted, c.failing, c.fired = ghost.coast, ghost.failing, ghostClock.fired
	c.full = c.full || ghost.coast && ghost.shared.steps > ghostGlideAt
	if ghost.cycles != work.cycles.Load() {
		ghost.outside |= ghostOutsideCollector
	}
	c.outside = ghost.outside
	ghost.choose, ghost.fire = nil, nil
	c.looked, c.report, c.waits = ghostSpec.looked, ghostSpec.report, ghostSpec.waits
	c.reporter, c.reportPC, c.reportAt = ghostSpec.g, ghostSpec.pc, ghostSpec.event
	ghostSpec.look = nil
}

// ghostHidden reports whether runtime.Stack leaves gp out when it shows all
// goroutines: ours, which waits for the execution to end, and what earlier
// executions have left behind.
func ghostHidden(gp *g) bool {
	return gp.ghost.world != 0 && gp.ghost.world != ghost.world || ghost.world != 0 && gp == ghost.driver.ptr()
}

// ghostGoroutine is what is left of a goroutine when the world has ended.
type ghostGoroutine struct {
	id       int32
	born     int32
	waiting  bool // parked, as opposed to runnable or in a system call
	timer    bool // a pending timer may wake it
	reason   uint8
	kind     uint8      // its last point
	obj      uintptr    // complemented: a copy shall not look like a reference
	created  uintptr    // pc of the go statement
	channels [8]uintptr // complemented
	nchan    int32
	nstack   int32
	stack    [64]uintptr
	text     string // the runtime's words for reason
	_        bool   // the guest's
}

// ghostread_goroutine describes goroutine id; false if it has ended.
//
//go:linkname ghostread_goroutine internal/ghostread/guest.runtimeGoroutine
func ghostread_goroutine(id int32, to *ghostGoroutine) bool {
	gp := ghost.all[id].ptr()
	if gp == nil {
		return false
	}
	*to = ghostGoroutine{id: id, born: gp.ghost.born, kind: gp.ghost.kind, obj: ^gp.ghost.obj, created: gp.gopc}
	to.waiting = readgstatus(gp)&^_Gscan == _Gwaiting
	if to.waiting {
		to.reason = uint8(gp.waitreason)
		to.text = gp.waitreason.String()
		to.timer = gp.waitreason == waitReasonSleep
		for sg := gp.waiting; sg != nil; sg = sg.waitlink {
			c := ghostChan(sg)
			if c == nil {
				continue
			}
			to.timer = to.timer || c.timer != nil
			if int(to.nchan) < len(to.channels) {
				to.channels[to.nchan] = ^uintptr(unsafe.Pointer(c))
				to.nchan++
			}
		}
	}
	if readgstatus(gp)&^_Gscan != _Grunning && gp.syscallsp == 0 {
		systemstack(func() { to.nstack = int32(gcallers(gp, 0, to.stack[:])) })
	}
	return true
}

// ghostread_current is the id of the current goroutine in the world, 0 if it
// does not belong to it.
//
//go:linkname ghostread_current internal/ghostread/guest.runtimeCurrent
//go:nosplit
func ghostread_current() int32 {
	if !ghostMine() {
		return 0
	}
	return getg().ghost.id
}

// ghostread_clearpools empties every sync.Pool, so that each execution starts
// with none of the earlier ones' objects.
//
//go:linkname ghostread_clearpools internal/ghostread/guest.runtimeClearPools
func ghostread_clearpools() {
	if poolcleanup == nil {
		return
	}
	mp := acquirem() // pool users pin their P, and this is the only one
	poolcleanup()
	poolcleanup()
	releasem(mp)
}

// ghostread_finalize lets finalizers and cleanups run that a collection
// between executions has queued: in the middle of the next one they would be
// steps that no replay repeats.
//
//go:linkname ghostread_finalize internal/ghostread/guest.runtimeFinalize
func ghostread_finalize() {
	const limit = 20 * 1000 * 1000 // ns; who takes longer runs into the next execution
	if fing != nil {
		blockUntilEmptyFinalizerQueue(limit)
	}
	ghostEmptyCleanups(limit)
}

// ghostread_heap returns about how many bytes of the heap are in use or not yet
// collected.
//
//go:linkname ghostread_heap internal/ghostread/guest.runtimeHeap
func ghostread_heap() uint64 { return gcController.heapLive.Load() }

// ghostread_istype reports whether p points to a type descriptor of the binary.
//
//go:linkname ghostread_istype internal/ghostread/guest.runtimeIsType
func ghostread_istype(p uintptr) bool {
	for _, md := range activeModules() {
		if md.types <= p && p < md.etypes {
			return true
		}
	}
	return false
}

// ghostread_atomic is called by the sync/atomic entry points. Inside an
// operation of package sync it has nothing to do.
//
//go:nosplit
func ghostread_atomic(kind, addr, pc uintptr) {
	if getg().ghost.op == 0 {
		ghostPoint(uint8(kind), addr, 0, pc, 0)
	}
}

// ghostread_cas is ghostread_atomic for a compare-and-swap of size bytes.
// Nothing can change the variable between the event and the operation, so
// whether it will fail is known already.
//
//go:nosplit
func ghostread_cas(addr, old, size, pc uintptr) {
	gp := getg()
	if gp.ghost.op != 0 {
		return
	}
	ghostPoint(gkAtomicRMW, addr, 0, pc, 0)
	n := ghost.shared.events
	if !ghost.logging || n == 0 || addr < minLegalPointer {
		return
	}
	e := (*ghostEvent)(unsafe.Pointer(uintptr(ghostLogTo.ev) + uintptr(n-1)*unsafe.Sizeof(ghostEvent{})))
	if e.kind != gkAtomicRMW || e.g != gp.ghost.id || e.addr != addr {
		return // not logged
	}
	if size == 4 && *(*uint32)(unsafe.Pointer(addr)) != uint32(old) || size == 8 && *(*uint64)(unsafe.Pointer(addr)) != uint64(old) {
		e.flags |= ghostFailed
	}
}

// ghostOracle is what another race detector in this process has to say, if
// there is one.
var ghostOracle struct {
	forget func()      // makes it forget all accesses
	event  [1024]int64 // for each report since then, the event logged last; -1 outside of worlds
	n      int32       // number of reports
}

// ghostread_oracle returns after which event of the last execution the i-th
// report of the other race detector came; -1 if there is none, or the world
// had ended. For i < 0 it makes that detector forget all accesses, and returns
// 0 if there is one.
//
//go:linkname ghostread_oracle internal/ghostread/guest.runtimeOracle
func ghostread_oracle(i int32) int64 {
	o := &ghostOracle
	switch {
	case i < 0 && o.forget != nil:
		o.n = 0
		o.forget()
		return 0
	case i < 0 || i >= o.n || int(i) >= len(o.event):
		return -1
	}
	return o.event[i]
}
