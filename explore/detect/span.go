package detect

const (
	// bigWords is the largest range, in words, that is recorded word by word.
	// A copy of a buffer is one entry of memory.big instead.
	bigWords = 128
	// maxBig bounds that list.
	maxBig = 256
)

// bigAccess is an access to the bytes lo to hi.
type bigAccess struct {
	lo, hi uint64
	access // without a byte mask; clk is 0 if forgotten
}

// edge returns the mask of the bytes of a word that lie in lo to hi.
func edge(word, lo, hi uint64) uint32 {
	mask := uint32(0xff)
	if word == lo>>3 {
		mask &= 0xff << (lo & 7)
	}
	if word == hi>>3 {
		mask &= 0xff >> (7 - hi&7)
	}
	return mask & 0xff
}

// last returns the last byte of a range, clamped to the address space.
func last(addr, size uint64) uint64 {
	if hi := addr + size - 1; hi >= addr {
		return hi
	}
	return ^uint64(0)
}

// span checks and records an access to size bytes at addr.
func (d *Detector) span(addr uint64, size uint32, t int32, kind uint32, i int32) {
	if size == 0 {
		return
	}
	hi := last(addr, uint64(size))
	if d.memory.bigLo <= hi && addr <= d.memory.bigHi {
		d.checkBig(addr, hi, t, kind, i)
	}
	first, end := addr>>3, hi>>3
	if end-first >= bigWords {
		d.bigSpan(addr, hi, t, kind, i)
		return
	}
	for w := first; w <= end; w++ {
		if c := d.memory.at(w); c != nil {
			d.touch(c, t, kind|edge(w, addr, hi)<<maskShift, i)
		}
	}
}

// visitBig is the part of touch that a big access does to a cell: check, and
// forget what the big access stands for. The access itself goes to the list.
func (d *Detector) visitBig(c *cell, lo, hi uint64, t int32, kind uint32, i int32) {
	if c.a[0].clk|c.a[1].clk|uint32(c.more) == 0 {
		return
	}
	m := &d.memory
	clock := d.order.lanes[t].clock
	low := kind | edge(c.word, lo, hi)<<maskShift
	for j := range c.a {
		if r := &c.a[j]; r.clk != 0 && d.against(c, r, clock, t, low, i) {
			r.clk = 0
		}
	}
	link := &c.more
	for *link != 0 {
		at := *link
		r := m.node(at)
		drop := false
		if r.meta>>laneShift == vector {
			if r.meta&lowBits != low {
				drop, _ = d.touchVector(c, r, t, low, i, false)
			}
		} else {
			drop = d.against(c, &r.access, clock, t, low, i)
		}
		if drop {
			*link = r.next
			m.putNode(at)
			continue
		}
		link = &r.next
	}
}

// against reports the race of an access with a remembered one, if it is one,
// and reports whether it stands for the remembered one from now on.
func (d *Detector) against(c *cell, r *access, clock []uint32, t int32, low uint32, i int32) bool {
	if r.meta&low&maskBits == 0 {
		return false
	}
	u := r.meta >> laneShift
	if u == uint32(t) || int(u) < len(clock) && r.clk <= clock[u] {
		return r.meta&lowBits&^low == 0
	}
	if both := r.meta | low; both&write != 0 && both&plain != 0 {
		d.report(r.log, i, c.word, r.meta&low>>maskShift&0xff)
	}
	return false
}

// bigSpan visits the cells below a big access, through the index or through
// the list of all cells, whichever is shorter, and adds it to the list.
func (d *Detector) bigSpan(lo, hi uint64, t int32, kind uint32, i int32) {
	m := &d.memory
	if hi>>3-lo>>3 < uint64(m.ncells) {
		for w := lo >> 3; w <= hi>>3; w++ {
			if c := m.find(w); c != nil {
				d.visitBig(c, lo, hi, t, kind, i)
			}
		}
	} else {
		for n := range m.ncells {
			if c := m.cell(n); c.word >= lo>>3 && c.word <= hi>>3 {
				d.visitBig(c, lo, hi, t, kind, i)
			}
		}
	}
	l := &d.order.lanes[t]
	l.used = l.epoch
	b := bigAccess{lo, hi, access{l.epoch, i, uint32(t)<<laneShift | kind}}
	if m.bigLo > m.bigHi {
		m.bigLo, m.bigHi = lo, hi
	} else {
		m.bigLo, m.bigHi = min(m.bigLo, lo), max(m.bigHi, hi)
	}
	d.keepBig(b)
}

// keepBig adds to the list of big accesses, in the place of one that is
// forgotten, or else of the oldest.
func (d *Detector) keepBig(b bigAccess) {
	m := &d.memory
	for j := range m.big {
		if m.big[j].clk == 0 {
			m.big[j] = b
			return
		}
	}
	if len(m.big) < maxBig {
		m.big = append(m.big, b)
		return
	}
	m.exact = false
	m.big[m.bigNext%maxBig] = b
	m.bigNext++
}

// checkBig checks an access to the bytes lo to hi against the big ones.
func (d *Detector) checkBig(lo, hi uint64, t int32, kind uint32, i int32) {
	m := &d.memory
	l := &d.order.lanes[t]
	for j := range m.big {
		b := &m.big[j]
		if b.clk == 0 || b.hi < lo || hi < b.lo {
			continue
		}
		u := b.meta >> laneShift
		if u == uint32(t) || int(u) < len(l.clock) && b.clk <= l.clock[u] {
			if lo <= b.lo && b.hi <= hi && b.meta&lowBits&^kind == 0 {
				b.clk = 0
			}
			continue
		}
		if both := b.meta | kind; both&write != 0 && both&plain != 0 {
			at := max(lo, b.lo)
			d.report(b.log, i, at>>3, 1<<(at&7))
		}
	}
}

// alloc forgets all about size bytes at addr.
func (d *Detector) alloc(addr, size uint64) {
	if size == 0 {
		return
	}
	m := &d.memory
	hi := last(addr, size)
	if hi>>3-addr>>3 < uint64(m.ncells) {
		for w := addr >> 3; w <= hi>>3; w++ {
			if c := m.find(w); c != nil {
				d.wipe(c, edge(w, addr, hi))
			}
		}
	} else {
		for n := range m.ncells {
			if c := m.cell(n); c.word >= addr>>3 && c.word <= hi>>3 {
				d.wipe(c, edge(c.word, addr, hi))
			}
		}
	}
	if m.bigLo <= hi && addr <= m.bigHi {
		d.cutBig(addr, hi)
	}
}

// cutBig takes the bytes lo to hi out of all big accesses.
func (d *Detector) cutBig(lo, hi uint64) {
	m := &d.memory
	for j, n := 0, len(m.big); j < n; j++ {
		b := &m.big[j]
		if b.clk == 0 || b.hi < lo || hi < b.lo {
			continue
		}
		switch {
		case lo <= b.lo && b.hi <= hi:
			b.clk = 0
		case lo <= b.lo:
			b.lo = hi + 1
		case b.hi <= hi:
			b.hi = lo - 1
		default:
			rest := *b
			rest.lo = hi + 1
			b.hi = lo - 1
			d.keepBig(rest)
		}
	}
}
