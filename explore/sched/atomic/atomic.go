//go:build ghostread_guest

// Package atomic is what package testing has instead of sync/atomic: the same
// operations, which are neither points nor events. A counter of package
// testing that all tests share would order them, and hide their races.
//
// It has what testing/testing.go uses in Go 1.24 to 1.27.
package atomic

import "internal/runtime/atomic"

type (
	Int64  = atomic.Int64
	Uint32 = atomic.Uint32
)

// Bool is sync/atomic.Bool; the runtime's own has no CompareAndSwap.
type Bool struct{ v atomic.Uint32 }

func number(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

func (b *Bool) Load() bool     { return b.v.Load() != 0 }
func (b *Bool) Store(val bool) { b.v.Store(number(val)) }

func (b *Bool) CompareAndSwap(old, new bool) bool {
	return b.v.CompareAndSwap(number(old), number(new))
}
