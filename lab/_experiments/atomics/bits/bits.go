// Package bits has the operations that sync/atomic got with Go 1.23. When
// nobody asks for the old value, a port may have a shorter instruction.
package bits

import "sync/atomic"

var (
	n32 uint32
	n64 uint64
)

func And32(mask uint32)           { atomic.AndUint32(&n32, mask) }
func And64(mask uint64)           { atomic.AndUint64(&n64, mask) }
func And64Old(mask uint64) uint64 { return atomic.AndUint64(&n64, mask) }

func Or32(mask uint32)           { atomic.OrUint32(&n32, mask) }
func Or64(mask uint64)           { atomic.OrUint64(&n64, mask) }
func Or64Old(mask uint64) uint64 { return atomic.OrUint64(&n64, mask) }
