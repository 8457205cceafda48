package main

import (
	"runtime"
	"unsafe"
)

func init() { bugs["slice_oob1"] = sliceOneMore }

// Wrong: unsafe.Slice one element too long. The allocator rounds 1240 bytes up
// to 1280, so the word belongs to the object's slot, though not to the object.
// Rule: unsafe.Slice's memory must lie in one allocated object.
//
//go:noinline
func sliceOneMore() {
	p := birth()
	s := unsafe.Slice(&p.v, 156)
	sum += s[155]
	result("wrong", "the word behind the object was read")
	runtime.KeepAlive(p)
}
