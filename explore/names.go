package explore

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"

	"github.com/ghostread/ghostread/finding"
)

// source names variables by what the program's text says. A variable that
// escapes to the heap has a type there, or not even that when the compiler
// puts several into one allocation; its name is in the statement that uses it.
type source struct {
	files map[string]map[use][]string
}

// use is what a statement does to a variable, and where.
type use struct {
	line int
	what string // "assign", "send", "receive", or the name of a method
}

// at returns the variable or expression that the statement at f does what to,
// "" if that is not one thing.
func (s *source) at(f finding.Frame, what string) string {
	uses, ok := s.files[f.File]
	if !ok {
		uses = readUses(f.File)
		if s.files == nil {
			s.files = map[string]map[use][]string{}
		}
		s.files[f.File] = uses
	}
	if names := uses[use{f.Line, what}]; len(names) == 1 {
		return names[0]
	}
	return ""
}

// readUses reads a file of the program. One that cannot be read or parsed has
// no uses.
func readUses(file string) map[use][]string {
	fset := token.NewFileSet()
	tree, _ := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution) // what could be parsed is enough
	uses := map[use][]string{}
	if tree == nil {
		return uses
	}
	add := func(what string, x ast.Expr, at token.Pos) {
		if text := types.ExprString(x); text != "_" && len(text) <= maxName {
			u := use{fset.Position(at).Line, what}
			uses[u] = append(uses[u], text)
		}
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, x := range n.Lhs {
				add("assign", x, x.Pos())
			}
		case *ast.IncDecStmt:
			add("assign", n.X, n.X.Pos())
		case *ast.ValueSpec:
			for _, x := range n.Names {
				add("assign", x, x.Pos())
			}
		case *ast.SendStmt:
			add("send", n.Chan, n.Pos())
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				add("receive", n.X, n.Pos())
			}
		case *ast.RangeStmt:
			add("receive", n.X, n.Pos())
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok {
				add(f.Sel.Name, f.X, n.Pos())
			}
		}
		return true
	})
	return uses
}

// maxName keeps expressions that are a story of their own out of sentences.
const maxName = 40

// nameless reports whether o says no more than a type, or nothing.
func (o object) nameless() bool {
	return !o.fromText && (!strings.Contains(o.name, ".") || strings.HasPrefix(o.name, "struct {") || o.name == o.typ)
}

// called returns o under the name that the program's text gives it.
func (o object) called(name string) object {
	if name == "" || !o.nameless() {
		return o
	}
	return object{name: name, typ: o.typ, kind: o.kind, fromText: true}
}
