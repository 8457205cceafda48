package freshmap

import (
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// counters count what the map has done with its segments.
type counters struct {
	split, widened, joined, narrowed, copied atomic.Int64
}

// Stats describes a map.
type Stats struct {
	Entries   int // as Len counts them
	Slots     int // room for entries
	Segments  int
	Directory int // entries of the directory
	Stripes   int // locks
	Bytes     int // memory of segments and directory, without boxes and without what is still to be erased
	Pending   int // tasks of migration work
	Snapshots int // open ones
	Kept      int // segments kept for snapshots

	Split, Widened, Joined, Narrowed int64 // segments, since the map was made
	Copied                           int64 // segments copied for snapshots
}

// Stats looks at every segment and describes the map. While writers run, the
// figures are of different moments. It takes time proportional to the number of
// segments.
func (m *Map[K, V]) Stats() (st Stats) {
	if atomic.LoadPointer(&m.root) == nil {
		return st
	}
	d := m.directory.Load()
	st.Entries = m.Len()
	st.Stripes = len(m.stripes)
	st.Directory = len(d.segments)
	st.Bytes = len(d.segments)*2*bits.UintSize/8 + int(unsafe.Sizeof(*m)) + len(m.stripes)*int(unsafe.Sizeof(stripe{}))
	for at := uint64(0); ; {
		s := d.segment(at)
		st.Segments++
		for part := s; part != nil; part = part.next.Load() {
			st.Slots += int(groupsIn(part.block)) * slots
			st.Bytes += int(m.blockSize(part.block) + unsafe.Sizeof(segment{}))
		}
		if at = s.end(); at == 0 {
			break
		}
	}
	st.Pending = int(m.work.pending.Load())
	st.Snapshots, st.Kept = m.opened.count()
	st.Split, st.Widened = m.counts.split.Load(), m.counts.widened.Load()
	st.Joined, st.Narrowed = m.counts.joined.Load(), m.counts.narrowed.Load()
	st.Copied = m.counts.copied.Load()
	return st
}
