package main

// #include <stdlib.h>
import "C"

import "unsafe"

func init() { bugs["c_oob"] = cOutOfBounds }

// Wrong: Go reads behind a block of C memory.
// Rule: package unsafe, pattern 3: stay in the object.
func cOutOfBounds() {
	p := C.calloc(1, 64)
	sum += *(*uint64)(unsafe.Add(p, 72))
	result("wrong", "8 bytes behind a C block of 64 were read")
	C.free(p)
}
