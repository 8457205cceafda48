package freshmap

import (
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// The control word of a group: bytes 0 to 6 hold the tags of the slots, 1 to
// 127, or 0 for a free slot. Byte 7 says which entries passed the group because
// it was full: it has the way bits of all of them. A search ends at a group that
// lacks its way bit.
//
// A group that was moved and erased has all way bits, so that each search goes
// on, and then the top bit of its version, which tells it to begin again.
const (
	tagBytes   = 0x00ffffffffffffff
	eachTag    = 0x0001010101010101
	topOfTags  = 0x0080808080808080
	restOfTags = 0x007f7f7f7f7f7f7f
	allWays    = 0xff << 56
	moved      = 1 << 63 // of a version
)

// way returns which way bit a hash has.
func way(h uint64) uint64 { return (h>>32 | 56) & 63 }

// goesOn reports whether a search for a hash goes on behind a group.
func goesOn(ctrl, h uint64) bool { return ctrl>>way(h)&1 != 0 }

// tagOf returns seven bits of a hash, but never 0.
func tagOf(h uint64) uint64 {
	t := h & 0x7f
	if t == 0 {
		t = 1
	}
	return t
}

// matching returns 0x80 in exactly those bytes that hold the tag: no tag is
// above 127, so no difference borrows from the byte above it.
func matching(ctrl, tag uint64) uint64 {
	return (topOfTags - (ctrl ^ tag*eachTag)) & topOfTags
}

func free(ctrl uint64) uint64 { return (topOfTags - ctrl&tagBytes) & topOfTags }
func used(ctrl uint64) uint64 { return (ctrl&tagBytes + restOfTags) & topOfTags }

// slotOf returns the index that the lowest byte of a match stands for.
func slotOf(match uint64) uint { return uint(bits.TrailingZeros64(match)) >> 3 }

// A segment holds the entries whose hashes begin with its prefix. It describes
// its block, which is replaced together with it: a segment is never changed
// apart from its slots and from the segment that follows it.
type segment struct {
	block  block
	prefix uint64 // the common bits, from the top
	depth  uint8  // how many they are
	born   uint64 // the epoch in which it was made

	// next has what this segment has no room for, and is nil unless splitting
	// does not help because the hashes are equal.
	next atomic.Pointer[segment]

	// before are the segments that open snapshots need in place of this one.
	before []*version
}

// covers reports whether entries with this hash belong to the segment.
func (s *segment) covers(h uint64) bool { return (h^s.prefix)>>(64-s.depth) == 0 }

// end returns the first hash behind the segment, or 0 behind the last one.
func (s *segment) end() uint64 { return s.prefix + 1<<(64-s.depth) }

// A place is a slot and the group that it belongs to.
type place struct {
	group *group
	index uint
}

// find returns the place of a key in the segment, with the group nil if it has
// none. The caller holds the stripe.
func (m *Map[K, V]) find(b block, key K, h, w uint64) place {
	var s *segment
	tag := tagOf(h)
	for {
		n := groupsIn(b)
		for i, left := homeOf(b, h), n; left > 0; left-- {
			g := m.groupAt(b, i)
			ctrl := atomic.LoadUint64(&g.ctrl)
			for match := matching(ctrl, tag); match != 0; match &= match - 1 {
				index := slotOf(match)
				if m.compare(g, g.version, m.slotAt(g, index), key, h, w) == same {
					return place{g, index}
				}
			}
			if !goesOn(ctrl, h) {
				return place{}
			}
			if i++; i == n {
				i = 0
			}
		}
		if s == nil {
			s = m.segmentOf(h)
		}
		if s = s.next.Load(); s == nil {
			return place{}
		}
		b = s.block
	}
}

// vacancy returns the first free slot on the search of a hash, and how many
// groups lie before it. Its group is nil if there is none.
func (m *Map[K, V]) vacancy(b block, h uint64) (place, uintptr) {
	n := groupsIn(b)
	i := homeOf(b, h)
	for distance := range n {
		g := m.groupAt(b, i)
		if f := free(atomic.LoadUint64(&g.ctrl)); f != 0 {
			return place{g, slotOf(f)}, distance
		}
		if i++; i == n {
			i = 0
		}
	}
	return place{}, n
}

// pass sets the way bit of a hash in the first groups of its search.
func (m *Map[K, V]) pass(b block, h uint64, groups uintptr) {
	n := groupsIn(b)
	i := homeOf(b, h)
	for range groups {
		g := m.groupAt(b, i)
		if ctrl := atomic.LoadUint64(&g.ctrl); !goesOn(ctrl, h) {
			atomic.StoreUint64(&g.ctrl, ctrl|1<<way(h))
		}
		if i++; i == n {
			i = 0
		}
	}
}

// unpass takes those way bits back that no entry needs any more, from the first
// groups of the search of a hash.
func (m *Map[K, V]) unpass(b block, h uint64, groups uintptr) {
	n := groupsIn(b)
	i := homeOf(b, h)
	for range groups {
		g := m.groupAt(b, i)
		ctrl := atomic.LoadUint64(&g.ctrl)
		if ways := m.waysPast(b, i); ways != ctrl&allWays {
			atomic.StoreUint64(&g.ctrl, ctrl&tagBytes|ways)
		}
		if i++; i == n {
			i = 0
		}
	}
}

// waysPast returns the way bits of the entries behind a group that have passed
// it.
func (m *Map[K, V]) waysPast(b block, i uintptr) (ways uint64) {
	n := groupsIn(b)
	for distance, j := uintptr(1), i+1; distance < n; distance, j = distance+1, j+1 {
		if j == n {
			j = 0
		}
		g := m.groupAt(b, j)
		ctrl := atomic.LoadUint64(&g.ctrl)
		for u := used(ctrl); u != 0; u &= u - 1 {
			h := m.hashOf(m.slotAt(g, slotOf(u)))
			if (j+n-homeOf(b, h))%n >= distance {
				ways |= 1 << way(h)
			}
		}
		if ctrl&allWays == 0 {
			break
		}
	}
	return ways
}

// fill writes an entry into a free slot and shows it to readers. The way there
// has been marked before: a reader that passed too early for that has missed an
// entry that was not there yet.
func (m *Map[K, V]) fill(at place, key K, h, w uint64, value V) {
	slot := m.slotAt(at.group, at.index)
	m.setKey(slot, key, h, w)
	m.setValue(m.valueAt(slot), value)
	ctrl := atomic.LoadUint64(&at.group.ctrl)
	atomic.StoreUint64(&at.group.ctrl, ctrl|tagOf(h)<<(8*at.index))
}

// vacate hides a slot from readers and zeroes it. The version grows between
// the two, so that a reader who saw the tag and then the zeroes looks again.
func (m *Map[K, V]) vacate(at place) {
	ctrl := atomic.LoadUint64(&at.group.ctrl)
	atomic.StoreUint64(&at.group.ctrl, ctrl&^(0xff<<(8*at.index)))
	atomic.StoreUint64(&at.group.version, at.group.version+1)
	m.erase(m.slotAt(at.group, at.index))
}

// roomIn is how many entries so many groups take before a full group is reason
// to look for more room.
func roomIn(groups uintptr) int { return int(groups) * slots * 13 / 16 }

// crowded reports whether the next entry of a hash should find more room than
// the block has: its home group is full, and so are most others.
func (m *Map[K, V]) crowded(b block, h uint64) bool {
	home := m.groupAt(b, homeOf(b, h))
	return free(atomic.LoadUint64(&home.ctrl)) == 0 && m.live(b) >= roomIn(groupsIn(b))
}

// insert adds an entry whose key the segment does not have.
func (m *Map[K, V]) insert(b block, key K, h, w uint64, value V) {
	m.fill(m.claim(nil, b, h), key, h, w, value)
}

// claim returns a free slot for an entry of a segment, and marks the way to it
// past full groups. The segment may be nil if it is the current one.
func (m *Map[K, V]) claim(s *segment, b block, h uint64) place {
	at, distance := m.vacancy(b, h)
	for at.group == nil {
		m.pass(b, h, distance)
		if s == nil {
			s = m.segmentOf(h)
		}
		s = m.following(s)
		b = s.block
		at, distance = m.vacancy(b, h)
	}
	m.pass(b, h, distance)
	return at
}

// remove takes out the entry at a place, which find has returned for its hash.
// In a segment that is followed by another, and in that, way bits stay.
func (m *Map[K, V]) remove(b block, h uint64, at place) {
	m.vacate(at)
	if m.groupAt(b, homeOf(b, h)) == at.group || m.segmentOf(h).next.Load() != nil {
		return
	}
	n := groupsIn(b)
	distance := uintptr(1)
	for m.groupAt(b, (homeOf(b, h)+distance)%n) != at.group {
		distance++
	}
	m.unpass(b, h, distance)
}

// live counts the entries of a block.
func (m *Map[K, V]) live(b block) (n int) {
	for i := range groupsIn(b) {
		n += bits.OnesCount64(used(atomic.LoadUint64(&m.groupAt(b, i).ctrl)))
	}
	return n
}

// adopt copies a slot of another segment into one that no reader can reach yet.
func (m *Map[K, V]) adopt(s *segment, h uint64, slot unsafe.Pointer) {
	at := m.claim(s, s.block, h)
	m.copySlot(m.slotAt(at.group, at.index), slot)
	at.group.ctrl |= tagOf(h) << (8 * at.index)
}

// following returns the segment that has what s has no room for.
func (m *Map[K, V]) following(s *segment) *segment {
	next := s.next.Load()
	if next == nil {
		next = m.take(1, s.prefix, s.depth)
		s.next.Store(next)
	}
	return next
}

// newSegment returns an empty segment with room for the number of entries,
// unless that is more than any segment has room for.
func (m *Map[K, V]) newSegment(prefix uint64, depth uint8, entries int) *segment {
	size := 0
	if entries > roomIn(smallGroups) {
		size = 1
	}
	return m.take(size, prefix, depth)
}
