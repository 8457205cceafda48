package main

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
	"unsafe"
)

func init() {
	bugs["wb_bypass"] = func() { moveDuringMarking(true, false) }
	bugs["wb_again"] = func() { moveDuringMarking(true, true) }
	bugs["wb_control"] = func() { moveDuringMarking(false, false) }
}

// target is what is moved. It has an id that its owner knows too.
type target struct {
	id  uint64
	pad [7]uint64
}

// owner is allocated while marking runs, hence black from birth: the collector
// will not look into it in this cycle (runtime/mbarrier.go: "allocate black").
// It is of another size than target, so that owners do not take the memory of
// targets that are freed.
type owner struct {
	p   *target
	id  uint64
	pad [14]uint64
}

// Wrong: the only reference to an object is moved with stores of type uintptr,
// for which the compiler emits no write barrier.
// Rule: package unsafe, pattern 1 (a pointer is not a uintptr), and the invariant
// of runtime/mbarrier.go: while marking runs, each pointer store shades the pointer
// that is overwritten (deletion barrier) and, if the stack is not scanned yet, the
// new one (insertion barrier). Here marking has not reached the table's slot when
// the reference leaves it, and never looks into the new owner: the object is freed
// while its owner points to it.
//
// With bypass false the very same moves are made with pointer stores.
//
// With again true a second collection comes before anybody has used the freed
// memory. It meets pointers to free slots, and mgcsweep.go reportZombies ends the
// process. Without it, it is as if nothing had happened.
func moveDuringMarking(bypass, again bool) {
	debug.SetGCPercent(1000) // no collections but those that are asked for

	const slots = 1 << 17 // marking the table and its targets takes some milliseconds
	table := make([]*target, slots)
	var keep []*target // some live neighbours in each span
	id := uint64(0)
	fill := func() {
		for i := range table {
			id++
			table[i] = &target{id: id}
			if i%16 == 0 {
				id++
				keep = append(keep, &target{id: id})
			}
		}
	}
	fill()

	var moves, lost, cycles int
	deadline := time.Now().Add(3 * time.Second)
	for lost == 0 && (cycles < 5 || bypass && time.Now().Before(deadline)) {
		cycles++
		var over int32
		go func() {
			runtime.GC() // marks, and sweeps to the end
			atomic.StoreInt32(&over, 1)
		}()
		var owners []*owner
		for k := 0; k < slots && atomic.LoadInt32(&over) == 0; k++ {
			i := (k * 7919) % slots // all over the table: marking goes through it in some order
			o := &owner{id: table[i].id}
			if bypass {
				*(*uintptr)(unsafe.Pointer(&o.p)) = *(*uintptr)(unsafe.Pointer(&table[i]))
				*(*uintptr)(unsafe.Pointer(&table[i])) = 0
			} else {
				o.p = table[i]
				table[i] = nil
			}
			owners = append(owners, o)
		}
		for atomic.LoadInt32(&over) == 0 {
			time.Sleep(100 * time.Microsecond)
		}
		moves += len(owners)
		if again {
			runtime.GC()
		}
		for _, o := range owners { // what was freed has no new owner yet
			if v := o.p.id; v != o.id {
				fact("first", state(v))
				break
			}
		}
		fill() // now it has
		for _, o := range owners {
			if o.p.id != o.id {
				lost++
			}
		}
	}
	runtime.KeepAlive(table)
	runtime.KeepAlive(keep)

	fact("moves", moves)
	fact("lost", lost)
	if lost > 0 {
		result("wrong", "%d objects that had an owner were freed and used again, in cycle %d, of %d moves", lost, cycles, moves)
	} else {
		result("ok", "%d moves in %d cycles, all objects there", moves, cycles)
	}
}
