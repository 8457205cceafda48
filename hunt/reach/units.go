package reach

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A unit is a declaration at the top of a file, as far as it can change and be
// reached by itself: a function, a method, a type, a variable with those that
// are declared in the same line, or all constants of a group, since one can
// decide what the next is.
type unit struct {
	names  []string // that it declares; of a method, Type.Method
	code   []string // its tokens
	head   []string // of a method: those before its body
	method string   // the name of a method, without its type
	typ    string   // the name of a type, or the receiver's of a method
	alias  string   // what a type is another name of, if that is one of the package
	root   bool     // runs before any test: init, or a variable whose value is computed

	plain     []string    // identifiers
	qualified []qualified // of other packages
	selected  []string    // fields and methods
	tests     [][2]string // methods that are selected of a parameter that is a *testing.T or its like
}

// qualified is a name of a package that a file imports.
type qualified struct{ path, name string }

// A file is a parsed Go file.
type file struct {
	name  string // of the package in its package clause
	units []*unit
	dots  []string // import paths of dot imports
	links []qualified
	wild  bool // has go:linkname, export or import "C": anything of it can be called from elsewhere

	imports []string // with names, sorted
	rest    []string // tokens outside declarations
}

// parse reads a Go file. pkgName returns the name of the package with an
// import path, and "" if that is not known.
func parse(src []byte, pkgName func(string) string) (*file, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	offset := func(p token.Pos) int { return fset.PositionFor(p, false).Offset }
	out := &file{name: f.Name.Name}
	imports := map[string]string{} // name -> path
	for _, s := range f.Imports {
		p, err := strconv.Unquote(s.Path.Value)
		if err != nil {
			return nil, err
		}
		name := pkgName(p)
		if name == "" {
			name = path.Base(p)
		}
		spec := p
		if s.Name != nil {
			name = s.Name.Name
			spec = name + " " + p
		}
		out.imports = append(out.imports, spec)
		switch {
		case p == "C":
			out.wild = true
		case name == ".":
			out.dots = append(out.dots, p)
		case name != "_":
			imports[name] = p
		}
	}
	slices.Sort(out.imports)
	for _, group := range f.Comments {
		for _, c := range group.List {
			words := strings.Fields(c.Text)
			if len(words) == 0 || words[0] != "//go:linkname" && words[0] != "//export" {
				continue
			}
			out.wild = true
			if len(words) == 3 {
				slash := strings.LastIndexByte(words[2], '/') + 1
				if dot := strings.IndexByte(words[2][slash:], '.'); dot >= 0 {
					out.links = append(out.links, qualified{words[2][:slash+dot], words[2][slash+dot+1:]})
				}
			}
		}
	}
	var rest []byte
	end := 0
	cut := func(doc *ast.CommentGroup, n ast.Node) []string {
		from, to := offset(n.Pos()), offset(n.End())
		if doc != nil {
			from = offset(doc.Pos())
		}
		rest = append(append(rest, src[end:max(from, end)]...), '\n')
		end = to
		tokens, _ := code(src[from:to])
		return tokens
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			u := &unit{code: cut(d.Doc, d), names: []string{d.Name.Name}}
			if d.Recv != nil && len(d.Recv.List) == 1 {
				u.method, u.typ = d.Name.Name, receiver(d.Recv.List[0].Type)
				u.names[0] = u.typ + "." + u.method
				end := d.End()
				if d.Body != nil {
					end = d.Body.Lbrace
				}
				u.head, _ = code(src[offset(d.Pos()):offset(end)])
			}
			u.root = d.Recv == nil && (d.Name.Name == "init" || d.Name.Name == "_")
			u.refer(d, imports)
			out.units = append(out.units, u)
		case *ast.GenDecl:
			tokens := cut(d.Doc, d)
			switch d.Tok {
			case token.CONST:
				u := &unit{code: tokens}
				for _, s := range d.Specs {
					for _, n := range s.(*ast.ValueSpec).Names {
						u.names = append(u.names, n.Name)
					}
				}
				u.refer(d, imports)
				out.units = append(out.units, u)
			case token.VAR, token.TYPE:
				for _, s := range d.Specs {
					u := spec(s, imports)
					u.code, _ = code(src[offset(docOf(s, s.Pos())):offset(s.End())])
					if !d.Lparen.IsValid() {
						u.code = tokens
					}
					u.refer(s, imports)
					out.units = append(out.units, u)
				}
			}
		}
	}
	rest = append(rest, src[end:]...)
	out.rest, _ = code(rest)
	return out, nil
}

// docOf is where the comment above a spec begins.
func docOf(s ast.Spec, pos token.Pos) token.Pos {
	var doc *ast.CommentGroup
	switch s := s.(type) {
	case *ast.ValueSpec:
		doc = s.Doc
	case *ast.TypeSpec:
		doc = s.Doc
	}
	if doc != nil {
		return doc.Pos()
	}
	return pos
}

func spec(s ast.Spec, imports map[string]string) *unit {
	u := &unit{}
	switch s := s.(type) {
	case *ast.TypeSpec:
		u.names, u.typ = []string{s.Name.Name}, s.Name.Name
		if id, ok := s.Type.(*ast.Ident); ok && s.Assign.IsValid() {
			u.alias = id.Name
		}
	case *ast.ValueSpec:
		for _, n := range s.Names {
			u.names = append(u.names, n.Name)
		}
		u.root = slices.ContainsFunc(s.Values, func(e ast.Expr) bool { return !inert(e, imports) })
	}
	return u
}

// receiver is the name of the type in T, *T, T[P] and *T[P, Q].
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.ParenExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	}
	return ""
}

// inert reports whether computing e calls nothing and cannot panic, so that
// who does not use the variable cannot tell.
func inert(e ast.Expr, imports map[string]string) bool {
	all := func(list []ast.Expr) bool {
		return !slices.ContainsFunc(list, func(e ast.Expr) bool { return !inert(e, imports) })
	}
	switch e := e.(type) {
	case *ast.BasicLit, *ast.Ident, *ast.FuncLit, *ast.ArrayType, *ast.MapType, *ast.ChanType, *ast.StructType, *ast.InterfaceType, *ast.FuncType:
		return true
	case *ast.ParenExpr:
		return inert(e.X, imports)
	case *ast.SelectorExpr:
		x, ok := e.X.(*ast.Ident)
		return ok && imports[x.Name] != ""
	case *ast.UnaryExpr:
		return e.Op != token.ARROW && inert(e.X, imports)
	case *ast.BinaryExpr:
		switch e.Op {
		case token.QUO, token.REM, token.SHL, token.SHR, token.EQL, token.NEQ:
			return false
		}
		return inert(e.X, imports) && inert(e.Y, imports)
	case *ast.KeyValueExpr:
		switch e.Key.(type) {
		case *ast.BasicLit, *ast.Ident:
			return inert(e.Value, imports)
		}
		return false
	case *ast.CompositeLit:
		return all(e.Elts)
	case *ast.CallExpr:
		switch fun := e.Fun.(type) {
		case *ast.ArrayType, *ast.MapType, *ast.InterfaceType: // conversions
			return all(e.Args)
		case *ast.ParenExpr: // (*T)(nil)
			_, pointer := fun.X.(*ast.StarExpr)
			return pointer && all(e.Args)
		case *ast.SelectorExpr:
			x, ok := fun.X.(*ast.Ident)
			return ok && imports[x.Name] == "errors" && fun.Sel.Name == "New" && all(e.Args)
		}
	}
	return false
}

// refer notes what a declaration names.
func (u *unit) refer(n ast.Node, imports map[string]string) {
	local := map[string]bool{} // names that the declaration gives to something of its own
	tests := map[string]bool{} // those of them that are a *testing.T or its like
	define := func(list []*ast.Ident, isTest bool) {
		for _, id := range list {
			if local[id.Name] && !tests[id.Name] {
				isTest = false
			}
			local[id.Name], tests[id.Name] = true, isTest
		}
	}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			define(n.Names, isTesting(n.Type, imports))
		case *ast.ValueSpec:
			define(n.Names, false)
		case *ast.AssignStmt:
			for _, e := range n.Lhs {
				if id, ok := e.(*ast.Ident); ok {
					define([]*ast.Ident{id}, false)
				}
			}
		case *ast.RangeStmt:
			for _, e := range []ast.Expr{n.Key, n.Value} {
				if id, ok := e.(*ast.Ident); ok {
					define([]*ast.Ident{id}, false)
				}
			}
		}
		return true
	})
	var visit func(ast.Node) bool
	visit = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if id, ok := n.X.(*ast.Ident); ok {
				if tests[id.Name] {
					u.tests = append(u.tests, [2]string{id.Name, n.Sel.Name})
					return false
				}
				if from := imports[id.Name]; from != "" {
					u.qualified = append(u.qualified, qualified{from, n.Sel.Name})
					if !local[id.Name] {
						return false
					}
				}
			}
			u.selected = append(u.selected, n.Sel.Name)
			ast.Inspect(n.X, visit)
			return false
		case *ast.Ident:
			u.plain = append(u.plain, n.Name)
		}
		return true
	}
	ast.Inspect(n, visit)
	u.plain = compact(u.plain)
	u.selected = compact(u.selected)
}

// isTesting reports whether a type is *testing.T or its like. A testing.TB is
// not: it can be a type of the program.
func isTesting(t ast.Expr, imports map[string]string) bool {
	star, ok := t.(*ast.StarExpr)
	if !ok {
		return false
	}
	sel, ok := star.X.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && imports[id.Name] == "testing"
}

func compact(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
