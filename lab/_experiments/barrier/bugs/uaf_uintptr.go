package main

import "unsafe"

func init() { bugs["uaf_uintptr"] = uafUintptr }

var hidden uintptr

// Wrong: the only reference to an object is kept in a uintptr.
// Rule: package unsafe: "a uintptr is an integer, not a reference"; it "will not
// keep that object from being reclaimed". Pattern 3 wants the conversion there
// and back in one expression.
func uafUintptr() {
	hide()
	collect()
	first := value(unsafe.Pointer(hidden))
	reuse()
	judge(first, value(unsafe.Pointer(hidden)))
}

//go:noinline
func hide() { hidden = uintptr(unsafe.Pointer(birth())) }
