package main

import (
	"runtime"
	"syscall"
	"unsafe"
)

// pin ties the calling goroutine to one CPU of those the process may use: the
// n-th, counted from 0. On a busy machine the scheduler else likes to put
// writer and reader on one CPU, where they never run at the same time.
func pin(n int) {
	runtime.LockOSThread()
	var allowed, one [16]uint64 // 1024 CPUs
	syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(allowed), uintptr(unsafe.Pointer(&allowed)))
	for cpu := uint(0); cpu < 1024; cpu++ {
		if allowed[cpu/64]>>(cpu%64)&1 == 0 {
			continue
		}
		if n == 0 {
			one[cpu/64] = 1 << (cpu % 64)
			syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(one), uintptr(unsafe.Pointer(&one)))
			return
		}
		n--
	}
}
