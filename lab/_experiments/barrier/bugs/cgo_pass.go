package main

/*
#include <stdint.h>
static uint64_t readWord(void *p) { return *(uint64_t *)p; }
*/
import "C"

import "unsafe"

func init() { bugs["cgo_pass"] = cgoPass }

// Wrong: a Go pointer to memory that holds another Go pointer is passed to C.
// Rule: cgo: the memory passed must not contain Go pointers, unless pinned.
func cgoPass() {
	n := &node{p: birth()}
	C.readWord(unsafe.Pointer(n))
	result("ok", "C got a Go pointer to a Go pointer")
}
