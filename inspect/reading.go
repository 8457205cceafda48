package inspect

import (
	"cmp"
	"hash/maphash"
	"iter"
	"math"
	"math/bits"
	"slices"
)

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

// section is a piece of a map that is to be copied.
type section struct {
	piece
	n       int
	full    uint64 // slots with an entry
	dead    uint32 // deleted slots of a table
	squares uint32 // of the entries of each group, added up; of a table that was looked at
	places  uint32 // of a table in the directory
	chain   uint32 // the number of the first of some buckets, or of the one from which they overflow
	what    role
	changed bool   // while the map was copied
	flowed  bool   // it was looked at and not kept
	sum     uint64 // of what was there, if so
}

// role is what a section of a map is.
type role uint8

const (
	roleBody  role = iota // or, of a Swiss map, header, directory or table
	roleOld               // old buckets of a classic map, or the overflow of them
	roleMore              // what a classic map keeps besides: hmap.extra
	roleList              // the slices in that
	roleArray             // the arrays of those, which are not read
)

// link says that what was copied of a classic map leads to n bytes at addr.
type link struct {
	addr, n uint64
	what    role
	chain   uint32
}

// copying is a map that is being copied, stage by stage: what one stage has
// copied says what the next one has to.
type copying struct {
	swiss   *swiss
	classic *classic
	now     Map
	stages  [][2]int            // of copier.parts: the header, the directory or the group, and so on
	full    uint64              // slots with an entry
	size    int                 // of the parts so far
	extra   uint64              // overflow buckets of a classic map
	near    [roleOld + 1]region // where its buckets and the old ones were allocated; some overflow buckets are behind them
	one     bool                // a Swiss map without tables
	ok      bool                // the parts agree
	left    bool                // it is larger than wanted, and was left
	bad     bool                // some parts do not agree
	flows   bool                // the last stage was looked at and not kept
}

// start makes r ready to read the map at addr.
func (r *copying) start(m Map, s *swiss, c *classic) {
	*r = copying{swiss: s, classic: c, now: m, stages: r.stages[:0]}
	r.now.Classic = c != nil
}

// copier copies maps.
type copier struct {
	t      *Target
	parts  []section
	copies []batch // of each stage
	second []byte  // what is there when it is copied again
	live   []int
	single [1]copying
	links  []link // from the last stage of a classic map that was counted
	seed   maphash.Seed
	pieces []piece // of the map that readSwiss or readClassic has read, with its header
	gone   bool    // the process has exited
	later  bool    // what does not settle is read again later, so the process is not stopped for it

	looker  looker  // if not nil, gets groups or buckets of large maps, which are not kept then
	flood   int     // up to how many bytes are kept, if so; 0 means floodBytes
	flowing bool    // nothing is kept, if so
	hands   int     // how many goroutines look at a map; 0 means one
	windows []batch // of each of them
	more    batch   // of the first entries, that are copied once more
}

// copy copies the maps of list, all of them stage by stage, and then again. If
// two collections one after the other are equal, then what they have was there
// at one moment between them (Afek and others: Atomic Snapshots of Shared
// Memory, JACM 1993), provided that nothing went and came back. Here the seed,
// the counts and the control bytes would have to come back too.
//
// Maps with more than most bytes are left. The copies are valid until the next
// call.
func (c *copier) copy(list []copying, most int) {
	c.parts, c.live = c.parts[:0], c.live[:0]
	for i := range list {
		c.live = append(c.live, i)
	}
	stage := 0
	for ; len(c.live) > 0; stage++ {
		if stage == len(c.copies) {
			c.copies = append(c.copies, batch{})
		}
		b := &c.copies[stage]
		b.reset()
		rest := c.live[:0]
		for _, i := range c.live {
			r, from := &list[i], len(c.parts)
			more := c.step(r, from)
			if r.size > most {
				r.ok, r.left, more = false, true, false
			}
			if !more {
				c.parts = c.parts[:from]
				continue
			}
			if r.flows = c.looker != nil && len(list) == 1 && (stage == 3 || stage > 0 && r.classic != nil) && (c.flowing || r.size > cmp.Or(c.flood, floodBytes)); r.flows {
				c.divide(r, from)
			}
			r.stages = append(r.stages, [2]int{from, len(c.parts)})
			rest = append(rest, i)
			if r.flows {
				if !c.flow(r, from, len(c.parts), false) {
					c.gone = true
					return
				}
				continue
			}
			for n := from; n < len(c.parts); n++ {
				b.want = append(b.want, extent{c.parts[n].addr, c.parts[n].n, n})
			}
		}
		c.live = rest
		slices.SortFunc(b.want, func(a, b extent) int { return cmp.Compare(a.addr, b.addr) })
		if b.fetch(c.t.raw) != nil {
			c.gone = true
			return
		}
		for i, e := range b.want {
			c.parts[e.id].data = b.data[i]
		}
	}
	if c.second == nil {
		c.second = make([]byte, longest)
	}
	for i := range c.copies[:stage] {
		if c.t.steady() {
			break
		}
		err := c.copies[i].compare(c.t.raw, c.second, func(id int) { c.parts[id].changed = true })
		if err != nil {
			c.gone = true
			return
		}
	}
	for i := range list {
		for _, s := range list[i].stages {
			if !c.t.steady() && s[0] < s[1] && c.parts[s[0]].flowed && !c.flow(&list[i], s[0], s[1], true) {
				c.gone = true
				return
			}
			for _, p := range c.parts[s[0]:s[1]] {
				list[i].ok = list[i].ok && !p.changed
			}
		}
	}
}

// want says that n bytes at addr are a part of r.
func (c *copier) want(r *copying, addr, n uint64, what role) bool {
	if n == 0 || n > c.t.room(addr) {
		return false // torn, or not what it was taken for
	}
	c.parts = append(c.parts, section{piece: piece{addr: addr}, n: int(n), what: what})
	r.size += int(n)
	return true
}

// got returns what a stage has copied.
func (c *copier) got(r *copying, stage int) []section {
	return c.parts[r.stages[stage][0]:r.stages[stage][1]]
}

// step looks at what the last stage has copied of a map, and says what is to be
// copied next: parts from first on. It returns false if that is nothing: r.ok says
// whether all of it agrees.
func (c *copier) step(r *copying, first int) bool {
	stage := len(r.stages)
	if stage > 0 {
		for _, p := range c.got(r, stage-1) {
			if p.data == nil && !p.flowed {
				return false
			}
		}
	}
	if r.swiss != nil {
		return c.stepSwiss(r, r.swiss, stage)
	}
	return c.stepClassic(r, r.classic, stage, first)
}

// stepSwiss copies the header, then the only group, or the directory, the tables
// and their groups.
func (c *copier) stepSwiss(r *copying, s *swiss, stage int) bool {
	m := &r.now
	if stage == 0 {
		return c.want(r, m.Addr, uint64(s.size), roleBody)
	}
	head := c.got(r, 0)[0].data
	depth, n, dir := uint(u8(head, s.globalDepth)), u64(head, s.dirLen), u64(head, s.dirPtr)
	switch {
	case stage == 1:
		m.Entries, m.Writing = u64(head, s.used), u8(head, s.writing) != 0
		m.plausible = n == 0 && m.Entries <= groupSlots || n != 0 && n == 1<<depth && m.Entries <= n*maxCapacity
		m.Bytes = c.t.heap.size(m.Addr, uint64(s.size))
		switch {
		case n == 0 && dir == 0:
			r.ok = m.Entries == 0 && !m.Writing
			return false
		case n == 0: // one group, no table
			r.one = true
			m.Bytes += c.t.heap.size(dir, uint64(s.group))
			return c.want(r, dir, uint64(s.group), roleBody)
		case depth > 48 || n != 1<<depth || n > maxDirectory || int(u8(head, s.globalShift)) != 64-int(depth)&63:
			return false
		}
		m.Bytes += c.t.heap.size(dir, 8*n)
		return c.want(r, dir, 8*n, roleBody)
	case stage == 2 && r.one:
		group := &c.got(r, 1)[0]
		group.countGroups(r.swiss, group.data)
		m.Slots, m.Tombstones = groupSlots, uint64(group.dead)
		r.ok = group.full == m.Entries && !m.Writing
		return false
	case stage == 2:
		list, last := c.got(r, 1)[0].data, uint64(0)
		for i := range n {
			at := u64(list, int64(8*i))
			if at != last && !c.want(r, at, uint64(s.table), roleBody) {
				return false
			}
			c.parts[len(c.parts)-1].places++
			last = at
		}
		return true
	case stage == 3:
		for i, to := r.stages[2][0], r.stages[2][1]; i < to; i++ {
			at, t := c.parts[i].addr, c.parts[i].data
			local, capacity := uint(u8(t, s.tLocalDepth)), u16(t, s.tCapacity)
			mask, data := u64(t, s.tMask), u64(t, s.tPtr)
			if local > depth || uint64(c.parts[i].places) != 1<<(depth-local) || capacity == 0 || capacity&(capacity-1) != 0 || capacity > maxCapacity || (mask+1)*groupSlots != capacity {
				return false
			}
			size := (mask + 1) * uint64(s.group)
			if !c.want(r, data, size, roleBody) {
				return false
			}
			m.Bytes += c.t.heap.size(at, uint64(s.table)) + c.t.heap.size(data, size)
			m.Slots += capacity
		}
		return true
	}
	for i := range c.got(r, 3) {
		p := &c.got(r, 3)[i]
		if !p.flowed {
			p.countGroups(r.swiss, p.data)
		}
		r.full += p.full
		m.Tombstones += uint64(p.dead)
		r.bad = r.bad || p.full != u16(c.got(r, 2)[i].data, r.swiss.tUsed)
	}
	r.ok = !m.Writing && !r.bad && r.full == m.Entries
	return false
}

// countGroups counts the slots of groups, whose bytes are data.
func (p *section) countGroups(s *swiss, data []byte) {
	p.full, p.dead = 0, 0
	for off := s.ctrl; off+groupSlots <= int64(len(data)); off += s.group {
		full, dead := control(data[off : off+groupSlots])
		p.full += full
		p.dead += uint32(dead)
	}
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

// stepClassic copies the header, then the buckets and those that growth has not
// moved yet, and then overflow buckets, the next of each chain at a time.
func (c *copier) stepClassic(r *copying, s *classic, stage, first int) bool {
	m := &r.now
	if stage == 0 {
		return c.want(r, m.Addr, uint64(s.size), roleBody)
	}
	head := c.got(r, 0)[0].data
	flags, b := u8(head, s.flags), uint(u8(head, s.b))
	at, old := u64(head, s.buckets), u64(head, s.oldbuckets)
	if stage == 1 {
		m.Entries, m.Writing = u64(head, s.count), flags&flagWriting != 0
		m.plausible = b <= maxB && m.Entries <= 2*groupSlots<<b
		m.Bytes = c.t.heap.size(m.Addr, uint64(s.size))
		if at == 0 {
			r.ok = m.Entries == 0 && old == 0 && !m.Writing
			return false
		}
		if b > maxB {
			return false
		}
		m.Slots = groupSlots << b
		if !c.buckets(r, at, 1<<b, roleBody) {
			return false
		}
		if more := u64(head, s.extra); s.extraSize > 0 && more != 0 {
			m.Bytes += c.t.heap.size(more, uint64(s.extraSize))
			if !c.want(r, more, uint64(s.extraSize), roleMore) {
				return false
			}
		}
		if old == 0 {
			return true
		}
		m.Growing, m.Evacuated = true, u64(head, s.nevacuate)
		n := uint64(1) << b
		if flags&flagSameSize == 0 {
			n >>= 1
		}
		return c.buckets(r, old, n, roleOld)
	}
	if !r.flows {
		c.links = c.links[:0]
	}
	for i := range c.got(r, stage-1) {
		p := &c.got(r, stage-1)[i]
		if !p.flowed {
			c.links = p.countBuckets(s, p.data, c.links)
		}
		r.full += p.full
	}
	for _, l := range c.links {
		if !c.linked(r, l) {
			return false
		}
	}
	if len(c.parts) > first {
		return !r.bad
	}
	r.ok = !r.bad && r.full == m.Entries && !m.Writing
	return false
}

// countBuckets counts the slots of a part of a classic map, whose bytes are
// data, and appends what it leads to.
func (p *section) countBuckets(s *classic, data []byte, links []link) []link {
	const slice = 24
	switch p.what {
	case roleMore:
		for _, off := range s.lists {
			if at := u64(data, off); at != 0 {
				links = append(links, link{addr: at, n: slice, what: roleList})
			}
		}
		return links
	case roleList:
		if list := u64(data, 0); list != 0 {
			links = append(links, link{addr: list, n: 8 * min(u64(data, 16), 1<<maxB), what: roleArray})
		}
		return links
	}
	p.full = 0
	chain := p.chain
	for off := int64(0); off+s.bucket <= int64(len(data)); off += s.bucket {
		bucket := data[off : off+s.bucket]
		if first := bucket[s.tophash]; first < evacuatedX || first >= minTopHash {
			p.full += topHashes(bucket[s.tophash : s.tophash+groupSlots])
		}
		if next := u64(bucket, s.overflow); next != 0 {
			links = append(links, link{next, uint64(s.bucket), p.what, chain})
		}
		chain++
	}
	return links
}

// linked wants what a part of a classic map leads to, and counts its bytes. Maps
// whose buckets have no pointers keep slices with all overflow buckets besides
// (runtime/map.go, mapextra).
func (c *copier) linked(r *copying, l link) bool {
	s, m := r.classic, &r.now
	if l.what == roleList || l.what == roleArray {
		m.Bytes += c.t.heap.size(l.addr, l.n)
		return l.what == roleArray || c.want(r, l.addr, l.n, l.what)
	}
	b := uint(u8(c.got(r, 0)[0].data, s.b))
	if r.extra++; r.extra > 2<<b+1<<16 || !c.want(r, l.addr, l.n, l.what) {
		return false // a ring, or worse: torn
	}
	c.parts[len(c.parts)-1].chain = l.chain
	used := uint64(0)
	if near := r.near[l.what]; l.addr < near.from || l.addr >= near.to { // not one of those that are allocated with the buckets
		used = c.t.heap.size(l.addr, l.n)
	}
	m.Bytes += used
	if l.what == roleOld {
		m.Old += used
	} else {
		m.Slots += groupSlots
		m.Overflow += used
	}
	return true
}

// buckets wants n buckets at addr.
func (c *copier) buckets(r *copying, addr, n uint64, what role) bool {
	size := uint64(r.classic.bucket)
	if n == 0 || size == 0 || n > c.t.room(addr)/size || !c.want(r, addr, n*size, what) {
		return false
	}
	used := c.t.heap.size(addr, n*size)
	r.near[what] = region{addr, addr + used}
	r.now.Bytes += used
	if what == roleOld {
		r.now.Old += used
	} else {
		r.now.Overflow += used - min(used, n*size)
	}
	return true
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

// body returns the parts of a map that have its groups or buckets, those that
// growth has not moved yet last.
func (c *copier) body(r *copying) iter.Seq[*section] {
	return func(yield func(*section) bool) {
		first := 1
		if r.swiss != nil && !r.one {
			first = 3 // behind the directory and the tables
		}
		for _, what := range []role{roleBody, roleOld} {
			for stage := first; stage < len(r.stages); stage++ {
				for i := range c.got(r, stage) {
					if p := &c.got(r, stage)[i]; p.what == what && !yield(p) {
						return
					}
				}
			}
		}
	}
}

// kept appends the groups or buckets that were copied of a map and kept.
func (c *copier) kept(list []piece, r *copying) []piece {
	for p := range c.body(r) {
		if p.data != nil {
			list = append(list, p.piece)
		}
	}
	return list
}

// settle has one map read, with its layout s or b, until its parts agree or
// Tries is up. m gets what is known of it then.
func (c *copier) settle(s *swiss, b *classic, m *Map, read func(*copying)) *copying {
	r := &c.single[0]
	n := 0
	try := func() (ok bool) {
		n++
		r.start(*m, s, b)
		read(r)
		r.now.Consistent, r.now.Tries = r.ok, n
		return r.ok
	}
	for !try() && n < Tries && !c.gone {
	}
	if !r.ok && !c.gone && !c.later {
		c.hold(try)
	}
	*m = r.now
	return r
}

// whole reads one map, and leaves in pieces what was copied: its header, for a
// Swiss map with tables the directory and then each table with its groups, for
// others the groups or buckets. It returns groups or buckets. Both are valid
// until the next call.
func (c *copier) whole(s *swiss, b *classic, m *Map) []piece {
	r := c.settle(s, b, m, func(*copying) { c.copy(c.single[:], math.MaxInt) })
	c.pieces = c.pieces[:0]
	if c.gone || len(r.stages) == 0 || c.got(r, 0)[0].data == nil {
		return nil
	}
	c.pieces = append(c.pieces, c.got(r, 0)[0].piece)
	if s == nil || r.one {
		c.pieces = c.kept(c.pieces, r)
		return c.pieces[1:]
	}
	if len(r.stages) > 1 && c.got(r, 1)[0].data != nil {
		c.pieces = append(c.pieces, c.got(r, 1)[0].piece)
	}
	if len(r.stages) > 3 {
		for i, p := range c.got(r, 3) {
			if p.data != nil {
				c.pieces = append(c.pieces, c.got(r, 2)[i].piece, p.piece)
			}
		}
	}
	return c.kept(nil, r)
}

// release gives back the room of large maps.
func (c *copier) release() {
	for i := range c.copies {
		if len(c.copies[i].room) > 2*longest {
			c.copies[i] = batch{}
		}
	}
}

// readSwiss copies a Swiss map: its groups.
func (c *copier) readSwiss(s *swiss, m *Map) (groups []piece) { return c.whole(s, nil, m) }

// readClassic copies a classic map: its buckets, those that growth has not
// moved yet, and the overflow buckets of both.
func (c *copier) readClassic(b *classic, m *Map) (buckets []piece) { return c.whole(nil, b, m) }
