package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Package is a package with tests.
type Package struct {
	ImportPath string
	Name       string
	Dir        string
	TestFiles  []string // absolute
	Module     string   // path of its module; "" outside of modules
	Root       string   // directory of its module
}

// Listing is what patterns mean.
type Listing struct {
	Packages []Package       // with tests
	Untested []string        // import paths of packages without tests
	Broken   []*PackageError // packages the go command cannot load
}

// List resolves patterns, "./..." when there are none. It loads no
// dependencies; what is wrong with them shows when the tests are built. Without
// any package to explore the error is a [*NoPackagesError], a [*NoTestsError]
// or the [*PackageError]s.
func List(ctx context.Context, c Config, patterns ...string) (*Listing, error) {
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	for _, p := range patterns {
		if strings.HasSuffix(p, ".go") {
			return nil, fmt.Errorf("list %s: name a package, not a file; try ./%s", p, filepath.ToSlash(filepath.Dir(p)))
		}
	}
	args := []string{"list", "-e", "-find", "-json=ImportPath,Name,Dir,TestGoFiles,XTestGoFiles,Module,Error", "-tags=" + tagsOf(c.flags())}
	stdout, stderr, err := c.goCommand(ctx, append(append(args, "--"), patterns...)...)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		if msg := strings.TrimSpace(string(stderr)); noModule(msg) {
			return nil, &NoPackagesError{Dir: c.Dir, Patterns: patterns, Reason: reason(stderr)}
		} else if msg != "" {
			return nil, fmt.Errorf("go list %s: %s", strings.Join(patterns, " "), strings.TrimPrefix(msg, "go: "))
		}
		return nil, fmt.Errorf("go list %s: %w", strings.Join(patterns, " "), err)
	}
	l := &Listing{}
	dec := json.NewDecoder(bytes.NewReader(stdout))
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list %s: %w", strings.Join(patterns, " "), err)
		}
		l.add(p)
	}
	if len(l.Packages) > 0 {
		return l, nil
	}
	switch {
	case len(l.Broken) == 1 && l.Broken[0].unmatched():
		return l, &NoPackagesError{Dir: c.Dir, Patterns: patterns, Reason: l.Broken[0].Msg}
	case len(l.Broken) > 0:
		all := make([]error, len(l.Broken))
		for i, b := range l.Broken {
			all[i] = b
		}
		return l, errors.Join(all...)
	case len(l.Untested) > 0:
		return l, &NoTestsError{Packages: l.Untested}
	}
	return l, &NoPackagesError{Dir: c.Dir, Patterns: patterns, Reason: reason(stderr)}
}

// listed is what go list prints.
type listed struct {
	ImportPath, Name, Dir     string
	TestGoFiles, XTestGoFiles []string
	Module                    *struct{ Path, Dir string }
	Error                     *struct{ Pos, Err string }
}

func (l *Listing) add(p listed) {
	if p.Error != nil {
		l.Broken = append(l.Broken, &PackageError{ImportPath: p.ImportPath, Pos: p.Error.Pos, Msg: strings.TrimSpace(p.Error.Err)})
		return
	}
	pkg := Package{ImportPath: p.ImportPath, Name: p.Name, Dir: p.Dir}
	for _, files := range [][]string{p.TestGoFiles, p.XTestGoFiles} {
		for _, f := range files {
			pkg.TestFiles = append(pkg.TestFiles, filepath.Join(p.Dir, f))
		}
	}
	if len(pkg.TestFiles) == 0 {
		l.Untested = append(l.Untested, p.ImportPath)
		return
	}
	if p.Module != nil {
		pkg.Module, pkg.Root = p.Module.Path, p.Module.Dir
	}
	l.Packages = append(l.Packages, pkg)
}

func tagsOf(flags []string) string {
	for _, f := range flags {
		if name, value := splitFlag(f); name == "tags" {
			return value
		}
	}
	return ""
}

// reason is what go list says of patterns that match nothing.
func reason(stderr []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(stderr)), "\n")
	return strings.TrimPrefix(strings.TrimPrefix(line, "go: "), "warning: ")
}
