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
}

// Closures lists what the tests of packages depend on, tests of dependencies
// not counted. A package that cannot be loaded has no entry in Dirs.
func Closures(ctx context.Context, c Config, packages []Package) (*Closure, error) {
	inputs := []string{"CFiles", "CXXFiles", "MFiles", "HFiles", "FFiles", "SFiles", "SwigFiles", "SwigCXXFiles", "SysoFiles", "EmbedFiles", "TestEmbedFiles", "XTestEmbedFiles"}
	args := []string{"list", "-e", "-deps", "-test", "-json=ImportPath,Dir,Standard,Deps,Incomplete," + strings.Join(inputs, ","), "-tags=" + tagsOf(c.flags()), "--"}
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
	l := &Closure{Dirs: map[string][]string{}, Inputs: map[string]bool{}}
	for dec := json.NewDecoder(bytes.NewReader(stdout)); ; {
		var p struct {
			ImportPath, Dir      string
			Standard, Incomplete bool
			Deps                 []string

			CFiles, CXXFiles, MFiles, HFiles, FFiles, SFiles, SwigFiles, SwigCXXFiles, SysoFiles []string
			EmbedFiles, TestEmbedFiles, XTestEmbedFiles                                          []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list -deps: %w", err)
		}
		if p.Standard {
			continue
		}
		dirs[p.ImportPath] = p.Dir
		for _, name := range slices.Concat(p.CFiles, p.CXXFiles, p.MFiles, p.HFiles, p.FFiles, p.SFiles, p.SwigFiles, p.SwigCXXFiles, p.SysoFiles,
			p.EmbedFiles, p.TestEmbedFiles, p.XTestEmbedFiles) {
			l.Inputs[filepath.Join(p.Dir, name)] = true
		}
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
		}
		slices.Sort(all)
		l.Dirs[p.ImportPath] = slices.Compact(all)
	}
	return l, nil
}
