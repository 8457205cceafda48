package main

// #include <stdlib.h>
import "C"

import "unsafe"

func init() { bugs["uaf_cmem"] = uafCMemory }

// Wrong: Go stores the only reference to an object in memory of C.malloc.
// Rule: cgo: "Go code may not store a Go pointer in non-Go memory" unless pinned.
func uafCMemory() {
	slot := (*unsafe.Pointer)(C.calloc(1, 64))
	storeInC(slot)
	collect()
	first := value(*slot)
	reuse()
	judge(first, value(*slot))
}

//go:noinline
func storeInC(slot *unsafe.Pointer) { *slot = unsafe.Pointer(birth()) }
