package strategy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// TestFitsTheOverlay holds the package to what its second life, inside the
// standard library of the tested program, allows: few imports, and no function
// literals, which a go:norace on the enclosing function does not cover.
func TestFitsTheOverlay(t *testing.T) {
	allowed := map[string]bool{`"github.com/ghostread/ghostread/explore/event"`: true, `"math/bits"`: true}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, e.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range f.Imports {
			if !allowed[imp.Path.Value] {
				t.Errorf("%s imports %s", e.Name(), imp.Path.Value)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.FuncLit); ok {
				t.Errorf("%s: function literal", fset.Position(lit.Pos()))
			}
			return true
		})
	}
}
