//go:build ghostread_guest

package runtime

import "unsafe"

// Early timers: where the strategy asks for it (ghost.early), it may let the
// next timer fire although goroutines can run. The opportunities are the
// scheduling points of operations, plain memory accesses left out, while a
// timer is pending; and each look at the channel of a timer that nobody is
// blocked on, which therefore is in no heap. The order of timers stays that of
// their times: the clock jumps to the first one.
//
// The time that a test itself sets, or waits for, is never cut short, nor is
// what comes after it: a test that sleeps says that by then all has gone quiet,
// and one with a limit, that this is more than it takes. Neither
// is that of an execution which has waited for something outside: that takes
// as long as it takes.

// How timers fire.
const (
	ghostStrict    = iota // nobody can run
	ghostEarlyJump        // the clock has jumped to the first timer of the heap
	ghostEarlyLook        // it has jumped to that of the next timer to fire
)

// ghostOffers bounds the opportunities of one execution. They cost more than a
// scheduling point does, also when the test itself waits and nobody is asked,
// and programs that poll have millions.
const ghostOffers = 1 << 14

func ghostTire() {
	if ghostClock.asks++; ghostClock.asks == ghostOffers {
		ghost.early = false
	}
}

// ghostOffer asks at gp's scheduling point whether the next timer fires. It
// runs on g0.
func ghostOffer(gp *g) {
	if len(ghostTimers.heap) == 0 {
		ghostClock.overdue = false
		gogo(&gp.sched)
	}
	ghostTire()
	when, waited := ghostNextTimer()
	overdue := ghostClock.overdue && when <= ghostClock.now // as decided at somebody's look at a channel
	ghostClock.overdue = false
	if when != 0 && (overdue || !waited && ghostFires(gp)) {
		ghostJump(when)
	}
	gogo(&gp.sched)
}

// ghostJump lets time go on to that of the first timer, and runs it.
func ghostJump(when int64) {
	ghostClock.now = max(ghostClock.now, when)
	ghostClock.moved = ghost.shared.steps
	ghostClock.early = ghostEarlyJump
	ghostRunTimers(ghostClock.now)
	ghostClock.early = ghostStrict
}

// ghostOfferLook asks whether t, which is in no heap and at whose channel the
// current goroutine looks, has reached its time. t is locked. It runs on g0.
func ghostOfferLook(t *timer) {
	gp := getg().m.curg
	if gp.ghost.op|gp.ghost.quiet != 0 {
		return
	}
	ghostTire()
	if first, _ := ghostNextTimer(); first != 0 && first < t.when || t.isTests || ghostOwn(gp, gp.ghost.kind == gkSelect) {
		return
	}
	if ghostFires(gp) {
		ghostClock.now = t.when
		ghostClock.moved = ghost.shared.steps
		ghostClock.early, ghostClock.overdue = ghostEarlyLook, true
	}
}

// ghostFires asks the strategy and records a yes. It runs on g0.
func ghostFires(gp *g) bool {
	n := ghost.shared.decisions
	if ghost.coast || ghost.rootDone || ghost.outside != 0 || ghost.stop != 0 || int(n) == len(ghost.dec) {
		return false
	}
	ghostClock.offers++
	c := &ghost.choice
	(*slice)(unsafe.Pointer(&c.enabled)).len = 0
	c.cur, c.kind, c.object, c.pc = gp.ghost.id, gp.ghost.kind, 0, gp.ghost.pc
	c.step, c.decision, c.events = ghost.shared.steps, n, ghost.shared.events
	if !ghost.fire(c) {
		return false
	}
	ghost.dec[n] = -int32(ghostClock.offers)
	ghost.shared.decisions = n + 1
	ghost.shared.hash = (ghost.shared.hash ^ uint64(ghostClock.offers)<<32) * ghostPrime
	ghostClock.offers = 0
	ghostClock.fired++
	return true
}

// ghostNextTimer returns the time of the first timer of the heap, 0 if it has
// none, and whether one of that time is the test's own. It takes
// O(timers) and leaves the heap as it is.
func ghostNextTimer() (when int64, waited bool) {
	heap := ghostTimers.heap
	for i := range heap {
		t := heap[i].timer
		if t.astate.Load()&timerZombie == 0 && t.when != 0 && (when == 0 || t.when < when) {
			when = t.when
		}
	}
	for i := range heap {
		if t := heap[i].timer; when != 0 && t.when == when && t.astate.Load()&timerZombie == 0 && ghostAwaited(t) {
			return when, true
		}
	}
	return when, false
}

// ghostAwaited reports whether t is not to fire early: a test has set it, or
// waits for it, or it is the deadline of a connection.
func ghostAwaited(t *timer) bool {
	switch arg := t.arg.(type) {
	case *g:
		return arg.timer == t && ghostOwn(arg, false)
	case *pollDesc:
		return true // its other end takes its time
	}
	if t.isTests {
		return true
	}
	if !t.isChan {
		return false
	}
	for sg := t.hchan().recvq.first; sg != nil; sg = sg.next {
		if ghostOwn(sg.g, sg.isSelect) {
			return true
		}
	}
	return false
}

// ghostOwn reports whether what gp does now is the test's own: it stands in a
// test file and, if so asked, in a test function, or in a function literal of
// one. Helpers may be the program itself, in a small one; but who sleeps or
// receives in a test file waits for all to go quiet. It runs on g0.
func ghostOwn(gp *g, inTest bool) bool {
	var pcs [16]uintptr
	n := gcallers(gp, 0, pcs[:])
	for _, pc := range pcs[:n] {
		f := findfunc(pc - 1)
		if !f.valid() {
			continue
		}
		name := funcname(f)
		if ghostHasPrefix(name, "runtime.") || ghostHasPrefix(name, "time.") || ghostHasPrefix(name, "context.") {
			continue
		}
		file, _ := funcline1(f, pc-1, false)
		const suffix = "_test.go"
		return len(file) > len(suffix) && file[len(file)-len(suffix):] == suffix && (!inTest || ghostTestFunc(name))
	}
	return false
}

// ghostTestFunc reports whether name is that of a test function or method, or
// of a function literal in one or in the initialisation of a package, where
// frameworks have them.
func ghostTestFunc(name string) bool {
	for i := len(name) - 1; i >= 0 && name[i] != '/'; i-- {
		if name[i] != '.' {
			continue
		}
		for _, p := range [...]string{"Test", "Fuzz", "Benchmark", "Example", "init.", "glob."} {
			if ghostHasPrefix(name[i+1:], p) {
				return true
			}
		}
	}
	return false
}

func ghostHasPrefix(s, prefix string) bool { return len(s) >= len(prefix) && s[:len(prefix)] == prefix }
