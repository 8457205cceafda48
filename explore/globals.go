package explore

import (
	"cmp"
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
)

// globals names package variables and the parts of them, from the symbol
// table and the debugging information of a binary. Without either, variables
// stay nameless.
type globals struct {
	file string

	mu      sync.Mutex
	list    []global // nil until loaded
	loaded  bool
	dwarf   *dwarf.Data
	offsets map[string]dwarf.Offset // of variables' types, nil until one is asked for
}

// readGlobals are those of the binaries that were used last: to read a large
// one takes a quarter of a second, and the tests of a package have the same.
var readGlobals struct {
	mu   sync.Mutex
	last []*globals
}

// keptGlobals bounds readGlobals. Debugging information takes megabytes.
const keptGlobals = 2

// globalsOf returns the variables of a binary. The name of a binary says what
// is in it (package build).
func globalsOf(file string) *globals {
	r := &readGlobals
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.last, func(g *globals) bool { return g.file == file })
	var g *globals
	if i >= 0 {
		g = r.last[i]
		r.last = slices.Delete(r.last, i, i+1)
	} else {
		g = &globals{file: file}
	}
	r.last = append([]*globals{g}, r.last[:min(len(r.last), keptGlobals-1)]...)
	return g
}

type global struct {
	name       string
	start, end uint64
}

// at names what is at addr.
func (g *globals) at(addr uint64) (object, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.loaded {
		g.loaded = true
		g.load()
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

func (g *globals) load() {
	f, err := elf.Open(g.file)
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
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end))
	})
}

// typeOf returns the type of a package variable, nil if it is not known.
func (g *globals) typeOf(name string) dwarf.Type {
	if g.offsets == nil {
		g.offsets = map[string]dwarf.Offset{}
		g.index()
	}
	off, ok := g.offsets[name]
	if !ok {
		return nil
	}
	t, err := g.dwarf.Type(off)
	if err != nil {
		return nil
	}
	return t
}

// index reads through the debugging information once. A binary without it has
// names all the same.
func (g *globals) index() {
	f, err := elf.Open(g.file)
	if err != nil {
		return
	}
	defer f.Close()
	if g.dwarf, err = f.DWARF(); err != nil {
		return
	}
	r := g.dwarf.Reader()
	for {
		e, err := r.Next()
		if err != nil || e == nil {
			return
		}
		if e.Tag == dwarf.TagVariable {
			name, _ := e.Val(dwarf.AttrName).(string)
			if off, ok := e.Val(dwarf.AttrType).(dwarf.Offset); ok && g.offsets[name] == 0 {
				g.offsets[name] = off
			}
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
