package freshmap

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// fillStep is how many entries of a new directory one step fills.
const fillStep = 8

// eraseBacklog is how many tasks may wait before a step erases a whole segment.
const eraseBacklog = 16

// A Growth says how migration work goes on. The work is what remains to be done
// after segments were split, joined or copied: erasing what they left, filling
// a new directory; and what Grow and Shrink have asked for.
type Growth struct {
	Kind    GrowthKind
	Done    int // tasks completed since the start
	Pending int // tasks left
	Entries int // entries of the map, as Len counts them
}

// A GrowthKind is the kind of an event.
type GrowthKind uint8

const (
	GrowthStart    GrowthKind = iota // there is work where there was none
	GrowthProgress                   // a task has been completed, others are left
	GrowthDone                       // the last task has been completed
)

// String returns the kind in lower case.
func (k GrowthKind) String() string {
	return [...]string{"start", "progress", "done"}[min(k, GrowthDone)]
}

// A task is work for later, done in steps. It is either a segment to erase or a
// function that does a step.
type task struct {
	number int64 // tasks are numbered as they are added
	erase  *segment
	group  uintptr
	run    func() outcome
}

// An outcome is how a step of a task ended.
type outcome uint8

const (
	finished outcome = iota
	more             // there are more steps
	hindered         // a writer was in the way; nothing was done
)

// A queue has the tasks of a map. The first one is being worked at.
type queue struct {
	step sync.Mutex // held for one step

	mu      sync.Mutex // guards what follows
	tasks   []task
	head    int // of tasks
	added   int64
	done    int // tasks completed since the queue was empty
	events  []Growth
	pending atomic.Int64 // len(tasks) - head, to be read without mu

	delivery sync.Mutex // held by who delivers events
}

// enqueue adds a task. The caller delivers the event, once it holds no lock.
func (m *Map[K, V]) enqueue(t task) {
	q := &m.work
	q.mu.Lock()
	q.added++
	t.number = q.added
	q.tasks = append(q.tasks, t)
	if n := q.pending.Add(1); n == 1 && m.options.observer != nil {
		q.events = append(q.events, Growth{Kind: GrowthStart, Pending: 1})
	}
	q.mu.Unlock()
}

// Step does one unit of migration work: it erases two groups of a segment that
// was left, fills a few entries of a directory, or splits or joins a segment for
// Grow or Shrink. It reports whether there was any. It does not wait for
// writers: if one is in the way, the work stays for later, and Step reports true
// all the same.
func (m *Map[K, V]) Step() bool {
	if !m.Migrating() {
		return false
	}
	m.work.step.Lock()
	m.advance()
	m.work.step.Unlock()
	m.deliver()
	return true
}

// help has a writer do its share: a step, unless somebody is at it, or a block
// for the reserve.
func (m *Map[K, V]) help() {
	if m.spares.low.Load() || m.Migrating() && !m.options.manual {
		m.helpSome()
	}
}

func (m *Map[K, V]) helpSome() {
	if m.spares.low.Load() {
		m.stock()
	} else if m.work.step.TryLock() {
		m.advance()
		m.work.step.Unlock()
	}
	m.deliver()
}

// advance does one step of the first task. A task that is hindered goes to the
// end of the queue. The caller holds queue.step.
func (m *Map[K, V]) advance() outcome {
	q := &m.work
	q.mu.Lock()
	if q.head == len(q.tasks) {
		q.mu.Unlock()
		return finished
	}
	t := q.tasks[q.head]
	q.mu.Unlock()

	var o outcome
	if t.erase != nil {
		o = m.eraseStep(&t)
	} else {
		o = t.run()
	}

	q.mu.Lock()
	defer q.mu.Unlock()
	switch o {
	case more:
		q.tasks[q.head] = t
		return more
	case hindered:
		q.tasks = append(q.tasks, t)
	}
	q.tasks[q.head] = task{}
	if q.head++; 2*q.head >= len(q.tasks) {
		q.tasks = append(q.tasks[:0], q.tasks[q.head:]...)
		clear(q.tasks[len(q.tasks):min(cap(q.tasks), len(q.tasks)+q.head)])
		q.head = 0
	}
	if o == hindered {
		return hindered
	}
	q.done++
	n := q.pending.Add(-1)
	if m.options.observer != nil {
		kind := GrowthProgress
		if n == 0 {
			kind = GrowthDone
		}
		q.events = append(q.events, Growth{Kind: kind, Done: q.done, Pending: int(n)})
	}
	if n == 0 {
		q.done = 0
	}
	return finished
}

// last returns the number of the task that was added last.
func (q *queue) last() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.added
}

// through reports whether all tasks up to a number are done.
func (q *queue) through(number int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range q.tasks[q.head:] {
		if t.number <= number {
			return false
		}
	}
	return true
}

// deliver calls the observer. Whoever delivers goes on until nothing is left,
// so the events keep their order.
func (m *Map[K, V]) deliver() {
	if m.options.observer == nil {
		return
	}
	q := &m.work
	for q.waiting() && q.delivery.TryLock() {
		m.deliverAll()
	}
}

// waiting reports whether there are events to deliver.
func (q *queue) waiting() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.events) > 0
}

func (m *Map[K, V]) deliverAll() {
	q := &m.work
	defer q.delivery.Unlock()
	q.mu.Lock()
	events := q.events
	q.events = nil
	q.mu.Unlock()
	for _, e := range events {
		e.Entries = m.Len()
		m.options.observer(e)
	}
}

// eraseStep zeroes two groups of a segment that was left, or all of it if there
// are many to erase. Its readers look again, by way of the directory.
func (m *Map[K, V]) eraseStep(t *task) outcome {
	groups := 2
	if m.work.pending.Load() > eraseBacklog {
		groups = wideGroups
	}
	for range groups {
		if t.group == groupsIn(t.erase.block) {
			next := t.erase.next.Load()
			if next == nil {
				return finished
			}
			t.erase, t.group = next, 0
		}
		m.eraseGroup(m.groupAt(t.erase.block, t.group))
		t.group++
	}
	if t.group == groupsIn(t.erase.block) && t.erase.next.Load() == nil {
		return finished
	}
	return more
}

func (m *Map[K, V]) eraseGroup(g *group) {
	taken := used(atomic.LoadUint64(&g.ctrl))
	// Whoever sees the way bits finds the version moved. Whoever saw the tags
	// finds another version than before once a slot has been cleared.
	atomic.StoreUint64(&g.version, (g.version+1)|moved)
	atomic.StoreUint64(&g.ctrl, allWays)
	atomic.StoreUint64(&g.version, g.version+1)
	for ; taken != 0; taken &= taken - 1 {
		m.erase(m.slotAt(g, slotOf(taken)))
	}
}

// Migrating reports whether there is migration work left to do.
func (m *Map[K, V]) Migrating() bool { return m.work.pending.Load() != 0 }

// Fence does migration work, together with writers, until what was there when
// it was called has been done, and returns nil. It returns the cause of the
// context if that ends first.
func (m *Map[K, V]) Fence(ctx context.Context) error {
	number := m.work.last()
	for waits := 0; m.Migrating() && !m.work.through(number); {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		m.work.step.Lock()
		o := m.advance()
		m.work.step.Unlock()
		m.deliver()
		if o != hindered {
			waits = 0
			continue
		}
		if waits++; waits < 10 {
			runtime.Gosched()
		} else {
			time.Sleep(time.Duration(min(waits, 100)) * 10 * time.Microsecond)
		}
	}
	return nil
}

// makeRoom replaces the segment of a hash, which is crowded, by a wider one or
// by two. It reports whether it did. The caller holds the stripe, and has to
// look the segment up again.
func (m *Map[K, V]) makeRoom(h uint64) bool {
	s := m.segmentOf(h)
	if groupsIn(s.block) == smallGroups && s.next.Load() == nil {
		m.rebuild(s, roomIn(wideGroups))
		m.counts.widened.Add(1)
		return true
	}
	if !m.mayDeepen(s.depth) {
		return false
	}
	m.split(s, 0)
	return true
}

// split replaces a segment by two, each with room for the number of entries at
// least. The caller holds its stripe.
func (m *Map[K, V]) split(s *segment, entries int) {
	var scratch [wideGroups * slots]uint64
	hashes := m.hashesOf(s, scratch[:0])
	bit := uint(63 - s.depth)
	ones := 0
	for _, h := range hashes {
		ones += int(h >> bit & 1)
	}
	low := m.newSegment(s.prefix, s.depth+1, max(entries, len(hashes)-ones))
	high := m.newSegment(s.prefix|1<<bit, s.depth+1, max(entries, ones))
	m.move(s, hashes, [2]*segment{low, high}, bit)
	m.supersede([2]*segment{s}, [2]*segment{low, high})
	m.counts.split.Add(1)
}

// rebuild replaces a segment by one with room for the number of entries. The
// caller holds its stripe.
func (m *Map[K, V]) rebuild(s *segment, entries int) {
	var scratch [wideGroups * slots]uint64
	with := m.newSegment(s.prefix, s.depth, entries)
	m.move(s, m.hashesOf(s, scratch[:0]), [2]*segment{with, with}, 0)
	m.supersede([2]*segment{s}, [2]*segment{with})
}

// hashesOf appends the hashes of the entries of a segment, in the order of
// their slots.
func (m *Map[K, V]) hashesOf(s *segment, hashes []uint64) []uint64 {
	if m.fastPath() && s.next.Load() == nil {
		return m.hashesFast(s.block, hashes)
	}
	for ; s != nil; s = s.next.Load() {
		for i := range groupsIn(s.block) {
			g := m.groupAt(s.block, i)
			for u := used(atomic.LoadUint64(&g.ctrl)); u != 0; u &= u - 1 {
				hashes = append(hashes, m.hashOf(m.slotAt(g, slotOf(u))))
			}
		}
	}
	return hashes
}

// move copies the entries of a segment into one of two that no reader can reach
// yet, by a bit of their hashes.
func (m *Map[K, V]) move(s *segment, hashes []uint64, into [2]*segment, bit uint) {
	if m.fastPath() && s.next.Load() == nil {
		m.moveFast(s.block, hashes, [2]block{into[0].block, into[1].block}, bit)
		return
	}
	for ; s != nil; s = s.next.Load() {
		for i := range groupsIn(s.block) {
			g := m.groupAt(s.block, i)
			for u := used(atomic.LoadUint64(&g.ctrl)); u != 0; u &= u - 1 {
				m.adopt(into[hashes[0]>>bit&1], hashes[0], m.slotAt(g, slotOf(u)))
				hashes = hashes[1:]
			}
		}
	}
}

// supersede puts segments in the place of others, which are kept for the
// snapshots that need them and erased otherwise. The caller holds the stripes.
func (m *Map[K, V]) supersede(old, with [2]*segment) {
	before, left := m.retain(old)
	for _, s := range with {
		if s != nil {
			s.before = before
		}
	}
	m.replace(old, with)
	for _, s := range left {
		if s != nil {
			m.enqueue(task{erase: s})
		}
	}
}

// thin joins or narrows the segment of a hash, of which an entry was removed, if
// that has left its group empty and the segment is sparse. The caller holds the
// stripe.
func (m *Map[K, V]) thin(g *group, h uint64, held *stripe) {
	if used(atomic.LoadUint64(&g.ctrl)) == 0 && m.options.shrink != ShrinkNever {
		m.thinSegment(h, held)
	}
}

func (m *Map[K, V]) thinSegment(h uint64, held *stripe) {
	s := m.segmentOf(h)
	// Far enough from what makes a segment wide or split again.
	if m.spare(s) && !m.join(s, held, smallGroups*slots/2) {
		m.narrow(s, smallGroups*slots/3)
	}
}

// spare reports whether the map would have the room it was made with if the
// segment were joined or narrowed.
func (m *Map[K, V]) spare(s *segment) bool {
	if m.options.capacity <= 0 {
		return true
	}
	depth, _ := planFor(m.options.capacity)
	return s.depth > depth
}

// narrow replaces a wide segment of few entries, or one that is followed by
// others, by a small one. The caller holds its stripe.
func (m *Map[K, V]) narrow(s *segment, atMost int) bool {
	if groupsIn(s.block) == smallGroups && s.next.Load() == nil {
		return false
	}
	live := 0
	for part := s; part != nil; part = part.next.Load() {
		if live += m.live(part.block); live > atMost {
			return false
		}
	}
	m.rebuild(s, 0)
	m.counts.narrowed.Add(1)
	return true
}

// join replaces a segment and its sibling by one if both together have few
// entries. The caller holds the stripe of the segment; if that of the sibling
// is another one, join does not wait for it.
func (m *Map[K, V]) join(s *segment, held *stripe, atMost int) bool {
	if s.depth <= 1 || s.next.Load() != nil {
		return false
	}
	live := m.live(s.block)
	if live > atMost {
		return false
	}
	bit := uint64(1) << (64 - s.depth)
	sibling := m.segmentOf(s.prefix ^ bit)
	st := m.stripeOf(sibling.block, s.prefix^bit)
	if st != held {
		if !st.tryLock() {
			return false
		}
		defer st.unlock(0)
		if m.segmentOf(s.prefix^bit) != sibling {
			return false
		}
	}
	if sibling.depth != s.depth || sibling.next.Load() != nil || live+m.live(sibling.block) > atMost {
		return false
	}
	if s.prefix&bit != 0 {
		s, sibling = sibling, s
	}
	with := m.newSegment(s.prefix, s.depth-1, atMost)
	for _, half := range [2]*segment{s, sibling} {
		var scratch [wideGroups * slots]uint64
		m.move(half, m.hashesOf(half, scratch[:0]), [2]*segment{with, with}, 0)
	}
	m.supersede([2]*segment{s, sibling}, [2]*segment{with})
	m.counts.joined.Add(1)
	return true
}

// Grow makes room for n more entries, so that storing them splits hardly any
// segment. It splits one segment after the other and stops nobody for longer
// than one split takes. It returns when that is done. n is taken at its word: the
// memory, some 30 bytes an entry, is allocated. With ShrinkAuto, deletions may
// take room back that is not used.
func (m *Map[K, V]) Grow(n int) {
	if n <= 0 {
		return
	}
	if n > math.MaxInt-m.Len() {
		panic("freshmap: Grow: more entries than an int can count")
	}
	m.init()
	depth, entries := planFor(m.Len() + n)
	m.sweep(func(s *segment, _ *stripe) bool {
		switch {
		case s.depth < depth:
			m.split(s, entries)
			return true
		case s.depth == depth && entries > roomIn(groupsIn(s.block)):
			m.rebuild(s, entries)
		}
		return false
	})
}

// Shrink gives up room that the entries do not need, by joining segments. It
// stops nobody for longer than joining two takes. It returns when that is done.
// Writers that were in the way may have kept some segments from being joined.
func (m *Map[K, V]) Shrink() {
	if atomic.LoadPointer(&m.root) == nil {
		return
	}
	for joined := true; joined; {
		joined = false
		m.sweep(func(s *segment, st *stripe) bool {
			if m.spare(s) && (s.prefix<<(s.depth-1)>>63 == 0 && m.join(s, st, roomIn(smallGroups)) ||
				m.narrow(s, roomIn(smallGroups))) {
				joined = true
			}
			return false
		})
	}
}

// sweep adds a task that calls f for each segment, in the order of their
// hashes, with its stripe held, and again for the same range as long as f asks
// for it. It returns when that has been done.
func (m *Map[K, V]) sweep(f func(*segment, *stripe) (again bool)) {
	var at uint64
	m.enqueue(task{run: func() outcome {
		s := m.segmentOf(at)
		st := m.stripeOf(s.block, at)
		if !st.tryLock() {
			return hindered
		}
		defer st.unlock(0)
		if s = m.segmentOf(at); m.stripeOf(s.block, at) != st || f(s, st) {
			return more
		}
		if at = m.segmentOf(at).end(); at == 0 {
			return finished
		}
		return more
	}})
	m.deliver()
	_ = m.Fence(context.Background())
}

// Clear removes all entries at one moment. What it has removed is erased in
// steps afterwards. It stops writers while it allocates an empty table, which in
// a map made WithCapacity has that capacity.
func (m *Map[K, V]) Clear() {
	if atomic.LoadPointer(&m.root) == nil {
		return
	}
	m.lockAll()
	m.structure.Lock()
	old := m.directory.Load()
	m.install(m.emptyDirectory())
	m.keepReserve(m.segments)
	m.structure.Unlock()
	m.retireAll(old)
	for i := range m.stripes {
		st := &m.stripes[i]
		st.state.Add(int64(-st.entries()) * stripeEntry)
	}
	m.unlockAll()
	m.deliver()
}

// eraseAll returns a task that erases the segments of a directory which nobody
// uses any more but readers that are late, without those born before an epoch.
func (m *Map[K, V]) eraseAll(d *directory, from uint64) task {
	s := d.segment(0)
	t := task{erase: s}
	return task{run: func() outcome {
		if s.born >= from && m.eraseStep(&t) == more {
			return more
		}
		end := s.end()
		if end == 0 {
			return finished
		}
		s = d.segment(end)
		t = task{erase: s}
		return more
	}}
}

// Wipe clears the map and erases all memory that has held its entries before it
// returns, but for that of open snapshots, which is erased when they are closed.
// What keys and values point to is not the map's: strings and slices are only
// let go, and so are the boxes of keys and values that do not fit a slot.
func (m *Map[K, V]) Wipe() {
	m.Clear()
	_ = m.Fence(context.Background())
}

// Len returns the number of entries. While writers run, it may count some of
// their changes and miss others.
func (m *Map[K, V]) Len() int {
	if atomic.LoadPointer(&m.root) == nil {
		return 0
	}
	n := 0
	for i := range m.stripes {
		n += m.stripes[i].entries()
	}
	return max(n, 0)
}
