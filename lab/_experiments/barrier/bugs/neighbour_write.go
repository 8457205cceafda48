package main

import "unsafe"

func init() { bugs["neighbour_write"] = neighbourWrite }

// full fills its slot of 1280 bytes: right behind it is the next object.
type full [160]uint64

// Wrong: a write one element past the end of an object, into its neighbour.
// Rule: package unsafe, pattern 3: not even one past the end is allowed.
//
//go:noinline
func neighbourWrite() {
	var all [64]*full
	for i := range all {
		all[i] = new(full)
	}
	p := all[3]
	*(*uint64)(unsafe.Add(unsafe.Pointer(p), unsafe.Sizeof(*p))) = 1
	for _, f := range all {
		if f[0] != 0 {
			result("wrong", "another object was written")
			return
		}
	}
	result("ok", "no object was written")
}
