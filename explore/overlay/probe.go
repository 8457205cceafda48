package overlay

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Probe asks a release for a feature, so that one patch fits several.
type Probe func(*Source) bool

// Exists is true of a release that has the file or directory.
func Exists(file string) Probe {
	return func(s *Source) bool { return s.exists(file) }
}

// Contains is true of a release whose file exists and contains text.
func Contains(file, text string) Probe {
	return func(s *Source) bool {
		src, err := s.read(file)
		return err == nil && strings.Contains(string(src), text)
	}
}

// Minor is true of Go 1.min up to Go 1.max.
func Minor(min, max int) Probe {
	return func(s *Source) bool { m := s.tc.Minor(); return min <= m && m <= max }
}

// Arch is true of builds for a machine: "amd64".
func Arch(goarch string) Probe {
	return func(s *Source) bool { return s.tc.Arch == goarch }
}

// Not is true when p is not.
func Not(p Probe) Probe {
	return func(s *Source) bool { return !p(s) }
}

// All is true when every probe is.
func All(ps ...Probe) Probe {
	return func(s *Source) bool {
		for _, p := range ps {
			if !p(s) {
				return false
			}
		}
		return true
	}
}

// Source is the src directory of a GOROOT. It remembers what it read.
type Source struct {
	tc    Toolchain
	files map[string][]byte
}

func newSource(tc Toolchain) *Source {
	return &Source{tc: tc, files: map[string][]byte{}}
}

func (s *Source) path(file string) string {
	return filepath.Join(s.tc.Root, "src", filepath.FromSlash(file))
}

func (s *Source) exists(file string) bool {
	_, err := os.Stat(s.path(file))
	return err == nil
}

func (s *Source) read(file string) ([]byte, error) {
	if src, ok := s.files[file]; ok {
		return src, nil
	}
	src, err := os.ReadFile(s.path(file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &AnchorError{Release: s.tc.Version, Root: s.tc.Root, File: file, Problem: "the file does not exist"}
	}
	if err != nil {
		return nil, fmt.Errorf("read a file to patch: %w", err)
	}
	s.files[file] = src
	return src, nil
}

func (s *Source) holds(p Probe) bool { return p == nil || p(s) }
