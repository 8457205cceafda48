package freshmap

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// hashKind says how keys are hashed.
type hashKind uint8

const (
	hashBits hashKind = iota // multiply the word
	hashComparable
	hashGiven // by the caller's function, mixed afterwards
)

// mix multiplies a key, hidden by a secret word, with the golden ratio in 64 bits
// and folds the product, as the last step of wyhash does (Wang Yi, 2019). The
// upper bits choose the segment, the middle ones the group and the lower ones
// the tag. Regular keys spread as evenly as random ones or better, whatever the
// secret; with a random multiplier one secret in a hundred was bad for them
// (TestMix). It is no defence against somebody who can guess the secret from
// how long operations take.
func mix(w, secret uint64) uint64 {
	hi, lo := bits.Mul64(w^secret, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

// wordOf returns the bits of a key of up to eight bytes, and nothing of use for
// other keys.
func wordOf[K comparable](key K) (w uint64) {
	switch unsafe.Sizeof(key) {
	case 8:
		return *(*uint64)(unsafe.Pointer(&key))
	case 4:
		return uint64(*(*uint32)(unsafe.Pointer(&key)))
	case 2:
		return uint64(*(*uint16)(unsafe.Pointer(&key)))
	case 1:
		return uint64(*(*uint8)(unsafe.Pointer(&key)))
	case 3, 5, 6, 7:
		*(*K)(unsafe.Pointer(&w)) = key
	}
	return w
}

// keyOf undoes wordOf.
func keyOf[K comparable](w uint64) (key K) {
	switch unsafe.Sizeof(key) {
	case 4:
		u := uint32(w)
		return *(*K)(unsafe.Pointer(&u))
	case 2:
		u := uint16(w)
		return *(*K)(unsafe.Pointer(&u))
	case 1:
		u := uint8(w)
		return *(*K)(unsafe.Pointer(&u))
	case 3, 5, 6, 7, 8:
		return *(*K)(unsafe.Pointer(&w))
	}
	return key
}

// hash returns the hash of a key, and its bits if it is a word or a pointer.
func (m *Map[K, V]) hash(key K) (h, w uint64) {
	if m.hashes == hashBits {
		w = wordOf(key)
		return mix(w, m.secret), w
	}
	return m.hashSlow(key)
}

func (m *Map[K, V]) hashSlow(key K) (h, w uint64) {
	switch m.hashes {
	case hashGiven:
		if m.keys <= keyPointer {
			w = wordOf(key)
		}
		// An incomparable key in an interface panics here, before any lock.
		_ = equal(key, key)
		return mix(m.hasher(key), m.secret), w
	default:
		return maphash.Comparable(m.seed, key), 0
	}
}

func equal[K comparable](a, b K) bool { return a == b }

// hashOf returns the hash of the key in a slot. Without a lock it is only to be
// looked at once the version has turned out to be unchanged.
func (m *Map[K, V]) hashOf(slot unsafe.Pointer) uint64 {
	switch m.keys {
	case keyWord, keyPointer:
		if m.hashes == hashBits {
			return mix(atomic.LoadUint64((*uint64)(slot)), m.secret)
		}
		key, _ := m.keyIn(slot)
		h, _ := m.hash(key)
		return h
	case keyString, keyPair:
		return atomic.LoadUint64((*uint64)(slot))
	default:
		if b := m.boxIn(slot); b != nil {
			return b.hash
		}
		return 0
	}
}

func (m *Map[K, V]) boxIn(slot unsafe.Pointer) *box[K] {
	return (*box[K])(atomic.LoadPointer((*unsafe.Pointer)(slot)))
}

// A state is what a reader found out about a slot.
type state uint8

const (
	other   state = iota // another key
	same                 // the key
	changed              // the slot is being cleared; look again
)

// compare says whether the slot of a group holds the key. The version was read
// before the control word that showed the slot as taken. Without a lock, same
// only holds if the version is unchanged afterwards.
func (m *Map[K, V]) compare(g *group, version uint64, slot unsafe.Pointer, key K, h, w uint64) state {
	switch m.keys {
	case keyWord, keyPointer:
		if atomic.LoadUint64((*uint64)(slot)) == w {
			return same
		}
		return other
	case keyBoxed:
		b := m.boxIn(slot)
		switch {
		case b == nil:
			return changed
		case b.hash == h && b.key == key:
			return same
		}
		return other
	}
	if atomic.LoadUint64((*uint64)(slot)) != h {
		return other
	}
	if m.keys == keyPair {
		k := (*[2]uint64)(unsafe.Pointer(&key))
		if atomic.LoadUint64((*uint64)(unsafe.Add(slot, 8))) == k[0] && atomic.LoadUint64((*uint64)(unsafe.Add(slot, 16))) == k[1] {
			return same
		}
		return other
	}
	data := atomic.LoadPointer((*unsafe.Pointer)(unsafe.Add(slot, 8)))
	length := atomic.LoadUint64((*uint64)(unsafe.Add(slot, 16)))
	if atomic.LoadUint64(&g.version) != version {
		return changed
	}
	if unsafe.String((*byte)(data), int(length)) == *(*string)(unsafe.Pointer(&key)) {
		return same
	}
	return other
}

// keyIn copies the key out of a slot. Without a lock the copy is only to be
// looked at once the version has turned out to be unchanged; false means that
// it has changed already.
func (m *Map[K, V]) keyIn(slot unsafe.Pointer) (key K, ok bool) {
	switch m.keys {
	case keyWord:
		w := atomic.LoadUint64((*uint64)(slot))
		return keyOf[K](w), true
	case keyPointer:
		*(*unsafe.Pointer)(unsafe.Pointer(&key)) = atomic.LoadPointer((*unsafe.Pointer)(slot))
	case keyString:
		*(*unsafe.Pointer)(unsafe.Pointer(&key)) = atomic.LoadPointer((*unsafe.Pointer)(unsafe.Add(slot, 8)))
		*(*uint64)(unsafe.Add(unsafe.Pointer(&key), 8)) = atomic.LoadUint64((*uint64)(unsafe.Add(slot, 16)))
	case keyPair:
		k := (*[2]uint64)(unsafe.Pointer(&key))
		k[0] = atomic.LoadUint64((*uint64)(unsafe.Add(slot, 8)))
		k[1] = atomic.LoadUint64((*uint64)(unsafe.Add(slot, 16)))
	default:
		b := m.boxIn(slot)
		if b == nil {
			return key, false
		}
		return b.key, true
	}
	return key, true
}

// setKey writes a key into a free slot.
func (m *Map[K, V]) setKey(slot unsafe.Pointer, key K, h, w uint64) {
	switch m.keys {
	case keyWord:
		atomic.StoreUint64((*uint64)(slot), w)
	case keyPointer:
		atomic.StorePointer((*unsafe.Pointer)(slot), *(*unsafe.Pointer)(unsafe.Pointer(&key)))
	case keyString:
		setText(slot, *(*string)(unsafe.Pointer(&key)), h)
	case keyPair:
		k := (*[2]uint64)(unsafe.Pointer(&key))
		atomic.StoreUint64((*uint64)(slot), h)
		atomic.StoreUint64((*uint64)(unsafe.Add(slot, 8)), k[0])
		atomic.StoreUint64((*uint64)(unsafe.Add(slot, 16)), k[1])
	default:
		atomic.StorePointer((*unsafe.Pointer)(slot), unsafe.Pointer(&box[K]{h, key}))
	}
}

func setText(slot unsafe.Pointer, k string, h uint64) {
	atomic.StoreUint64((*uint64)(slot), h)
	atomic.StorePointer((*unsafe.Pointer)(unsafe.Add(slot, 8)), unsafe.Pointer(unsafe.StringData(k)))
	atomic.StoreUint64((*uint64)(unsafe.Add(slot, 16)), uint64(len(k)))
}

// valueIn copies the value out of its cell. It retries only if a store into
// the same cell has completed meanwhile. Whether the cell still belongs to the
// key, the version says.
func (m *Map[K, V]) valueIn(cell unsafe.Pointer) (value V) {
	switch m.values {
	case valueWord:
		w := atomic.LoadUint64((*uint64)(cell))
		if unsafe.Sizeof(value) <= 8 {
			value = *(*V)(unsafe.Pointer(&w))
		}
	case valuePointer:
		*(*unsafe.Pointer)(unsafe.Pointer(&value)) = atomic.LoadPointer((*unsafe.Pointer)(cell))
	case valueBoxed:
		if p := (*V)(atomic.LoadPointer((*unsafe.Pointer)(cell))); p != nil {
			value = *p
		}
	default:
		for {
			selector := atomic.LoadUint64((*uint64)(cell))
			value = m.loadWide(m.bufferAt(cell, selector))
			if atomic.LoadUint64((*uint64)(cell)) == selector {
				break
			}
		}
	}
	return value
}

// setValue writes a value into its cell, which no other writer touches.
func (m *Map[K, V]) setValue(cell unsafe.Pointer, value V) {
	switch m.values {
	case valueWord:
		var w uint64
		if unsafe.Sizeof(value) <= 8 {
			*(*V)(unsafe.Pointer(&w)) = value
		}
		atomic.StoreUint64((*uint64)(cell), w)
	case valuePointer:
		atomic.StorePointer((*unsafe.Pointer)(cell), *(*unsafe.Pointer)(unsafe.Pointer(&value)))
	case valueBoxed:
		m.setBoxed(cell, value)
	default:
		selector := *(*uint64)(cell)
		m.storeWide(m.bufferAt(cell, selector+1), value)
		atomic.StoreUint64((*uint64)(cell), selector+1)
		var zero V
		m.storeWide(m.bufferAt(cell, selector), zero)
	}
}

// setBoxed is apart so that its copy escapes to the heap, and not the value of
// every store.
func (m *Map[K, V]) setBoxed(cell unsafe.Pointer, value V) {
	atomic.StorePointer((*unsafe.Pointer)(cell), unsafe.Pointer(&value))
}

func (m *Map[K, V]) loadWide(buffer unsafe.Pointer) V {
	const word = unsafe.Sizeof(uintptr(0))
	var v struct {
		value V
		_     uint64 // a size that is no multiple of a word ends in here
	}
	for i := range (unsafe.Sizeof(v.value) + word - 1) / word {
		from, to := unsafe.Add(buffer, i*word), unsafe.Add(unsafe.Pointer(&v), i*word)
		if m.wide>>i&1 != 0 {
			*(*unsafe.Pointer)(to) = atomic.LoadPointer((*unsafe.Pointer)(from))
		} else {
			*(*uintptr)(to) = atomic.LoadUintptr((*uintptr)(from))
		}
	}
	return v.value
}

func (m *Map[K, V]) storeWide(buffer unsafe.Pointer, value V) {
	const word = unsafe.Sizeof(uintptr(0))
	v := struct {
		value V
		_     uint64
	}{value: value}
	for i := range (unsafe.Sizeof(v.value) + word - 1) / word {
		from, to := unsafe.Add(unsafe.Pointer(&v), i*word), unsafe.Add(buffer, i*word)
		if m.wide>>i&1 != 0 {
			atomic.StorePointer((*unsafe.Pointer)(to), *(*unsafe.Pointer)(from))
		} else {
			atomic.StoreUintptr((*uintptr)(to), *(*uintptr)(from))
		}
	}
}
