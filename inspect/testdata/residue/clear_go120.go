//go:build !go1.21

package main

// empty is what the compiler makes a call of mapclear.
func empty(m map[uint64]uint64) {
	for k := range m {
		delete(m, k)
	}
}
