package sched

import "github.com/ghostread/ghostread/explore/overlay"

// The minor versions of Go 1 that the edits were written for, by reading each.
const (
	oldest = 24
	latest = 27
)

// edits are the places where a release calls what Patch adds. Each says why it
// is there, for whoever ports it; one without When is the same in all releases.
func edits() []overlay.Edit {
	return concat(schedulerEdits, timeEdits, operationEdits, lifeEdits, syncEdits(), testingEdits, noraceEdits())
}

func concat(lists ...[]overlay.Edit) (all []overlay.Edit) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

const (
	before  = overlay.InsertBefore
	after   = overlay.InsertAfter
	replace = overlay.Replace
	atStart = overlay.AtStart
	atEnd   = overlay.AtEnd
	imports = overlay.Import
)

var schedulerEdits = []overlay.Edit{
	{File: "runtime/runtime2.go", In: "g", Op: atEnd, Text: "ghost ghostG\n",
		Why: "what a goroutine carries for us"},
	{File: "runtime/proc.go", In: "runqput", Op: atStart, Text: "if ghostActive && ghostEnqueue(gp) { return }",
		Why: "runnable goroutines of the world go to the run list"},
	{File: "runtime/proc.go", In: "globrunqput", Op: atStart, Text: "if ghostActive && ghostEnqueue(gp) { return }",
		Why: "likewise"},
	{File: "runtime/proc.go", In: "findRunnable", Op: before, Anchor: "// Poll network.\n\t// This netpoll is only an optimization",
		Text: "if ghostActive { if gp, again := ghostPick(); gp != nil { return gp, false, false } else if again { goto top } }; ",
		Why:  "after the scheduler's own queues, which hold goroutines of the runtime only, the world has its turn"},
	{File: "runtime/proc.go", In: "schedule", Op: after, Anchor: "tryWakeP := findRunnable()",
		Text: "; if ghostActive && ghostClaim(gp) { goto top }",
		Why:  "goroutines that arrive in batches (netpoll, end of a system call) pass by runqput"},
	{File: "runtime/proc.go", In: "goschedImpl", Op: atStart, Text: "if ghostActive { ghostForce(gp) }",
		Why: "stopping the world is not a decision: the same goroutine goes on"},
	{File: "runtime/proc.go", In: "Gosched", Op: atStart, Text: "if ghostActive && ghostYield() { return }",
		Why: "a scheduling point of its own kind"},
	{File: "runtime/proc.go", In: "preemptone", Op: atStart, Text: "if ghostActive && ghostNoPreempt() { return false }",
		Why: "turns pass at points only"},
	{File: "runtime/proc.go", In: "handoffp", Op: atStart, Text: "if ghostActive { startm(pp, false, false); return }",
		Why: "the world's run list is work that handoffp does not know of"},
	{File: "runtime/proc.go", In: "retake", Op: before, Anchor: "// Retake the P if it's there for more than 1 sysmon tick",
		Text: "if ghostActive && ghostHoldsP(pp, now) { thread.resume(); goto done }; ",
		Why:  "a short system call does not pass the turn", When: overlay.Minor(26, latest)},
	{File: "runtime/proc.go", In: "retake", Op: before, Anchor: "// Retake P from syscall if it's there for more than 1 sysmon tick",
		Text: "if ghostActive && ghostHoldsP(pp, now) { continue }; ",
		Why:  "likewise", When: overlay.Minor(oldest, 25)},
	{File: "runtime/proc.go", In: "checkdead", Op: atStart, Text: "if ghost.world != 0 { return }",
		Why: "goroutines of an execution that was cut short stay runnable for ever; deadlock is ours to say"},
	{File: "runtime/proc.go", In: "park_m", Op: after, Anchor: "casgstatus(gp, _Grunning, _Gwaiting)", Text: "; if ghostActive { ghostBlock(gp) }",
		Why: "the timeline shows who waits"},
	{File: "runtime/proc.go", In: "ready", Op: after, Anchor: "casgstatus(gp, _Gwaiting, _Grunnable)", Text: "; if ghostActive { ghostWake(gp) }",
		Why: "and who wakes"},
	{File: "runtime/proc.go", In: "casgstatus", Op: replace, Anchor: "gp.trackingSeq%gTrackingPeriod == 0", Text: "!ghostActive && gp.trackingSeq%gTrackingPeriod == 0",
		Why: "a metric that asks for the real time at every eighth switch"},
	{File: "runtime/debug.go", In: "GOMAXPROCS", Op: atStart, Text: "if ghostActive { return ghostProcs(n) }",
		Why: "the world lives on one P whatever the test asks for"},
	{File: "runtime/debug.go", In: "NumGoroutine", Op: atStart, Text: "if ghostMine() { ghostPoint(gkCount, 0, 0, sys.GetCallerPC(), 0); return ghostCount() }",
		Why: "what earlier executions left behind does not count"},
	{File: "runtime/debug.go", Op: imports, Text: "internal/runtime/sys", Why: "for the edit above"},
	{File: "runtime/mprof.go", In: "Stack", Op: atStart, Text: "if all && ghostMine() { ghostPoint(gkCount, 0, 0, sys.GetCallerPC(), 0) }",
		Why: "it shows how far all goroutines have come"},
	{File: "runtime/mprof.go", Op: imports, Text: "internal/runtime/sys", Why: "for the edit above"},
}

var lifeEdits = []overlay.Edit{
	{File: "runtime/stack.go", In: "copystack", Op: after, Anchor: "new := stackalloc(uint32(newsize))", Text: "; if ghostActive { ghostClear(new.lo, new.hi) }",
		Why: "what another goroutine left on a stack looks like references"},
	{File: "runtime/proc.go", In: "newproc1", Op: after, Anchor: "newg.bubble = callergp.bubble", Text: "; ghostNewG(newg, callergp)",
		Why: "children belong to their parent's world", When: overlay.Minor(25, latest)},
	{File: "runtime/proc.go", In: "newproc1", Op: after, Anchor: "newg.syncGroup = callergp.syncGroup", Text: "; ghostNewG(newg, callergp)",
		Why: "likewise", When: overlay.Minor(oldest, 24)},
	{File: "runtime/proc.go", In: "gdestroy", Op: atStart, Text: "ghostExitG(gp)",
		Why: "the end of the first goroutine is the end of the test"},
	{File: "runtime/panic.go", In: "fatalpanic", Op: atStart, Text: "ghostCrash()",
		Why: "the parent process must know that the decisions so far lead to a crash"},
	{File: "runtime/panic.go", In: "fatalthrow", Op: atStart, Text: "ghostCrash()", Why: "likewise"},
	{File: "runtime/proc.go", In: "os_beforeExit", Op: atStart, Text: "if ghostActive { ghostExit(exitCode) }",
		Why: "so must it know where a test ends the process"},
	{File: "runtime/proc.go", In: "syscall_runtime_AfterFork", Op: atStart, Text: "ghost.outside |= ghostOutsideChild",
		Why: "while children run, time is real"},
	{File: "runtime/cgocall.go", In: "cgocall", Op: atStart, Text: "if ghostActive && ghostMine() { ghost.outside |= ghostOutsideC }",
		Why: "what C does is not controlled"},
	{File: "runtime/sigqueue.go", In: "signal_recv", Op: atStart, Text: "ghostSignals.set(getg())",
		Why: "whoever waits for a signal is in no system call that ends by itself"},
	{File: "runtime/traceback.go", In: "tracebacksomeothers", Op: replace, Anchor: "isSystemGoroutine(gp, false) && level < 2", Text: "(ghostHidden(gp) || isSystemGoroutine(gp, false)) && level < 2",
		Why: "tests that look for leaked goroutines", When: overlay.Minor(25, latest)},
	{File: "runtime/traceback.go", In: "tracebackothers", Op: replace, Anchor: "isSystemGoroutine(gp, false) && level < 2", Text: "(ghostHidden(gp) || isSystemGoroutine(gp, false)) && level < 2",
		Why: "likewise", When: overlay.Minor(oldest, 24)},
	{File: "runtime/rand.go", In: "rand", Op: atStart, Text: "if ghostMine() || ghostActive && getg().ghost.world == ghostAside { return ghostRand() }",
		Why: "map iteration, math/rand and hash seeds repeat with the seed"},
	{File: "runtime/rand.go", In: "randinit", Op: before, Anchor: "globalRand.state.Init(*seed)", Text: "ghostSeed(seed); ",
		Why: "so does what init functions see"},
	{File: "runtime/mgc.go", In: "GC", Op: atStart, Text: "if ghostMine() { ghostPoint(gkGC, 0, 0, sys.GetCallerPC(), 0); ghostQuiet(1); defer ghostQuiet(-1) }",
		Why: "one step; the Gosched calls inside are not the program's"},
	{File: "runtime/mgc.go", Op: imports, Text: "internal/runtime/sys", Why: "for the edit above"},
	{File: "runtime/malloc.go", In: "mallocgc", Op: after, Anchor: "racemalloc(x, size-asanRZ)", Text: "; if ghostActive { ghostAlloc(x, size, typ) }",
		Why: "names the type behind an address, and ends what was known about an address that is used again"},
	{File: "reflect/makefunc.go", Op: replace, Anchor: "//\n//go:nosplit\nfunc moveMakeFuncArgPtrs(", Text: "//go:norace\n//go:nosplit\nfunc moveMakeFuncArgPtrs(",
		Why: "its caller's frame is large: with ours below, the linker finds too little stack left", When: overlay.Arch("arm64")},
	{File: "runtime/race/race.go", Op: replace, Anchor: `import "C"`, Text: "",
		Why: "no C detector, no C compiler"},
}

var timeEdits = []overlay.Edit{
	{File: "runtime/time.go", In: "timer", Op: atEnd, Text: "isGhost, isTests bool\n",
		Why: "a timer of the world's clock"},
	{File: "runtime/time.go", In: "time_runtimeNow", Op: atStart, Text: "if ghostTimed() { return ghostWall() }",
		Why: "virtual time"},
	{File: "runtime/time.go", In: "time_runtimeNano", Op: atStart, Text: "if ghostTimed() { return ghostNow() }",
		Why: "virtual time"},
	{File: "runtime/time.go", In: "timeSleep", Op: atStart, Text: "if ghostActive { ghostPoint(gkSleep, 0, 0, sys.GetCallerPC(), uintptr(ns)) }",
		Why: "a scheduling point, also for a sleep of zero"},
	{File: "runtime/time.go", In: "timeSleep", Op: before, Anchor: "var now int64", Text: "t.isGhost = ghostTimed(); ghostTimerMade(t, sys.GetCallerPC()); ",
		Why: "the timer is kept by the goroutine, whose world may have changed"},
	{File: "runtime/time.go", In: "timeSleep", Op: replace, Anchor: "now = nanotime()", Text: "now = ghostNanotime()",
		Why: "virtual time"},
	{File: "runtime/time.go", In: "timeSleep", Op: replace, Anchor: "if t.isFake {", Text: "if t.isFake || t.isGhost {",
		Why: "no time passes before the goroutine has parked"},
	{File: "runtime/time.go", In: "stopTimer", Op: atStart, Text: "ghostTimerSet(t, sys.GetCallerPC())", Why: "steps that set one timer do not commute"},
	{File: "runtime/time.go", In: "resetTimer", Op: atStart, Text: "ghostTimerSet(t, sys.GetCallerPC())", Why: "likewise"},
	{File: "runtime/time.go", In: "newTimer", Op: before, Anchor: "t.modify(when, period, f, arg, 0)", Text: "t.isGhost = ghostTimed(); ghostTimerMade(&t.timer, sys.GetCallerPC()); ",
		Why: "virtual time"},
	{File: "runtime/time.go", In: "timer.maybeAdd", Op: replace, Anchor: "ts = &mp.p.ptr().timers", Text: "ts = ghostTimersFor(t, &mp.p.ptr().timers)",
		Why: "the world has a heap of its own"},
	{File: "runtime/time.go", In: "timer.maybeAdd", Op: replace, Anchor: "if t.isFake {\n\t\t\t// Re-randomize", Text: "if t.isFake || t.isGhost {\n\t\t\t// Re-randomize",
		Why: "timers of the same instant fire in an order that the seed decides", When: overlay.Minor(25, latest)},
	{File: "runtime/time.go", In: "timer.maybeAdd", Op: replace, Anchor: "t.rand = cheaprand()", Text: "t.rand = ghostTimerRand()",
		Why: "likewise", When: overlay.Minor(25, latest)},
	{File: "runtime/time.go", In: "timer.maybeRunChan", Op: replace, Anchor: "now := nanotime()", Text: "now := ghostTimerNow(t)",
		Why: "virtual time"},
	{File: "runtime/time.go", In: "timer.maybeRunAsync", Op: replace, Anchor: "now := nanotime()", Text: "now := ghostTimerNow(t)",
		Why: "virtual time, with asynctimerchan=1", When: overlay.Minor(oldest, 26)},
	{File: "runtime/time.go", In: "timer.unlockAndRun", Op: atStart, Text: "ghostTimerFire(t)",
		Why: "the order from a timer's start to its function, and the world of what that starts"},
	{File: "runtime/time.go", In: "timer.unlockAndRun", Op: atEnd, Text: "ghostTimerDone(t)\n", Why: "likewise"},
	{File: "runtime/netpoll.go", In: "poll_runtime_pollSetDeadline", Op: atStart, Text: "ghostPollTimers(pd)",
		Why: "deadlines of connections are virtual"},
	{File: "runtime/netpoll.go", In: "poll_runtime_pollSetDeadline", Op: replace, Anchor: "d += nanotime()", Text: "d += ghostNanotime()",
		Why: "likewise"},
	{File: "runtime/sema.go", In: "internal_sync_nanotime", Op: replace, Anchor: "return nanotime()", Text: "return ghostNanotime()",
		Why: "a mutex turns to starvation mode by the clock"},
}

var operationEdits = []overlay.Edit{
	{File: "runtime/chan.go", In: "chansend", Op: atStart, Text: "if ghostActive { ghostPoint(gkChanSend, uintptr(unsafe.Pointer(c)), 0, callerpc, 0) }",
		Why: "scheduling point"},
	{File: "runtime/chan.go", In: "chanrecv", Op: atStart, Text: "if ghostActive { ghostPoint(gkChanRecv, uintptr(unsafe.Pointer(c)), 0, sys.GetCallerPC(), 0) }",
		Why: "scheduling point"},
	{File: "runtime/chan.go", In: "closechan", Op: atStart, Text: "if ghostActive { ghostPoint(gkChanClose, uintptr(unsafe.Pointer(c)), 0, sys.GetCallerPC(), 0) }",
		Why: "scheduling point"},
	{File: "runtime/chan.go", In: "chanlen", Op: atStart, Text: "if ghostActive { ghostPoint(gkChanLen, uintptr(unsafe.Pointer(c)), 0, sys.GetCallerPC(), 0) }",
		Why: "scheduling point: sends and receives make a difference to it"},
	{File: "runtime/select.go", In: "selectgo", Op: atStart, Text: "if ghostActive { ghostPoint(gkSelect, 0, uintptr(nsends+nrecvs), sys.GetCallerPC(), 0) }",
		Why: "scheduling point"},
	{File: "runtime/select.go", Op: imports, Text: "internal/runtime/sys", Why: "for the edit above"},
	{File: "runtime/select.go", In: "selectgo", Op: replace, Anchor: "pollorder = pollorder[:norder]",
		Text: "pollorder = pollorder[:norder]; if ghostActive { ghostSelect(pollorder, scases, nsends) }",
		Why:  "which of several ready cases is taken can be a decision"},
	{File: "runtime/select.go", In: "selectgo", Op: replace, Anchor: "cheaprandn(uint32(norder + 1))", Text: "ghostSelectRand(uint32(norder + 1))",
		Why: "which of several ready cases is taken repeats with the seed"},
}

// syncEdits make each operation of package sync one step.
func syncEdits() (list []overlay.Edit) {
	for _, t := range []struct {
		file, typ, recv string
		ops             []string
	}{
		{"sync/mutex.go", "Mutex", "m", []string{"Lock", "TryLock", "Unlock"}},
		{"sync/rwmutex.go", "RWMutex", "rw", []string{"RLock", "TryRLock", "RUnlock", "Lock", "TryLock", "Unlock"}},
		{"sync/waitgroup.go", "WaitGroup", "wg", []string{"Add", "Wait"}},
		{"sync/cond.go", "Cond", "c", []string{"Wait", "Signal", "Broadcast"}},
	} {
		list = append(list, overlay.Edit{File: t.file, Op: imports, Text: "unsafe", Why: "for the edits of this file"})
		for _, op := range t.ops {
			kind := op
			if t.typ == "WaitGroup" || t.typ == "Cond" {
				kind = t.typ + op
			}
			e := overlay.Edit{
				File: t.file, In: t.typ + "." + op, Op: atStart,
				Text: "ghostEnter(ghost" + kind + ", unsafe.Pointer(" + t.recv + ")); defer ghostLeave()",
				Why:  "scheduling point; the atomics inside are parts of it",
			}
			if kind == "CondWait" {
				e.Text = "ghostEnter(ghostCondWait, unsafe.Pointer(c)); ghostLeave()"
				e.Why = "scheduling point; the Locker inside may be the program's own, with points of its own"
			}
			list = append(list, e)
		}
	}
	return list
}

// noraceEdits leave the memory accesses of package testing out of the log. It
// is compiled with race instrumentation all the same: the linker keeps one copy
// of a generic function that several packages have, such as what sync.Map and
// slices.Sort are made of, and without it that of testing would be one that
// reports nothing, for the program too.
func noraceEdits() (list []overlay.Edit) {
	for _, name := range []string{"allocs", "benchmark", "cover", "example", "fuzz", "match", "newcover", "run_example", "testing", "testing_other"} {
		list = append(list, overlay.Edit{File: "testing/" + name + ".go", Op: overlay.NoRace, Why: "what package testing does is not the program's"})
	}
	return list
}

var testingEdits = []overlay.Edit{
	{File: "testing/testing.go", Op: replace, Anchor: `"sync/atomic"`, Text: `"internal/ghostread/atomic"`,
		Why: "its counters are shared by all tests, and would order them"},
	{File: "testing/testing.go", Op: replace, Anchor: "running sync.Map", Text: "running ghostRunning",
		Why: "likewise"},
	{File: "testing/testing.go", In: "T.report", Op: atStart, Text: "if guest.On() && !t.Failed() { return }",
		Why: "a line for nobody, which takes as long as a small test"},
	{File: "testing/testing.go", Op: imports, Text: "internal/ghostread/guest", Why: "for the edit above"},
	{File: "testing/testing.go", In: "common.Fail", Op: atStart, Text: "ghostFail()",
		Why: "what happens after a failed assertion does not explain it"},
	{File: "testing/testing.go", In: "tRunner", Op: replace, Anchor: "callerName(0)", Text: `"testing.tRunner"`,
		Why: "what it always returns, without walking the stack"},
	{File: "testing/testing.go", In: "M.Run", Op: atStart, Text: "ghostM = m",
		Why: "fuzz targets and examples, which the next edit does not see"},
	{File: "testing/testing.go", In: "runTests", Op: atStart,
		Text: "if ran, ok, on := ghostExplore(modulePath, importPath, matchString, tests); on { return ran, ok }",
		Why:  "the loop over executions takes the place of the loop over tests"},
}
