package main

import "unsafe"

func init() { bugs["cast_misaligned"] = castMisaligned }

// offset is a variable because go1.20 -asan ends with "internal compiler error:
// unaligned pointer write" where it can see a constant.
var offset = 1

// Wrong: a pointer is kept at an odd address.
// Rule: package unsafe: the conversion must respect alignment; the collector
// looks for pointers in aligned words only and does not find this one.
//
//go:noinline
func castMisaligned() {
	b := make([]byte, 64)
	slot := (**obj)(unsafe.Pointer(&b[offset]))
	*slot = onlyGlobal
	sum += uint64(b[8])
	result("ok", "a pointer slot at an odd address was used")
}

var onlyGlobal *obj
