// Package ops has one function for each operation of sync/atomic, and a plain
// access for comparison. It is not run: what counts is the code that the
// compiler makes of it for a port, which you can see with
//
//	GOARCH=arm64 go build -gcflags=-S .
package ops

import (
	"sync/atomic"
	"unsafe"
)

var (
	n32 int32
	n64 int64
	ptr unsafe.Pointer
	any atomic.Value

	plain    int64
	plainPtr *int64
)

func Load32() int32           { return atomic.LoadInt32(&n32) }
func Load64() int64           { return atomic.LoadInt64(&n64) }
func LoadPtr() unsafe.Pointer { return atomic.LoadPointer(&ptr) }

func Store32(v int32)           { atomic.StoreInt32(&n32, v) }
func Store64(v int64)           { atomic.StoreInt64(&n64, v) }
func StorePtr(v unsafe.Pointer) { atomic.StorePointer(&ptr, v) }

func Add32(v int32) int32 { return atomic.AddInt32(&n32, v) }
func Add64(v int64) int64 { return atomic.AddInt64(&n64, v) }

func Swap32(v int32) int32                    { return atomic.SwapInt32(&n32, v) }
func Swap64(v int64) int64                    { return atomic.SwapInt64(&n64, v) }
func SwapPtr(v unsafe.Pointer) unsafe.Pointer { return atomic.SwapPointer(&ptr, v) }

func CAS32(old, v int32) bool           { return atomic.CompareAndSwapInt32(&n32, old, v) }
func CAS64(old, v int64) bool           { return atomic.CompareAndSwapInt64(&n64, old, v) }
func CASPtr(old, v unsafe.Pointer) bool { return atomic.CompareAndSwapPointer(&ptr, old, v) }

func LoadValue() interface{}   { return any.Load() }
func StoreValue(v interface{}) { any.Store(v) }

func LoadPlain() int64       { return plain }
func StorePlain(v int64)     { plain = v }
func StorePlainPtr(v *int64) { plainPtr = v }

// The two threads of the store buffer test do this, each with its own pair of
// variables. With plain accesses both may load the old value, on amd64 too.
func StoreThenLoad(v int64) int64 {
	atomic.StoreInt64(&n64, v)
	return atomic.LoadInt64(&plain)
}
