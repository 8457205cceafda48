package main

/*
#include <stdlib.h>
#include <string.h>
static void *sevens(void) { return memset(malloc(64), 7, 64); }
*/
import "C"

import (
	"runtime"
	"time"
	"unsafe"
)

func init() { bugs["c_finalizer"] = cFinalizer }

// handle owns C memory; its finalizer frees that.
type handle struct{ p unsafe.Pointer }

// Wrong: the C memory of an object is used after the object's last use: its
// finalizer may have freed it. runtime.KeepAlive(h) at the end is missing.
// Rule: runtime.SetFinalizer: an object is not live to the end of its scope.
func cFinalizer() {
	h := &handle{C.sevens()}
	runtime.SetFinalizer(h, func(h *handle) { C.free(h.p) })
	if v := h.use(); v != 0x0707070707070707 {
		result("wrong", "the memory was freed under its user")
		return
	}
	result("ok", "the memory was not freed yet")
}

//go:noinline
func (h *handle) use() uint64 {
	p := h.p // h's last use
	for i := 0; i < 2; i++ {
		runtime.GC()
		time.Sleep(5 * time.Millisecond)
	}
	return *(*uint64)(p)
}
