package main

/*
extern void *newNode(void);
static void *askGo(void) { return newNode(); }
*/
import "C"

func init() { bugs["cgo_return"] = cgoReturn }

// Wrong: a Go function called from C returns a Go pointer (see cgo_export.go).
// Rule: cgo: "a Go function called by C code may not return a Go pointer" unless
// it is pinned.
func cgoReturn() {
	C.askGo()
	result("ok", "C got a Go pointer from Go")
}
