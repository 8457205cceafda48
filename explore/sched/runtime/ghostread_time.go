//go:build ghostread_guest

package runtime

import (
	"internal/runtime/atomic"
	"unsafe"
)

// Virtual time: a world's clock stands still while any of its goroutines can
// run, and jumps to the next timer when none can. Timers that package time
// makes for a goroutine of the world carry isGhost and live in ghostTimers
// instead of a P. Goroutines inside a testing/synctest bubble keep the
// bubble's clock.

var (
	ghostTimers timers
	ghostFiring int32 // depth of timer functions of the world being run

	ghostClock struct {
		now   int64 // monotonic, as nanotime
		start int64 // now at the start
		wall  int64 // wall clock at the start, ns since 1970
		asked uint64
		moved uint64 // steps when the clock last moved
		fires int32  // after the test returned
		root  int64  // when the test's own goroutine could go on last
		ticks int32  // how often the clock moved since
		// pushed: time passed though goroutines could run, because nobody let it
		// pass. loose: the program noticed, before it failed, by a timer or a
		// look at the clock.
		pushed, loose bool

		// See ghostread_early.go.
		early   uint8  // how the timers fire that fire now
		overdue bool   // time went on, and who waits for it has not been woken yet
		offers  uint32 // opportunities since the last decision
		asks    uint32 // see ghostOffers
		fired   int32
	}
)

const (
	ghostAskTime     = 50                // ns that a look at the clock takes
	ghostGraceIO     = 2 * 1000 * 1000   // ns that real IO gets before virtual time passes it by
	ghostGraceCall   = 200 * 1000 * 1000 // ns, likewise, a system call
	ghostGraceSignal = 10 * 1000 * 1000  // ns, likewise, a signal that may be on its way
	ghostStarve      = 30_000            // points without a clock tick after which timers fire anyway
	ghostDoubles     = 50_000            // points after which a starved program's time passes twice as fast
	ghostDrain       = 64                // timers that may fire after the test returned
	ghostPatience    = 600 * 1e9         // ns after which go test ends a test, if -timeout is not given
	ghostTicks       = 64                // ticks without which a test has only waited long
)

// ghostTimed reports whether the current goroutine lives by the world's clock.
//
//go:nosplit
func ghostTimed() bool {
	gp := getg()
	return ghostActive && !ghostBubbled(gp) && (gp.ghost.world == ghost.world || ghostFiring != 0 || gp.ghost.world == ghostAside)
}

// ghostNow is the world's monotonic time. To ask takes a little of it, as it
// always does; a goroutine that does nothing but ask, with nobody else to run,
// moves it further.
func ghostNow() int64 {
	if getg().ghost.world == ghostAside {
		return ghostClock.now
	}
	ghostClock.now += ghostAskTime
	ghostSpin.dirty = true
	ghostClock.asked++
	ghostNotice()
	if ghostClock.asked&1023 == 0 && ghost.nrun == 0 && ghostFiring == 0 {
		ghostClock.now += 1000 * 1000
	}
	return ghostClock.now
}

func ghostWall() (sec int64, nsec int32, mono int64) {
	mono = ghostNow()
	w := ghostClock.wall + mono - ghostClock.start
	return w / 1e9, int32(w % 1e9), mono
}

// ghostDue reports whether a timer's time has come.
func ghostDue() bool {
	w := ghostTimers.wakeTime()
	return w != 0 && w <= ghostClock.now
}

// ghostFire moves the clock to the next timer, if there is one, and runs what
// is due. It runs on g0.
func ghostFire() {
	w := ghostTimers.wakeTime()
	if w == 0 {
		return
	}
	if w > ghostClock.now {
		ghostClock.now = w
	}
	ghostClock.moved = ghost.shared.steps
	if ghost.nrun > 0 || ghost.next != 0 {
		ghostNotice()
	}
	ghostRunTimers(ghostClock.now)
}

// ghostTimerFire and ghostTimerDone bracket a timer's function, in
// timer.unlockAndRun. Timers of goroutines outside the world do not concern us.
func ghostTimerFire(t *timer) {
	if !ghostActive || !t.isGhost && !t.isFake {
		return
	}
	ghostFiring++
	n := ghost.shared.events
	ghostLog(gkTimerFire, 0, uintptr(unsafe.Pointer(t)), 0, 0, uintptr(ghostClock.now-ghostClock.start))
	if ghostClock.early != ghostStrict && ghost.shared.events > n {
		(*ghostEvent)(unsafe.Pointer(uintptr(ghostLogTo.ev) + uintptr(n)*unsafe.Sizeof(ghostEvent{}))).flags |= ghostEarly
	}
	if ghostClock.early == ghostEarlyLook {
		ghostClock.early = ghostStrict
	}
}

func ghostTimerDone(t *timer) {
	if ghostFiring == 0 || !t.isGhost && !t.isFake {
		return
	}
	ghostFiring--
	ghostLog(gkTimerDone, 0, uintptr(unsafe.Pointer(t)), 0, 0, 0)
}

// ghostUnstarve, called every 1,024 points, lets time pass for a program that
// polls: after ghostStarve points without a tick, a millisecond at each call,
// and while a timer is pending twice as much after each further ghostDoubles
// points. So a loop that waits for a timer comes to its end, and one that computes does not run into
// a timeout of seconds. An execution that notices is marked loose: that it
// fails may be our doing.
func ghostUnstarve() {
	n := ghost.shared.steps - ghostClock.moved
	if n <= ghostStarve {
		return
	}
	ghostClock.pushed = true
	d := int64(1000 * 1000)
	if ghostTimers.wakeTime() != 0 {
		d <<= min((n-ghostStarve)/ghostDoubles, 16)
	}
	ghostClock.now += d
}

// ghostNotice marks the execution if its clock was pushed.
func ghostNotice() {
	if ghostClock.pushed && !ghost.failing {
		ghostClock.loose = true
	}
}

// ghostIdle is called when no goroutine of the world can run: wait for the
// outside, or let time pass, or end the execution.
func ghostIdle() (again bool) {
	if ghost.idles++; ghost.idles&63 == 0 && ghostLate() {
		ghost.stop = ghostTime
		return true
	}
	io, call := ghostOutside()
	if ghostSignalled() {
		ghost.external = true
		ghost.outside |= ghostOutsideSignal
		usleep(20)
		if ghostLate() {
			ghost.stop = ghostTime
		}
		return true
	}
	when := ghostTimers.wakeTime()
	signals := ghostAwaitsSignals() && !ghost.rootDone
	if io || call || signals {
		ghost.external = ghost.external || io || call
		now := nanotime()
		if ghost.idleSince == 0 {
			ghost.idleSince = now
		}
		grace := ghost.deadline - ghost.idleSince
		if !io && !call {
			grace = 5 * ghostGraceSignal // then it is a deadlock
		}
		if when != 0 || ghost.rootDone {
			grace = ghostGraceIO
			if !ghost.rootDone && ghost.outside&ghostOutsideChild != 0 {
				grace = when - ghostClock.now
			} else if call && !ghost.rootDone {
				grace = ghostGraceCall
			} else if signals {
				grace = ghostGraceSignal
			}
			if when != 0 && when-ghostClock.now < grace {
				grace = when - ghostClock.now
			}
		}
		if waited := now - ghost.idleSince; waited < grace {
			switch {
			case waited < 50*1000:
				ghostPoll(0)
				osyield()
			case netpollinited():
				ghostPoll(1000 * 1000)
			default:
				usleep(200)
			}
			if ghostLate() {
				ghost.stop = ghostTime
			}
			return true
		}
		if when == 0 && !ghost.rootDone && (io || call) {
			ghost.stop = ghostTime
			return true
		}
	}
	if ghost.rootDone {
		ghostClock.fires++
	}
	if when != 0 && ghostClock.fires <= ghostDrain && !ghostForgotten() {
		ghostClock.ticks++
		ghostFire()
		return true
	}
	if ghost.rootDone {
		ghostFinish(ghostDone)
	} else {
		ghostFinish(ghostDeadlock)
	}
	return true
}

// ghostForgotten reports whether the test's own goroutine has been waiting, and
// not for the clock, for as long as go test lets a test run, while tickers went
// on: a deadlock of the others, which the tickers hide. It is asked when no
// goroutine can run.
func ghostForgotten() bool {
	root := ghost.all[1].ptr()
	return root != nil && root.waitreason != waitReasonSleep && ghostClock.ticks >= ghostTicks && ghostClock.now-ghostClock.root >= ghostPatience &&
		!ghostClock.pushed && ghostClock.fired == 0 && !ghost.external
}

// ghostPoll asks the network poller, waiting up to delay ns, and reports
// whether it had anything.
func ghostPoll(delay int64) bool {
	if !netpollinited() {
		return false
	}
	list, delta := netpoll(delay)
	if list.empty() {
		return false
	}
	injectglist(&list)
	netpollAdjustWaiters(delta)
	return true
}

// ghostOutside reports whether goroutines of the world wait for something
// that is not another goroutine: the network poller, or a system call (or cgo
// call, or work of the runtime).
func ghostOutside() (io, call bool) {
	for id := int32(1); id <= ghost.nextid; id++ {
		gp := ghost.all[id].ptr()
		if gp == nil {
			continue
		}
		if readgstatus(gp)&^_Gscan != _Gwaiting {
			if gp != ghostSignals.ptr() {
				call = true
				if ghost.outside&ghostOutsideChild == 0 {
					ghost.outside |= ghostOutsideCall
				}
			}
			continue
		}
		switch gp.waitreason {
		case waitReasonIOWait:
			io = true
			ghost.outside |= ghostOutsideNet
		case waitReasonSemacquire, waitReasonSleep, waitReasonChanReceiveNilChan, waitReasonChanSendNilChan,
			waitReasonSelectNoCases, waitReasonSelect, waitReasonChanReceive, waitReasonChanSend,
			waitReasonSyncCondWait, waitReasonSyncMutexLock, waitReasonSyncRWMutexRLock, waitReasonSyncRWMutexLock,
			waitReasonSyncWaitGroupWait, waitReasonCoroutine, waitReasonSynctestRun, waitReasonSynctestWait,
			waitReasonSynctestChanReceive, waitReasonSynctestChanSend, waitReasonSynctestSelect,
			waitReasonSynctestWaitGroupWait, waitReasonFinalizerWait, waitReasonCleanupWait:
		default:
			call = true // work of the runtime
		}
	}
	return
}

// What an execution can touch that is not controlled. The bits are those of
// package wire; TestReasons in explore/sched compares them.
const (
	ghostOutsideNet = 1 << iota // the network poller: sockets, pipes
	ghostOutsideCall
	ghostOutsideChild
	ghostOutsideC
	ghostOutsideCollector
	ghostOutsideSignal
)

// ghostSignals is the goroutine that hands signals to the program.
var ghostSignals guintptr

// ghostAwaitsSignals reports whether the program has asked to be told of
// signals.
func ghostAwaitsSignals() bool {
	for _, w := range sig.wanted {
		if w != 0 && ghostSignals != 0 {
			return true
		}
	}
	return false
}

// ghostPollTimers lets the deadlines of a connection go by the clock of who
// sets them, unless one is set already.
func ghostPollTimers(pd *pollDesc) {
	for _, t := range [...]*timer{&pd.rt, &pd.wt} {
		if t.ts == nil {
			t.isGhost = ghostTimed()
		}
	}
}

// ghostSignalled reports whether a signal has come in that this goroutine has
// not taken yet.
func ghostSignalled() bool {
	for i := range sig.mask {
		if atomic.Load(&sig.mask[i]) != 0 {
			return true
		}
	}
	return false
}

// ghostDropTimers forgets the timers of a world that has ended; its
// goroutines, if any are left, must find them inactive.
func ghostDropTimers() {
	ts := &ghostTimers
	ts.lock()
	for i, tw := range ts.heap {
		t := tw.timer
		t.lock()
		t.state = 0
		t.ts = nil
		t.when = 0
		t.unlock()
		ts.heap[i] = timerWhen{}
	}
	ts.heap = ts.heap[:0]
	ts.zombies.Store(0)
	ts.minWhenHeap.Store(0)
	ts.minWhenModified.Store(0)
	ts.unlock()
	ghostFiring = 0
}

// ghostNanotime is nanotime for sleeping and for the fairness of mutexes.
func ghostNanotime() int64 {
	if ghostTimed() {
		dirty := ghostSpin.dirty
		now := ghostNow()
		ghostSpin.dirty = dirty // a mutex minds only how long one wait takes
		return now
	}
	return nanotime()
}

// ghostTimerNow is the clock that t goes by.
func ghostTimerNow(t *timer) int64 {
	if !t.isGhost {
		return nanotime()
	}
	if ghost.early && t.when > ghostClock.now && ghostMine() {
		systemstack(func() { ghostOfferLook(t) })
	}
	return ghostClock.now
}

// ghostTimersFor returns the heap that t belongs in, local being the P's.
func ghostTimersFor(t *timer, local *timers) *timers {
	if t.isGhost {
		return &ghostTimers
	}
	return local
}

// ghostTimerRand orders timers of the same instant.
func ghostTimerRand() uint32 {
	if ghostActive {
		return uint32(ghostRand() >> 32)
	}
	return cheaprand()
}

// ghostSeed replaces the random seed of the process: the hash seeds of maps
// that init functions make must not differ from one process to the next.
func ghostSeed(seed *[32]byte) {
	for i := range seed {
		seed[i] = byte(i)*37 + 11
	}
}

// ghostTimerSet is called when the program stops or resets a timer. That is a
// scheduling point only where all schedules are explored.
func ghostTimerSet(t *timeTimer, pc uintptr) {
	switch {
	case ghostActive && ghost.cases:
		ghostPoint(gkTimerSet, uintptr(unsafe.Pointer(t)), 0, pc, 0)
	case ghostActive:
		ghostTimerMade(&t.timer, pc)
	}
}

// ghostTimerMade notes whose timer t is.
func ghostTimerMade(t *timer, pc uintptr) {
	if ghost.early && ghostMine() {
		systemstack(func() { t.isTests = ghostOwn(getg().m.curg, true) })
	}
	if ghost.capture && ghostMine() {
		ghostLog(gkTimerSet, getg().ghost.id, uintptr(unsafe.Pointer(t)), 0, pc, 0)
	}
}
