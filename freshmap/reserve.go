package freshmap

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// A reserve has a few empty segments of a large map. The memory of a new one may
// be memory that the kernel has yet to provide, which takes longer than splitting
// a segment does. So writers that split nothing themselves allocate the segments
// for those that will have to, before they do other migration work.
type reserve struct {
	low       atomic.Bool  // a writer may fill it up
	want      atomic.Int64 // small segments
	mu        sync.Mutex
	segments  [2][]*segment // small, wide; guarded by mu
	untouched *segment      // allocated for it; guarded by mu
}

// Maps of fewer segments have no reserve. Others keep one small segment ready for
// so many, up to a limit, and half as many wide ones: hashes are even, so segments
// fill at about the same time, and many have to split within few writes.
const (
	reserveFrom = 256
	reserveFor  = 64
	reserveMost = 64
)

// take returns an empty segment of one of the sizes.
func (m *Map[K, V]) take(size int, prefix uint64, depth uint8) *segment {
	r := &m.spares
	var s *segment
	if r.mu.TryLock() {
		if last := len(r.segments[size]) - 1; last >= 0 {
			s = r.segments[size][last]
			r.segments[size][last] = nil
			r.segments[size] = r.segments[size][:last]
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

// keepReserve fits the reserve to the number of segments of the map. It may be
// low from then on.
func (m *Map[K, V]) keepReserve(segments int) {
	r := &m.spares
	r.want.Store(int64(min(segments/reserveFor, reserveMost)))
	large := segments >= reserveFrom
	r.low.Store(large && !m.options.manual)
	if !large {
		r.mu.Lock()
		r.segments, r.untouched = [2][]*segment{}, nil
		r.mu.Unlock()
	}
}

// stock brings the reserve half the way to one more segment: it allocates one, or
// touches the memory of the one that was allocated. The allocator does not touch
// memory that is zero because it is new.
func (m *Map[K, V]) stock() {
	r := &m.spares
	if !r.mu.TryLock() {
		return
	}
	defer r.mu.Unlock()
	if s := r.untouched; s != nil {
		size := sizeOf(s.block)
		for _, i := range [2]uintptr{0, sizes[size] - 1} {
			atomic.StoreUint64(&m.groupAt(s.block, i).version, 0)
		}
		r.segments[size] = append(r.segments[size], s)
		r.untouched = nil
		return
	}
	for size := range sizes {
		if len(r.segments[size]) < int(r.want.Load())>>size {
			r.untouched = m.allocate(size)
			return
		}
	}
	r.low.Store(false)
}

// allocate returns an empty segment that wants its place.
func (m *Map[K, V]) allocate(size int) *segment { return &segment{block: m.newBlock(size)} }
