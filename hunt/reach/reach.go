// Package reach says which tests can run code that changed.
//
// The unit of change is a declaration: [Compare] finds those that differ
// between two versions of a file. The unit of choice is a test: [Binary.Tests]
// returns those that can reach a changed declaration.
//
// A declaration reaches whatever it names. No types are computed, which makes
// it work for code that does not compile, and leaves no gap for what a type
// checker sees and a call graph does not: function values, generics, promoted
// methods. A name that is selected, x.Close, reaches every method of that name
// whose type is reached, since x may be an interface. A type that is reached
// brings its methods with it if the standard library may call them: those with
// the name of a method of any interface there, and all exported ones if methods
// are looked up by name (reflect, templates). What runs before a test is part
// of each test: init functions, TestMain, and variables whose value is
// computed. Packages with assembly, C or linkname are reached as a whole, and a
// test that starts other programs or reads Go source reaches everything.
//
// The package reads files and runs nothing.
package reach

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Package is a package as a test binary has it.
type Package struct {
	Path     string // import path, of an external test package with _test at its end
	Name     string
	Files    []string // absolute names of Go files
	Other    []string // of assembly and C files, which call what they like
	Standard bool
}

// Binary is a test binary.
type Binary struct {
	Path     string // import path of the package under test
	Packages []*Package
}

// Source keeps what was read of files, for several binaries.
type Source struct {
	files    map[string]*file
	outside  map[string][]string // names of interface methods, by import path
	assembly map[string][]string
}

// opaque are packages of the standard library whose users can reach what
// nobody here sees: other programs, and source files as data.
var opaque = map[string]bool{"os/exec": true, "plugin": true, "go/build": true, "go/parser": true, "go/importer": true}

// byName are packages that look methods up by their names.
var byName = map[string]bool{"text/template": true, "html/template": true, "net/rpc": true}

// errChanged ends a walk that has come to a change.
var errChanged = errors.New("reaches a change")

// Tests returns those of the named tests that can reach a change. changed has
// the changes of packages, by import path.
func (s *Source) Tests(b Binary, names []string, changed map[string]Change) ([]string, error) {
	g, err := s.graph(b, changed)
	if err != nil {
		return nil, err
	}
	base := g.walk(nil)
	err = base.roots()
	if errors.Is(err, errChanged) {
		return names, nil
	}
	var list []string
	for _, name := range names {
		w := g.walk(base)
		for _, p := range []string{b.Path, b.Path + "_test"} {
			if w.resolve(g.packages[p], name) != nil {
				list = append(list, name)
				break
			}
		}
	}
	return list, nil
}

// A graph is the declarations of a binary.
type graph struct {
	path     string
	packages map[string]*scope
	changed  map[string]Change
	outside  map[string]bool // names of methods that the standard library may call
	all      bool            // it may call all that are exported
}

// A scope is the declarations of a package.
type scope struct {
	path    string
	names   map[string][]*unit // without methods
	methods map[string][]*unit // by type
	files   []*file
	words   []string // in assembly
	whole   bool     // is reached as a whole
}

func (s *Source) graph(b Binary, changed map[string]Change) (*graph, error) {
	g := &graph{path: b.Path, packages: map[string]*scope{}, changed: changed, outside: map[string]bool{"Error": true}}
	names := map[string]string{}
	for _, p := range b.Packages {
		names[p.Path] = p.Name
	}
	for _, p := range b.Packages {
		if p.Standard {
			methods, err := s.interfaces(p)
			if err != nil {
				return nil, err
			}
			for _, m := range methods {
				g.outside[m] = true
			}
			g.all = g.all || byName[p.Path]
			continue
		}
		sc := &scope{path: p.Path, names: map[string][]*unit{}, methods: map[string][]*unit{}, whole: len(p.Other) > 0}
		for _, name := range p.Other {
			words, err := s.words(name)
			if err != nil {
				return nil, err
			}
			sc.words = append(sc.words, words...)
		}
		for _, name := range p.Files {
			f, err := s.file(name, func(path string) string { return names[path] })
			if err != nil {
				return nil, err
			}
			sc.files = append(sc.files, f)
			sc.whole = sc.whole || f.wild
			for _, u := range f.units {
				g.all = g.all || slices.ContainsFunc(u.selected, func(n string) bool { return n == "Method" || n == "Methods" || n == "MethodByName" })
				if u.method != "" {
					sc.methods[u.typ] = append(sc.methods[u.typ], u)
					continue
				}
				for _, n := range u.names {
					sc.names[n] = append(sc.names[n], u)
				}
			}
		}
		for _, units := range sc.names {
			for _, u := range units {
				if u.alias != "" {
					sc.methods[u.alias] = append(sc.methods[u.alias], sc.methods[u.typ]...)
				}
			}
		}
		g.packages[p.Path] = sc
	}
	return g, nil
}

func (s *Source) file(name string, pkgName func(string) string) (*file, error) {
	if f := s.files[name]; f != nil {
		return f, nil
	}
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f, err := parse(src, pkgName)
	if err != nil {
		return nil, err
	}
	if s.files == nil {
		s.files = map[string]*file{}
	}
	s.files[name] = f
	return f, nil
}

// interfaces are the names of methods in the interfaces of a package, also of
// those inside functions.
func (s *Source) interfaces(p *Package) ([]string, error) {
	if list, ok := s.outside[p.Path]; ok {
		return list, nil
	}
	var list []string
	for _, name := range p.Files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if t, ok := n.(*ast.InterfaceType); ok {
				for _, m := range t.Methods.List {
					for _, id := range m.Names {
						list = append(list, id.Name)
					}
				}
			}
			return true
		})
	}
	if s.outside == nil {
		s.outside = map[string][]string{}
	}
	s.outside[p.Path] = compact(list)
	return s.outside[p.Path], nil
}

var symbol = regexp.MustCompile(`·(\w+)`)

// words are the names of Go functions and variables in an assembly file.
func (s *Source) words(name string) ([]string, error) {
	if !strings.HasSuffix(name, ".s") {
		return nil, nil
	}
	if list, ok := s.assembly[name]; ok {
		return list, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, m := range symbol.FindAllSubmatch(text, -1) {
		list = append(list, string(m[1]))
	}
	if s.assembly == nil {
		s.assembly = map[string][]string{}
	}
	s.assembly[name] = compact(list)
	return s.assembly[name], nil
}

// A walk is what has been reached. It goes on from where its base has come to.
type walk struct {
	*graph
	base    *walk
	reached map[*unit]bool
	called  map[string]bool     // names of methods
	waiting map[string][]placed // methods of reached types, by name, until that is called
}

// placed is a declaration and the package that it is in.
type placed struct {
	*scope
	*unit
}

func (g *graph) walk(base *walk) *walk {
	return &walk{graph: g, base: base, reached: map[*unit]bool{}, called: map[string]bool{}, waiting: map[string][]placed{}}
}

// roots reaches what runs before any test.
func (w *walk) roots() error {
	for _, sc := range w.packages {
		for _, f := range sc.files {
			for _, u := range f.units {
				if u.root || sc.whole {
					if err := w.reach(sc, u); err != nil {
						return err
					}
				}
			}
			for _, l := range f.links {
				typ, method, ok := strings.Cut(l.name, ".")
				typ = strings.Trim(typ, "(*)")
				if err := w.resolve(w.packages[l.path], typ); err != nil {
					return err
				}
				if ok {
					if err := w.call(method); err != nil {
						return err
					}
				}
			}
		}
		for _, name := range sc.words {
			for _, other := range w.packages {
				if err := w.resolve(other, name); err != nil {
					return err
				}
			}
		}
	}
	for _, p := range []string{w.path, w.path + "_test"} {
		if err := w.resolve(w.packages[p], "TestMain"); err != nil {
			return err
		}
	}
	return nil
}

// resolve reaches what a package calls name, if anything.
func (w *walk) resolve(sc *scope, name string) error {
	if sc == nil {
		return nil
	}
	if w.changed[sc.path][name] {
		return errChanged
	}
	for _, u := range sc.names[name] {
		if err := w.reach(sc, u); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) reach(sc *scope, u *unit) error {
	if w.reached[u] || w.base != nil && w.base.reached[u] {
		return nil
	}
	w.reached[u] = true
	for _, n := range u.names {
		if w.changed[sc.path][n] {
			return errChanged
		}
	}
	for _, n := range u.plain {
		if err := w.resolve(sc, n); err != nil {
			return err
		}
	}
	for _, f := range sc.files {
		for _, p := range f.dots {
			for _, n := range u.plain {
				if err := w.resolve(w.packages[p], n); err != nil {
					return err
				}
			}
		}
	}
	for _, q := range u.qualified {
		if opaque[q.path] {
			return errChanged
		}
		if err := w.resolve(w.packages[q.path], q.name); err != nil {
			return err
		}
	}
	for _, t := range u.tests {
		if len(sc.names[t[0]]) == 0 {
			continue // no variable of the package has the parameter's name
		}
		if err := w.call(t[1]); err != nil {
			return err
		}
	}
	for _, n := range u.selected {
		if err := w.call(n); err != nil {
			return err
		}
	}
	if u.typ != "" && u.method == "" {
		return w.have(sc, u.typ)
	}
	return nil
}

// have takes the methods of a type that is reached.
func (w *walk) have(sc *scope, typ string) error {
	for _, m := range sc.methods[typ] {
		exported := token.IsExported(m.method)
		if w.called[m.method] || w.base != nil && w.base.called[m.method] || exported && (w.all || w.outside[m.method]) {
			if err := w.reach(sc, m); err != nil {
				return err
			}
			continue
		}
		w.waiting[m.method] = append(w.waiting[m.method], placed{sc, m})
	}
	return nil
}

// call takes the methods of a name.
func (w *walk) call(name string) error {
	if w.called[name] || w.base != nil && w.base.called[name] {
		return nil
	}
	w.called[name] = true
	list := w.waiting[name]
	if w.base != nil {
		list = slices.Concat(list, w.base.waiting[name])
	}
	for _, p := range list {
		if err := w.reach(p.scope, p.unit); err != nil {
			return err
		}
	}
	return nil
}
