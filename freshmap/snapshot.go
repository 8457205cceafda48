package freshmap

import (
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A Snapshot is a map as it was at one moment. It does not change. Any number
// of goroutines may read it.
//
// Taking one costs the same whatever the size of the map: it locks all stripes
// for a moment and raises an epoch. From then on a writer copies a segment older
// than the newest open snapshot before it changes it, once. Those copies are
// what an open snapshot costs, in time and in memory; Close gives them up.
type Snapshot[K comparable, V any] struct {
	m         *Map[K, V]
	directory *directory // as it was, nil for an empty map
	epoch     uint64
	entries   int
	closed    *atomic.Bool
	cleanup   runtime.Cleanup
}

// A version is a segment that is kept for snapshots. All segments that have
// taken its place share it, so that it can be given up for all of them.
type version struct {
	segment atomic.Pointer[segment]
}

// A keepsake is what was kept for the snapshots up to an epoch: a version, or
// the directory that Clear has replaced.
type keepsake struct {
	version   *version
	directory *directory
	until     uint64
}

// snapshots has the open snapshots of a map.
type snapshots struct {
	mu     sync.Mutex
	epochs []uint64 // ascending
	kept   []keepsake
}

func (o *snapshots) count() (open, kept int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.epochs), len(o.kept)
}

// Snapshot returns the map as it is at one moment between the call and the
// return. It waits for writers that are at it, a running Compute among them,
// and when many goroutines write the same few keys it may take a while to find
// all stripes free.
// Close it when it has served; one that is forgotten is closed by the garbage
// collector some time.
func (m *Map[K, V]) Snapshot() *Snapshot[K, V] {
	s := &Snapshot[K, V]{m: m, closed: new(atomic.Bool)}
	if atomic.LoadPointer(&m.root) == nil {
		return s
	}
	o := &m.opened
	m.lockAll()
	o.mu.Lock()
	s.epoch = m.epoch.Add(1)
	m.cow.Store(s.epoch)
	o.epochs = append(o.epochs, s.epoch)
	o.mu.Unlock()
	s.directory = m.directory.Load()
	s.entries = m.Len()
	m.unlockAll()
	epoch, closed := s.epoch, s.closed
	s.cleanup = runtime.AddCleanup(s, func(struct{}) {
		if closed.CompareAndSwap(false, true) {
			m.giveUp(epoch)
		}
	}, struct{}{})
	return s
}

// Close gives the snapshot up. What was kept for it is erased in steps, as
// migration work. Closing it again does nothing.
func (s *Snapshot[K, V]) Close() {
	if !s.closed.CompareAndSwap(false, true) || s.directory == nil {
		return
	}
	s.cleanup.Stop()
	s.m.giveUp(s.epoch)
}

// giveUp removes a snapshot from the open ones and what only it needed.
func (m *Map[K, V]) giveUp(epoch uint64) {
	o := &m.opened
	o.mu.Lock()
	if i, open := slices.BinarySearch(o.epochs, epoch); open {
		o.epochs = slices.Delete(o.epochs, i, i+1)
	}
	newest := uint64(0)
	if n := len(o.epochs); n > 0 {
		newest = o.epochs[n-1]
	}
	m.cow.Store(newest)
	var left []keepsake
	o.kept = slices.DeleteFunc(o.kept, func(k keepsake) bool {
		born := uint64(0)
		if k.version != nil {
			born = k.version.segment.Load().born
		}
		// Needed by those taken after it was made and before it was replaced.
		if i, _ := slices.BinarySearch(o.epochs, born+1); i < len(o.epochs) && o.epochs[i] <= k.until {
			return false
		}
		left = append(left, k)
		return true
	})
	o.mu.Unlock()
	if len(left) > 0 {
		m.enqueue(m.eraseKept(left))
	}
	m.deliver()
}

// eraseKept returns a task that erases what was kept.
func (m *Map[K, V]) eraseKept(kept []keepsake) task {
	var t task
	return task{run: func() outcome {
		if t.erase == nil && t.run == nil {
			if k := kept[0]; k.version != nil {
				t = task{erase: k.version.segment.Swap(nil)}
			} else {
				t = m.eraseAll(k.directory, 0)
			}
			kept = kept[1:]
		}
		o := finished
		if t.erase != nil {
			o = m.eraseStep(&t)
		} else {
			o = t.run()
		}
		if o == finished {
			t = task{}
			if len(kept) == 0 {
				return finished
			}
		}
		return more
	}}
}

// retain keeps those of the segments that open snapshots need, and returns what
// their successors have to lead to, and the others. The caller holds the
// stripes.
func (m *Map[K, V]) retain(old [2]*segment) (before []*version, others [2]*segment) {
	if m.cow.Load() == 0 {
		return nil, old
	}
	o := &m.opened
	o.mu.Lock()
	defer o.mu.Unlock()
	cow := m.cow.Load()
	for i, s := range old {
		if s == nil {
			continue
		}
		// What s leads to is needed by older snapshots, perhaps for longer than s.
		for _, v := range s.before {
			if v.segment.Load() != nil {
				before = append(before, v)
			}
		}
		if s.born >= cow {
			others[i] = s
			continue
		}
		v := new(version)
		v.segment.Store(s)
		before = append(before, v)
		o.kept = append(o.kept, keepsake{version: v, until: m.epoch.Load()})
	}
	return before, others
}

// retireAll erases the segments of a directory that Clear has replaced, once no
// snapshot needs them. The caller holds all stripes.
func (m *Map[K, V]) retireAll(d *directory) {
	o := &m.opened
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.epochs) > 0 {
		o.kept = append(o.kept, keepsake{directory: d, until: m.epoch.Load()})
		// What is younger than all snapshots is nobody's.
		m.enqueue(m.eraseAll(d, o.epochs[len(o.epochs)-1]))
		return
	}
	m.enqueue(m.eraseAll(d, 0))
}

// freshen copies the segment of a hash if a snapshot needs it as it is, and
// returns the block to write into. The caller holds the stripe.
func (m *Map[K, V]) freshen(h uint64, cow uint64) block {
	s := m.segmentOf(h)
	if s.born >= cow {
		return s.block
	}
	with := m.copyOf(s)
	m.supersede([2]*segment{s}, [2]*segment{with})
	m.counts.copied.Add(1)
	return with.block
}

func (m *Map[K, V]) copyOf(s *segment) *segment {
	with := m.take(sizeOf(s.block), s.prefix, s.depth)
	for i := range groupsIn(s.block) {
		from, to := m.groupAt(s.block, i), m.groupAt(with.block, i)
		to.ctrl = atomic.LoadUint64(&from.ctrl)
		for u := used(to.ctrl); u != 0; u &= u - 1 {
			m.copySlot(m.slotAt(to, slotOf(u)), m.slotAt(from, slotOf(u)))
		}
	}
	if next := s.next.Load(); next != nil {
		with.next.Store(m.copyOf(next))
	}
	return with
}

// at returns the segment that had a hash when the snapshot was taken. It is not
// written to any more.
func (s *Snapshot[K, V]) at(h uint64) *segment {
	seg := s.directory.segment(h)
	if seg.born < s.epoch {
		return seg
	}
	// The one it was is the youngest of those that are older than the snapshot.
	var was *segment
	for _, v := range seg.before {
		if b := v.segment.Load(); b != nil && b.born < s.epoch && b.covers(h) && (was == nil || b.born > was.born) {
			was = b
		}
	}
	if was == nil {
		s.check()
		panic("freshmap: a segment that a snapshot needs is gone")
	}
	return was
}

func (s *Snapshot[K, V]) check() {
	if s.closed.Load() {
		panic("freshmap: the snapshot is closed")
	}
}

// Load returns the value that a key had, and whether it had one.
func (s *Snapshot[K, V]) Load(key K) (value V, ok bool) {
	s.check()
	if s.directory == nil {
		return value, false
	}
	h, w := s.m.hash(key)
	seg := s.at(h)
	value, ok, _ = s.m.lookUp(seg, seg.block, key, h, w)
	s.check()
	runtime.KeepAlive(s)
	return value, ok
}

// Len returns how many entries the map had.
func (s *Snapshot[K, V]) Len() int { return s.entries }

// All returns an iterator over the entries that the map had, in no order that
// means anything. The map may be used in the loop.
func (s *Snapshot[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		s.check()
		if s.directory == nil {
			return
		}
		defer runtime.KeepAlive(s)
		for at := uint64(0); ; {
			seg := s.at(at)
			for part := seg; part != nil; part = part.next.Load() {
				for i := range groupsIn(part.block) {
					g := s.m.groupAt(part.block, i)
					for u := used(atomic.LoadUint64(&g.ctrl)); u != 0; u &= u - 1 {
						key, value := s.m.entryIn(s.m.slotAt(g, slotOf(u)))
						s.check()
						if !yield(key, value) {
							return
						}
					}
				}
			}
			s.check()
			if at = seg.end(); at == 0 {
				return
			}
		}
	}
}

// Keys returns an iterator over the keys that the map had.
func (s *Snapshot[K, V]) Keys() iter.Seq[K] { return keys(s.All()) }

// Values returns an iterator over the values that the map had.
func (s *Snapshot[K, V]) Values() iter.Seq[V] { return values(s.All()) }

func keys[K comparable, V any](all iter.Seq2[K, V]) iter.Seq[K] {
	return func(yield func(K) bool) {
		for k := range all {
			if !yield(k) {
				return
			}
		}
	}
}

func values[K comparable, V any](all iter.Seq2[K, V]) iter.Seq[V] {
	return func(yield func(V) bool) {
		for _, v := range all {
			if !yield(v) {
				return
			}
		}
	}
}

// entryIn copies an entry whose slot does not change.
func (m *Map[K, V]) entryIn(slot unsafe.Pointer) (key K, value V) {
	key, _ = m.keyIn(slot)
	return key, m.valueIn(m.valueAt(slot))
}
