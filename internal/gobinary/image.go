package gobinary

import (
	"debug/buildinfo"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
)

// Attributes that cmd/internal/dwarf/dwarf.go adds.
const (
	attrKind    dwarf.Attr = 0x2900
	attrKey     dwarf.Attr = 0x2901
	attrElem    dwarf.Attr = 0x2902
	attrEmbed   dwarf.Attr = 0x2903
	attrRuntime dwarf.Attr = 0x2904 // since Go 1.22 or so relative to runtime.types
	attrClosure dwarf.Attr = 0x2907 // since Go 1.23
)

// Image is what an executable says about the memory of its processes. It is not
// changed after [Open] and may be used concurrently.
type Image struct {
	Path     string
	Version  string // "go1.26.8"
	Settings map[string]string
	Machine  elf.Machine
	PIE      bool
	Entry    uint64     // linked address of the entry point
	Globals  []Variable // in the order of the DWARF
	Bare     *Bare      // of an executable without DWARF

	types    []*Type
	named    map[string]*Type
	runtime  map[uint64]*Type // by place of the type descriptor
	closures map[uint64][]Capture
	symbols  map[string]uint64 // of package runtime
	base     uint64            // linked address of runtime.types
	code     code
}

// NotGoError says that a file is not an executable of Go.
type NotGoError struct {
	Path string
	Err  error
}

func (e *NotGoError) Error() string {
	return fmt.Sprintf("%s is no executable that the Go linker wrote: %v", e.Path, e.Err)
}

func (e *NotGoError) Unwrap() error { return e.Err }

// Open reads an executable. It takes time and memory in proportion to its
// DWARF: some tenths of a second and 100 MB for each million entries.
func Open(path string) (*Image, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		if _, stat := os.Stat(path); stat != nil {
			return nil, stat
		}
		return nil, &NotGoError{path, err}
	}
	f, err := elf.Open(path)
	if err != nil {
		return nil, &NotGoError{path, err}
	}
	defer f.Close()
	if f.Class != elf.ELFCLASS64 || f.Data != elf.ELFDATA2LSB {
		return nil, fmt.Errorf("%s is for %v, %v; only 64-bit little-endian machines are read so far (amd64, arm64)", path, f.Machine, f.Data)
	}
	m := &Image{
		Path: path, Version: info.GoVersion, Settings: map[string]string{}, Machine: f.Machine, PIE: f.Type == elf.ET_DYN, Entry: f.Entry,
		named: map[string]*Type{}, runtime: map[uint64]*Type{},
		closures: map[uint64][]Capture{}, symbols: map[string]uint64{},
	}
	for _, s := range info.Settings {
		m.Settings[s.Key] = s.Value
	}
	symbols, err := f.Symbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return nil, fmt.Errorf("%s: symbol table: %w", path, err)
	}
	for _, s := range symbols {
		if strings.HasPrefix(s.Name, "runtime.") {
			m.symbols[s.Name] = s.Value
		}
	}
	if f.Section(".debug_info") == nil && f.Section(".zdebug_info") == nil {
		if err := m.bare(f); err != nil {
			return nil, err
		}
		m.Bare.statics(symbols)
		return m, nil
	}
	m.base = m.symbols["runtime.types"]
	d, list, err := debugData(f)
	if err != nil {
		return nil, fmt.Errorf("%s: DWARF: %w", path, err)
	}
	if err := m.read(d, list); err != nil {
		return nil, fmt.Errorf("%s: DWARF: %w", path, err)
	}
	return m, nil
}

// Symbol returns the linked address of a symbol of package runtime.
func (m *Image) Symbol(name string) (uint64, bool) {
	v, ok := m.symbols[name]
	return v, ok
}

// Type returns the type with a name, such as "runtime.mspan".
func (m *Image) Type(name string) (*Type, bool) {
	t, ok := m.named[name]
	return t, ok
}

// Types returns all types, in no order.
func (m *Image) Types() []*Type { return m.types }

// Global returns the package variable with a name.
func (m *Image) Global(name string) (Variable, bool) {
	for _, v := range m.Globals {
		if v.Name == name {
			return v, true
		}
	}
	return Variable{}, false
}

// Runtime returns the type whose descriptor is at a linked address.
func (m *Image) Runtime(addr uint64) (*Type, bool) {
	t, ok := m.runtime[addr]
	return t, ok
}

// Closure returns what the closures whose code begins at a linked address
// capture. ok is false if there is no such function, or if its captures are not
// described.
func (m *Image) Closure(pc uint64) ([]Capture, bool) {
	c, ok := m.closures[pc]
	return c, ok
}

// die is a type as it stands in the DWARF.
type die struct {
	t         *Type
	tag       dwarf.Tag
	elem, key dwarf.Offset
	under     dwarf.Offset // AttrType
	fields    []dwarf.Offset
}

type global struct {
	v   Variable
	typ dwarf.Offset
}

type captures struct {
	pc       uint64
	list     []Capture
	typ      []dwarf.Offset
	receiver string // of a method value: its type
}

// receiver is what the receiver of a method value is called.
const receiver = "receiver"

// receiverOf returns the type of the receiver that a method value has captured,
// by the name of its function: "*p.T" for "p.(*T).Method-fm"; "" for other
// functions, and for methods of generic types, whose names do not say it.
func receiverOf(function string) string {
	method, ok := strings.CutSuffix(function, "-fm")
	dot := strings.LastIndexByte(method, '.')
	if !ok || dot < 0 || strings.Contains(method, "[") {
		return ""
	}
	t := method[:dot]
	if pkg, pointer, ok := strings.Cut(t, ".(*"); ok {
		return "*" + pkg + "." + strings.TrimSuffix(pointer, ")")
	}
	return t
}

// maxDepth is how far entries may be nested. The Go compiler nests inlined
// calls, a few dozen at most.
const maxDepth = 1 << 12

func (m *Image) read(d *dwarf.Data, list *entries) error {
	dies := map[dwarf.Offset]*die{}
	var globals []global
	var closures []captures
	var cur *die // the struct or array that is being read
	var fn *captures
	m.code.data, m.code.types = d, map[dwarf.Offset]*Type{}
	for {
		e, depth, err := list.next()
		if err != nil {
			return err
		}
		if e == nil {
			break
		}
		switch depth {
		case 0:
			m.code.unit(e)
		case 1:
			cur, fn = nil, nil
			switch e.Tag {
			case dwarf.TagSubprogram:
				m.code.function(e)
				if pc, ok := e.Val(dwarf.AttrLowpc).(uint64); ok && e.Children {
					closures = append(closures, captures{pc: pc, receiver: receiverOf(name(e))})
					fn = &closures[len(closures)-1]
				}
			case dwarf.TagVariable:
				if g, ok := readGlobal(e); ok {
					globals = append(globals, g)
				}
			default:
				if cur = readType(e); cur != nil {
					dies[e.Offset] = cur
					if at, ok := place(e.Val(attrRuntime)); ok && at != 0 {
						if at < m.base {
							at += m.base
						}
						m.runtime[at] = cur.t
					}
				}
			}
		case 2:
			switch {
			case cur != nil && e.Tag == dwarf.TagMember:
				f := Field{Name: name(e)}
				f.Offset, _ = e.Val(dwarf.AttrDataMemberLoc).(int64)
				f.Embedded, _ = e.Val(attrEmbed).(bool)
				cur.t.Fields = append(cur.t.Fields, f)
				typ, _ := e.Val(dwarf.AttrType).(dwarf.Offset)
				cur.fields = append(cur.fields, typ)
			case cur != nil && e.Tag == dwarf.TagSubrangeType:
				cur.t.Len, _ = e.Val(dwarf.AttrCount).(int64)
			case fn != nil && e.Tag == dwarf.TagVariable:
				if off, ok := e.Val(attrClosure).(int64); ok {
					typ, _ := e.Val(dwarf.AttrType).(dwarf.Offset)
					fn.list = append(fn.list, Capture{Name: name(e), Offset: off})
					fn.typ = append(fn.typ, typ)
				}
			}
		}
	}
	return m.link(dies, globals, closures)
}

// link resolves references between entries.
func (m *Image) link(dies map[dwarf.Offset]*die, globals []global, closures []captures) error {
	for off, d := range dies {
		if _, err := resolve(dies, off); err != nil {
			return err
		}
		for i, at := range d.fields {
			t, err := resolve(dies, at)
			if err != nil {
				return err
			}
			if d.t.Fields[i].Type = t; t == nil {
				d.t.Fields[i].Type = unknown
			}
		}
		for _, ref := range []struct {
			at dwarf.Offset
			to **Type
		}{{d.elem, &d.t.Elem}, {d.key, &d.t.Key}} {
			if ref.at == 0 {
				continue
			}
			t, err := resolve(dies, ref.at)
			if err != nil {
				return err
			}
			*ref.to = t
		}
		// A channel or a map is a typedef of a pointer to its struct, an interface
		// one of the runtime's struct for it.
		switch d.t.Kind {
		case reflect.Interface:
			t, err := resolve(dies, d.under)
			if err != nil {
				return err
			}
			d.t.Impl = t
		case reflect.Map, reflect.Chan:
			if p := dies[d.under]; p != nil && p.tag == dwarf.TagPointerType {
				t, err := resolve(dies, p.under)
				if err != nil {
					return err
				}
				d.t.Impl = t
			}
		}
	}
	for off := range dies {
		t, _ := resolve(dies, off)
		if t == nil {
			continue
		}
		m.code.types[off] = t
		if t == dies[off].t {
			m.types = append(m.types, t)
		}
		if old := m.named[t.Name]; old == nil || old.Kind == reflect.Invalid {
			m.named[t.Name] = t
		}
	}
	for _, g := range globals {
		t, err := resolve(dies, g.typ)
		if err != nil {
			return err
		}
		if t != nil {
			g.v.Type = t
			m.Globals = append(m.Globals, g.v)
		}
	}
	for _, c := range closures {
		for i, at := range c.typ {
			if c.list[i].Name == ".this" { // in programs that are not optimized
				c.list[i].Name = receiver
			}
			t, err := resolve(dies, at)
			if err != nil {
				return err
			}
			if c.list[i].Type = t; t == nil {
				c.list[i].Type = unknown
			}
		}
		if t := m.named[c.receiver]; t != nil && len(c.list) == 0 {
			// Behind the address of its code there is the receiver
			// (cmd/compile/internal/typecheck, MethodValueType, Go 1.20 to 1.27).
			c.list = []Capture{{Name: receiver, Offset: 8, Type: t}}
		}
		m.closures[c.pc] = c.list
	}
	return nil
}

// unknown stands for a type that the DWARF refers to and does not have.
var unknown = &Type{Name: "unknown"}

// maxChain is how many typedefs of typedefs are followed.
const maxChain = 64

// resolve returns the type at off: what a typedef stands for, unless that is a
// type by itself. It is nil if there is none.
func resolve(dies map[dwarf.Offset]*die, off dwarf.Offset) (*Type, error) {
	for range maxChain {
		d := dies[off]
		if d == nil {
			return nil, nil
		}
		switch {
		case d.tag != dwarf.TagTypedef:
			return d.t, nil
		case d.t.Kind == reflect.Map || d.t.Kind == reflect.Chan || d.t.Kind == reflect.Interface:
			return d.t, nil
		}
		off = d.under
	}
	return nil, fmt.Errorf("offset %#x: more than %d typedefs of typedefs", off, maxChain)
}

// readType returns the type that an entry describes, nil if it describes none.
func readType(e *dwarf.Entry) *die {
	d := &die{t: &Type{Name: name(e)}, tag: e.Tag}
	if k, ok := e.Val(attrKind).(int64); ok && k > 0 && k <= int64(reflect.UnsafePointer) {
		d.t.Kind = reflect.Kind(k)
	}
	d.t.Size, _ = e.Val(dwarf.AttrByteSize).(int64)
	d.under, _ = e.Val(dwarf.AttrType).(dwarf.Offset)
	d.elem, _ = e.Val(attrElem).(dwarf.Offset)
	d.key, _ = e.Val(attrKey).(dwarf.Offset)
	set := func(k reflect.Kind, size int64) {
		if d.t.Kind == reflect.Invalid {
			d.t.Kind = k
		}
		if d.t.Size == 0 {
			d.t.Size = size
		}
	}
	switch e.Tag {
	case dwarf.TagBaseType:
	case dwarf.TagStructType:
		set(reflect.Struct, 0)
	case dwarf.TagArrayType:
		set(reflect.Array, 0)
		d.elem = d.under
	case dwarf.TagPointerType:
		if d.under == 0 {
			set(reflect.UnsafePointer, 8)
		}
		set(reflect.Pointer, 8)
		d.elem = d.under
	case dwarf.TagSubroutineType:
		set(reflect.Func, 8)
	case dwarf.TagTypedef:
		switch d.t.Kind {
		case reflect.Interface:
			set(reflect.Interface, 16)
		case reflect.Map, reflect.Chan:
			set(d.t.Kind, 8)
		}
	default:
		return nil
	}
	return d
}

// readGlobal reads a variable that has an address of its own.
func readGlobal(e *dwarf.Entry) (global, bool) {
	const opAddr = 0x03
	loc, _ := e.Val(dwarf.AttrLocation).([]byte)
	if len(loc) != 9 || loc[0] != opAddr {
		return global{}, false
	}
	g := global{v: Variable{Name: name(e), Addr: binary.LittleEndian.Uint64(loc[1:])}}
	g.typ, _ = e.Val(dwarf.AttrType).(dwarf.Offset)
	return g, g.v.Name != ""
}

func name(e *dwarf.Entry) string {
	s, _ := e.Val(dwarf.AttrName).(string)
	return s
}

// place is the value of the attribute that says where a type descriptor is.
func place(v any) (uint64, bool) {
	switch v := v.(type) {
	case uint64:
		return v, true
	case int64:
		return uint64(v), true
	}
	return 0, false
}
