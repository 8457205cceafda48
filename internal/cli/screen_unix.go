//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyScreen asks for the signals that matter to whoever draws on a terminal.
func notifyScreen(c chan<- os.Signal) { signal.Notify(c, syscall.SIGWINCH, syscall.SIGTSTP) }

// suspends reports whether a signal is that of Ctrl-Z.
func suspends(sig os.Signal) bool { return sig == syscall.SIGTSTP }

// suspend stops the process. A signal that was asked for stops nobody, this one
// always does.
func suspend() { _ = syscall.Kill(syscall.Getpid(), syscall.SIGSTOP) }
