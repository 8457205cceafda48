package inspect

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// Of looks at a map of this program, or at the one that a pointer leads to. No
// DWARF is needed, so that it works in tests too: keys, elements and groups are
// described by the map's own type, the header and tables by what is known of
// the release, which is tried out on maps with known entries before it is
// believed. On a release where that fails, it is an error.
//
// Other goroutines may write the map meanwhile. Consistent says whether the
// result is of one moment. Bytes are without the rounding of the heap's size
// classes. Entries are not shown (see [Look]); KeysLeft and ElemsLeft say what
// deleted ones have left. It takes time in proportion to the slots.
func Of(m any) (*Detail, error) {
	s, err := openOwn(m)
	if err != nil {
		return nil, err
	}
	defer s.close()
	defer runtime.KeepAlive(m)
	if s.f.Addr == 0 {
		t := s.t.described
		return &Detail{Map: Map{Type: t, Consistent: true, Tries: 1}, Owner: t.Name, Key: t.Key.Name, Elem: t.Elem.Name}, nil
	}
	return s.w.detail(s.f, Look{})
}

// own is a map of this program that is read.
type own struct {
	w      *walk
	f      *found
	memory *self
	t      *mapType
}

func (o *own) close() { o.memory.close() }

// keep makes maps that are given to us escape to the heap: on a goroutine's
// stack they would move while they are read.
var (
	keep any
	held bool // never
)

// openOwn finds the map in m and what its memory means. Its address is 0 if it
// is nil.
func openOwn(m any) (*own, error) {
	if err := tryOut(); err != nil {
		return nil, err
	}
	return openUntried(m)
}

func openUntried(m any) (*own, error) {
	if held && keep == nil {
		keep = m
	}
	v := reflect.ValueOf(m)
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Map {
		return nil, fmt.Errorf("inspect: %T is neither a map nor a pointer to one", m)
	}
	mem, err := openSelf()
	if err != nil {
		return nil, err
	}
	t, err := mapTypeOf(v.Type(), mem)
	if err != nil {
		mem.close()
		return nil, err
	}
	target := &Target{Image: &gobinary.Image{Version: runtime.Version()}, Name: "this process", raw: mem, mem: newCache(mem)}
	w := newWalk(target)
	o := &own{w: w, memory: mem, t: t}
	o.f = &found{Map: Map{Addr: uint64(v.Pointer()), Type: t.described}, path: w.paths.root(t.described.Name, t.described)}
	return o, nil
}

// layOut returns a struct with fields that need the alignment of their size, or
// of a word.
func layOut(name string, fields ...gobinary.Field) *gobinary.Type {
	t := &gobinary.Type{Name: name, Kind: reflect.Struct}
	for _, f := range fields {
		align := min(f.Type.Size, 8)
		f.Offset = (t.Size + align - 1) / align * align
		t.Size = f.Offset + f.Type.Size
		t.Fields = append(t.Fields, f)
	}
	t.Size = (t.Size + 7) &^ 7
	return t
}

// wordOf is a field with a number or an address.
func wordOf(name string, size int64) gobinary.Field {
	return gobinary.Field{Name: name, Type: &gobinary.Type{Size: size}}
}

func pointerTo(t *gobinary.Type) *gobinary.Type {
	return &gobinary.Type{Name: "*" + t.Name, Kind: reflect.Pointer, Size: 8, Elem: t}
}

// implOf returns the header of maps with a kind of groups, and the structs that
// it leads to (internal/runtime/maps/map.go, table.go and group.go, Go 1.26 and
// 1.27).
func implOf(group *gobinary.Type) (header, table, groups *gobinary.Type) {
	groups = layOut("internal/runtime/maps.groupsReference", gobinary.Field{Name: "data", Type: pointerTo(group)}, wordOf("lengthMask", 8))
	table = layOut("internal/runtime/maps.table", wordOf("used", 2), wordOf("capacity", 2), wordOf("growthLeft", 2), wordOf("localDepth", 1),
		wordOf("index", 8), gobinary.Field{Name: "groups", Type: groups})
	header = layOut("internal/runtime/maps.Map", wordOf("used", 8), wordOf("seed", 8), gobinary.Field{Name: "dirPtr", Type: pointerTo(pointerTo(table))},
		wordOf("dirLen", 8), wordOf("globalDepth", 1), wordOf("globalShift", 1), wordOf("writing", 1))
	return header, table, groups
}

// mapType is what is known of a type of maps.
type mapType struct {
	described *gobinary.Type
	hash      func(key unsafe.Pointer, seed uintptr) uintptr
}

// mapTypeOf reads the descriptor of a type of maps. In all releases the key,
// the element, and the group or bucket follow each other there, and then comes
// the function that hashes (internal/abi/map.go); key and element are known, so
// that the place is found by them.
func mapTypeOf(t reflect.Type, mem *self) (*mapType, error) {
	pointer := func(t reflect.Type) unsafe.Pointer { return (*[2]unsafe.Pointer)(unsafe.Pointer(&t))[1] }
	const words = 12 // of the 14 that a map's descriptor has at least
	list := unsafe.Slice((*unsafe.Pointer)(pointer(t)), words)
	for i := 0; i+3 < words; i++ {
		if list[i] != pointer(t.Key()) || list[i+1] != pointer(t.Elem()) {
			continue
		}
		var group any
		*(*unsafe.Pointer)(unsafe.Pointer(&group)) = list[i+2]
		d := descriptions{}
		m := &mapType{described: d.of(t)}
		m.described.Impl, _, _ = implOf(d.of(reflect.TypeOf(group)))
		// A function is a pointer to where the address of its code is.
		pc := make([]byte, 8)
		if mem.read([][]byte{pc}, []uint64{uint64(uintptr(list[i+3]))}) != nil {
			break
		}
		if f := runtime.FuncForPC(uintptr(u64(pc, 0))); f != nil && (strings.Contains(f.Name(), "hash") || strings.HasPrefix(f.Name(), "reflect.")) {
			m.hash = *(*func(unsafe.Pointer, uintptr) uintptr)(unsafe.Pointer(&list[i+3]))
		}
		if _, err := swissOf(m.described); err != nil {
			return nil, fmt.Errorf("inspect: maps of %s are not as they were up to Go 1.27: %w", runtime.Version(), err)
		}
		return m, nil
	}
	return nil, fmt.Errorf("inspect: the types of maps of %s are not described as they were up to Go 1.27", runtime.Version())
}

// descriptions are types of this program, described as those of an executable.
type descriptions map[reflect.Type]*gobinary.Type

func (d descriptions) of(t reflect.Type) *gobinary.Type {
	if known := d[t]; known != nil {
		return known
	}
	out := &gobinary.Type{Name: t.String(), Kind: t.Kind(), Size: int64(t.Size())}
	d[t] = out
	switch t.Kind() {
	case reflect.Array:
		out.Len = int64(t.Len())
		out.Elem = d.of(t.Elem())
	case reflect.Chan, reflect.Pointer, reflect.Slice:
		out.Elem = d.of(t.Elem())
	case reflect.Map:
		out.Key, out.Elem = d.of(t.Key()), d.of(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			out.Fields = append(out.Fields, gobinary.Field{Name: f.Name, Offset: int64(f.Offset), Type: d.of(f.Type), Embedded: f.Anonymous})
		}
	}
	return out
}

// tryOut compares what is read of maps with what is in them. It does so once.
var tryOut = sync.OnceValue(func() error {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		return errors.New("inspect: only 64-bit programs are read so far")
	}
	if err := asListed(); err != nil {
		return err
	}
	small, one, many, words := map[uint64]uint64{}, map[uint64]uint64{}, map[uint64]uint64{}, map[string]uint64{}
	for i := range uint64(5000) {
		if i < 5 {
			small[i<<56|i] = ^i
		}
		if i < 100 {
			one[i*i] = i
		}
		many[i] = i << 8
		words[fmt.Sprint(i)] = i
	}
	for i := range uint64(5000) {
		if i%3 == 0 {
			delete(many, i)
		}
	}
	for _, m := range []map[uint64]uint64{{}, small, one, many} {
		if err := tried(m); err != nil {
			return err
		}
	}
	o, err := openUntried(words)
	if err != nil {
		return err
	}
	defer o.close()
	if d, err := o.w.detail(o.f, Look{}); err != nil || !d.plausible(len(words)) {
		return unlike(d, err)
	}
	return nil
})

// asListed compares what is known of the header and of tables with the table of
// releases, if that has this one: what maps at rest do not show, such as where
// the flag of a write is.
func asListed() error {
	list, ok := gobinary.Layout(runtime.Version(), runtime.GOARCH)
	if !ok {
		return nil
	}
	header, table, groups := implOf(&gobinary.Type{})
	for _, mine := range []*gobinary.Type{header, table, groups} {
		theirs := list[mine.Name]
		if theirs == nil {
			continue
		}
		for _, f := range mine.Fields {
			if g, ok := theirs.Field(f.Name); !ok || g.Offset != f.Offset || g.Type.Size != f.Type.Size {
				return unlike(nil, fmt.Errorf("%s.%s is elsewhere", mine.Name, f.Name))
			}
		}
	}
	return nil
}

func unlike(d *Detail, err error) error {
	if err == nil {
		err = fmt.Errorf("a map of known entries reads as %+v", d.Map)
	}
	return fmt.Errorf("inspect: maps of %s do not lie in memory as those of Go 1.26 and 1.27 do: %w", runtime.Version(), err)
}

// tried reads a map that nobody writes, and compares all of it.
func tried(m map[uint64]uint64) error {
	o, err := openUntried(m)
	if err != nil {
		return err
	}
	defer o.close()
	s, err := o.w.snapshot(o.f)
	if err != nil {
		return unlike(nil, err)
	}
	found := 0
	for _, p := range s.Parts {
		for _, g := range p.Groups {
			for i := range g.Slots {
				if g.Slots[i].State != Full {
					continue
				}
				key, elem := s.shape.entry(g.data, i)
				k := u64(key, 0)
				if want, ok := m[k]; !ok || want != u64(elem, 0) || o.t.hash == nil || byte(o.t.hash(unsafe.Pointer(&k), uintptr(s.Seed)))&0x7f != g.Slots[i].Control {
					return unlike(nil, fmt.Errorf("slot %d of the group at %#x, of a map of known entries, reads as %d: %d", i, g.Addr, k, u64(elem, 0)))
				}
				found++
			}
		}
	}
	if found != len(m) {
		return unlike(nil, fmt.Errorf("of %d entries %d are found", len(m), found))
	}
	d, err := o.w.detail(o.f, Look{})
	if err != nil || !d.plausible(len(m)) {
		return unlike(d, err)
	}
	return nil
}

// plausible reports whether what was read is that of a map with n entries which
// nobody writes.
func (d *Detail) plausible(n int) bool {
	used := uint64(0)
	for _, t := range d.Tables {
		if t.Used+t.Tombstones+t.GrowthLeft != growsAt(t.Capacity) {
			return false
		}
		used += t.Used
	}
	return d.Consistent && d.Entries == uint64(n) && (len(d.Tables) == 0 || used == d.Entries)
}
