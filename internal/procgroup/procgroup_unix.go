//go:build unix

package procgroup

import (
	"os/exec"
	"syscall"
)

// Own makes cmd, which is not started yet, the leader of a process group, all
// of which ends when its context does.
func Own(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// Kill ends what cmd left running.
func Kill(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // most often nobody is left
}

// Ask asks cmd and what it has started to end.
func Ask(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // it may have ended
}
