package inspect

import (
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// dieWithUs makes the kernel kill the program when the thread that starts it
// ends, as it does when we are killed.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL }

// untilEnd returns when a child of ours has ended. It does not wait for it in
// the sense of wait(2), which would take the stops that a tracer waits for, be
// it another thread.
func untilEnd(pid int) {
	if fd, err := unix.PidfdOpen(pid, 0); err == nil { // Linux 5.3
		defer unix.Close(fd)
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			if n > 0 || err != nil && err != unix.EINTR {
				return
			}
		}
	}
	for s := threadState(pid, pid); s != "" && s != "Z"; s = threadState(pid, pid) {
		time.Sleep(10 * time.Millisecond)
	}
}
