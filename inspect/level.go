package inspect

import (
	"bytes"
	"cmp"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// Bounds of a task.
const (
	taskItems = 1 << 12
	taskBytes = 1 << 18
	taskMaps  = 1 << 10
)

// maxWorkers bounds how many look at a level at a time, and with them their
// memory.
const maxWorkers = 8

// run follows all that is queued, one level of pointers after the other and
// each in the order of addresses, so that memory is copied in long runs.
func (w *walk) run() error {
	for len(w.queue)+len(w.todo) > 0 {
		if err := w.readMaps(); err != nil {
			return err
		}
		if err := w.readItems(); err != nil {
			return err
		}
	}
	return nil
}

// readMaps reads the maps that are queued and were not met before.
func (w *walk) readMaps() error {
	list := w.todo
	w.todo = nil
	list = sorted(list, make([]mapItem, len(list)), func(m *mapItem) (uint64, int32) { return m.addr, m.path })
	list = slices.DeleteFunc(list, func(m mapItem) bool { return !w.seen.add(m.addr) })
	n := 0
	for from := 0; from < len(list); from += taskMaps {
		w.task(n).reset(&w.paths, from, min(from+taskMaps, len(list)))
		n++
	}
	if err := w.spread(n, func(k *worker) { k.small(list[k.from:k.to]) }); err != nil {
		return err
	}
	var big []mapItem
	for i := range w.tasks[:n] {
		big = append(big, w.tasks[i].big...)
	}
	for i := range big {
		w.task(i).reset(&w.paths, i, i+1)
	}
	return w.spread(len(big), func(k *worker) { k.large(big[k.from]) })
}

// readItems looks at the values that are queued.
func (w *walk) readItems() error {
	if len(w.queue) == 0 {
		return nil
	}
	level := w.queue
	if cap(w.spare) < len(level) {
		w.spare = make([]item, len(level)+len(level)/4)
	}
	list := sorted(level, w.spare[:len(level)], func(it *item) (uint64, int32) { return it.addr, it.path })
	n, from, size, end := 0, 0, uint64(0), uint64(0)
	for i := range list {
		it := &list[i]
		// Values that overlap are of one task, so that it is certain which of them
		// is looked at first.
		if it.addr >= end && (i-from >= taskItems || size >= taskBytes) {
			w.task(n).reset(&w.paths, from, i)
			n++
			from, size = i, 0
		}
		bytes := uint64(it.n) * uint64(w.numbers[it.plan].size)
		size += bytes
		end = max(end, it.addr+bytes)
	}
	w.task(n).reset(&w.paths, from, len(list))
	plans := w.numbers // while workers add to them
	// One of the two is the room for the next level.
	w.queue = level[:0]
	if len(list) > 0 && &list[0] == &level[0] {
		w.queue = w.spare[:0]
		w.spare = level
	} else {
		w.spare = list[:cap(list)]
	}
	return w.spread(n+1, func(k *worker) { k.look(list, plans) })
}

// task returns the room for task i.
func (w *walk) task(i int) *task {
	if i == len(w.tasks) {
		w.tasks = append(w.tasks, task{})
	}
	return &w.tasks[i]
}

// spread has the first n tasks done, and queues what they found.
func (w *walk) spread(n int, do func(*worker)) error {
	if n == 0 {
		return nil
	}
	if w.workers == nil {
		for range cmp.Or(w.t.workers, min(runtime.GOMAXPROCS(0), maxWorkers)) {
			w.workers = append(w.workers, newWorker(w))
		}
	}
	var next atomic.Int64
	work := func(k *worker) {
		for i := int(next.Add(1)) - 1; i < n && !k.gone; i = int(next.Add(1)) - 1 {
			k.begin(&w.tasks[i])
			do(k)
		}
	}
	var all sync.WaitGroup
	for _, k := range w.workers[1:min(n, len(w.workers))] {
		all.Go(func() { work(k) })
	}
	work(w.workers[0])
	all.Wait()
	for _, k := range w.workers {
		if k.gone {
			return errGone
		}
	}
	for i := range w.tasks[:n] {
		t := &w.tasks[i]
		t.paths.join()
		for _, it := range t.items {
			it.path = t.paths.joined(it.path)
			w.queue = append(w.queue, it)
		}
		for _, m := range t.maps {
			m.path = t.paths.joined(m.path)
			w.todo = append(w.todo, m)
		}
		w.lost.add(&t.lost)
	}
	return nil
}

// collected gathers what the workers know of the maps that they read.
func (w *walk) collected() {
	for _, k := range w.workers {
		for key, g := range k.groups {
			if to := w.groups[key]; to != nil {
				to.join(g)
			} else {
				w.groups[key] = g
			}
		}
		w.maps = append(w.maps, k.maps...)
		w.torn += k.torn
	}
	w.workers = nil
}

// sorted returns a list by address and then path; what has both in common stays
// in its order. The result is in list or in spare, which is as long. It takes
// O(n) time: a radix sort, that leaves out digits which are the same everywhere.
func sorted[T any](list, spare []T, key func(*T) (uint64, int32)) []T {
	const digit, few = 11, 256
	if len(list) < few {
		slices.SortStableFunc(list, func(a, b T) int {
			x, p := key(&a)
			y, q := key(&b)
			return cmp.Or(cmp.Compare(x, y), cmp.Compare(p, q))
		})
		return list
	}
	differ := uint64(0)
	first, _ := key(&list[0])
	for i := range list {
		addr, _ := key(&list[i])
		differ |= addr ^ first
	}
	for shift := 0; shift < 64; shift += digit {
		const mask = 1<<digit - 1
		if differ>>shift&mask == 0 {
			continue
		}
		var at [1 << digit]int
		for i := range list {
			addr, _ := key(&list[i])
			at[addr>>shift&mask]++
		}
		sum := 0
		for d, n := range at {
			at[d] = sum
			sum += n
		}
		for i := range list {
			addr, _ := key(&list[i])
			d := addr >> shift & mask
			spare[at[d]] = list[i]
			at[d]++
		}
		list, spare = spare, list
	}
	for from := 0; from < len(list); {
		addr, path := key(&list[from])
		to, ordered := from+1, true
		for ; to < len(list); to++ {
			a, p := key(&list[to])
			if a != addr {
				break
			}
			ordered, path = ordered && path <= p, p
		}
		if !ordered {
			slices.SortStableFunc(list[from:to], func(a, b T) int {
				_, p := key(&a)
				_, q := key(&b)
				return cmp.Compare(p, q)
			})
		}
		from = to
	}
	return list
}

// claim is a small map that was read, and is to be compared with what is there
// now.
type claim struct {
	m    mapItem
	now  Map
	head []byte
	body []byte // nil if it has none
	at   uint64
}

// small reads maps that have one group or bucket: the headers of all, the groups
// of all, and both again. What is not so, or has changed in between, is left to
// be read by itself.
func (k *worker) small(list []mapItem) {
	k.heads.reset()
	for _, m := range list {
		k.heads.add(m.addr, int(k.w.known[m.shape].header()))
	}
	if k.heads.fetch(k.t.raw) != nil {
		k.gone = true
		return
	}
	k.claims, k.order, k.task.big = k.claims[:0], k.order[:0], k.task.big[:0]
	for i, m := range list {
		c := claim{m: m, head: k.heads.data[i]}
		if !k.header(&c) {
			k.task.big = append(k.task.big, m)
			continue
		}
		if c.at != 0 {
			k.order = append(k.order, int32(len(k.claims)))
		}
		k.claims = append(k.claims, c)
	}
	slices.SortFunc(k.order, func(a, b int32) int { return cmp.Compare(k.claims[a].at, k.claims[b].at) })
	k.bodies.reset()
	for _, i := range k.order {
		c := &k.claims[i]
		k.bodies.add(c.at, int(k.w.known[c.m.shape].stride))
	}
	k.heads2.reset()
	for i := range k.claims {
		k.heads2.add(k.claims[i].m.addr, len(k.claims[i].head))
	}
	k.bodies2.want = append(k.bodies2.want[:0], k.bodies.want...)
	for _, b := range []*batch{&k.bodies, &k.heads2, &k.bodies2} {
		if b.fetch(k.t.raw) != nil {
			k.gone = true
			return
		}
	}
	for n, i := range k.order {
		c := &k.claims[i]
		if c.body = k.bodies.data[n]; !bytes.Equal(c.body, k.bodies2.data[n]) {
			c.body = nil
		}
	}
	for i := range k.claims {
		c := &k.claims[i]
		s := k.w.known[c.m.shape]
		if !bytes.Equal(c.head, k.heads2.data[i]) || c.at != 0 && c.body == nil || !c.count(s) {
			k.task.big = append(k.task.big, c.m)
			continue
		}
		c.now.Consistent, c.now.Tries = true, 1
		k.met(&c.now, c.m.path)
		if c.at != 0 {
			k.one = append(k.one[:0], piece{c.at, c.body})
			k.entries(c.m.path, s, k.one)
		}
	}
}

// header reads the header of a small map. It returns false for other maps.
func (k *worker) header(c *claim) bool {
	s := k.w.known[c.m.shape]
	if c.head == nil {
		return false
	}
	c.now = Map{Addr: c.m.addr, Type: s.t, Bytes: k.t.heap.size(c.m.addr, uint64(len(c.head)))}
	if s.swiss != nil {
		c.now.Entries, c.at = u64(c.head, s.swiss.used), u64(c.head, s.swiss.dirPtr)
		if u64(c.head, s.swiss.dirLen) != 0 || u8(c.head, s.swiss.writing) != 0 {
			return false
		}
	} else {
		c.now.Classic = true
		c.now.Entries, c.at = u64(c.head, s.classic.count), u64(c.head, s.classic.buckets)
		if u8(c.head, s.classic.b) != 0 || u8(c.head, s.classic.flags)&flagWriting != 0 || u64(c.head, s.classic.oldbuckets) != 0 {
			return false
		}
	}
	if c.at == 0 {
		return c.now.Entries == 0
	}
	if s.stride <= 0 || uint64(s.stride) > k.t.room(c.at) {
		return false
	}
	c.now.Bytes += k.t.heap.size(c.at, uint64(s.stride))
	return true
}

// count counts the slots of a small map. It returns false if they do not agree
// with the header, or if there are more.
func (c *claim) count(s *shape) bool {
	if c.at == 0 {
		return true
	}
	full := uint64(0)
	if c.now.Slots = groupSlots; s.swiss != nil {
		full, c.now.Tombstones = control(c.body[s.swiss.ctrl : s.swiss.ctrl+groupSlots])
	} else if full = topHashes(c.body[s.classic.tophash : s.classic.tophash+groupSlots]); u64(c.body, s.classic.overflow) != 0 {
		return false
	}
	return full == c.now.Entries
}

// large reads a map by itself.
func (k *worker) large(m mapItem) {
	s := k.w.known[m.shape]
	now := Map{Addr: m.addr, Type: s.t}
	var pieces []piece
	if s.swiss != nil {
		pieces = k.readSwiss(s.swiss, &now)
	} else {
		pieces = k.readClassic(s.classic, &now)
	}
	k.met(&now, m.path)
	k.entries(m.path, s, pieces)
}

// groupKey is what the maps of a Group have in common.
type groupKey struct {
	path int32
	t    *gobinary.Type
}

// met counts a map that was read.
func (k *worker) met(m *Map, path int32) {
	if !m.Consistent {
		k.torn++
	}
	if k.w.keep {
		k.maps = append(k.maps, found{*m, path})
		return
	}
	if key := (groupKey{path, m.Type}); k.group == nil || k.key != key {
		if k.group = k.groups[key]; k.group == nil {
			k.group = new(Group)
			k.groups[key] = k.group
		}
		k.key = key
	}
	k.group.add(m)
}

// entries scans keys and elements of a map that was copied.
func (k *worker) entries(path int32, s *shape, pieces []piece) {
	for n, f := range s.slots {
		l := k.lead(path, &s.entries, n)
		if l.plan == nil {
			continue
		}
		size := l.plan.size
		for _, piece := range pieces {
			for at := int64(0); at+s.stride <= int64(len(piece.data)); at += s.stride {
				b := piece.data[at : at+s.stride]
				for i := range groupSlots {
					if off := f.off + int64(i)*f.stride; s.live(b, i) && off >= 0 && size >= 0 && off <= s.stride-size {
						k.scan(l.plan, b[off:off+size], piece.addr+uint64(at+off), l.path)
					}
				}
			}
		}
	}
}
