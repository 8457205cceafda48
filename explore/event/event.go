// Package event is the log that the runtime core writes during one execution
// and that strategies and detectors read: its layout, and what each kind of
// event means.
//
// The runtime core (explore/sched/runtime) writes the same layout from inside
// package runtime; TestLayouts and TestConstants in explore/sched compare the
// two. The package is compiled twice: as
// a package of this module, and, copied by the overlay, into the test binary
// under internal/ghostread/event. It therefore imports nothing.
package event

// Kind is what a goroutine did.
type Kind uint8

// Memory, as the compiler's race instrumentation reports it. A single access
// names the first byte of its object; a range names Size bytes. A plain access
// with an Aux is the runtime's, to a channel: a send reads it, close writes
// it, and Aux is the entry pc of chansend or closechan.
const (
	None       Kind = iota
	Read            // plain read of a value without components, 8 bytes or fewer
	Write           // plain write, likewise
	ReadRange       // plain read of Size bytes
	WriteRange      // plain write of Size bytes

	AtomicLoad // sync/atomic; Addr is the variable
	AtomicStore
	AtomicRMW // swap, add, and, or, compare-and-swap

	MapRead  // access to the map whose header is at Addr; Aux is the entry pc of the runtime function
	MapWrite // assignment, deletion or clear, likewise
)

// Happens-before, as the runtime and package sync report it through the race
// hooks. Addr names the synchronisation object.
const (
	Acquire        Kind = iota + 16
	Release             // the object's clock becomes the goroutine's
	ReleaseMerge        // the object's clock is joined with the goroutine's
	ReleaseAcquire      // both take the join of what was before
)

// Operations: scheduling points that name what the goroutine is about to do.
// They carry no order of their own; the happens-before events that follow do.
const (
	ChanSend Kind = iota + 32 // Aux is 1 for a case of the Select before it; likewise ChanRecv
	ChanRecv
	ChanClose
	Select // Addr is 0; Size is the number of cases
	Lock
	TryLock
	Unlock
	RLock
	TryRLock
	RUnlock
	WaitGroupAdd // also Done
	WaitGroupWait
	CondWait
	CondSignal
	CondBroadcast
	Sleep
	Yield
	GC       // runtime.GC called by the program
	Case     // a select has several cases that are ready: a choice of data, not of who goes on
	TimerSet // the timer at Addr is made, stopped or reset; logged where stacks are, a point where all schedules are explored
	Spec     // an operation on the object at Addr, as package explore/spec records it, is called; it returns if Aux is 1
	ChanLen  // len of the channel at Addr
	Count    // the goroutines are counted, or the stacks of all are asked for
)

// Life of goroutines, timers and memory.
const (
	Spawn     Kind = iota + 64 // Aux is the id of the new goroutine
	Exit                       // the goroutine ended; PC is where the last of the program's functions returned, while stacks are captured
	Block                      // the goroutine parked; Aux is the runtime's wait reason
	Wake                       // the goroutine G made goroutine Aux runnable
	TimerFire                  // virtual time reached the timer at Addr; G is 0; Aux is the virtual time in ns
	TimerDone                  // the timer's function returned
	Adopt                      // a goroutine from before this execution joined it under id G; Aux is 1 if all that happened so far is known to it
	Alloc                      // Size bytes at Addr are a new object: nothing known about the address holds any more
	Stop                       // a test fails here
)

// Flags qualify an event.
type Flags uint8

const (
	// Unsync marks a synchronisation event inside race.Disable: it orders
	// nothing.
	Unsync Flags = 1 << iota
	// Early marks a TimerFire at which goroutines could run: the strategy let
	// time pass.
	Early

	// Failed marks a compare-and-swap, an AtomicRMW, that finds another value
	// and changes nothing.
	Failed
)

// Event is one entry of the log, in the order in which things happened. All
// goroutines of an execution take turns, so the order is total.
type Event struct {
	Addr  uint64
	PC    uint64 // return address in the code that did it; 0 where there is none
	Aux   uint64 // by kind
	Size  uint32 // bytes, for ranges and Alloc
	G     int32  // goroutine, counted from 1 in order of creation; 0: timer functions and finalizers
	Stack int32  // index into the captured stacks, -1 when none was taken
	Kind  Kind
	Flags Flags
	_     [2]byte
}

// IsMemory reports whether k touches memory that a race can be on.
func (k Kind) IsMemory() bool { return k >= Read && k <= MapWrite }

// IsAtomic reports whether k is an operation of sync/atomic.
func (k Kind) IsAtomic() bool { return k >= AtomicLoad && k <= AtomicRMW }

// IsCase reports whether e is a case of a select, which the goroutine may take
// or not.
func (e *Event) IsCase() bool { return (e.Kind == ChanSend || e.Kind == ChanRecv) && e.Aux == 1 }

// IsLock reports whether k is an operation on a mutex. It touches the mutex as
// an atomic write does: a plain access to the mutex that is not ordered with it
// is a race. What it orders is said by events of its own.
func (k Kind) IsLock() bool { return k >= Lock && k <= RUnlock }

// IsWrite reports whether k, a memory event, changes what it touches.
func (k Kind) IsWrite() bool {
	switch k {
	case Write, WriteRange, AtomicStore, AtomicRMW, MapWrite:
		return true
	}
	return false
}
