package main

import "unsafe"

func init() { bugs["arith_out"] = arithOut }

// pair has two words.
type pair struct{ a, b uint64 }

var onHeap *pair

// Wrong: arithmetic on a uintptr leads out of the object.
// Rule: package unsafe, pattern 3: the result "must continue to point into the
// original allocated object".
//
//go:noinline
func arithOut() {
	p := new(pair)
	onHeap = p
	q := (*uint64)(unsafe.Pointer(uintptr(unsafe.Pointer(p)) + 4096))
	sum += *q
	result("wrong", "a word 4096 bytes behind an object of 16 was read")
}

var sum uint64
