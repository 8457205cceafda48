package overlay

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestGuest(t *testing.T) {
	tests := []struct {
		name, in, want string
	}{
		{
			"the tag goes, its line stays",
			"//go:build ghostread_guest\n\npackage p\n",
			"\n\npackage p\n",
		},
		{
			"the release stays",
			"//go:build ghostread_guest && go1.25 && !go1.26\n\npackage p\n",
			"//go:build go1.25 && !go1.26\n\npackage p\n",
		},
		{
			"an alternative is not the guest's",
			"//go:build ghostread_guest || go1.25\n\npackage p\n",
			"//go:build ghostread_guest || go1.25\n\npackage p\n",
		},
		{
			"another constraint stays",
			"//go:build linux\n\npackage p\n",
			"//go:build linux\n\npackage p\n",
		},
		{
			"imports",
			"package p\n\nimport (\n\tx \"example.com/m/event\"\n\t\"example.com/m/deep/y\"\n\t\"example.com/mm\"\n)\n\nvar s = \"example.com/m/event\"\n",
			"package p\n\nimport (\n\tx \"event\"\n\t\"internal/deep/y\"\n\t\"example.com/mm\"\n)\n\nvar s = \"example.com/m/event\"\n",
		},
		{
			"functions and methods",
			"package p\n\nfunc f() {}\n\n// m is documented.\n//\n//go:noinline\nfunc (t T[K]) m() {}\n",
			"package p\n//go:norace\nfunc f() {}\n//go:norace\n// m is documented.\n//\n//go:noinline\nfunc (t T[K]) m() {}\n",
		},
		{
			"functions without a line to spare",
			"package p\nfunc f() {}\nfunc g() {}; func h() {}\n",
			"package p\n//go:norace\n//line :2:1\nfunc f() {}\n//go:norace\n//line :3:1\nfunc g() {}; \n//go:norace\n/*line :3:14*/func h() {}\n",
		},
		{
			"the pragma is there",
			"package p\n\n//go:norace\nfunc f() {}\n",
			"package p\n\n//go:norace\nfunc f() {}\n",
		},
		{
			"assembly has no body",
			"package p\n\nfunc f()\n",
			"package p\n\nfunc f()\n",
		},
		{
			"no pragma in strings",
			"package p\n\nvar s = `\n\nfunc f() {}\n`\n",
			"package p\n\nvar s = `\n\nfunc f() {}\n`\n",
		},
	}
	imports := map[string]string{"example.com/m/": "internal/", "example.com/m/event": "event"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Guest("p.go", []byte(tt.in), imports, true)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("Guest(%q) (-want +got):\n%s", tt.in, diff)
			}
			again, err := Guest("p.go", got, imports, true)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(got), string(again)); diff != "" {
				t.Errorf("Guest twice (-once +twice):\n%s", diff)
			}
		})
	}
}

func TestGuestPackage(t *testing.T) {
	fsys := fstest.MapFS{
		"d/a.go":       {Data: []byte("//go:build ghostread_guest\n\npackage a\n")},
		"d/a.s":        {Data: []byte("// text\n")},
		"d/a_test.go":  {Data: []byte("package a\n")},
		"d/README.md":  {Data: []byte("read me\n")},
		"d/sub/sub.go": {Data: []byte("package sub\n")},
	}
	added, err := GuestPackage("internal/a", fsys, "d", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, a := range added {
		got[a.File] = string(a.Source)
	}
	want := map[string]string{"internal/a/a.go": "\n\npackage a\n", "internal/a/a.s": "// text\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("GuestPackage (-want +got):\n%s", diff)
	}
	if _, err := GuestPackage("internal/a", fsys, ".", nil, false); err == nil {
		t.Error("GuestPackage of a directory without Go files: got no error")
	}
}

// FuzzGuest wants of any source that parses: the result parses, each function
// with a body has the pragma and stands on its line.
func FuzzGuest(f *testing.F) {
	f.Add(pond)
	f.Add("package p\nfunc f() {}\nfunc g() {}; func h() {}\n")
	f.Add("//go:build ghostread_guest\npackage p; import \"m/x\"; func f() {}")
	f.Add("package p /* a\n*/ /* b */ func f() {}\r\n\r\nfunc g() {}\r\n")
	f.Add("package p\n\n/* doc\n*/ func f() {}\n")
	f.Add("package p\n\n//line x.go:7\nfunc f() {}\n")
	f.Fuzz(func(t *testing.T, src string) {
		fset := token.NewFileSet()
		before, errBefore := parser.ParseFile(fset, "", src, parser.ParseComments|parser.SkipObjectResolution)
		out, err := Guest("p.go", []byte(src), map[string]string{"m/": "n/"}, true)
		if (errBefore == nil) != (err == nil) {
			t.Fatalf("the source parses: %v, but Guest: %v", errBefore, err)
		}
		if err != nil {
			return
		}
		after, err := parser.ParseFile(fset, "", out, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("result: %v\n%s", err, out)
		}
		for i, d := range after.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			if got, want := fset.Position(fn.Pos()).Line, fset.Position(before.Decls[i].Pos()).Line; got != want {
				t.Errorf("%s is on line %d, want %d\n%s", fn.Name, got, want, out)
			}
			above := after.Name.End()
			if i > 0 {
				above = after.Decls[i-1].End()
			}
			if !norace(after, above, fn.Pos()) {
				t.Errorf("%s has no pragma\n%s", fn.Name, out)
			}
		}
	})
}
