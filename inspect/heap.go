package inspect

import (
	"errors"
	"fmt"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// Target is a program whose memory can be read. Its methods must not be called
// concurrently.
type Target struct {
	Image *gobinary.Image
	Name  string // "process 4321"

	bias uint64 // what to add to a linked address
	mem  *cache
	raw  memory
	heap heap

	child *child   // that we started, nil if it was there before
	stop  *stopper // nil if it must not be stopped

	found gobinary.Variable // the heap of an image without symbols, once it was searched for

	workers int // that read at a time; 0 means as many as there are CPUs, up to maxWorkers
	flood   int // see copier.flood
}

// heap is what the runtime keeps of its spans (runtime/mheap.go). It may be
// used concurrently, since it is not changed after readSpans.
type heap struct {
	spans []span   // in use, by address
	first uint64   // page that index begins with
	index []int32  // by page: the number of its span and 1 more, 0 if it has none; nil if pages are far apart
	stack []region // spans of stacks, in no order
}

type span struct {
	base, end uint64
	elem      uint64 // bytes of an object
	n         uint64 // objects
	free      uint64 // index of the first that may be free
	alloc     uint64 // address of a bitmap of the others; a set bit is an object
	used      uint64 // objects, those among them that are garbage and were not swept yet
	noscan    bool
	large     uint64 // type descriptor, of a large object; 0 if unknown
}

// layout reads fields of a struct by name.
type layout struct {
	t   *gobinary.Type
	err error
}

func (t *Target) layout(name string) layout {
	if typ, ok := t.Image.Type(name); ok {
		return layout{t: typ}
	}
	return layout{t: &gobinary.Type{Name: name}, err: fmt.Errorf("%s (%s): its DWARF has no type %s", t.Image.Path, t.Image.Version, name)}
}

// need returns a field's place; the first that is missing, or lies outside of
// the struct, becomes l.err.
func (l *layout) need(name string) gobinary.Field {
	f, ok := l.t.Field(name)
	switch {
	case l.err != nil:
	case !ok:
		l.err = fmt.Errorf("struct %s has no field %s: this Go release is not known to ghostread", l.t.Name, name)
	case l.t.Size > maxStruct || f.Offset < 0 || f.Type.Size <= 0 || f.Type.Size > l.t.Size || f.Offset > l.t.Size-f.Type.Size:
		l.err = fmt.Errorf("the DWARF says that %s, of %d bytes, has %d bytes of %s at %d: it is damaged", l.t.Name, l.t.Size, f.Type.Size, name, f.Offset)
	}
	if !ok || l.err != nil {
		f.Type = &gobinary.Type{}
	}
	return f
}

// maxStruct bounds the structs of the runtime. A group of the largest keys and
// elements that are kept in a map has 2 KB, mheap has some hundred KB.
const maxStruct = 1 << 24

// probe looks whether the memory is that of the image: the version string of
// the runtime has to be there.
func (t *Target) probe() error {
	if t.Image.Bare != nil {
		return t.probeBare()
	}
	v, ok := t.Image.Global("runtime.buildVersion")
	if !ok {
		return fmt.Errorf("%s: its DWARF has no runtime.buildVersion", t.Image.Path)
	}
	header := make([]byte, 16)
	if err := t.raw.read([][]byte{header}, []uint64{v.Addr + t.bias}); errors.Is(err, errRefused) || errors.Is(err, errGone) {
		return fmt.Errorf("%s: %w", t.Name, err)
	}
	text := make([]byte, min(u64(header, 8), 256))
	if t.raw.read([][]byte{text}, []uint64{u64(header, 0)}) != nil || string(text) != t.Image.Version {
		return fmt.Errorf("%s does not run %s: where that has its version, %s, is something else; give the executable that it runs with --exe", t.Name, t.Image.Path, t.Image.Version)
	}
	return nil
}

// refresh begins another look at the target: it learns which addresses there
// are, gives the budget for stops anew, and rereads.
func (t *Target) refresh() error {
	if err := t.raw.refresh(); err != nil {
		return err
	}
	if t.stop != nil {
		t.stop.begin()
	}
	return t.reread()
}

// reread forgets what was read of the target and reads its list of spans.
func (t *Target) reread() error {
	t.mem = newCache(t.raw)
	err := t.readSpans()
	for n := 1; err != nil && n < Tries && !t.steady(); n++ { // the program may have moved the list meanwhile
		t.mem = newCache(t.raw)
		if again := t.raw.refresh(); again != nil {
			return again
		}
		err = t.readSpans()
	}
	if c, ok := t.raw.(*core); ok && err != nil && c.cut > 0 {
		c.spanless, t.heap = true, heap{} // a walk along pointers is possible without
		return nil
	}
	return err
}

// Constants of runtime/mheap.go, Go 1.20 to 1.27.
const (
	spanInUse = 1
	spanStack = 2 // mSpanManual: of stacks, mostly
	noscanBit = 1
	pageBytes = 8192
	maxSpans  = 1 << 26 // 512 GB in spans of one page
	maxSpan   = 1 << 20 // bytes of one with several objects: much more than any size class has
)

// readSpans reads the list of spans.
func (t *Target) readSpans() error {
	mheap, err := t.mheap()
	if err != nil {
		return err
	}
	h := layout{t: mheap.Type}
	all := h.need("allspans")
	s := t.layout("runtime.mspan")
	start, pages, elem, n := s.need("startAddr"), s.need("npages"), s.need("elemsize"), s.need("nelems")
	state, class, free, alloc := s.need("state"), s.need("spanclass"), s.need("freeindex"), s.need("allocBits")
	if h.err != nil {
		return h.err
	}
	if s.err != nil {
		return s.err
	}
	used, hasUsed := s.t.Field("allocCount")
	large, hasLarge := s.t.Field("largeType")
	hasLarge = hasLarge && large.Offset >= 0 && large.Offset <= s.t.Size-8
	for _, f := range []gobinary.Field{start, pages, elem, alloc} {
		if f.Type.Size != 8 {
			return fmt.Errorf("the DWARF says that %s of runtime.mspan has %d bytes: it is damaged", f.Name, f.Type.Size)
		}
	}
	if all.Type.Size != 24 {
		return fmt.Errorf("the DWARF says that allspans of runtime.mheap has %d bytes: it is damaged", all.Type.Size)
	}
	header := t.mem.bytes(mheap.Addr+t.bias+uint64(all.Offset), 24)
	if header == nil {
		return errors.New("the list of the heap's spans cannot be read")
	}
	at, count := u64(header, 0), u64(header, 8)
	if count > maxSpans {
		return fmt.Errorf("a heap of %d spans, more than there can be", count)
	}
	t.heap = heap{spans: make([]span, 0, min(count, 1<<20))}
	var verify []uint64
	for i := range count {
		p, ok := t.mem.word(at + 8*i)
		if !ok {
			return fmt.Errorf("the list of the heap's spans ends after %d of %d: the program allocated too much meanwhile; try again, or with --stop", i, count)
		}
		if t.Image.Bare != nil && t.Image.Bare.Layout != t.Image.Version {
			verify = append(verify, p)
		}
		b := t.mem.bytes(p, int(s.t.Size))
		if b != nil && u8(b, state.Offset) == spanStack {
			from := u64(b, start.Offset)
			t.heap.stack = append(t.heap.stack, region{from, from + u64(b, pages.Offset)*pageBytes})
		}
		if b == nil || u8(b, state.Offset) != spanInUse {
			continue // freed meanwhile, a stack, or not a span any more
		}
		sp := span{
			base: u64(b, start.Offset), elem: u64(b, elem.Offset), n: number(b, n.Offset, n.Type.Size),
			free: number(b, free.Offset, free.Type.Size), alloc: u64(b, alloc.Offset), noscan: u8(b, class.Offset)&noscanBit != 0,
		}
		size := u64(b, pages.Offset) * pageBytes
		if sp.end = sp.base + size; sp.end < sp.base || sp.elem == 0 || sp.n > size/sp.elem || sp.n > 1 && size > maxSpan {
			continue // torn
		}
		if hasUsed {
			sp.used = min(number(b, used.Offset, used.Type.Size), sp.n)
		}
		if hasLarge {
			sp.large = u64(b, large.Offset)
		}
		t.heap.spans = append(t.heap.spans, sp)
	}
	if verify != nil {
		if err := t.verify(verify); err != nil {
			return err
		}
	}
	list := t.heap.spans
	t.heap.spans = sorted(list, make([]span, len(list)), func(s *span) (uint64, int32) { return s.base, 0 })
	t.heap.number()
	return nil
}

// maxIndex bounds the pages of an index: 256 GB of heap.
const maxIndex = 1 << 25

// number makes the index, unless most of it would be empty.
func (h *heap) number() {
	if len(h.spans) == 0 {
		return
	}
	const sparse = 16
	used, top := uint64(0), uint64(0)
	for i := range h.spans {
		used += (h.spans[i].end - h.spans[i].base) / pageBytes
		top = max(top, h.spans[i].end/pageBytes)
	}
	h.first = h.spans[0].base / pageBytes
	pages := top - h.first
	if pages > maxIndex || pages > sparse*used+1<<16 {
		return
	}
	h.index = make([]int32, pages)
	at := uint64(0)
	for i := range h.spans {
		// Spans that overlap were torn.
		for at = max(at, h.spans[i].base/pageBytes-h.first); at < h.spans[i].end/pageBytes-h.first; at++ {
			h.index[at] = int32(i) + 1
		}
	}
}

// span returns the span that has addr, nil if none is in use there. It takes
// O(1) time, and O(log spans) where the heap's pages are far apart.
func (h *heap) span(addr uint64) *span {
	if h.index != nil {
		if i := addr/pageBytes - h.first; i < uint64(len(h.index)) && h.index[i] > 0 {
			if s := &h.spans[h.index[i]-1]; s.base <= addr && addr < s.end {
				return s
			}
		}
		return nil
	}
	lo, hi := 0, len(h.spans)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if h.spans[mid].end <= addr {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == len(h.spans) || addr < h.spans[lo].base {
		return nil
	}
	return &h.spans[lo]
}

// object returns where the object around addr begins and ends; ok is false if
// there is none on the heap.
func (h *heap) object(addr uint64) (base, end uint64, ok bool) {
	s := h.span(addr)
	if s == nil {
		return 0, 0, false
	}
	i := (addr - s.base) / s.elem
	if i >= s.n {
		return 0, 0, false
	}
	base = s.base + i*s.elem
	return base, base + s.elem, true
}

// mallocHeader is how many bytes in front of some objects have their type (Go
// 1.22 and later).
const mallocHeader = 8

// size returns the bytes that the allocation at addr takes, and n where it is
// not on the heap.
func (h *heap) size(addr, n uint64) uint64 {
	if base, end, ok := h.object(addr); ok && (base == addr || base+mallocHeader == addr) {
		return end - base
	}
	return n
}
