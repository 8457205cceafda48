package main

/*
#include <stdlib.h>
#include <string.h>
static char *name(void) { return strdup("user:1001, and some more so that it is not tiny"); }
*/
import "C"

import "unsafe"

func init() { bugs["c_string"] = cString }

// Wrong: a Go string over C memory, without the copy that C.GoString makes; the
// memory is freed while the string lives on.
// Rule: unsafe.String: the bytes must stay as they are "as long as the returned
// string value exists". The compiler relies on it: it takes a string's bytes for
// constant and leaves reads of them out of -asan (ssa/writebarrier.go,
// IsSanitizerSafeAddr).
func cString() {
	p := C.name()
	b := unsafe.Slice((*byte)(unsafe.Pointer(p)), 47)
	s := *(*string)(unsafe.Pointer(&b)) // unsafe.String before Go 1.20
	C.free(unsafe.Pointer(p))
	if s[:9] != "user:1001" {
		result("wrong", "the string has changed")
		return
	}
	result("stale", "the string still reads as before")
}
