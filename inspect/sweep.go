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

// kin is the objects of one type that no package variable led to.
type kin struct {
	t    *gobinary.Type
	body bool // groups or buckets, which are a part of a map
	at   []uint64
	n    []uint64 // values at each
}

// sweep looks at the objects of the heap that say of which type they are and
// that no package variable led to: those that goroutine stacks lead to,
// directly or not, and garbage of the last cycle. Types of which there are few
// come first: a server owns its clients, and not the other way round.
func (w *walk) sweep() error {
	if _, ok := w.t.layout("runtime.mspan").t.Field("largeType"); !ok {
		return nil // before Go 1.22 objects do not say it
	}
	for _, k := range w.headed() {
		if err := w.adopt(k); err != nil {
			return err
		}
	}
	return nil
}

// headed returns the objects that have a type which may lead to a map.
func (w *walk) headed() (list []*kin) {
	of := map[*gobinary.Type]*kin{}
	for i := range w.t.heap.spans {
		s := &w.t.heap.spans[i]
		if s.noscan || s.elem <= headed {
			continue
		}
		for i := range s.n {
			if !w.t.allocated(s, i) {
				continue
			}
			base := s.base + i*s.elem
			at, descriptor := base, s.large
			if s.n > 1 {
				at += mallocHeader
				descriptor, _ = w.t.mem.word(base)
			}
			t, ok := w.t.Image.Runtime(descriptor - w.t.bias)
			if !ok || !w.reach[t] || t.Size <= 0 {
				continue
			}
			k := of[t]
			if k == nil {
				k = &kin{t: t, body: strings.HasPrefix(t.Name, "noalg.map.") || strings.HasPrefix(t.Name, "map.")}
				of[t] = k
				list = append(list, k)
			}
			k.at, k.n = append(k.at, at), append(k.n, (base+s.elem-at)/uint64(t.Size))
		}
	}
	slices.SortFunc(list, func(a, b *kin) int {
		switch {
		case a.body && !b.body:
			return 1
		case b.body && !a.body:
			return -1
		}
		return cmp.Or(cmp.Compare(len(a.at), len(b.at)), cmp.Compare(b.t.Size, a.t.Size), cmp.Compare(a.t.Name, b.t.Name))
	})
	return list
}

// adopt walks from the objects of one type that nothing has led to yet.
func (w *walk) adopt(k *kin) error {
	p := w.plan(k.t)
	if len(p.words) == 0 {
		return nil
	}
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
// collection, or allocated since (runtime/mheap.go, mspan.isFree).
func (t *Target) allocated(s *span, i uint64) bool {
	if i < s.free || s.alloc == 0 {
		return true
	}
	b := t.mem.bytes(s.alloc+i/8, 1)
	return b != nil && b[0]&(1<<(i%8)) != 0
}
