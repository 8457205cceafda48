package gobinary

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// descriptors reads types from the descriptors that the runtime has of them
// (internal/abi/type.go, Go 1.21 to 1.27; runtime/type.go, Go 1.20). They may be
// damaged: what does not make sense is no type.
type descriptors struct {
	m      *Image
	buf    []byte // from base on
	base   uint64
	layout map[string]*Type
	head   *Type
	size, tflag, kind, str,
	mapKey, mapElem, mapBody int64
	todo   []todo
	raw    map[*Type]string // names as the descriptors have them
	path   map[*Type]string // packages of named types; composed for those without a name
	named  map[*Type]bool   // whose name is final
	room   int              // bytes that composed names may still take
	bodies []bodyOf
}

// bodyOf is a bucket as the DWARF has it, and as its descriptor has it.
type bodyOf struct{ bucket, body *Type }

// composed stands for the package of a type without a name of its own.
const composed = "-"

type todo struct {
	addr uint64
	t    *Type
}

// Flags of a descriptor.
const (
	flagUncommon  = 1
	flagExtraStar = 2
	flagNamed     = 4
)

// Bounds of one descriptor.
const (
	maxTypeName = 1 << 16
	maxNames    = 1 << 28 // of all
	maxFields   = 1 << 16
	maxTypeSize = 1 << 40
)

// either returns the struct with one of two names.
func either(layout map[string]*Type, names ...string) *Type {
	for _, name := range names {
		if t := layout[name]; t != nil && len(t.Fields) > 0 {
			return t
		}
	}
	return nil
}

// place returns the offset of the field with one of two names.
func placeOf(t *Type, names ...string) (int64, error) {
	if t == nil {
		return 0, errors.New("the layout of its type descriptors is not known")
	}
	for _, name := range names {
		if f, ok := t.Field(name); ok {
			return f.Offset, nil
		}
	}
	return 0, fmt.Errorf("%s of the layouts has no %s", t.Name, names[0])
}

// kindLayouts are the names of the struct of each kind's descriptor.
var kindLayouts = map[reflect.Kind][]string{
	reflect.Array: {"internal/abi.ArrayType", "runtime.arraytype"}, reflect.Chan: {"internal/abi.ChanType", "runtime.chantype"},
	reflect.Func: {"internal/abi.FuncType", "runtime.functype"}, reflect.Interface: {"internal/abi.InterfaceType", "runtime.interfacetype"},
	reflect.Map:     {"internal/abi.SwissMapType", "internal/abi.OldMapType", "internal/abi.MapType", "runtime.maptype"},
	reflect.Pointer: {"internal/abi.PtrType", "runtime.ptrtype"}, reflect.Slice: {"internal/abi.SliceType", "runtime.slicetype"},
	reflect.Struct: {"internal/abi.StructType", "runtime.structtype"},
}

// describe reads the types that the module lists, and those that they lead to.
func (m *Image) describe(l *loader) error {
	b := m.Bare
	buf, err := l.load(b.Types.From, b.Types.To-b.Types.From)
	if err != nil {
		return fmt.Errorf("its type descriptors cannot be read: %w", err)
	}
	d := &descriptors{m: m, buf: buf, base: b.Types.From, layout: m.named, raw: map[*Type]string{}, path: map[*Type]string{}, named: map[*Type]bool{}, room: maxNames}
	b.desc, b.Itabs = d, map[uint64]*Type{}
	m.base = b.Types.From
	d.head = either(d.layout, "internal/abi.Type", "runtime._type")
	mt := either(d.layout, kindLayouts[reflect.Map]...)
	for _, f := range []struct {
		to    *int64
		t     *Type
		names []string
	}{
		{&d.size, d.head, []string{"Size_", "size"}}, {&d.tflag, d.head, []string{"TFlag", "tflag"}},
		{&d.kind, d.head, []string{"Kind_", "kind"}}, {&d.str, d.head, []string{"Str", "str"}},
		{&d.mapKey, mt, []string{"Key", "key"}}, {&d.mapElem, mt, []string{"Elem", "elem"}},
		{&d.mapBody, mt, []string{"Group", "Bucket", "bucket"}},
	} {
		if *f.to, err = placeOf(f.t, f.names...); err != nil {
			return err
		}
	}
	if err := d.list(l); err != nil {
		return err
	}
	if len(m.types) == 0 {
		return errors.New("it lists no types")
	}
	return nil
}

// list reads the types that the module lists: in Go up to 1.26 those without a
// name of their own, and those in itabs; later all of them, one after the other.
func (d *descriptors) list(l *loader) error {
	md := d.layout["runtime.moduledata"]
	word := func(name string, off int64) (uint64, bool) {
		f, ok := md.Field(name)
		if !ok || f.Offset+off > md.Size-8 {
			return 0, false
		}
		return binary.LittleEndian.Uint64(d.m.Bare.module[f.Offset+off:]), true
	}
	if n, ok := word("typedesclen", 0); ok {
		for at := d.base + 8; at < d.base+min(n, uint64(len(d.buf))); {
			at = (at + 7) &^ 7
			t := d.ref(at)
			size := d.extent(at)
			if t == unknown || size <= 0 {
				return fmt.Errorf("its type descriptors make no sense at %#x", at)
			}
			d.finish()
			at += uint64(size)
		}
		// Since Go 1.27 the itabs lie behind the types, with as many methods as
		// each has.
		from, _ := word("itaboffset", 0)
		size, _ := word("itabsize", 0)
		for at := d.base + from; size >= 24 && at <= d.base+from+size-24; at += 8 {
			d.itab(at, d.at(at, 16))
		}
		return nil
	}
	links, _ := word("typelinks", 0)
	n, ok := word("typelinks", 8)
	if !ok || n > uint64(len(d.buf)) {
		return errors.New("its list of types makes no sense")
	}
	b, err := l.load(links, 4*n)
	if err != nil {
		return fmt.Errorf("its list of types: %w", err)
	}
	for ; len(b) >= 4; b = b[4:] {
		d.ref(d.base + uint64(binary.LittleEndian.Uint32(b)))
		d.finish()
	}
	itabs, _ := word("itablinks", 0)
	if n, ok = word("itablinks", 8); !ok || n > maxRela {
		return errors.New("its list of interface tables makes no sense")
	}
	if b, err = l.load(itabs, 8*n); err != nil {
		return fmt.Errorf("its list of interface tables: %w", err)
	}
	for ; len(b) >= 8; b = b[8:] {
		at := binary.LittleEndian.Uint64(b)
		if tab, err := l.load(at, 16); err == nil {
			d.itab(at, tab)
		}
	}
	return nil
}

// itab keeps the type of the itab at an address, whose first words are b: an
// interface, and a type that has its methods.
func (d *descriptors) itab(at uint64, b []byte) {
	if len(b) < 16 {
		return
	}
	inter := d.ref(binary.LittleEndian.Uint64(b))
	if inter.Kind != reflect.Interface {
		return
	}
	if t := d.ref(binary.LittleEndian.Uint64(b[8:])); t != unknown {
		b := d.m.Bare
		if b.Itabs[at] = t; len(b.Itabs) == 1 {
			b.ItabRange = Region{at, at + 8}
		}
		b.ItabRange = Region{min(b.ItabRange.From, at), max(b.ItabRange.To, at+8)}
	}
	d.finish()
}

// Describe returns the type whose descriptor is at a linked address, also if
// the module does not list it. It must not be called while others use the image.
func (m *Image) Describe(addr uint64) (*Type, bool) {
	if t, ok := m.runtime[addr]; ok {
		return t, true
	}
	if m.Bare == nil || addr&7 != 0 || !m.Bare.Types.Has(addr, 48) {
		return nil, false
	}
	t := m.Bare.desc.ref(addr)
	m.Bare.desc.finish()
	return t, t != unknown
}

// at returns n bytes at addr; nil if they are not among the descriptors.
func (d *descriptors) at(addr uint64, n int64) []byte {
	off := addr - d.base
	if addr < d.base || n < 0 || off > uint64(len(d.buf)) || uint64(n) > uint64(len(d.buf))-off {
		return nil
	}
	return d.buf[off : off+uint64(n)]
}

// name returns a name of the descriptors and its flags.
func (d *descriptors) name(addr uint64) (s string, flags byte, ok bool) {
	b := d.at(addr, 2)
	if b == nil {
		return "", 0, false
	}
	flags = b[0]
	n := int64(0)
	for i := int64(0); i < 3; i++ {
		b := d.at(addr+1+uint64(i), 1)
		if b == nil {
			return "", 0, false
		}
		if n |= int64(b[0]&0x7f) << (7 * i); b[0]&0x80 == 0 {
			if b = d.at(addr+2+uint64(i), n); b == nil || n > maxTypeName || !utf8.Valid(b) {
				return "", 0, false
			}
			return string(b), flags, true
		}
	}
	return "", 0, false
}

// ref returns the type at addr, whose insides are read by finish. It is unknown
// if there is none.
func (d *descriptors) ref(addr uint64) *Type {
	if t := d.m.runtime[addr]; t != nil {
		return t
	}
	b := d.at(addr, d.head.Size)
	if b == nil || addr&7 != 0 {
		return unknown
	}
	kind := reflect.Kind(b[d.kind] & 0x1f)
	size := binary.LittleEndian.Uint64(b[d.size:])
	flags := b[d.tflag]
	align := b[d.tflag+1]
	name, _, ok := d.name(d.base + uint64(binary.LittleEndian.Uint32(b[d.str:])))
	if !ok || name == "" || kind == reflect.Invalid || kind > reflect.UnsafePointer || size > maxTypeSize || align == 0 || align > 64 || align&(align-1) != 0 {
		return unknown
	}
	if flags&flagExtraStar != 0 {
		if name, ok = strings.CutPrefix(name, "*"); !ok {
			return unknown
		}
	}
	if want, ok := kindSizes[kind]; ok && size != want {
		return unknown
	}
	t := &Type{Name: name, Kind: kind, Size: int64(size)}
	if flags&flagNamed == 0 {
		if mark, ok := kindMarks[kind]; ok && !strings.HasPrefix(name, mark) {
			return unknown
		}
	}
	d.m.runtime[addr] = t
	d.m.types = append(d.m.types, t)
	d.raw[t] = name
	if flags&flagNamed != 0 && flags&flagUncommon != 0 {
		if u := d.at(addr+uint64(d.headSize(kind)), 4); u != nil {
			d.path[t], _, _ = d.name(d.base + uint64(binary.LittleEndian.Uint32(u)))
		}
	} else if flags&flagNamed == 0 {
		d.path[t] = composed
	}
	d.todo = append(d.todo, todo{addr, t})
	return t
}

var kindSizes = map[reflect.Kind]uint64{
	reflect.Bool: 1, reflect.Int: 8, reflect.Int8: 1, reflect.Int16: 2, reflect.Int32: 4, reflect.Int64: 8, reflect.Uint: 8,
	reflect.Uint8: 1, reflect.Uint16: 2, reflect.Uint32: 4, reflect.Uint64: 8, reflect.Uintptr: 8, reflect.Float32: 4,
	reflect.Float64: 8, reflect.Complex64: 8, reflect.Complex128: 16, reflect.Chan: 8, reflect.Func: 8, reflect.Interface: 16,
	reflect.Map: 8, reflect.Pointer: 8, reflect.Slice: 24, reflect.String: 16, reflect.UnsafePointer: 8,
}

// kindMarks is what names of types without a name begin with.
var kindMarks = map[reflect.Kind]string{
	reflect.Array: "[", reflect.Func: "func(", reflect.Interface: "interface {", reflect.Map: "map[", reflect.Pointer: "*", reflect.Slice: "[]",
}

// headSize is the size of the descriptor of a kind, without what follows it.
func (d *descriptors) headSize(kind reflect.Kind) int64 {
	if names, ok := kindLayouts[kind]; ok {
		if t := either(d.layout, names...); t != nil {
			return t.Size
		}
	}
	return d.head.Size
}

// extent is how many bytes a descriptor takes (internal/abi/type.go,
// DescriptorSize, Go 1.27).
func (d *descriptors) extent(addr uint64) int64 {
	const uncommonSize, methodSize, imethodSize, fieldSize = 16, 16, 8, 24
	b := d.at(addr, d.head.Size)
	if b == nil {
		return 0
	}
	kind := reflect.Kind(b[d.kind] & 0x1f)
	size := d.headSize(kind)
	all := d.at(addr, size)
	if all == nil {
		return 0
	}
	n := size
	if b[d.tflag]&flagUncommon != 0 {
		u := d.at(addr+uint64(size), uncommonSize)
		if u == nil {
			return 0
		}
		n += uncommonSize + methodSize*int64(binary.LittleEndian.Uint16(u[4:]))
	}
	head := d.head.Size
	switch kind {
	case reflect.Func:
		n += 8 * (int64(binary.LittleEndian.Uint16(all[head:])) + int64(binary.LittleEndian.Uint16(all[head+2:])&0x7fff))
	case reflect.Interface, reflect.Struct:
		each := int64(fieldSize)
		if kind == reflect.Interface {
			each = imethodSize
		}
		count := binary.LittleEndian.Uint64(all[head+16:])
		if count > maxFields {
			return 0
		}
		n += each * int64(count)
	}
	return n
}

// finish reads the insides of types that were met, and of those that they lead
// to, and then their names.
func (d *descriptors) finish() {
	var met []*Type
	for len(d.todo) > 0 {
		next := d.todo[len(d.todo)-1]
		d.todo = d.todo[:len(d.todo)-1]
		d.inside(next.addr, next.t)
		met = append(met, next.t)
	}
	for _, b := range d.bodies {
		b.bucket.Fields = nil
		for _, f := range b.body.Fields {
			switch f.Name {
			case "topbits":
				f.Name = "tophash"
			case "elems":
				f.Name = "values"
			}
			b.bucket.Fields = append(b.bucket.Fields, f)
		}
	}
	d.bodies = d.bodies[:0]
	for _, t := range met {
		d.compose(t, 0)
		if old := d.m.named[t.Name]; old == nil || old.Kind == reflect.Invalid {
			d.m.named[t.Name] = t
		}
	}
}

// inside reads what a type is made of.
func (d *descriptors) inside(addr uint64, t *Type) {
	b := d.at(addr, d.headSize(t.Kind))
	if b == nil {
		return
	}
	word := func(off int64) uint64 {
		if off < 0 || off > int64(len(b))-8 {
			return 0
		}
		return binary.LittleEndian.Uint64(b[off:])
	}
	head := d.head.Size
	known := func(addr uint64) *Type {
		if t := d.ref(addr); t != unknown {
			return t
		}
		return nil
	}
	switch t.Kind {
	case reflect.Array:
		t.Elem = known(word(head))
		if n := word(head + 16); t.Elem != nil && (t.Elem.Size == 0 || n <= uint64(t.Size)/uint64(t.Elem.Size)) && n < maxTypeSize {
			t.Len = int64(n)
		}
	case reflect.Pointer, reflect.Slice:
		t.Elem = known(word(head))
	case reflect.Chan:
		t.Elem, t.Impl = known(word(head)), d.layout["runtime.hchan"]
	case reflect.Interface:
		if t.Impl = d.layout["runtime.eface"]; word(head+16) > 0 {
			t.Impl = d.layout["runtime.iface"]
		}
	case reflect.Map:
		t.Key, t.Elem = known(word(d.mapKey)), known(word(d.mapElem))
		if body := d.ref(word(d.mapBody)); body != unknown {
			d.implement(t, body)
		}
	case reflect.Struct:
		d.fields(t, word(head+8), word(head+16))
	}
}

// fields reads the fields of a struct, n at addr.
func (d *descriptors) fields(t *Type, addr, n uint64) {
	const size = 24
	if n > maxFields {
		return
	}
	b := d.at(addr, int64(n)*size)
	for ; len(b) >= size; b = b[size:] {
		name, flags, ok := d.name(binary.LittleEndian.Uint64(b))
		f := Field{Name: name, Type: d.ref(binary.LittleEndian.Uint64(b[8:])), Offset: int64(binary.LittleEndian.Uint64(b[16:])), Embedded: flags&8 != 0}
		if !ok || f.Offset < 0 || f.Offset > t.Size-f.Type.Size {
			t.Fields = nil
			return
		}
		t.Fields = append(t.Fields, f)
	}
}

// implement makes the struct that maps of a type are headed by, as the DWARF
// has it, out of the struct of the release and the type of groups or buckets.
func (d *descriptors) implement(t, body *Type) {
	pointer := func(name string, to *Type) *Type {
		return &Type{Name: name, Kind: reflect.Pointer, Size: 8, Elem: to}
	}
	header := d.layout["internal/runtime/maps.Map"]
	table, groups := d.layout["internal/runtime/maps.table"], d.layout["internal/runtime/maps.groupsReference"]
	switch {
	case header != nil && table != nil && groups != nil:
		g := with(groups, "data", pointer("*group", body))
		t.Impl = with(header, "dirPtr", pointer("**table", pointer("*table", with(table, "groups", g))))
	case header == nil && d.layout["runtime.hmap"] != nil:
		bucket := &Type{Name: "bucket", Kind: reflect.Struct, Size: body.Size}
		d.bodies = append(d.bodies, bodyOf{bucket, body})
		t.Impl = with(d.layout["runtime.hmap"], "buckets", pointer("*bucket", bucket))
	}
}

// with returns a copy of a struct whose field called name has another type.
func with(s *Type, name string, t *Type) *Type {
	c := *s
	c.Fields = nil
	for _, f := range s.Fields {
		if f.Name == name {
			f.Type = t
		}
		c.Fields = append(c.Fields, f)
	}
	return &c
}

// compose names a type as the DWARF does, with the whole paths of packages.
func (d *descriptors) compose(t *Type, depth int) string {
	const maxCompose = 64
	raw, known := d.raw[t]
	if !known || d.named[t] || depth > maxCompose {
		return t.Name
	}
	d.named[t] = true // before its parts: damaged ones may lead back to it
	path := d.path[t]
	if path != composed {
		// The name of a package need not be the last element of its path.
		if pkg, name, ok := strings.Cut(raw, "."); ok && path != "" && !strings.Contains(pkg, "[") {
			t.Name = path + "." + name
		}
		return t.Name
	}
	inner := func(e *Type) string {
		if e == nil {
			return "unknown"
		}
		return d.compose(e, depth+1)
	}
	name := raw
	switch t.Kind {
	case reflect.Pointer:
		name = "*" + inner(t.Elem)
	case reflect.Slice:
		name = "[]" + inner(t.Elem)
	case reflect.Array:
		name = fmt.Sprintf("[%d]%s", t.Len, inner(t.Elem))
	case reflect.Map:
		name = "map[" + inner(t.Key) + "]" + inner(t.Elem)
	case reflect.Chan:
		before, _, _ := strings.Cut(raw, " ")
		name = before + " " + inner(t.Elem)
	}
	if len(name) <= maxTypeName && len(name) <= d.room {
		d.room -= len(name)
		t.Name = name
	}
	return t.Name
}
