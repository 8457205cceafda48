package explore

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// globals names package variables and the parts of them, from the symbol
// table and the debugging information of a binary. Without either, variables
// stay nameless.
type globals struct {
	loaded bool
	list   []global
	dwarf  *dwarf.Data
	types  map[string]dwarf.Type // of variables, as they were asked for
}

type global struct {
	name       string
	start, end uint64
}

// at names what is at addr.
func (g *globals) at(file string, addr uint64) (object, bool) {
	if !g.loaded {
		g.loaded = true
		g.load(file)
	}
	i := sort.Search(len(g.list), func(i int) bool { return g.list[i].end > addr })
	if i == len(g.list) || addr < g.list[i].start {
		return object{}, false
	}
	v := g.list[i]
	short := v.name[strings.LastIndexByte(v.name, '/')+1:] // as types are shown
	if t := g.typeOf(v.name); t != nil {
		path, part := within(t, int64(addr-v.start))
		return object{name: short + path, typ: part.String(), kind: kindOf(part), fromText: true}, true
	}
	if addr == v.start {
		return object{name: short}, true
	}
	return object{name: fmt.Sprintf("%s+%d", short, addr-v.start)}, true
}

func (g *globals) load(file string) {
	f, err := elf.Open(file)
	if err != nil {
		return
	}
	defer f.Close()
	if list, err := f.Symbols(); err == nil {
		for _, y := range list {
			if elf.ST_TYPE(y.Info) == elf.STT_OBJECT && y.Size > 0 {
				g.list = append(g.list, global{y.Name, y.Value, y.Value + y.Size})
			}
		}
	}
	slices.SortFunc(g.list, func(a, b global) int {
		if c := compare(a.start, b.start); c != 0 {
			return c
		}
		return compare(a.end, b.end)
	})
	g.types = map[string]dwarf.Type{}
	g.dwarf, _ = f.DWARF() // a binary without it has names all the same
}

// typeOf returns the type of a package variable, nil if it is not known. It
// reads through the debugging information up to the variable.
func (g *globals) typeOf(name string) dwarf.Type {
	if t, ok := g.types[name]; ok || g.dwarf == nil {
		return t
	}
	g.types[name] = nil
	r := g.dwarf.Reader()
	for {
		e, err := r.Next()
		if err != nil || e == nil {
			return nil
		}
		if e.Tag == dwarf.TagVariable && e.Val(dwarf.AttrName) == name {
			if off, ok := e.Val(dwarf.AttrType).(dwarf.Offset); ok {
				if t, err := g.dwarf.Type(off); err == nil {
					g.types[name] = t
				}
			}
			return g.types[name]
		}
		if e.Tag != dwarf.TagCompileUnit {
			r.SkipChildren()
		}
	}
}

// within returns the way from the start of a value of type t to the innermost
// part at off, and that part's type.
func within(t dwarf.Type, off int64) (path string, part dwarf.Type) {
	for {
		switch u := under(t).(type) {
		case *dwarf.StructType:
			if whole(t) {
				return path, t
			}
			i := slices.IndexFunc(u.Field, func(f *dwarf.StructField) bool {
				return f.ByteOffset <= off && off < f.ByteOffset+max(f.Type.Size(), 1)
			})
			if i < 0 {
				return path, t
			}
			f := u.Field[i]
			path += "." + f.Name
			off -= f.ByteOffset
			t = f.Type
		case *dwarf.ArrayType:
			n := u.Type.Size()
			if n <= 0 {
				return path, t
			}
			path += fmt.Sprintf("[%d]", off/n)
			off %= n
			t = u.Type
		default:
			return path, t
		}
	}
}

// under strips the names from t.
func under(t dwarf.Type) dwarf.Type {
	for {
		d, ok := t.(*dwarf.TypedefType)
		if !ok {
			return t
		}
		t = d.Type
	}
}

// whole reports whether t is a type that the compiler describes as a struct
// and the language does not.
func whole(t dwarf.Type) bool {
	switch kindOf(t) {
	case "string", "slice", "interface":
		return true
	}
	return false
}

// kindOf returns the kind of t, in the words of package reflect, for those
// kinds that take several words; "" for others.
func kindOf(t dwarf.Type) string {
	s, ok := under(t).(*dwarf.StructType)
	if !ok {
		return ""
	}
	switch {
	case s.StructName == "string":
		return "string"
	case len(s.StructName) > 2 && s.StructName[:2] == "[]":
		return "slice"
	case s.StructName == "runtime.iface" || s.StructName == "runtime.eface":
		return "interface"
	}
	return ""
}
