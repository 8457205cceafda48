package main

import (
	"runtime"
	"unsafe"
)

func init() { bugs["add_oob"] = addBeyond }

// Wrong: unsafe.Add beyond the object, still inside its slot of 1280 bytes.
// Rule: package unsafe, pattern 3: not even one past the end is allowed.
//
//go:noinline
func addBeyond() {
	p := birth()
	q := (*uint64)(unsafe.Add(unsafe.Pointer(p), unsafe.Sizeof(*p)+8))
	sum += *q
	result("wrong", "a word behind the object was read")
	runtime.KeepAlive(p)
}
