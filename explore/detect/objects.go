package detect

const (
	chunkBits = 10
	chunk     = 1 << chunkBits
	// maxItems bounds cells, objects and overflow entries, each.
	maxItems  = 1 << 20
	spareItem = maxItems - 1
)

// object is what a synchronisation object knows.
type object struct {
	addr  uint64
	next  int32 // in the list of its cell or of free objects; 0 ends it
	off   uint32
	n     int32 // length of the clock, 0 after it was made
	class uint8
	// by and at: the clock is exactly that of lane by in epoch at. Who knows
	// that epoch knows the whole clock, since a lane's clock only grows, and
	// need not join it. noLane when it is a join of several, or of a timer
	// function, whose lane starts anew with every firing.
	by int32
	at uint32
	// lost: there was no room for its clock, which went to the spare object,
	// and so does all that is released to it from then on.
	lost bool
}

type objects struct {
	chunks [maxItems / chunk]*[chunk]object
	n      int32 // objects in use or free, without the reserved number 0
	free   int32
	// spare: object spareItem is in use and stands for all objects that there
	// is no room for.
	spare bool
}

func (s *objects) reset() { s.n, s.free, s.spare = 0, 0, false }

func (s *objects) at(i int32) *object {
	return &s.chunks[uint32(i)>>chunkBits&(maxItems/chunk-1)][i&(chunk-1)]
}

// get returns the number of an unused object, or 0.
func (s *objects) get() int32 {
	if i := s.free; i != 0 {
		s.free = s.at(i).next
		return i
	}
	if s.n+1 >= spareItem {
		return 0
	}
	s.n++
	s.chunkOf(s.n)
	return s.n
}

// chunkOf makes sure that there is memory for object i.
func (s *objects) chunkOf(i int32) {
	if c := &s.chunks[i>>chunkBits]; *c == nil {
		*c = new([chunk]object)
	}
}

// findObject returns the object at addr, or nil if nobody ever released to it.
func (d *Detector) findObject(addr uint64) *object {
	if c := d.memory.find(addr >> 3); c != nil {
		for i := c.objects; i != 0; {
			s := d.objects.at(i)
			if s.addr == addr && s.n != 0 && !s.lost {
				return s
			}
			i = s.next
		}
	}
	if d.objects.spare {
		return d.objects.at(spareItem)
	}
	return nil
}

// objectAt returns the object at addr, made if need be, with room for n
// components. merged is true if it stands for others too. Once there is no room
// for something, no object is made any more: what was released to the spare one
// must not be missing from one that is made later.
func (d *Detector) objectAt(addr uint64, n int) (s *object, merged bool) {
	c := d.memory.at(addr >> 3)
	if c == nil {
		return d.spareObject()
	}
	for i := c.objects; i != 0; {
		s = d.objects.at(i)
		if s.addr == addr {
			if !s.lost && d.fit(s, n) {
				return s, false
			}
			return d.lose(s)
		}
		i = s.next
	}
	if d.objects.spare {
		return d.spareObject()
	}
	i := d.objects.get()
	if i == 0 {
		return d.spareObject()
	}
	s = d.objects.at(i)
	*s = object{addr: addr, next: c.objects, by: noLane}
	c.objects = i
	if !d.fit(s, n) {
		return d.lose(s)
	}
	return s, false
}

// lose gives up an object for which there is no room: the spare one learns what
// it knows.
func (d *Detector) lose(s *object) (*object, bool) {
	spare, merged := d.spareObject()
	if !s.lost {
		s.lost = true
		if s.n > 0 {
			d.mergeClock(spare, d.order.arena.words(s.off, int(s.n)))
		}
	}
	return spare, merged
}

// fit makes room for n components in the clock of s.
func (d *Detector) fit(s *object, n int) bool {
	class := classOf(n)
	if s.off != 0 && class <= s.class {
		return true
	}
	a := &d.order.arena
	off := a.get(class, arenaShared)
	if off == 0 {
		return false
	}
	if s.off != 0 {
		copy(a.words(off, int(s.n)), a.words(s.off, int(s.n)))
		a.put(s.off, s.class)
	}
	s.off, s.class = off, class
	return true
}

// spareObject returns the object that takes what does not fit. It only ever
// merges: all who release to it are ordered before all who acquire, which
// hides races and invents none.
func (d *Detector) spareObject() (*object, bool) {
	d.exact = false
	s := &d.objects
	if !s.spare {
		s.spare = true
		s.chunkOf(spareItem)
		// Out of the lanes' reserve, which has room for this one.
		class := classOf(maxLanes)
		*s.at(spareItem) = object{off: d.order.arena.get(class, arenaChunks), class: class, by: noLane}
	}
	return s.at(spareItem), true
}

// acquire orders lane t after what was released to addr.
func (d *Detector) acquire(t int32, addr uint64) {
	s := d.findObject(addr)
	if s == nil {
		return
	}
	if s.by >= 0 && int(s.by) < len(d.order.lanes[t].clock) && d.order.lanes[t].clock[s.by] >= s.at {
		return
	}
	d.order.join(t, d.order.arena.words(s.off, int(s.n)))
}

// release stores the clock of lane t at addr.
func (d *Detector) release(t int32, addr uint64) {
	clock := d.order.lanes[t].clock
	s, merged := d.objectAt(addr, len(clock))
	if merged {
		d.merge(s, t)
	} else {
		d.store(s, t)
	}
	d.order.step(t)
}

// store makes the clock of lane t that of s, which has room for it.
func (d *Detector) store(s *object, t int32) {
	l := &d.order.lanes[t]
	s.n = int32(copy(d.order.arena.words(s.off, len(l.clock)), l.clock))
	s.by, s.at = t, l.epoch
	if l.timer {
		s.by = noLane
	}
}

// merge joins the clock of lane t into s, which has room for it.
func (d *Detector) merge(s *object, t int32) { d.mergeClock(s, d.order.lanes[t].clock) }

func (d *Detector) mergeClock(s *object, clock []uint32) {
	words := d.order.arena.words(s.off, max(int(s.n), len(clock)))
	if len(clock) > int(s.n) {
		clear(words[s.n:])
		s.n = int32(len(clock))
	}
	for i, x := range clock {
		words[i] = max(words[i], x)
	}
	s.by = noLane
}

// releaseMerge joins the clock of lane t into the object at addr.
func (d *Detector) releaseMerge(t int32, addr uint64) {
	l := &d.order.lanes[t]
	s, merged := d.objectAt(addr, len(l.clock))
	if !merged && (s.n == 0 || s.by >= 0 && int(s.by) < len(l.clock) && l.clock[s.by] >= s.at) {
		d.store(s, t) // the join is the lane's clock
	} else {
		d.merge(s, t)
	}
	d.order.step(t)
}

// releaseAcquire swaps: the object gets the clock the lane had before it
// joined what the object had.
func (d *Detector) releaseAcquire(t int32, addr uint64) {
	o := &d.order
	s, merged := d.objectAt(addr, len(o.lanes[t].clock))
	if merged {
		d.merge(s, t)
		o.join(t, o.arena.words(s.off, int(s.n)))
		o.step(t)
		return
	}
	if s.n == 0 || s.by >= 0 && int(s.by) < len(o.lanes[t].clock) && o.lanes[t].clock[s.by] >= s.at {
		d.store(s, t)
		o.step(t)
		return
	}
	n := len(o.lanes[t].clock) // what the object gets
	old := int(s.n)
	o.grow(t, old)
	mine := o.lanes[t].clock
	words := o.arena.words(s.off, max(n, old))
	if n > old {
		clear(words[old:])
	}
	for i := range words {
		x := words[i]
		words[i] = mine[i]
		mine[i] = max(mine[i], x)
	}
	s.n = int32(n)
	s.by, s.at = t, o.lanes[t].epoch
	if o.lanes[t].timer {
		s.by = noLane
	}
	o.step(t)
}
