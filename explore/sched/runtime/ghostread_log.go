//go:build ghostread_guest

package runtime

import (
	"internal/abi"
	"internal/runtime/sys"
	"unsafe"
)

// The event log. The kinds and the layout are those of package event;
// TestConstants and TestLayouts in explore/sched compare them.

const (
	gkRead = 1 + iota
	gkWrite
	gkReadRange
	gkWriteRange
	gkAtomicLoad
	gkAtomicStore
	gkAtomicRMW
	gkMapRead
	gkMapWrite
)

const (
	gkAcquire = 16 + iota
	gkRelease
	gkReleaseMerge
	gkReleaseAcquire
)

const (
	gkChanSend = 32 + iota
	gkChanRecv
	gkChanClose
	gkSelect
	gkLock
	gkTryLock
	gkUnlock
	gkRLock
	gkTryRLock
	gkRUnlock
	gkWaitGroupAdd
	gkWaitGroupWait
	gkCondWait
	gkCondSignal
	gkCondBroadcast
	gkSleep
	gkYield
	gkGC
	gkCase
	gkTimerSet
	gkSpec
	gkChanLen
	gkCount
)

const (
	gkSpawn = 64 + iota
	gkExit
	gkBlock
	gkWake
	gkTimerFire
	gkTimerDone
	gkAdopt
	gkAlloc
	gkStop
)

const (
	ghostUnsync = 1 << iota
	ghostEarly
	ghostFailed
)

type ghostEvent struct {
	addr  uintptr
	pc    uintptr
	aux   uintptr
	size  uint32
	g     int32
	stack int32
	kind  uint8
	flags uint8
	_     [2]byte
}

// ghostLogTo is the memory of the log; it is mapped by the guest, outside the heap.
var ghostLogTo struct {
	ev    unsafe.Pointer
	max   uint64
	stack unsafe.Pointer // captured stacks: a length, then that many pcs
	words uint64
	full  bool
}

// ghostLog appends an event.
//
//go:nosplit
func ghostLog(kind uint8, id int32, addr, size, pc, aux uintptr) {
	if !ghost.logging {
		return
	}
	n := ghost.shared.events
	if n == ghostLogTo.max {
		ghostLogTo.full = true
		return
	}
	ghost.shared.events = n + 1
	e := (*ghostEvent)(unsafe.Pointer(uintptr(ghostLogTo.ev) + uintptr(n)*unsafe.Sizeof(ghostEvent{})))
	gp := getg()
	e.addr, e.pc, e.aux, e.size, e.g, e.stack, e.kind, e.flags = addr, pc, aux, uint32(size), id, -1, kind, 0
	if gp.raceignore != 0 {
		e.flags = ghostUnsync
	}
	if ghost.capture && kind != gkAlloc {
		if c := gp.m.curg; gp == c && gp.ghost.id == id {
			ghostStack(e)
		} else if c != nil && kind == gkSpawn && c.ghost.id == id {
			ghostStackOf(e, c)
		}
	}
}

// ghostStackOf captures the stack of c, which waits while its M runs on g0.
//
//go:nosplit
func ghostStackOf(e *ghostEvent, c *g) {
	w := ghost.shared.words
	if w+ghostDepth+1 > ghostLogTo.words {
		return
	}
	at := (*[ghostDepth + 1]uintptr)(unsafe.Pointer(uintptr(ghostLogTo.stack) + uintptr(w)*8))
	systemstack(func() { at[0] = uintptr(gcallers(c, 0, at[1:])) })
	e.stack = int32(w)
	ghost.shared.words = w + uint64(at[0]) + 1
}

const ghostDepth = 64 // frames of a captured stack

// ghostStack captures the stack of the current goroutine for e.
//
//go:nosplit
func ghostStack(e *ghostEvent) {
	w := ghost.shared.words
	if w+ghostDepth+1 > ghostLogTo.words {
		return
	}
	pc, sp, gp := sys.GetCallerPC(), sys.GetCallerSP(), getg()
	at := (*[ghostDepth + 1]uintptr)(unsafe.Pointer(uintptr(ghostLogTo.stack) + uintptr(w)*8))
	var n int
	systemstack(func() {
		var u unwinder
		u.initAt(pc, sp, 0, gp, unwindSilentErrors)
		n = tracebackPCs(&u, 0, at[1:])
	})
	at[0] = uintptr(n)
	e.stack = int32(w)
	ghost.shared.words = w + uint64(n) + 1
}

// ghostHB logs a synchronisation of gp with the object at addr.
//
//go:nosplit
func ghostHB(kind uint8, gp *g, addr unsafe.Pointer) {
	if !ghostActive || !ghost.logging || getg().raceignore != 0 {
		return
	}
	id := gp.ghost.id
	if gp.ghost.world != ghost.world {
		if gp.goid == 0 { // a g0: timer functions
			if ghostFiring == 0 {
				return
			}
			id = 0
		} else {
			ok := false
			systemstack(func() { ok = ghostAdopt(gp) })
			if !ok {
				return
			}
			id = gp.ghost.id
		}
	}
	ghostLog(kind, id, uintptr(addr), 0, 0, 0)
}

// ghostMem logs a plain access without a scheduling point, for accesses that
// the runtime reports on behalf of the goroutine in the middle of an operation.
//
//go:nosplit
func ghostMem(kind uint8, addr, size, pc, aux uintptr) {
	if !ghostActive {
		return
	}
	gp := getg()
	if gp != gp.m.curg || gp.ghost.world != ghost.world || addr-gp.stack.lo < gp.stack.hi-gp.stack.lo {
		return
	}
	if gp.ghost.op != 0 && addr == gp.ghost.obj && kind == gkRead {
		return // RWMutex says by a plain read what the event of its operation has said
	}
	if kind != gkRead && kind != gkReadRange {
		ghostSpin.dirty = true
	}
	ghostSpec.dirty = true
	if gp.ghost.call < 0 {
		ghostLog(gkSpec, gp.ghost.id, ghostCalled(gp), 0, 0, 0)
	}
	ghostLog(kind, gp.ghost.id, addr, size, pc, aux)
}

// ghostHeader tells maps from channels by the runtime function that reports:
// a map access is a scheduling point, a channel operation has had its own.
//
//go:nosplit
func ghostHeader(kind uint8, addr unsafe.Pointer, callpc, pc uintptr) {
	if !ghostActive {
		return
	}
	if pc == abi.FuncPCABIInternal(chansend) || pc == abi.FuncPCABIInternal(closechan) {
		ghostMem(kind, uintptr(addr), 0, callpc, pc)
		return
	}
	ghostPoint(kind+(gkMapRead-gkRead), uintptr(addr), 8, callpc, pc)
}

// ghostAlloc notes a new object: while stacks are captured, for its type; and
// once the garbage collector has run, because addresses are used again.
func ghostAlloc(p unsafe.Pointer, size uintptr, typ *_type) {
	ghostSpin.dirty = true
	if !ghost.whole && ghost.cycles == work.cycles.Load() {
		return
	}
	gp := getg()
	if gp == gp.m.curg && gp.ghost.world == ghost.world {
		ghostLog(gkAlloc, gp.ghost.id, uintptr(p), size, 0, uintptr(unsafe.Pointer(typ)))
	}
}

// ghostread_fail is called by package testing when a test fails.
//
//go:linkname ghostread_fail
func ghostread_fail() {
	if !ghostMine() {
		return
	}
	ghost.failing = true
	if ghost.capture {
		ghostLog(gkStop, getg().ghost.id, 0, 0, sys.GetCallerPC(), 0)
	}
}

// ghostBlock and ghostWake note why a goroutine parked and who woke it.
func ghostBlock(gp *g) {
	if gp.ghost.world == ghostAside && gp.waitreason != waitReasonGCAssistMarking && gp.waitreason != waitReasonGCAssistWait {
		ghostAsideBlocks(gp, gp.waitreason.String())
	}
	if ghost.whole && gp.ghost.world == ghost.world {
		ghostLog(gkBlock, gp.ghost.id, gp.ghost.obj, 0, 0, uintptr(gp.waitreason))
	}
}

func ghostWake(gp *g) {
	if !ghost.whole || gp.ghost.world != ghost.world {
		return
	}
	by := int32(0)
	if c := getg().m.curg; c != nil && ghostFiring == 0 && c.ghost.world == ghost.world {
		by = c.ghost.id
	}
	ghostLog(gkWake, by, 0, 0, 0, uintptr(gp.ghost.id))
}
