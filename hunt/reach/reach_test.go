package reach

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func isStandard(path string) bool {
	return !strings.Contains(path, ".") && !strings.Contains(path, " ")
}

func TestCompare(t *testing.T) {
	const before = `package p

import "fmt"

// F does.
func F() int { return 1 }

type T struct{ n int }

func (t *T) Get() int { return t.n }
func (t *T) Set(n int) { t.n = n }

const (
	a = iota
	b
)

var limit = 10
var made = make()

func make() int { return 2 }

func init() { fmt.Println("init") }
`
	tests := []struct {
		name     string
		from, to string   // in before
		want     []string // nil: it can reach further
	}{
		{"a comment", "// F does.", "// F does more.", []string{}},
		{"space", "{ return 1 }", "{\n\n\treturn 1\n}", []string{}},
		{"a function", "return 1", "return 2", []string{"F"}},
		{"a pragma", "func F()", "//go:noinline\nfunc F()", []string{"F"}},
		{"a type", "n int }", "n, m int }", []string{"T"}},
		{"the body of a method", "return t.n", "return -t.n", []string{"T.Get"}},
		{"the receiver of a method", "(t *T) Get", "(t T) Get", []string{"T", "T.Get"}},
		{"parameters of a method", "Set(n int)", "Set(n, m int)", []string{"T", "T.Set"}},
		{"a method is gone", "func (t *T) Get() int { return t.n }\n", "", []string{"T", "T.Get"}},
		{"a method is new", "func init", "func (t *T) New() {}\nfunc init", []string{"T", "T.New"}},
		{"a function is new", "func init", "func New() {}\nfunc init", []string{"New"}},
		{"a constant", "a = iota", "a = iota + 1", []string{"a", "b"}},
		{"a plain variable", "limit = 10", "limit = 11", []string{"limit"}},
		{"the function behind a variable", "return 2", "return 3", []string{"make"}},
		{"a package of the standard library", `import "fmt"`, "import (\n\t\"fmt\"\n\t\"os\"\n)", []string{}},
		{"a computed variable", "made = make()", "made = make() + 1", nil},
		{"a variable that is computed now", "limit = 10", "limit = make()", nil},
		{"init", `Println("init")`, `Println("in")`, nil},
		{"a second init", "func init", "func init() {}\nfunc init", nil},
		{"another package", `import "fmt"`, "import (\n\t\"fmt\"\n\t\"example.com/x\"\n)", nil},
		{"an import for its effects", `import "fmt"`, "import (\n\t\"fmt\"\n\t_ \"os\"\n)", nil},
		{"an import by another name", `import "fmt"`, `import fmt "log"`, nil},
		{"the package clause", "package p", "package p_test", nil},
		{"a build constraint", "package p", "//go:build linux\n\npackage p", nil},
		{"linkname", "func F()", "//go:linkname F other.F\nfunc F()", nil},
		{"what does not parse", "func F()", "func F(", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := strings.Replace(before, tt.from, tt.to, 1)
			if now == before {
				t.Fatal("the edit changes nothing")
			}
			change, near := Compare([]byte(before), []byte(now), isStandard)
			if near != (tt.want != nil) {
				t.Fatalf("Compare: got near %t and %v, want %v", near, change, tt.want)
			}
			if !near {
				return
			}
			if diff := cmp.Diff(tt.want, slices.AppendSeq([]string{}, maps.Keys(change)), cmp.Transformer("sorted", func(l []string) []string { return slices.Sorted(slices.Values(l)) })); tt.want != nil && diff != "" {
				t.Errorf("changed declarations (-want +got):\n%s", diff)
			}
		})
	}
}
