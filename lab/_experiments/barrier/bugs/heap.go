package main

import (
	"fmt"
	"runtime"
	"unsafe"
)

// sentinel is what an object holds while it is alive.
const sentinel = 0x5eed5eed5eed5eed

// obj has 1240 bytes and no pointers: it goes into the size class of 1280
// bytes, which nothing else in this program uses. So a dead obj's slot is
// taken again by another obj or by nobody.
type obj struct {
	v   uint64
	pad [154]uint64
}

// node is an object with a pointer.
type node struct {
	p   *obj
	pad [7]uint64
}

var sink []*obj

// birth makes an object that is alive only as long as the caller keeps it.
// Its neighbours stay alive, so that its span stays in use when it dies and
// just one slot of it is free.
//
//go:noinline
func birth() *obj {
	for i := 0; i < 40; i++ {
		sink = append(sink, &obj{v: 1})
	}
	o := &obj{v: sentinel}
	for i := 0; i < 40; i++ {
		sink = append(sink, &obj{v: 1})
	}
	return o
}

// value reads the first word of an object that may be dead.
//
//go:noinline
func value(p unsafe.Pointer) uint64 { return (*obj)(p).v }

// collect runs two cycles: the first finds what is dead, the second is sure
// that it is swept and that no stack still had it by chance.
func collect() { runtime.GC(); runtime.GC() }

// reuse allocates until free slots of obj's size have new owners.
func reuse() {
	for i := 0; i < 20000; i++ {
		o := &obj{v: uint64(i)}
		if i%16 == 0 {
			sink = append(sink, o)
		}
	}
}

// judge tells what two reads of a dead object have shown: one after the
// collection, one after its memory could be used again.
func judge(first, later uint64) {
	fact("first", state(first))
	fact("later", state(later))
	text := fmt.Sprintf("(after the collection %#x, after more allocations %#x)", first, later)
	switch {
	case first == sentinel && later == sentinel:
		result("ok", "the object is as it was %s", text)
	case first == sentinel:
		result("stale", "a dead object read as if alive, then its memory had another owner %s", text)
	default:
		result("wrong", "%s", text)
	}
}

func state(v uint64) string {
	switch {
	case v == sentinel:
		return "stale"
	case uint32(v) == 0xdeadbeef: // what GODEBUG=clobberfree=1 writes: runtime/mgcsweep.go clobberfree
		return "clobbered"
	}
	return "other"
}
