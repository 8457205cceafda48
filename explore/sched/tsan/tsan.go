//go:build ghostread_guest

// This file is added to package runtime where exploration is checked against
// the C race detector of the release (ThreadSanitizer). There runtime/race.go
// stays, with edits that log what it passes on, and these are the functions of
// runtime/race_amd64.s that compiled code enters by: each is a scheduling
// point and an event, as in our own race.go, and then the call that it was.
// So both detectors watch the same execution, and the order that the C one
// sees is what the runtime itself told it.
package runtime

import (
	"internal/runtime/sys"
	"unsafe"
)

//go:linkname __tsan_read __tsan_read
var __tsan_read byte

//go:linkname __tsan_read_pc __tsan_read_pc
var __tsan_read_pc byte

//go:linkname __tsan_read_range __tsan_read_range
var __tsan_read_range byte

//go:linkname __tsan_write __tsan_write
var __tsan_write byte

//go:linkname __tsan_write_pc __tsan_write_pc
var __tsan_write_pc byte

//go:linkname __tsan_write_range __tsan_write_range
var __tsan_write_range byte

// tsanCall passes an access on.
//
//go:nosplit
func tsanCall(fn *byte, addr, a, b uintptr) {
	if isvalidaddr(unsafe.Pointer(addr)) {
		tsanCalls++
		racecall(fn, getg().racectx, addr, a, b)
	}
}

//go:nosplit
func raceread(addr uintptr) {
	pc := sys.GetCallerPC()
	if ghostWatch {
		ghostPoint(gkRead, addr, 0, pc, 0)
	}
	tsanCall(&__tsan_read, addr, pc, 0)
}

//go:nosplit
func racewrite(addr uintptr) {
	pc := sys.GetCallerPC()
	if ghostWatch {
		ghostPoint(gkWrite, addr, 0, pc, 0)
	}
	tsanCall(&__tsan_write, addr, pc, 0)
}

//go:nosplit
func racereadrange(addr, size uintptr) {
	pc := sys.GetCallerPC()
	if ghostWatch {
		ghostPoint(gkReadRange, addr, size, pc, 0)
	}
	tsanCall(&__tsan_read_range, addr, size, pc)
}

//go:nosplit
func racewriterange(addr, size uintptr) {
	pc := sys.GetCallerPC()
	if ghostWatch {
		ghostPoint(gkWriteRange, addr, size, pc, 0)
	}
	tsanCall(&__tsan_write_range, addr, size, pc)
}

// Of package runtime and internal/race: no scheduling points.

//go:nosplit
func RaceRead(addr unsafe.Pointer) {
	pc := sys.GetCallerPC()
	ghostMem(gkRead, uintptr(addr), 0, pc, 0)
	tsanCall(&__tsan_read, uintptr(addr), pc, 0)
}

//go:nosplit
func RaceWrite(addr unsafe.Pointer) {
	pc := sys.GetCallerPC()
	ghostMem(gkWrite, uintptr(addr), 0, pc, 0)
	tsanCall(&__tsan_write, uintptr(addr), pc, 0)
}

//go:nosplit
func RaceReadRange(addr unsafe.Pointer, len int) {
	pc := sys.GetCallerPC()
	ghostMem(gkReadRange, uintptr(addr), uintptr(len), pc, 0)
	tsanCall(&__tsan_read_range, uintptr(addr), uintptr(len), pc)
}

//go:nosplit
func RaceWriteRange(addr unsafe.Pointer, len int) {
	pc := sys.GetCallerPC()
	ghostMem(gkWriteRange, uintptr(addr), uintptr(len), pc, 0)
	tsanCall(&__tsan_write_range, uintptr(addr), uintptr(len), pc)
}

//go:nosplit
func racereadpc(addr unsafe.Pointer, callpc, pc uintptr) {
	ghostHeader(gkRead, addr, callpc, pc)
	tsanReadPC(addr, callpc, pc)
}

//go:nosplit
func racewritepc(addr unsafe.Pointer, callpc, pc uintptr) {
	ghostHeader(gkWrite, addr, callpc, pc)
	tsanWritePC(addr, callpc, pc)
}

//go:nosplit
func tsanReadPC(addr unsafe.Pointer, callpc, pc uintptr) {
	tsanCall(&__tsan_read_pc, uintptr(addr), callpc, pc+sys.PCQuantum)
}

//go:nosplit
func tsanWritePC(addr unsafe.Pointer, callpc, pc uintptr) {
	tsanCall(&__tsan_write_pc, uintptr(addr), callpc, pc+sys.PCQuantum)
}

// tsanCalls counts the calls that can lead to a report, and tsanTold is the one
// whose report was noted last. A call leads to one report at most.
var tsanCalls, tsanTold uint64

// tsanReporting is called when the C detector asks for names. The first time
// for a report, it notes after which event that is.
func tsanReporting(cmd uintptr) {
	o := &ghostOracle
	if cmd != raceSymbolizeCodeCmd || tsanTold == tsanCalls {
		return
	}
	tsanTold = tsanCalls
	event := int64(-1)
	if ghostActive {
		event = int64(ghost.shared.events) - 1
	}
	if int(o.n) < len(o.event) {
		o.event[o.n] = event
	}
	o.n++
}

// tsanForget makes the C detector forget all accesses to memory, as our own
// does between executions.
func tsanForget() {
	lo, hi := alignUp(racedatastart, 8), racedataend&^7
	racecall(&__tsan_malloc, 0, 0, lo, hi-lo)
	if racearenastart != 0 {
		racecall(&__tsan_malloc, 0, 0, racearenastart, racearenaend-racearenastart)
	}
}

// tsanStep is called by a goroutine that is about to run finalizers or
// cleanups. By releasing something that nobody acquires it begins a new epoch:
// others may know of the one so far, which can be as old as the process, since
// the goroutine that runs cleanups acquires all that there is.
func tsanStep() {
	racecall(&__tsan_release, getg().racectx, uintptr(unsafe.Pointer(&tsanStepped)), 0, 0)
}

var tsanStepped uint64

func init() { ghostOracle.forget = tsanForget }
