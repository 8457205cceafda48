package freshmap

import (
	"iter"
	"sync/atomic"
	"unsafe"
)

type entry[K comparable, V any] struct {
	key   K
	value V
}

// Range calls f for entries of the map until f returns false. A key that is
// there during the whole call is visited exactly once, one that is there for a
// part of it at most once. Each value was its key's at some moment during the
// call, but not all of them at the same: [Map.Snapshot] has them so. f may use
// the map as it likes.
//
// Range copies one segment at a time. It takes no lock unless writers keep
// changing the segment that it looks at; then it locks that one's stripe for
// the time of the copy (TestRange).
func (m *Map[K, V]) Range(f func(K, V) bool) {
	if atomic.LoadPointer(&m.root) == nil {
		return
	}
	// What has been copied does not stay behind (nor do equal hashes in such
	// numbers that the buffer grows happen by chance).
	copied := make([]entry[K, V], 0, wideGroups*slots)
	defer func() { clear(copied[:cap(copied)]) }()
	for at := uint64(0); ; {
		// A copy is made of one segment of the moment; what it covers, no later
		// one gives again.
		s := m.segmentOf(at)
		for try := 0; ; try++ {
			var whole bool
			if try < 4 {
				copied, whole = m.copyEntries(copied[:0], s, at)
			} else {
				copied, s, whole = m.copyLocked(copied[:0], at)
			}
			// While Clear replaces the directory, Load may still see what Range does
			// not see any more.
			if whole && m.blockOf(at) == s.block {
				break
			}
			s = m.segmentOf(at)
		}
		for i := range copied {
			if !f(copied[i].key, copied[i].value) {
				return
			}
		}
		if at = s.end(); at == 0 {
			return
		}
	}
}

// copyEntries copies the entries of a segment, and reports whether it had all
// these keys, and no other, at one moment: none was added or removed between the
// first look at its groups and the second. It leaves out hashes below from: what
// is now one segment may have been visited in part when it was two.
func (m *Map[K, V]) copyEntries(to []entry[K, V], s *segment, from uint64) ([]entry[K, V], bool) {
	type seen struct{ version, ctrl uint64 }
	var scratch [wideGroups]seen
	looks := scratch[:0]
	for part := s; part != nil; part = part.next.Load() {
		for i := range groupsIn(part.block) {
			g := m.groupAt(part.block, i)
			look := seen{version: atomic.LoadUint64(&g.version)}
			look.ctrl = atomic.LoadUint64(&g.ctrl)
			if look.version >= moved {
				return to, false
			}
			looks = append(looks, look)
			for u := used(look.ctrl); u != 0; u &= u - 1 {
				slot := m.slotAt(g, slotOf(u))
				key, ok := m.keyIn(slot)
				value := m.valueIn(m.valueAt(slot))
				if !ok || atomic.LoadUint64(&g.version) != look.version {
					return to, false
				}
				if s.prefix < from {
					h := m.hashOfKey(slot, key)
					if atomic.LoadUint64(&g.version) != look.version {
						return to, false
					}
					if h < from {
						continue
					}
				}
				to = append(to, entry[K, V]{key, value})
			}
		}
	}
	for part := s; part != nil; part = part.next.Load() {
		for i := range groupsIn(part.block) {
			g := m.groupAt(part.block, i)
			if len(looks) == 0 || atomic.LoadUint64(&g.version) != looks[0].version || atomic.LoadUint64(&g.ctrl) != looks[0].ctrl {
				return to, false
			}
			looks = looks[1:]
		}
	}
	return to, true
}

// hashOfKey is hashOf for a key that was copied out of its slot: the function of
// WithHasher must not see what is left of a slot that is being cleared. A boxed
// key keeps its hash, as NaN gets another one each time.
func (m *Map[K, V]) hashOfKey(slot unsafe.Pointer, key K) uint64 {
	if m.keys <= keyPointer {
		h, _ := m.hash(key)
		return h
	}
	return m.hashOf(slot)
}

// copyLocked is copyEntries for the segment of a hash, with its stripe held.
func (m *Map[K, V]) copyLocked(to []entry[K, V], h uint64) ([]entry[K, V], *segment, bool) {
	st, _ := m.lock(h)
	defer st.unlock(0)
	s := m.segmentOf(h)
	to, whole := m.copyEntries(to, s, h)
	return to, s, whole
}

// All returns an iterator over the entries, with the guarantees of Range.
func (m *Map[K, V]) All() iter.Seq2[K, V] { return m.Range }

// Keys returns an iterator over the keys, with the guarantees of Range.
func (m *Map[K, V]) Keys() iter.Seq[K] { return keys(m.All()) }

// Values returns an iterator over the values, with the guarantees of Range.
func (m *Map[K, V]) Values() iter.Seq[V] { return values(m.All()) }
