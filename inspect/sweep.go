package inspect

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// headed is the size from which on an object with pointers has its type in
// front of it, or in its span if it has one of its own (runtime/mbitmap.go,
// heapBitsInSpan; Go 1.22 to 1.27).
const headed = 512

// kin is the objects of one type.
type kin struct {
	t    *gobinary.Type
	body bool     // a part of a map or of a pool
	all  int      // how many there are, with those that were led to
	at   []uint64 // those that were not
	n    []uint64 // values at each
}

// sweep looks at the objects of the heap that say of which type they are and
// that nothing has led to: those that goroutine stacks lead to, directly or not,
// and garbage of the last cycle. Types of which there are few come first: a
// server owns its clients, and not the other way round. So does it what the
// stacks of its goroutines lead to, which are others each time; groups and
// buckets own nothing before that, nor do the parts of pools.
func (w *walk) sweep(list []*kin, bodies bool) error {
	for _, k := range list {
		if k.body != bodies {
			continue
		}
		if err := w.adopt(k); err != nil {
			return err
		}
	}
	return nil
}

// sweepSpans is how many spans are looked at with few system calls.
const sweepSpans = 1 << 7

// headed returns the objects that have a type which may lead to a map, none
// before Go 1.22. Those of the runtime itself, goroutines among them, are left
// out, as its variables are.
func (w *walk) headed() (list []*kin, err error) {
	if _, ok := w.t.layout("runtime.mspan").t.Field("largeType"); !ok {
		return nil, nil
	}
	of := map[*gobinary.Type]*kin{}
	note := func(at, end, descriptor uint64) {
		t, ok := w.t.Image.Runtime(descriptor - w.t.bias)
		if !ok || !w.reach[t] || t.Size <= 0 || ofRuntime(strings.TrimLeft(t.Name, "*[]")) {
			return
		}
		p := w.plan(t)
		if len(p.words) == 0 {
			return
		}
		k := of[t]
		if k == nil {
			k = &kin{t: t, body: strings.HasPrefix(t.Name, "noalg.map.") || strings.HasPrefix(t.Name, "map.") || ofPool(t)}
			of[t] = k
			list = append(list, k)
		}
		if k.all++; !w.seen.has(at + uint64(p.words[0].off)) {
			k.at, k.n = append(k.at, at), append(k.n, (end-at)/uint64(t.Size))
		}
	}
	var bits, words batch // which objects are in use, and their first words
	for rest := w.t.heap.spans; len(rest) > 0; {
		some := rest[:min(sweepSpans, len(rest))]
		rest = rest[len(some):]
		bits.reset()
		for i := range some {
			if s := &some[i]; !s.noscan && s.elem > headed && s.free < s.n && s.alloc != 0 {
				bits.want = append(bits.want, extent{s.alloc, int(s.n+7) / 8, i})
			}
		}
		slices.SortFunc(bits.want, func(a, b extent) int { return cmp.Compare(a.addr, b.addr) })
		if err := bits.fetch(w.t.raw); err != nil {
			return nil, err
		}
		used := make([][]byte, len(some))
		for i, e := range bits.want {
			used[e.id] = bits.data[i]
		}
		words.reset()
		for n := range some {
			s := &some[n]
			if s.noscan || s.elem <= headed {
				continue
			}
			for i := range s.n {
				base := s.base + i*s.elem
				switch {
				case !s.allocated(used[n], i):
				case s.n == 1:
					note(base, base+s.elem, s.large)
				default:
					words.want = append(words.want, extent{base, mallocHeader, n})
				}
			}
		}
		if err := words.fetch(w.t.raw); err != nil {
			return nil, err
		}
		for i, e := range words.want {
			if b := words.data[i]; b != nil {
				note(e.addr+mallocHeader, e.addr+some[e.id].elem, u64(b, 0))
			}
		}
	}
	slices.SortFunc(list, func(a, b *kin) int {
		return cmp.Or(cmp.Compare(a.all, b.all), cmp.Compare(b.t.Size, a.t.Size), cmp.Compare(a.t.Name, b.t.Name))
	})
	return list, nil
}

// adopt walks from the objects of one type that nothing has led to yet.
func (w *walk) adopt(k *kin) error {
	p := w.plan(k.t)
	one, many := int32(-1), int32(-1)
	for i, at := range k.at {
		if w.seen.has(at + uint64(p.words[0].off)) {
			continue
		}
		root, name := &one, "*"+k.t.Name
		if k.n[i] > 1 {
			root, name = &many, "[]"+k.t.Name
		}
		if *root < 0 {
			*root = w.paths.root(name, k.t)
		}
		w.push(at, k.n[i], k.t, *root)
	}
	return w.run()
}

// allocated reports whether object i of a span was in use after the last
// collection, or allocated since (runtime/mheap.go, mspan.isFree). bits is what
// is at s.alloc.
func (s *span) allocated(bits []byte, i uint64) bool {
	return i < s.free || s.alloc == 0 || i/8 < uint64(len(bits)) && bits[i/8]&(1<<(i%8)) != 0
}

// allocated is that of a span, whose bits it reads.
func (t *Target) allocated(s *span, i uint64) bool {
	return s.allocated(nil, i) || s.allocated(t.mem.bytes(s.alloc, int(s.n+7)/8), i)
}
