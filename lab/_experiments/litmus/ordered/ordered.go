// Package ordered has one thread of each store buffering test, so that its
// instructions can be looked at.
package ordered

import "sync/atomic"

// The variables of the two threads.
var X, Y, Fence int32

// Plain stores, then loads. On amd64 the store goes to the store buffer, and
// the load does not wait for it.
func Plain() int32 {
	X = 1
	return Y
}

// Atomic is the same with sync/atomic.
func Atomic() int32 {
	atomic.StoreInt32(&X, 1)
	return atomic.LoadInt32(&Y)
}

// AtomicLoad has the atomic load only.
func AtomicLoad() int32 {
	X = 1
	return atomic.LoadInt32(&Y)
}

// AtomicStore has the atomic store only.
func AtomicStore() int32 {
	atomic.StoreInt32(&X, 1)
	return Y
}

// Add has an atomic addition to something else between plain accesses.
func Add() int32 {
	X = 1
	atomic.AddInt32(&Fence, 1)
	return Y
}
