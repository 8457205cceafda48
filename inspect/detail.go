package inspect

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// Detail is one map, looked at closely.
type Detail struct {
	Map
	Owner  string
	Key    string // types
	Elem   string
	Depth  int     // of a Swiss map's directory: 1<<Depth places
	B      int     // of a classic map: 1<<B buckets
	Tables []Table // of a Swiss map that has any; ordered as in the directory

	// Full counts groups of a Swiss map, or chains of a classic one, by how many
	// of their slots have an entry. With a good hash most have about the same.
	Full []int

	Spread *Spread // nil of a map with more than MaxSlots slots

	// Of slots without an entry, how many still have bytes that are not zero
	// where the key and the element were: what was deleted can be read there.
	KeysLeft  int
	ElemsLeft int

	First []Entry // the first entries, in the order in which they lie in memory
}

// Table is one table of a Swiss map.
type Table struct {
	Addr       uint64
	Depth      int // local depth: the table has 1<<(Detail.Depth-Depth) places in the directory
	Used       uint64
	Capacity   uint64
	GrowthLeft uint64
	Tombstones uint64
}

// Entry is a key and its element in words.
type Entry struct{ Key, Elem string }

// Look says what of a map is to be shown.
type Look struct {
	Entries int  // how many; -1 for all
	Values  bool // strings and byte slices in clear; otherwise only their lengths
	Depth   int  // how far pointers are followed
}

// At reads the map whose header is at addr. owner is its package variable, or
// the way from one, as a Census says it; "" picks the map by its address only,
// which a census has to find.
func (t *Target) At(owner string, addr uint64, look Look) (*Detail, error) {
	w, f, err := t.find(owner, addr)
	if err != nil {
		return nil, err
	}
	return w.detail(f, look)
}

// detail reads one map.
func (w *walk) detail(f *found, look Look) (*Detail, error) {
	s := w.shape(f.Type)
	if s == nil {
		return nil, fmt.Errorf("maps of type %s have a layout that is not known", f.Type.Name)
	}
	d := &Detail{Map: Map{Addr: f.Addr, Type: f.Type}, Owner: w.paths.name(f.path), Key: nameOf(f.Type.Key), Elem: nameOf(f.Type.Elem)}
	var pieces []piece
	if s.swiss != nil {
		pieces = w.readSwiss(s.swiss, &d.Map)
		w.tables(s.swiss, d)
	} else {
		pieces = w.readClassic(s.classic, &d.Map)
		if head := w.pieces; len(head) > 0 {
			d.B = int(u8(head[0].data, s.classic.b))
		}
	}
	w.slots(d, s, pieces, look)
	if d.Slots <= MaxSlots {
		d.Spread = w.spreadOf(d, s, pieces)
	}
	return d, nil
}

// tables reads from what was collected of a map how its tables are.
func (w *walk) tables(s *swiss, d *Detail) {
	if len(w.pieces) == 0 {
		return
	}
	head := w.pieces[0].data
	if u64(head, s.dirLen) == 0 {
		return
	}
	d.Depth = int(u8(head, s.globalDepth))
	// After the header and the directory come tables, each with its groups.
	for i := 2; i+1 < len(w.pieces); i += 2 {
		t, g := w.pieces[i], w.pieces[i+1].data
		table := Table{
			Addr: t.addr, Depth: int(u8(t.data, s.tLocalDepth)), Used: u16(t.data, s.tUsed),
			Capacity: u16(t.data, s.tCapacity), GrowthLeft: u16(t.data, s.tGrowthLeft),
		}
		for off := s.ctrl; off+groupSlots <= int64(len(g)); off += s.group {
			_, dead := control(g[off : off+groupSlots])
			table.Tombstones += dead
		}
		d.Tables = append(d.Tables, table)
	}
}

// slots looks at each slot of a map that was copied.
func (w *walk) slots(d *Detail, s *shape, pieces []piece, look Look) {
	v := &viewer{w: w, look: look}
	count := func(n int) {
		for len(d.Full) <= n {
			d.Full = append(d.Full, 0)
		}
		d.Full[n]++
	}
	control := s.control()
	for _, p := range pieces {
		for at := int64(0); at+s.stride <= int64(len(p.data)); at += s.stride {
			b := p.data[at : at+s.stride]
			full := 0
			for i, c := range b[control : control+groupSlots] {
				if s.full(c) {
					if full++; look.Entries < 0 || len(d.First) < look.Entries {
						key, elem := s.entry(b, i)
						d.First = append(d.First, Entry{v.slot(d.Type.Key, s.slots[0].t, key), v.slot(d.Type.Elem, s.slots[1].t, elem)})
					}
					continue
				}
				key, elem := s.entry(b, i)
				d.KeysLeft += s.left(0, key)
				d.ElemsLeft += s.left(1, elem)
			}
			count(full)
		}
	}
}

func nameOf(t *gobinary.Type) string {
	if t == nil {
		return "unknown"
	}
	return t.Name
}

// left is 1 if something can be read in b, where the key (0) or the element (1)
// of a slot without an entry was. A string without its pointer is its length
// only: delete zeroes no more of it in maps up to Go 1.23.
func (s *shape) left(i int, b []byte) int {
	if s.slots[i].t.Kind == reflect.String && u64(b, 0) == 0 {
		return 0
	}
	return left(b)
}

// left is 1 if b has a byte that is not zero.
func left(b []byte) int {
	for ; len(b) >= 8; b = b[8:] {
		if u64(b, 0) != 0 {
			return 1
		}
	}
	for _, x := range b {
		if x != 0 {
			return 1
		}
	}
	return 0
}

// AmbiguousError says that an owner has several maps.
type AmbiguousError struct {
	Owner string
	Maps  []Map // the largest ones first
}

func (e *AmbiguousError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s has %s; choose one with --addr", e.Owner, Plural(uint64(len(e.Maps)), "map"))
	for _, m := range e.Maps[:min(len(e.Maps), 10)] {
		fmt.Fprintf(&b, "\n\t--addr %#x  %s, %s", m.Addr, Plural(m.Entries, "entry"), Bytes(m.Bytes))
	}
	return b.String()
}

// variable returns the map of the package variable with a name, at address 0 if
// that is nil; found is nil if there is no such variable, or it cannot be read.
func (t *Target) variable(name string) (*walk, *found, error) {
	v, ok := t.Image.Global(name)
	if !ok || v.Type.Kind != reflect.Map {
		return nil, nil, nil
	}
	if err := t.refresh(); err != nil {
		return nil, nil, err
	}
	w := newWalk(t)
	at, ok := t.mem.word(v.Addr + t.bias)
	if !ok {
		return nil, nil, t.mem.err
	}
	return w, &found{Map: Map{Addr: at, Type: v.Type}, path: w.paths.root(v.Name, v.Type)}, nil
}

// find returns the map that an owner has, or that is at an address. That of a
// package variable is read without a census.
func (t *Target) find(owner string, addr uint64) (*walk, *found, error) {
	w, f, err := t.variable(owner)
	switch {
	case err != nil:
		return nil, nil, err
	case f != nil && addr == 0 && f.Addr == 0:
		return nil, nil, fmt.Errorf("%s is nil: no map was made for it yet", owner)
	case f != nil && (addr == 0 || addr == f.Addr):
		return w, f, nil
	}
	if w, err = t.walk(); err != nil {
		return nil, nil, err
	}
	var list []*found
	var near []string
	for i := range w.maps {
		f := &w.maps[i]
		if addr != 0 && f.Addr != addr {
			continue
		}
		switch name := w.paths.name(f.path); {
		case owner == "" || name == owner:
			list = append(list, f)
		case addr != 0:
			return nil, nil, fmt.Errorf("the map at %#x belongs to %s, not to %s", addr, name, owner)
		case strings.Contains(name, owner) && !slices.Contains(near, name):
			near = append(near, name)
		}
	}
	switch {
	case len(list) == 1:
		return w, list[0], nil
	case len(list) > 1:
		e := &AmbiguousError{Owner: owner}
		for _, f := range list {
			e.Maps = append(e.Maps, f.Map)
		}
		slices.SortFunc(e.Maps, func(a, b Map) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Addr, b.Addr)) })
		return nil, nil, e
	case addr != 0:
		return nil, nil, fmt.Errorf("no map that was found is at %#x: the census lists owners, and an owner with several maps their addresses", addr)
	}
	slices.Sort(near)
	text := fmt.Sprintf("no map belongs to %s", owner)
	for _, n := range near[:min(len(near), 10)] {
		text += "\n\tdid you mean: " + n
	}
	if len(near) == 0 {
		text += "\n\tthe census, without this argument, lists all owners"
	}
	return nil, nil, fmt.Errorf("%s", text)
}
