package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"

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
	Tries      int // how often it was read
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
	c.slots = []slotField{{keys.Offset, keys.Type.Elem.Size, keys.Type.Elem, true}, {values.Offset, values.Type.Elem.Size, values.Type.Elem, false}}
	return c, nil
}

// Bounds of what is read of one map: more is taken for a torn read.
const (
	maxDirectory = 1 << 28 // tables
	maxCapacity  = 1 << 16 // slots of a table, which has 1024 in all releases
	maxB         = 40      // a trillion buckets
	Tries        = 4       // how often a map is read until its parts agree
)

// piece is a part of a map's memory that was copied: groups or buckets.
type piece struct {
	addr uint64
	data []byte
}

// copier copies maps whole, one after the other.
type copier struct {
	t      *Target
	arena  arena
	pieces []piece // that were copied of the map that is being read
	second []byte  // for reading them again
	gone   bool    // the process has exited
}

// attempt copies a map, with try, until its parts agree or Tries is up. The
// copies are valid until the next call.
func (w *copier) attempt(m *Map, try func(*Map) (pieces []piece, ok bool)) []piece {
	for n := 1; ; n++ {
		now := *m
		pieces, ok := try(&now)
		now.Consistent, now.Tries = ok, n
		if ok || n == Tries || w.gone {
			*m = now
			return pieces
		}
	}
}

// readSwiss copies a Swiss map: its groups.
func (w *copier) readSwiss(s *swiss, m *Map) (groups []piece) {
	return w.attempt(m, func(m *Map) ([]piece, bool) { return w.trySwiss(s, m) })
}

// trySwiss reads header, directory, tables and groups, and the header again.
// ok says that all of it agrees.
func (w *copier) trySwiss(s *swiss, m *Map) (groups []piece, ok bool) {
	w.arena.reset()
	w.pieces = w.pieces[:0]
	head := w.collect(m.Addr, int(s.size))
	if head == nil {
		return nil, false
	}
	m.Entries = u64(head, s.used)
	m.Writing = u8(head, s.writing) != 0
	m.Bytes = w.t.heap.size(m.Addr, uint64(s.size))
	depth, n, dir := uint(u8(head, s.globalDepth)), u64(head, s.dirLen), u64(head, s.dirPtr)
	switch {
	case n == 0 && dir == 0:
		return nil, m.Entries == 0 && !m.Writing
	case n == 0: // one group, no table
		g := w.collect(dir, int(s.group))
		if g == nil {
			return nil, false
		}
		full, dead := control(g[s.ctrl : s.ctrl+groupSlots])
		m.Slots, m.Tombstones = groupSlots, dead
		m.Bytes += w.t.heap.size(dir, uint64(s.group))
		return []piece{{dir, g}}, full == m.Entries && !m.Writing && w.unchanged()
	case depth > 48 || n != 1<<depth || n > maxDirectory || int(u8(head, s.globalShift)) != 64-int(depth)&63:
		return nil, false
	}
	m.Bytes += w.t.heap.size(dir, 8*n)
	list := w.collect(dir, int(8*n))
	if list == nil {
		return nil, false
	}
	ok = !m.Writing
	var full uint64
	for i := uint64(0); i < n; {
		at := u64(list, int64(8*i))
		t := w.collect(at, int(s.table))
		if t == nil {
			return groups, false
		}
		local, capacity := uint(u8(t, s.tLocalDepth)), u16(t, s.tCapacity)
		mask, data := u64(t, s.tMask), u64(t, s.tPtr)
		if local > depth || capacity == 0 || capacity&(capacity-1) != 0 || capacity > maxCapacity || (mask+1)*groupSlots != capacity {
			return groups, false
		}
		g := w.collect(data, int((mask+1)*uint64(s.group)))
		if g == nil {
			return groups, false
		}
		var here, dead uint64
		for off := s.ctrl; off < int64(len(g)); off += s.group {
			f, d := control(g[off : off+groupSlots])
			here, dead = here+f, dead+d
		}
		ok = ok && here == u16(t, s.tUsed)
		full += here
		m.Slots += capacity
		m.Tombstones += dead
		m.Bytes += w.t.heap.size(at, uint64(s.table)) + w.t.heap.size(data, uint64(len(g)))
		groups = append(groups, piece{data, g})
		i += 1 << (depth - local)
	}
	return groups, ok && full == m.Entries && w.unchanged()
}

// control counts full and deleted slots of a control word: the byte of an empty
// slot is 0x80, that of a deleted one 0xFE, and others are less than 0x80.
func control(c []byte) (full, deleted uint64) {
	v := u64(c, 0)
	high := v & 0x8080808080808080
	full = uint64(groupSlots - bits.OnesCount64(high))
	// Of those with the high bit, deleted ones have bit 1 set too.
	deleted = uint64(bits.OnesCount64(high & (v << 6)))
	return full, deleted
}

// collect copies n bytes at addr for the map that is being read, past the
// cache. It returns nil if they cannot be read.
func (w *copier) collect(addr uint64, n int) []byte {
	if n < 0 || uint64(n) > w.t.room(addr) {
		return nil // torn, or not what it was taken for
	}
	b := w.arena.take(n)
	if err := w.t.raw.read([][]byte{b}, []uint64{addr}); err != nil {
		w.gone = w.gone || errors.Is(err, errGone)
		return nil
	}
	w.pieces = append(w.pieces, piece{addr, b})
	return b
}

// again is how much is read a second time at once.
const again = 1 << 20

// unchanged reports whether all that was collected is still there. If two
// collections one after the other are equal, then what they have was there at
// one moment between them (Afek and others: Atomic Snapshots of Shared Memory,
// JACM 1993), provided that nothing went and came back. Here the seed, the
// counts and the control bytes would have to come back too.
func (w *copier) unchanged() bool {
	if w.second == nil {
		w.second = make([]byte, again)
	}
	var bufs [][]byte
	var addrs []uint64
	var want [][]byte
	room := w.second
	check := func() bool {
		if len(bufs) > 0 && w.t.raw.read(bufs, addrs) != nil {
			return false
		}
		for i := range bufs {
			if !bytes.Equal(bufs[i], want[i]) {
				return false
			}
		}
		bufs, addrs, want, room = bufs[:0], addrs[:0], want[:0], w.second
		return true
	}
	for _, p := range w.pieces {
		for at := 0; at < len(p.data); {
			if len(room) == 0 || len(bufs) == maxVector {
				if !check() {
					return false
				}
			}
			n := min(len(room), len(p.data)-at)
			bufs, addrs, want = append(bufs, room[:n]), append(addrs, p.addr+uint64(at)), append(want, p.data[at:at+n])
			room, at = room[n:], at+n
		}
	}
	return check()
}

// readClassic copies a classic map: its buckets, those that growth has not
// moved yet, and the overflow buckets of both.
func (w *copier) readClassic(c *classic, m *Map) (buckets []piece) {
	return w.attempt(m, func(m *Map) ([]piece, bool) { return w.tryClassic(c, m) })
}

func (w *copier) tryClassic(c *classic, m *Map) (buckets []piece, ok bool) {
	w.arena.reset()
	w.pieces = w.pieces[:0]
	m.Classic = true
	head := w.collect(m.Addr, int(c.size))
	if head == nil {
		return nil, false
	}
	m.Entries = u64(head, c.count)
	flags, b := u8(head, c.flags), uint(u8(head, c.b))
	m.Writing = flags&flagWriting != 0
	m.Bytes = w.t.heap.size(m.Addr, uint64(c.size))
	at, old := u64(head, c.buckets), u64(head, c.oldbuckets)
	if at == 0 {
		return nil, m.Entries == 0 && old == 0 && !m.Writing
	}
	if b > maxB {
		return nil, false
	}
	var full uint64
	main, extra, used, good := w.chain(c, at, 1<<b, &full)
	if !good {
		return nil, false
	}
	m.Slots = groupSlots * (1<<b + uint64(len(extra)))
	m.Bytes += used
	m.Overflow = used - min(used, uint64(len(main.data)))
	buckets = append(append(buckets, main), extra...)
	if old != 0 {
		m.Growing = true
		m.Evacuated = u64(head, c.nevacuate)
		n := uint64(1) << b
		if flags&flagSameSize == 0 {
			n >>= 1
		}
		oldMain, oldExtra, used, good := w.chain(c, old, n, &full)
		if !good {
			return buckets, false
		}
		m.Bytes += used
		m.Old = used
		buckets = append(append(buckets, oldMain), oldExtra...)
	}
	return buckets, full == m.Entries && !m.Writing && w.unchanged()
}

// topHashes counts the slots of a bucket that have an entry.
func topHashes(list []byte) (full uint64) {
	for _, top := range list {
		if top >= minTopHash {
			full++
		}
	}
	return full
}

// chain copies n buckets at addr and their overflow buckets, and adds their
// entries to full. used is what they take on the heap.
func (w *copier) chain(c *classic, addr, n uint64, full *uint64) (main piece, extra []piece, used uint64, ok bool) {
	if n > w.t.room(addr)/uint64(c.bucket) {
		return main, nil, 0, false
	}
	size := n * uint64(c.bucket)
	used = w.t.heap.size(addr, size)
	if main = (piece{addr, w.collect(addr, int(size))}); main.data == nil {
		return main, nil, 0, false
	}
	lo, hi := addr, addr+used
	for off := int64(0); off < int64(len(main.data)); off += c.bucket {
		b := main.data[off : off+c.bucket]
		for steps := uint64(0); ; steps++ {
			if b[c.tophash] < evacuatedX || b[c.tophash] >= minTopHash {
				*full += topHashes(b[c.tophash : c.tophash+groupSlots])
			}
			next := u64(b, c.overflow)
			if next == 0 {
				break
			}
			if steps > n+1<<16 {
				return main, extra, used, false // a ring: torn
			}
			if next < lo || next >= hi { // not one of those that are allocated with the buckets
				used += w.t.heap.size(next, uint64(c.bucket))
			}
			if b = w.collect(next, int(c.bucket)); b == nil {
				return main, extra, used, false
			}
			extra = append(extra, piece{next, b})
		}
	}
	return main, extra, used, true
}

// arena is memory for the copies of one map.
type arena struct {
	buf []byte
	n   int
}

func (a *arena) reset() { a.n = 0 }

func (a *arena) take(n int) []byte {
	if a.n+n > len(a.buf) {
		a.buf = make([]byte, max(2*len(a.buf), n, 1<<16))
		a.n = 0
	}
	b := a.buf[a.n : a.n+n : a.n+n]
	a.n += n
	return b
}
