// Package store has the two stores that the experiment compares. The compiler
// decides by the type whether one needs a write barrier.
package store

import "unsafe"

// Node has a pointer.
type Node struct{ next *Node }

// Pointer stores a pointer: with a write barrier.
func Pointer(n, next *Node) { n.next = next }

// Number stores the same word as a number: without.
func Number(n *Node, next uintptr) { *(*uintptr)(unsafe.Pointer(&n.next)) = next }
