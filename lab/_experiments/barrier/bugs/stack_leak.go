package main

import "unsafe"

func init() { bugs["stack_leak"] = stackLeak }

var leaked *node

// Wrong: a pointer to a local variable gets into the heap, hidden from escape
// analysis by a uintptr (the trick of functions named noescape). The goroutine
// ends, its stack is freed, the heap points into it.
// Rule: package unsafe, pattern 3; and an invariant of the runtime: no pointer
// from the heap to a stack.
func stackLeak() {
	done := make(chan bool)
	go func() {
		var o obj
		o.v = sentinel
		u := uintptr(unsafe.Pointer(&o))
		leaked = &node{p: (*obj)(unsafe.Pointer(u ^ 0))}
		done <- true
		deep(3000)
		done <- true
	}()
	<-done
	<-done
	collect()
	reuse()
	collect()
	if v := leaked.p.v; v != sentinel {
		result("wrong", "the variable's place now holds something else")
		return
	}
	result("stale", "the dead stack still holds the variable")
}
