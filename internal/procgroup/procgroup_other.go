//go:build !unix

package procgroup

import "os/exec"

// Own does nothing where there are no process groups.
func Own(*exec.Cmd) {}

// Kill does nothing where there are no process groups.
func Kill(*exec.Cmd) {}

// Ask ends cmd where there are no process groups.
func Ask(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
