package freshmap

import (
	"hash/maphash"
	"math/bits"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// With a key of a word or a string and a value of a word or a pointer, the offsets
// in a group are constants, and what Load, Store and Delete mostly meet needs few
// instructions. Everything else is left to the general code.
//
// A slot begins with the word that is compared first: the key, or the hash of a
// string, whose header follows. The value comes last. Of which kind the keys are,
// the compiler knows by their size: other keys of the size of a string have no
// such layout.
const (
	textSize = 16 // of a string, where strings lie in their slots
	wordSlot = 16 // key, value
	textSlot = 32 // hash, string, value
)

// fastPath reports whether the map has such a layout, and hashes the keys itself.
func (m *Map[K, V]) fastPath() bool {
	return m.values <= valuePointer && (m.hashes == hashBits || m.keys == keyString && m.hashes == hashComparable)
}

// fastSize returns the size of the slots of such a layout, for keys of a size. The
// compiler knows it then, as it would not if a type were the argument.
func fastSize(key uintptr) uintptr {
	if key == textSize {
		return textSlot
	}
	return wordSlot
}

func fastGroupAt(b block, i, size uintptr) *group {
	return (*group)(unsafe.Pointer(uintptr(b)&^tagMask + i*(headFor(size)+slots*size)))
}

// fastSlotAt returns the slot of the lowest byte of a match.
func fastSlotAt(g *group, match uint64, size uintptr) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(g), headFor(size)+uintptr(bits.TrailingZeros64(match)&^7)*(size/8))
}

func fastCell(slot unsafe.Pointer, size uintptr) unsafe.Pointer { return unsafe.Add(slot, size-8) }

// A header is what a string is in a slot.
type header struct {
	data   unsafe.Pointer
	length uint64
}

// headerAt reads the header of the string in a slot. Its words are read one after the
// other; as a string it is only to be looked at when they belong together.
func headerAt(slot unsafe.Pointer) (data unsafe.Pointer, length uint64) {
	return atomic.LoadPointer((*unsafe.Pointer)(unsafe.Add(slot, 8))), atomic.LoadUint64((*uint64)(unsafe.Add(slot, 16)))
}

func sameText[K comparable](data unsafe.Pointer, length uint64, key K) bool {
	k := *(*string)(unsafe.Pointer(&key))
	if n := uintptr(len(k)); isShort(n) {
		return uintptr(length) == n && differ(data, unsafe.Pointer(unsafe.StringData(k)), n) == 0
	}
	text := header{data, length}
	return *(*K)(unsafe.Pointer(&text)) == key
}

// isShort reports whether strings of a length are compared here, in words that may
// overlap: the call of the runtime's comparison costs more than that.
func isShort(n uintptr) bool { return unaligned && n-8 <= 24 }

// unaligned says that words may be read at any address.
const unaligned = runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64" || runtime.GOARCH == "ppc64le" || runtime.GOARCH == "s390x"

// differ returns the bits in which some of the n bytes at two addresses differ, or 0
// if they are the same. There are 8 of them at least.
func differ(a, b unsafe.Pointer, n uintptr) uint64 {
	d := wordAt(a, n-8) ^ wordAt(b, n-8)
	for i := uintptr(0); i < n-8; i += 8 {
		d |= wordAt(a, i) ^ wordAt(b, i)
	}
	return d
}

func wordAt(p unsafe.Pointer, i uintptr) uint64 { return *(*uint64)(unsafe.Add(p, i)) }

// textIn reports whether the key in a slot, whose hash it has, is a string. The
// caller holds the stripe.
func textIn[K comparable](slot unsafe.Pointer, key K) bool {
	data, length := headerAt(slot)
	return sameText(data, length, key)
}

// lockFast locks the stripe of a hash whose block was found under a root, or
// returns nil if that needs more, or if the block was not there.
func (m *Map[K, V]) lockFast(b block, h uint64) *stripe {
	if b == nil {
		return nil
	}
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

// storeFast is Store for such a layout or, if it is not to overwrite, LoadOrStore of
// a key that seemed to be absent. It is quick if the key is in its home group, or
// absent and its home group has a free slot.
func (m *Map[K, V]) storeFast(root unsafe.Pointer, key K, value V, overwrite bool) (actual V, loaded bool) {
	size := fastSize(unsafe.Sizeof(key))
	h, first := uint64(0), wordOf(key)
	if unsafe.Sizeof(key) == textSize {
		h = maphash.Comparable(m.seed, key)
		first = h
	} else {
		h = mix(first, m.secret)
	}
	b := blockUnder(root, h)
	st := m.lockFast(b, h)
	if st == nil {
		g := m.holdHashed(key, h, first, true)
		return g.put(value, overwrite)
	}
	g := fastGroupAt(b, homeOf(b, h), size)
	ctrl := atomic.LoadUint64(&g.ctrl)
	for match := matching(ctrl, tagOf(h)); match != 0; match &= match - 1 {
		slot := fastSlotAt(g, match, size)
		if atomic.LoadUint64((*uint64)(slot)) == first && (unsafe.Sizeof(key) != textSize || textIn(slot, key)) {
			if overwrite {
				m.setFast(fastCell(slot, size), value)
			} else {
				actual, loaded = m.valueIn(fastCell(slot, size)), true
			}
			st.unlock(0)
			m.help()
			return actual, loaded
		}
	}
	unused := free(ctrl)
	if goesOn(ctrl, h) || unused == 0 {
		g := m.grip(st, b, key, h, first, true)
		return g.put(value, overwrite)
	}
	slot := fastSlotAt(g, unused, size)
	switch {
	case unsafe.Sizeof(key) == textSize:
		setText(slot, *(*string)(unsafe.Pointer(&key)), h)
	case m.keys == keyWord:
		atomic.StoreUint64((*uint64)(slot), first)
	default:
		m.setKey(slot, key, h, first)
	}
	m.setFast(fastCell(slot, size), value)
	atomic.StoreUint64(&g.ctrl, ctrl|tagOf(h)<<(uint(bits.TrailingZeros64(unused))&^7&63))
	st.unlock(1)
	m.help()
	return value, false
}

// setFast is setValue without a call where the value is a word.
func (m *Map[K, V]) setFast(cell unsafe.Pointer, value V) {
	if m.values == valueWord && unsafe.Sizeof(value) == 8 {
		atomic.StoreUint64((*uint64)(cell), *(*uint64)(unsafe.Pointer(&value)))
	} else {
		m.setValue(cell, value)
	}
}

// deleteFast is LoadAndDelete for such a layout, or Delete if the value is not
// wanted. It is quick if the key is in its home group, or absent and no entry has
// passed that. It looks without a lock first, as Load does: a key that is absent
// needs none.
func (m *Map[K, V]) deleteFast(root unsafe.Pointer, key K, wanted bool) (value V, loaded bool) {
	size := fastSize(unsafe.Sizeof(key))
	h, first := uint64(0), wordOf(key)
	if unsafe.Sizeof(key) == textSize {
		h = maphash.Comparable(m.seed, key)
		first = h
	} else {
		h = mix(first, m.secret)
	}
	b := blockUnder(root, h)
	if b == nil {
		return m.deleteHashed(key, h, first)
	}
	g := fastGroupAt(b, homeOf(b, h), size)
	version := atomic.LoadUint64(&g.version)
	ctrl := atomic.LoadUint64(&g.ctrl)
	match := matching(ctrl, tagOf(h))
	maybe := match != 0
	for match != 0 && atomic.LoadUint64((*uint64)(fastSlotAt(g, match, size))) != first {
		match &= match - 1
	}
	if match == 0 {
		if goesOn(ctrl, h) || maybe && atomic.LoadUint64(&g.version) != version {
			return m.deleteHashed(key, h, first)
		}
		return value, false
	}
	st := m.lockFast(b, h)
	if st == nil {
		return m.deleteHashed(key, h, first)
	}
	ctrl = atomic.LoadUint64(&g.ctrl)
	for match = matching(ctrl, tagOf(h)); match != 0; match &= match - 1 {
		slot := fastSlotAt(g, match, size)
		if atomic.LoadUint64((*uint64)(slot)) == first && (unsafe.Sizeof(key) != textSize || textIn(slot, key)) {
			if wanted {
				value = m.valueIn(fastCell(slot, size))
			}
			atomic.StoreUint64(&g.ctrl, ctrl&^(0xff<<(uint(bits.TrailingZeros64(match))&^7&63)))
			atomic.StoreUint64(&g.version, g.version+1)
			if unsafe.Sizeof(key) != textSize && m.pointers == 0 {
				atomic.StoreUint64((*uint64)(slot), 0)
				atomic.StoreUint64((*uint64)(fastCell(slot, size)), 0)
			} else {
				m.clearFast(slot)
			}
			m.thin(g, h, st)
			st.unlock(-1)
			m.help()
			return value, true
		}
	}
	st.unlock(0)
	return m.deleteHashed(key, h, first)
}

// erase zeroes a slot under the eyes of readers, who find out by the version.
func (m *Map[K, V]) erase(slot unsafe.Pointer) {
	if m.fastPath() {
		m.clearFast(slot)
	} else {
		m.clearSlot(slot)
	}
}

// clearFast is clearSlot for such a layout.
func (m *Map[K, V]) clearFast(slot unsafe.Pointer) {
	var key K
	size := fastSize(unsafe.Sizeof(key))
	switch {
	case unsafe.Sizeof(key) == textSize:
		setText(slot, "", 0)
	case m.keys == keyWord:
		atomic.StoreUint64((*uint64)(slot), 0)
	default:
		atomic.StorePointer((*unsafe.Pointer)(slot), nil)
	}
	if cell := fastCell(slot, size); m.values == valueWord {
		atomic.StoreUint64((*uint64)(cell), 0)
	} else {
		atomic.StorePointer((*unsafe.Pointer)(cell), nil)
	}
}

// copyFast is copySlot for such a layout.
func (m *Map[K, V]) copyFast(to, from unsafe.Pointer) {
	var key K
	size := fastSize(unsafe.Sizeof(key))
	type text struct {
		hash uint64
		key  string
	}
	switch {
	case unsafe.Sizeof(key) == textSize:
		*(*text)(to) = *(*text)(from)
	case m.keys == keyWord:
		*(*uint64)(to) = *(*uint64)(from)
	default:
		*(*unsafe.Pointer)(to) = *(*unsafe.Pointer)(from)
	}
	if to, from := fastCell(to, size), fastCell(from, size); m.values == valueWord {
		*(*uint64)(to) = *(*uint64)(from)
	} else {
		*(*unsafe.Pointer)(to) = *(*unsafe.Pointer)(from)
	}
}

// moveFast copies the slots of a block into one of two that no reader can reach
// yet, by a bit of their hashes. Both have room for all that they get.
func (m *Map[K, V]) moveFast(from block, hashes []uint64, into [2]block, bit uint) {
	var key K
	size := fastSize(unsafe.Sizeof(key))
	next := 0
	for i := range groupsIn(from) {
		g := fastGroupAt(from, i, size)
		for u := used(atomic.LoadUint64(&g.ctrl)); u != 0; u &= u - 1 {
			h := hashes[next]
			next++
			b := into[h>>bit&1]
			home := fastGroupAt(b, homeOf(b, h), size)
			unused := free(home.ctrl)
			if unused == 0 {
				at, distance := m.vacancy(b, h)
				m.pass(b, h, distance)
				home, unused = at.group, 0x80<<(8*at.index)
			}
			home.ctrl |= tagOf(h) << (uint(bits.TrailingZeros64(unused)) &^ 7 & 63)
			m.copyFast(fastSlotAt(home, unused, size), fastSlotAt(g, u, size))
		}
	}
}

// hashesFast appends the hashes of the slots of a block.
func (m *Map[K, V]) hashesFast(b block, hashes []uint64) []uint64 {
	var key K
	size := fastSize(unsafe.Sizeof(key))
	for i := range groupsIn(b) {
		g := fastGroupAt(b, i, size)
		for u := used(atomic.LoadUint64(&g.ctrl)); u != 0; u &= u - 1 {
			h := atomic.LoadUint64((*uint64)(fastSlotAt(g, u, size)))
			if unsafe.Sizeof(key) != textSize {
				h = mix(h, m.secret)
			}
			hashes = append(hashes, h)
		}
	}
	return hashes
}
