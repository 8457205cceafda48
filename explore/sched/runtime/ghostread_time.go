//go:build ghostread_guest

package runtime

import "unsafe"

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
		loose bool   // a timer fired though goroutines could run
	}
)

const (
	ghostAskTime   = 50                // ns that a look at the clock takes
	ghostGraceIO   = 2 * 1000 * 1000   // ns that real IO gets before virtual time passes it by
	ghostGraceCall = 200 * 1000 * 1000 // ns, likewise, a system call
	ghostStarve    = 30_000            // points without a clock tick after which timers fire anyway
	ghostDrain     = 64                // timers that may fire after the test returned
)

// ghostTimed reports whether the current goroutine lives by the world's clock.
//
//go:nosplit
func ghostTimed() bool {
	gp := getg()
	return ghostActive && !ghostBubbled(gp) && (gp.ghost.world == ghost.world || ghostFiring != 0)
}

// ghostNow is the world's monotonic time. To ask takes a little of it, as it
// always does; a goroutine that does nothing but ask, with nobody else to run,
// moves it further.
func ghostNow() int64 {
	ghostClock.now += ghostAskTime
	ghostClock.asked++
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
	ghostRunTimers(ghostClock.now)
}

// ghostTimerFire and ghostTimerDone bracket a timer's function, in
// timer.unlockAndRun. Timers of goroutines outside the world do not concern us.
func ghostTimerFire(t *timer) {
	if !ghostActive || !t.isGhost && !t.isFake {
		return
	}
	ghostFiring++
	ghostLog(gkTimerFire, 0, uintptr(unsafe.Pointer(t)), 0, 0, uintptr(ghostClock.now-ghostClock.start))
}

func ghostTimerDone(t *timer) {
	if ghostFiring == 0 || !t.isGhost && !t.isFake {
		return
	}
	ghostFiring--
	ghostLog(gkTimerDone, 0, uintptr(unsafe.Pointer(t)), 0, 0, 0)
}

// ghostUnstarve lets time pass for a program that polls: after ghostStarve
// points without a tick the next timer fires although goroutines could run. A
// channel's timer that nobody blocks on is in no heap; for it the clock moves
// a little at each call. Such an execution is marked loose: what it finds may
// depend on it.
func ghostUnstarve() {
	if ghost.shared.steps-ghostClock.moved <= ghostStarve {
		return
	}
	ghostClock.loose = true
	if w := ghostTimers.wakeTime(); w > ghostClock.now {
		ghostClock.now = w
		ghostClock.moved = ghost.shared.steps
	} else {
		ghostClock.now += 1000 * 1000
	}
}

// ghostIdle is called when no goroutine of the world can run: wait for the
// outside, or let time pass, or end the execution.
func ghostIdle() (again bool) {
	if ghost.idles++; ghost.idles&63 == 0 && nanotime() > ghost.deadline {
		ghost.stop = ghostTime
		return true
	}
	io, call := ghostOutside()
	when := ghostTimers.wakeTime()
	if io || call {
		ghost.external = true
		now := nanotime()
		if ghost.idleSince == 0 {
			ghost.idleSince = now
		}
		grace := ghost.deadline - ghost.idleSince
		if when != 0 || ghost.rootDone {
			grace = ghostGraceIO
			if call && !ghost.rootDone {
				grace = ghostGraceCall
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
			if nanotime() > ghost.deadline {
				ghost.stop = ghostTime
			}
			return true
		}
		if when == 0 && !ghost.rootDone {
			ghost.stop = ghostTime
			return true
		}
	}
	if ghost.rootDone {
		ghostClock.fires++
	}
	if when != 0 && ghostClock.fires <= ghostDrain {
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
			call = true
			continue
		}
		switch gp.waitreason {
		case waitReasonIOWait:
			io = true
		case waitReasonSemacquire, waitReasonSleep, waitReasonChanReceiveNilChan, waitReasonChanSendNilChan,
			waitReasonSelectNoCases, waitReasonSelect, waitReasonChanReceive, waitReasonChanSend,
			waitReasonSyncCondWait, waitReasonSyncMutexLock, waitReasonSyncRWMutexRLock, waitReasonSyncRWMutexLock,
			waitReasonSyncWaitGroupWait, waitReasonCoroutine, waitReasonSynctestRun, waitReasonSynctestWait,
			waitReasonSynctestChanReceive, waitReasonSynctestChanSend, waitReasonSynctestSelect,
			waitReasonSynctestWaitGroupWait:
		default:
			call = true
		}
	}
	return
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
		return ghostNow()
	}
	return nanotime()
}

// ghostTimerNow is the clock that t goes by.
func ghostTimerNow(t *timer) int64 {
	if t.isGhost {
		return ghostClock.now
	}
	return nanotime()
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
	if ghostActive && ghost.cases {
		ghostPoint(gkTimerSet, uintptr(unsafe.Pointer(t)), 0, pc, 0)
	}
}
