package overlay

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// GuestTag is the build tag of Go files that only compile inside a patched
// standard library. [Guest] takes it away.
const GuestTag = "ghostread_guest"

const noraceText = "//go:norace"

// Guest turns a source file of this module into one of the standard library:
// it drops a "//go:build ghostread_guest" line, or keeps the rest of one that
// goes on with "&&" (the releases it is for), rewrites import paths, and puts
// //go:norace before every function when norace is set. The keys of imports
// are paths, or prefixes when they end in a slash. The lines keep their
// numbers.
func Guest(file string, src []byte, imports map[string]string, norace bool) ([]byte, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	text := string(src)
	offset := func(p token.Pos) int { return fset.PositionFor(p, false).Offset }
	var splices []splice
	for _, group := range f.Comments {
		if group.Pos() > f.Package {
			break
		}
		for _, c := range group.List {
			if rest, ok := unguested(c.Text); ok {
				from := offset(c.Pos())
				splices = append(splices, splice{from, from + len(c.Text), rest})
			}
		}
	}
	for _, s := range f.Imports {
		old, err := strconv.Unquote(s.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: import %s: %w", file, s.Path.Value, err)
		}
		if to, ok := rewrite(old, imports); ok {
			splices = append(splices, splice{offset(s.Path.Pos()), offset(s.Path.End()), strconv.Quote(to)})
		}
	}
	if norace {
		splices = append(splices, noraceSplices(fset, f, text)...)
	}
	t := target{src: newSource(Toolchain{}), file: path.Base(file), text: text, splices: splices}
	out, err := t.result()
	return []byte(out), err
}

// unguested is a build constraint without the guest's tag; false if it does
// not begin with it.
func unguested(line string) (string, bool) {
	x, err := constraint.Parse(line)
	if err != nil {
		return "", false
	}
	rest, ok := withoutTag(x)
	if !ok || rest == nil {
		return "", ok
	}
	return "//go:build " + rest.String(), true
}

// withoutTag takes the tag off the front of "tag && x && y", which is
// (tag && x) && y. The rest is nil when there is none.
func withoutTag(x constraint.Expr) (rest constraint.Expr, ok bool) {
	switch x := x.(type) {
	case *constraint.TagExpr:
		return nil, x.Tag == GuestTag
	case *constraint.AndExpr:
		left, ok := withoutTag(x.X)
		if left == nil {
			return x.Y, ok
		}
		return &constraint.AndExpr{X: left, Y: x.Y}, ok
	}
	return x, false
}

// rewrite prefers the whole path to a prefix, and a longer prefix to a shorter.
func rewrite(importPath string, imports map[string]string) (string, bool) {
	if to, ok := imports[importPath]; ok {
		return to, true
	}
	best := ""
	for from := range imports {
		if strings.HasSuffix(from, "/") && strings.HasPrefix(importPath, from) && len(from) > len(best) {
			best = from
		}
	}
	return imports[best] + strings.TrimPrefix(importPath, best), best != ""
}

// GuestPackage turns the Go and assembly files of a directory, without its
// tests, into files of a package of the standard library. See [Guest] for
// imports and norace.
func GuestPackage(importPath string, fsys fs.FS, dir string, imports map[string]string, norace bool) ([]Added, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("add package %s: %w", importPath, err)
	}
	var added []Added
	for _, e := range entries {
		name := e.Name()
		isGo := strings.HasSuffix(name, ".go")
		if e.IsDir() || strings.HasSuffix(name, "_test.go") || !isGo && !strings.HasSuffix(name, ".s") {
			continue
		}
		src, err := fs.ReadFile(fsys, path.Join(dir, name))
		if err == nil && isGo {
			src, err = Guest(name, src, imports, norace)
		}
		if err != nil {
			return nil, fmt.Errorf("add %s to package %s: %w", name, importPath, err)
		}
		added = append(added, Added{File: path.Join(importPath, name), Source: src})
	}
	if len(added) == 0 {
		return nil, fmt.Errorf("add package %s: no Go files", importPath)
	}
	return added, nil
}

// noraceSplices puts //go:norace before every function that has a body and
// not the pragma. It takes the empty line above the function, or above its
// comment, when there is one: the pragma must stand on a line by itself, and
// no other line moves.
func noraceSplices(fset *token.FileSet, f *ast.File, text string) []splice {
	var splices []splice
	last := f.Name.End() // of the declaration before
	for _, d := range f.Decls {
		above := last
		last = d.End()
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil || norace(f, above, fn.Pos()) {
			continue
		}
		start := fn.Pos()
		if fn.Doc != nil {
			start = fn.Doc.Pos()
		}
		at := fset.PositionFor(start, false).Offset
		switch {
		case at > 0 && text[at-1] != '\n':
			// Something precedes on the line, as in "package p; func f() {}".
			splices = append(splices, splice{at, at, "\n" + noraceText + "\n"})
		case at > 1 && text[at-2] == '\n':
			splices = append(splices, splice{at - 1, at - 1, noraceText})
		default:
			splices = append(splices, splice{at, at, noraceText + "\n"})
		}
	}
	return splices
}

// norace reports whether the pragma stands between two declarations. The
// compiler takes it from there, in the comment of the function or not.
func norace(f *ast.File, from, to token.Pos) bool {
	for _, group := range f.Comments {
		if from <= group.Pos() && group.Pos() < to && slices.ContainsFunc(group.List, func(c *ast.Comment) bool {
			return strings.TrimSpace(c.Text) == noraceText
		}) {
			return true
		}
	}
	return false
}
