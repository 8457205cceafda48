package lab

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"

	"github.com/ghostread/ghostread/explore/overlay"
)

// Source returns the experiment as a user can take it along: its files, and a
// go.mod beside each program.
func (e *Experiment) Source() (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(e.dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[name], err = fs.ReadFile(e.dir, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, s := range e.Steps {
		if s.folder() == "" && s.Litmus == nil {
			continue
		}
		own, err := e.files(s)
		if err != nil {
			return nil, err
		}
		for name, src := range own {
			files[path.Join(cmp.Or(s.folder(), s.Name), name)] = src
		}
	}
	return files, nil
}

// overlayFile is the name of the file for go build -overlay that a step needs.
func (s *Step) overlayFile() string { return "overlay-" + s.Name + ".json" }

// Overlays patches the standard library of a release as the steps of the
// experiment ask for, in the user's cache directory, and returns for each such
// step the file that go build -overlay takes, by its place in [Source]. A step
// that is not for that release has none.
func (e *Experiment) Overlays(ctx context.Context, name string) (map[string][]byte, error) {
	local, err := overlay.Detect(ctx, os.TempDir(), baseEnv())
	if err != nil {
		return nil, err
	}
	r := find(ctx, name, local)
	if r.info.Skipped != "" {
		return nil, errors.New(r.info.Skipped)
	}
	dir, err := overlay.CacheDir("")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, s := range e.Steps {
		if len(s.Build.Overlay) == 0 || s.skip(r.info, true) != "" {
			continue
		}
		tc := r.tc
		tc.Experiment = s.Build.Env["GOEXPERIMENT"]
		o, err := patched(ctx, dir, tc, s.Build.Overlay)
		if err != nil {
			return nil, err
		}
		text, err := os.ReadFile(o.File)
		if err != nil {
			return nil, err
		}
		// The engine may have built with a copy of the release, the user does not.
		text = bytes.ReplaceAll(text, []byte(`"`+o.Toolchain.Root+"/"), []byte(`"`+r.tc.Root+"/"))
		files[path.Join(s.folder(), s.overlayFile())] = text
	}
	return files, nil
}
