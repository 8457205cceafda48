// Package publish mixes sync/atomic and unsafe in every way the article worries
// about, and has pointers and slices for the compiler to check. It is compiled
// with several flags; the listings and the compiler's remarks are compared.
package publish

import (
	"sync/atomic"
	"unsafe"
)

type User struct{ Status string }

var (
	current unsafe.Pointer
	version uint64
)

func Publish(u *User) {
	u.Status = "blocked"
	atomic.StorePointer(&current, unsafe.Pointer(u))
	atomic.StoreUint64(&version, 1)
}

func Read() (string, bool) {
	if atomic.LoadUint64(&version) == 0 {
		return "", false
	}
	// A plain load of a pointer that is stored atomically: the mix that is said
	// to be warned of.
	return (*User)(current).Status, true
}

func Local() *int {
	x := 42
	return &x
}

func At(s []int, i int) int { return s[i] }

func Word(b []byte, offset uintptr) uint32 {
	return *(*uint32)(unsafe.Pointer(uintptr(unsafe.Pointer(&b[0])) + offset))
}
