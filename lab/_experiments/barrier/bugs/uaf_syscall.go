//go:build linux || darwin

package main

import (
	"syscall"
	"unsafe"
)

func init() { bugs["uaf_syscall"] = uafSyscall }

// Wrong: the address for a system call is computed before the call, in another
// statement; the buffer is not used again and dies in between. The kernel then
// sends whatever is in its memory: the dead object, later another one.
// Rule: package unsafe, pattern 4: the conversion to uintptr "must appear in the
// call expression itself". There is no conversion back, so nothing can check it.
func uafSyscall() {
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		panic(err)
	}
	addr := addressOfNew()
	collect()
	first := through(fds, addr)
	reuse()
	judge(first, through(fds, addr))
}

//go:noinline
func addressOfNew() uintptr { return uintptr(unsafe.Pointer(birth())) }

// through has the kernel copy the word at addr out of this process.
func through(fds [2]int, addr uintptr) uint64 {
	if _, _, e := syscall.Syscall(syscall.SYS_WRITE, uintptr(fds[1]), addr, 8); e != 0 {
		panic(e)
	}
	var word uint64
	if _, err := syscall.Read(fds[0], (*[8]byte)(unsafe.Pointer(&word))[:]); err != nil {
		panic(err)
	}
	return word
}
