package build

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// keepBytes is how much the binaries of all packages may take in the cache
// before those that were not used for longest are removed.
const keepBytes = 4 << 30

// inUse holds the files whose shared locks say that this process may still run
// binaries of their directories. They stay open until it ends.
var inUse struct {
	sync.Mutex
	files map[string]*os.File
}

// hold keeps other processes from evicting dir as long as this one runs. It is
// best effort: where files cannot be locked, nothing is evicted either.
func hold(dir string) {
	inUse.Lock()
	defer inUse.Unlock()
	if inUse.files[dir] != nil {
		return
	}
	f, err := os.OpenFile(filepath.Join(dir, "used"), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return
	}
	if lockFile(f, false) != nil {
		f.Close()
		return
	}
	if inUse.files == nil {
		inUse.files = map[string]*os.File{}
	}
	inUse.files[dir] = f
}

// evict removes directories of parent, those first that were not used for
// longest, until the rest takes no more than limit bytes. It leaves those alone
// that a process holds or builds in, and errors: a cache is right whatever
// remains in it.
func evict(parent string, limit int64) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	type used struct {
		dir   string
		at    time.Time
		bytes int64
	}
	var all []used
	total := int64(0)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() {
			continue
		}
		u := used{filepath.Join(parent, e.Name()), info.ModTime(), diskBytes(filepath.Join(parent, e.Name()))}
		total += u.bytes
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b used) int { return a.at.Compare(b.at) })
	for _, u := range all {
		if total <= limit {
			return
		}
		if remove(u.dir) {
			total -= u.bytes
		}
	}
}

// remove removes dir unless somebody needs it, and reports whether it did.
func remove(dir string) bool {
	for _, name := range []string{"lock", "used"} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR, 0o666)
		if err != nil {
			return false
		}
		defer f.Close() // which gives the lock back
		if lockFile(f, true) != nil {
			return false
		}
	}
	return os.RemoveAll(dir) == nil
}

// diskBytes is what the files of dir take. Those with several names count once.
func diskBytes(dir string) (n int64) {
	seen := map[uint64]bool{}
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		if n, ok := inode(info); ok {
			if seen[n] {
				return nil
			}
			seen[n] = true
		}
		n += info.Size()
		return nil
	})
	return n
}
