package inspect

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// walk goes from the package variables to all maps that typed pointers reach.
type walk struct {
	t      *Target
	arena  arena
	pieces []piece // that were copied of the map that is being read
	second []byte  // for reading them again
	claims []claim // small maps that are to be compared with what is there now
	kept   []byte  // what they were read as
	shapes map[*gobinary.Type]*shape
	plans  map[*gobinary.Type]*plan
	reach  map[*gobinary.Type]bool
	seen   words
	maps   map[uint64]*found
	paths  paths
	queue  []item    // of the next level
	todo   []mapItem // likewise
	lost   Lost
}

func newWalk(t *Target) *walk {
	w := &walk{t: t, plans: map[*gobinary.Type]*plan{}, shapes: map[*gobinary.Type]*shape{}, seen: words{}, maps: map[uint64]*found{}}
	w.paths.index = map[pathKey]int32{}
	return w
}

// found is a map and where it was met first.
type found struct {
	Map
	path int32
}

// Lost counts what a census could not follow.
type Lost struct {
	Unsafe   int // unsafe.Pointers, behind which there may be anything
	Types    int // interfaces that hold a type which the DWARF does not have
	Closures int // functions whose captured variables are not described (before Go 1.23)
	Memory   int // pointers to memory that could not be read
	Layouts  int // maps whose type has a layout that is not known
}

// item is n values of one type that are to be looked at.
type item struct {
	addr uint64
	n    uint64
	plan *plan
	path int32
}

// mapItem is a map that is to be read.
type mapItem struct {
	addr uint64
	t    *gobinary.Type
	path int32
}

// plan says where a type has words to follow.
type plan struct {
	t     *gobinary.Type
	size  int64
	words []word
}

type word struct {
	off   int64
	kind  reflect.Kind // Pointer, Slice, Interface, Map, Chan, Func, UnsafePointer; Array for a long one
	iface bool         // of interfaces: with methods, so that the first word is an itab
	t     *gobinary.Type
	elem  *gobinary.Type // what a Pointer or Slice leads to, the element of an Array
	label string         // ".cache" for the field
}

// size is how many bytes of the word's surroundings it takes to follow it.
func (x *word) size() int64 {
	switch x.kind {
	case reflect.Slice, reflect.Interface:
		return 16
	}
	return 8
}

// shortArray is how many elements of an array are written out in a plan.
const shortArray = 16

func (w *walk) plan(t *gobinary.Type) *plan {
	if p := w.plans[t]; p != nil {
		return p
	}
	p := &plan{t: t, size: t.Size}
	w.plans[t] = p
	w.flatten(p, t, 0, "", 0)
	return p
}

// maxNesting bounds structs in structs; those of a Go program end much earlier.
const maxNesting = 1 << 8

func (w *walk) flatten(p *plan, t *gobinary.Type, off int64, label string, depth int) {
	if t == nil || depth > maxNesting || !w.reach[t] {
		return
	}
	add := func(x word) {
		x.off, x.t, x.label = off, t, label
		p.words = append(p.words, x)
	}
	switch t.Kind {
	case reflect.Struct:
		if t.Is("sync/atomic.Pointer") {
			if elem := t.TypeArgument(); elem != nil {
				add(word{kind: reflect.Pointer, elem: elem})
				p.words[len(p.words)-1].off = off + t.Size - 8
				return
			}
		}
		for _, f := range t.Fields {
			name := label
			if !f.Embedded && f.Name != "_" {
				name += "." + f.Name
			}
			w.flatten(p, f.Type, off+f.Offset, name, depth+1)
		}
	case reflect.Array:
		if t.Elem == nil {
			return
		}
		if t.Len > shortArray {
			add(word{kind: reflect.Array, elem: t.Elem})
			return
		}
		for i := range t.Len {
			w.flatten(p, t.Elem, off+i*t.Elem.Size, label+"[]", depth+1)
		}
	case reflect.Pointer, reflect.Slice:
		add(word{kind: t.Kind, elem: t.Elem})
	case reflect.Interface:
		add(word{kind: t.Kind, iface: !w.empty(t)})
	case reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		add(word{kind: t.Kind})
	}
}

// empty reports whether an interface type has no methods, so that its first
// word is a type and not an itab.
func (w *walk) empty(t *gobinary.Type) bool { return t.Impl != nil && t.Impl.Name == "runtime.eface" }

// reaches marks the types from which there may be a way to a map.
func (w *walk) reaches(types []*gobinary.Type) {
	from := map[*gobinary.Type][]*gobinary.Type{}
	var todo []*gobinary.Type
	for _, t := range types {
		switch t.Kind {
		case reflect.Map, reflect.Interface, reflect.Func, reflect.UnsafePointer:
			todo = append(todo, t)
		}
		for _, f := range t.Fields {
			from[f.Type] = append(from[f.Type], t)
		}
		if t.Elem != nil {
			from[t.Elem] = append(from[t.Elem], t)
		}
		if t.Key != nil {
			from[t.Key] = append(from[t.Key], t)
		}
		if arg := t.TypeArgument(); arg != nil {
			from[arg] = append(from[arg], t)
		}
	}
	w.reach = map[*gobinary.Type]bool{}
	for len(todo) > 0 {
		t := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if w.reach[t] {
			continue
		}
		w.reach[t] = true
		todo = append(todo, from[t]...)
	}
}

// roots queues the package variables. Those of the runtime itself are left
// out: what they reach is the runtime's, or reached from elsewhere too.
func (w *walk) roots() {
	for _, v := range w.t.Image.Globals {
		if strings.HasPrefix(v.Name, "runtime.") || strings.HasPrefix(v.Name, "internal/runtime/") || strings.HasPrefix(v.Name, "go:") {
			continue
		}
		w.push(v.Addr+w.t.bias, 1, v.Type, w.paths.root(v.Name, v.Type))
	}
}

// push queues n values of type t at addr, if there is anything to follow.
func (w *walk) push(addr, n uint64, t *gobinary.Type, path int32) {
	if addr == 0 || n == 0 || t == nil || !w.reach[t] {
		return
	}
	if p := w.plan(t); len(p.words) > 0 && w.fits(addr, n, p.size) {
		w.queue = append(w.queue, item{addr, n, p, path})
	}
}

// chunk is how much of an array is looked at in one piece.
const chunk = blockBytes

// run follows all that is queued, one level of pointers after the other and
// each in the order of addresses, so that memory is copied in long runs.
func (w *walk) run() error {
	for len(w.queue)+len(w.todo) > 0 {
		level, maps := w.queue, w.todo
		w.queue, w.todo = nil, nil
		slices.SortFunc(maps, func(a, b mapItem) int { return cmp.Or(cmp.Compare(a.addr, b.addr), cmp.Compare(a.path, b.path)) })
		for _, m := range maps {
			w.meet(m.t, m.addr, m.path)
			if w.t.mem.err != nil {
				return w.t.mem.err
			}
		}
		w.settle()
		slices.SortFunc(level, func(a, b item) int { return cmp.Or(cmp.Compare(a.addr, b.addr), cmp.Compare(a.path, b.path)) })
		for i, it := range level {
			if i > 0 && it.addr == level[i-1].addr && it.plan == level[i-1].plan && it.n <= level[i-1].n {
				continue
			}
			if err := w.look(it); err != nil {
				return err
			}
		}
	}
	return nil
}

// look scans the values of an item.
func (w *walk) look(it item) error {
	per := max(chunk/it.plan.size, 1)
	for i := uint64(0); i < it.n; {
		n := min(uint64(per), it.n-i)
		at := it.addr + i*uint64(it.plan.size)
		b := w.t.mem.bytes(at, int(n)*int(it.plan.size))
		if w.t.mem.err != nil {
			return w.t.mem.err
		}
		if b == nil {
			w.lost.Memory++
			return nil
		}
		// What is found on the way reads through the same cache.
		b = append(w.arena.scan[:0], b...)
		w.arena.scan = b
		for k := range n {
			off := int64(k) * it.plan.size
			w.scan(it.plan, b[off:off+it.plan.size], at+uint64(off), it.path)
		}
		i += n
	}
	return nil
}

// scan follows the words of one value, whose bytes are b.
func (w *walk) scan(p *plan, b []byte, addr uint64, path int32) {
	for i := range p.words {
		x := &p.words[i]
		if x.off < 0 || x.off+x.size() > int64(len(b)) {
			continue // the DWARF is damaged
		}
		if u64(b, x.off) == 0 || x.kind != reflect.Array && x.kind != reflect.UnsafePointer && !w.seen.add(addr+uint64(x.off)) {
			continue
		}
		w.follow(x, b, addr, path)
	}
}

// follow follows one word of the value whose bytes are b.
func (w *walk) follow(x *word, b []byte, addr uint64, path int32) {
	v := u64(b, x.off)
	switch x.kind {
	case reflect.Pointer:
		w.push(v, 1, x.elem, w.paths.child(path, x.label, x.elem))
	case reflect.Slice:
		if n := u64(b, x.off+8); x.elem != nil {
			w.push(v, n, x.elem, w.paths.child(path, x.label+"[]", x.elem))
		}
	case reflect.Array:
		w.push(addr+uint64(x.off), uint64(x.t.Len), x.elem, w.paths.child(path, x.label+"[]", x.elem))
	case reflect.Interface:
		w.interfaces(x, v, u64(b, x.off+8), path)
	case reflect.Map:
		w.todo = append(w.todo, mapItem{v, x.t, w.paths.child(path, x.label, x.t)})
	case reflect.Chan:
		w.channel(x.t, v, w.paths.child(path, x.label+"<-", x.t.Elem))
	case reflect.Func:
		w.closure(v, path, x.label)
	case reflect.UnsafePointer:
		if _, _, ok := w.t.heap.object(v); ok {
			w.lost.Unsafe++
		}
	}
}

// fits reports whether n elements of size bytes at addr are inside of one
// object, or in the data of the executable.
func (w *walk) fits(addr, n uint64, size int64) bool {
	if size <= 0 || n > 1<<48/uint64(size) {
		return false
	}
	return n*uint64(size) <= w.t.room(addr)
}

// dynamic returns the type of what an interface holds. The first word of one
// with methods is an itab, whose second word is the type (runtime/iface.go).
func (w *walk) dynamic(methods bool, tab uint64) (*gobinary.Type, bool) {
	if methods {
		const itabType = 8
		var ok bool
		if tab, ok = w.t.mem.word(tab + itabType); !ok {
			return nil, false
		}
	}
	return w.t.Image.Runtime(tab - w.t.bias)
}

// interfaces follows what an interface holds.
func (w *walk) interfaces(x *word, tab, data uint64, path int32) {
	if data == 0 {
		return
	}
	t, ok := w.dynamic(x.iface, tab)
	if !ok {
		w.lost.Types++
		return
	}
	if !w.reach[t] {
		return
	}
	to := w.paths.child(path, x.label+".("+t.Name+")", t)
	if !t.Direct() {
		w.push(data, 1, t, to)
		return
	}
	// The data word is the value itself, and was marked as seen by the caller.
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], data)
	p := w.plan(t)
	for i := range p.words {
		w.follow(&p.words[i], b[:], 0, to)
	}
}

// channel follows what is in the buffer of a channel.
func (w *walk) channel(t *gobinary.Type, addr uint64, path int32) {
	if t.Elem == nil || t.Impl == nil || !w.reach[t.Elem] || t.Elem.Size == 0 {
		return
	}
	l := layout{t: t.Impl}
	size, buf := l.need("dataqsiz"), l.need("buf")
	if l.err != nil {
		w.lost.Layouts++
		return
	}
	b := w.t.mem.bytes(addr, int(t.Impl.Size))
	if b == nil {
		w.lost.Memory++
		return
	}
	// Slots without a message are zero.
	if n, at := u64(b, size.Offset), u64(b, buf.Offset); n > 0 && w.fits(at, n, t.Elem.Size) {
		w.push(at, n, t.Elem, path)
	}
}

// closure follows what a function value has captured.
func (w *walk) closure(addr uint64, path int32, label string) {
	if _, _, ok := w.t.heap.object(addr); !ok {
		return // a function without variables is in the executable
	}
	pc, ok := w.t.mem.word(addr)
	if !ok {
		w.lost.Memory++
		return
	}
	list, ok := w.t.Image.Closure(pc - w.t.bias)
	if !ok || len(list) == 0 {
		w.lost.Closures++
		return
	}
	for _, c := range list {
		if c.Type != nil {
			w.push(addr+uint64(c.Offset), 1, c.Type, w.paths.child(path, label+".func("+c.Name+")", c.Type))
		}
	}
}

// shape is the layout of the maps of one type, of either kind.
type shape struct {
	swiss   *swiss
	classic *classic
	slots   []slotField
	stride  int64
}

// shape returns the layout of t, which is looked up once.
func (w *walk) shape(t *gobinary.Type) *shape {
	if s, ok := w.shapes[t]; ok {
		return s
	}
	s := new(shape)
	var err error
	if t.Impl == nil {
		s = nil
	} else if _, ok := t.Impl.Field("dirPtr"); ok {
		if s.swiss, err = swissOf(t); err == nil {
			s.slots, s.stride = s.swiss.slots, s.swiss.group
		}
	} else if s.classic, err = classicOf(t); err == nil {
		s.slots, s.stride = s.classic.slots, s.classic.bucket
	}
	if err != nil {
		s = nil
	}
	w.shapes[t] = s
	return s
}

// live reports whether slot i of a group or bucket has an entry.
func (s *shape) live(b []byte, i int) bool {
	if s.swiss != nil {
		return b[s.swiss.ctrl+int64(i)]&0x80 == 0
	}
	return b[s.classic.tophash+int64(i)] >= minTopHash
}

// meet reads a map that was not met before, and queues what is in it.
func (w *walk) meet(t *gobinary.Type, addr uint64, path int32) {
	if w.maps[addr] != nil {
		return
	}
	s := w.shape(t)
	if s == nil {
		w.lost.Layouts++
		return
	}
	f := &found{Map: Map{Addr: addr, Type: t}, path: path}
	w.maps[addr] = f
	if !w.small(f, s) {
		w.read(f, s)
	}
}

// read copies a map and looks at its entries.
func (w *walk) read(f *found, s *shape) {
	if s.swiss != nil {
		w.entries(f, s, w.readSwiss(s.swiss, &f.Map))
	} else {
		w.entries(f, s, w.readClassic(s.classic, &f.Map))
	}
}

// entries scans keys and elements of a map that was copied.
func (w *walk) entries(f *found, s *shape, pieces []piece) {
	for _, slot := range s.slots {
		if !w.reach[slot.t] {
			continue
		}
		p := w.plan(slot.t)
		label := "[]"
		if slot.key {
			label = "[key]"
		}
		to := w.paths.child(f.path, label, slot.t)
		for _, piece := range pieces {
			for at := int64(0); at+s.stride <= int64(len(piece.data)); at += s.stride {
				b := piece.data[at : at+s.stride]
				for i := range groupSlots {
					if off := slot.off + int64(i)*slot.stride; s.live(b, i) && off >= 0 && p.size >= 0 && off <= s.stride-p.size {
						w.scan(p, b[off:off+p.size], piece.addr+uint64(at+off), to)
					}
				}
			}
		}
	}
}

// claim is a small map that was read from the cache and has to be compared with
// what is there now.
type claim struct {
	f      *found
	s      *shape
	pieces [2]piece
}

// small reads a map that has one group or bucket, from the cache. Whether it is
// consistent is decided for many of them with one system call. It returns false
// for other maps, and for those whose parts do not agree.
func (w *walk) small(f *found, s *shape) bool {
	size, at := int64(0), int64(0)
	if s.swiss != nil {
		size, at = s.swiss.size, s.swiss.dirPtr
	} else {
		size, at = s.classic.size, s.classic.buckets
	}
	b := w.t.mem.bytes(f.Addr, int(size))
	if b == nil {
		return false
	}
	c := claim{f: f, s: s}
	c.pieces[0] = w.claimed(f.Addr, b)
	head := c.pieces[0].data
	m := f.Map
	m.Tries, m.Bytes = 1, w.t.heap.size(f.Addr, uint64(size))
	if s.swiss != nil {
		m.Entries = u64(head, s.swiss.used)
		if u64(head, s.swiss.dirLen) != 0 || u8(head, s.swiss.writing) != 0 {
			return false
		}
	} else {
		m.Classic, m.Entries = true, u64(head, s.classic.count)
		if u8(head, s.classic.b) != 0 || u8(head, s.classic.flags)&flagWriting != 0 || u64(head, s.classic.oldbuckets) != 0 {
			return false
		}
	}
	full := uint64(0)
	if body := u64(head, at); body != 0 {
		if b = w.t.mem.bytes(body, int(s.stride)); b == nil {
			return false
		}
		c.pieces[1] = w.claimed(body, b)
		b = c.pieces[1].data
		m.Slots = groupSlots
		m.Bytes += w.t.heap.size(body, uint64(s.stride))
		if s.swiss != nil {
			full, m.Tombstones = control(b[s.swiss.ctrl : s.swiss.ctrl+groupSlots])
		} else if full = topHashes(b[s.classic.tophash : s.classic.tophash+groupSlots]); u64(b, s.classic.overflow) != 0 {
			return false
		}
	}
	if full != m.Entries {
		return false
	}
	f.Map = m
	if body := c.pieces[1]; body.data != nil {
		w.entries(f, s, c.pieces[1:])
	}
	if w.claims = append(w.claims, c); len(w.claims) == maxVector/2 {
		w.settle()
	}
	return true
}

// claimed copies what is in the cache.
func (w *walk) claimed(addr uint64, b []byte) piece {
	at := len(w.kept)
	w.kept = append(w.kept, b...)
	return piece{addr, w.kept[at:len(w.kept):len(w.kept)]}
}

// settle compares small maps with what is there now, and reads those again that
// have changed.
func (w *walk) settle() {
	claims := w.claims
	w.claims, w.kept = nil, nil
	var bufs [][]byte
	var addrs []uint64
	for i := range claims {
		for _, p := range claims[i].pieces {
			if p.data != nil {
				bufs, addrs = append(bufs, make([]byte, len(p.data))), append(addrs, p.addr)
			}
		}
	}
	if len(bufs) == 0 {
		return
	}
	failed := w.t.raw.read(bufs, addrs) != nil
	for i := range claims {
		c := &claims[i]
		same := !failed
		for _, p := range c.pieces {
			if p.data != nil {
				same = same && bytes.Equal(p.data, bufs[0])
				bufs = bufs[1:]
			}
		}
		if c.f.Consistent = same; !same {
			c.f.Map = Map{Addr: c.f.Addr, Type: c.f.Type}
			w.read(c.f, c.s)
		}
	}
}

// arena is memory for the copies of one map.
type arena struct {
	buf  []byte
	n    int
	scan []byte
}

func (a *arena) reset() { a.n = 0 }

func (a *arena) take(n int) []byte {
	if a.n+n > len(a.buf) {
		a.buf = make([]byte, max(2*len(a.buf), n, 1<<16))
		a.n = 0
	}
	b := a.buf[a.n : a.n+n : a.n+n]
	a.n += n
	return b
}

func (l Lost) String() string {
	var parts []string
	for _, x := range []struct {
		n    int
		what string
	}{
		{l.Unsafe, "unsafe.Pointers to the heap"}, {l.Types, "interfaces with types that the DWARF does not have"},
		{l.Closures, "functions whose captured variables are not described"}, {l.Memory, "pointers to memory that could not be read"},
		{l.Layouts, "maps and channels with a layout that is not known"},
	} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	return strings.Join(parts, ", ")
}
