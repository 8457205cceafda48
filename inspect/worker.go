package inspect

import (
	"encoding/binary"
	"reflect"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// A task is some of the items or maps of a level, next to each other, and what
// was found there. Tasks do not depend on how many workers there are, and what
// they found is joined in their order: so owners do not depend on it either.
type task struct {
	from, to int
	items    []item
	maps     []mapItem
	big      []mapItem // that are to be read one by one
	late     []mapItem // that did not settle
	closures []item    // that are followed later
	paths    branch
	lost     Lost
}

func (k *task) reset(p *paths, from, to int) {
	k.from, k.to, k.lost = from, to, Lost{}
	k.items, k.maps, k.big, k.late, k.closures = k.items[:0], k.maps[:0], k.big[:0], k.late[:0], k.closures[:0]
	k.paths.of = p
	k.paths.reset()
}

// manyItems is up to how many the room of a task is kept for.
const manyItems = 1 << 14

// release gives back the room of a large task.
func (k *task) release() {
	if cap(k.items) > manyItems {
		k.items = nil
	}
	if cap(k.maps) > manyItems {
		k.maps = nil
	}
	if cap(k.closures) > manyItems {
		k.closures = nil
	}
}

// worker looks at the tasks of a level that it gets hold of.
type worker struct {
	copier
	*task
	w      *walk
	serial int // counts tasks
	plans  map[*gobinary.Type]*plan
	ways   map[way]*leads
	last   *leads
	boxes  map[box]*boxed
	itabs  map[uint64]*gobinary.Type
	groups map[groupKey]*Group
	group  *Group // that was added to last
	key    groupKey
	maps   []found
	torn   int

	scanned batch
	list    []copying
	found   []piece
}

// way is a path and what is at its end.
type way struct {
	path int32
	plan *plan
}

// leads says where the words of a way's plan lead to. Those with a path that is
// of a task hold for this task.
type leads struct {
	way
	serial int
	to     []lead
}

// lead is what a word leads to.
type lead struct {
	known bool
	path  int32
	plan  *plan  // nil if there is nothing to follow
	shape *shape // of a map
}

// box is an interface with what is in it.
type box struct {
	path int32
	x    *word
	t    *gobinary.Type
}

// boxed is what an interface leads to; if its path is of a task, for this task.
type boxed struct {
	lead
	serial int
}

func newWorker(w *walk) *worker {
	return &worker{
		copier: copier{t: w.t, flood: w.t.flood}, w: w, plans: map[*gobinary.Type]*plan{}, ways: map[way]*leads{}, boxes: map[box]*boxed{},
		itabs: map[uint64]*gobinary.Type{}, groups: map[groupKey]*Group{},
	}
}

// begin takes a task.
func (k *worker) begin(t *task) {
	k.task = t
	k.serial++
}

// planOf is walk.plan with less waiting; nil if there is nothing to follow.
func (k *worker) planOf(t *gobinary.Type) *plan {
	if p, ok := k.plans[t]; ok {
		return p
	}
	var p *plan
	if t != nil && k.w.reach[t] {
		if p = k.w.plan(t); len(p.words) == 0 {
			p = nil
		}
	}
	k.plans[t] = p
	return p
}

// lead returns what word i of a plan leads to.
func (k *worker) lead(path int32, p *plan, i int) lead {
	if path < none {
		return k.find(path, &p.words[i])
	}
	l := k.last
	if l == nil || l.path != path || l.plan != p {
		at := way{path, p}
		if l = k.ways[at]; l == nil {
			l = &leads{way: at, to: make([]lead, len(p.words))}
			k.ways[at] = l
		}
		k.last = l
	}
	if l.serial != k.serial {
		for i := range l.to {
			if l.to[i].path < none {
				l.to[i] = lead{}
			}
		}
		l.serial = k.serial
	}
	if !l.to[i].known {
		l.to[i] = k.find(path, &p.words[i])
	}
	return l.to[i]
}

func (k *worker) find(path int32, x *word) lead {
	l := lead{known: true, path: none}
	switch x.kind {
	case reflect.Map:
		if l.shape = k.w.shape(x.t); l.shape != nil {
			l.path = k.paths.child(path, x.label, x.t)
		}
	case reflect.Chan:
		if l.plan = k.w.channel(x.t); l.plan != nil {
			l.path = k.paths.child(path, x.label+"<-", x.t.Elem)
		}
	case reflect.Func:
		l.plan, l.path = k.w.closure(), k.paths.child(path, x.label, nil)
	default:
		switch l.plan = k.planOf(x.elem); {
		case l.plan == nil:
		case x.label == "" && ofPool(x.elem):
			l.path = path // all parts of a pool are one owner
		default:
			l.path = k.paths.child(path, x.label, x.elem)
		}
	}
	return l
}

// look scans what is at the items of the task.
func (k *worker) look(level []item, plans []*plan) {
	level = level[k.from:k.to]
	k.scanned.reset()
	for i := range level {
		if it := &level[i]; i == 0 || !it.same(&level[i-1]) {
			k.scanned.add(it.addr, int(it.n)*int(plans[it.plan].size))
		}
	}
	if k.scanned.fetch(k.t.raw) != nil {
		k.gone = true
		return
	}
	data := k.scanned.data
	for i := range level {
		it := &level[i]
		if i > 0 && it.same(&level[i-1]) {
			continue
		}
		b := data[0]
		data = data[1:]
		p := plans[it.plan]
		switch {
		case b == nil:
			k.lost.Memory++
		case p.what == planChannel:
			k.channel(p, b, it)
		case p.what == planClosure:
			k.closure(b, it)
		case p.what == planNode:
			k.node(p, b, it)
		default:
			for n := range int64(it.n) {
				off := n * p.size
				k.scan(p, b[off:off+p.size], it.addr+uint64(off), it.path)
			}
		}
	}
}

// same reports whether there is nothing at b that is not at a, before it.
func (b *item) same(a *item) bool { return a.addr == b.addr && a.plan == b.plan && b.n <= a.n }

// scan follows the words of one value, whose bytes are b.
func (k *worker) scan(p *plan, b []byte, addr uint64, path int32) {
	for i := range p.words {
		x := &p.words[i]
		if x.off < 0 || x.off+x.size() > int64(len(b)) {
			continue // the DWARF is damaged
		}
		// Words that somebody sees as unsafe.Pointer may be of a type elsewhere.
		if x.kind != reflect.Array && x.kind != reflect.UnsafePointer && !k.w.seen.add(addr+uint64(x.off)) {
			continue
		}
		if v := binary.LittleEndian.Uint64(b[x.off:]); v != 0 || x.kind == reflect.Array {
			k.follow(p, i, v, b, addr, path)
		}
	}
}

// follow follows word i of the value whose bytes are b. The word is v.
func (k *worker) follow(p *plan, i int, v uint64, b []byte, addr uint64, path int32) {
	x := &p.words[i]
	switch x.kind {
	case reflect.Pointer:
		k.push(v, 1, k.lead(path, p, i))
	case reflect.Slice:
		k.push(v, u64(b, x.off+8), k.lead(path, p, i))
	case reflect.Array:
		k.push(addr+uint64(x.off), uint64(x.t.Len), k.lead(path, p, i))
	case reflect.Interface:
		k.interfaces(x, v, u64(b, x.off+8), path)
	case reflect.Map:
		if l := k.lead(path, p, i); l.shape != nil {
			k.task.maps = append(k.task.maps, mapItem{v, l.shape.number, l.path})
		} else {
			k.lost.Layouts++
		}
	case reflect.Chan:
		if l := k.lead(path, p, i); l.plan != nil {
			k.push(v, 1, l)
		}
	case reflect.Func:
		if _, _, ok := k.t.heap.object(v); ok || k.w.onStack(v) { // a function without variables is in the executable
			if l := k.lead(path, p, i); k.w.calls {
				k.push(v, 1, l)
			} else if !k.done(v, l.plan) {
				k.task.closures = items(k.task.closures, v, 1, l.plan, l.path)
			}
		}
	case reflect.UnsafePointer:
		if _, _, ok := k.t.heap.object(v); ok {
			k.lost.Unsafe++
		}
	}
}

// push queues n values at addr, unless all of their words were followed.
func (k *worker) push(addr, n uint64, l lead) {
	if l.plan == nil || addr == 0 || n == 0 || n == 1 && k.done(addr, l.plan) || !k.w.fits(addr, n, l.plan.size) {
		return
	}
	k.items = items(k.items, addr, n, l.plan, l.path)
}

// done reports whether there is nothing at addr that was not followed.
func (k *worker) done(addr uint64, p *plan) bool {
	if p.what != planValue {
		return k.w.seen.has(addr)
	}
	if p.arrays {
		return false
	}
	some := false
	for i := range p.words {
		if x := &p.words[i]; x.kind != reflect.UnsafePointer {
			if some = true; !k.w.seen.has(addr + uint64(x.off)) {
				return false
			}
		}
	}
	return some
}

// interfaces follows what an interface holds.
func (k *worker) interfaces(x *word, tab, data uint64, path int32) {
	if data == 0 {
		return
	}
	t, ok := k.dynamic(x.iface, tab)
	if !ok {
		k.lost.Types++
		return
	}
	if !k.w.reach[t] {
		return
	}
	at := box{path, x, t}
	l := k.boxes[at]
	if path < none || l == nil || l.path < none && l.serial != k.serial {
		l = &boxed{serial: k.serial}
		l.path = k.paths.child(path, x.label+".("+t.Name+")", t)
		if t.Direct() {
			l.plan = k.w.plan(t)
		} else {
			l.plan = k.planOf(t)
		}
		if path > none {
			k.boxes[at] = l
		}
	}
	if !t.Direct() {
		k.push(data, 1, l.lead)
		return
	}
	// The data word is the value itself, and was marked as seen by the caller.
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], data)
	for i := range l.plan.words {
		k.follow(l.plan, i, data, b[:], 0, l.path)
	}
}

// dynamic is walk.dynamic, which remembers itabs.
func (k *worker) dynamic(methods bool, tab uint64) (*gobinary.Type, bool) {
	if !methods {
		return k.t.Image.Runtime(tab - k.t.bias)
	}
	if t, ok := k.itabs[tab]; ok {
		return t, t != nil
	}
	const itabType = 8
	var b [8]byte
	var t *gobinary.Type
	if k.t.raw.read([][]byte{b[:]}, []uint64{tab + itabType}) == nil {
		t, _ = k.t.Image.Runtime(binary.LittleEndian.Uint64(b[:]) - k.t.bias)
	}
	k.itabs[tab] = t
	return t, t != nil
}

// channel returns the plan of a channel of type t, nil if there is nothing to
// follow.
func (w *walk) channel(t *gobinary.Type) *plan {
	if t.Elem == nil || t.Impl == nil || !w.reach[t.Elem] || t.Elem.Size == 0 {
		return nil
	}
	w.lock.Lock()
	defer w.lock.Unlock()
	if p := w.channels[t]; p != nil {
		return p
	}
	p := w.number(&plan{t: t, what: planChannel, size: t.Impl.Size, words: []word{{t: t, elem: t.Elem}}})
	w.channels[t] = p
	return p
}

// channel follows what is in the buffer of a channel, whose header is b.
func (k *worker) channel(p *plan, b []byte, it *item) {
	if !k.w.seen.add(it.addr) {
		return
	}
	l := layout{t: p.t.Impl}
	size, buf := l.need("dataqsiz"), l.need("buf")
	if l.err != nil {
		k.lost.Layouts++
		return
	}
	// Slots without a message are zero.
	if elem := k.planOf(p.t.Elem); elem != nil {
		k.push(u64(b, buf.Offset), u64(b, size.Offset), lead{plan: elem, path: it.path})
	}
}

// closure returns the plan of a function value's object.
func (w *walk) closure() *plan {
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.function == nil {
		w.function = w.number(&plan{what: planClosure, size: 8})
	}
	return w.function
}

// closure follows what a function value has captured. Its first word is the
// address of its code.
func (k *worker) closure(b []byte, it *item) {
	if !k.w.seen.add(it.addr) {
		return
	}
	list, ok := k.t.Image.Closure(binary.LittleEndian.Uint64(b) - k.t.bias)
	if !ok || len(list) == 0 {
		k.lost.Closures++
		return
	}
	for _, c := range list {
		if p := k.planOf(c.Type); p != nil {
			k.push(it.addr+uint64(c.Offset), 1, lead{plan: p, path: k.paths.child(it.path, ".func("+c.Name+")", c.Type)})
		}
	}
}
