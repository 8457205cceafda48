package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// output is a file that appears under its name whole or not at all: a hunt
// that cannot run leaves the results of the one before.
type output struct {
	*os.File
	name string // "" for what is written in place
}

// create makes a file that will be called name. What is no regular file, a
// device or a pipe, is written in place.
func create(name string) (*output, error) {
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target // a link stays a link
	}
	mode := fs.FileMode(0o644)
	switch info, err := os.Stat(name); {
	case err == nil && !info.Mode().IsRegular():
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		return &output{File: f}, err
	case err == nil:
		mode = info.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".ghostread-")
	if err != nil {
		// The name of the temporary file would tell the user nothing.
		if p, ok := errors.AsType[*fs.PathError](err); ok {
			err = &fs.PathError{Op: "create", Path: name, Err: p.Err}
		}
		return nil, err
	}
	if err := f.Chmod(mode); err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil, err
	}
	return &output{f, name}, nil
}

// keep gives the file its name.
func (o *output) keep() error {
	if err := o.Close(); err != nil {
		return err
	}
	if o.name == "" {
		return nil
	}
	name := o.name
	o.name = ""
	return os.Rename(o.File.Name(), name)
}

// abandon removes what was not kept.
func (o *output) abandon() {
	if o.name != "" {
		o.Close()
		os.Remove(o.File.Name())
	}
}
