//go:build ghostread_guest

package sync

import "unsafe"

// The kinds of package event that operations of this package have.
const (
	ghostLock = 36 + iota
	ghostTryLock
	ghostUnlock
	ghostRLock
	ghostTryRLock
	ghostRUnlock
	ghostWaitGroupAdd
	ghostWaitGroupWait
	ghostCondWait
	ghostCondSignal
	ghostCondBroadcast
)

// ghostEnter and ghostLeave, in package runtime, bracket one operation.
//
//go:linkname ghostEnter
func ghostEnter(kind uint8, p unsafe.Pointer)

//go:linkname ghostLeave
func ghostLeave()
