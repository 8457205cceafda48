package freshmap

import (
	"fmt"
	"reflect"
	"sync/atomic"
	"unsafe"
)

// An Op says what Compute does with an entry.
type Op uint8

const (
	Keep   Op = iota // leave the entry, or its absence, as it is
	Set              // set the value, adding the entry if there is none
	Remove           // remove the entry if there is one
)

// A grip is a key whose stripe is locked.
type grip[K comparable, V any] struct {
	m      *Map[K, V]
	stripe *stripe // nil if the key is absent and it was not to be added
	block  block
	key    K
	h, w   uint64
	at     place // group nil if the key is absent
	more   int   // entries, than there were
	grown  bool  // a segment was replaced to make room
}

// hold locks the stripe of a key and looks the key up. If the key is absent and
// is to be added, there is room for it; if it is not to be added, nothing is
// locked.
func (m *Map[K, V]) hold(key K, adding bool) grip[K, V] {
	if atomic.LoadPointer(&m.root) == nil {
		m.init()
	}
	h, w := m.hash(key)
	return m.holdHashed(key, h, w, adding)
}

// holdHashed is hold for a key whose hash is known. The map has been made.
func (m *Map[K, V]) holdHashed(key K, h, w uint64, adding bool) grip[K, V] {
	if !adding {
		if _, ok, sure := m.lookUp(nil, m.blockOf(h), key, h, w); sure && !ok {
			return grip[K, V]{m: m}
		}
	}
	st, b := m.lock(h)
	return m.grip(st, b, key, h, w, adding)
}

// grip looks a key up whose stripe is locked, and makes room for it if it is absent
// and to be added.
func (m *Map[K, V]) grip(st *stripe, b block, key K, h, w uint64, adding bool) grip[K, V] {
	g := grip[K, V]{m: m, stripe: st, block: b, key: key, h: h, w: w}
	for {
		g.at = m.find(g.block, key, h, w)
		if !adding || g.at.group != nil || !m.crowded(g.block, h) || !m.makeRoom(h) {
			return g
		}
		g.grown = true
		g.stripe.unlock(0)
		g.stripe, g.block = m.lock(h)
	}
}

func (g *grip[K, V]) cell() unsafe.Pointer {
	return g.m.valueAt(g.m.slotAt(g.at.group, g.at.index))
}

// value returns the value of the key, and whether it has one.
func (g *grip[K, V]) value() (value V, ok bool) {
	if g.at.group == nil {
		return value, false
	}
	return g.m.valueIn(g.cell()), true
}

func (g *grip[K, V]) set(value V) {
	if g.at.group != nil {
		g.m.setValue(g.cell(), value)
		return
	}
	g.m.insert(g.block, g.key, g.h, g.w, value)
	g.more++
}

// put sets the value, unless there is one that it is not to overwrite, and lets go.
func (g *grip[K, V]) put(value V, overwrite bool) (actual V, loaded bool) {
	if !overwrite {
		actual, loaded = g.value()
	}
	if !loaded {
		g.set(value)
		actual = value
	}
	g.release()
	return actual, loaded
}

func (g *grip[K, V]) remove() {
	if g.at.group == nil {
		return
	}
	g.m.remove(g.block, g.h, g.at)
	g.more--
	g.m.thin(g.at.group, g.h, g.stripe)
}

// release unlocks the stripe and gives migration work its share of the time,
// unless the share has been a segment already.
func (g *grip[K, V]) release() {
	if g.stripe == nil {
		return
	}
	g.stripe.unlock(g.more)
	if g.grown {
		if !g.m.options.manual {
			g.m.deliver()
		}
	} else {
		g.m.help()
	}
}

// Store sets the value of a key. For a key that is there and a value of up to 32
// bytes it allocates nothing, unless other writers have left the reserve of a large
// map low and it is this call that fills it.
func (m *Map[K, V]) Store(key K, value V) {
	if root := atomic.LoadPointer(&m.fast); root != nil {
		m.storeFast(root, key, value, true)
		return
	}
	g := m.hold(key, true)
	g.put(value, true)
}

// LoadOrStore returns the value of a key if there is one, and else stores the
// given one. It reports whether the value was there.
func (m *Map[K, V]) LoadOrStore(key K, value V) (actual V, loaded bool) {
	if actual, loaded = m.Load(key); loaded {
		return actual, true
	}
	if root := atomic.LoadPointer(&m.fast); root != nil {
		return m.storeFast(root, key, value, false)
	}
	g := m.hold(key, true)
	return g.put(value, false)
}

// LoadOrCompute returns the value of a key if there is one, and else stores
// what f returns. It reports whether the value was there. It calls f at most
// once, with the key locked; if f panics, nothing is stored.
func (m *Map[K, V]) LoadOrCompute(key K, f func() V) (actual V, loaded bool) {
	if actual, loaded = m.Load(key); loaded {
		return actual, true
	}
	g := m.hold(key, true)
	defer g.release()
	if actual, loaded = g.value(); !loaded {
		actual = f()
		g.set(actual)
	}
	return actual, loaded
}

// LoadAndStore sets the value of a key and returns the one it had, and whether
// it had one.
func (m *Map[K, V]) LoadAndStore(key K, value V) (previous V, loaded bool) {
	g := m.hold(key, true)
	previous, loaded = g.value()
	g.set(value)
	g.release()
	return previous, loaded
}

// LoadAndDelete removes a key and returns the value it had, and whether it had
// one.
func (m *Map[K, V]) LoadAndDelete(key K) (value V, loaded bool) {
	if root := atomic.LoadPointer(&m.fast); root != nil {
		return m.deleteFast(root, key, true)
	}
	if atomic.LoadPointer(&m.root) == nil {
		m.init()
	}
	h, w := m.hash(key)
	return m.deleteHashed(key, h, w)
}

// deleteHashed is LoadAndDelete for a key whose hash is known. The map has been
// made.
func (m *Map[K, V]) deleteHashed(key K, h, w uint64) (value V, loaded bool) {
	g := m.holdHashed(key, h, w, false)
	value, loaded = g.value()
	g.remove()
	g.release()
	return value, loaded
}

// Delete removes a key. The slot is zeroed before the Delete that has removed it
// returns (TestResidue). One that finds the key absent takes no lock.
func (m *Map[K, V]) Delete(key K) {
	if root := atomic.LoadPointer(&m.fast); root != nil {
		m.deleteFast(root, key, false)
	} else {
		m.LoadAndDelete(key)
	}
}

// Compute calls f once with the value of a key, and whether it has one, and
// does with the entry what f answers. It returns the value that the key has
// afterwards, and whether it has one. The key is locked meanwhile: other
// writers of its stripe wait, readers do not. If f panics, nothing changes.
func (m *Map[K, V]) Compute(key K, f func(old V, loaded bool) (V, Op)) (actual V, ok bool) {
	g := m.hold(key, true)
	defer g.release()
	old, loaded := g.value()
	switch value, op := f(old, loaded); op {
	case Set:
		g.set(value)
		return value, true
	case Remove:
		g.remove()
		return actual, false
	default:
		return old, loaded
	}
}

// CompareAndSwap sets the value of a key to new if it is old. It panics if V is
// a type that cannot be compared.
func (m *Map[K, V]) CompareAndSwap(key K, old, new V) (swapped bool) {
	mustCompare[V]()
	g := m.hold(key, false)
	defer g.release()
	if value, ok := g.value(); ok && any(value) == any(old) {
		g.set(new)
		return true
	}
	return false
}

// CompareAndDelete removes a key if its value is old. It panics if V is a type
// that cannot be compared.
func (m *Map[K, V]) CompareAndDelete(key K, old V) (deleted bool) {
	mustCompare[V]()
	g := m.hold(key, false)
	defer g.release()
	if value, ok := g.value(); ok && any(value) == any(old) {
		g.remove()
		return true
	}
	return false
}

func mustCompare[V any]() {
	if t := reflect.TypeFor[V](); !t.Comparable() {
		panic(fmt.Sprintf("freshmap: values of type %v cannot be compared", t))
	}
}
