package inspect

import (
	"fmt"
	"time"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// Snapshot is the memory of one map at one moment, slot by slot. It is what the
// picture, the dump and the search for what is left of deleted entries are made
// from. [Target.Record] fills in what two of them are compared by.
type Snapshot struct {
	Target  string
	Version string // of Go
	Owner   string
	Type    string
	Key     string // types
	Elem    string
	Addr    uint64
	Taken   time.Time

	Classic    bool
	Consistent bool // all of it is of one moment; see [Map.Consistent]
	Growing    bool
	Entries    uint64
	Slots      uint64
	Tombstones uint64
	Bytes      uint64
	Waste      uint64

	Seed  uint64 // of the hash; that of a Swiss map changes when it is cleared
	Depth int    // a Swiss map's directory has 1<<Depth places, a classic map 1<<Depth buckets
	Parts []Part

	// Process is equal for snapshots of one process, whose contents can be compared.
	// Only Record sets it.
	Process string `json:",omitempty"`

	mapType *gobinary.Type
	shape   *shape
	pieces  []piece // header and directory, then tables
}

// Part is a run of groups or buckets.
type Part struct {
	Name   string      // "group", "table 3", "buckets", "overflow buckets", "old buckets", "old overflow buckets"
	Addr   uint64      // of a table its header, otherwise of the first group
	Old    bool        // growth is about to drop it
	Depth  int         // of a table
	Groups []SlotGroup // in the order of memory; of overflow buckets along the chains
}

// SlotGroup is a group of a Swiss map or a bucket of a classic one.
type SlotGroup struct {
	Addr   uint64
	Bucket int // of an overflow bucket: the index of the bucket whose chain has it
	Slots  [groupSlots]Slot

	data []byte
}

// Slot is a place for an entry.
type Slot struct {
	State    State
	Control  byte   // control byte or top hash
	KeyLeft  bool   // without an entry, yet bytes of the key are not zero
	ElemLeft bool   // likewise of the element
	KeyID    uint64 // of what is there, see [Target.Record]; 0 where nothing is, or before that
	ElemID   uint64
	Text     *Entry // in words; nil if not asked for
}

// Residue reports whether something is left in a slot without an entry.
func (s *Slot) Residue() bool { return s.KeyLeft || s.ElemLeft }

// State says what a slot is used for.
type State uint8

// The states of slots.
const (
	Empty     State = iota // never used, or free again
	Full                   // has an entry
	Deleted                // had one; of a Swiss map not free before the table is rebuilt
	Evacuated              // of an old bucket: growth has moved the entry
)

var stateNames = [...]string{"empty", "full", "deleted", "evacuated"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// MaxSlots bounds the maps of which snapshots are taken.
const MaxSlots = 1 << 23

// Snapshot copies the map that owner has or that is at addr, as [Target.At]
// finds it. It takes 35 bytes for each slot besides what the map takes.
func (t *Target) Snapshot(owner string, addr uint64) (*Snapshot, error) {
	_, s, err := t.snapshot(owner, addr)
	return s, err
}

func (t *Target) snapshot(owner string, addr uint64) (*walk, *Snapshot, error) {
	w, f, err := t.find(owner, addr)
	if err != nil {
		return nil, nil, err
	}
	s, err := w.snapshot(f)
	return w, s, err
}

// snapshot copies one map. What it returns is valid until w reads another one.
func (w *walk) snapshot(f *found) (*Snapshot, error) {
	sh := w.shape(f.Type)
	if sh == nil {
		return nil, fmt.Errorf("maps of type %s have a layout that is not known", f.Type.Name)
	}
	m := Map{Addr: f.Addr, Type: f.Type}
	s := &Snapshot{
		Target: w.t.Name, Version: w.t.Image.Version, Owner: w.paths.name(f.path), Type: f.Type.Name, Addr: f.Addr,
		Key: nameOf(f.Type.Key), Elem: nameOf(f.Type.Elem), Taken: time.Now(), shape: sh, mapType: f.Type,
	}
	if sh.swiss != nil {
		w.readSwiss(sh.swiss, &m)
	} else {
		w.readClassic(sh.classic, &m)
	}
	if m.Slots > MaxSlots {
		return nil, fmt.Errorf("%s has %s slots: snapshots are taken of maps with up to %s", s.Owner, Count(m.Slots), Count(MaxSlots))
	}
	s.Classic, s.Consistent, s.Growing = m.Classic, m.Consistent, m.Growing
	s.Entries, s.Slots, s.Tombstones, s.Bytes, s.Waste = m.Entries, m.Slots, m.Tombstones, m.Bytes, m.Waste()
	s.pieces = w.pieces
	s.divide(&m)
	return s, nil
}

// divide makes parts of what was copied. Of a map that is torn some may be
// missing.
func (s *Snapshot) divide(m *Map) {
	if len(s.pieces) == 0 {
		return
	}
	copied := make(map[uint64][]byte, len(s.pieces))
	for _, p := range s.pieces {
		if len(p.data) > len(copied[p.addr]) {
			copied[p.addr] = p.data
		}
	}
	head := s.pieces[0].data
	if c := s.shape.classic; c != nil {
		s.Seed, s.Depth = field(m.Type.Impl, head, "hash0"), int(u8(head, c.b))
		s.buckets(copied, "", u64(head, c.buckets))
		s.buckets(copied, "old ", u64(head, c.oldbuckets))
		return
	}
	sw := s.shape.swiss
	s.Seed = field(m.Type.Impl, head, "seed")
	dir, n := u64(head, sw.dirPtr), u64(head, sw.dirLen)
	if n == 0 {
		s.part(Part{Name: "group", Addr: dir}, dir, copied[dir])
		return
	}
	s.Depth = int(u8(head, sw.globalDepth))
	list := copied[dir]
	last := uint64(0)
	for i := int64(0); i+8 <= int64(len(list)); i += 8 {
		at := u64(list, i)
		table := copied[at]
		if table == nil || at == last {
			continue
		}
		last = at
		groups := u64(table, sw.tPtr)
		name := fmt.Sprintf("table %d", len(s.Parts))
		s.part(Part{Name: name, Addr: at, Depth: int(u8(table, sw.tLocalDepth))}, groups, copied[groups])
	}
}

// buckets adds the buckets at addr and those that overflow from them.
func (s *Snapshot) buckets(copied map[uint64][]byte, age string, addr uint64) {
	main := copied[addr]
	if addr == 0 || len(main) == 0 {
		return
	}
	old := age != ""
	s.part(Part{Name: age + "buckets", Addr: addr, Old: old}, addr, main)
	more := Part{Name: age + "overflow buckets", Old: old}
	c := s.shape.classic
	for off := int64(0); off+c.bucket <= int64(len(main)); off += c.bucket {
		b := main[off:]
		for range len(copied) {
			next := u64(b, c.overflow)
			if b = copied[next]; next == 0 || int64(len(b)) < c.bucket {
				break
			}
			more.Groups = append(more.Groups, s.group(next, b[:c.bucket], old))
			more.Groups[len(more.Groups)-1].Bucket = int(off / c.bucket)
		}
	}
	if len(more.Groups) > 0 {
		more.Addr = more.Groups[0].Addr
		s.Parts = append(s.Parts, more)
	}
}

// part adds groups that lie one after the other.
func (s *Snapshot) part(p Part, addr uint64, data []byte) {
	stride := s.shape.stride
	p.Groups = make([]SlotGroup, 0, int64(len(data))/stride)
	for off := int64(0); off+stride <= int64(len(data)); off += stride {
		p.Groups = append(p.Groups, s.group(addr+uint64(off), data[off:off+stride], p.Old))
	}
	if len(p.Groups) > 0 {
		s.Parts = append(s.Parts, p)
	}
}

// group looks at the slots of one group or bucket.
func (s *Snapshot) group(addr uint64, b []byte, old bool) SlotGroup {
	g := SlotGroup{Addr: addr, data: b}
	for i := range g.Slots {
		slot := &g.Slots[i]
		slot.Control, slot.State = s.shape.state(b, i)
		if slot.State != Full {
			key, elem := s.shape.entry(b, i)
			slot.KeyLeft, slot.ElemLeft = s.shape.left(0, key) != 0, s.shape.left(1, elem) != 0
		}
	}
	return g
}

// state returns the control byte of slot i and what it says.
func (s *shape) state(b []byte, i int) (byte, State) {
	if s.swiss != nil {
		c := b[s.swiss.ctrl+int64(i)]
		switch {
		case c&0x80 == 0:
			return c, Full
		case c&0x02 != 0:
			return c, Deleted
		}
		return c, Empty
	}
	top := b[s.classic.tophash+int64(i)]
	switch {
	case top >= minTopHash:
		return top, Full
	case top >= evacuatedX:
		return top, Evacuated
	case top == emptyOne:
		return top, Deleted
	}
	return top, Empty
}

// entry returns the bytes of key and element of slot i of a group or bucket;
// nil where the DWARF is damaged.
func (s *shape) entry(b []byte, i int) (key, elem []byte) {
	var part [2][]byte
	for k, f := range s.slots {
		if off := f.off + int64(i)*f.stride; off >= 0 && f.t.Size >= 0 && off <= s.stride-f.t.Size {
			part[k] = b[off : off+f.t.Size]
		}
	}
	return part[0], part[1]
}

// field returns the number that the field of a struct has in b, 0 if there is
// no such field.
func field(t *gobinary.Type, b []byte, name string) uint64 {
	f, ok := t.Field(name)
	if !ok || f.Type == nil {
		return 0
	}
	return number(b, f.Offset, f.Type.Size)
}
