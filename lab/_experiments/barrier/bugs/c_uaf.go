package main

// #include <stdlib.h>
import "C"

import "unsafe"

func init() { bugs["c_uaf"] = cUseAfterFree }

// Wrong: Go reads C memory after C.free.
// Rule: malloc's memory ends with free; the collector knows nothing of it.
func cUseAfterFree() {
	p := (*uint64)(C.calloc(1, 64))
	C.free(unsafe.Pointer(p))
	sum += *p
	result("stale", "C memory was read after C.free")
}
