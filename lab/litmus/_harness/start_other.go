//go:build !amd64

package main

// This processor's counter, if it has one, is out of reach or too coarse to
// start two threads within a few cycles: they start with a spin barrier.
func ticks() int64 { return 0 }

const haveTicks = false
