package inspect

import (
	"os/exec"
	"syscall"
)

// dieWithUs makes the kernel kill the program when the thread that starts it
// ends, as it does when we are killed.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL }
