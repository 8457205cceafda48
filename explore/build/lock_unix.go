//go:build unix

package build

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// errLocked is lockFile's when the lock is another's, or a signal came.
var errLocked = errors.New("somebody else has the lock")

// lockFile locks f without waiting, for one or, shared, for many. Closing f
// gives the lock back.
func lockFile(f *os.File, alone bool) error {
	how := syscall.LOCK_SH
	if alone {
		how = syscall.LOCK_EX
	}
	err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return errLocked
	}
	return err
}

// inode is the same for all names of a file.
func inode(info fs.FileInfo) (uint64, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return s.Ino, true
}
