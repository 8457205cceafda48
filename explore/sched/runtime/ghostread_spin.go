//go:build ghostread_guest

package runtime

import "unsafe"

// Livelock: goroutines run on and on, and the state of the world comes again.
//
// While an execution is watched, each scheduling point is compared with an
// earlier one. The state is what every goroutine of the world has on its stack
// and where it is, and the words of memory that anything wrote to since: they
// are noted with the values they had before. Where both are the same, the steps
// in between can be repeated for ever. If each goroutine that could run did run
// in between, that is no fault of the scheduler's.
//
// What is not seen as a change of state must not happen between the two points:
// then the watch starts again. That is all that allocates, starts or ends a
// goroutine, writes to a map, draws a random number, asks for the time, calls
// the system, or waits for it; and pending timers.
//
// Stacks are compared word by word, slots that are not in use included. That
// can hide a state that is the same and never makes one up.

const (
	ghostSpinSolo   = 16      // 1,024 points each for which a goroutine runs alone before it is watched
	ghostSpinWords  = 512     // that may change between two points
	ghostSpinFirst  = 64      // points after which the first state is given up for a later one
	ghostSpinLast   = 1 << 15 // and the longest time it is kept
	ghostSpinLimit  = 64      // goroutines
	ghostSpinLooks  = 20_000  // comparisons of all stacks, of one execution
	ghostSpinLong   = 128     // 1,024 points each after which any execution is watched for a while
	ghostSpinPoints = 1 << 17 // watched, where every point is
	ghostSpinObject = 64      // bytes of an object of package sync
	ghostSpinChan   = 96      // bytes of a channel without its buffer
)

var ghostSpin struct {
	on    bool // every point comes to ghostSpinLook
	dirty bool // something happened that is not followed
	have  bool // there is a state to compare with
	wrote bool // something was written since, the same value perhaps
	sure  bool // only what no schedule ends counts: goroutines go on by chance

	// Where an execution is to end that has been watched before.
	stopAt, baseAt uint64

	solo   int32  // calls of ghostBreathe in a row with nobody else to run
	until  uint64 // points
	power  uint64
	looks  int32
	base   uint64 // steps at the state to compare with
	events uint64 // entries of the log then
	cur    int32  // who was to go on
	pc     uintptr
	obj    uintptr // complemented
	kind   uint8
	nrun   int32
	nextid int32
	calls  uint32 // of the system
	stacks uint64
	others bool // another goroutine could run since

	n     int32
	words [ghostSpinWords]ghostSpinWord
}

// ghostSpinWord is a word of memory and the value it had, both complemented: a
// copy shall not look like a reference when the heap is walked.
type ghostSpinWord struct{ addr, was uintptr }

// ghostSpinStart prepares for an execution. watch says that all of it is
// watched; a stop is where it is known to end.
func ghostSpinStart(watch bool, base, stop uint64) {
	w := &ghostSpin
	w.on, w.have, w.dirty, w.sure = false, false, false, false
	w.solo, w.looks, w.stopAt, w.baseAt, w.base, w.events = 0, 0, stop, base, 0, 0
	if stop != 0 {
		w.on = true
	} else if watch {
		ghostSpinOn(ghostSpinPoints)
	}
}

// ghostSpinBreathe is called every 1,024 points: watch those who run alone, all
// that is left when a limit is met, and long executions for a while.
func ghostSpinBreathe() {
	w := &ghostSpin
	if ghost.coast {
		if w.sure {
			w.on, w.sure = false, false
		}
		ghostSpinOn(1 << 62)
		return
	}
	if ghost.nrun > 0 {
		w.solo = 0
	} else if w.solo++; w.solo == ghostSpinSolo {
		ghostSpinOn(1 << 62)
	}
	if ghost.shared.steps>>10 == ghostSpinLong {
		w.sure = !w.on
		ghostSpinOn(ghostSpinPoints)
	}
}

// ghostSpinOn begins to watch, for a number of points.
func ghostSpinOn(points uint64) {
	w := &ghostSpin
	if w.on || !ghostWatch || ghost.nextid > ghostSpinLimit {
		return
	}
	w.on, w.have, w.power = true, false, ghostSpinFirst
	w.base, w.until = ghost.shared.steps, ghost.shared.steps+points
}

// ghostSpinLook looks at the world at gp's point, on g0.
func ghostSpinLook(gp *g) {
	w := &ghostSpin
	steps := ghost.shared.steps
	switch {
	case w.stopAt != 0:
		if steps == w.baseAt {
			w.events = ghost.shared.events
		}
		if steps == w.stopAt {
			ghostSpinStop(gp)
		}
	case ghost.rootDone || !ghostWatch || ghost.nextid > ghostSpinLimit || ghost.cycles != work.cycles.Load() || steps > w.until || w.looks > ghostSpinLooks:
		w.on = false
	case w.have && !w.dirty && gp.ghost.id == w.cur && gp.ghost.pc == w.pc && ^gp.ghost.obj == w.obj && gp.ghost.kind == w.kind &&
		ghostSpinSame(gp):
		w.baseAt, w.stopAt = w.base, steps
		ghostSpinStop(gp)
	case steps-w.base >= w.power:
		if w.power *= 2; w.power > ghostSpinLast {
			w.power = ghostSpinLast
		}
		w.have, w.dirty, w.wrote, w.others, w.n = true, false, false, ghost.nrun > 0, 0
		w.base, w.events = steps, ghost.shared.events
		w.cur, w.pc, w.obj, w.kind = gp.ghost.id, gp.ghost.pc, ^gp.ghost.obj, gp.ghost.kind
		w.nrun, w.nextid, w.calls = ghost.nrun, ghost.nextid, getg().m.p.ptr().syscalltick
		w.stacks = ghostSpinStacks()
		for id := int32(1); id <= ghost.nextid; id++ { // what they have announced, or done
			if x := ghost.all[id].ptr(); x != nil {
				ghostTouch(x.ghost.kind, x.ghost.obj, x.ghost.size)
			}
		}
		w.wrote = false
	}
	ghostTouch(gp.ghost.kind, gp.ghost.obj, gp.ghost.size)
	w.others = w.others || ghost.nrun > 0
	gogo(&gp.sched)
}

// ghostSpinStop ends the execution at gp's point.
func ghostSpinStop(gp *g) {
	ghost.stop = ghostLivelock
	casgstatus(gp, _Grunning, _Grunnable)
	dropg()
	ghostInsert(gp)
	schedule()
}

// ghostSpinSame reports whether the state is that of w.base, and everybody who
// can run did so since.
func ghostSpinSame(gp *g) bool {
	w := &ghostSpin
	if ghost.nrun != w.nrun || ghost.nextid != w.nextid || w.calls != getg().m.p.ptr().syscalltick || ghost.external ||
		ghostTimers.wakeTime() != 0 || ghostBubbled(gp) || w.sure && w.others && w.wrote {
		return false
	}
	for i := int32(0); i < ghost.nrun; i++ {
		if ghost.all[ghost.run[i]].ptr().ghost.ran <= w.base {
			return false
		}
	}
	for i := int32(0); i < w.n; i++ {
		if x := &w.words[i]; ^*(*uintptr)(unsafe.Pointer(^x.addr)) != x.was {
			return false
		}
	}
	w.looks++
	if w.stacks != ghostSpinStacks() {
		return false
	}
	return ghostSpinOnly(gp)
}

// ghostSpinOnly reports whether all other goroutines can run, or wait for each
// other: none waits for something from outside, or for time.
func ghostSpinOnly(gp *g) bool {
	for id := int32(1); id <= ghost.nextid; id++ {
		x := ghost.all[id].ptr()
		if x == nil || x == gp {
			continue
		}
		switch readgstatus(x) &^ _Gscan {
		case _Grunnable:
		case _Gwaiting:
			switch x.waitreason {
			case waitReasonSemacquire, waitReasonChanReceiveNilChan, waitReasonChanSendNilChan,
				waitReasonSelectNoCases, waitReasonSelect, waitReasonChanReceive, waitReasonChanSend,
				waitReasonSyncCondWait, waitReasonSyncMutexLock, waitReasonSyncRWMutexRLock, waitReasonSyncRWMutexLock,
				waitReasonSyncWaitGroupWait:
			default:
				return false
			}
		default:
			return false
		}
	}
	return true
}

// ghostSpinStacks is a hash of the stacks of all goroutines of the world and of
// where they are.
func ghostSpinStacks() uint64 {
	h := uint64(14695981039346656037)
	for id := int32(1); id <= ghost.nextid; id++ {
		gp := ghost.all[id].ptr()
		if gp == nil {
			continue
		}
		h = (h ^ uint64(id)) * ghostPrime
		h = (h ^ uint64(gp.ghost.pc)) * ghostPrime
		h = (h ^ uint64(gp.ghost.kind)) * ghostPrime
		h = (h ^ uint64(readgstatus(gp)&^_Gscan)) * ghostPrime
		for p := gp.sched.sp; p < gp.stack.hi; p += 8 {
			h = (h ^ uint64(*(*uintptr)(unsafe.Pointer(p)))) * ghostPrime
			h ^= h >> 29
		}
	}
	return h
}

// ghostTouch notes what an operation that is to come may change.
func ghostTouch(kind uint8, addr, size uintptr) {
	switch {
	case kind == gkWrite || kind == gkAtomicStore || kind == gkAtomicRMW:
		ghostTouchWords(addr, 1)
	case kind == gkWriteRange:
		ghostTouchWords(addr, size)
	case kind >= gkLock && kind <= gkCondBroadcast:
		ghostTouchWords(addr, ghostSpinObject)
	case kind >= gkChanSend && kind <= gkChanClose:
		if c := (*hchan)(unsafe.Pointer(addr)); c != nil {
			ghostTouchWords(addr, ghostSpinChan)
			if n := uintptr(c.dataqsiz) * uintptr(c.elemsize); n > 0 {
				ghostTouchWords(uintptr(c.buf), n)
			}
			ghostSpin.dirty = ghostSpin.dirty || c.timer != nil
		}
	case kind == gkMapWrite || kind == gkSleep || kind == gkGC || kind == gkTimerSet:
		ghostSpin.dirty = true
	}
}

// ghostTouchWords notes the words around size bytes at addr, with their values,
// unless they have been noted. Of an object the page it begins on is enough:
// behind its end may be anything, or nothing.
func ghostTouchWords(addr, size uintptr) {
	w := &ghostSpin
	if !w.have || w.dirty {
		return
	}
	w.wrote = true
	end := addr + size
	if size == ghostSpinObject && end > addr|4095 {
		end = addr | 4095
	}
	for p := addr &^ 7; p < end; p += 8 {
		i := int32(0)
		for i < w.n && w.words[i].addr != ^p {
			i++
		}
		if i < w.n {
			continue
		}
		if i == ghostSpinWords {
			w.dirty = true
			return
		}
		w.words[i] = ghostSpinWord{^p, ^*(*uintptr)(unsafe.Pointer(p))}
		w.n++
	}
}
