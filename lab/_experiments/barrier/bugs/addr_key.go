package main

import (
	"runtime"
	"unsafe"
)

func init() { bugs["addr_key"] = addrKey }

// Wrong: an object's address as its name, in a cache that does not keep the
// object. Another object gets the address, and with it what was said of the dead one.
// Rule: package unsafe: a uintptr is a number without the semantics of a pointer.
// Nothing is read out of bounds and nothing dead: no memory tool can see it.
func addrKey() {
	notes := map[uintptr]string{}
	remember(notes)
	collect()
	for i := 0; i < 200000; i++ {
		o := &obj{v: uint64(i)}
		if note, ok := notes[uintptr(unsafe.Pointer(o))]; ok {
			fact("found_after", i+1)
			result("wrong", "a new object is taken for a dead one: %q", note)
			return
		}
		sink = append(sink[:0], o)
		if i%1000 == 0 {
			runtime.Gosched()
		}
	}
	result("ok", "the address was not used again")
}

//go:noinline
func remember(notes map[uintptr]string) { notes[uintptr(unsafe.Pointer(birth()))] = "user 1, blocked" }
