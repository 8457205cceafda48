//go:build ghostread_guest

// This file takes the place of runtime/race.go: instead of a C race detector,
// the instrumentation that -race compiles in drives the controlled scheduler
// and its event log. The functions are those that the compiler, the runtime
// and internal/race call; what the C detector needed them for is gone.
package runtime

import (
	"internal/abi"
	"internal/runtime/sys"
	"unsafe"
)

const raceenabled = true

// Called by compiled code.

//go:nosplit
func raceread(addr uintptr) {
	if ghostWatch {
		ghostPoint(gkRead, addr, 0, sys.GetCallerPC(), 0)
	}
}

//go:nosplit
func racewrite(addr uintptr) {
	if ghostWatch {
		ghostPoint(gkWrite, addr, 0, sys.GetCallerPC(), 0)
	}
}

//go:nosplit
func racereadrange(addr, size uintptr) {
	if ghostWatch {
		ghostPoint(gkReadRange, addr, size, sys.GetCallerPC(), 0)
	}
}

//go:nosplit
func racewriterange(addr, size uintptr) {
	if ghostWatch {
		ghostPoint(gkWriteRange, addr, size, sys.GetCallerPC(), 0)
	}
}

//go:nosplit
func racefuncenter(callpc uintptr) {}

//go:nosplit
func racefuncenterfp(fp uintptr) {}

//go:nosplit
func racefuncexit() {
	if ghost.capture {
		ghostFuncExit(sys.GetCallerPC())
	}
}

// Called by the runtime and, through linkname, by internal/race.

//go:nosplit
func RaceRead(addr unsafe.Pointer) { ghostMem(gkRead, uintptr(addr), 0, sys.GetCallerPC(), 0) }

//go:linkname race_Read internal/race.Read
//go:nosplit
func race_Read(addr unsafe.Pointer) { ghostMem(gkRead, uintptr(addr), 0, sys.GetCallerPC(), 0) }

//go:nosplit
func RaceWrite(addr unsafe.Pointer) { ghostMem(gkWrite, uintptr(addr), 0, sys.GetCallerPC(), 0) }

//go:linkname race_Write internal/race.Write
//go:nosplit
func race_Write(addr unsafe.Pointer) { ghostMem(gkWrite, uintptr(addr), 0, sys.GetCallerPC(), 0) }

//go:nosplit
func RaceReadRange(addr unsafe.Pointer, len int) {
	ghostMem(gkReadRange, uintptr(addr), uintptr(len), sys.GetCallerPC(), 0)
}

//go:linkname race_ReadRange internal/race.ReadRange
//go:nosplit
func race_ReadRange(addr unsafe.Pointer, len int) {
	ghostMem(gkReadRange, uintptr(addr), uintptr(len), sys.GetCallerPC(), 0)
}

//go:nosplit
func RaceWriteRange(addr unsafe.Pointer, len int) {
	ghostMem(gkWriteRange, uintptr(addr), uintptr(len), sys.GetCallerPC(), 0)
}

//go:linkname race_WriteRange internal/race.WriteRange
//go:nosplit
func race_WriteRange(addr unsafe.Pointer, len int) {
	ghostMem(gkWriteRange, uintptr(addr), uintptr(len), sys.GetCallerPC(), 0)
}

func RaceErrors() int { return 0 }

//go:linkname race_Errors internal/race.Errors
//go:nosplit
func race_Errors() int { return 0 }

//go:nosplit
func RaceAcquire(addr unsafe.Pointer) { raceacquire(addr) }

//go:linkname race_Acquire internal/race.Acquire
//go:nosplit
func race_Acquire(addr unsafe.Pointer) { raceacquire(addr) }

//go:nosplit
func RaceRelease(addr unsafe.Pointer) { racerelease(addr) }

//go:linkname race_Release internal/race.Release
//go:nosplit
func race_Release(addr unsafe.Pointer) { racerelease(addr) }

//go:nosplit
func RaceReleaseMerge(addr unsafe.Pointer) { racereleasemerge(addr) }

//go:linkname race_ReleaseMerge internal/race.ReleaseMerge
//go:nosplit
func race_ReleaseMerge(addr unsafe.Pointer) { racereleasemerge(addr) }

//go:nosplit
func RaceDisable() { getg().raceignore++ }

//go:linkname race_Disable internal/race.Disable
//go:nosplit
func race_Disable() { getg().raceignore++ }

//go:nosplit
func RaceEnable() { getg().raceignore-- }

//go:linkname race_Enable internal/race.Enable
//go:nosplit
func race_Enable() { getg().raceignore-- }

func raceReadObjectPC(t *_type, addr unsafe.Pointer, callerpc, pc uintptr) {
	ghostObject(gkRead, t, addr, callerpc)
}

//go:linkname race_ReadObjectPC internal/race.ReadObjectPC
func race_ReadObjectPC(t *abi.Type, addr unsafe.Pointer, callerpc, pc uintptr) {
	ghostObject(gkRead, t, addr, callerpc)
}

func raceWriteObjectPC(t *_type, addr unsafe.Pointer, callerpc, pc uintptr) {
	ghostObject(gkWrite, t, addr, callerpc)
}

//go:linkname race_WriteObjectPC internal/race.WriteObjectPC
func race_WriteObjectPC(t *abi.Type, addr unsafe.Pointer, callerpc, pc uintptr) {
	ghostObject(gkWrite, t, addr, callerpc)
}

// ghostObject logs an access to a value of type t; one with components is a range.
func ghostObject(kind uint8, t *_type, addr unsafe.Pointer, pc uintptr) {
	if k := t.Kind(); k == abi.Array || k == abi.Struct {
		ghostMem(kind+(gkReadRange-gkRead), uintptr(addr), t.Size_, pc, 0)
	} else {
		ghostMem(kind, uintptr(addr), 0, pc, 0)
	}
}

// racereadpc and racewritepc report channels and maps.

//go:nosplit
func racereadpc(addr unsafe.Pointer, callpc, pc uintptr) { ghostHeader(gkRead, addr, callpc, pc) }

//go:nosplit
func racewritepc(addr unsafe.Pointer, callpc, pc uintptr) { ghostHeader(gkWrite, addr, callpc, pc) }

//go:linkname race_ReadPC internal/race.ReadPC
func race_ReadPC(addr unsafe.Pointer, callerpc, pc uintptr) {
	ghostHeader(gkRead, addr, callerpc, pc)
}

//go:linkname race_WritePC internal/race.WritePC
func race_WritePC(addr unsafe.Pointer, callerpc, pc uintptr) {
	ghostHeader(gkWrite, addr, callerpc, pc)
}

//go:nosplit
func racewriterangepc(addr unsafe.Pointer, sz, callpc, pc uintptr) {
	ghostMem(gkWriteRange, uintptr(addr), sz, callpc, 0)
}

//go:nosplit
func racereadrangepc(addr unsafe.Pointer, sz, callpc, pc uintptr) {
	ghostMem(gkReadRange, uintptr(addr), sz, callpc, 0)
}

// Order.

//go:nosplit
func raceacquire(addr unsafe.Pointer) { ghostHB(gkAcquire, getg(), addr) }

//go:nosplit
func raceacquireg(gp *g, addr unsafe.Pointer) { ghostHB(gkAcquire, gp, addr) }

// raceacquirectx is called for timers only, which have events of their own.
//
//go:nosplit
func raceacquirectx(racectx uintptr, addr unsafe.Pointer) {}

//go:nosplit
func racerelease(addr unsafe.Pointer) { ghostHB(gkRelease, getg(), addr) }

//go:nosplit
func racereleaseg(gp *g, addr unsafe.Pointer) { ghostHB(gkRelease, gp, addr) }

//go:nosplit
func racereleaseacquire(addr unsafe.Pointer) { ghostHB(gkReleaseAcquire, getg(), addr) }

//go:nosplit
func racereleaseacquireg(gp *g, addr unsafe.Pointer) { ghostHB(gkReleaseAcquire, gp, addr) }

//go:nosplit
func racereleasemerge(addr unsafe.Pointer) { ghostHB(gkReleaseMerge, getg(), addr) }

//go:nosplit
func racereleasemergeg(gp *g, addr unsafe.Pointer) { ghostHB(gkReleaseMerge, gp, addr) }

// What the C detector needed.

//go:nosplit
func isvalidaddr(addr unsafe.Pointer) bool { return true }

//go:nosplit
func raceinit() (gctx, pctx uintptr) { return 1, 1 }

//go:nosplit
func racefini() { exit(0) }

//go:nosplit
func raceproccreate() uintptr { return 1 }

//go:nosplit
func raceprocdestroy(ctx uintptr) {}

//go:nosplit
func racemapshadow(addr unsafe.Pointer, size uintptr) {}

//go:nosplit
func racemalloc(p unsafe.Pointer, sz uintptr) {}

//go:nosplit
func racefree(p unsafe.Pointer, sz uintptr) {}

//go:nosplit
func racegostart(pc uintptr) uintptr { return 1 }

//go:nosplit
func racegoend() {
	if ghostSpec.look != nil && ghostMine() {
		ghostLook(getg())
	}
}

// racectxstart and racectxend bracket one function that runtime.AddCleanup
// was given: it is a goroutine of its own as far as order goes.
//
//go:nosplit
func racectxstart(pc, spawnctx uintptr) uintptr { return ghostCleanup(pc) }

//go:nosplit
func racectxend(racectx uintptr) { ghostCleaned(racectx) }

// racefingo is called by the goroutines that run finalizers and cleanups,
// before they do.
func racefingo() { ghostFinal() }
