// Package typed does with the types of sync/atomic, which came with Go 1.19,
// what package ops does with its functions.
package typed

import "sync/atomic"

var (
	n32 atomic.Int32
	n64 atomic.Int64
	ptr atomic.Pointer[int64]
)

func Load32() int32   { return n32.Load() }
func Load64() int64   { return n64.Load() }
func LoadPtr() *int64 { return ptr.Load() }

func Store32(v int32)   { n32.Store(v) }
func Store64(v int64)   { n64.Store(v) }
func StorePtr(v *int64) { ptr.Store(v) }

func Add32(v int32) int32 { return n32.Add(v) }
func Add64(v int64) int64 { return n64.Add(v) }

func Swap64(v int64) int64 { return n64.Swap(v) }

func CAS64(old, v int64) bool { return n64.CompareAndSwap(old, v) }
