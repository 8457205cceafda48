package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// Closure says which directories the test binaries of packages are made from.
type Closure struct {
	Dirs   map[string][]string // by import path of the package under test; without those of the standard library
	Inputs map[string]bool     // absolute names of files other than Go's that are compiled in or embedded
	Parts  map[string][]*Part  // what the test binaries are compiled from, by import path of the package under test
}

// Part is a package in a test binary, those of the standard library too. The
// package under test comes with its tests; its external tests are a part of
// their own, whose ImportPath ends in _test.
type Part struct {
	ImportPath string
	Name       string
	Files      []string // absolute names of Go files
	Other      []string // of assembly and C files
	Standard   bool
}

// Closures lists what the tests of packages depend on, tests of dependencies
// not counted. A package that cannot be loaded has no entry in Dirs.
func Closures(ctx context.Context, c Config, packages []Package) (*Closure, error) {
	inputs := []string{"CFiles", "CXXFiles", "MFiles", "HFiles", "FFiles", "SFiles", "SwigFiles", "SwigCXXFiles", "SysoFiles", "EmbedFiles", "TestEmbedFiles", "XTestEmbedFiles"}
	args := []string{"list", "-e", "-deps", "-test", "-json=ImportPath,Name,Dir,Standard,Deps,Incomplete,GoFiles,CgoFiles," + strings.Join(inputs, ","), "-tags=" + tagsOf(c.flags()), "--"}
	for _, p := range packages {
		args = append(args, p.ImportPath)
	}
	stdout, stderr, err := c.goCommand(ctx, args...)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("go list -deps: %w: %s", err, bytes.TrimSpace(stderr))
	}
	dirs := map[string]string{} // by import path, of variants for tests too
	tests := map[string][]string{}
	parts := map[string]*Part{} // likewise
	l := &Closure{Dirs: map[string][]string{}, Inputs: map[string]bool{}, Parts: map[string][]*Part{}}
	for dec := json.NewDecoder(bytes.NewReader(stdout)); ; {
		var p struct {
			ImportPath, Name, Dir   string
			Standard, Incomplete    bool
			Deps, GoFiles, CgoFiles []string

			CFiles, CXXFiles, MFiles, HFiles, FFiles, SFiles, SwigFiles, SwigCXXFiles, SysoFiles []string
			EmbedFiles, TestEmbedFiles, XTestEmbedFiles                                          []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list -deps: %w", err)
		}
		part := &Part{ImportPath: p.ImportPath, Name: p.Name, Standard: p.Standard}
		part.ImportPath, _, _ = strings.Cut(p.ImportPath, " ") // "a [b.test]" is a as the tests of b have it
		for _, name := range slices.Concat(p.GoFiles, p.CgoFiles) {
			part.Files = append(part.Files, filepath.Join(p.Dir, name))
		}
		parts[p.ImportPath] = part
		if p.Standard {
			continue
		}
		for _, name := range slices.Concat(p.CFiles, p.CXXFiles, p.MFiles, p.HFiles, p.FFiles, p.SFiles, p.SwigFiles, p.SwigCXXFiles, p.SysoFiles) {
			part.Other = append(part.Other, filepath.Join(p.Dir, name))
			l.Inputs[filepath.Join(p.Dir, name)] = true
		}
		for _, name := range slices.Concat(p.EmbedFiles, p.TestEmbedFiles, p.XTestEmbedFiles) {
			l.Inputs[filepath.Join(p.Dir, name)] = true
		}
		dirs[p.ImportPath] = p.Dir
		if of, ok := strings.CutSuffix(p.ImportPath, ".test"); ok && !p.Incomplete {
			tests[of] = p.Deps
		}
	}
	for _, p := range packages {
		deps, ok := tests[p.ImportPath]
		if !ok {
			continue
		}
		all := []string{p.Dir}
		for _, d := range deps {
			if dir := dirs[d]; dir != "" {
				all = append(all, dir)
			}
			if part := parts[d]; part != nil {
				l.Parts[p.ImportPath] = append(l.Parts[p.ImportPath], part)
			}
		}
		slices.Sort(all)
		l.Dirs[p.ImportPath] = slices.Compact(all)
	}
	return l, nil
}
