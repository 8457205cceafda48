package main

import "unsafe"

func init() { bugs["string_mutated"] = stringMutated }

// Wrong: a string that shares memory with a []byte which is written later, as
// with strings.Builder's trick on a buffer that is used again. As the key of a
// map it changes under the map.
// Rule: unsafe.String: "the bytes passed to String must not be modified".
func stringMutated() {
	buffer := []byte("user:1001")
	key := *(*string)(unsafe.Pointer(&buffer)) // unsafe.String before Go 1.20
	blocked := map[string]bool{key: true}
	copy(buffer, "user:2002")
	if !blocked["user:1001"] {
		result("wrong", "the map has lost user:1001")
		return
	}
	result("ok", "the map still has its key")
}
