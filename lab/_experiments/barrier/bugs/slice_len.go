package main

import "unsafe"

func init() { bugs["slice_len"] = sliceLen }

// Wrong: unsafe.Slice with a length beyond the object.
// Rule: unsafe.Slice's memory must lie in one allocated object.
//
//go:noinline
func sliceLen() {
	p := new(pair)
	onHeap = p
	s := unsafe.Slice(&p.a, 512)
	sum += s[64]
	result("wrong", "a word 512 bytes behind an object of 16 was read")
}
