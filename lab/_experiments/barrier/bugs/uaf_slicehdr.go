package main

import (
	"reflect"
	"unsafe"
)

func init() { bugs["uaf_slicehdr"] = uafSliceHeader }

// Wrong: a reflect.SliceHeader that is not a slice's: its Data is an integer to
// the collector.
// Rule: package unsafe, pattern 6: SliceHeader is valid only "when interpreting
// the content of an actual slice"; never declare a variable of that type.
func uafSliceHeader() {
	h := new(reflect.SliceHeader)
	fill(h)
	collect()
	first := firstOf(h)
	collect() // firstOf's slice was a reference while it lasted
	reuse()
	judge(first, firstOf(h))
}

//go:noinline
func fill(h *reflect.SliceHeader) {
	h.Data = uintptr(unsafe.Pointer(birth()))
	h.Len, h.Cap = 16, 16
}

//go:noinline
func firstOf(h *reflect.SliceHeader) uint64 {
	s := *(*[]uint64)(unsafe.Pointer(h))
	return s[0]
}
