// Package freshmap provides a concurrent map whose reads stay right, and fast,
// while it grows.
//
// A [Map] is a hash table in small segments. One that fills is replaced by a
// wider one or by two; no write ever moves more than the entries of a segment,
// and no read waits for it. Readers take no lock. Writers lock one of a few
// stripes.
//
// The package is made for maps that many goroutines read and write at once, and
// that hold from a few to many million entries. A plain map with a mutex is
// smaller for a handful of entries and for a single goroutine. The package does
// not order its keys, does not expire them, and has no transactions over several
// keys; [Map.Snapshot] reads many keys at one moment.
//
// Inside, it reads and writes memory of its own layout through package unsafe,
// but only with atomic operations where two goroutines can meet, so the race
// detector and the Go memory model find nothing to object to.
package freshmap

import (
	"fmt"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A Map is like a map[K]V that any number of goroutines may use at once. The
// zero Map is empty and ready for use. A Map must not be copied after first
// use.
//
// Every method but Range, its siblings, Len and Stats takes effect at one
// moment between its call and its return (it is linearizable;
// TestPointOperationsAreLinearizable, TestWholeMapIsLinearizable). Load never
// waits, whatever writers do (TestStalledWriter).
//
// The functions given to LoadOrCompute and Compute run while their key is
// locked. They must not call methods of the same map.
//
// Keys are compared with ==. A key that is an interface with an incomparable
// value panics as it does in a map. A key that is not equal to itself, like
// NaN, can be stored but not be found again.
type Map[K comparable, V any] struct {
	// What a Load of word keys needs comes first, in one cache line.
	fast   unsafe.Pointer // root, if keys and values allow the fast path
	secret uint64
	root   unsafe.Pointer // nil until the first write
	hashes hashKind
	layout

	stripeBits uint
	stripes    []stripe
	seed       maphash.Seed
	hasher     func(K) uint64
	options    options

	directory atomic.Pointer[directory]
	structure sync.Mutex // guards what follows, and the directory against other writers of it
	depths    [65]int    // segments of each depth
	segments  int

	work   queue
	spares reserve
	epoch  atomic.Uint64 // counts snapshots
	cow    atomic.Uint64 // epoch of the newest open snapshot, or 0
	opened snapshots
	counts counters
	once   sync.Once
}

// New returns an empty map. It panics if an option is for keys of another
// type.
func New[K comparable, V any](opts ...Option) *Map[K, V] {
	m := new(Map[K, V])
	for _, o := range opts {
		o(&m.options)
	}
	if m.options.hasher != nil {
		h, ok := m.options.hasher.(func(K) uint64)
		if !ok {
			panic(fmt.Sprintf("freshmap: WithHasher got %T, but the keys are %v", m.options.hasher, reflect.TypeFor[K]()))
		}
		m.hasher = h
	}
	m.init()
	return m
}

func (m *Map[K, V]) init() {
	m.once.Do(func() {
		m.layout.init(reflect.TypeFor[K](), reflect.TypeFor[V]())
		m.seed = maphash.MakeSeed()
		m.secret = rand.Uint64()
		switch {
		case m.hasher != nil:
			m.hashes = hashGiven
		case m.keys <= keyPointer:
			m.hashes = hashBits
		default:
			m.hashes = hashComparable
		}
		m.stripeBits = uint(min(max(bits.Len(uint(16*runtime.GOMAXPROCS(0)-1)), 4), 7))
		m.stripes = newStripes(1 << m.stripeBits)
		m.structure.Lock()
		defer m.structure.Unlock()
		m.install(m.emptyDirectory())
	})
}

// emptyDirectory returns a directory of empty segments, with the capacity that
// was asked for. The caller holds Map.structure, and installs it.
func (m *Map[K, V]) emptyDirectory() *directory {
	depth, entries := planFor(m.options.capacity)
	d := newDirectory(uint(depth))
	for i := range uint64(len(d.segments)) {
		d.put(m.newSegment(i<<d.shift, depth, entries))
	}
	m.depths = [65]int{}
	m.depths[depth] = len(d.segments)
	m.segments = len(d.segments)
	return d
}

// planFor returns how deep segments must be so that the number of entries hardly
// ever crowds one, and for how many entries each needs room.
func planFor(entries int) (depth uint8, each int) {
	entries = max(entries, 0)
	most := roomIn(wideGroups) * 2 / 3
	depth = uint8(min(max(bits.Len(uint(max(entries-1, 0)/most)), 1), 40))
	return depth, entries >> depth * 3 / 2
}

// Load returns the value of a key, and whether there is one. It takes no lock
// and does not allocate. It starts again if, while it looked at a group of the
// key's hash, an entry of that group was deleted or the group was moved: then
// another operation has made progress (Load is lock-free). There is one exception:
// a search that has passed all groups of a full segment, which happens with equal
// hashes, begins again while a writer is between two stores that replace that
// segment.
func (m *Map[K, V]) Load(key K) (value V, ok bool) {
	size := fastSize(unsafe.Sizeof(key))
	root := atomic.LoadPointer(&m.fast)
	if root == nil {
		return m.loadOther(key)
	}
	// The first word of a slot is the key, or the hash of a string.
	h, first := uint64(0), wordOf(key)
	if unsafe.Sizeof(key) == textSize {
		h = maphash.Comparable(m.seed, key)
		first = h
	} else {
		h = mix(first, m.secret)
	}
	b := blockUnder(root, h)
	if b == nil {
		return m.loadOther(key)
	}
	for home := homeOf(b, h); ; {
		g := fastGroupAt(b, home, size)
		version := atomic.LoadUint64(&g.version)
		ctrl := atomic.LoadUint64(&g.ctrl)
		for match := matching(ctrl, tagOf(h)); match != 0; match &= match - 1 {
			slot := fastSlotAt(g, match, size)
			if atomic.LoadUint64((*uint64)(slot)) != first {
				if atomic.LoadUint64(&g.version) != version {
					return m.loadOther(key)
				}
				continue
			}
			var data unsafe.Pointer
			var length uint64
			if unsafe.Sizeof(key) == textSize {
				data, length = headerAt(slot)
			}
			// All of the slot was read when the version shows that it has not changed.
			// Strings that have only their hash in common are not for here.
			cell := fastCell(slot, size)
			if m.values == valueWord {
				bits := atomic.LoadUint64((*uint64)(cell))
				if atomic.LoadUint64(&g.version) == version && unsafe.Sizeof(value) <= unsafe.Sizeof(bits) {
					if unsafe.Sizeof(key) != textSize {
						return *(*V)(unsafe.Pointer(&bits)), true
					}
					// What sameText does; of its result the compiler would make no jump.
					k := *(*string)(unsafe.Pointer(&key))
					n := uintptr(len(k))
					if uintptr(length) != n {
						return m.loadOther(key)
					}
					if isShort(n) {
						if differ(data, unsafe.Pointer(unsafe.StringData(k)), n) == 0 {
							return *(*V)(unsafe.Pointer(&bits)), true
						}
					} else if text := (header{data, length}); *(*K)(unsafe.Pointer(&text)) == key {
						return *(*V)(unsafe.Pointer(&bits)), true
					}
				}
			} else {
				p := atomic.LoadPointer((*unsafe.Pointer)(cell))
				if atomic.LoadUint64(&g.version) == version && unsafe.Sizeof(value) == unsafe.Sizeof(p) &&
					(unsafe.Sizeof(key) != textSize || sameText(data, length, key)) {
					return *(*V)(unsafe.Pointer(&p)), true
				}
			}
			return m.loadOther(key)
		}
		if !goesOn(ctrl, h) {
			return value, false
		}
		if home++; home >= groupsIn(b) || atomic.LoadUint64(&g.version) >= moved {
			return m.loadMore(b, key, h, first)
		}
	}
}

// loadMore searches a block, and begins again by way of the directory as long as
// that leaves it unsure.
func (m *Map[K, V]) loadMore(b block, key K, h, w uint64) (value V, ok bool) {
	for {
		if value, ok, sure := m.lookUp(nil, b, key, h, w); sure {
			return value, ok
		}
		b = m.blockOf(h)
	}
}

// loadOther is Load where no shorter path leads.
func (m *Map[K, V]) loadOther(key K) (value V, ok bool) {
	if atomic.LoadPointer(&m.root) == nil {
		// An incomparable key in an interface panics, as it does in a map.
		_ = equal(key, key)
		return value, false
	}
	h, w := m.hash(key)
	return m.loadMore(m.blockOf(h), key, h, w)
}

// lookUp searches a block, and what follows its segment, without a lock. It is
// not sure of its result if the block has been moved or if an entry was deleted
// next to the one it found. The segment may be nil if it is the current one.
func (m *Map[K, V]) lookUp(s *segment, b block, key K, h, w uint64) (value V, ok, sure bool) {
	tag := tagOf(h)
	for {
		n := groupsIn(b)
		i := homeOf(b, h)
		for range n {
			g := m.groupAt(b, i)
			version := atomic.LoadUint64(&g.version)
			ctrl := atomic.LoadUint64(&g.ctrl)
			for match := matching(ctrl, tag); match != 0; match &= match - 1 {
				slot := m.slotAt(g, slotOf(match))
				switch m.compare(g, version, slot, key, h, w) {
				case same:
					value = m.valueIn(m.valueAt(slot))
					return value, true, atomic.LoadUint64(&g.version) == version
				case other:
					// It may have been the key until the slot was erased.
					if atomic.LoadUint64(&g.version) != version {
						return value, false, false
					}
				case changed:
					return value, false, false
				}
			}
			if !goesOn(ctrl, h) {
				return value, false, true
			}
			if atomic.LoadUint64(&g.version) >= moved {
				return value, false, false
			}
			if i++; i == n {
				i = 0
			}
		}
		if s == nil {
			if s = m.segmentOf(h); s.block != b {
				return value, false, false
			}
		}
		if s = s.next.Load(); s == nil {
			return value, false, true
		}
		b = s.block
	}
}

// lock locks the stripe of a hash and returns it with the block. If an open
// snapshot needs the segment as it is, there is a copy of it from then on.
func (m *Map[K, V]) lock(h uint64) (*stripe, block) {
	for {
		b := m.blockOf(h)
		st := m.stripeOf(b, h)
		st.lock()
		if m.blockOf(h) == b {
			if cow := m.cow.Load(); cow != 0 {
				b = m.freshen(h, cow)
			}
			return st, b
		}
		st.unlock(0)
	}
}

func (m *Map[K, V]) stripeOf(b block, h uint64) *stripe {
	round := roundOf(b) & 63
	index := h >> (-m.stripeBits & 63) >> round << round
	return (*stripe)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(m.stripes)), uintptr(index)*unsafe.Sizeof(stripe{})))
}

// lockAll locks all stripes, without keeping any of them while it waits for one
// whose holder takes long.
func (m *Map[K, V]) lockAll() {
	for first := 0; ; {
		m.stripes[first].lock()
		held := 0
		for ; held < len(m.stripes); held++ {
			if held != first && !m.stripes[held].lockSoon() {
				break
			}
		}
		if held == len(m.stripes) {
			return
		}
		for i := range held {
			if i != first {
				m.stripes[i].unlock(0)
			}
		}
		m.stripes[first].unlock(0)
		first = held
	}
}

func (m *Map[K, V]) unlockAll() {
	for i := range m.stripes {
		m.stripes[i].unlock(0)
	}
}
