package main

import "unsafe"

func init() { bugs["uaf_noscan"] = uafNoscan }

var arena = make([]byte, 4096)

// Wrong: a home-made arena: objects with pointers are placed in a []byte.
// Rule: package unsafe, pattern 1: the two types must "share an equivalent
// memory layout". Where pointers are is decided when memory is allocated, and
// a []byte has none: the collector never looks into it.
func uafNoscan() {
	n := (*node)(unsafe.Pointer(&arena[0]))
	storeNode(n)
	collect()
	first := value(unsafe.Pointer(n.p))
	reuse()
	judge(first, value(unsafe.Pointer(n.p)))
}

//go:noinline
func storeNode(n *node) { n.p = birth() }
