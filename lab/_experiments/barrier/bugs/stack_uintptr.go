package main

import "unsafe"

func init() { bugs["stack_uintptr"] = stackUintptr }

// Wrong: the address of a local variable kept in a uintptr while the stack grows.
// Growing copies the stack and corrects pointers to it, not integers
// (runtime/stack.go copystack): the write goes to the old, freed stack.
// Rule: package unsafe: "a uintptr's value will not be updated if the object moves".
func stackUintptr() {
	written := make(chan uint64)
	go func() {
		var x uint64 = sentinel
		p := uintptr(unsafe.Pointer(&x))
		deep(2000)
		*(*uint64)(unsafe.Pointer(p)) = 1
		written <- x
	}()
	if x := <-written; x != 1 {
		result("wrong", "the write went to the stack as it was before")
		return
	}
	result("ok", "the variable was written")
}

//go:noinline
func deep(n int) int {
	var b [512]byte
	b[n%512] = 1
	if n == 0 {
		return int(b[0])
	}
	return deep(n-1) + int(b[1])
}
