package main

import "unsafe"

func init() { bugs["cast_straddle"] = castStraddle }

// Wrong: a pointer to 16 bytes turned into a pointer to 4096.
// Rule: package unsafe, pattern 1: the new type must be "no larger".
//
//go:noinline
func castStraddle() {
	p := new(pair)
	onHeap = p
	q := (*[512]uint64)(unsafe.Pointer(p))
	sum += q[64]
	result("wrong", "a word 512 bytes behind an object of 16 was read")
}
