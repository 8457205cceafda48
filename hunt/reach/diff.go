package reach

import (
	"fmt"
	"go/scanner"
	"go/token"
	"slices"
	"strings"
)

// SameCode reports whether two Go files differ in nothing that is compiled:
// only in space and in comments that are not directives.
func SameCode(a, b []byte) bool {
	x, ok1 := code(a)
	y, ok2 := code(b)
	return ok1 && ok2 && slices.Equal(x, y)
}

// code is the tokens of Go source. What cannot be scanned, or in which a
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

// Change is what differs between two versions of a Go file: names of
// declarations, methods as Type.Method.
type Change map[string]bool

// Compare returns what changed in a file. It reports false if the change can
// reach further than its declarations do: the package clause, build
// constraints, imports of packages outside the standard library, or anything
// that runs before the tests. standard tells of an import path whether the
// package is in the standard library.
func Compare(before, now []byte, standard func(string) bool) (Change, bool) {
	none := func(string) string { return "" }
	a, err := parse(before, none)
	if err != nil {
		return nil, false
	}
	b, err := parse(now, none)
	if err != nil || a.wild || b.wild || a.name != b.name || !slices.Equal(a.rest, b.rest) {
		return nil, false
	}
	foreign := func(f *file) []string {
		return slices.DeleteFunc(slices.Clone(f.imports), standard)
	}
	if !slices.Equal(foreign(a), foreign(b)) {
		return nil, false
	}
	c := Change{}
	c.addMissing(a, b)
	c.addMissing(b, a)
	// What runs first runs in the order of the file.
	return c, slices.EqualFunc(roots(a), roots(b), func(u, v *unit) bool { return slices.Equal(u.code, v.code) })
}

// addMissing adds the declarations of a that b does not have as they are.
func (c Change) addMissing(a, b *file) {
	same := map[string]bool{}
	heads := map[string]bool{} // of methods
	for _, u := range b.units {
		same[key(u.names, u.code)] = true
		heads[key(u.names, u.head)] = true
	}
	for _, u := range a.units {
		if same[key(u.names, u.code)] {
			continue
		}
		for _, n := range u.names {
			c[n] = true
		}
		if u.method != "" && !heads[key(u.names, u.head)] {
			// Whether a type has a method can be asked without naming it.
			c[u.typ] = true
		}
	}
}

func key(names, tokens []string) string { return fmt.Sprintf("%q", slices.Concat(names, tokens)) }

func roots(f *file) (list []*unit) {
	for _, u := range f.units {
		if u.root {
			list = append(list, u)
		}
	}
	return list
}
