package hunt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/explore/build"
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
	gone      bool // there is no such file now
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
	kept := slices.DeleteFunc(slices.Clone(packages), func(p build.Package) bool { return !hit[p.ImportPath] })
	tests := 0
	for _, p := range packages {
		if hit[p.ImportPath] {
			continue
		}
		names, err := build.Declared(p.TestFiles)
		if err != nil { // what cannot be parsed says why when it is built
			kept = append(kept, p)
			continue
		}
		for name := range names {
			if !strings.HasPrefix(name, "Benchmark") && (h.opts.Run == nil || h.opts.Run.MatchString(name)) {
				tests++
			}
		}
	}
	h.leftTests = tests
	if len(kept) == 0 {
		h.leftOut = fmt.Sprintf("nothing changed since %s that a test is built from: %s left out", h.opts.Since, plural(tests, "test"))
		return nil, nil
	}
	h.leftOut = fmt.Sprintf("changed since %s: %s; left out: %s in %s, built from none of them",
		h.opts.Since, plural(len(list), "file"), plural(tests, "test"), plural(len(packages)-len(kept), "package"))
	return kept, nil
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
				if err == nil && sameCode(before, now) {
					continue
				}
			}
			list = append(list, c)
		}
	}
	return list, ctx.Err()
}

// sameCode reports whether two Go files differ in nothing that is compiled:
// only in space and in comments that are not directives.
func sameCode(a, b []byte) bool {
	x, ok1 := code(a)
	y, ok2 := code(b)
	return ok1 && ok2 && slices.Equal(x, y)
}

// code is the tokens of a Go file. A file that cannot be scanned, or in which a
// comment may be C, has none.
func code(src []byte) (list []string, ok bool) {
	fset := token.NewFileSet()
	ok = true
	var s scanner.Scanner
	s.Init(fset.AddFile("", -1, len(src)), src, func(token.Position, string) { ok = false }, scanner.ScanComments)
	for {
		_, tok, text := s.Scan()
		switch {
		case tok == token.EOF:
			return list, ok
		case tok == token.COMMENT && !directive(text):
			continue
		case tok == token.STRING && text == `"C"`:
			return nil, false
		case tok == token.SEMICOLON:
			text = "" // a newline or a semicolon
		case (tok == token.RBRACE || tok == token.RPAREN) && len(list) > 0 && list[len(list)-1] == ";":
			list = list[:len(list)-1] // may be left out
		}
		list = append(list, tok.String()+text)
	}
}

func directive(comment string) bool {
	for _, p := range []string{"//go:", "//export ", "//line ", "/*line ", "// +build", "//extern "} {
		if strings.HasPrefix(comment, p) {
			return true
		}
	}
	return strings.Contains(comment, "Output:") || strings.Contains(comment, "output:") // of an example
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
