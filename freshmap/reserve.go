package freshmap

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// A reserve has empty segments of a large map. The memory of a new one may be
// memory that the kernel has yet to provide, which takes longer than splitting
// a segment does. So a writer that split nothing itself allocates many of them at
// once, before it does other migration work. Many at once, because the write that
// has to do it is slow anyway: it is better to have one such in a few thousand
// than a page fault in each hundredth.
type reserve struct {
	low      atomic.Bool // a writer should fill it up
	mu       sync.Mutex
	want     int           // small segments, 0 if the map is too small for a reserve; guarded by mu
	segments [2][]*segment // small, wide; guarded by mu
}

// Maps of fewer segments have no reserve. Others keep one small segment ready for
// so many, up to a limit, and half as many wide ones: hashes are even, so segments
// fill at about the same time, and many have to split within few writes. The
// reserve is low when the part reserveLow is left of one of the two.
const (
	reserveFrom = 256
	reserveFor  = 24
	reserveMost = 1024
	reserveLow  = 8
)

// wanted returns how many segments of a size a full reserve has. The caller holds
// the lock.
func (r *reserve) wanted(size int) int { return r.want >> size }

// isLow reports whether one of the sizes runs out. The caller holds the lock.
func (r *reserve) isLow() bool {
	for size := range sizes {
		if len(r.segments[size]) < r.wanted(size)/reserveLow {
			return true
		}
	}
	return false
}

// take returns an empty segment of one of the sizes.
func (m *Map[K, V]) take(size int, prefix uint64, depth uint8) *segment {
	r := &m.spares
	var s *segment
	if r.mu.TryLock() {
		if last := len(r.segments[size]) - 1; last >= 0 {
			s = r.segments[size][last]
			r.segments[size][last] = nil
			r.segments[size] = r.segments[size][:last]
			if last < r.wanted(size)/reserveLow {
				r.low.Store(true)
			}
		}
		r.mu.Unlock()
	}
	if s == nil {
		s = m.allocate(size)
	}
	round := m.stripeBits - min(uint(depth), m.stripeBits)
	s.block = unsafe.Add(s.block, round<<tagRoundShift)
	s.prefix, s.depth, s.born = prefix, depth, m.epoch.Load()
	return s
}

// keepReserve fits the reserve to the number of segments of the map.
func (m *Map[K, V]) keepReserve(segments int) {
	if m.options.manual {
		return
	}
	r := &m.spares
	want := 0
	if segments >= reserveFrom {
		want = min(segments/reserveFor, reserveMost)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.want == want {
		return
	}
	if r.want = want; want == 0 {
		r.segments = [2][]*segment{}
	}
	r.low.Store(r.isLow())
}

// stock fills the reserve, if no other writer is at it. It holds no lock while it
// allocates.
func (m *Map[K, V]) stock() {
	r := &m.spares
	if !r.low.CompareAndSwap(true, false) {
		return
	}
	for size := range sizes {
		r.mu.Lock()
		missing := r.wanted(size) - len(r.segments[size])
		r.mu.Unlock()
		fresh := make([]*segment, max(missing, 0))
		for i := range fresh {
			fresh[i] = m.allocate(size)
			// The allocator does not touch memory that is zero because it is new.
			for _, g := range [2]uintptr{0, sizes[size] - 1} {
				atomic.StoreUint64(&m.groupAt(fresh[i].block, g).version, 0)
			}
		}
		r.mu.Lock()
		if r.want > 0 {
			r.segments[size] = append(r.segments[size], fresh...)
		}
		r.mu.Unlock()
	}
}

// allocate returns an empty segment that wants its place.
func (m *Map[K, V]) allocate(size int) *segment { return &segment{block: m.newBlock(size)} }
