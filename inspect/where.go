package inspect

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// atlas says what lies where in the memory of a program whose maps were found.
type atlas struct {
	w       *walk
	bodies  []body // by address
	stacks  []stackRange
	globals []gobinary.Variable // by address
	arenas  []region            // mappings in which the heap has spans, by address
	shown   *Snapshot           // of the map that was asked for last
}

// body is memory that belongs to a map.
type body struct {
	region
	f *found
}

// stackRange is the stack of a goroutine. What is below sp is not in use.
type stackRange struct {
	region
	id, sp uint64
}

// place is what lies at an address.
type place struct {
	text   string
	left   bool   // the program does not use it any more
	root   bool   // what it leads to is in use
	object region // of the heap, to which something else has to lead; empty for what is in use by itself
}

// newAtlas reads all maps that w has found once more. each, if it is not nil, is
// called with each of them; the snapshot is valid during the call.
func newAtlas(w *walk, each func(*found, *Snapshot)) (*atlas, error) {
	a := &atlas{w: w}
	t := w.t
	slices.SortFunc(w.maps, func(x, y found) int { return cmp.Compare(x.Addr, y.Addr) })
	for i := range w.maps {
		f := &w.maps[i]
		s, err := w.snapshot(f)
		if t.mem.err != nil {
			return nil, t.mem.err
		}
		if err != nil {
			continue // larger than what snapshots are taken of, or of no known layout
		}
		for _, p := range s.pieces {
			r := region{p.addr, p.addr + uint64(len(p.data))}
			if base, end, ok := t.heap.object(p.addr); ok {
				r = region{base, end}
			}
			a.bodies = append(a.bodies, body{r, f})
		}
		if each != nil {
			each(f, s)
		}
	}
	slices.SortFunc(a.bodies, func(x, y body) int { return cmp.Or(cmp.Compare(x.from, y.from), cmp.Compare(x.to, y.to)) })
	a.goroutines()
	a.globals = slices.Clone(t.Image.Globals)
	slices.SortFunc(a.globals, func(x, y gobinary.Variable) int { return cmp.Compare(x.Addr, y.Addr) })
	spans := t.heap.spans
	for _, r := range t.raw.mapped() {
		i, _ := slices.BinarySearchFunc(spans, r.from, func(s span, addr uint64) int { return cmp.Compare(s.base, addr) })
		if i < len(spans) && spans[i].base < r.to {
			a.arenas = append(a.arenas, r)
		}
	}
	slices.SortFunc(t.heap.stack, func(x, y region) int { return cmp.Compare(x.from, y.from) })
	return a, nil
}

// inside returns the index of the range that has addr, of ranges in the order
// of their beginnings that do not overlap; -1 if none has.
func inside[T any](list []T, addr uint64, bounds func(*T) region) int {
	i, ok := slices.BinarySearchFunc(list, addr, func(x T, addr uint64) int { return cmp.Compare(bounds(&x).from, addr) })
	if !ok {
		i--
	}
	if i < 0 || addr >= bounds(&list[i]).to {
		return -1
	}
	return i
}

func (r *region) itself() region { return *r }

// goroutines reads where stacks are. Without the fields it knows none.
func (a *atlas) goroutines() {
	t := a.w.t
	list, _ := t.goroutines() // as many as can be read
	g := t.layout("runtime.g")
	stack, sched, id, status := g.need("stack"), g.need("sched"), g.need("goid"), g.need("atomicstatus")
	gobuf := layout{t: sched.Type}
	sp := gobuf.need("sp")
	if g.err != nil || gobuf.err != nil {
		return
	}
	for _, at := range list {
		b := t.mem.bytes(at, int(g.t.Size))
		if b == nil {
			continue
		}
		s := stackRange{region: region{u64(b, stack.Offset), u64(b, stack.Offset+8)}, id: number(b, id.Offset, id.Type.Size)}
		switch number(b, status.Offset, 4) &^ gScan {
		case gDead:
			s.id = 0
			s.sp = s.to
		case gRunning:
		default:
			s.sp = u64(b, sched.Offset+sp.Offset)
		}
		if s.from < s.to {
			a.stacks = append(a.stacks, s)
		}
	}
	slices.SortFunc(a.stacks, func(x, y stackRange) int { return cmp.Compare(x.from, y.from) })
}

// at says what lies at addr.
func (a *atlas) at(addr uint64) place {
	t := a.w.t
	if i := inside(a.bodies, addr, func(b *body) region { return b.region }); i >= 0 {
		return a.slot(a.bodies[i].f, addr)
	}
	if i := inside(a.stacks, addr, func(s *stackRange) region { return s.region }); i >= 0 {
		switch s := a.stacks[i]; {
		case s.id == 0:
			return place{text: "stack of a goroutine that has ended", left: true}
		case addr < s.sp:
			return place{text: fmt.Sprintf("stack of goroutine %d, below its stack pointer", s.id), left: true}
		default:
			return place{text: fmt.Sprintf("stack of goroutine %d", s.id), root: true}
		}
	}
	if s := t.heap.span(addr); s != nil {
		i := (addr - s.base) / s.elem
		if i >= s.n {
			return place{text: fmt.Sprintf("behind the last object of a span of objects of %s bytes", Count(s.elem)), left: true}
		}
		text := fmt.Sprintf("object of %s bytes", Count(s.elem))
		if typ := a.typeOf(s, i); typ != nil {
			text += ", " + typ.Name
		}
		if !t.allocated(s, i) {
			return place{text: "free " + text, left: true}
		}
		return place{text: text, object: region{s.base + i*s.elem, s.base + (i+1)*s.elem}}
	}
	if inside(t.heap.stack, addr, (*region).itself) >= 0 {
		return place{text: "stack memory that no goroutine has", left: true}
	}
	if inside(a.arenas, addr, (*region).itself) >= 0 {
		return place{text: "freed span", left: true}
	}
	if i := inside(a.globals, addr-t.bias, func(v *gobinary.Variable) region { return region{v.Addr, v.Addr + uint64(v.Type.Size)} }); i >= 0 {
		v := a.globals[i]
		return place{text: "package variable " + v.Name + inner(v.Type, int64(addr-t.bias-v.Addr)), root: v.Name != "runtime.mheap_"}
	}
	for _, section := range []string{"data", "bss"} {
		from, ok1 := t.Image.Symbol("runtime." + section)
		to, ok2 := t.Image.Symbol("runtime.e" + section)
		if ok1 && ok2 && from <= addr-t.bias && addr-t.bias < to {
			return place{text: "data of the executable without a name", root: true}
		}
	}
	if n, ok := t.below().(namer); ok {
		return place{text: n.name(addr)}
	}
	return place{text: "memory outside of the Go heap"}
}

// namer is implemented by a memory that knows what its mappings are.
type namer interface{ name(addr uint64) string }

// typeOf returns the type of object i of a span, nil if it does not say it.
func (a *atlas) typeOf(s *span, i uint64) *gobinary.Type {
	if s.noscan || s.elem <= headed {
		return nil
	}
	descriptor := s.large
	if s.n > 1 {
		descriptor, _ = a.w.t.mem.word(s.base + i*s.elem)
	}
	typ, _ := a.w.t.Image.Runtime(descriptor - a.w.t.bias)
	return typ
}

// inner returns how to get from a value of type t to what is at off in it.
func inner(t *gobinary.Type, off int64) string {
	for range maxNesting {
		switch {
		case t.Kind == reflect.Struct:
			i := slices.IndexFunc(t.Fields, func(f gobinary.Field) bool { return f.Offset <= off && off < f.Offset+f.Type.Size })
			if i < 0 {
				return ""
			}
			f := t.Fields[i]
			return "." + f.Name + inner(f.Type, off-f.Offset)
		case t.Kind == reflect.Array && t.Elem != nil && t.Elem.Size > 0:
			return fmt.Sprintf("[%d]", off/t.Elem.Size) + inner(t.Elem, off%t.Elem.Size)
		}
	}
	return ""
}

// slot says what of a map is at addr.
func (a *atlas) slot(f *found, addr uint64) place {
	if a.shown == nil || a.shown.Addr != f.Addr {
		s, err := a.w.snapshot(f)
		if err != nil {
			return place{text: "part of " + a.w.paths.name(f.path)}
		}
		a.shown = s
	}
	s := a.shown
	for i := range s.Parts {
		p := &s.Parts[i]
		for k := range p.Groups {
			g := &p.Groups[k]
			if addr < g.Addr || addr >= g.Addr+uint64(s.shape.stride) {
				continue
			}
			for _, x := range s.shape.slots {
				off := int64(addr-g.Addr) - x.off
				if off < 0 || x.stride <= 0 || off/x.stride >= groupSlots || off%x.stride >= x.t.Size {
					continue
				}
				n := int(off / x.stride)
				return place{text: s.slotName(p, k, n) + ": " + what(x.key) + stateText[g.Slots[n].State], left: g.Slots[n].State != Full, root: g.Slots[n].State == Full}
			}
			return place{text: fmt.Sprintf("%s of %s: not in a slot", groupName(p, k), s.Owner)}
		}
	}
	if s.Classic && len(s.Parts) > 0 && addr >= s.Parts[0].Addr {
		return place{text: "overflow bucket of " + s.Owner + " that is not in use", left: true}
	}
	return place{text: "header, directory or table of " + s.Owner}
}

func what(key bool) string {
	if key {
		return "key"
	}
	return "element"
}

var stateText = [...]string{Empty: " in an empty slot", Full: "", Deleted: " of a deleted entry", Evacuated: " of an entry that growth has moved"}

func groupName(p *Part, k int) string {
	if p.Name == "group" {
		return "the group"
	}
	if _, unit, ok := strings.Cut(p.Name, "overflow "); ok || strings.HasSuffix(p.Name, "buckets") {
		name := strings.TrimSuffix(p.Name, "s")
		if ok {
			return fmt.Sprintf("%s %d (%s %d)", name, k, strings.TrimSuffix(unit, "s"), p.Groups[k].Bucket)
		}
		return fmt.Sprintf("%s %d", name, k)
	}
	return fmt.Sprintf("group %d of %s", k, p.Name)
}

// slotName says which slot of a snapshot one is.
func (s *Snapshot) slotName(p *Part, k, i int) string {
	if p.Name == "group" {
		return fmt.Sprintf("slot %d of %s", i, s.Owner)
	}
	return fmt.Sprintf("slot %d of %s of %s", i, groupName(p, k), s.Owner)
}
