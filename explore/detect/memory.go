package detect

// Bits of meta. A later access of the same or an ordered goroutine stands for
// an earlier one exactly if it has all of its low bits: its bytes, write if it
// writes, plain if it is plain.
const (
	write     = 1 << 0
	plain     = 1 << 1
	maskShift = 8
	laneShift = 16
	lowBits   = 1<<laneShift - 1
	maskBits  = 0xff << maskShift
)

// access is an access that may still race. clk is 0 where there is none:
// epochs count from 1.
type access struct {
	clk  uint32
	log  int32  // index into the log
	meta uint32 // lane, byte mask, plain, write
}

// cell is 8 aligned bytes of the program's memory and what lies at their
// addresses.
type cell struct {
	word    uint64 // address / 8
	objects int32  // synchronisation objects at these addresses
	more    int32  // accesses beyond two
	a       [2]access
}

// node is one more access of a cell, or, if meta's lane is vector, a vector of
// reads with equal low bits: two words for each lane, the epoch and the index
// into the log, in a region of the arena at clk, of class log.
type node struct {
	access
	next int32
}

const vector = 1<<(32-laneShift) - 1

// vectorAt is how many reads of equal bytes are in nodes of a cell when they
// move to a vector.
const vectorAt = 6

// memory is the shadow of the program's memory.
type memory struct {
	exact bool
	gen   uint32
	// index is an open-addressing table of gen<<32 | cell. A run uses the
	// prefix that suits its log, so that a small run after a large one stays
	// in the cache.
	index []uint64
	mask  uint32

	cells  [maxItems / chunk]*[chunk]cell
	ncells uint32

	nodes    [maxItems / chunk]*[chunk]node
	nnodes   int32
	freeNode int32

	big []bigAccess
	// bigLo and bigHi bound all of big; bigLo > bigHi if there are none.
	bigLo, bigHi uint64
	bigNext      int
}

const minIndex = 1024

func (m *memory) reset(events int) {
	m.exact = true
	m.ncells, m.nnodes, m.freeNode = 0, 0, 0
	m.big = m.big[:0]
	m.bigLo, m.bigHi, m.bigNext = 1, 0, 0
	n := minIndex
	for n < 2*events && n < 2*maxItems {
		n *= 2
	}
	m.setIndex(n)
}

// setIndex empties the index and gives it n slots, a power of two.
func (m *memory) setIndex(n int) {
	if n > len(m.index) {
		m.index = make([]uint64, n)
		m.gen = 0
	}
	m.mask = uint32(n - 1)
	m.gen++
	if m.gen == 0 {
		clear(m.index)
		m.gen = 1
	}
}

// golden spreads words over the index: multiplicative hashing after Knuth.
const golden = 0x9e3779b97f4a7c15

func (m *memory) cell(i uint32) *cell {
	return &m.cells[i>>chunkBits&(maxItems/chunk-1)][i&(chunk-1)]
}

// find returns the cell of a word, or nil if there is none. It and at repeat
// the probing that they could share: at runs for every access and is beyond
// what the compiler inlines, so a helper would be one more call.
func (m *memory) find(word uint64) *cell {
	mask := m.mask
	for h := uint32(word * golden >> 32); ; h++ {
		s := m.index[h&mask]
		if uint32(s>>32) != m.gen {
			return nil
		}
		i := uint32(s)
		if c := &m.cells[i>>chunkBits&(maxItems/chunk-1)][i&(chunk-1)]; c.word == word {
			return c
		}
	}
}

// at returns the cell of a word, made if need be, or nil if there is no room
// for another one.
func (m *memory) at(word uint64) *cell {
	mask := m.mask
	h := uint32(word * golden >> 32)
	for ; ; h++ {
		s := m.index[h&mask]
		if uint32(s>>32) != m.gen {
			break
		}
		i := uint32(s)
		if c := &m.cells[i>>chunkBits&(maxItems/chunk-1)][i&(chunk-1)]; c.word == word {
			return c
		}
	}
	return m.add(word, h&mask)
}

// add makes the cell of a word that belongs into the given slot.
func (m *memory) add(word uint64, slot uint32) *cell {
	if m.ncells == maxItems-1 {
		m.exact = false
		return nil
	}
	i := m.ncells
	m.ncells++
	p := &m.cells[i>>chunkBits]
	if *p == nil {
		*p = new([chunk]cell)
	}
	c := &(*p)[i&(chunk-1)]
	*c = cell{word: word}
	m.index[slot] = uint64(m.gen)<<32 | uint64(i)
	if m.ncells > m.mask/2 {
		m.rehash()
	}
	return c
}

// rehash doubles the index.
func (m *memory) rehash() {
	m.setIndex(2 * (int(m.mask) + 1))
	for i := range m.ncells {
		h := uint32(m.cell(i).word * golden >> 32)
		for uint32(m.index[h&m.mask]>>32) == m.gen {
			h++
		}
		m.index[h&m.mask] = uint64(m.gen)<<32 | uint64(i)
	}
}

func (m *memory) node(i int32) *node {
	return &m.nodes[uint32(i)>>chunkBits&(maxItems/chunk-1)][i&(chunk-1)]
}

// getNode returns the number of an unused node, or 0.
func (m *memory) getNode() int32 {
	if i := m.freeNode; i != 0 {
		m.freeNode = m.node(i).next
		return i
	}
	if m.nnodes+1 >= maxItems {
		return 0
	}
	m.nnodes++
	if p := &m.nodes[m.nnodes>>chunkBits]; *p == nil {
		*p = new([chunk]node)
	}
	return m.nnodes
}

func (m *memory) putNode(i int32) {
	m.node(i).next = m.freeNode
	m.freeNode = i
}

// single checks and records an access to the byte at addr.
func (d *Detector) single(addr uint64, t int32, kind uint32, i int32) {
	if d.memory.bigLo <= addr && addr <= d.memory.bigHi {
		d.checkBig(addr, addr, t, kind, i)
	}
	if c := d.memory.at(addr >> 3); c != nil {
		d.touch(c, t, kind|1<<(maskShift+addr&7), i)
	}
}

// touch checks an access with the low bits low by lane t against what the
// cell remembers, and makes the cell remember it.
func (d *Detector) touch(c *cell, t int32, low uint32, i int32) {
	l := &d.order.lanes[t]
	l.used = l.epoch
	clock := l.clock
	meta := uint32(t)<<laneShift | low
	kept := false
	free := -1
	for j := range c.a {
		r := &c.a[j]
		if r.clk == 0 {
			free = j
			continue
		}
		if r.meta == meta {
			r.clk, r.log = l.epoch, i
			kept = true
			continue
		}
		if r.meta&low&maskBits == 0 {
			continue
		}
		u := r.meta >> laneShift
		if u == uint32(t) || int(u) < len(clock) && r.clk <= clock[u] {
			if r.meta&lowBits&^low == 0 {
				r.clk = 0
				free = j
			} else if u == uint32(t) && r.clk == l.epoch && low&^r.meta == 0 {
				kept = true // races of this access are races of the stronger one
			}
			continue
		}
		if both := r.meta | low; both&write != 0 && both&plain != 0 {
			d.report(r.log, i, c.word, r.meta&low>>maskShift&0xff)
		}
	}
	if c.more != 0 {
		kept = d.touchMore(c, t, low, i, kept)
	}
	if kept {
		return
	}
	if free >= 0 {
		c.a[free] = access{l.epoch, i, meta}
		return
	}
	d.keep(c, access{l.epoch, i, meta})
}

// touchMore does for the rest of a cell's accesses what touch does for the
// first two, and reports whether the access is remembered already.
func (d *Detector) touchMore(c *cell, t int32, low uint32, i int32, kept bool) bool {
	m := &d.memory
	l := &d.order.lanes[t]
	clock := l.clock
	meta := uint32(t)<<laneShift | low
	alike := 0
	link := &c.more
	for *link != 0 {
		at := *link
		r := m.node(at)
		u := r.meta >> laneShift
		drop := false
		switch {
		case u == vector:
			drop, kept = d.touchVector(c, r, t, low, i, kept)
		case r.meta == meta:
			r.clk, r.log = l.epoch, i
			kept = true
		case r.meta&low&maskBits == 0:
		case u == uint32(t) || int(u) < len(clock) && r.clk <= clock[u]:
			drop = r.meta&lowBits&^low == 0
			if !drop && u == uint32(t) && r.clk == l.epoch && low&^r.meta == 0 {
				kept = true
			}
		default:
			if both := r.meta | low; both&write != 0 && both&plain != 0 {
				d.report(r.log, i, c.word, r.meta&low>>maskShift&0xff)
			}
		}
		if drop {
			*link = r.next
			m.putNode(at)
			continue
		}
		if r.meta&lowBits == low {
			alike++
		}
		link = &r.next
	}
	if alike >= vectorAt && low&write == 0 && !kept {
		kept = d.makeVector(c, t, low, i)
	}
	return kept
}

// keep adds an access to a cell whose first two places are taken.
func (d *Detector) keep(c *cell, a access) {
	m := &d.memory
	n := m.getNode()
	if n == 0 {
		m.exact = false
		c.a[0] = a
		return
	}
	*m.node(n) = node{a, c.more}
	c.more = n
}

// touchVector is touchMore for one vector of reads.
func (d *Detector) touchVector(c *cell, r *node, t int32, low uint32, i int32, kept bool) (drop, nowKept bool) {
	if r.meta&lowBits == low {
		return false, d.setVector(r, t, i) || kept
	}
	if r.meta&low&maskBits == 0 || low&write == 0 {
		return false, kept
	}
	clock := d.order.lanes[t].clock
	words := d.order.arena.words(r.clk, 8<<uint(r.log))
	races := (r.meta|low)&plain != 0
	covered := r.meta&lowBits&^low == 0
	drop = covered
	for u := 0; 2*u < len(words); u++ {
		clk := words[2*u]
		if clk == 0 {
			continue
		}
		if u == int(t) || u < len(clock) && clk <= clock[u] {
			if covered {
				words[2*u] = 0
			}
			continue
		}
		drop = false
		if races {
			d.report(int32(words[2*u+1]), i, c.word, r.meta&low>>maskShift&0xff)
		}
	}
	if drop {
		d.order.arena.put(r.clk, uint8(r.log))
	}
	return drop, kept
}

// setVector sets the entry of lane t and reports whether there was room.
func (d *Detector) setVector(r *node, t int32, i int32) bool {
	a := &d.order.arena
	if class := classOf(2 * (int(t) + 1)); int32(class) > r.log {
		off := a.get(class, arenaShared)
		if off == 0 {
			return false
		}
		old := a.words(r.clk, 8<<uint(r.log))
		words := a.words(off, 8<<class)
		clear(words[copy(words, old):])
		a.put(r.clk, uint8(r.log))
		r.clk, r.log = off, int32(class)
	}
	words := a.words(r.clk, 8<<uint(r.log))
	words[2*t], words[2*t+1] = d.order.lanes[t].epoch, uint32(i)
	return true
}

// makeVector moves the reads of a cell that have the given low bits from nodes
// to a vector, adds the read of lane t, and reports whether that was possible.
func (d *Detector) makeVector(c *cell, t int32, low uint32, i int32) bool {
	m, a := &d.memory, &d.order.arena
	class := classOf(2 * int(d.order.n))
	off := a.get(class, arenaShared)
	if off == 0 {
		return false
	}
	words := a.words(off, 8<<class)
	clear(words)
	link := &c.more
	for *link != 0 {
		at := *link
		r := m.node(at)
		u := r.meta >> laneShift
		if u == vector || r.meta&lowBits != low {
			link = &r.next
			continue
		}
		words[2*u], words[2*u+1] = r.clk, uint32(r.log)
		*link = r.next
		m.putNode(at)
	}
	words[2*t], words[2*t+1] = d.order.lanes[t].epoch, uint32(i)
	n := m.getNode() // there is one: at least vectorAt were freed
	*m.node(n) = node{access{off, int32(class), vector<<laneShift | low}, c.more}
	c.more = n
	return true
}

// wipe forgets accesses and objects at the bytes in mask.
func (d *Detector) wipe(c *cell, mask uint32) {
	m := &d.memory
	bits := mask << maskShift
	for j := range c.a {
		if c.a[j].meta &^= bits; c.a[j].meta&maskBits == 0 {
			c.a[j].clk = 0
		}
	}
	if c.more != 0 {
		link := &c.more
		for *link != 0 {
			at := *link
			r := m.node(at)
			if r.meta &^= bits; r.meta&maskBits == 0 {
				if r.meta>>laneShift == vector {
					d.order.arena.put(r.clk, uint8(r.log))
				}
				*link = r.next
				m.putNode(at)
				continue
			}
			link = &r.next
		}
	}
	if c.objects == 0 {
		return
	}
	link := &c.objects
	for *link != 0 {
		at := *link
		s := d.objects.at(at)
		if mask>>(s.addr&7)&1 != 0 {
			if s.off != 0 {
				d.order.arena.put(s.off, s.class)
			}
			*link = s.next
			s.next = d.objects.free
			d.objects.free = at
			continue
		}
		link = &s.next
	}
}
