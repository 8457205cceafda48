package main

// #include <stdlib.h>
import "C"

func init() { bugs["c_double_free"] = cDoubleFree }

// Wrong: C memory is freed twice, as when a Close method and a finalizer both do it.
// Rule: free wants a block that is allocated.
func cDoubleFree() {
	p := C.calloc(1, 64)
	C.free(p)
	C.free(p)
	result("wrong", "freed twice")
}
