//go:build !generic

package main

// A key is 8 bytes without pointers: the compiler calls mapaccess2_fast64 and
// mapassign_fast64 for maps of such keys.
type key uint64

const keyKind = "uint64, the fast path of 8-byte keys"

func makeKey(n uint64) key { return key(n) }
