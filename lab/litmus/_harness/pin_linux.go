package main

import (
	"math/bits"
	"os"
	"strconv"
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

// hurry makes the threads of this process real-time threads, which run before
// what else wants the CPU; those that they start inherit it. Two threads meet
// only while both have a CPU, and on a busy machine that is a small part of the
// time. It needs a privilege, and does without it. The system still keeps a
// twentieth of the time for the others.
func hurry() {
	const fifo = 1
	priority := int32(1)
	threads, _ := os.ReadDir("/proc/self/task")
	for _, t := range threads {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			syscall.RawSyscall(syscall.SYS_SCHED_SETSCHEDULER, uintptr(id), fifo, uintptr(unsafe.Pointer(&priority)))
		}
	}
}

// yield lets another thread have the CPU.
func yield() { syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }
