//go:build generic

package main

// A key is 24 bytes without pointers: there is no fast path for it, the
// compiler calls mapaccess2 and mapassign.
type key [3]uint64

const keyKind = "[3]uint64, the generic path"

func makeKey(n uint64) key { return key{n, n, n} }
