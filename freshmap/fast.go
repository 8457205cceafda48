package freshmap

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// With a key of a word and a value of a word or a pointer, the offsets in a
// group are constants, and what Load, Store and Delete mostly meet needs few
// instructions. Everything else is left to the general code.
const (
	fastKey   = 8
	fastSlots = 16
	fastGroup = groupHeader + slots*fastSlots

	// The same for strings: hash, header, value.
	textKey   = 8
	textValue = 24
	textSlots = 32
	textGroup = groupHeader + slots*textSlots
)

// fastPath reports whether the map has such a layout, and hashes the words
// itself.
func (m *Map[K, V]) fastPath() bool {
	return m.keys <= keyPointer && m.values <= valuePointer && m.hashes == hashBits
}

func fastGroupAt(b block, i uintptr) *group {
	return (*group)(unsafe.Pointer(uintptr(b)&^tagMask + i*fastGroup))
}

// fastSlotAt returns the slot of the lowest byte of a match.
func fastSlotAt(g *group, match uint64) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(g), groupHeader+uintptr(bits.TrailingZeros64(match)&^7)*(fastSlots/8))
}

// hashText returns the hash of a string. maphash.Comparable has fewer checks and
// calls around the same hash than maphash.String.
func (m *Map[K, V]) hashText(k string) uint64 { return maphash.Comparable(m.seed, k) }

// loadString is Load for strings with values of a word or a pointer: what lookUp,
// compare and valueIn do, in one loop with constant offsets. Others it leaves to
// them.
func (m *Map[K, V]) loadString(key K) (value V, ok bool) {
	root := atomic.LoadPointer(&m.root)
	if root == nil || m.hashes != hashString || m.values > valuePointer {
		return m.loadOther(key)
	}
	k := *(*string)(unsafe.Pointer(&key))
	h := m.hashText(k)
	b := blockUnder(root, h)
	if b == nil {
		return m.loadOther(key)
	}
	for i := homeOf(b, h); ; {
		g := (*group)(unsafe.Pointer(uintptr(b)&^tagMask + i*textGroup))
		version := atomic.LoadUint64(&g.version)
		ctrl := atomic.LoadUint64(&g.ctrl)
		for match := matching(ctrl, tagOf(h)); match != 0; match &= match - 1 {
			slot := unsafe.Add(unsafe.Pointer(g), groupHeader+uintptr(bits.TrailingZeros64(match)&^7)*(textSlots/8))
			if atomic.LoadUint64((*uint64)(slot)) != h {
				if atomic.LoadUint64(&g.version) != version {
					return m.loadMore(b, key, h, 0)
				}
				continue
			}
			data := atomic.LoadPointer((*unsafe.Pointer)(unsafe.Add(slot, textKey)))
			length := atomic.LoadUint64((*uint64)(unsafe.Add(slot, textKey+8)))
			if atomic.LoadUint64(&g.version) != version {
				return m.loadMore(b, key, h, 0)
			}
			if unsafe.String((*byte)(data), int(length)) != k {
				continue
			}
			cell := unsafe.Add(slot, textValue)
			if m.values == valueWord && unsafe.Sizeof(value) <= 8 {
				bits := atomic.LoadUint64((*uint64)(cell))
				value = *(*V)(unsafe.Pointer(&bits))
			} else {
				value = m.valueIn(cell)
			}
			if atomic.LoadUint64(&g.version) != version {
				return m.loadMore(b, key, h, 0)
			}
			return value, true
		}
		if !goesOn(ctrl, h) {
			return value, false
		}
		if i++; i >= groupsIn(b) || atomic.LoadUint64(&g.version) >= moved {
			return m.loadMore(b, key, h, 0)
		}
	}
}

// lockFast locks the stripe of a hash whose block was found under a root, or
// returns nil if that needs more.
func (m *Map[K, V]) lockFast(b block, h uint64) *stripe {
	st := m.stripeOf(b, h)
	if !st.tryLock() {
		st.lockSlow()
	}
	if blockUnder(atomic.LoadPointer(&m.fast), h) != b || m.cow.Load() != 0 {
		st.unlock(0)
		return nil
	}
	return st
}

// storeFast stores if the key is in its home group, or absent and its home
// group has a free slot.
func (m *Map[K, V]) storeFast(root unsafe.Pointer, key K, value V) bool {
	w := wordOf(key)
	h := mix(w, m.secret)
	b := blockUnder(root, h)
	if b == nil {
		return false
	}
	st := m.lockFast(b, h)
	if st == nil {
		return false
	}
	g := fastGroupAt(b, homeOf(b, h))
	ctrl := atomic.LoadUint64(&g.ctrl)
	for match := matching(ctrl, tagOf(h)); match != 0; match &= match - 1 {
		slot := fastSlotAt(g, match)
		if atomic.LoadUint64((*uint64)(slot)) == w {
			m.setFast(unsafe.Add(slot, fastKey), value)
			st.unlock(0)
			m.help()
			return true
		}
	}
	unused := free(ctrl)
	if goesOn(ctrl, h) || unused == 0 {
		st.unlock(0)
		return false
	}
	slot := fastSlotAt(g, unused)
	if m.keys == keyWord {
		atomic.StoreUint64((*uint64)(slot), w)
	} else {
		m.setKey(slot, key, h, w)
	}
	m.setFast(unsafe.Add(slot, fastKey), value)
	atomic.StoreUint64(&g.ctrl, ctrl|tagOf(h)<<(uint(bits.TrailingZeros64(unused))&^7&63))
	st.unlock(1)
	m.help()
	return true
}

// setFast is setValue without a call where the value is a word.
func (m *Map[K, V]) setFast(cell unsafe.Pointer, value V) {
	if m.values == valueWord && unsafe.Sizeof(value) == 8 {
		atomic.StoreUint64((*uint64)(cell), *(*uint64)(unsafe.Pointer(&value)))
	} else {
		m.setValue(cell, value)
	}
}

// deleteFast deletes if the key is in its home group, or absent and no entry
// has passed that. It looks without a lock first, as Load does: a key that is
// absent needs none.
func (m *Map[K, V]) deleteFast(root unsafe.Pointer, key K) bool {
	w := wordOf(key)
	h := mix(w, m.secret)
	b := blockUnder(root, h)
	if b == nil {
		return false
	}
	g := fastGroupAt(b, homeOf(b, h))
	version := atomic.LoadUint64(&g.version)
	ctrl := atomic.LoadUint64(&g.ctrl)
	if slot, _ := findFast(g, ctrl, h, w); slot == nil {
		return !goesOn(ctrl, h) && (matching(ctrl, tagOf(h)) == 0 || atomic.LoadUint64(&g.version) == version)
	}
	st := m.lockFast(b, h)
	if st == nil {
		return false
	}
	ctrl = atomic.LoadUint64(&g.ctrl)
	slot, match := findFast(g, ctrl, h, w)
	if slot == nil {
		st.unlock(0)
		return !goesOn(ctrl, h)
	}
	if m.pointers == 0 {
		ctrl &^= 0xff << (uint(bits.TrailingZeros64(match)) &^ 7 & 63)
		atomic.StoreUint64(&g.ctrl, ctrl)
		atomic.StoreUint64(&g.version, g.version+1)
		atomic.StoreUint64((*uint64)(slot), 0)
		atomic.StoreUint64((*uint64)(unsafe.Add(slot, fastKey)), 0)
	} else {
		m.vacate(place{g, slotOf(match)})
	}
	m.thin(g, h, st)
	st.unlock(-1)
	m.help()
	return true
}

// findFast searches the home group of a word, whose control word it gets. It
// returns the slot and its bit in a match, or no slot.
func findFast(g *group, ctrl, h, w uint64) (slot unsafe.Pointer, match uint64) {
	for match = matching(ctrl, tagOf(h)); match != 0; match &= match - 1 {
		if slot = fastSlotAt(g, match); atomic.LoadUint64((*uint64)(slot)) == w {
			return slot, match
		}
	}
	return nil, 0
}

// moveFast copies the slots of a block into one of two that no reader can reach
// yet, by a bit of their hashes. Both have room for all that they get.
func (m *Map[K, V]) moveFast(from block, hashes []uint64, into [2]block, bit uint) {
	next := 0
	for i := range groupsIn(from) {
		g := fastGroupAt(from, i)
		for u := used(atomic.LoadUint64(&g.ctrl)); u != 0; u &= u - 1 {
			slot, h := fastSlotAt(g, u), hashes[next]
			next++
			b := into[h>>bit&1]
			home := fastGroupAt(b, homeOf(b, h))
			unused := free(home.ctrl)
			if unused == 0 {
				at, distance := m.vacancy(b, h)
				m.pass(b, h, distance)
				home, unused = at.group, 0x80<<(8*at.index)
			}
			home.ctrl |= tagOf(h) << (uint(bits.TrailingZeros64(unused)) &^ 7 & 63)
			to := fastSlotAt(home, unused)
			if m.pointers == 0 {
				*(*[2]uint64)(to) = *(*[2]uint64)(slot)
			} else {
				m.copySlot(to, slot)
			}
		}
	}
}

// hashFast appends the hashes of the slots of a block.
func (m *Map[K, V]) hashFast(b block, hashes []uint64) []uint64 {
	for i := range groupsIn(b) {
		g := fastGroupAt(b, i)
		for u := used(atomic.LoadUint64(&g.ctrl)); u != 0; u &= u - 1 {
			w := atomic.LoadUint64((*uint64)(fastSlotAt(g, u)))
			hashes = append(hashes, mix(w, m.secret))
		}
	}
	return hashes
}
