package overlay

import (
	"os"
	"path/filepath"
	"time"
)

// Use marks a directory of a cache as used now and removes its neighbours that
// nobody has used for longer than age. It is best effort: a cache is right
// whatever remains in it.
func Use(dir string, age time.Duration) {
	now := time.Now()
	_ = os.Chtimes(dir, now, now)
	parent := filepath.Dir(dir)
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.IsDir() && now.Sub(info.ModTime()) > age {
			_ = os.RemoveAll(filepath.Join(parent, e.Name()))
		}
	}
}

// keep is how long an overlay stays that nobody uses.
const keep = 30 * 24 * time.Hour
