//go:build cgo_planted

package main

// The C linker has to link a program that uses cgo.

// int one(void) { return 1; }
import "C"

var _ = C.one()
