package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFitsTheOverlay holds explore/detect and explore/strategy to what their
// documentation says of their second life, inside the standard library of the
// tested program: even fewer imports than the arrows allow, and no function
// literals.
func TestFitsTheOverlay(t *testing.T) {
	allowed := map[string]bool{`"github.com/ghostread/ghostread/explore/event"`: true, `"math/bits"`: true}
	for _, pkg := range []string{"detect", "strategy"} {
		dir := filepath.Join(root, "explore", pkg)
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			seen++
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, filepath.Join(dir, e.Name()), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, imp := range f.Imports {
				if !allowed[imp.Path.Value] {
					t.Errorf("%s/%s imports %s", pkg, e.Name(), imp.Path.Value)
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if lit, ok := n.(*ast.FuncLit); ok {
					t.Errorf("%s: function literal", fset.Position(lit.Pos()))
				}
				return true
			})
		}
		if seen == 0 {
			t.Errorf("%s has no Go files", dir)
		}
	}
}
