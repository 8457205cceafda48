//go:build go1.21

package main

func empty(m map[uint64]uint64) { clear(m) }
