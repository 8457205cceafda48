package inspect

import (
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

// again reads the maps that did not settle: what is known of the heap's objects
// may be older than they are. Then they count as they are.
func (w *walk) again() error {
	list := w.late
	if w.late = nil; len(list) == 0 {
		return nil
	}
	if err := w.t.raw.refresh(); err != nil {
		return err
	}
	if err := w.t.reread(); err != nil {
		return err
	}
	w.last = true
	defer func() { w.last = false }()
	for i := range list {
		w.task(i).reset(&w.paths, i, i+1)
	}
	if err := w.spread(len(list), func(k *worker) { k.large(list[k.from]) }); err != nil {
		return err
	}
	return w.run()
}

// functions follows what function values have captured. It comes late: that a
// callback in some registry leads to a server is true, but no name for what the
// server has, if its objects say of which type they are.
func (w *walk) functions() error {
	w.calls = true
	w.queue = append(w.queue, w.closures...)
	w.closures = nil
	return w.run()
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
		for range w.t.hands() {
			w.workers = append(w.workers, newWorker(w))
		}
	}
	if !divided(n, len(w.workers), func(hand, i int) bool {
		k := w.workers[hand]
		k.begin(&w.tasks[i])
		do(k)
		return !k.gone
	}) {
		return errGone
	}
	items, maps := 0, 0
	for i := range w.tasks[:n] {
		items += len(w.tasks[i].items)
		maps += len(w.tasks[i].maps)
	}
	w.queue, w.todo = slices.Grow(w.queue, items), slices.Grow(w.todo, maps)
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
		for _, it := range t.closures {
			it.path = t.paths.joined(it.path)
			w.closures = append(w.closures, it)
		}
		for _, m := range t.late {
			m.path = t.paths.joined(m.path)
			w.late = append(w.late, m)
		}
		w.lost.add(&t.lost)
		t.release()
	}
	return nil
}

// hands returns how many goroutines look at something large.
func (t *Target) hands() int { return cmp.Or(t.workers, min(runtime.GOMAXPROCS(0), maxWorkers)) }

// divided calls do with each number below n, by as many goroutines as hands
// says; each of them has the number that it gives do, from 0 on. It returns false
// if do did: then some numbers may be left out.
func divided(n, hands int, do func(hand, i int) bool) bool {
	var next atomic.Int64
	var failed atomic.Bool
	work := func(hand int) {
		for i := int(next.Add(1)) - 1; i < n && !failed.Load(); i = int(next.Add(1)) - 1 {
			if !do(hand, i) {
				failed.Store(true)
			}
		}
	}
	var all sync.WaitGroup
	for hand := 1; hand < min(n, hands); hand++ {
		all.Go(func() { work(hand) })
	}
	work(0)
	all.Wait()
	return !failed.Load()
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

// mapBytes is up to how large maps are copied together with others.
const mapBytes = 1 << 14

// small reads maps that are not large, all of them at a time. Those that have
// changed meanwhile, and large ones, are left to be read by themselves.
func (k *worker) small(list []mapItem) {
	for len(k.list) < len(list) {
		k.list = append(k.list, copying{})
	}
	for i, m := range list {
		s := k.w.known[m.shape]
		k.list[i].start(Map{Addr: m.addr, Type: s.t}, s.swiss, s.classic)
	}
	if k.copy(k.list[:len(list)], mapBytes); k.gone {
		return
	}
	for i, m := range list {
		r := &k.list[i]
		if !r.ok {
			k.big = append(k.big, m)
			continue
		}
		r.now.Consistent, r.now.Tries = true, 1
		k.met(&r.now, m.path)
		k.found = k.kept(k.found[:0], r)
		k.entries(m.path, k.w.known[m.shape], k.found)
	}
}

// large reads a map by itself.
func (k *worker) large(m mapItem) {
	s := k.w.known[m.shape]
	now := Map{Addr: m.addr, Type: s.t}
	k.copier.later = !k.w.last && !k.t.Still()
	k.looker = &follower{k, m.path, s}
	defer func() { k.looker = nil }()
	var pieces []piece
	if s.swiss != nil {
		pieces = k.readSwiss(s.swiss, &now)
	} else {
		pieces = k.readClassic(s.classic, &now)
	}
	if k.gone {
		return
	}
	switch {
	case !now.Consistent && k.copier.later:
		k.late = append(k.late, m)
		return
	case !now.plausible:
		k.lost.Reused++
		return
	}
	k.met(&now, m.path)
	k.entries(m.path, s, pieces)
	k.copier.release()
}

// follower follows what is in a map that is copied piece by piece.
type follower struct {
	k     *worker
	path  int32
	shape *shape
}

func (f *follower) begin(*copying, int) {}

func (f *follower) look(_ int, p *section, data []byte) {
	f.k.found = append(f.k.found[:0], piece{p.addr, data})
	f.k.entries(f.path, f.shape, f.k.found)
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
