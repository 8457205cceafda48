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
// puts several into one allocation; its name is in the statement that writes
// it.
type source struct {
	files map[string]map[int][]string // file -> line -> what is assigned to there
}

// assigned returns what the statement at f assigns to, "" if that is not one
// thing.
func (s *source) assigned(f finding.Frame) string {
	lines, ok := s.files[f.File]
	if !ok {
		lines = assignments(f.File)
		if s.files == nil {
			s.files = map[string]map[int][]string{}
		}
		s.files[f.File] = lines
	}
	if at := lines[f.Line]; len(at) == 1 {
		return at[0]
	}
	return ""
}

// assignments reads the targets of all assignments of a file by line. A file
// that cannot be read or parsed has none.
func assignments(file string) map[int][]string {
	fset := token.NewFileSet()
	tree, _ := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution) // what could be parsed is enough
	lines := map[int][]string{}
	if tree == nil {
		return lines
	}
	add := func(x ast.Expr) {
		if text := types.ExprString(x); text != "_" {
			at := fset.Position(x.Pos()).Line
			lines[at] = append(lines[at], text)
		}
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, x := range n.Lhs {
				add(x)
			}
		case *ast.IncDecStmt:
			add(n.X)
		case *ast.ValueSpec:
			for _, x := range n.Names {
				add(x)
			}
		}
		return true
	})
	return lines
}

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
