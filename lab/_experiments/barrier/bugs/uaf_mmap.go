//go:build linux || darwin

package main

import (
	"syscall"
	"unsafe"
)

func init() { bugs["uaf_mmap"] = uafMmap }

// Wrong: the only reference is in a page from mmap, outside the Go heap.
// Rule: the collector scans the Go heap, stacks and globals, nothing else. The
// type says pointer, the store even runs the write barrier, and in vain.
func uafMmap() {
	page, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	useSlot(unsafe.Pointer(&page[0]))
}

func useSlot(slot unsafe.Pointer) {
	storeIn(slot)
	collect()
	first := value(*(*unsafe.Pointer)(slot))
	reuse()
	judge(first, value(*(*unsafe.Pointer)(slot)))
}

//go:noinline
func storeIn(slot unsafe.Pointer) { *(*unsafe.Pointer)(slot) = unsafe.Pointer(birth()) }
