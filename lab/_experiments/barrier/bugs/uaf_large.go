package main

import "unsafe"

func init() { bugs["uaf_large"] = uafLarge }

// large has 64 KiB, so each has a span of its own that goes back to the page
// heap as a whole when it dies.
type large struct {
	v   uint64
	pad [8191]uint64
}

var (
	hiddenLarge uintptr
	sinkLarge   []*large
)

// Wrong: as in uaf_uintptr, with an object above 32 KiB.
// Rule: package unsafe: a uintptr does not keep an object.
func uafLarge() {
	hideLarge()
	collect()
	first := *(*uint64)(unsafe.Pointer(hiddenLarge))
	for i := 0; i < 200; i++ {
		sinkLarge = append(sinkLarge, &large{v: uint64(i)})
	}
	judge(first, *(*uint64)(unsafe.Pointer(hiddenLarge)))
}

//go:noinline
func hideLarge() { hiddenLarge = uintptr(unsafe.Pointer(&large{v: sentinel})) }
