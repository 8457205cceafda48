package main

import (
	"reflect"
	"unsafe"
)

func init() { bugs["string_const"] = stringConst }

var label = "constant"

// Wrong: a string's bytes are written through a slice made from it. Bytes of a
// constant are in read-only pages.
// Rule: unsafe.StringData: "since Go strings are immutable, the bytes must not be
// modified".
//
//go:noinline
func stringConst() {
	h := (*reflect.StringHeader)(unsafe.Pointer(&label))
	b := unsafe.Slice((*byte)(unsafe.Pointer(h.Data)), h.Len)
	b[0] = 'C'
	result("wrong", "a constant was changed: %s", label)
}
