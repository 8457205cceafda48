package main

/*
#include <stdint.h>
static uint64_t *kept;
static void keep(void *p) { kept = (uint64_t *)p; }
static uint64_t readKept(void) { return *kept; }
*/
import "C"

import "unsafe"

func init() { bugs["uaf_ckeeps"] = uafCKeeps }

// Wrong: C keeps a Go pointer after the call, Go does not.
// Rule: cgo: "C code may keep a copy of a Go pointer only as long as the memory it
// points to is pinned" (before Go 1.21: not after the call returns).
func uafCKeeps() {
	give()
	collect()
	first := uint64(C.readKept())
	reuse()
	judge(first, uint64(C.readKept()))
}

//go:noinline
func give() { C.keep(unsafe.Pointer(birth())) }
