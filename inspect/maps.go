package inspect

import (
	"fmt"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// Map is one map as it was when it was read.
type Map struct {
	Addr    uint64
	Type    *gobinary.Type `json:"-"`
	Classic bool           // buckets with overflow (Go up to 1.23), not groups in tables

	Entries    uint64 // what the header says
	Slots      uint64 // places for entries, without those of old buckets
	Tombstones uint64 // slots of deleted entries that are not free again
	Bytes      uint64 // of the heap that the map takes, its keys and values in the slots included, what they point to not
	Old        uint64 // of those, bytes of buckets that growth has not moved yet
	Overflow   uint64 // of those, bytes of overflow buckets
	Growing    bool   // entries are being moved to other buckets
	Evacuated  uint64 // old buckets that are empty by now, if Growing
	Writing    bool   // somebody was in the middle of a write

	// Consistent says that the parts agree with each other: what is said of
	// this map is of one moment. Of other maps it may mix several.
	Consistent bool

	// plausible says that the header can be that of a map. If it is not, each
	// time, there is no map, or no map any more.
	plausible bool

	Tries int // how often it was read
}

// Waste returns the bytes of slots without an entry, of old buckets that were
// emptied, and of what rounding up to the sizes of the heap costs.
func (m *Map) Waste() uint64 {
	if m.Slots == 0 || m.Entries >= m.Slots {
		return 0
	}
	body := m.Bytes - min(m.Bytes, headerBytes)
	return uint64(float64(body) * float64(m.Slots-m.Entries) / float64(m.Slots))
}

// headerBytes is the size class of a map's header, of either kind.
const headerBytes = 48

// Load is the share of slots that have an entry, 0 to 1.
func (m *Map) Load() float64 {
	if m.Slots == 0 {
		return 0
	}
	return float64(m.Entries) / float64(m.Slots)
}

// swiss is where a Swiss map (internal/runtime/maps, Go 1.24 to 1.27) of one
// type has its fields.
type swiss struct {
	size                                                    int64
	used, dirPtr, dirLen, globalDepth, globalShift, writing int64
	table                                                   int64 // size
	tUsed, tCapacity, tGrowthLeft, tLocalDepth, tPtr        int64
	tMask                                                   int64
	group                                                   int64 // size
	ctrl                                                    int64
	slots                                                   []slotField // of the 8 slots of a group
}

// slotField is where keys or elements of the 8 slots are.
type slotField struct {
	off, stride int64
	t           *gobinary.Type
	key         bool
}

// groupSlots is how many slots a group or a bucket has, in all releases.
const groupSlots = 8

// swissOf reads the layout of maps of type t from its DWARF.
func swissOf(t *gobinary.Type) (*swiss, error) {
	m := layout{t: t.Impl}
	s := &swiss{size: t.Impl.Size}
	dir := m.need("dirPtr")
	s.used, s.dirPtr, s.dirLen = m.need("used").Offset, dir.Offset, m.need("dirLen").Offset
	s.globalDepth, s.globalShift, s.writing = m.need("globalDepth").Offset, m.need("globalShift").Offset, m.need("writing").Offset
	if m.err != nil {
		return nil, m.err
	}
	table := follow(dir.Type, 2) // **table
	if table == nil {
		return nil, fmt.Errorf("%s: its directory is a %s", t.Name, dir.Type.Name)
	}
	tl := layout{t: table}
	groups := tl.need("groups")
	s.table = table.Size
	s.tUsed, s.tCapacity, s.tGrowthLeft = tl.need("used").Offset, tl.need("capacity").Offset, tl.need("growthLeft").Offset
	s.tLocalDepth = tl.need("localDepth").Offset
	if tl.err != nil {
		return nil, tl.err
	}
	gl := layout{t: groups.Type}
	data := gl.need("data")
	s.tPtr, s.tMask = groups.Offset+data.Offset, groups.Offset+gl.need("lengthMask").Offset
	if gl.err != nil {
		return nil, gl.err
	}
	group := follow(data.Type, 1)
	if group == nil {
		return nil, fmt.Errorf("%s: its groups are a %s", t.Name, data.Type.Name)
	}
	s.group = group.Size
	g := layout{t: group}
	ctrl := g.need("ctrl")
	if g.err != nil {
		return nil, g.err
	}
	if s.ctrl = ctrl.Offset; ctrl.Type.Size != groupSlots {
		return nil, fmt.Errorf("%s: its groups have %d control bytes", t.Name, ctrl.Type.Size)
	}
	return s, s.readSlots(t, group)
}

// readSlots finds keys and elements in a group: an array of slots with both, or
// an array of each.
func (s *swiss) readSlots(t, g *gobinary.Type) error {
	if slots, ok := g.Field("slots"); ok && slots.Type.Elem != nil {
		for i, name := range []string{"key", "elem"} {
			f, ok := slots.Type.Elem.Field(name)
			if !ok {
				return fmt.Errorf("%s: its slots have no %s", t.Name, name)
			}
			s.slots = append(s.slots, slotField{slots.Offset + f.Offset, slots.Type.Elem.Size, f.Type, i == 0})
		}
		return nil
	}
	for i, name := range []string{"keys", "elems"} {
		f, ok := g.Field(name)
		if !ok || f.Type.Elem == nil {
			return fmt.Errorf("%s: its groups have neither slots nor %s", t.Name, name)
		}
		s.slots = append(s.slots, slotField{f.Offset, f.Type.Elem.Size, f.Type.Elem, i == 0})
	}
	return nil
}

// follow returns what n pointers lead to from t, nil if they are none.
func follow(t *gobinary.Type, n int) *gobinary.Type {
	for ; n > 0 && t != nil; n-- {
		t = t.Elem
	}
	return t
}

// classic is where a classic map (runtime/map.go up to Go 1.23, and
// map_noswiss.go) of one type has its fields.
type classic struct {
	size                                            int64
	count, flags, b, buckets, oldbuckets, nevacuate int64
	bucket                                          int64 // size
	tophash, overflow                               int64
	slots                                           []slotField
	extra, extraSize                                int64   // what hmap.extra leads to; no bytes if it is not known
	lists                                           []int64 // in it: pointers to slices of overflow buckets
}

// Flags of a classic map.
const (
	flagWriting  = 4
	flagSameSize = 8
)

// Top hash values of runtime/map.go.
const (
	emptyOne   = 1 // deleted, with others after it
	evacuatedX = 2 // from here to minTopHash: moved to another bucket
	minTopHash = 5
)

func classicOf(t *gobinary.Type) (*classic, error) {
	m := layout{t: t.Impl}
	buckets := m.need("buckets")
	c := &classic{
		size: t.Impl.Size, count: m.need("count").Offset, flags: m.need("flags").Offset, b: m.need("B").Offset,
		buckets: buckets.Offset, oldbuckets: m.need("oldbuckets").Offset, nevacuate: m.need("nevacuate").Offset,
	}
	if m.err != nil {
		return nil, m.err
	}
	bucket := follow(buckets.Type, 1)
	if bucket == nil {
		return nil, fmt.Errorf("%s: its buckets are a %s", t.Name, buckets.Type.Name)
	}
	b := layout{t: bucket}
	c.bucket = bucket.Size
	keys, values := b.need("keys"), b.need("values")
	c.tophash, c.overflow = b.need("tophash").Offset, b.need("overflow").Offset
	if b.err != nil {
		return nil, b.err
	}
	if top, _ := bucket.Field("tophash"); top.Type.Size != groupSlots {
		return nil, fmt.Errorf("%s: its buckets have %d top hashes", t.Name, top.Type.Size)
	}
	if keys.Type.Elem == nil || values.Type.Elem == nil {
		return nil, fmt.Errorf("%s: its buckets have no arrays of keys and values", t.Name)
	}
	if extra, ok := t.Impl.Field("extra"); ok {
		if e := follow(extra.Type, 1); e != nil && e.Size > 0 && e.Size < maxStruct {
			c.extra, c.extraSize = extra.Offset, e.Size
			for _, name := range []string{"overflow", "oldoverflow"} {
				if f, ok := e.Field(name); ok {
					c.lists = append(c.lists, f.Offset)
				}
			}
		}
	}
	c.slots = []slotField{{keys.Offset, keys.Type.Elem.Size, keys.Type.Elem, true}, {values.Offset, values.Type.Elem.Size, values.Type.Elem, false}}
	return c, nil
}
