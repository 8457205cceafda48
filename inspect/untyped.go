package inspect

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// untyped finds maps that nothing has led to, by what holds of the header of
// every map: objects of its size are looked at one by one. Which type a map has
// its groups or buckets say, where they are large enough to say it; or else it
// is the one map type of the program that they can be of.
type untyped struct {
	w       *walk
	shapes  []*shape                  // one for each type of group or bucket
	strides [][]*shape                // those of groups or buckets of one size
	bodies  map[*gobinary.Type]*shape // by the type of groups or buckets
	names   map[string]*shape         // by "[K]V"
	scans   map[*shape]bool           // whether keys or elements have pointers
	opaque  map[string]*shape         // made for maps of an unknown type
	seed    int64
	hash    int64
	header  bool // objects of more than 512 bytes say of which type they are
}

// unowned is the owner of maps that no path leads to.
const unowned = "unreferenced or unknown"

// unowned takes up the maps that nothing has led to.
func (w *walk) unowned() error {
	u := w.newUntyped()
	if len(u.shapes) == 0 {
		return nil
	}
	size := uint64(u.shapes[0].t.Impl.Size)
	root := int32(none)
	for i := range w.t.heap.spans {
		s := &w.t.heap.spans[i]
		const apart = 16 // size classes of small objects
		if s.noscan || s.elem < size || s.elem-size >= apart {
			continue
		}
		for n := range s.n {
			at := s.base + n*s.elem
			if w.seen.has(at) || !w.t.allocated(s, n) {
				continue
			}
			sh := u.look(at)
			if w.t.mem.err != nil {
				return w.t.mem.err
			}
			if sh == nil {
				continue
			}
			path := root
			if w.bare != nil && w.bare.owners[at] != "" {
				path = w.paths.root(w.bare.owners[at], sh.t)
			} else if root == none {
				root = w.paths.root(unowned, nil)
				path = root
			}
			w.todo = append(w.todo, mapItem{at, sh.number, path})
		}
	}
	return w.run()
}

func (w *walk) newUntyped() *untyped {
	u := &untyped{w: w, bodies: map[*gobinary.Type]*shape{}, names: map[string]*shape{}, scans: map[*shape]bool{}, opaque: map[string]*shape{}}
	_, u.header = w.t.layout("runtime.mspan").t.Field("largeType")
	types := slices.Clone(w.t.Image.Types())
	slices.SortFunc(types, func(a, b *gobinary.Type) int { return strings.Compare(a.Name, b.Name) })
	for _, named := range []bool{false, true} { // map[K]V before a type that is one
		for _, t := range types {
			if t.Kind != reflect.Map || t.Key == nil || t.Elem == nil || strings.HasPrefix(t.Name, "map[") == named {
				continue
			}
			name := "[" + t.Key.Name + "]" + t.Elem.Name
			if u.names[name] != nil {
				continue
			}
			s := w.shape(t)
			if s == nil || s.stride <= 0 || len(s.slots) != 2 {
				continue
			}
			u.names[name] = s
			u.bodies[bodyOf(t)] = s
			u.scans[s] = pointers(s.slots[0].t, 0) || pointers(s.slots[1].t, 0)
			u.shapes = append(u.shapes, s)
		}
	}
	of := map[int64]int{}
	for _, s := range u.shapes {
		i, ok := of[s.stride]
		if !ok {
			i = len(u.strides)
			of[s.stride] = i
			u.strides = append(u.strides, nil)
		}
		u.strides[i] = append(u.strides[i], s)
	}
	if len(u.shapes) > 0 {
		l := layout{t: u.shapes[0].t.Impl}
		if u.shapes[0].swiss != nil {
			u.seed = l.need("seed").Offset
		} else {
			u.hash = l.need("hash0").Offset
		}
		if l.err != nil {
			u.shapes = nil
		}
	}
	return u
}

// bodyOf is the type of the groups or buckets of a map type.
func bodyOf(t *gobinary.Type) *gobinary.Type {
	if f, ok := t.Impl.Field("buckets"); ok {
		return f.Type.Elem
	}
	dir, _ := t.Impl.Field("dirPtr")
	if table := follow(dir.Type, 2); table != nil {
		groups, _ := table.Field("groups")
		if groups.Type != nil {
			if data, ok := groups.Type.Field("data"); ok {
				return data.Type.Elem
			}
		}
	}
	return nil
}

// pointers reports whether values of a type have pointers in them.
func pointers(t *gobinary.Type, depth int) bool {
	if t == nil || depth > maxNesting {
		return true
	}
	switch t.Kind {
	case reflect.Array:
		return t.Len > 0 && pointers(t.Elem, depth+1)
	case reflect.Struct:
		return slices.ContainsFunc(t.Fields, func(f gobinary.Field) bool { return pointers(f.Type, depth+1) })
	case reflect.Pointer, reflect.Slice, reflect.String, reflect.Interface, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Invalid:
		return true
	}
	return false
}

// look returns the layout of the map whose header is at an address, nil if
// there is no map.
func (u *untyped) look(at uint64) *shape {
	s := u.shapes[0]
	b := slices.Clone(u.w.t.mem.bytes(at, int(s.t.Impl.Size)))
	if b == nil {
		return nil
	}
	var body, n uint64
	small := false // whether its counts were compared
	bare := false  // whether what is left of keys has to tell it from other objects
	full := false  // whether there is only numbers to tell it from other objects
	if s.swiss != nil {
		body, n = u.swiss(s.swiss, b)
		small = u64(b, s.swiss.dirLen) == 0
		bare = small && u64(b, s.swiss.used) == 0
		full = small && u64(b, s.swiss.used) == groupSlots
	} else {
		body, n = u.classic(s.classic, b)
		bare = u64(b, s.classic.count) == 0
		full = n == 1 && u64(b, s.classic.count) == groupSlots
	}
	if body == 0 {
		return nil
	}
	base, end, ok := u.w.t.heap.object(body)
	if !ok || base != body && (base+mallocHeader != body || end-base <= headed) {
		return nil
	}
	span := u.w.t.heap.span(body)
	if u.header && !span.noscan && end-base > headed {
		descriptor := span.large
		if span.n > 1 {
			descriptor, _ = u.w.t.mem.word(base)
		}
		t, ok := u.w.t.Image.Runtime(descriptor - u.w.t.bias)
		if !ok {
			return nil
		}
		s := u.bodies[t]
		for _, prefix := range []string{"noalg.map.group", "map.group", "noalg.map.bucket", "map.bucket"} {
			if name, ok := strings.CutPrefix(t.Name, prefix); ok && s == nil {
				s = u.names[name]
			}
		}
		if s == nil {
			return nil
		}
		if pieces := u.pieces(s, at, body, n, small); pieces == nil || !u.values(s, pieces, bare) {
			return nil
		}
		return s
	}
	const overflows = 16 // buckets from which on there are overflow buckets behind them
	var fit []*shape
	for _, all := range u.strides {
		s := all[0]
		size := n * uint64(s.stride)
		if room := end - body; size > room || (s.swiss != nil || n < overflows) && !u.w.tight(body, int64(size)) {
			continue
		}
		if !slices.ContainsFunc(all, func(s *shape) bool { return u.scans[s] != span.noscan }) {
			continue
		}
		pieces := u.pieces(s, at, body, n, small)
		if pieces == nil {
			continue
		}
		for _, s := range all {
			if u.scans[s] != span.noscan && u.values(s, pieces, bare) {
				fit = append(fit, s)
			}
		}
	}
	switch {
	case len(fit) == 0:
		return nil
	case full && span.noscan:
		// Any eight bytes can be the hashes of a full group.
		u.w.lost.Unsure++
		return nil
	case len(fit) == 1:
		return fit[0]
	}
	return u.unknown(fit)
}

// pieces returns the groups or buckets of the map at an address, if all counts
// agree with its slots as a shape has them; nil if they do not. Those of small
// maps, whose counts were compared before, are taken from the cache.
func (u *untyped) pieces(s *shape, at, body, n uint64, small bool) []piece {
	if small {
		if b := u.w.t.mem.bytes(body, int(s.stride)); b != nil {
			return []piece{{body, slices.Clone(b)}}
		}
		return nil
	}
	m := Map{Addr: at, Type: s.t}
	var pieces []piece
	if s.swiss != nil {
		pieces = u.w.readSwiss(s.swiss, &m)
	} else {
		pieces = u.w.readClassic(s.classic, &m)
	}
	if !m.Consistent {
		return nil
	}
	return pieces
}

// mapLike reports whether the header of a map of shape s can be at an address.
func (w *walk) mapLike(s *shape, at uint64) bool {
	m := Map{Addr: at, Type: s.t}
	if s.swiss != nil {
		w.readSwiss(s.swiss, &m)
	} else {
		w.readClassic(s.classic, &m)
	}
	return m.Consistent
}

// Bounds of what a header has by chance: seeds are random numbers of 64 and 32
// bits (internal/runtime/maps/map.go, runtime/map.go), and of maps in the
// thousands one has a smaller one. Other objects have counters and pointers
// there.
const (
	leastSeed = 1 << 48
	leastHash = 1 << 16
)

// swiss returns where the first groups of a Swiss map with a header b are, and
// how many; 0 if it is none.
func (u *untyped) swiss(s *swiss, b []byte) (body, groups uint64) {
	mem := u.w.t.mem
	used, dir, n, depth, shift := u64(b, s.used), u64(b, s.dirPtr), u64(b, s.dirLen), u8(b, s.globalDepth), u8(b, s.globalShift)
	if dir == 0 || dir&7 != 0 || u64(b, u.seed) < leastSeed || u8(b, s.writing)&^4 != 0 || used > 1<<40 || depth > 48 {
		return 0, 0
	}
	if n == 0 {
		if depth != 0 || shift != 0 && shift != 64 || used > groupSlots {
			return 0, 0
		}
		word := mem.bytes(dir+uint64(s.ctrl), groupSlots)
		if word == nil || !controlLike(word, used) {
			return 0, 0
		}
		return dir, 1
	}
	if n != 1<<depth || n > maxDirectory || shift != (64-depth)&63 && shift != 64-depth || u.w.t.room(dir) < 8*n {
		return 0, 0
	}
	at, ok := mem.word(dir)
	if !ok || u.w.t.room(at) < uint64(s.table) {
		return 0, 0
	}
	t := mem.bytes(at, int(s.table))
	if t == nil {
		return 0, 0
	}
	return u64(t, s.tPtr), u64(t, s.tMask) + 1
}

// controlLike reports whether 8 bytes can be the control word of a group with n
// entries. Hashes repeat by chance, but not most of them: bytes of other data do.
func controlLike(word []byte, n uint64) bool {
	const most = 3
	full := uint64(0)
	for i, c := range word {
		if c&0x80 != 0 {
			if c != 0x80 && c != 0xfe {
				return false
			}
			continue
		}
		full++
		same := 0
		for _, d := range word[i:] {
			if d == c {
				same++
			}
		}
		if same > most {
			return false
		}
	}
	return full == n
}

// classic returns where the buckets of a classic map with a header b are, and
// how many; 0 if it is none.
func (u *untyped) classic(c *classic, b []byte) (body, buckets uint64) {
	count, flags, log, at := u64(b, c.count), u8(b, c.flags), u8(b, c.b), u64(b, c.buckets)
	if at == 0 || at&7 != 0 || flags > 15 || log > maxB || number(b, u.hash, 4) < leastHash || count > 2*groupSlots<<log || u64(b, c.nevacuate) > 1<<log {
		return 0, 0
	}
	top := u.w.t.mem.bytes(at+uint64(c.tophash), groupSlots)
	if top == nil {
		return 0, 0
	}
	rest := false
	for _, x := range top {
		if rest && x != 0 {
			return 0, 0 // behind the last one there is none
		}
		rest = x == 0
	}
	if log == 0 && topHashes(top) > count {
		return 0, 0
	}
	return at, 1 << log
}

// values reports whether what is in the first slots of a map of shape s can be
// its keys and elements. The elements of slots without an entry are zero: they
// are cleared when an entry is deleted, even if they have no pointers. Keys
// without pointers stay: needed says that there has to be one.
func (u *untyped) values(s *shape, pieces []piece, needed bool) bool {
	const enough, most = 64, 1 << 16 // slots with an entry, and all
	looked, all, keys := 0, 0, 0
	for _, p := range pieces {
		for off := int64(0); off+s.stride <= int64(len(p.data)) && looked < enough && all < most; off += s.stride {
			b := p.data[off : off+s.stride]
			for i := range groupSlots {
				all++
				live := s.live(b, i)
				if live {
					looked++
				}
				if !live && s.classic != nil && b[s.classic.tophash+int64(i)] >= evacuatedX {
					continue // moved: what it was is left
				}
				if !s.gaps(b, i) {
					return false
				}
				for _, f := range s.slots {
					at := f.off + int64(i)*f.stride
					if at < 0 || f.t.Size < 0 || at > s.stride-f.t.Size {
						return false
					}
					v := b[at : at+f.t.Size]
					if f.key {
						keys += left(v)
					}
					if live && !u.value(f.t, v, 0) || !live && !f.key && left(v) != 0 {
						return false
					}
				}
			}
		}
	}
	return !needed || keys > 0
}

// gaps reports whether nothing is between the key and the element of slot i, and
// behind the element: nobody writes there.
func (s *shape) gaps(b []byte, i int) bool {
	key, elem := s.slots[0], s.slots[1]
	if key.stride != elem.stride || key.off+key.stride*groupSlots > s.stride || elem.off >= key.off+key.stride {
		return true // an array of keys and one of elements
	}
	at := key.off + int64(i)*key.stride
	end, next, after := at+key.t.Size, at+elem.off-key.off, at+elem.off-key.off+elem.t.Size
	return end <= next && after <= at+key.stride && at >= 0 && left(b[end:next])+left(b[after:at+key.stride]) == 0
}

// value reports whether b can be a value of type t.
func (u *untyped) value(t *gobinary.Type, b []byte, depth int) bool {
	if int64(len(b)) < t.Size || depth > maxNesting {
		return true
	}
	mapped := func(v, n uint64) bool { return v == 0 && n == 0 || v != 0 && u.w.t.room(v) >= n }
	switch t.Kind {
	case reflect.Bool:
		return b[0] <= 1
	case reflect.String:
		n := u64(b, 8)
		return n < 1<<47 && mapped(u64(b, 0), n)
	case reflect.Slice:
		n, c := u64(b, 8), u64(b, 16)
		if n > c || t.Elem == nil || c > 1<<47 {
			return n <= c && c <= 1<<47
		}
		size := uint64(max(t.Elem.Size, 0))
		return size == 0 || c < 1<<47/size && (u64(b, 0) == 0 && c == 0 || u64(b, 0) != 0 && (c == 0 || mapped(u64(b, 0), c*size)))
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.UnsafePointer, reflect.Func:
		v := u64(b, 0)
		return v == 0 || u.w.t.room(v) > 0
	case reflect.Interface:
		tab, data := u64(b, 0), u64(b, 8)
		return tab == 0 && data == 0 || tab&7 == 0 && tab != 0 && u.w.t.room(tab) > 0 && (data == 0 || u.w.t.room(data) > 0)
	case reflect.Struct:
		for _, f := range t.Fields {
			if f.Offset >= 0 && f.Type.Size >= 0 && f.Offset <= int64(len(b))-f.Type.Size && !u.value(f.Type, b[f.Offset:f.Offset+f.Type.Size], depth+1) {
				return false
			}
		}
	case reflect.Array:
		if t.Elem == nil || t.Elem.Size <= 0 {
			return true
		}
		for i := int64(0); i < min(t.Len, shortArray) && (i+1)*t.Elem.Size <= int64(len(b)); i++ {
			if !u.value(t.Elem, b[i*t.Elem.Size:(i+1)*t.Elem.Size], depth+1) {
				return false
			}
		}
	}
	return true
}

// unknown returns a layout for maps that can be of several types: of the first
// of them, with keys and elements that say nothing.
func (u *untyped) unknown(fit []*shape) *shape {
	const few = 3
	var names []string
	isShape := func(s *shape) bool { return strings.Contains(s.t.Name, "go.shape.") } // of generic code, which no map has
	if real := slices.DeleteFunc(slices.Clone(fit), isShape); len(real) > 0 {
		fit = real
	}
	for _, s := range fit[:min(len(fit), few)] {
		names = append(names, s.t.Name)
	}
	name := strings.Join(names, " or ")
	if more := len(fit) - few; more > 0 {
		name = fmt.Sprintf("%s or one of %d more", name, more)
	}
	name = "type unknown: " + name
	if s := u.opaque[name]; s != nil {
		return s
	}
	as := fit[0]
	s := &shape{t: &gobinary.Type{Name: name, Kind: reflect.Map, Size: 8, Impl: as.t.Impl}, swiss: as.swiss, classic: as.classic, stride: as.stride}
	for _, f := range as.slots {
		f.t = &gobinary.Type{Name: "unknown", Size: f.t.Size}
		s.slots = append(s.slots, f)
		s.entries.words = append(s.entries.words, word{t: f.t, elem: f.t})
	}
	u.w.lock.Lock()
	defer u.w.lock.Unlock()
	s.number = int32(len(u.w.known))
	u.w.known = append(u.w.known, s)
	u.w.shapes[s.t] = s
	u.opaque[name] = s
	return s
}
