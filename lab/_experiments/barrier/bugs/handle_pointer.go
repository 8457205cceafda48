package main

// static void take(void *p) {}
import "C"

import (
	"runtime/cgo"
	"unsafe"
)

func init() { bugs["handle_pointer"] = handlePointer }

// Wrong: a cgo.Handle, a small number, is put into an unsafe.Pointer to go
// through a void * of C. While it is there the stack grows and the runtime meets
// a "pointer" to page zero.
// Rule: cgo.Handle: pass uintptr(h), or a pointer to the handle, never h as a pointer.
//
//go:noinline
func handlePointer() {
	done := make(chan bool)
	go func() {
		h := cgo.NewHandle(birth())
		p := unsafe.Pointer(h)
		deep(2000)
		C.take(p)
		h.Delete()
		done <- true
	}()
	<-done
	result("ok", "C got a number as a pointer")
}
