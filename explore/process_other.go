//go:build !unix

package explore

import "os/exec"

func ownGroup(cmd *exec.Cmd)  {}
func killGroup(cmd *exec.Cmd) {}
