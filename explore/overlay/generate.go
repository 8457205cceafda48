package overlay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Overlay is a patched release, ready for the go command.
type Overlay struct {
	Toolchain Toolchain
	Dir       string   // the generated files
	File      string   // overlay.json
	Flags     []string // what go build and go test need: -overlay and, for Patch.Plain, -gcflags
	Sum       string   // hash of everything in Dir
}

// Generate applies a patch to a toolchain. The result lies below dir, or
// below the user's cache directory when dir is empty, and is reused when it is
// there and whole. The toolchain of the result is the one to build with: it
// differs from tc when tc lies in the module cache, whose files the go command
// does not let an overlay replace. Tests can be explored with it if
// [Patch.Check] says so.
func Generate(ctx context.Context, dir string, tc Toolchain, p Patch) (*Overlay, error) {
	if !p.applies(tc) {
		return nil, p.Check(tc)
	}
	dir, err := CacheDir(dir)
	if err != nil {
		return nil, err
	}
	if tc, err = relocate(ctx, dir, tc); err != nil {
		return nil, err
	}
	files, removed, err := p.apply(tc)
	if err != nil {
		return nil, err
	}
	sum := checksum(tc, files, removed)
	dir = filepath.Join(dir, "overlay", strings.Join([]string{tc.Version, tc.OS, tc.Arch, sum[:20]}, "-"))
	content := make(map[string][]byte, len(files)+1)
	replace := make(map[string]string, len(files)+len(removed))
	for name, src := range files {
		rel := filepath.Join("src", filepath.FromSlash(name))
		content[rel] = src
		replace[filepath.Join(tc.Root, rel)] = filepath.Join(dir, rel)
	}
	for _, name := range removed {
		replace[filepath.Join(tc.Root, "src", filepath.FromSlash(name))] = ""
	}
	list, err := json.MarshalIndent(map[string]any{"Replace": replace}, "", "\t")
	if err != nil {
		return nil, err
	}
	content["overlay.json"] = append(list, '\n')
	if err := store(ctx, dir, content); err != nil {
		return nil, fmt.Errorf("write overlay: %w", err)
	}
	Use(dir, keep)
	o := &Overlay{Toolchain: tc, Dir: dir, File: filepath.Join(dir, "overlay.json"), Sum: sum}
	o.Flags = []string{"-overlay=" + o.File}
	for _, pattern := range p.Plain {
		o.Flags = append(o.Flags, "-gcflags="+pattern+"=-race=false")
	}
	return o, nil
}

// apply returns the files to replace or add, and those to remove.
func (p Patch) apply(tc Toolchain) (files map[string][]byte, removed []string, err error) {
	src := newSource(tc)
	targets := map[string]*target{}
	for _, e := range p.Edits {
		if !src.holds(e.When) {
			continue
		}
		t := targets[e.File]
		if t == nil {
			text, err := src.read(e.File)
			if err != nil {
				return nil, nil, err
			}
			t = &target{src: src, file: e.File, text: string(text)}
			targets[e.File] = t
		}
		if err := t.add(e); err != nil {
			return nil, nil, err
		}
	}
	files = map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		out, err := targets[name].result()
		if err != nil {
			return nil, nil, err
		}
		files[name] = []byte(out)
	}
	for _, a := range p.Add {
		if !src.holds(a.When) {
			continue
		}
		if files[a.File] != nil {
			return nil, nil, fmt.Errorf("patch %s: %s is added twice, or edited and added", tc.Version, a.File)
		}
		files[a.File] = a.Source
		if !strings.HasSuffix(a.File, ".go") && !src.exists(path.Dir(a.File)) {
			return nil, nil, fmt.Errorf("patch %s: add %s: the go command runs the assembler in the package's directory, and an overlay cannot create one; declare what has no body with go:linkname", tc.Version, a.File)
		}
		if strings.HasSuffix(a.File, ".go") {
			if files[a.File], err = Guest(a.File, a.Source, nil, false); err != nil {
				return nil, nil, fmt.Errorf("add %s: %w", a.File, err)
			}
		}
	}
	for _, name := range p.Remove {
		if !src.exists(name) {
			return nil, nil, &AnchorError{Release: tc.Version, Root: tc.Root, File: name, Problem: "the file to remove does not exist"}
		}
		if files[name] != nil {
			return nil, nil, fmt.Errorf("patch %s: %s is both removed and changed", tc.Version, name)
		}
		removed = append(removed, name)
	}
	slices.Sort(removed)
	return files, removed, nil
}

// checksum names the content of an overlay. The GOROOT is part of it because
// overlay.json holds its path.
func checksum(tc Toolchain, files map[string][]byte, removed []string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", []string{tc.Version, tc.Root, tc.OS, tc.Arch, tc.Experiment})
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%q %d\n", name, len(files[name]))
		h.Write(files[name])
	}
	fmt.Fprintf(h, "%q\n", removed)
	return hex.EncodeToString(h.Sum(nil))
}

// CacheDir is dir, or ghostread's part of the user's cache directory when dir
// is empty.
func CacheDir(dir string) (string, error) {
	if dir != "" {
		return filepath.Abs(dir)
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a directory for patched sources: %w; set XDG_CACHE_HOME", err)
	}
	return filepath.Join(base, "ghostread"), nil
}

// store makes dir hold exactly the files of content. Several processes may do
// it at once with the same content.
func store(ctx context.Context, dir string, content map[string][]byte) error {
	if whole(dir, content) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	fresh := filepath.Join(temp, "overlay")
	for name, src := range content {
		if err := write(filepath.Join(fresh, name), src); err != nil {
			return err
		}
	}
	// A directory cannot be renamed over one that is not empty. What is there
	// another process has just put there, or it is damaged; then the files take
	// their places one by one, while others may be reading their neighbours.
	err = os.Rename(fresh, dir)
	if !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, syscall.EEXIST) {
		return err
	}
	for name, src := range content {
		path := filepath.Join(dir, name)
		if same(path, src) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(fresh, name), path); err != nil {
			return err
		}
	}
	return nil
}

func write(path string, src []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(path, src, 0o666); err != nil {
		return err
	}
	return os.Chtimes(path, time.Time{}, modTime(src))
}

// modTime is a time long ago that is different for different content. The go
// command keeps an index of each directory of GOROOT by the names, times and
// sizes of its files (cmd/go/internal/modindex dirHash): with one time for all,
// it would take an old file for the new one; with files of the last two
// seconds it does without the index, and then does not see packages that only
// the overlay has.
func modTime(src []byte) time.Time {
	sum := sha256.Sum256(src)
	return time.Unix(1e9+int64(binary.BigEndian.Uint32(sum[:])%(1<<28)), int64(binary.BigEndian.Uint32(sum[4:])%1e9))
}

// whole reports whether dir holds the files of content, undamaged.
func whole(dir string, content map[string][]byte) bool {
	for name, want := range content {
		if !same(filepath.Join(dir, name), want) {
			return false
		}
	}
	return true
}

func same(path string, want []byte) bool {
	info, err := os.Stat(path)
	if err != nil || info.Size() != int64(len(want)) || !info.ModTime().Equal(modTime(want)) {
		return false
	}
	got, err := os.ReadFile(path)
	return err == nil && bytes.Equal(got, want)
}
