package latency

import (
	"syscall"
	"unsafe"
)

// Thread returns the processor time that the calling thread has used, in
// nanoseconds. The goroutine must be locked to its thread. It does not run
// while the thread waits or another program has the processor, and it costs a
// system call.
func Thread() int64 {
	var ts syscall.Timespec
	const threadCPUTime = 3 // CLOCK_THREAD_CPUTIME_ID
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, threadCPUTime, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}
