package reach_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/explore/build"
	"github.com/ghostread/ghostread/hunt/reach"
)

var programs = flag.Int("programs", 2, "random modules for TestOracle")

// A module is a random program of some packages, in which every function says
// when it runs.
type module struct {
	*rand.Rand
	items []item
	text  map[string]*strings.Builder // of files
	bugs  []bug
	kinds int // of declarations; the last is reflection, which reaches more
}

// item is something that can be used.
type item struct {
	pkg  int
	use  string // an expression of type int; %s is the package's qualifier
	name string // of a type with a method M<n>
	n    int
}

// bug is a text that occurs once in a file; to replace it changes one
// declaration.
type bug struct {
	file, text string
	id         string // what the declaration says when it runs
}

const packages = 3

func pkgName(i int) string { return fmt.Sprintf("p%d", i) }

// value is an expression that uses items of package pkg and those below it.
func (m *module) value(pkg, calls int) string {
	var list []string
	for range calls {
		var can []item
		for _, it := range m.items {
			if it.pkg <= pkg && it.use != "" {
				can = append(can, it)
			}
		}
		if len(can) == 0 {
			break
		}
		list = append(list, m.qualify(can[m.IntN(len(can))], pkg))
	}
	return strings.Join(append(list, "0"), " + ")
}

func (m *module) qualify(it item, pkg int) string {
	q := ""
	if it.pkg != pkg {
		q = pkgName(it.pkg) + "."
	}
	return strings.ReplaceAll(it.use, "%s", q)
}

// body is that of a function called id, which is its own bug.
func (m *module) body(pkg int, id string) string {
	n := 1000 + len(m.bugs)
	m.bugs = append(m.bugs, bug{pkgName(pkg) + "/p.go", fmt.Sprintf("(%d)", n), id})
	return fmt.Sprintf("trace.Hit(%q); return (%d) + %s", id, n, m.value(pkg, m.IntN(3)))
}

// typed returns an item with a method M<n> that pkg can use.
func (m *module) typed(pkg int) (item, bool) {
	var can []item
	for _, it := range m.items {
		if it.pkg <= pkg && it.name != "" {
			can = append(can, it)
		}
	}
	if len(can) == 0 {
		return item{}, false
	}
	return can[m.IntN(len(can))], true
}

// add declares something new in a package.
func (m *module) add(pkg, i int) {
	b := m.text[pkgName(pkg)+"/p.go"]
	id := func(name string) string { return fmt.Sprintf("%s %s", pkgName(pkg), name) }
	it := item{pkg: pkg, n: i}
	switch m.IntN(m.kinds) {
	case 0:
		fmt.Fprintf(b, "func F%d() int { %s }\n", i, m.body(pkg, id(fmt.Sprint("F", i))))
		it.use = fmt.Sprintf("%%sF%d()", i)
	case 1:
		fmt.Fprintf(b, "type T%d struct{}\nfunc (T%d) M%d() int { %s }\n", i, i, i, m.body(pkg, id(fmt.Sprintf("T%d.M%d", i, i))))
		it.use, it.name = fmt.Sprintf("%%sT%d{}.M%d()", i, i), fmt.Sprintf("T%d", i)
	case 2: // through an interface with a name that others have too
		k := m.IntN(2)
		fmt.Fprintf(b, "type T%d struct{}\nfunc (*T%d) Do%d() int { %s }\nfunc New%d() interface{ Do%d() int } { return new(T%d) }\n",
			i, i, k, m.body(pkg, id(fmt.Sprintf("T%d.Do%d", i, k))), i, k, i)
		it.use = fmt.Sprintf("%%sNew%d().Do%d()", i, k)
	case 3: // called by fmt
		fmt.Fprintf(b, "type T%d struct{}\nfunc (T%d) num() int { %s }\nfunc (t T%d) String() string { return fmt.Sprint(t.num()) }\n", i, i, m.body(pkg, id(fmt.Sprintf("T%d.num", i))), i)
		it.use = fmt.Sprintf("len(fmt.Sprint(%%sT%d{}))", i)
	case 4:
		fmt.Fprintf(b, "var V%d = func() int { %s }\n", i, m.body(pkg, id(fmt.Sprint("V", i))))
		it.use = fmt.Sprintf("%%sV%d()", i)
	case 5: // a table
		fmt.Fprintf(b, "func f%d() int { %s }\nvar M%d = map[string]func() int{\"x\": f%d}\n", i, m.body(pkg, id(fmt.Sprint("f", i))), i, i)
		it.use = fmt.Sprintf("%%sM%d[\"x\"]()", i)
	case 6: // a promoted method
		if of, ok := m.typed(pkg); ok {
			q := ""
			if of.pkg != pkg {
				q = pkgName(of.pkg) + "."
			}
			fmt.Fprintf(b, "type E%d struct{ %s%s }\n", i, q, of.name)
			it.use = fmt.Sprintf("%%sE%d{}.M%d()", i, of.n)
		}
	case 7:
		fmt.Fprintf(b, "func G%d[T any](T) int { %s }\n", i, m.body(pkg, id(fmt.Sprint("G", i))))
		it.use = fmt.Sprintf("%%sG%d(\"s\")", i)
	case 8: // a method of a type parameter
		if of, ok := m.typed(pkg); ok {
			fmt.Fprintf(b, "func H%d[T interface{ M%d() int }](v T) int { return v.M%d() }\n", i, of.n, of.n)
			it.use = fmt.Sprintf("%%sH%d(%s{})", i, "%s"+of.name)
			if of.pkg != pkg {
				it.use = "" // its argument has another qualifier
			}
		}
	case 9: // called by sort
		fmt.Fprintf(b, "type S%d []int\nfunc (s S%d) num() int { %s }\nfunc (s S%d) Len() int { return len(s) }\nfunc (s S%d) Less(i, j int) bool { return s.num() < 0 }\nfunc (s S%d) Swap(i, j int) {}\n"+
			"func Sort%d() int { sort.Sort(S%d{2, 1}); return 0 }\n", i, i, m.body(pkg, id(fmt.Sprintf("S%d.num", i))), i, i, i, i, i)
		it.use = fmt.Sprintf("%%sSort%d()", i)
	case 10:
		fmt.Fprintf(b, "var C%d = %s\n", i, m.value(pkg, 1))
		it.use = fmt.Sprintf("%%sC%d", i)
	case 11:
		if m.IntN(3) == 0 {
			fmt.Fprintf(b, "func init() { _ = %s }\n", m.value(pkg, 1))
		}
	case 12: // called by errors
		fmt.Fprintf(b, "type R%d struct{}\nfunc (R%d) Error() string { return \"\" }\nfunc (R%d) num() int { %s }\nfunc (r R%d) Is(error) bool { return r.num() == 0 }\n"+
			"func Err%d() error { return R%d{} }\n", i, i, i, m.body(pkg, id(fmt.Sprintf("R%d.num", i))), i, i, i)
		it.use = fmt.Sprintf("trace.Bool(errors.Is(%%sErr%d(), io.EOF))", i)
	case 13: // a method value, from an alias
		if of, ok := m.typed(pkg); ok && of.pkg == pkg {
			fmt.Fprintf(b, "type A%d = %s\nvar W%d = A%d{}.M%d\n", i, of.name, i, i, of.n)
			it.use = fmt.Sprintf("%%sW%d()", i)
		}
	case 14: // reflection
		fmt.Fprintf(b, "type X%d struct{}\nfunc (X%d) By%d() int { %s }\nfunc Call%d() int { return int(reflect.ValueOf(X%d{}).MethodByName(fmt.Sprint(\"By\", %d)).Call(nil)[0].Int()) }\n",
			i, i, i, m.body(pkg, id(fmt.Sprintf("X%d.By%d", i, i))), i, i, i)
		it.use = fmt.Sprintf("%%sCall%d()", i)
	}
	m.items = append(m.items, it)
}

const header = "import (\n\t\"errors\"\n\t\"fmt\"\n\t\"io\"\n\t\"reflect\"\n\t\"sort\"\n%s\t\"example.com/m/trace\"\n)\n\nvar _, _, _, _, _, _ = errors.New, fmt.Sprint, io.EOF, reflect.TypeOf, sort.Sort, trace.Hit\n\n"

// generate writes a module below dir.
func generate(t *testing.T, dir string, seed uint64) *module {
	m := &module{Rand: rand.New(rand.NewPCG(seed, 1)), text: map[string]*strings.Builder{}, kinds: 14 + int(seed%2)}
	file := func(name string) *strings.Builder {
		m.text[name] = new(strings.Builder)
		return m.text[name]
	}
	file("go.mod").WriteString("module example.com/m\n\ngo 1.24\n")
	file("trace/trace.go").WriteString("// Package trace tells what runs.\npackage trace\n\nimport \"os\"\n\n" +
		"func Hit(id string) { os.Stderr.WriteString(\"hit \" + id + \"\\n\") }\n\nfunc Bool(b bool) int { return 0 }\n")
	i := 0
	for pkg := range packages {
		imports := ""
		for below := range pkg {
			imports += fmt.Sprintf("\t\"example.com/m/%s\"\n", pkgName(below))
		}
		b := file(pkgName(pkg) + "/p.go")
		fmt.Fprintf(b, "package %s\n\n"+header, pkgName(pkg), imports)
		for below := range pkg {
			fmt.Fprintf(b, "const _ = %s.Used\n", pkgName(below))
		}
		b.WriteString("const Used = 1\n")
		for range 8 {
			m.add(pkg, i)
			i++
		}
		b = file(pkgName(pkg) + "/p_test.go")
		fmt.Fprintf(b, "package %s\n\n"+header, pkgName(pkg), "\t\"testing\"\n"+imports)
		for below := range pkg {
			fmt.Fprintf(b, "const _ = %s.Used + 0\n", pkgName(below))
		}
		if m.IntN(4) == 0 {
			fmt.Fprintf(b, "func TestMain(m *testing.M) { _ = %s; m.Run() }\n", m.value(pkg, 1))
		}
		fmt.Fprintf(b, "func helper() int { return %s }\n", m.value(pkg, 1))
		for n := range 6 {
			extra := ""
			if m.IntN(4) == 0 {
				extra = " + helper()"
			}
			fmt.Fprintf(b, "func Test%c(t *testing.T) { t.Run(\"sub\", func(t *testing.T) { if n := (%s%s); n < 0 { t.Error(n) } }) }\n", 'A'+n, m.value(pkg, 1+m.IntN(2)), extra)
		}
	}
	for name, text := range m.text {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// TestOracle runs every test of random modules by itself, and notes which
// functions ran. A function that ran in a test may change what comes of it: so
// the test must be among those chosen when the function changes.
func TestOracle(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs tests of random modules")
	}
	for seed := range uint64(*programs) {
		seed += 1
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			dir := t.TempDir()
			m := generate(t, dir, seed)
			c := build.Config{Dir: dir}
			list, err := build.List(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			closure, err := build.Closures(t.Context(), c, list.Packages)
			if err != nil {
				t.Fatal(err)
			}
			var source reach.Source
			chosen, left, wide := 0, 0, 0
			for _, p := range list.Packages {
				names := slices.Sorted(maps.Keys(must(build.Declared(p.TestFiles))))
				ran := execute(t, p, names)
				binary := reach.Binary{Path: p.ImportPath}
				for _, part := range closure.Parts[p.ImportPath] {
					binary.Packages = append(binary.Packages, &reach.Package{Path: part.ImportPath, Name: part.Name, Files: part.Files, Other: part.Other, Standard: part.Standard})
				}
				for _, b := range m.bugs {
					before := m.text[b.file].String()
					now := strings.Replace(before, b.text, strings.TrimSuffix(b.text, ")")+"+1)", 1)
					change, near := reach.Compare([]byte(before), []byte(now), func(path string) bool { return !strings.Contains(path, ".") })
					if !near {
						wide++
						continue
					}
					got, err := source.Tests(binary, names, map[string]reach.Change{"example.com/m/" + filepath.Dir(b.file): change})
					if err != nil {
						t.Fatal(err)
					}
					chosen += len(got)
					left += len(names) - len(got)
					for _, name := range names {
						if ran[name][b.id] && !slices.Contains(got, name) {
							t.Errorf("%s of %s runs %q, and is left out when that changes (%v): chosen are %v", name, p.ImportPath, b.id, change, got)
						}
					}
				}
			}
			t.Logf("seed %d: %d changes, %d of them wide: %d tests chosen, %d left out", seed, len(m.bugs), wide/packages, chosen, left)
			if left == 0 {
				t.Error("no test was ever left out, so this shows nothing")
			}
		})
	}
}

func must(names map[string]bool, err error) map[string]bool {
	if err != nil {
		panic(err)
	}
	return names
}

// execute runs tests one by one and returns what ran in each.
func execute(t *testing.T, p build.Package, names []string) map[string]map[string]bool {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "p.test")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-o", binary, ".")
	cmd.Dir = p.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	ran := map[string]map[string]bool{}
	for _, name := range names {
		out, err := exec.CommandContext(t.Context(), binary, "-test.run=^"+name+"$").CombinedOutput()
		if err != nil {
			t.Fatalf("%s of %s: %v\n%s", name, p.ImportPath, err, out)
		}
		ran[name] = map[string]bool{}
		for line := range strings.Lines(string(out)) {
			if id, ok := strings.CutPrefix(strings.TrimSpace(line), "hit "); ok {
				ran[name][id] = true
			}
		}
	}
	return ran
}
