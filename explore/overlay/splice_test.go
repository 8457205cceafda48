package overlay

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeRoot is a GOROOT with the given files below src.
func fakeRoot(t *testing.T, files map[string]string) Toolchain {
	t.Helper()
	tc := Toolchain{Version: "go1.26.8", Root: t.TempDir(), OS: "linux", Arch: "amd64"}
	for name, text := range files {
		path := filepath.Join(tc.Root, "src", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return tc
}

const pond = `package pond

import "fmt"

type fish struct {
	name string
}

type empty struct{}

// Swim moves.
//
//go:noinline
func (f *fish) Swim(n int) {
	for i := range n {
		fmt.Println(f.name, i)
	}
}

func count() int { return 1 }

func (f *fish) Rest() {
	fmt.Println(f.name, "rests")
}
`

func TestEdits(t *testing.T) {
	tests := []struct {
		name  string
		edits []Edit
		want  []string // parts of the result
	}{
		{
			"insert after on the same line",
			[]Edit{{Anchor: "\tfor i := range n {", Op: InsertAfter, Text: " probe();"}},
			[]string{"\tfor i := range n { probe();\n\t\tfmt"},
		},
		{
			"lines after an insertion keep their numbers",
			[]Edit{{Anchor: "\tfor i := range n {\n", Op: InsertBefore, Text: "\tif a {\n\t\tb()\n\t}\n"}},
			[]string{"\tif a {\n\t\tb()\n\t}\n//line :15:1\n\tfor i := range n {\n"},
		},
		{
			"an insertion of lines before a newline",
			[]Edit{{Anchor: "range n {", Op: InsertAfter, Text: "\n\t\ta()\n\t\tb()"}},
			[]string{"range n {\n\t\ta()\n\t\tb()\n//line :16:1\n\t\tfmt.Println(f.name, i)\n"},
		},
		{
			"an insertion of lines within a line",
			[]Edit{{Anchor: "Println(", In: "fish.Rest", Op: InsertAfter, Text: "\n\t\t"}},
			[]string{"Println(\n\t\t/*line :23:14*/f.name, \"rests\")\n"},
		},
		{
			"a shorter replacement",
			[]Edit{{Anchor: "\tfor i := range n {\n\t\tfmt.Println(f.name, i)\n\t}\n", Op: Replace, Text: "\tn++\n"}},
			[]string{"\tn++\n//line :18:1\n}\n"},
		},
		{
			"a replacement of equal height has no directive",
			[]Edit{{Anchor: "fmt.Println", Op: Replace, Text: "print", Count: 2}},
			[]string{"\t\tprint(f.name, i)\n", "\tprint(f.name, \"rests\")\n"},
		},
		{
			"any count",
			[]Edit{{Anchor: "f.name", Op: Replace, Text: "f.title", Count: Any}},
			[]string{"f.title, i", "f.title, \"rests\""},
		},
		{
			"a regular expression with groups",
			[]Edit{{Regexp: regexp.MustCompile(`(?m)^func \(f \*fish\) (\w+)\(.*\{$`), Op: InsertAfter, Text: ` enter("${1}")`, Count: 2}},
			[]string{"Swim(n int) { enter(\"Swim\")\n", "Rest() { enter(\"Rest\")\n"},
		},
		{
			"the start and end of a method",
			[]Edit{
				{In: "fish.Swim", Op: AtStart, Text: "a()"},
				{In: "fish.Swim", Op: AtEnd, Text: "z()"},
			},
			[]string{"Swim(n int) { a()\n", "z() }\n\nfunc count"},
		},
		{
			"the start and end of a function on one line",
			[]Edit{
				{In: "count", Op: AtStart, Text: "a()"},
				{In: "count", Op: AtEnd, Text: "z()"},
			},
			[]string{"func count() int { a(); return 1 ; z() }\n"},
		},
		{
			"several lines at the start",
			[]Edit{{In: "fish.Rest", Op: AtStart, Text: "\n\tif a {\n\t\tb()\n\t}"}},
			[]string{"Rest() { \n\tif a {\n\t\tb()\n\t}\n//line :23:1\n\tfmt"},
		},
		{
			"fields of a struct",
			[]Edit{
				{In: "fish", Op: AtEnd, Text: "age int"},
				{In: "empty", Op: AtEnd, Text: "x int"},
			},
			[]string{"\tname string\nage int }\n", "type empty struct{x int }"},
		},
		{
			"two edits at one place come in order",
			[]Edit{
				{In: "fish.Rest", Op: AtStart, Text: "a();"},
				{In: "fish.Rest", Op: AtStart, Text: "b();"},
			},
			[]string{"Rest() { a(); b();\n"},
		},
		{
			"two insertions of lines at one place share a directive",
			[]Edit{
				{Anchor: "func count", Op: InsertBefore, Text: "var a int\n"},
				{Anchor: "func count", Op: InsertBefore, Text: "var b int\n"},
			},
			[]string{"\n\nvar a int\nvar b int\n//line :20:1\nfunc count"},
		},
		{
			"an import is added once",
			[]Edit{{Op: Import, Text: "unsafe"}, {Op: Import, Text: "unsafe"}, {Op: Import, Text: "fmt"}},
			[]string{"package pond; import \"unsafe\"\n\nimport \"fmt\"\n"},
		},
		{
			"edits do not see each other",
			[]Edit{
				{Anchor: "count", Op: Replace, Text: "fish"},
				{Anchor: "type fish", Op: Replace, Text: "type count"},
			},
			[]string{"func fish() int", "type count struct"},
		},
		{
			"append",
			[]Edit{{Op: Append, Text: "\nvar tail int\n"}},
			[]string{"rests\")\n}\n\nvar tail int\n"},
		},
		{
			"norace",
			[]Edit{{Op: NoRace}},
			[]string{"struct{}\n//go:norace\n// Swim moves.\n", "}\n//go:norace\nfunc count", "}\n//go:norace\nfunc (f *fish) Rest"},
		},
		{
			"a probe that fails",
			[]Edit{{Anchor: "not there", When: Contains("pond/pond.go", "shark")}},
			[]string{pond},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i := range tt.edits {
				tt.edits[i].File = "pond/pond.go"
			}
			files, _, err := Patch{Edits: tt.edits}.apply(fakeRoot(t, map[string]string{"pond/pond.go": pond}))
			if err != nil {
				t.Fatal(err)
			}
			got := string(files["pond/pond.go"])
			if files["pond/pond.go"] == nil {
				got = pond
			}
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("result has no %q:\n%s", want, got)
				}
			}
			if diff := cmp.Diff(positions(t, pond, tt.edits), positions(t, got, tt.edits)); diff != "" {
				t.Errorf("positions of the declarations that stayed (-original +patched):\n%s", diff)
			}
		})
	}
}

// positions maps declarations to their lines, but for those edits rename.
func positions(t *testing.T, src string, edits []Edit) map[string][2]int {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", src, parser.ParseComments)
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	tg := target{fset: fset, syntax: f}
	got := map[string][2]int{}
	for _, name := range []string{"fish.Swim", "fish.Rest", "empty", "count"} {
		if node, err := tg.declaration(Edit{In: name}); err == nil && !strings.Contains(edits[0].Anchor, name) {
			got[name] = [2]int{fset.Position(node.Pos()).Line, fset.Position(node.End()).Line}
		}
	}
	return got
}
