package sched

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/explore/overlay"
)

// The runtime core cannot import the packages that read what it writes, so it
// declares their structs and constants again. The two sides never meet in one
// compilation; here both are type-checked from their source and compared.

// sizes are those of the only machine that is explored on.
var sizes = types.SizesFor("gc", "amd64")

// side is a set of type-checked files.
type side struct{ *types.Package }

// check type-checks files of which some declarations lean on a runtime that is
// not there. Whatever is compared must not: see layout and value.
func check(t *testing.T, importPath string, imports map[string]*types.Package, files map[string]any) side {
	t.Helper()
	fset := token.NewFileSet()
	var parsed []*ast.File
	for name, src := range files {
		f, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	conf := types.Config{
		Sizes:            sizes,
		Error:            func(error) {},
		IgnoreFuncBodies: true,
		Importer:         known(imports),
	}
	pkg, _ := conf.Check(importPath, fset, parsed, nil) // its error is that of the missing runtime
	return side{pkg}
}

// known imports packages that were checked before.
type known map[string]*types.Package

func (k known) Import(importPath string) (*types.Package, error) {
	if importPath == "unsafe" {
		return types.Unsafe, nil
	}
	if p := k[importPath]; p != nil {
		return p, nil
	}
	return nil, errors.New("not here")
}

// dir type-checks the package in a directory below explore/, as a minor version
// of Go 1 gets it.
func dir(t *testing.T, minor int, name string, imports map[string]*types.Package) side {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", name, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]any{}
	for _, n := range names {
		if !strings.HasSuffix(n, "_test.go") && inRelease(t, n, minor) {
			files[n] = nil // ParseFile reads it
		}
	}
	if len(files) == 0 {
		t.Fatalf("explore/%s has no Go files", name)
	}
	return check(t, name, imports, files)
}

// inRelease reports whether a release compiles a file.
func inRelease(t *testing.T, name string, minor int) bool {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range f.Comments {
		for _, c := range group.List {
			if x, err := constraint.Parse(c.Text); err == nil {
				return x.Eval(func(tag string) bool {
					since, ok := strings.CutPrefix(tag, "go1.")
					if !ok {
						return tag == overlay.GuestTag || tag == "linux" || tag == "amd64" || tag == "race"
					}
					n, err := strconv.Atoi(since)
					return err == nil && n <= minor
				})
			}
		}
	}
	return true
}

// eachMinor runs a test with the packages of the two sides in each release.
func eachMinor(t *testing.T, test func(*testing.T, map[string]side)) {
	for minor := oldest; minor <= latest; minor++ {
		t.Run(fmt.Sprint("1.", minor), func(t *testing.T) { test(t, both(t, minor)) })
	}
}

// both are the packages of the two sides, by directory below explore/.
func both(t *testing.T, minor int) map[string]side {
	t.Helper()
	p := map[string]side{}
	p["event"] = dir(t, minor, "event", nil)
	p["wire"] = dir(t, minor, "wire", nil)
	ours := map[string]*types.Package{"github.com/ghostread/ghostread/explore/event": p["event"].Package}
	p["strategy"] = dir(t, minor, "strategy", ours)
	guests := map[string]*types.Package{}
	for _, name := range []string{"event", "wire", "strategy"} {
		guests[guestRoot+name] = p[name].Package
	}
	p["sched/guest"] = dir(t, minor, "sched/guest", guests)
	p["sched/runtime"] = dir(t, minor, "sched/runtime", nil)
	p["sched/sync"] = dir(t, minor, "sched/sync", nil)
	return p
}

// field is what a struct's field has to have in common with its namesake.
type field struct {
	Name   string
	Offset int64
	Type   string
}

// layout lists the fields of a struct.
func (s side) layout(name string) ([]field, error) {
	o := s.Scope().Lookup(name)
	if o == nil {
		return nil, fmt.Errorf("%s has no %s", s.Path(), name)
	}
	st, ok := o.Type().Underlying().(*types.Struct)
	if !ok {
		return nil, fmt.Errorf("%s.%s is a %s, not a struct", s.Path(), name, o.Type().Underlying())
	}
	var vars []*types.Var
	for v := range st.Fields() {
		vars = append(vars, v)
	}
	var list []field
	for i, off := range sizes.Offsetsof(vars) {
		typ, err := plain(vars[i].Type())
		if err != nil {
			return nil, fmt.Errorf("%s.%s.%s: %w", s.Path(), name, vars[i].Name(), err)
		}
		list = append(list, field{strings.ToLower(vars[i].Name()), off, typ})
	}
	return append(list, field{"(size)", sizes.Sizeof(st), ""}), nil
}

// plain names a type by what it is in memory: named types by what they are
// made of, uintptr as the word that it is, pointers without what they point to.
func plain(t types.Type) (string, error) {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch u.Kind() {
		case types.Invalid:
			return "", errors.New("its type is not known here")
		case types.Uintptr:
			return "uint64", nil
		case types.UnsafePointer:
			return "pointer", nil
		}
		return u.Name(), nil
	case *types.Pointer:
		return "pointer", nil
	case *types.Slice:
		e, err := plain(u.Elem())
		return "[]" + e, err
	case *types.Array:
		e, err := plain(u.Elem())
		return fmt.Sprintf("[%d]%s", u.Len(), e), err
	case *types.Signature:
		args, err := tuple(u.Params())
		if err != nil {
			return "", err
		}
		results, err := tuple(u.Results())
		return "func(" + args + ") (" + results + ")", err
	}
	return "", fmt.Errorf("%s is not used between the two sides so far", t)
}

func tuple(t *types.Tuple) (string, error) {
	var list []string
	for v := range t.Variables() {
		s, err := plain(v.Type())
		if err != nil {
			return "", err
		}
		list = append(list, s)
	}
	return strings.Join(list, ", "), nil
}

// compareLayouts says how two structs differ; head allows b to go on after
// the end of a. A field without a name is room that only the other side uses.
func compareLayouts(a side, nameA string, b side, nameB string, head bool) error {
	x, err := a.layout(nameA)
	if err != nil {
		return err
	}
	y, err := b.layout(nameB)
	if err != nil {
		return err
	}
	if head && len(y) > len(x) {
		x, y = x[:len(x)-1], y[:len(x)-1]
	}
	for i := range min(len(x), len(y)) {
		if x[i].Name == "_" || y[i].Name == "_" {
			x[i].Name, y[i].Name = "_", "_"
		}
	}
	if diff := cmp.Diff(x, y); diff != "" {
		return fmt.Errorf("-%s.%s +%s.%s:\n%s", a.Path(), nameA, b.Path(), nameB, diff)
	}
	return nil
}

// TestLayouts compares the structs that cross between the runtime core and the
// packages around it.
func TestLayouts(t *testing.T) {
	eachMinor(t, sharedLayouts)
}

func sharedLayouts(t *testing.T, p map[string]side) {
	for _, tt := range []struct {
		core, pkg, name string
		head            bool
	}{
		{"ghostEvent", "event", "Event", false},
		{"ghostShared", "wire", "Header", true},
		{"ghostChoice", "strategy", "Choice", false},
		{"ghostConfig", "sched/guest", "config", false},
		{"ghostGoroutine", "sched/guest", "goroutine", false},
	} {
		if err := compareLayouts(p["sched/runtime"], tt.core, p[tt.pkg], tt.name, tt.head); err != nil {
			t.Error(err)
		}
	}
}

// TestSpec compares what package spec, which the program under test imports,
// expects of the runtime core with what that has.
func TestSpec(t *testing.T) {
	eachMinor(t, compareSpec)
}

func compareSpec(t *testing.T, p map[string]side) {
	core := p["sched/runtime"]
	files := map[string]any{}
	for _, name := range []string{"spec.go", "world_explored.go"} {
		files[filepath.Join("..", "spec", name)] = nil
	}
	spec := check(t, "spec", nil, files)
	if err := compareLayouts(core, "ghostMark", spec, "mark", false); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(core.constants("ghostSpec"), spec.constants("spec")); diff != "" {
		t.Errorf("what package spec asks for (-sched/runtime +spec):\n%s", diff)
	}
	local := links(t, "runtime")["github.com/ghostread/ghostread/explore/spec.world"]
	got, err := signature(core, local)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := signature(spec, "world"); err != nil || got != want {
		t.Errorf("runtime.%s is %s, want %s as spec.world (%v)", local, got, want, err)
	}
}

// TestLayoutsCanDiffer compares structs that differ in one thing each: a
// comparison that cannot fail shows nothing.
func TestLayoutsCanDiffer(t *testing.T) {
	const common = "package p\nimport \"unsafe\"\nvar _ unsafe.Pointer\ntype small uint8\n"
	a := check(t, "a", nil, map[string]any{"a.go": common + `type s struct { addr uintptr; p unsafe.Pointer; f func(*int32) int32; kind uint8; _ bool; l []int32 }`})
	tests := []struct {
		name, decl string
		head, same bool
	}{
		{"the same in other words", `type s struct { Addr uint64; P *int; F func(c *uint8) (n int32); Kind small; Hidden bool; L []int32 }`, false, true},
		{"a longer one, of which it is the head", `type s struct { Addr uint64; P *int; F func(c *uint8) int32; Kind small; Hidden bool; L []int32; More int }`, true, true},
		{"a longer one", `type s struct { Addr uint64; P *int; F func(c *uint8) int32; Kind small; Hidden bool; L []int32; More int }`, false, false},
		{"a shorter one", `type s struct { Addr uint64; P *int; F func(c *uint8) int32; Kind small; Hidden bool }`, true, false},
		{"order", `type s struct { P *int; Addr uint64; F func(c *uint8) int32; Kind small; Hidden bool; L []int32 }`, false, false},
		{"name", `type s struct { Address uint64; P *int; F func(c *uint8) int32; Kind small; Hidden bool; L []int32 }`, false, false},
		{"sign", `type s struct { Addr int64; P *int; F func(c *uint8) int32; Kind small; Hidden bool; L []int32 }`, false, false},
		{"width", `type s struct { Addr uint64; P *int; F func(c *uint8) int32; Kind uint16; Hidden bool; L []int32 }`, false, false},
		{"an integer for a pointer", `type s struct { Addr uint64; P uint64; F func(c *uint8) int32; Kind small; Hidden bool; L []int32 }`, false, false},
		{"element", `type s struct { Addr uint64; P *int; F func(c *uint8) int32; Kind small; Hidden bool; L []uint32 }`, false, false},
		{"result", `type s struct { Addr uint64; P *int; F func(c *uint8) int64; Kind small; Hidden bool; L []int32 }`, false, false},
		{"a type that is not there", `type s struct { Addr uint64; P *int; F func(c *uint8) int32; Kind gone; Hidden bool; L []int32 }`, false, false},
		{"no such struct", `type other struct{}`, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := check(t, "b", nil, map[string]any{"b.go": common + tt.decl})
			if err := compareLayouts(a, "s", b, "s", tt.head); (err == nil) != tt.same {
				t.Errorf("compareLayouts: got %v, want same %t", err, tt.same)
			}
		})
	}
}

// constants returns the values of the constants whose names begin with prefix
// and go on with a capital letter, without the prefix.
func (s side) constants(prefix string) map[string]string {
	values := map[string]string{}
	for _, name := range s.Scope().Names() {
		rest, ok := strings.CutPrefix(name, prefix)
		c, isConst := s.Scope().Lookup(name).(*types.Const)
		if ok && isConst && rest != "" && strings.ToUpper(rest[:1]) == rest[:1] && c.Val().Kind() == constant.Int {
			values[rest] = c.Val().ExactString()
		}
	}
	return values
}

// typed keeps the constants of one named type.
func (s side) typed(typ string) map[string]string {
	values := map[string]string{}
	for name, v := range s.constants("") {
		if n, ok := s.Scope().Lookup(name).Type().(*types.Named); ok && n.Obj().Name() == typ {
			values[name] = v
		}
	}
	return values
}

// TestConstants compares the kinds of events and the reasons for the end of an
// execution, in both directions.
func TestConstants(t *testing.T) {
	eachMinor(t, sharedConstants)
}

func sharedConstants(t *testing.T, p map[string]side) {
	kinds := p["event"].typed("Kind")
	if len(kinds) < 30 {
		t.Fatalf("event has %d kinds, and the comparison would show nothing: %v", len(kinds), kinds)
	}
	delete(kinds, "None") // is in no event
	core := p["sched/runtime"].constants("gk")
	if diff := cmp.Diff(kinds, core); diff != "" {
		t.Errorf("kinds of events (-event +sched/runtime):\n%s", diff)
	}

	inSync := p["sched/sync"].constants("ghost")
	if len(inSync) == 0 {
		t.Error("sched/sync has no constants ghost...")
	}
	for name, v := range inSync {
		if kinds[name] != v {
			t.Errorf("sched/sync: ghost%s is %s, want %s as event.%s", name, v, kinds[name], name)
		}
	}
	for _, e := range syncEdits() {
		_, rest, ok := strings.Cut(e.Text, "ghostEnter(ghost")
		name, _, _ := strings.Cut(rest, ",")
		if ok && inSync[name] == "" {
			t.Errorf("the edit of %s uses ghost%s, which sched/sync does not declare", e.In, name)
		}
	}

	flags := p["event"].typed("Flags")
	if got := p["sched/runtime"].constants("ghost")["Unsync"]; got != flags["Unsync"] || got == "" {
		t.Errorf("ghostUnsync is %q, want %q as event.Unsync", got, flags["Unsync"])
	}
}

// TestReasons compares why executions end: the runtime core and package wire
// number them alike. Only the guest knows of Polling.
func TestReasons(t *testing.T) {
	eachMinor(t, sharedReasons)
}

func sharedReasons(t *testing.T, p map[string]side) {
	core := p["sched/runtime"].constants("ghost")
	all := p["wire"].constants("")
	for _, name := range []string{"Done", "Deadlock", "Steps", "Time", "Decisions", "Goroutines", "Broken", "Livelock",
		"OutsideNet", "OutsideCall", "OutsideChild", "OutsideC", "OutsideCollector", "OutsideSignal"} {
		if core[name] == "" || core[name] != all[name] {
			t.Errorf("ghost%s is %q, want %q as wire.%s", name, core[name], all[name], name)
		}
		delete(all, name)
	}
	for name, v := range core {
		if w := all[name]; w == v {
			t.Errorf("ghost%s and wire.%s are both %s: add the reason to this test", name, name, v)
		}
	}
}

// TestLinks compares what the guest and package sync expect of the runtime
// core with what it offers them by go:linkname.
func TestLinks(t *testing.T) {
	eachMinor(t, compareLinks)
}

func compareLinks(t *testing.T, p map[string]side) {
	offered := links(t, "runtime")
	for _, tt := range []struct{ pkg, dir string }{
		{guestRoot + "guest", "sched/guest"},
		{"sync", "sched/sync"},
	} {
		for name, bodyless := range functions(t, path.Base(tt.dir)) {
			if !bodyless {
				continue
			}
			full := tt.pkg + "." + name
			local := offered[full]
			if local == "" {
				t.Errorf("%s has no body, and nothing in sched/runtime is linked to it", full)
				continue
			}
			delete(offered, full)
			want, err := signature(p[tt.dir], name)
			if err != nil {
				t.Error(err)
			}
			got, err := signature(p["sched/runtime"], local)
			if err != nil {
				t.Error(err)
			}
			if got != want {
				t.Errorf("runtime.%s is %s, want %s as %s declares it", local, got, want, full)
			}
		}
	}
	for full, local := range offered {
		if strings.HasPrefix(full, guestRoot) || strings.HasPrefix(full, "sync.") {
			t.Errorf("runtime.%s is linked to %s, which is not declared there", local, full)
		}
	}
}

func signature(s side, name string) (string, error) {
	o := s.Scope().Lookup(name)
	if o == nil {
		return "", fmt.Errorf("%s has no %s", s.Path(), name)
	}
	return plain(o.Type())
}

// links returns the go:linkname directives of a directory that give a function
// another name: that name, and the function.
func links(t *testing.T, dir string) map[string]string {
	t.Helper()
	list := map[string]string{}
	for _, f := range parse(t, dir) {
		for _, group := range f.Comments {
			for _, c := range group.List {
				if words := strings.Fields(c.Text); words[0] == "//go:linkname" && len(words) == 3 {
					list[words[2]] = words[1]
				}
			}
		}
	}
	return list
}

// functions returns the functions of a directory, and whether they lack a body.
func functions(t *testing.T, dir string) map[string]bool {
	t.Helper()
	list := map[string]bool{}
	for _, f := range parse(t, dir) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				list[fn.Name.Name] = fn.Body == nil
			}
		}
	}
	return list
}

func parse(t *testing.T, dir string) (list []*ast.File) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return list
}
