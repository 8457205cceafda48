// Article is the declaration as the article prints it, in a file around it.
package main

import (
	"runtime"
	"unsafe"
)

//go:linkname mapaccess1 runtime.mapaccess1
func mapaccess1(t *runtime._type, h *runtime.hmap, key unsafe.Pointer) unsafe.Pointer

func main() { runtime.GC() }
