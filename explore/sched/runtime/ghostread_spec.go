//go:build ghostread_guest

package runtime

import "unsafe"

// What package explore/spec, in the program under test, asks of the core: to
// look at a world without being noticed in it, and when operations ran.
//
// A goroutine of the world that is aside has no points, leaves no events and
// wakes nobody up: it carries another world's number meanwhile. Code that runs
// aside must not wait and must start no goroutine; if it does the execution
// ends, because nothing it would say could be relied upon.

// ghostAside is the world of goroutines that are aside.
const ghostAside = ^uint32(0)

// ghostBroken is why a world ended: package spec has seen what must not be.
// It is a reason of package wire; TestReasons in explore/sched compares them.
const ghostBroken = 8

var ghostSpec struct {
	look   func() // evaluates the invariants; nil if there are none
	looked bool   // there were some in this execution
	dirty  bool   // something was written without a point since the last look
	clock  int64  // of calls and returns
	prog   uint64 // random stream of code that is aside
	report string // what was seen
	g      int32  // by whom, or whose step it was
	pc     uintptr
	event  uint64 // that are before it in the log
	waits  string // why the execution ended instead: what code that is aside did
}

// What ghostread_spec is asked for. A value that it does not know it answers
// by 0, so that package spec notices a core that is older than itself.
const (
	ghostSpecVersion = 1 + iota // answers 1
	ghostSpecEnter              // go aside; answers the goroutine's id, 0 if it is in no world
	ghostSpecLeave              // come back
	ghostSpecCall               // *ghostMark: an operation begins, aside
	ghostSpecReturn             // *ghostMark: the operation ends, aside
	ghostSpecWatch              // *func(): the function that looks; nil: none
	ghostSpecReport             // *string: the execution ends here, aside or not
	ghostSpecWorld              // answers the number of the execution
	ghostSpecTell               // answers 1 if somebody is going to read the whole report, and not only its first line
)

// ghostMark is a call and a return of an operation.
type ghostMark struct {
	call       int64 // first step of the operation that others could notice
	ret        int64 // after its last
	first      int64 // event of the call, -1 if there was none
	last       int64 // event of the return
	outer      int64 // of the operation around it
	outerFirst int64
	object     uintptr
	g          int32
}

//go:linkname ghostread_spec github.com/ghostread/ghostread/explore/spec.world
func ghostread_spec(what int, p unsafe.Pointer) int64 {
	if what == ghostSpecVersion {
		return 1
	}
	gp := getg()
	if !ghostActive || gp.ghost.world != ghost.world && gp.ghost.world != ghostAside {
		return 0
	}
	switch what {
	case ghostSpecEnter:
		if gp.ghost.world == ghostAside {
			return 0
		}
		gp.ghost.world = ghostAside
		ghostSpec.prog = ghostPrime
		return int64(gp.ghost.id)
	case ghostSpecLeave:
		gp.ghost.world = ghost.world
	case ghostSpecCall:
		m := (*ghostMark)(p)
		ghostSpec.clock++
		m.call, m.first, m.g = ghostSpec.clock, -1, gp.ghost.id
		m.outer, m.outerFirst = gp.ghost.call, gp.ghost.first
		gp.ghost.call, gp.ghost.first = -int64(m.object), -1
	case ghostSpecReturn:
		m := (*ghostMark)(p)
		if gp.ghost.call < 0 {
			ghostLog(gkSpec, gp.ghost.id, ghostCalled(gp), 0, 0, 0)
		}
		m.call, m.first = gp.ghost.call, gp.ghost.first
		ghostSpec.clock++
		m.ret, m.last = ghostSpec.clock, int64(ghost.shared.events)
		gp.ghost.call, gp.ghost.first = m.outer, m.outerFirst
		ghostLog(gkSpec, gp.ghost.id, m.object, 0, 0, 1)
	case ghostSpecWatch:
		ghostSpec.look = nil
		if p != nil {
			ghostSpec.look = *(*func())(p)
			ghostSpec.looked = true
		}
	case ghostSpecReport:
		if ghostSpec.report == "" {
			ghostSpec.report = *(*string)(p)
			ghostSpec.g, ghostSpec.pc, ghostSpec.event = gp.ghost.id, gp.ghost.pc, ghost.shared.events
		}
		ghost.stop = ghostBroken
		gp.ghost.world = ghost.world
		mcall(ghostHalt)
	case ghostSpecWorld:
		return int64(ghost.world)
	case ghostSpecTell:
		if !ghost.capture {
			return 0
		}
	default:
		return 0
	}
	return 1
}

// ghostCalled stamps the call of the operation that gp is in. The moment is
// that of the first step which another goroutine could notice: until then it
// might as well not have been called. It returns the object, for the event that
// the caller has to log next.
//
//go:nosplit
func ghostCalled(gp *g) (object uintptr) {
	object = uintptr(-gp.ghost.call)
	ghostSpec.clock++
	gp.ghost.call, gp.ghost.first = ghostSpec.clock, int64(ghost.shared.events)
	return object
}

// ghostLook evaluates the invariants after a step of gp, on its stack. A step
// that only read broke nothing.
func ghostLook(gp *g) {
	switch gp.ghost.kind {
	case gkRead, gkReadRange, gkAtomicLoad, gkMapRead:
		if !ghostSpec.dirty {
			return
		}
	}
	ghostSpec.dirty = false
	gp.ghost.world = ghostAside
	ghostSpec.prog = ghostPrime
	ghostSpec.look()
	gp.ghost.world = ghost.world
	if ghostSpec.waits != "" {
		mcall(ghostHalt)
	}
}

// ghostHalt takes gp off the P for good: the execution is over.
func ghostHalt(gp *g) {
	casgstatus(gp, _Grunning, _Grunnable)
	dropg()
	ghostInsert(gp)
	schedule()
}

// ghostAsideBlocks is called when a goroutine parks, and when one is aside and
// starts another.
func ghostAsideBlocks(gp *g, why string) {
	if ghostSpec.report == "" && ghostSpec.waits == "" {
		ghostSpec.waits = why
		ghostSpec.g, ghostSpec.pc, ghostSpec.event = gp.ghost.id, gp.ghost.pc, ghost.shared.events
	}
	ghost.stop = ghostBroken
}
