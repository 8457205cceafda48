package main

// static void use(void) {}
import "C"

import "runtime/cgo"

func init() { bugs["handle_deleted"] = handleDeleted }

// Wrong: a cgo.Handle is used after Delete.
// Rule: cgo.Handle: it is valid until Delete. Handles are numbers that are given
// out once, so the misuse is always noticed, unlike that of a freed address.
func handleDeleted() {
	C.use()
	h := cgo.NewHandle(birth())
	h.Delete()
	sum += h.Value().(*obj).v
	result("wrong", "a deleted handle gave a value")
}
