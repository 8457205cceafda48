// Package procgroup runs a command as a process group of its own, so that
// whatever the command starts ends with it.
package procgroup
