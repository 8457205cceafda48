package gobinary

import (
	"bufio"
	_ "embed"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:generate go run ./layoutgen

// layoutText is the table of layouts: see layoutgen, which writes it.
//
//go:embed layouts.txt
var layoutText string

// Layout returns the structs of the runtime (such as "runtime.mspan") as a
// release of Go has them for a GOARCH on Linux. The version is what the release
// says of itself: "go1.26.8", or "go1.25.7 X:noswissmap" with experiments. ok is
// false for a release that the table does not have. Pointers and slices have an
// element, and structs have fields, where the table has the struct.
//
// It is made for programs without DWARF; in others the DWARF says more.
func Layout(version, arch string) (types map[string]*Type, ok bool) {
	t := layouts()
	s := t.releases[ReleaseName(version)+"/"+arch]
	if s == nil {
		return nil, false
	}
	return link(s), true
}

// Kin returns the layouts of releases of the same minor version as version and
// with the same experiments as far as these are known to change maps, the
// latest first: what can be tried, and has to be verified, for a release that
// [Layout] does not have.
func Kin(version, arch string) []string {
	minor, ok := minorOf(version)
	if !ok {
		return nil
	}
	classic := strings.Contains(version, "noswissmap")
	var list []string
	for name := range layouts().releases {
		name, of, _ := strings.Cut(name, "/")
		if m, ok := minorOf(name); ok && m == minor && of == arch && strings.Contains(name, "noswissmap") == classic {
			list = append(list, strings.Replace(name, "+", " X:", 1))
		}
	}
	slices.SortFunc(list, func(a, b string) int { return patchOf(b) - patchOf(a) })
	return list
}

// ReleaseName writes a version as the table does: go1.25.7+noswissmap.
func ReleaseName(version string) string {
	for _, mark := range []string{" X:", "-X:"} {
		version = strings.Replace(version, mark, "+", 1)
	}
	return version
}

// minorOf returns 26 for "go1.26.8".
func minorOf(version string) (minor int, ok bool) {
	rest, ok := strings.CutPrefix(version, "go1.")
	n := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	minor, err := strconv.Atoi(rest[:n])
	return minor, ok && err == nil
}

// patchOf returns 8 for "go1.26.8", and 0 if there is none.
func patchOf(version string) int {
	_, rest, _ := strings.Cut(strings.TrimPrefix(version, "go1."), ".")
	n := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	patch, _ := strconv.Atoi(rest[:n])
	return patch
}

// table is the parsed text: the structs of each release and GOARCH.
type table struct {
	releases map[string]map[string]*Struct
}

// Struct is a struct as the table has it.
type Struct struct {
	Name   string
	Size   int64
	Fields []StructField
}

// StructField is a field of a [Struct].
type StructField struct {
	Name   string
	Offset int64
	Size   int64
	Kind   reflect.Kind
	Type   string
}

var layouts = sync.OnceValue(func() *table {
	t, err := ParseLayouts(layoutText)
	if err != nil {
		panic(err) // the text is compiled in, and TestLayouts reads all of it
	}
	return &table{t}
})

// ParseLayouts reads a table: for each "release/GOARCH", its structs by name.
func ParseLayouts(text string) (map[string]map[string]*Struct, error) {
	all := map[string]map[string]*Struct{}
	var cur *Struct
	s := bufio.NewScanner(strings.NewReader(text))
	s.Buffer(nil, 1<<20)
	for n := 1; s.Scan(); n++ {
		line := s.Text()
		f := strings.Fields(line)
		bad := func() error { return fmt.Errorf("layouts: line %d: %q", n, line) }
		switch {
		case len(f) == 0 || f[0] == "#":
		case f[0] == "struct":
			if len(f) < 4 {
				return nil, bad()
			}
			size, err := strconv.ParseInt(f[2], 10, 64)
			if err != nil {
				return nil, bad()
			}
			cur = &Struct{Name: f[1], Size: size}
			for _, release := range f[3:] {
				names := []string{release}
				if !strings.Contains(release, "/") {
					names = []string{release + "/amd64", release + "/arm64"}
				}
				for _, name := range names {
					if all[name] == nil {
						all[name] = map[string]*Struct{}
					}
					all[name][cur.Name] = cur
				}
			}
		default:
			if len(f) < 5 || cur == nil {
				return nil, bad()
			}
			offset, err1 := strconv.ParseInt(f[1], 10, 64)
			size, err2 := strconv.ParseInt(f[2], 10, 64)
			kind := kindOf(f[3])
			if err1 != nil || err2 != nil || kind == reflect.Invalid {
				return nil, bad()
			}
			cur.Fields = append(cur.Fields, StructField{f[0], offset, size, kind, strings.Join(f[4:], " ")})
		}
	}
	return all, s.Err()
}

// kindOf is the inverse of reflect.Kind.String.
func kindOf(name string) reflect.Kind {
	for k := reflect.Bool; k <= reflect.UnsafePointer; k++ {
		if k.String() == name {
			return k
		}
	}
	return reflect.Invalid
}

// FormatLayouts writes a table: structs that are equal in several releases
// once.
func FormatLayouts(all map[string]map[string]*Struct) string {
	bodies := map[string]map[string]bool{} // "name size\n fields" to releases
	for release, structs := range all {
		for _, s := range structs {
			var b strings.Builder
			fmt.Fprintf(&b, "%s %d\n", s.Name, s.Size)
			for _, f := range s.Fields {
				fmt.Fprintf(&b, " %s %d %d %s %s\n", f.Name, f.Offset, f.Size, f.Kind, f.Type)
			}
			if bodies[b.String()] == nil {
				bodies[b.String()] = map[string]bool{}
			}
			bodies[b.String()][release] = true
		}
	}
	type entry struct {
		head, fields string
		releases     []string
	}
	var list []entry
	for body, releases := range bodies {
		var e entry
		e.head, e.fields, _ = strings.Cut(body, "\n")
		for release := range releases {
			name, arch, _ := strings.Cut(release, "/")
			switch {
			case !releases[name+"/amd64"] || !releases[name+"/arm64"]:
				e.releases = append(e.releases, release)
			case arch == "amd64":
				e.releases = append(e.releases, name)
			}
		}
		slices.SortFunc(e.releases, compareReleases)
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b entry) int {
		an, _, _ := strings.Cut(a.head, " ")
		bn, _, _ := strings.Cut(b.head, " ")
		if c := strings.Compare(an, bn); c != 0 {
			return c
		}
		return compareReleases(a.releases[0], b.releases[0])
	})
	var b strings.Builder
	b.WriteString("# Code generated by internal/gobinary/layoutgen. DO NOT EDIT.\n")
	b.WriteString("# struct NAME SIZE RELEASE[/GOARCH]..., then FIELD OFFSET SIZE KIND TYPE\n")
	for _, e := range list {
		fmt.Fprintf(&b, "struct %s %s\n%s", e.head, strings.Join(e.releases, " "), e.fields)
	}
	return b.String()
}

func compareReleases(a, b string) int {
	am, _ := minorOf(a)
	bm, _ := minorOf(b)
	if am != bm {
		return am - bm
	}
	if d := patchOf(a) - patchOf(b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

// link makes types of structs that refer to each other by name.
func link(structs map[string]*Struct) map[string]*Type {
	types := map[string]*Type{}
	for name, s := range structs {
		types[name] = &Type{Name: name, Kind: reflect.Struct, Size: s.Size}
	}
	var named func(name string, size int64, kind reflect.Kind) *Type
	named = func(name string, size int64, kind reflect.Kind) *Type {
		if t := types[name]; t != nil {
			return t
		}
		t := &Type{Name: name, Kind: kind, Size: size}
		types[name] = t
		if elem, ok := strings.CutPrefix(name, "*"); ok && kind == reflect.Pointer {
			if strings.HasPrefix(elem, "*") {
				t.Elem = named(elem, 8, reflect.Pointer)
			} else {
				t.Elem = types[elem]
			}
		}
		if elem, ok := strings.CutPrefix(name, "[]"); ok && kind == reflect.Slice {
			if strings.HasPrefix(elem, "*") {
				t.Elem = named(elem, 8, reflect.Pointer)
			} else {
				t.Elem = types[elem]
			}
		}
		return t
	}
	for _, name := range slices.Sorted(maps.Keys(structs)) {
		for _, f := range structs[name].Fields {
			types[name].Fields = append(types[name].Fields, Field{Name: f.Name, Offset: f.Offset, Type: named(f.Type, f.Size, f.Kind)})
		}
	}
	return types
}
