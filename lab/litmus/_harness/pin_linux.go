package main

import (
	"math/bits"
	"syscall"
	"unsafe"
)

// A mask has a bit for each CPU.
type mask [16]uint64

// cpus returns the CPUs that this process may use.
func cpus() []int {
	var m mask
	if _, _, e := syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(m), uintptr(unsafe.Pointer(&m))); e != 0 {
		return nil
	}
	var list []int
	for i, w := range m {
		for ; w != 0; w &= w - 1 {
			list = append(list, 64*i+bits.TrailingZeros64(w))
		}
	}
	return list
}

// pinTo keeps the calling thread on these CPUs.
func pinTo(list ...int) {
	var m mask
	for _, c := range list {
		m[c/64] |= 1 << (uint(c) % 64)
	}
	syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(m), uintptr(unsafe.Pointer(&m)))
}

// hurry raises the priority of the calling thread above what else runs on the
// machine. Two threads meet only while both have a CPU, which on a busy machine
// is a small part of the time. It needs a privilege, and does without it.
func hurry() {
	const self, most = 0, -20
	nice := most
	syscall.RawSyscall(syscall.SYS_SETPRIORITY, syscall.PRIO_PROCESS, self, uintptr(nice))
}

// yield lets another thread have the CPU.
func yield() { syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }
