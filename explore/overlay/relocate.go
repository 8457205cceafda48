package overlay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// relocate returns a toolchain that an overlay may patch. Since Go 1.25 the go
// command refuses overlays of files in the module cache (cmd/go/internal/work
// BuildInit), which is where GOTOOLCHAIN puts the releases it downloads. Such a
// GOROOT gets a copy below dir, of hard links where the file system allows.
func relocate(ctx context.Context, dir string, tc Toolchain) (Toolchain, error) {
	if !below(tc.Root, tc.ModCache) {
		return tc, nil
	}
	sum := sha256.Sum256([]byte(tc.Root))
	copied := filepath.Join(dir, "goroot", tc.Version+"-"+hex.EncodeToString(sum[:4]))
	if err := mirror(ctx, copied, tc.Root); err != nil {
		return tc, fmt.Errorf("copy %s out of the module cache: %w", tc.Root, err)
	}
	tc.Root = copied
	return tc, nil
}

func below(dir, parent string) bool {
	if parent == "" {
		return false
	}
	rel, err := filepath.Rel(parent, dir)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// mirror gives every file of a GOROOT that a build needs a place below dst. It
// repairs what is missing or has another size, and other processes may do the
// same meanwhile.
func mirror(ctx context.Context, dst, src string) error {
	return filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dst, rel)
		if d.IsDir() {
			switch rel {
			case "api", "doc", "misc", "test":
				return filepath.SkipDir
			}
			return os.MkdirAll(to, 0o777)
		}
		want, err := d.Info()
		if err != nil || !want.Mode().IsRegular() {
			return err
		}
		if got, err := os.Lstat(to); err == nil && got.Mode() == want.Mode() && got.Size() == want.Size() {
			return nil
		}
		return place(to, path, want.Mode())
	})
}

// place makes dst the same file as src, or else one like it, in one step.
func place(dst, src string, mode fs.FileMode) error {
	temp, err := os.MkdirTemp(filepath.Dir(dst), ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	file := filepath.Join(temp, "file")
	if err := os.Link(src, file); err != nil {
		if err := copyFile(file, src, mode); err != nil {
			return err
		}
	}
	return os.Rename(file, dst)
}

func copyFile(dst, src string, mode fs.FileMode) (err error) {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(dst, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode.Perm()|0o200)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Chmod(mode.Perm())
}
