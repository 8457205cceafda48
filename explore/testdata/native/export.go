package native

import "C"

import "sync/atomic"

var sum atomic.Int32

//export back
func back(n C.int) { sum.Add(int32(n)) }
