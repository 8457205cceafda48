package inspect

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// probeBare looks whether the memory is that of an image without DWARF: its
// build id has to be there, and its module data as it is once it is loaded.
func (t *Target) probeBare() error {
	b := t.Image.Bare
	other := fmt.Errorf("%s does not run %s: give the executable that it runs with --exe", t.Name, t.Image.Path)
	if n := len(b.Note); n > 0 {
		got := make([]byte, n)
		err := t.raw.read([][]byte{got}, []uint64{b.BuildID.Addr + t.bias})
		if errors.Is(err, errRefused) || errors.Is(err, errGone) {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		if err == nil && !bytes.Equal(got, b.Note) { // a core file may not have it
			return other
		}
	}
	module, ok := t.Image.Type("runtime.moduledata")
	if !ok {
		return other
	}
	addr, want := b.Module(t.bias, module)
	got := make([]byte, len(want))
	if err := t.raw.read([][]byte{got}, []uint64{addr}); errors.Is(err, errRefused) || errors.Is(err, errGone) {
		return fmt.Errorf("%s: %w", t.Name, err)
	} else if err != nil || !bytes.Equal(got, want) {
		return other
	}
	return nil
}

// bareNote says what a program without DWARF is read by.
func (t *Target) bareNote() string {
	b := t.Image.Bare
	verified := ""
	if b.Layout != t.Image.Version {
		verified = ", verified against this memory,"
	}
	return fmt.Sprintf("no DWARF: structs of the runtime are as %s has them%s and types as the runtime describes them; most owners, and types of small maps, cannot be told", b.Layout, verified)
}

// spanCheck knows what holds of every span (runtime/mheap.go, Go 1.20 to 1.27).
type spanCheck struct {
	size                                             int64
	start, pages, limit, elem, n, state, class, free gobinary.Field
	elems                                            map[byte]uint64 // object sizes by class
}

func (t *Target) spanCheck() (*spanCheck, error) {
	l := t.layout("runtime.mspan")
	c := &spanCheck{size: l.t.Size, elems: map[byte]uint64{}}
	c.start, c.pages, c.limit, c.elem = l.need("startAddr"), l.need("npages"), l.need("limit"), l.need("elemsize")
	c.n, c.state, c.class, c.free = l.need("nelems"), l.need("state"), l.need("spanclass"), l.need("freeindex")
	return c, l.err
}

// ok reports whether b may be a span.
func (c *spanCheck) ok(b []byte) bool {
	const maxState, maxClass, maxPages = 2, 68 << 1, 1 << 35
	start, pages, limit := u64(b, c.start.Offset), u64(b, c.pages.Offset), u64(b, c.limit.Offset)
	state := u8(b, c.state.Offset)
	if state > maxState {
		return false
	}
	if state == 0 {
		return true // free: what it was is left
	}
	if start == 0 || start%pageBytes != 0 || pages == 0 || pages > maxPages {
		return false
	}
	if state != spanInUse {
		return true // a stack, or of the runtime
	}
	elem, n, free := u64(b, c.elem.Offset), number(b, c.n.Offset, c.n.Type.Size), number(b, c.free.Offset, c.free.Type.Size)
	class := byte(u8(b, c.class.Offset))
	if limit < start || limit > start+pages*pageBytes || elem == 0 || n == 0 || n > pages*pageBytes/elem || free > n || class >= maxClass {
		return false
	}
	if class >>= 1; class == 0 {
		return n == 1
	}
	if c.elems[class] == 0 {
		c.elems[class] = elem
	}
	return c.elems[class] == elem
}

// mheap returns the runtime's heap: by its symbol, or else it is searched for in
// the data, by its list of spans.
func (t *Target) mheap() (gobinary.Variable, error) {
	if v, ok := t.Image.Global("runtime.mheap_"); ok {
		return v, nil
	}
	if t.Image.Bare == nil {
		return gobinary.Variable{}, fmt.Errorf("%s: its DWARF has no runtime.mheap_", t.Image.Path)
	}
	if t.found.Type != nil {
		return t.found, nil
	}
	typ, ok := t.Image.Type("runtime.mheap")
	if !ok {
		return gobinary.Variable{}, fmt.Errorf("%s: the layout of its heap is not known", t.Image.Path)
	}
	h := layout{t: typ}
	all := uint64(h.need("allspans").Offset)
	if h.err != nil {
		return gobinary.Variable{}, h.err
	}
	var list []uint64
	err := t.static(func(at uint64, b []byte) {
		for off := 0; off+24 <= len(b); off += 8 {
			if t.spanList(binary.LittleEndian.Uint64(b[off:]), binary.LittleEndian.Uint64(b[off+8:]), binary.LittleEndian.Uint64(b[off+16:])) {
				list = append(list, at+uint64(off))
			}
		}
	})
	if err != nil {
		return gobinary.Variable{}, err
	}
	if len(list) != 1 {
		return gobinary.Variable{}, fmt.Errorf("%s: %s has no symbol table, and %d places in its data look like the list of spans of %s instead of one: give the executable before it was stripped with --exe", t.Name, t.Image.Path, len(list), t.Image.Bare.Layout)
	}
	t.found = gobinary.Variable{Name: "runtime.mheap_", Addr: list[0] - all - t.bias, Type: typ}
	return t.found, nil
}

// staticPiece is how much of the data is looked at at a time; pieces overlap by
// the largest thing that is looked for.
const (
	staticPiece   = 1 << 20
	staticOverlap = 32
)

// static hands out the data of the executable, its variables.
func (t *Target) static(do func(at uint64, b []byte)) error {
	buf := make([]byte, staticPiece)
	for _, r := range t.Image.Bare.Data {
		for at := r.From; at < r.To; at += staticPiece - staticOverlap {
			b := buf[:min(staticPiece, r.To-at)&^7]
			if err := t.raw.read([][]byte{b}, []uint64{at + t.bias}); errors.Is(err, errGone) {
				return err
			} else if err == nil {
				do(at+t.bias, b)
			}
			if r.To-at <= staticPiece {
				break
			}
		}
	}
	return nil
}

// spanList reports whether a slice is one of pointers to spans.
func (t *Target) spanList(at, n, capacity uint64) bool {
	const sample = 64
	if at == 0 || at&7 != 0 || n < 4 || n > capacity || capacity > maxSpans || t.room(at) < 8*n {
		return false
	}
	c, err := t.spanCheck()
	if err != nil {
		return false
	}
	used, bad := 0, 0
	for i := uint64(0); i < n; i += max(n/sample, 1) {
		p, ok := t.mem.word(at + 8*i)
		if !ok || p == 0 || p&7 != 0 {
			return false
		}
		b := t.mem.bytes(p, int(c.size))
		if b == nil {
			return false
		}
		if !c.ok(b) {
			if bad++; bad > 1 {
				return false // one may be torn
			}
		} else if u8(b, c.state.Offset) == spanInUse {
			used++
		}
	}
	return used > 0
}

// verify checks all spans against what holds of them. It is for layouts of
// another patch release than that of the program.
func (t *Target) verify(spans []uint64) error {
	c, err := t.spanCheck()
	if err != nil {
		return err
	}
	bad := 0
	for _, p := range spans {
		if b := t.mem.bytes(p, int(c.size)); b == nil || !c.ok(b) {
			bad++
		}
	}
	if bad > 1+len(spans)/1000 || len(spans) == 0 {
		return fmt.Errorf("%s: the layouts of %s are not known, and those of %s do not fit: %d of %d spans make no sense; build it without -ldflags=-w or -s, or give the executable before it was stripped with --exe",
			t.Name, t.Image.Version, t.Image.Bare.Layout, bad, len(spans))
	}
	return nil
}

// boxedValue is an interface that was met in memory by its type.
type boxedValue struct {
	at   uint64 // of the interface
	t    *gobinary.Type
	data uint64
}

// maxBoxed bounds the interfaces that are followed in an image without DWARF.
const maxBoxed = 1 << 19

// bare holds what was met in the memory of a program without DWARF.
type bare struct {
	boxed  []boxedValue
	more   int // that were left out
	seen   map[boxedValue]bool
	no     map[uint64]bool   // addresses among the types that are none
	owners map[uint64]string // package variables by what they point to
}

// learn looks for interfaces in the heap and in package variables: a pair of a
// type, or an itab, and of an object that has the size of its values. They say
// of which type it is where nothing else does.
func (w *walk) learn() error {
	k := &bare{seen: map[boxedValue]bool{}, no: map[uint64]bool{}, owners: map[uint64]string{}}
	w.bare = k
	image := w.t.Image.Bare
	err := w.t.static(func(at uint64, b []byte) {
		for off := 0; off+16 <= len(b); off += 8 {
			v := binary.LittleEndian.Uint64(b[off:])
			if v == 0 {
				continue
			}
			k.pair(w, at+uint64(off), v, binary.LittleEndian.Uint64(b[off+8:]))
			if base, end, ok := w.t.heap.object(v); ok && base == v && end-base <= 64 && k.owners[v] == "" {
				name, over := image.At(at + uint64(off) - w.t.bias)
				switch {
				case name == "":
					name = fmt.Sprintf("package variable at %#x", at+uint64(off))
				case over > 0:
					name = fmt.Sprintf("%s+%d", name, over)
				}
				k.owners[v] = name
			}
		}
	})
	if err != nil {
		return err
	}
	buf := make([]byte, staticPiece)
	for i := range w.t.heap.spans {
		s := &w.t.heap.spans[i]
		if s.noscan {
			continue
		}
		for at := s.base; at < s.end; at += staticPiece {
			b := buf[:min(staticPiece, s.end-at)]
			if err := w.t.raw.read([][]byte{b}, []uint64{at}); errors.Is(err, errGone) {
				return err
			} else if err != nil {
				continue
			}
			for off := uint64(0); off+16 <= uint64(len(b)); off += 8 {
				v := binary.LittleEndian.Uint64(b[off:])
				if k.is(w, v) && w.t.allocated(s, min((at+off-s.base)/s.elem, s.n)) {
					k.pair(w, at+off, v, binary.LittleEndian.Uint64(b[off+8:]))
				}
			}
		}
	}
	return nil
}

// is reports whether v may be the first word of an interface.
func (k *bare) is(w *walk, v uint64) bool {
	v -= w.t.bias
	b := w.t.Image.Bare
	return b.Types.Has(v, 8) || b.ItabRange.Has(v, 8) && b.Itabs[v] != nil
}

// pair looks at two words that may be an interface.
func (k *bare) pair(w *walk, at, v, data uint64) {
	v -= w.t.bias
	var t *gobinary.Type
	if w.t.Image.Bare.ItabRange.Has(v, 8) {
		t = w.t.Image.Bare.Itabs[v]
	}
	if t == nil {
		if !w.t.Image.Bare.Types.Has(v, 8) || k.no[v] {
			return
		}
		var ok bool
		if t, ok = w.t.Image.Describe(v); !ok {
			k.no[v] = true
			return
		}
	}
	elem := t
	switch t.Kind {
	case reflect.Pointer:
		elem = t.Elem
	case reflect.Map, reflect.Chan:
		if elem = t.Impl; elem == nil {
			return
		}
	case reflect.Struct, reflect.Slice, reflect.Array, reflect.Interface:
	default:
		return
	}
	if elem == nil || t.Kind != reflect.Pointer && t.Kind != reflect.Map && t.Kind != reflect.Chan && t.Direct() || !w.tight(data, elem.Size) {
		return
	}
	b := boxedValue{0, t, data}
	if k.seen[b] {
		return
	}
	if len(k.boxed) >= maxBoxed {
		k.more++
		return
	}
	k.seen[b] = true
	b.at = at
	k.boxed = append(k.boxed, b)
}

// tight reports whether a value of size bytes at addr would be an object by
// itself: not larger than it, and by no more smaller than size classes are apart.
func (w *walk) tight(addr uint64, size int64) bool {
	base, end, ok := w.t.heap.object(addr)
	if !ok || size <= 0 || base != addr && (base+mallocHeader != addr || end-base <= headed) {
		return false
	}
	n := uint64(size) + addr - base
	return n <= end-base && (end-base-n <= n/4+16 || end-base > 32<<10 && end-base-n < 2*pageBytes)
}

// boxes queues the interfaces that learn has met.
func (w *walk) boxes() {
	root := w.paths.root("an interface", nil)
	for _, b := range w.bare.boxed {
		path := root
		if _, _, ok := w.t.heap.object(b.at); !ok {
			name, over := w.t.Image.Bare.At(b.at - w.t.bias)
			if name == "" {
				name = fmt.Sprintf("package variable at %#x", b.at)
			} else if over > 0 {
				name = fmt.Sprintf("%s+%d", name, over)
			}
			path = w.paths.root(name, nil)
		}
		path = w.paths.child(path, ".("+b.t.Name+")", b.t)
		switch b.t.Kind {
		case reflect.Pointer:
			w.push(b.data, 1, b.t.Elem, path)
		case reflect.Map:
			if s := w.shape(b.t); s != nil && w.mapLike(s, b.data) {
				w.todo = append(w.todo, mapItem{b.data, s.number, path})
			}
		case reflect.Chan:
			if p := w.channel(b.t); p != nil {
				w.queue = items(w.queue, b.data, 1, p, path)
			}
		default:
			w.push(b.data, 1, b.t, path)
		}
	}
	w.lost.Types += w.bare.more
	w.bare.boxed, w.bare.seen = nil, nil
}
