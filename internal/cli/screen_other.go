//go:build !unix

package cli

import "os"

// No signal tells of the size of a terminal here, and none stops a process.
func notifyScreen(chan<- os.Signal) {}

func suspends(os.Signal) bool { return false }

func suspend() {}
