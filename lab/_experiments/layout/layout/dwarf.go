package main

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"os"
	"reflect"
	"strings"
)

// A layout says where the parts of one bucket or group are. A part that does
// not exist has offset -1. Two layouts can be compared with ==.
type layout struct {
	size                                int
	slots                               int
	controlOffset                       int
	keyOffset, keyStride, keySize       int
	valueOffset, valueStride, valueSize int
	overflowOffset                      int
	keyIndirect, valueIndirect          bool
}

func (l layout) String() string {
	text := fmt.Sprintf("%d bytes, %d slots, control at %d, keys at %d every %d, values at %d every %d",
		l.size, l.slots, l.controlOffset, l.keyOffset, l.keyStride, l.valueOffset, l.valueStride)
	if l.keyIndirect {
		text += ", keys behind pointers"
	}
	if l.valueIndirect {
		text += ", values behind pointers"
	}
	if l.overflowOffset >= 0 {
		text += fmt.Sprintf(", overflow pointer at %d", l.overflowOffset)
	}
	return text
}

// A described map type is what DWARF knows of it.
type described struct {
	swiss      bool
	headerName string
	header     *dwarf.StructType
	table      *dwarf.StructType // Swiss only
	groups     *dwarf.StructType // Swiss only: the reference to a table's groups
	cellName   string
	cellType   *dwarf.StructType
	cell       layout
	hasher     int // offset of the hash function in the runtime's map type
}

type debugInfo struct {
	data   *dwarf.Data
	byName map[string]dwarf.Offset
}

func openDebugInfo() (*debugInfo, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if file.Section(".debug_info") == nil && file.Section(".zdebug_info") == nil {
		return nil, fmt.Errorf("%s has no DWARF: use go build (go run strips it), without -ldflags=-w", path)
	}
	data, err := file.DWARF()
	if err != nil {
		return nil, err
	}
	d := &debugInfo{data, map[string]dwarf.Offset{}}
	for r := data.Reader(); ; {
		entry, err := r.Next()
		if err != nil {
			return nil, err
		}
		if entry == nil {
			return d, nil
		}
		name, _ := entry.Val(dwarf.AttrName).(string)
		switch entry.Tag {
		case dwarf.TagTypedef, dwarf.TagStructType:
			if _, seen := d.byName[name]; !seen {
				d.byName[name] = entry.Offset
			}
		}
		if entry.Tag != dwarf.TagCompileUnit {
			r.SkipChildren() // types stand at the top of a unit
		}
	}
}

// structure reads through typedefs and pointers to the struct behind them.
func structure(t dwarf.Type) *dwarf.StructType {
	for {
		switch u := t.(type) {
		case *dwarf.TypedefType:
			t = u.Type
		case *dwarf.PtrType:
			t = u.Type
		case *dwarf.StructType:
			return u
		default:
			return nil
		}
	}
}

func plain(t dwarf.Type) dwarf.Type {
	for {
		u, ok := t.(*dwarf.TypedefType)
		if !ok {
			return t
		}
		t = u.Type
	}
}

func member(s *dwarf.StructType, names ...string) *dwarf.StructField {
	if s == nil {
		return nil
	}
	for _, f := range s.Field {
		for _, name := range names {
			if f.Name == name {
				return f
			}
		}
	}
	return nil
}

// mapType finds the header and the bucket of a map type. The linker writes
// `map[K]V` as a pointer to the header, which it invents for each K and V so
// that debuggers can follow it (cmd/link/internal/ld/dwarf.go, synthesizemaptypes):
// hash<K,V> -> bucket<K,V> until Go 1.23, since then
// map<K,V> -> table<K,V> -> groupReference<K,V> -> noalg.map.group[K]V.
func (d *debugInfo) mapType(typ reflect.Type) (*described, error) {
	offset, ok := d.byName[typ.String()]
	if !ok {
		return nil, fmt.Errorf("DWARF has no %v", typ)
	}
	t, err := d.data.Type(offset)
	if err != nil {
		return nil, err
	}
	m := &described{header: structure(t)}
	if m.header == nil {
		return nil, fmt.Errorf("DWARF's %v leads to no struct", typ)
	}
	m.headerName = headerName(m.header.StructName)
	if f := member(m.header, "buckets"); f != nil {
		m.cellType = structure(f.Type)
	} else if f := member(m.header, "dirPtr"); f != nil {
		m.swiss = true
		m.table = structure(f.Type)
		if f := member(m.table, "groups"); f != nil {
			m.groups = structure(f.Type)
		}
		if f := member(m.groups, "data"); f != nil {
			m.cellType = structure(f.Type)
		}
	}
	if m.cellType == nil {
		return nil, fmt.Errorf("DWARF's %v leads to no bucket", typ)
	}
	m.cellName = m.cellType.StructName
	if m.cell, err = cellLayout(m.cellType); err != nil {
		return nil, err
	}
	// The type descriptor of a map: runtime.maptype until 1.20, then
	// internal/abi.MapType, in 1.24 and 1.25 one for each kind of map.
	names := []string{"internal/abi.SwissMapType", "internal/abi.MapType", "runtime.maptype"}
	if !m.swiss {
		names = append([]string{"internal/abi.OldMapType"}, names...)
	}
	for _, name := range names {
		if offset, ok := d.byName[name]; ok {
			t, err := d.data.Type(offset)
			if err != nil {
				return nil, err
			}
			if f := member(structure(t), "Hasher", "hasher"); f != nil {
				m.hasher = int(f.ByteOffset)
				return m, nil
			}
		}
	}
	return nil, fmt.Errorf("DWARF does not say where the hash function of %v is", typ)
}

func headerName(s string) string {
	if i := strings.IndexByte(s, '<'); i >= 0 {
		return s[:i]
	}
	return s
}

// cellLayout reads a bucket or a group in any of its three forms: keys and
// values in two arrays with a link behind them (classic), key and value side by
// side in slots (Swiss), or in two arrays again (Swiss, GOEXPERIMENT=mapsplitgroup).
func cellLayout(cell *dwarf.StructType) (layout, error) {
	l := layout{size: int(cell.ByteSize), overflowOffset: -1}
	if f := member(cell, "tophash", "topbits", "ctrl"); f != nil {
		l.controlOffset = int(f.ByteOffset)
	}
	if f := member(cell, "overflow"); f != nil {
		l.overflowOffset = int(f.ByteOffset)
	}
	if f := member(cell, "slots"); f != nil {
		array, _ := plain(f.Type).(*dwarf.ArrayType)
		if array == nil {
			return l, fmt.Errorf("%s: slots is no array", cell.StructName)
		}
		slot := structure(array.Type)
		key, value := member(slot, "key"), member(slot, "elem")
		if key == nil || value == nil {
			return l, fmt.Errorf("%s: a slot without key and elem", cell.StructName)
		}
		l.slots = int(array.Count)
		l.keyOffset = int(f.ByteOffset + key.ByteOffset)
		l.valueOffset = int(f.ByteOffset + value.ByteOffset)
		l.keyStride, l.valueStride = int(slot.ByteSize), int(slot.ByteSize)
		l.keySize, l.keyIndirect = sizeOf(key.Type)
		l.valueSize, l.valueIndirect = sizeOf(value.Type)
		return l, nil
	}
	keys, values := member(cell, "keys"), member(cell, "values", "elems")
	if keys == nil || values == nil {
		return l, fmt.Errorf("%s: neither slots nor keys and values", cell.StructName)
	}
	array, _ := plain(keys.Type).(*dwarf.ArrayType)
	other, _ := plain(values.Type).(*dwarf.ArrayType)
	if array == nil || other == nil {
		return l, fmt.Errorf("%s: keys or values is no array", cell.StructName)
	}
	l.slots = int(array.Count)
	l.keyOffset, l.valueOffset = int(keys.ByteOffset), int(values.ByteOffset)
	l.keySize, l.keyIndirect = sizeOf(array.Type)
	l.valueSize, l.valueIndirect = sizeOf(other.Type)
	l.keyStride, l.valueStride = l.keySize, l.valueSize
	return l, nil
}

// sizeOf also says whether the part is a pointer; no specimen has pointers of
// its own, so a pointer means that the map stores the thing elsewhere.
func sizeOf(t dwarf.Type) (size int, indirect bool) {
	_, indirect = plain(t).(*dwarf.PtrType)
	return int(t.Size()), indirect
}
