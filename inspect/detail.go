package inspect

import (
	"cmp"
	"fmt"
	"math"
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
	t := newTally(w, s)
	w.looker, w.flowing, w.hands = t, true, w.t.hands()
	defer func() { w.looker, w.flowing = nil, false }()
	var first []piece
	r := w.settle(s.swiss, s.classic, &d.Map, func(r *copying) {
		t.reset()
		if w.copy(w.single[:], math.MaxInt); w.gone {
			return
		}
		for p := range w.body(r) { // one group, that was kept
			if !p.flowed && p.data != nil {
				t.begin(r, 1)
				t.look(0, p, p.data)
			}
		}
		if look.Entries != 0 {
			var same bool
			first, same = w.first(r, look.Entries)
			r.ok = r.ok && same
		}
	})
	if w.gone {
		return nil, errGone
	}
	sum := t.sum()
	d.header(w, r)
	d.Full = slices.Clone(sum.full[:])
	for len(d.Full) > 0 && d.Full[len(d.Full)-1] == 0 {
		d.Full = d.Full[:len(d.Full)-1]
	}
	d.KeysLeft, d.ElemsLeft = sum.left[0], sum.left[1]
	if d.Slots <= MaxSlots {
		d.Spread = t.spread(&sum, d.Growing, w.body(r))
	}
	d.entries(&viewer{w: w, look: look}, s, first)
	return d, nil
}

// header reads from what was copied of a map how large it is, and how the tables
// of a Swiss one are.
func (d *Detail) header(w *walk, r *copying) {
	if len(r.stages) == 0 || w.got(r, 0)[0].data == nil {
		return
	}
	head, s := w.got(r, 0)[0].data, r.swiss
	if s == nil {
		d.B = int(u8(head, r.classic.b))
		return
	}
	if u64(head, s.dirLen) == 0 {
		return
	}
	d.Depth = int(u8(head, s.globalDepth))
	if len(r.stages) < 4 {
		return // torn
	}
	for i, t := range w.got(r, 2) {
		if t.data == nil {
			continue
		}
		d.Tables = append(d.Tables, Table{
			Addr: t.addr, Depth: int(u8(t.data, s.tLocalDepth)), Used: u16(t.data, s.tUsed),
			Capacity: u16(t.data, s.tCapacity), GrowthLeft: u16(t.data, s.tGrowthLeft), Tombstones: uint64(w.got(r, 3)[i].dead),
		})
	}
}

// entries puts the first entries of groups or buckets in words.
func (d *Detail) entries(v *viewer, s *shape, pieces []piece) {
	for _, p := range pieces {
		for at := int64(0); at+s.stride <= int64(len(p.data)); at += s.stride {
			b := p.data[at : at+s.stride]
			for i := range groupSlots {
				if v.look.Entries >= 0 && len(d.First) >= v.look.Entries {
					return
				}
				if s.live(b, i) {
					key, elem := s.entry(b, i)
					d.First = append(d.First, Entry{v.slot(d.Type.Key, s.slots[0].t, key), v.slot(d.Type.Elem, s.slots[1].t, elem)})
				}
			}
		}
	}
}

func nameOf(t *gobinary.Type) string {
	if t == nil {
		return "unknown"
	}
	return t.Name
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
