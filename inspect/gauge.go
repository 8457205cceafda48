package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// Gauge looks at one map again and again. It reads no slots, only what says how
// many there are: the header, and of a Swiss map its directory and tables, some
// 50 bytes for each 1024 slots. It must not be used concurrently.
type Gauge struct {
	w        *walk
	owner    string
	variable uint64 // address of the package variable that has the map; 0 if a census found it
	addr     uint64
	typ      *gobinary.Type
	s        *shape
	overflow int64 // where a classic map counts its overflow buckets

	tables map[part]uint64 // entries of each table of the reading before
	before Reading
	spans  part // geometry for which the list of spans was read
}

// part is a table and its groups, by their addresses; or a directory, or
// buckets, and how many there are.
type part struct{ at, body uint64 }

// Reading is what a Gauge has read.
type Reading struct {
	Map
	Owner string
	Taken time.Time

	Tables     int    // of a Swiss map
	Depth      int    // of its directory
	GrowthLeft uint64 // entries that fit in before some table grows, if all went to the right one
	Buckets    uint64 // of a classic map
	OldBuckets uint64 // that growth moves entries from, if Growing

	// Entries that came and went since the reading before, as far as readings
	// tell: one that came and went between two of them is in neither.
	Added, Removed uint64
	Replaced       bool // the package variable has another map than before
}

// errNoMap says that where a map was is something else.
var errNoMap = errors.New("where the map was is something else by now: it was given up, and its memory used again")

// Gauge finds a map as [Target.At] does. A package variable may be nil: it may
// get a map later.
func (t *Target) Gauge(owner string, addr uint64) (*Gauge, error) {
	var w *walk
	var f *found
	var err error
	if addr == 0 {
		w, f, err = t.variable(owner)
	}
	if f == nil && err == nil {
		w, f, err = t.find(owner, addr)
	}
	if err != nil {
		return nil, err
	}
	g := &Gauge{w: w, owner: w.paths.name(f.path), addr: f.Addr, typ: f.Type, s: w.shape(f.Type)}
	if g.s == nil {
		return nil, fmt.Errorf("maps of type %s have a layout that is not known", f.Type.Name)
	}
	if v, ok := t.Image.Global(g.owner); ok && addr == 0 && v.Type == f.Type {
		g.variable = v.Addr + t.bias
	}
	if g.s.classic != nil {
		l := layout{t: f.Type.Impl}
		if g.overflow = l.need("noverflow").Offset; l.err != nil {
			return nil, l.err
		}
	}
	return g, nil
}

// Read reads the map as it is now. It tries up to [Tries] times to read it as
// of one moment; Consistent says whether that was so. An error says that the
// process has exited or that the map is gone.
func (g *Gauge) Read() (*Reading, error) {
	if p, ok := g.w.t.below().(interface{ same() error }); ok {
		if err := p.same(); err != nil {
			return nil, err
		}
	}
	r := Reading{Owner: g.owner, Taken: time.Now()}
	if g.variable != 0 {
		b := make([]byte, 8)
		if err := g.w.t.raw.read([][]byte{b}, []uint64{g.variable}); err != nil {
			return nil, err
		}
		if at := u64(b, 0); at != g.addr {
			r.Replaced = g.before.Addr != 0
			g.addr, g.tables = at, nil
		}
	}
	r.Map = Map{Addr: g.addr, Type: g.typ, Classic: g.s.classic != nil}
	if g.addr == 0 {
		r.Consistent, r.Tries = true, 1
		g.count(&r, nil)
		return &r, nil // the variable is nil
	}
	fresh := false
	for n := 1; ; n++ {
		now := r
		now.Tries = n
		now.Taken = time.Now()
		tables, shape, err := g.try(&now)
		if shape != g.spans && !fresh {
			// It lies elsewhere than when the list of spans was read.
			fresh = true
			if err := g.w.t.refresh(); err != nil {
				return nil, err
			}
			if tables, g.spans, err = g.try(&now); err != nil {
				g.spans = part{}
			}
		}
		if errors.Is(err, errGone) || errors.Is(err, errRefused) {
			return nil, err
		}
		if err == nil && (now.Consistent || n == Tries) {
			g.count(&now, tables)
			return &now, nil
		}
		if n == Tries {
			return nil, err
		}
	}
}

// count compares with the reading before.
func (g *Gauge) count(r *Reading, tables map[part]uint64) {
	// What is in tables that are new or gone may have been moved among them.
	var came, went uint64
	if g.before.Taken.IsZero() || r.Replaced {
		g.before, g.tables = *r, tables
		return
	}
	add := func(from, to uint64) {
		r.Added += max(to, from) - from
		r.Removed += max(from, to) - to
	}
	if tables == nil || g.tables == nil {
		add(g.before.Entries, r.Entries)
	} else {
		for p, n := range tables {
			if old, ok := g.tables[p]; ok {
				add(old, n)
			} else {
				came += n
			}
		}
		for p, n := range g.tables {
			if _, ok := tables[p]; !ok {
				went += n
			}
		}
		add(went, came)
	}
	g.before, g.tables = *r, tables
}

// copies is what was read of a map, to be read again.
type copies struct {
	addrs []uint64
	bufs  [][]byte
}

// take copies n bytes at addr.
func (g *Gauge) take(c *copies, addr uint64, n uint64) ([]byte, error) {
	if room := g.w.t.room(addr); n > room {
		return nil, errNoMap
	}
	b := make([]byte, n)
	if err := g.w.t.raw.read([][]byte{b}, []uint64{addr}); err != nil {
		return nil, err
	}
	c.addrs, c.bufs = append(c.addrs, addr), append(c.bufs, b)
	return b, nil
}

// unchanged reports whether all that was copied is still there.
func (g *Gauge) unchanged(c *copies) bool {
	for len(c.bufs) > 0 {
		n := min(len(c.bufs), maxVector)
		again := make([][]byte, n)
		for i := range again {
			again[i] = make([]byte, len(c.bufs[i]))
		}
		if g.w.t.raw.read(again, c.addrs[:n]) != nil {
			return false
		}
		for i := range again {
			if !bytes.Equal(again[i], c.bufs[i]) {
				return false
			}
		}
		c.addrs, c.bufs = c.addrs[n:], c.bufs[n:]
	}
	return true
}

// try reads the map once. shape tells where it lies.
func (g *Gauge) try(r *Reading) (tables map[part]uint64, shape part, err error) {
	if g.s.swiss != nil {
		return g.trySwiss(g.s.swiss, r)
	}
	shape, err = g.tryClassic(g.s.classic, r)
	return nil, shape, err
}

func (g *Gauge) trySwiss(s *swiss, r *Reading) (tables map[part]uint64, shape part, err error) {
	var c copies
	head, err := g.take(&c, g.addr, uint64(s.size))
	if err != nil {
		return nil, shape, err
	}
	size := g.w.t.heap.size
	r.Entries, r.Writing = u64(head, s.used), u8(head, s.writing) != 0
	r.Bytes = size(g.addr, uint64(s.size))
	r.Slots, r.Tombstones, r.GrowthLeft, r.Tables, r.Depth = 0, 0, 0, 0, 0
	depth, n, dir := uint(u8(head, s.globalDepth)), u64(head, s.dirLen), u64(head, s.dirPtr)
	shape = part{dir, n}
	switch {
	case n == 0 && dir == 0:
		r.Consistent = r.Entries == 0 && !r.Writing
		return nil, shape, nil
	case n == 0:
		b, err := g.take(&c, dir+uint64(s.ctrl), groupSlots)
		if err != nil {
			return nil, shape, err
		}
		full, dead := control(b)
		r.Slots, r.Tombstones, r.GrowthLeft = groupSlots, dead, groupSlots-full
		r.Bytes += size(dir, uint64(s.group))
		r.Consistent = full == r.Entries && !r.Writing && g.unchanged(&c)
		return nil, shape, nil
	case depth > 48 || n != 1<<depth || n > maxDirectory || int(u8(head, s.globalShift)) != 64-int(depth)&63:
		return nil, shape, errNoMap
	}
	list, err := g.take(&c, dir, 8*n)
	if err != nil {
		return nil, shape, err
	}
	r.Depth = int(depth)
	r.Bytes += size(dir, 8*n)
	tables = map[part]uint64{}
	// The same table may have several places in a row.
	first := len(c.bufs)
	for i := uint64(0); i < n; i++ {
		at := u64(list, int64(8*i))
		if i > 0 && at == c.addrs[len(c.addrs)-1] && len(c.addrs) > first {
			continue
		}
		if uint64(s.table) > g.w.t.room(at) {
			return nil, shape, errNoMap
		}
		c.addrs, c.bufs = append(c.addrs, at), append(c.bufs, make([]byte, s.table))
	}
	for i := first; i < len(c.bufs); i += maxVector {
		to := min(i+maxVector, len(c.bufs))
		if err := g.w.t.raw.read(c.bufs[i:to], c.addrs[i:to]); err != nil {
			return nil, shape, err
		}
	}
	var full, places uint64
	for i, t := range c.bufs[first:] {
		at, data := c.addrs[first+i], u64(t, s.tPtr)
		local, capacity, used, left := uint(u8(t, s.tLocalDepth)), u16(t, s.tCapacity), u16(t, s.tUsed), u16(t, s.tGrowthLeft)
		if local > depth || capacity == 0 || capacity&(capacity-1) != 0 || capacity > maxCapacity {
			return nil, shape, errNoMap
		}
		places += 1 << (depth - local)
		full += used
		r.Slots += capacity
		r.GrowthLeft += left
		if free := used + left; free < growsAt(capacity) {
			r.Tombstones += growsAt(capacity) - free
		}
		r.Bytes += size(at, uint64(s.table)) + size(data, capacity/groupSlots*uint64(s.group))
		tables[part{at, data}] = used
		shape.at += at ^ data<<7 // a sum over all of them
	}
	r.Tables = len(tables)
	r.Consistent = full == r.Entries && places == n && !r.Writing && g.unchanged(&c)
	return tables, shape, nil
}

// growsAt is how many entries and tombstones a table of a capacity takes before
// it grows (internal/runtime/maps/table.go, maxAvgGroupLoad, Go 1.24 to 1.27).
func growsAt(capacity uint64) uint64 {
	if capacity <= groupSlots {
		return capacity - 1
	}
	return capacity * 7 / 8
}

func (g *Gauge) tryClassic(s *classic, r *Reading) (shape part, err error) {
	var c copies
	head, err := g.take(&c, g.addr, uint64(s.size))
	if err != nil {
		return shape, err
	}
	size := g.w.t.heap.size
	flags, b := u8(head, s.flags), uint(u8(head, s.b))
	at, old := u64(head, s.buckets), u64(head, s.oldbuckets)
	shape = part{at, old}
	if b > maxB {
		return shape, errNoMap
	}
	r.Entries, r.Writing = u64(head, s.count), flags&flagWriting != 0
	r.Bytes = size(g.addr, uint64(s.size))
	r.Growing, r.OldBuckets, r.Evacuated, r.Old = false, 0, 0, 0
	r.Slots, r.Buckets, r.Overflow = 0, 0, 0
	if at != 0 {
		r.Buckets = 1 << b
		// Exact up to 1<<15 buckets, about right from there on (runtime/map.go,
		// incrnoverflow). The first ones are allocated with the buckets.
		extra := u16(head, g.overflow)
		main := size(at, r.Buckets*uint64(s.bucket))
		r.Slots = groupSlots * (r.Buckets + extra)
		r.Overflow = extra * uint64(s.bucket)
		r.Bytes += max(main, r.Buckets*uint64(s.bucket)+r.Overflow)
	}
	if old != 0 {
		r.Growing, r.Evacuated = true, u64(head, s.nevacuate)
		if r.OldBuckets = 1 << b; flags&flagSameSize == 0 {
			r.OldBuckets >>= 1
		}
		r.Old = size(old, r.OldBuckets*uint64(s.bucket))
		r.Bytes += r.Old
	}
	r.Consistent = r.Entries <= r.Slots+groupSlots*r.OldBuckets && !r.Writing && g.unchanged(&c)
	return shape, nil
}
