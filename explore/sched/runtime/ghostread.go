//go:build ghostread_guest

// This file and its ghostread_ siblings are added to package runtime by the
// overlay. They control which goroutine runs during an execution of a test.
//
// A world is the set of goroutines of one execution: the goroutine that runs
// the test, and everything it starts, directly or through timers. Goroutines
// of a world never sit in the scheduler's own queues. They are kept here, in a
// run list ordered by id; one of them runs at a time, on the only P. At a
// scheduling point, which is just before an operation that another goroutine
// could notice, the choose function of the strategy is asked who is next; its
// answers are the decisions of the execution and are all it takes to repeat it.
//
// Nothing here locks: all of it runs on the M that holds the only P, either
// with the world's goroutine current or on that M's g0.
//
// It relies on runtime internals of the releases that package overlay lists;
// the anchors there name each place.
package runtime

import (
	"internal/runtime/sys"
	"unsafe"
)

// ghostActive is true while a world runs. Every hook reads it first; those of
// plain memory accesses read ghostWatch instead, which is false in the later
// part of an execution that is too long to log it all: when it makes no
// decisions any more, or has one goroutine so far.
var ghostActive, ghostWatch bool

const (
	ghostMaxG  = 1 << 18 // goroutines of one execution
	ghostPrime = 1099511628211

	// ghostGlideAt is after how many points plain memory accesses are not
	// watched any more in an execution that makes no decisions. The event log
	// is full by then, or nearly.
	ghostGlideAt = 1 << 22
)

// ghostG is what a g carries for us; field ghost of g.
type ghostG struct {
	world  uint32 // generation it belongs to; 0: none
	id     int32  // from 1 in order of creation; 0 is the context of timer functions
	op     int32  // depth inside an operation of package sync, which is one step
	quiet  int32  // depth inside runtime.GC and the like: no points at all
	picked bool   // findRunnable got it from ghostPick
	kind   uint8  // last point
	obj    uintptr
	pc     uintptr
	born   int32  // id of the goroutine that started it; -1: it is older than the world
	chance uint64 // its own random stream, where schedules are to be compared
	call   int64  // when the operation of package spec that it is in was called; below 0: not yet, see ghostCalled
	first  int64  // event of that

	size uintptr // of its last point
	ran  uint64  // steps at that, while the execution is watched
	exit uintptr // pc at which the program's function that returned last did so; while stacks are captured
}

// Why a world ended. The values are part of package wire; TestReasons in
// explore/sched compares them.
const (
	ghostDone       = 1 + iota // the test returned and all went quiet
	ghostDeadlock              // the test did not return and nobody can run
	ghostSteps                 // too many scheduling points with a choice
	ghostTime                  // too long by the real clock
	ghostDecisions             // decision log full
	ghostGoroutines            // too many goroutines
)

// ghostLivelock is one more: the state of the world comes again. The guest has
// reasons of its own in between.
const ghostLivelock = 10

// ghostShared is the head of the file that the parent process maps too.
// It is the head of wire.Header; TestLayouts in explore/sched compares them.
type ghostShared struct {
	magic     uint64
	state     uint32 // 1 while a world runs, 2 after a crash
	decisions uint32
	steps     uint64
	hash      uint64
	events    uint64
	words     uint64 // of captured stacks
	stolen    uint64 // ns in which this process could run and did not get a CPU; the parent writes it
}

// ghostChoice has the layout of strategy.Choice.
type ghostChoice struct {
	enabled  []int32
	cur      int32
	kind     uint8
	object   uintptr
	pc       uintptr
	step     uint64
	decision uint32
	events   uint64
}

var ghost struct {
	// Set up by ghostread_run.
	world    uint32
	driver   guintptr // the goroutine that waits for the end
	choose   func(*ghostChoice) int32
	shared   *ghostShared
	dec      []int32
	maxSteps uint64 // points at which there is a choice
	deadline int64  // nanotime
	stolen   uint64 // shared.stolen at the start
	logging  bool
	capture  bool
	whole    bool // log all that could order two steps
	cases    bool // which ready case a select takes is a decision
	early    bool // ask fire whether timers fire although goroutines can run
	fire     func(*ghostChoice) bool

	// The world.
	nextid   int32
	nrun     int32
	next     guintptr // to run next without a decision
	rootDone bool
	failing  bool  // package testing was told of a failure
	stop     int32 // one of the reasons above, to be acted upon at the next chance
	coast    bool  // a limit is met: no more decisions, see ghostCoast
	turn     int32 // while coasting: who goes on
	prog     uint64
	choice   ghostChoice
	choices  uint64 // points at which more than one goroutine could run
	cycles   uint32 // GC cycles at the start
	procs    int    // what GOMAXPROCS claims

	// Contact with what we do not control.
	idleSince int64
	idles     uint64
	polled    uint64
	external  bool
	outside   uint8

	run [ghostMaxG]int32    // ids of the runnable ones, ascending
	all [ghostMaxG]guintptr // by id; 0 once it has ended
	ids [ghostMaxG]int32
}

// ghostRand is the random stream that the program under test sees. The
// strategy has its own, so that a decision more does not change what the
// program is told.
//
//go:nosplit
func ghostRand() uint64 {
	ghostSpin.dirty = true
	return ghostDraw()
}

//go:nosplit
func ghostDraw() uint64 {
	prog := &ghost.prog
	if gp := getg(); gp.ghost.world == ghostAside {
		prog = &ghostSpec.prog
	} else if ghost.cases && gp.ghost.world == ghost.world {
		// What a goroutine draws shall not depend on when others draw.
		if prog = &gp.ghost.chance; *prog == 0 {
			*prog = ghost.prog ^ uint64(gp.ghost.id)*ghostPrime
		}
	}
	*prog += 0x9e3779b97f4a7c15
	z := *prog
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

//go:nosplit
func ghostRandn(n uint32) uint32 { return uint32((ghostDraw() >> 32) * uint64(n) >> 32) }

// ghostMine reports whether the current goroutine belongs to the world that runs.
//
//go:nosplit
func ghostMine() bool {
	gp := getg()
	return ghostActive && gp.ghost.world == ghost.world && gp == gp.m.curg
}

// ghostClear clears a part of a stack that another goroutine had before: what it
// left there would look like references, to a walk over the heap.
func ghostClear(lo, hi uintptr) {
	memclrNoHeapPointers(unsafe.Pointer(lo), hi-lo)
}

// ghostNewG is called by newproc1 for each user goroutine.
//
//go:nosplit
func ghostNewG(newg, caller *g) {
	newg.ghost = ghostG{}
	if !ghostActive {
		return
	}
	var parent int32
	switch {
	case caller.ghost.world == ghost.world:
		parent = caller.ghost.id
		if caller.ghost.call < 0 {
			ghostLog(gkSpec, parent, ghostCalled(caller), 0, 0, 0)
		}
	case caller.ghost.world == ghostAside:
		ghostAsideBlocks(caller, "starts a goroutine")
		return
	case caller == ghost.driver.ptr() || ghostFiring != 0:
		parent = 0
	default:
		return
	}
	if !ghostJoin(newg) {
		return
	}
	newg.ghost.born = parent
	ghostClear(newg.stack.lo, newg.sched.sp)
	ghostSpin.dirty = true
	ghostLog(gkSpawn, parent, 0, 0, newg.gopc, uintptr(newg.ghost.id))
}

// ghostJoin makes gp a member of the world.
//
//go:nosplit
func ghostJoin(gp *g) bool {
	if ghost.nextid == ghostMaxG-1 {
		ghost.stop = ghostGoroutines
		return false
	}
	ghost.nextid++
	ghostWatch = !ghost.coast || ghostWatch
	gp.ghost = ghostG{world: ghost.world, id: ghost.nextid}
	ghost.all[ghost.nextid].set(gp)
	return true
}

// ghostAdopt takes in a goroutine from before this execution (left over from
// an earlier one, or started by an init function) that has something to do
// now. System goroutines stay outside.
func ghostAdopt(gp *g) bool {
	if gp == ghost.driver.ptr() || gp.ghost.world == ghostAside || isSystemGoroutine(gp, false) || !ghostJoin(gp) {
		return false
	}
	gp.ghost.born = -1
	ghostLog(gkAdopt, gp.ghost.id, 0, 0, gp.gopc, 0)
	return true
}

// ghostFinal is called by the goroutine that runs finalizers, and by those that
// run cleanups, when they are about to call functions of the program. To the
// scheduler they are system goroutines until then; what follows belongs to the
// world. Aux 1 says that it is ordered after all that happened: objects are
// found dead after their last use.
func ghostFinal() {
	gp := getg()
	if !ghostActive || gp.ghost.world != ghost.world && !ghostJoin(gp) {
		return
	}
	gp.ghost.born = -1
	ghostLog(gkAdopt, gp.ghost.id, 0, 0, gp.gopc, 1)
}

// ghostCleanup gives the current goroutine a new id while it runs one cleanup,
// and returns what ghostCleaned needs to give the old one back: cleanups are
// not ordered with each other although one goroutine runs them all.
//
//go:nosplit
func ghostCleanup(pc uintptr) uintptr {
	gp := getg()
	if !ghostActive || gp.ghost.world != ghost.world {
		return 1
	}
	old := gp.ghost
	if !ghostJoin(gp) {
		return 1
	}
	ghost.all[old.id] = 0
	gp.ghost.born = old.id
	ghostLog(gkSpawn, old.id, 0, 0, pc, uintptr(gp.ghost.id))
	return uintptr(old.id) + 2
}

//go:nosplit
func ghostCleaned(ctx uintptr) {
	gp := getg()
	if ctx < 2 || !ghostActive || gp.ghost.world != ghost.world {
		return
	}
	ghost.all[gp.ghost.id] = 0
	gp.ghost = ghostG{world: ghost.world, id: int32(ctx - 2), born: -1}
	ghost.all[gp.ghost.id].set(gp)
}

// ghostExitG is called by gdestroy.
func ghostExitG(gp *g) {
	if !ghostActive || gp.ghost.world != ghost.world {
		return
	}
	ghost.all[gp.ghost.id] = 0
	ghostSpin.dirty = true
	if ghost.whole {
		ghostLog(gkExit, gp.ghost.id, 0, 0, gp.ghost.exit, 0)
	}
	if gp.ghost.id == 1 {
		ghost.rootDone = true
	}
	gp.ghost = ghostG{}
}

// ghostFuncExit is called at the end of each function while stacks are
// captured: the last one of a goroutine says where it ended.
//
//go:nosplit
func ghostFuncExit(pc uintptr) {
	if gp := getg(); ghostActive && gp == gp.m.curg && gp.ghost.world == ghost.world && !ghostStd(pc) {
		gp.ghost.exit = pc
	}
}

// ghostEnqueue takes a goroutine that became runnable. It reports false for
// one that is not ours.
func ghostEnqueue(gp *g) bool {
	if getg().m.p == 0 {
		return false // findRunnable will meet it again, and ghostClaim with it
	}
	if gp.ghost.world != ghost.world && !ghostAdopt(gp) {
		return false
	}
	ghostInsert(gp)
	return true
}

// ghostClaim takes over a goroutine of the world that reached findRunnable
// through a queue of the scheduler (netpoll, end of a system call).
func ghostClaim(gp *g) bool {
	if gp.ghost.picked {
		gp.ghost.picked = false
		return false
	}
	if gp == ghostSignals.ptr() {
		ghost.outside |= ghostOutsideSignal
	}
	return ghostEnqueue(gp)
}

func ghostInsert(gp *g) {
	i, id := ghost.nrun, gp.ghost.id
	for i > 0 && ghost.run[i-1] > id {
		ghost.run[i] = ghost.run[i-1]
		i--
	}
	ghost.run[i] = id
	ghost.nrun++
	if id == 1 {
		ghostClock.root, ghostClock.ticks = ghostClock.now, 0
	}
}

func ghostRemove(gp *g) {
	n, id := ghost.nrun, gp.ghost.id
	for i := int32(0); i < n; i++ {
		if ghost.run[i] == id {
			for n--; i < n; i++ {
				ghost.run[i] = ghost.run[i+1]
			}
			ghost.nrun = n
			return
		}
	}
	throw("ghostread: goroutine is not in the run list")
}

// ghostCoast is who goes on in an execution that has met the limit of points
// with a choice, or of decisions, and goes on to its end without asking: in
// turns, whenever a goroutine blocks or yields, and every 1,024 points. A
// replay, which has the same limits, comes here at the same point.
func ghostCoast(cur *g) *g {
	if cur != nil {
		ghost.turn = cur.ghost.id
	}
	next := ghost.run[0]
	for i := int32(0); i < ghost.nrun; i++ {
		if ghost.run[i] > ghost.turn {
			next = ghost.run[i]
			break
		}
	}
	ghost.turn = next
	return ghost.all[next].ptr()
}

// ghostDecide asks the strategy and records its answer. It runs on g0. cur is
// the goroutine at whose point this happens, nil if it blocked or ended.
func ghostDecide(cur *g, kind uint8) *g {
	if int(ghost.shared.decisions) == len(ghost.dec) && !ghost.cases {
		ghost.coast = true
	}
	if ghost.coast {
		return ghostCoast(cur)
	}
	m, id := int32(0), int32(0)
	var object, pc uintptr
	if cur != nil {
		id, object, pc = cur.ghost.id, cur.ghost.obj, cur.ghost.pc
	}
	pending := cur != nil
	for i := int32(0); i < ghost.nrun; i++ {
		x := ghost.run[i]
		if pending && id < x {
			ghost.ids[m] = id
			m++
			pending = false
		}
		ghost.ids[m] = x
		m++
	}
	if pending {
		ghost.ids[m] = id
		m++
	}
	return ghost.all[ghostAsk(m, id, kind, object, pc)].ptr()
}

// ghostAsk asks the strategy which of the first m of ghost.ids it is, and
// records the answer. It runs on g0.
func ghostAsk(m, id int32, kind uint8, object, pc uintptr) int32 {
	n := ghost.shared.decisions
	if object != 0 {
		object = ^object // a copy shall not look like a reference when the heap is walked
	}
	c := &ghost.choice
	(*slice)(unsafe.Pointer(&c.enabled)).len = int(m) // no write barrier: we may be on the way out of a system call
	c.cur, c.kind, c.object, c.pc, c.step, c.decision, c.events = id, kind, object, pc, ghost.shared.steps, n, ghost.shared.events
	k := ghost.choose(c)
	if uint32(k) >= uint32(m) {
		throw("ghostread: strategy chose what is not there to choose")
	}
	chosen := ghost.ids[k]
	if int(n) == len(ghost.dec) {
		ghost.stop = ghostDecisions
	} else {
		ghost.dec[n] = chosen
		ghost.shared.decisions = n + 1
	}
	ghost.shared.hash = (ghost.shared.hash ^ (uint64(chosen) | uint64(m)<<32)) * ghostPrime
	ghostClock.offers = 0
	return chosen
}

// ghostPoint is called just before an operation that other goroutines can
// notice: here the turn may pass to another one. Then the event is logged.
//
//go:nosplit
func ghostPoint(kind uint8, addr, size, pc, aux uintptr) {
	gp := getg()
	mp := gp.m
	if gp != mp.curg || gp.ghost.world != ghost.world {
		return
	}
	if addr-gp.stack.lo < gp.stack.hi-gp.stack.lo {
		return // its own stack: nobody else can see it
	}
	op := gp.ghost.op
	if kind == gkYield {
		op = 0 // a Locker of the program's, in Cond.Wait, may spin
	}
	if op|gp.ghost.quiet|mp.locks|mp.mallocing|mp.dying == 0 && !gp.throwsplit && !mp.incgo && mp.preemptoff == "" {
		if kind > gkWriteRange || !ghostStd(pc) {
			gp.ghost.size = size
			ghostTurn(gp, kind, addr, pc)
		} else if kind&1 == 0 {
			ghostSpec.dirty, ghostSpin.dirty = true, true // a write that no point tells of
		}
		if gp.ghost.call < 0 {
			ghostLog(gkSpec, gp.ghost.id, ghostCalled(gp), 0, 0, 0)
		}
	} else if op == 0 {
		ghostSpin.dirty = true
	}
	if !ghost.logging || gp.ghost.op != 0 && kind >= gkAtomicLoad {
		return // nobody reads the log, or ghostEnter has reported the step
	}
	if kind <= gkMapWrite || kind-gkLock <= gkRUnlock-gkLock || ghost.whole {
		ghostLog(kind, gp.ghost.id, addr, size, pc, aux)
	}
}

// ghostTurn is the scheduling point proper.
//
//go:nosplit
func ghostTurn(gp *g, kind uint8, addr, pc uintptr) {
	if ghostSpec.look != nil {
		ghostLook(gp)
	}
	gp.ghost.kind, gp.ghost.obj, gp.ghost.pc = kind, addr, pc
	s := ghost.shared
	s.steps++
	s.hash = (s.hash ^ (uint64(pc) | uint64(gp.ghost.id)<<40 | uint64(kind)<<56)) * ghostPrime
	if ghostSpin.on {
		gp.ghost.ran = s.steps
		mcall(ghostSpinLook)
	}
	if s.steps&1023 == 0 {
		mcall(ghostBreathe)
		if s.steps >= ghostGlideAt && (ghost.coast || ghost.nextid == 1) && !ghost.cases && ghostSpec.look == nil {
			ghostWatch = false
		}
	}
	if ghost.early && kind > gkWriteRange {
		mcall(ghostOffer)
	}
	if ghost.nrun == 0 {
		return
	}
	ghost.choices++
	if ghost.coast && kind != gkYield {
		return
	}
	mcall(ghostTurnOn)
}

// ghostTurnOn decides who goes on after gp's point, on g0.
func ghostTurnOn(gp *g) {
	next := ghostDecide(gp, gp.ghost.kind)
	if next == gp && ghost.stop == 0 {
		gogo(&gp.sched)
	}
	ghost.next.set(next)
	ghostSwitch(gp)
}

// ghostSwitch passes the turn from gp to ghost.next. It runs on g0 and does
// what schedule would do, without the search for work.
func ghostSwitch(gp *g) {
	casgstatus(gp, _Grunning, _Grunnable)
	dropg()
	ghostInsert(gp)
	mp := getg().m
	pp := mp.p.ptr()
	next := ghost.next.ptr()
	if ghost.stop == 0 && next.lockedm == 0 && mp.lockedg == 0 && !sched.gcwaiting.Load() &&
		gcBlackenEnabled == 0 && runqempty(pp) && sched.runq.empty() {
		ghost.next = 0
		ghostRemove(next)
		execute(next, false)
	}
	schedule()
}

// ghostBreathe looks up from the run list every 1,024 points: has the
// execution run too long, does the network have something, do timers starve
// behind a loop that polls. gp goes on afterwards without a decision, or who is
// next while coasting.
func ghostBreathe(gp *g) {
	if ghost.choices >= ghost.maxSteps {
		if ghost.cases {
			ghost.stop = ghostSteps // all schedules, or a limit
		}
		ghost.coast = true
	}
	if ghostLate() {
		ghost.stop = ghostTime
	} else {
		ghostUnstarve()
	}
	ghostSpinBreathe()
	next := gp
	if ghost.coast && ghost.nrun > 0 {
		next = ghostCoast(gp)
	}
	if next == gp && ghost.stop == 0 && !netpollAnyWaiters() && !sched.gcwaiting.Load() && sched.runq.empty() && !ghostDue() {
		gogo(&gp.sched)
	}
	casgstatus(gp, _Grunning, _Grunnable)
	dropg()
	ghostInsert(gp)
	ghost.next.set(next)
	schedule()
}

// ghostForce makes gp, which the runtime takes off the P for reasons of its
// own (to stop the world), the one to go on afterwards, without a decision.
func ghostForce(gp *g) {
	if ghostLate() {
		ghost.stop = ghostTime
	}
	if gp.ghost.world == ghost.world && ghost.next == 0 {
		ghost.next.set(gp)
	}
}

// ghostYield is runtime.Gosched: a point of its own kind. It reports false if
// the scheduler shall do what it always did.
//
//go:nosplit
func ghostYield() bool {
	gp := getg()
	if gp.ghost.world == ghostAside {
		return true // nobody else may run
	}
	if gp != gp.m.curg || gp.ghost.world != ghost.world || gp.ghost.quiet != 0 {
		return false
	}
	ghostPoint(gkYield, 0, 0, sys.GetCallerPC(), 0)
	return true
}

// ghostQuiet brackets work of the runtime on behalf of the program whose
// steps are not the program's.
func ghostQuiet(d int32) { getg().ghost.quiet += d }

// ghostPick is called by findRunnable, on g0, when the scheduler's own queues
// are empty. again asks it to look at them once more.
func ghostPick() (gp *g, again bool) {
	if ghost.stop != 0 {
		ghostFinish(ghost.stop)
		return nil, true
	}
	if ghostDue() {
		ghostFire()
	}
	if netpollinited() && netpollAnyWaiters() && ghost.shared.steps-ghost.polled > 512 {
		ghost.polled = ghost.shared.steps
		if ghostPoll(0) {
			return nil, true
		}
	}
	gp = ghost.next.ptr()
	ghost.next = 0
	if gp == nil {
		switch ghost.nrun {
		case 0:
			return nil, ghostIdle()
		case 1:
			gp = ghost.all[ghost.run[0]].ptr()
		default:
			gp = ghostDecide(nil, 0)
		}
	}
	ghost.idleSince = 0
	ghostRemove(gp)
	gp.ghost.picked = true
	return gp, false
}

// ghostFinish ends the execution and wakes who waits for that. What still
// could run never does.
func ghostFinish(reason int32) {
	ghostActive = false
	ghost.stop = reason
	ghost.shared.state = 0
	ready(ghost.driver.ptr(), 0, true)
}

// ghostCrash notes that the process dies inside an execution. The decisions
// are in the shared file already.
//
//go:nosplit
func ghostCrash() {
	if ghostActive {
		ghostActive = false
		ghost.shared.state = 2
	}
}

// ghostExit is called by os.Exit. A status other than 0 is told as a crash is,
// with the stack of who asked for it.
func ghostExit(status int) {
	gp := getg()
	if status == 0 || gp.ghost.world != ghost.world {
		return
	}
	ghostCrash()
	pc, sp := sys.GetCallerPC(), sys.GetCallerSP()
	systemstack(func() {
		print("fatal error: the program exits with status ", status, "\n\n")
		goroutineheader(gp)
		traceback(pc, sp, 0, gp)
	})
}

// ghostEnter and ghostLeave bracket an operation of package sync: one step,
// whatever atomics it is made of.
//
//go:linkname ghostEnter sync.ghostEnter
func ghostEnter(kind uint8, p unsafe.Pointer) {
	if !ghostActive {
		return
	}
	gp := getg()
	if gp.ghost.world != ghost.world {
		return
	}
	if gp.ghost.op == 0 {
		gp.ghost.obj = uintptr(p)
		ghostPoint(kind, uintptr(p), 0, sys.GetCallerPC(), 0)
	}
	gp.ghost.op++
}

//go:linkname ghostLeave sync.ghostLeave
func ghostLeave() {
	gp := getg()
	if gp.ghost.op > 0 && gp.ghost.world == ghost.world {
		gp.ghost.op--
	}
}

// ghostHoldsP reports whether sysmon shall leave pp with the thread that is in
// a system call: short calls must not hand the turn to whoever is ready.
func ghostHoldsP(pp *p, now int64) bool {
	pd := &pp.sysmontick
	if t := pp.syscalltick; pd.syscalltick != t {
		pd.syscalltick = t
		pd.syscallwhen = now
		return true
	}
	return now-pd.syscallwhen < 20*1000*1000
}

// ghostLate reports whether the execution's time is over: real time, but for
// what other processes took.
//
//go:nosplit
func ghostLate() bool {
	return nanotime() > ghost.deadline+int64(ghost.shared.stolen-ghost.stolen)
}

// ghostNoPreempt reports whether sysmon's wish to preempt is ignored. It is
// heard when the world has to stop and when the execution's time is over.
func ghostNoPreempt() bool { return !sched.gcwaiting.Load() && !ghostLate() }

// ghostStd reports whether pc is in the standard library, whose plain memory
// accesses are logged but are no scheduling points: the interleavings that
// matter to a program are those of its own lines. The answer is cached by pc.
//
//go:nosplit
func ghostStd(pc uintptr) bool {
	e := &ghostStdCache[pc>>1&(uintptr(len(ghostStdCache))-1)]
	if *e>>1 != pc {
		systemstack(func() {
			*e = pc << 1
			if ghostInGoroot(pc) {
				*e |= 1
			}
		})
	}
	return *e&1 != 0
}

var ghostStdCache [1 << 13]uintptr

func ghostInGoroot(pc uintptr) bool {
	self := findfunc(sys.GetCallerPC())
	file, _ := funcline1(self, self.entry(), false)
	const tail = "runtime/ghostread.go"
	if len(file) < len(tail) {
		return false
	}
	root := file[:len(file)-len(tail)]
	f := findfunc(pc - 1)
	if !f.valid() || len(root) == 0 {
		return false
	}
	at, _ := funcline1(f, pc-1, false)
	return len(at) > len(root) && at[:len(root)] == root
}

// ghostProcs is runtime.GOMAXPROCS for a program that must go on with one P:
// it remembers what it is told and changes nothing.
func ghostProcs(n int) int {
	old := ghost.procs
	if n > 0 {
		ghost.procs = n
	}
	return old
}

// ghostCount is runtime.NumGoroutine: those of the world, and the one that
// starts tests.
func ghostCount() int {
	n := 1
	for id := int32(1); id <= ghost.nextid; id++ {
		if ghost.all[id] != 0 {
			n++
		}
	}
	return n
}
