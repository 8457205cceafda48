//go:build !unix

package build

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
)

var errLocked = errors.New("somebody else has the lock")

// lockFile fails: nothing is explored where package overlay has no patch, so
// nothing is built.
func lockFile(*os.File, bool) error {
	return errors.New("files cannot be locked on " + runtime.GOOS + ": explore on linux/amd64")
}

func inode(fs.FileInfo) (uint64, bool) { return 0, false }
