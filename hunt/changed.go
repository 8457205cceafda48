package hunt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/explore/build"
	"github.com/ghostread/ghostread/hunt/reach"
)

// RevisionError says that there is nothing to compare the working tree with.
type RevisionError struct {
	Dir, Rev string
	Reason   string // the words of git
	NoRepo   bool   // Dir is not in a git repository
}

func (e *RevisionError) Error() string {
	if e.NoRepo {
		return fmt.Sprintf("--changed-since %s: %s is not in the working tree of a git repository (%s); leave the flag out to explore all tests", e.Rev, e.Dir, e.Reason)
	}
	return fmt.Sprintf("--changed-since %s: git knows no such revision in %s; list branches and tags with: git branch -a; git tag. In a shallow clone, get it with: git fetch origin %s", e.Rev, e.Dir, e.Rev)
}

// change is a file that differs from what it was in a revision.
type change struct {
	name      string // absolute
	untracked bool
	gone      bool   // there is no such file now
	before    []byte // what a Go file was in the revision; nil if that is not known
}

// narrow leaves those packages whose tests may reach what changed since the
// revision, and notes how many tests are left out.
func (h *Hunt) narrow(ctx context.Context, c build.Config, packages []build.Package) ([]build.Package, error) {
	h.report("comparing with " + h.opts.Since)
	list, err := changes(ctx, h.opts.Dir, h.opts.Since)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		h.leftOut = "nothing changed since " + h.opts.Since + ": no test was explored"
		return nil, nil
	}
	closure, err := build.Closures(ctx, c, packages)
	if err != nil {
		return nil, err
	}
	hit := reached(list, packages, closure)
	only, err := byDeclaration(list, packages, closure, hit)
	if err != nil { // of a file that cannot be read or parsed, which says so when it is built
		only = nil
	}
	var kept []build.Package
	var unbuilt, unreached counted
	for _, p := range packages {
		names, err := build.Declared(p.TestFiles)
		if err != nil { // likewise
			kept = append(kept, p)
			continue
		}
		left := 0 // of its tests are left out
		chosen, some := only[p.ImportPath]
		for name := range names {
			if strings.HasPrefix(name, "Benchmark") || h.opts.Run != nil && !h.opts.Run.MatchString(name) {
				continue
			}
			if !hit[p.ImportPath] || some && !chosen[name] {
				left++
			}
		}
		switch {
		case !hit[p.ImportPath]:
			unbuilt.add(left)
			continue
		case some:
			unreached.add(left)
		}
		if !some || len(chosen) > 0 {
			kept = append(kept, p)
		}
	}
	h.only = only
	h.leftTests = unbuilt.tests + unreached.tests
	switch {
	case len(kept) > 0:
		h.leftOut = fmt.Sprintf("changed since %s: %s; left out: %s, built from none of them", h.opts.Since, plural(len(list), "file"), unbuilt)
		if unreached.tests > 0 {
			h.leftOut += fmt.Sprintf("; and %s, which reach no declaration that changed", unreached)
		}
	case unreached.tests > 0:
		h.leftOut = fmt.Sprintf("nothing changed since %s that a test reaches: %s left out", h.opts.Since, plural(h.leftTests, "test"))
	default:
		h.leftOut = fmt.Sprintf("nothing changed since %s that a test is built from: %s left out", h.opts.Since, plural(h.leftTests, "test"))
	}
	return kept, nil
}

// counted is a number of tests and of the packages that have them.
type counted struct{ tests, packages int }

func (c *counted) add(tests int) {
	c.tests += tests
	if tests > 0 {
		c.packages++
	}
}

func (c counted) String() string {
	return plural(c.tests, "test") + " in " + plural(c.packages, "package")
}

// byDeclaration returns, for packages that a change is built into and that
// have tests which reach no declaration that changed, the tests that do. A
// package of which every test is explored has no entry. Changes that can reach
// further than the declarations they are in count for whole packages.
func byDeclaration(list []change, packages []build.Package, closure *build.Closure, hit map[string]bool) (map[string]map[string]bool, error) {
	paths := map[string]string{} // file -> import path
	standard := map[string]bool{}
	for _, parts := range closure.Parts {
		for _, p := range parts {
			if p.Standard {
				standard[p.ImportPath] = true
				continue
			}
			for _, name := range p.Files {
				paths[filepath.Join(real(filepath.Dir(name)), filepath.Base(name))] = p.ImportPath
			}
		}
	}
	changed := map[string]reach.Change{}
	var far []change
	for _, c := range list {
		path := paths[filepath.Join(real(filepath.Dir(c.name)), filepath.Base(c.name))]
		if path == "" || c.before == nil || c.gone {
			far = append(far, c)
			continue
		}
		now, err := os.ReadFile(c.name)
		if err != nil {
			return nil, err
		}
		diff, near := reach.Compare(c.before, now, func(path string) bool { return standard[path] && !registers(path) })
		if !near {
			far = append(far, c)
			continue
		}
		if changed[path] == nil {
			changed[path] = reach.Change{}
		}
		maps.Copy(changed[path], diff)
	}
	whole := reached(far, packages, closure)
	only := map[string]map[string]bool{}
	var source reach.Source
	for _, p := range packages {
		if !hit[p.ImportPath] || whole[p.ImportPath] || closure.Parts[p.ImportPath] == nil {
			continue
		}
		names, err := build.Declared(p.TestFiles)
		if err != nil {
			return nil, err
		}
		b := reach.Binary{Path: p.ImportPath}
		for _, part := range closure.Parts[p.ImportPath] {
			b.Packages = append(b.Packages, &reach.Package{Path: part.ImportPath, Name: part.Name, Files: part.Files, Other: part.Other, Standard: part.Standard})
		}
		tests, err := source.Tests(b, slices.Sorted(maps.Keys(names)), changed)
		if err != nil {
			return nil, err
		}
		if len(tests) == len(names) {
			continue
		}
		only[p.ImportPath] = map[string]bool{}
		for _, name := range tests {
			only[p.ImportPath][name] = true
		}
	}
	return only, nil
}

// registers reports whether importing a package of the standard library may
// change what others of it do.
func registers(path string) bool {
	for _, p := range []string{"image", "crypto", "expvar", "net/http/pprof", "time/tzdata", "hash"} {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// git runs git in dir. The error carries what git said.
func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if msg, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n"); err != nil && msg != "" {
		return nil, errors.New(msg)
	}
	return out, err
}

// changes lists the files of the working tree around dir that differ from
// revision rev, those that git does not track among them. A Go file that
// differs only in comments and space has not changed.
func changes(ctx context.Context, dir, rev string) ([]change, error) {
	out, err := git(ctx, dir, "rev-parse", "--show-toplevel")
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, &RevisionError{Dir: dir, Rev: rev, Reason: err.Error(), NoRepo: true}
	}
	top := strings.TrimSuffix(string(out), "\n")
	out, err = git(ctx, top, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, &RevisionError{Dir: dir, Rev: rev}
	}
	commit := strings.TrimSpace(string(out))
	tracked, err := git(ctx, top, "diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=none", commit, "--")
	if err != nil {
		return nil, fmt.Errorf("git diff %s: %w", rev, err)
	}
	others, err := git(ctx, top, "ls-files", "--others", "--exclude-standard", "-z")
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	var list []change
	for i, names := range []string{string(tracked), string(others)} {
		for name := range strings.SplitSeq(names, "\x00") {
			if name == "" {
				continue
			}
			c := change{name: filepath.Join(top, filepath.FromSlash(name)), untracked: i == 1}
			now, err := os.ReadFile(c.name)
			c.gone = errors.Is(err, fs.ErrNotExist)
			if err == nil && !c.untracked && strings.HasSuffix(name, ".go") {
				before, err := git(ctx, top, "cat-file", "blob", commit+":"+name)
				if err == nil && reach.SameCode(before, now) {
					continue
				}
				if err == nil {
					c.before = before
				}
			}
			list = append(list, c)
		}
	}
	return list, ctx.Err()
}

// reached returns which of the packages have tests that may reach a change:
// their test binaries are made from a changed file, or their tests may read
// one. Where that is not known, the package is reached.
func reached(list []change, packages []build.Package, closure *build.Closure) map[string]bool {
	hit := map[string]bool{}
	everything := func() map[string]bool {
		for _, p := range packages {
			hit[p.ImportPath] = true
		}
		return hit
	}
	known := map[string]bool{} // directories of packages
	for _, p := range packages {
		known[real(p.Dir)] = true
	}
	of := map[string][]string{} // directory -> packages whose test binaries have it
	for _, p := range packages {
		dirs, ok := closure.Dirs[p.ImportPath]
		if !ok {
			hit[p.ImportPath] = true
		}
		for _, d := range dirs {
			d = real(d)
			known[d] = true
			of[d] = append(of[d], p.ImportPath)
		}
	}
	inputs := map[string]bool{}
	for name := range closure.Inputs {
		inputs[filepath.Join(real(filepath.Dir(name)), filepath.Base(name))] = true
	}
	own := func(dir string) {
		for _, p := range packages {
			if real(p.Dir) == dir {
				hit[p.ImportPath] = true
			}
		}
	}
	for _, c := range list {
		dir, base := real(filepath.Dir(c.name)), filepath.Base(c.name)
		data := strings.Contains(filepath.ToSlash(c.name), "/testdata/")
		switch {
		case base == "go.mod" || base == "go.sum" || base == "go.work" || base == "go.work.sum" || base == "modules.txt":
			if !data {
				return everything()
			}
			fallthrough
		case !strings.HasSuffix(base, ".go") || data && len(of[dir]) == 0:
			if inputs[filepath.Join(dir, base)] || c.gone {
				near := nearest(dir, known)
				for _, p := range of[near] {
					hit[p] = true
				}
				own(near)
				break
			}
			if !c.untracked || data {
				own(nearest(dir, known))
			}
		case strings.HasSuffix(base, "_test.go"):
			own(dir)
		default:
			for _, p := range of[dir] {
				hit[p] = true
			}
		}
	}
	return hit
}

// nearest is dir or the directory above it that has a package, "" if none has.
func nearest(dir string, known map[string]bool) string {
	for !known[dir] {
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
	return dir
}

// real is dir without symbolic links: git and the go command may have come to
// it on different ways.
func real(dir string) string {
	if target, err := filepath.EvalSymlinks(dir); err == nil {
		return target
	}
	return dir
}
