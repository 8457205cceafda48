package sched

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/explore/overlay"
)

// The tests of this file hold the patch to the release that the go command
// uses here, and most of them to all releases that it is for.

// versions are one of each minor version that the patch is for.
var versions = []string{"1.24.13", "1.25.7", "1.26.8", "1.27.4"}

// eachRelease runs a test with each release. One that is not on this machine
// is downloaded, but with -short.
func eachRelease(t *testing.T, test func(*testing.T, overlay.Toolchain, overlay.Patch)) {
	t.Run("local", func(t *testing.T) {
		tc, p := release(t)
		test(t, tc, p)
	})
	p, err := Patch(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	downloaded(t, versions, func(t *testing.T, tc overlay.Toolchain) { test(t, tc, p) })
}

// downloaded runs a test with each of these releases.
func downloaded(t *testing.T, versions []string, test func(*testing.T, overlay.Toolchain)) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			if testing.Short() {
				t.Skip("downloads toolchains")
			}
			env, err := overlay.Select(nil, version)
			if err != nil {
				t.Fatal(err)
			}
			tc, err := overlay.Detect(t.Context(), t.TempDir(), env)
			if err != nil {
				t.Skipf("Go %s cannot be downloaded: %v", version, err)
			}
			test(t, tc)
		})
	}
}

// release is that of the go command here, and the patch for it.
func release(t *testing.T) (overlay.Toolchain, overlay.Patch) {
	t.Helper()
	p, err := Patch(os.DirFS("..")) // what package explore embeds
	if err != nil {
		t.Fatal(err)
	}
	tc, err := overlay.Detect(t.Context(), ".", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Check(tc); err != nil {
		t.Skip(err)
	}
	return tc, p
}

func TestPatchApplies(t *testing.T) {
	tc, p := release(t)
	o, err := overlay.Generate(t.Context(), t.TempDir(), tc, p)
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(o.Dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") {
			return err
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("a generated file is not Go: %v", err)
			return nil
		}
		for _, group := range f.Comments {
			for _, c := range group.List {
				if strings.HasPrefix(c.Text, "//go:build") && strings.Contains(c.Text, "ghostread_guest") {
					t.Errorf("%s still has %s and would not be compiled", name, c.Text)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < len(p.Add) {
		t.Errorf("Generate writes %d Go files, want at least the %d that are added", files, len(p.Add))
	}
}

// TestReleasesApply applies the patch to every release it is for. What the
// result does, TestReleases of package hunt shows.
func TestReleasesApply(t *testing.T) {
	eachRelease(t, func(t *testing.T, tc overlay.Toolchain, p overlay.Patch) {
		if got := p.Max - p.Min + 1; got != len(versions) {
			t.Errorf("the patch is for %d releases, and the test has %d", got, len(versions))
		}
		// In the user's cache: the copy of a downloaded GOROOT is made once.
		if _, err := overlay.Generate(t.Context(), "", tc, p); err != nil {
			t.Error(err)
		}
	})
}

func TestEditsSayWhy(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range edits() {
		where := e.File + " " + e.In + " " + e.Op.String() + " " + e.Anchor
		if strings.TrimSpace(e.Why) == "" {
			t.Errorf("the edit of %s does not say why", where)
		}
		if e.Op == overlay.Import {
			where += e.Text
		}
		if seen[where] {
			t.Errorf("two edits of %s: which of them comes first is left to chance", where)
		}
		seen[where] = true
	}
}

// A place that is gone is an error, not half a patch.
func TestPatchRefuses(t *testing.T) {
	tc, p := release(t)
	p.Edits = append(p.Edits, overlay.Edit{File: "runtime/proc.go", In: "ghostreadIsNotHere", Op: overlay.AtStart, Text: "x", Why: "to fail"})
	dir := t.TempDir()
	if o, err := overlay.Generate(t.Context(), dir, tc, p); err == nil {
		t.Errorf("Generate with an edit that has no place: got %s, want an error", o.Dir)
	} else if !strings.Contains(err.Error(), "ghostreadIsNotHere") {
		t.Errorf("Generate: got error %q, want the place in it", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "overlay", "*")); err != nil || len(left) > 0 {
		t.Errorf("Generate leaves %q behind (%v), want nothing", left, err)
	}
}

// argBytes is the size of a function's arguments and results on the stack, as
// ABI0 lays them out: results begin at a word, and the end is not rounded up.
func argBytes(sig *types.Signature) int64 {
	at := int64(0)
	place := func(t *types.Tuple) {
		for v := range t.Variables() {
			align := sizes.Alignof(v.Type())
			at = (at+align-1)/align*align + sizes.Sizeof(v.Type())
		}
	}
	place(sig.Params())
	if sig.Results().Len() > 0 {
		at = (at + 7) &^ 7
		place(sig.Results())
	}
	return at
}

var (
	textLine = regexp.MustCompile(`(?m)^TEXT\s+sync∕atomic·(\w+)\(SB\),[^$]*\$0-(\d+)$`)
	jumpLine = regexp.MustCompile(`(?:JMP|RET) internal∕runtime∕atomic·(\w+)\(SB\)`)
)

// entries returns the entry points of sync/atomic in an assembly text, with
// the bytes of their arguments.
func entries(text string) map[string]string {
	list := map[string]string{}
	for _, m := range textLine.FindAllStringSubmatch(text, -1) {
		list[m[1]] = m[2]
	}
	return list
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// atomicPackage is the release's sync/atomic, as far as its functions go.
func atomicPackage(t *testing.T, tc overlay.Toolchain) side {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(tc.Root, "src/sync/atomic/doc*.go"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]any{}
	for _, name := range names {
		if filepath.Base(name) != "doc_32.go" {
			files[name] = nil
		}
	}
	return check(t, "sync/atomic", nil, files)
}

// TestAtomicSizes compares the tables of atomics.go with the declarations of
// the release's sync/atomic.
func TestAtomicSizes(t *testing.T) {
	eachRelease(t, atomicSizes)
}

func atomicSizes(t *testing.T, tc overlay.Toolchain, _ overlay.Patch) {
	std := atomicPackage(t, tc)
	bytes := func(name string) int64 {
		fn, ok := std.Scope().Lookup(name).(*types.Func)
		if !ok {
			t.Errorf("sync/atomic has no function %s", name)
			return -1
		}
		return argBytes(fn.Signature())
	}
	for _, typ := range atomicTypes {
		if got := sizes.Sizeof(types.Universe.Lookup(typ.goType).Type()); got != int64(typ.size) {
			t.Errorf("size of %s in the table: got %d, want %d", typ.goType, typ.size, got)
		}
		for _, op := range atomicOps {
			if got, want := int64(op.argBytes(typ)), bytes(op.name+typ.name); got != want {
				t.Errorf("argBytes of %s%s: got %d, want %d", op.name, typ.name, got, want)
			}
		}
	}
	if got, want := entries(atomicsAsm("amd64"))["LoadPointer"], fmt.Sprint(bytes("LoadPointer")); got != want {
		t.Errorf("bytes of LoadPointer: got %s, want %s", got, want)
	}
}

// TestAtomicEntryPoints compares with the file of the release that ours
// replaces, and with what our entry points jump to.
func TestAtomicEntryPoints(t *testing.T) {
	eachRelease(t, atomicEntryPoints)
}

func atomicEntryPoints(t *testing.T, tc overlay.Toolchain, _ overlay.Patch) {
	for arch := range assemblers {
		asm := atomicsAsm(arch)
		theirs := entries(read(t, filepath.Join(tc.Root, "src/runtime/race_"+arch+".s")))
		if len(theirs) < 30 {
			t.Fatalf("race_%s.s has %d entry points that the test can read, and it would show nothing", arch, len(theirs))
		}
		if diff := cmp.Diff(theirs, entries(asm)); diff != "" {
			t.Errorf("%s: entry points of sync/atomic with their argument bytes (-release +ours):\n%s", arch, diff)
		}
		targets := read(t, filepath.Join(tc.Root, "src/internal/runtime/atomic/atomic_"+arch+".s")) +
			read(t, filepath.Join(tc.Root, "src/internal/runtime/atomic/atomic_"+arch+".go"))
		jumps := jumpLine.FindAllStringSubmatch(asm, -1)
		if len(jumps) != len(theirs) {
			t.Errorf("%s: the test can read %d jumps of %d entry points", arch, len(jumps), len(theirs))
		}
		for _, m := range jumps {
			if !strings.Contains(targets, "·"+m[1]+"(SB)") && !strings.Contains(targets, "\nfunc "+m[1]+"(") {
				t.Errorf("%s: an entry point jumps to internal/runtime/atomic.%s, which does not exist", arch, m[1])
			}
		}
	}
}

// TestAtomicDeclarations compares the Go declarations of the entry points.
func TestAtomicDeclarations(t *testing.T) {
	eachRelease(t, atomicDeclarations)
}

func atomicDeclarations(t *testing.T, tc overlay.Toolchain, _ overlay.Patch) {
	std := atomicPackage(t, tc)
	ours := check(t, "runtime", nil, map[string]any{"abi.go": atomicsABI()})
	declared := map[string]bool{}
	for _, name := range ours.Scope().Names() {
		short := strings.TrimPrefix(name, "ghostabi_")
		declared[short] = true
		fn, ok := std.Scope().Lookup(short).(*types.Func)
		if !ok {
			t.Errorf("sync/atomic has no %s", short)
			continue
		}
		// Names of parameters aside, they are the same.
		got, want := types.TypeString(ours.Scope().Lookup(name).Type(), nil), types.TypeString(fn.Type(), nil)
		if got, want = unnamed(t, got), unnamed(t, want); got != want {
			t.Errorf("declaration of %s: got %s, want %s", short, got, want)
		}
	}
	// The rest is declared by the release itself, for the use of the runtime.
	pointers := read(t, filepath.Join(tc.Root, "src/runtime/atomic_pointer.go"))
	for name := range entries(atomicsAsm("amd64")) {
		if !declared[name] && !strings.Contains(pointers, " sync/atomic."+name+"\n") {
			t.Errorf("%s is declared neither by us nor by runtime/atomic_pointer.go: calls from Go would bypass it", name)
		}
	}
}

// unnamed is a function type without the names of its parameters.
func unnamed(t *testing.T, signature string) string {
	t.Helper()
	e, err := parser.ParseExpr(signature)
	if err != nil {
		t.Fatalf("%s: %v", signature, err)
	}
	return shape(e.(*ast.FuncType))
}

// shape lists the types of parameters and results.
func shape(f *ast.FuncType) string {
	list := func(fields *ast.FieldList) string {
		var list_ []string
		if fields != nil {
			for _, f := range fields.List {
				for range max(len(f.Names), 1) {
					list_ = append(list_, types.ExprString(f.Type))
				}
			}
		}
		return "(" + strings.Join(list_, ", ") + ")"
	}
	return list(f.Params) + " " + list(f.Results)
}

// declarations of a file: the shapes of functions, and other names.
type declarations struct {
	funcs map[string]string
	links map[string]string // function -> what it is linked to
	names map[string]bool   // of everything
}

func declares(t *testing.T, name string, src any) declarations {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	d := declarations{map[string]string{}, map[string]string{}, map[string]bool{}}
	for _, decl := range f.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Recv == nil {
				d.funcs[decl.Name.Name] = shape(decl.Type)
				d.names[decl.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, s := range decl.Specs {
				switch s := s.(type) {
				case *ast.ValueSpec:
					for _, n := range s.Names {
						d.names[n.Name] = true
					}
				case *ast.TypeSpec:
					d.names[s.Name.Name] = true
				}
			}
		}
	}
	for _, group := range f.Comments {
		for _, c := range group.List {
			if words := strings.Fields(c.Text); words[0] == "//go:linkname" && len(words) == 3 {
				d.links[words[1]] = words[2]
			}
		}
	}
	return d
}

// TestRaceFile compares our race.go with the release's, which it replaces:
// what the compiler, internal/race, programs and the rest of the runtime take
// from that file has to be in ours, with the same parameters.
func TestRaceFile(t *testing.T) {
	eachRelease(t, raceFile)
}

func raceFile(t *testing.T, tc overlay.Toolchain, _ overlay.Patch) {
	src := filepath.Join(tc.Root, "src")
	theirs := declares(t, filepath.Join(src, "runtime/race.go"), nil)
	ours := declares(t, "race/race.go", nil)

	needed := map[string]string{} // name -> who needs it
	for name := range declares(t, filepath.Join(src, "runtime/race0.go"), nil).names {
		needed[name] = "builds without -race have it"
	}
	for name, link := range theirs.links {
		if theirs.funcs[name] != "" && !strings.HasPrefix(link, "sync/atomic.") { // see TestAtomicDeclarations
			needed[name] = link
		}
	}
	builtin := read(t, filepath.Join(src, "cmd/compile/internal/typecheck/builtin.go"))
	for _, m := range regexp.MustCompile(`"(race\w+)", funcTag`).FindAllStringSubmatch(builtin, -1) {
		needed[m[1]] = "the compiler calls it"
	}
	for name := range theirs.funcs {
		if ast.IsExported(name) {
			needed[name] = "programs may call it"
		}
	}
	for name, file := range used(t, filepath.Join(src, "runtime"), theirs.names) {
		needed[name] = file + " uses it"
	}
	if len(needed) < 50 {
		t.Fatalf("the test finds only %d names that are needed, and would show nothing", len(needed))
	}
	for name, why := range needed {
		switch want := theirs.funcs[name]; {
		case !ours.names[name]:
			t.Errorf("race/race.go has no %s: %s", name, why)
		case ours.funcs[name] != want:
			t.Errorf("race/race.go: %s is %s, want %s: %s", name, ours.funcs[name], want, why)
		case ours.links[name] != theirs.links[name]:
			t.Errorf("race/race.go: %s is linked to %q, want %q", name, ours.links[name], theirs.links[name])
		}
	}
	for name := range ours.links {
		if theirs.links[name] == "" {
			t.Errorf("race/race.go: %s is linked to %s; the release has no such link", name, ours.links[name])
		}
	}
}

// used returns which of names the files of a directory use, and one that does.
// Files of race builds and of other machines do not count.
func used(t *testing.T, dir string, names map[string]bool) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	uses := map[string]string{}
	for _, e := range entries {
		name := e.Name()
		if path.Ext(name) == ".s" && !strings.HasPrefix(name, "race_") && (strings.Contains(name, "amd64") || strings.Count(name, "_") == 0) {
			text := read(t, filepath.Join(dir, name))
			for n := range names {
				if regexp.MustCompile(`·` + n + `\b`).MatchString(text) {
					uses[n] = name
				}
			}
		}
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || name == "race.go" || name == "race0.go" {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && names[id.Name] && id.Name != "_" {
				uses[id.Name] = name
			}
			return true
		})
	}
	return uses
}

// What the test would say of a file that lacks something.
func TestRaceFileCanLack(t *testing.T) {
	d := declares(t, "x.go", "package runtime\n\nconst raceenabled = true\n\n//go:linkname a internal/race.A\nfunc a(x, y int, z ...string) (n uintptr) { return 0 }\nfunc (r *T) method() {}\ntype T struct{}\nvar v, w int\n")
	want := declarations{
		funcs: map[string]string{"a": "(int, int, ...string) (uintptr)"},
		links: map[string]string{"a": "internal/race.A"},
		names: map[string]bool{"a": true, "T": true, "v": true, "w": true, "raceenabled": true},
	}
	if diff := cmp.Diff(want, d, cmp.AllowUnexported(declarations{})); diff != "" {
		t.Errorf("declares (-want +got):\n%s", diff)
	}
}
