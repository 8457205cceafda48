package inspect

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// Where keys and elements are left.
const (
	InSlots   = "slots without an entry"
	InOld     = "old buckets"
	InDropped = "tables and buckets that no map has any more"
	InFreed   = "freed spans"
)

// Leftover is what was left in one kind of place of the maps of one owner, or
// of one type where nothing says which owner the memory had.
type Leftover struct {
	Owner   string // "" if it is not known
	Type    string
	In      string
	Certain bool // the memory says that it is of this type; otherwise it only looks so
	Keys    int  // that can be read
	Elems   int
	Copies  int    // of the keys, those that a map of the type has an entry for; they were moved, not deleted
	Objects int    // maps, or pieces of memory that had been a part of one
	Addr    uint64 // of the first

	First []Entry // the first ones, as Look says
}

// Residue is what deleted entries have left in the memory of a program.
type Residue struct {
	Target  string
	Version string // of Go
	Left    []Leftover
	Maps    int // that were looked at
	Lost    Lost
	Elapsed time.Duration

	// Undecided says why nothing found is not the same as nothing there.
	Undecided []string
}

// Keys returns how many keys are left that no entry has.
func (r *Residue) Keys() (n int) {
	for _, l := range r.Left {
		n += l.Keys - l.Copies
	}
	return n
}

// maxLive bounds the keys that are remembered to tell copies from deleted ones.
const maxLive = 1 << 22

// remains collects what is left.
type remains struct {
	w     *walk
	a     *atlas
	view  *viewer
	seed  maphash.Seed
	live  map[*gobinary.Type]map[uint64]byte // the control byte of each key's hash, by type of map
	noted int                                // keys in live
	list  []*Leftover
	kinds []*kind
}

// kind is one layout of groups or buckets, and the map types that have it.
type kind struct {
	shape *shape
	types []*gobinary.Type

	// failed is, for groups that begin at multiples of the stride from an offset
	// of so many words on, up to where a run of them was looked at in vain. What
	// begins inside of it is not looked at again: text is one long run.
	failed []uint64
}

// Residue looks for keys and elements that were deleted and can be read all the
// same: in slots without an entry, in old buckets, in tables and buckets that
// growth has dropped or that belonged to maps that are gone, and in freed spans.
// owner restricts it to maps of one owner and to memory that looks like theirs;
// "" means all. It takes the time of a census, a second look at all maps and one
// pass over the heap.
func (t *Target) Residue(owner string, look Look) (*Residue, error) {
	start := time.Now()
	ran := t.watchActivity()
	w, err := t.walk()
	if err != nil {
		return nil, err
	}
	r := &remains{w: w, view: &viewer{w: w, look: look}, seed: maphash.MakeSeed(), live: map[*gobinary.Type]map[uint64]byte{}}
	out := &Residue{Target: t.Name, Version: t.Image.Version, Lost: w.lost}
	owners := map[*gobinary.Type]string{} // of types that one owner has; "" if several have it
	torn := 0
	var near []string
	if r.a, err = newAtlas(w, func(f *found, s *Snapshot) {
		if !s.Consistent {
			torn++
		}
		if old, ok := owners[f.Type]; ok && old != s.Owner {
			owners[f.Type] = ""
		} else {
			owners[f.Type] = s.Owner
		}
		r.remember(f.Type, s)
		if owner != "" && s.Owner != owner {
			if strings.Contains(s.Owner, owner) && !slices.Contains(near, s.Owner) && len(near) < 10 {
				near = append(near, s.Owner)
			}
			return
		}
		out.Maps++
		if f.Type.Key != nil { // else its type is not known, and nothing can be told by it
			r.known(f.Type)
		}
	}); err != nil {
		return nil, err
	}
	if owner != "" && out.Maps == 0 {
		text := "no map belongs to " + owner
		for _, n := range near {
			text += "\n\tdid you mean: " + n
		}
		return nil, fmt.Errorf("%s", text)
	}
	// What is left in the slots is compared with all keys, so it comes second.
	for i := range w.maps {
		f := &w.maps[i]
		if owner != "" && w.paths.name(f.path) != owner {
			continue
		}
		if s, err := w.snapshot(f); err == nil {
			r.slots(f.Type, s)
		}
	}
	r.dropped()
	r.freed()
	if t.mem.err != nil {
		return nil, t.mem.err
	}
	for _, l := range r.list {
		if typ, ok := t.Image.Type(l.Type); ok && l.Owner == "" {
			l.Owner = owners[typ]
		}
		out.Left = append(out.Left, *l)
	}
	slices.SortStableFunc(out.Left, func(a, b Leftover) int {
		return cmp.Or(cmp.Compare(b.Keys-b.Copies, a.Keys-a.Copies), cmp.Compare(b.Keys+b.Elems, a.Keys+a.Elems), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Type, b.Type), cmp.Compare(a.In, b.In))
	})
	if ran() {
		out.Undecided = append(out.Undecided, "the program ran while it was read")
	}
	out.Undecided = append(out.Undecided, t.absent()...)
	if torn > 0 {
		out.Undecided = append(out.Undecided, Plural(uint64(torn), "map")+" changed while they were read")
	}
	out.Elapsed = time.Since(start)
	return out, nil
}

// known adds the layout of a type to those that memory without an owner is
// compared with.
func (r *remains) known(t *gobinary.Type) {
	s := r.w.shape(t)
	if s == nil {
		return
	}
	for _, k := range r.kinds {
		if slices.Contains(k.types, t) {
			return
		}
		if same(k.shape, s) {
			k.types = append(k.types, t)
			return
		}
	}
	r.kinds = append(r.kinds, &kind{shape: s, types: []*gobinary.Type{t}, failed: make([]uint64, max(s.stride/8, 1))})
}

// same reports whether two layouts cannot be told apart in memory.
func same(a, b *shape) bool {
	if a.stride != b.stride || (a.swiss == nil) != (b.swiss == nil) || len(a.slots) != len(b.slots) {
		return false
	}
	for i, x := range a.slots {
		if y := b.slots[i]; x.off != y.off || x.stride != y.stride || x.t.Size != y.t.Size || x.t.Kind != y.t.Kind {
			return false
		}
	}
	return true
}

// hash is what a key is remembered by.
func (r *remains) hash(key []byte) uint64 { return maphash.Bytes(r.seed, key) }

// remember notes the keys of a map's entries.
func (r *remains) remember(t *gobinary.Type, s *Snapshot) {
	live := r.live[t]
	if live == nil {
		live = map[uint64]byte{}
		r.live[t] = live
	}
	for i := range s.Parts {
		for k := range s.Parts[i].Groups {
			g := &s.Parts[i].Groups[k]
			for n := range g.Slots {
				if g.Slots[n].State == Full && r.noted < maxLive {
					key, _ := s.shape.entry(g.data, n)
					live[r.hash(key)] = g.Slots[n].Control
					r.noted++
				}
			}
		}
	}
}

// leftover returns the entry of the list for a kind of place.
func (r *remains) leftover(at Leftover) *Leftover {
	for _, l := range r.list {
		if l.Owner == at.Owner && l.Type == at.Type && l.In == at.In && l.Certain == at.Certain {
			return l
		}
	}
	r.list = append(r.list, &at)
	return &at
}

// add notes what one slot has.
func (r *remains) add(l *Leftover, t *gobinary.Type, s *shape, b []byte, i int) {
	key, elem := s.entry(b, i)
	keyLeft, elemLeft := s.left(0, key), s.left(1, elem)
	if keyLeft+elemLeft == 0 {
		return
	}
	l.Keys += keyLeft
	l.Elems += elemLeft
	if _, ok := r.live[t][r.hash(key)]; ok && keyLeft > 0 {
		l.Copies++
		return
	}
	if len(l.First) < r.view.look.Entries {
		var e Entry
		if keyLeft > 0 {
			e.Key = r.view.slot(t.Key, s.slots[0].t, key)
		}
		if elemLeft > 0 {
			e.Elem = r.view.slot(t.Elem, s.slots[1].t, elem)
		}
		l.First = append(l.First, e)
	}
}

// slots looks at the slots without an entry of a map.
func (r *remains) slots(t *gobinary.Type, s *Snapshot) {
	for i := range s.Parts {
		p := &s.Parts[i]
		in := InSlots
		if p.Old {
			in = InOld
		}
		var l *Leftover
		for k := range p.Groups {
			g := &p.Groups[k]
			for n := range g.Slots {
				if slot := &g.Slots[n]; slot.State == Full || !slot.Residue() {
					continue
				}
				if l == nil {
					l = r.leftover(Leftover{Owner: s.Owner, Type: t.Name, In: in, Certain: true, Addr: g.Addr})
					l.Objects++
				}
				r.add(l, t, s.shape, g.data, n)
			}
		}
	}
}

// bodyType returns the map type of which a type of the runtime is the group or
// the bucket, nil if it is neither.
func (r *remains) bodyType(t *gobinary.Type) *gobinary.Type {
	if t == nil {
		return nil
	}
	name := strings.TrimPrefix(t.Name, "noalg.")
	for _, prefix := range []string{"map.group", "map.bucket"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			if m, ok := r.w.t.Image.Type("map" + rest); ok && m.Kind == reflect.Map {
				return m
			}
		}
	}
	return nil
}

// dropped looks at the objects of the heap that no map has.
func (r *remains) dropped() {
	t := r.w.t
	for i := range t.heap.spans {
		s := &t.heap.spans[i]
		var fit []*kind
		for _, k := range r.kinds {
			if k.fits(s.elem) {
				fit = append(fit, k)
			}
		}
		typed := !s.noscan && s.elem > headed
		if len(fit) == 0 && !typed {
			continue
		}
		for n := range s.n {
			base := s.base + n*s.elem
			if inside(r.a.bodies, base, func(b *body) region { return b.region }) >= 0 {
				continue
			}
			at, end := base, base+s.elem
			if m := r.bodyType(r.a.typeOf(s, n)); m != nil {
				if s.n > 1 {
					at += mallocHeader
				}
				if sh := r.w.shape(m); sh != nil && slices.ContainsFunc(r.kinds, func(k *kind) bool { return slices.Contains(k.types, m) }) {
					r.body(&kind{shape: sh, types: []*gobinary.Type{m}}, at, end, true, InDropped)
				}
				continue
			}
			for _, k := range fit {
				if r.body(k, at, end, false, InDropped) {
					break
				}
			}
			if t.mem.err != nil {
				return
			}
		}
	}
}

// fits reports whether objects of size bytes may be arrays of groups or
// buckets: what is left over is what rounding up to a size class costs.
func (k *kind) fits(size uint64) bool {
	stride := uint64(k.shape.stride)
	n := size / stride
	if n == 0 {
		return false
	}
	if k.shape.swiss != nil {
		for n&(n-1) != 0 {
			n &= n - 1
		}
	}
	return size-n*stride <= max(size/4, 16)
}

// largestBody bounds the objects that are decoded: a table of the largest slots
// has 264 KB, and buckets lie in one object however many they are.
const largestBody = 1 << 30

// body decodes an object as groups or buckets, and notes what is in it. Without
// a type that says so it has to look like them.
func (r *remains) body(k *kind, at, end uint64, certain bool, in string) bool {
	stride := uint64(k.shape.stride)
	n := (end - at) / stride
	if k.shape.swiss != nil {
		for n&(n-1) != 0 {
			n &= n - 1
		}
	}
	if n == 0 || n*stride > largestBody {
		return false
	}
	var sum evidence
	for i := range n {
		b := r.w.t.mem.bytes(at+i*stride, int(stride))
		if b == nil || !certain && !r.plausible(k.shape, b, &sum) {
			return false
		}
		sum.groups++
		for _, t := range k.types {
			r.pairs(t, k.shape, b, &sum)
		}
	}
	if !certain && !sum.enough(k.shape) {
		return false
	}
	r.count(k, at, n, &sum, certain, in)
	return true
}

// count notes what is in n groups or buckets at at.
func (r *remains) count(k *kind, at, n uint64, sum *evidence, certain bool, in string) {
	stride := k.shape.stride
	t := k.types[0]
	for _, other := range k.types {
		if sum.of[other] > sum.of[t] {
			t = other
		}
	}
	proven := certain || sum.of[t] > 1 && 2*sum.of[t] > sum.full
	l := r.leftover(Leftover{Type: t.Name, In: in, Certain: proven, Addr: at})
	before := l.Keys + l.Elems
	for i := range n {
		if b := r.w.t.mem.bytes(at+i*uint64(stride), int(stride)); b != nil {
			b = append([]byte(nil), b...) // add reads strings through the same cache
			for slot := range groupSlots {
				r.add(l, t, k.shape, b, slot)
			}
		}
	}
	if l.Keys+l.Elems > before {
		l.Objects++
	}
}

// evidence is what speaks for memory being groups or buckets.
type evidence struct {
	groups, full, empty int
	moved               int                    // of full: slots whose entry growth has moved
	control             [256]bool              // control bytes of entries that were seen
	of                  map[*gobinary.Type]int // keys that maps of the type have, with the same control byte
}

// enough reports whether groups that are all plausible are more than chance: a
// table is never more than 7/8 full, and hashes differ.
func (e *evidence) enough(s *shape) bool {
	different := 0
	for _, seen := range e.control {
		if seen {
			different++
		}
	}
	for _, n := range e.of {
		if n > 1 && 2*n > e.full {
			return true
		}
	}
	switch {
	case e.full == 0 || e.full-e.moved > 2 && different < 2 || e.full-e.moved > 16 && different < 8:
		return false
	case s.swiss != nil:
		return e.empty > 0 && 8*e.full <= 7*groupSlots*e.groups
	}
	return e.groups > 1 || e.full > 1 // much that is no bucket has one byte and then zeroes
}

// plausible reports whether a group or bucket may be one, and adds to e.
func (r *remains) plausible(s *shape, b []byte, e *evidence) bool {
	moved, rest := 0, false
	for i := range groupSlots {
		c, state := s.state(b, i)
		if s.swiss != nil && c&0x80 != 0 && c != 0x80 && c != 0xFE || s.classic != nil && rest && c != 0 {
			return false
		}
		rest = s.classic != nil && c == 0
		key, elem := s.entry(b, i)
		switch state {
		case Full:
			e.full++
			e.control[c] = true
			if !r.wellFormed(s.slots[0].t, key) {
				return false
			}
		case Evacuated:
			moved++
			if s.left(0, key) != 0 {
				e.full++
				e.moved++
			}
		default:
			e.empty++
			if s.left(1, elem) != 0 || s.slots[0].t.Kind == reflect.String && s.left(0, key) != 0 {
				return false // delete zeroes elements, and keys with pointers
			}
		}
	}
	if s.classic == nil {
		return true
	}
	next := u64(b, s.classic.overflow)
	_, _, heap := r.w.t.heap.object(next)
	return (moved == 0 || moved == groupSlots) && (next == 0 || heap || inside(r.a.arenas, next, (*region).itself) >= 0)
}

// wellFormed reports whether b can be a value of type t: strings and pointers
// have to point to memory that there is.
func (r *remains) wellFormed(t *gobinary.Type, b []byte) bool {
	mapped := func(addr uint64) bool { return inside(r.w.t.raw.mapped(), addr, (*region).itself) >= 0 }
	switch t.Kind {
	case reflect.String:
		return u64(b, 8) == 0 || u64(b, 8) < 1<<40 && mapped(u64(b, 0))
	case reflect.Pointer:
		return u64(b, 0) == 0 || mapped(u64(b, 0))
	case reflect.Bool:
		return b[0] < 2
	}
	return true
}

// pairs counts the entries whose key and control byte a map of type t has too.
func (r *remains) pairs(t *gobinary.Type, s *shape, b []byte, e *evidence) {
	for i := range groupSlots {
		if c, state := s.state(b, i); state == Full || state == Evacuated {
			key, _ := s.entry(b, i)
			if have, ok := r.live[t][r.hash(key)]; ok && (have == c || state == Evacuated && s.left(0, key) != 0) {
				if e.of == nil {
					e.of = map[*gobinary.Type]int{}
				}
				e.of[t]++
			}
		}
	}
}

// freed looks at memory of the heap that no span uses. Nothing says where
// objects were, so at least two groups have to lie one after the other.
func (r *remains) freed() {
	t := r.w.t
	for _, gap := range r.a.gaps() {
		for at := gap.from; at < gap.to; {
			n := r.run(at, gap.to)
			at += max(n, 8)
			if t.mem.err != nil {
				return
			}
		}
	}
}

const (
	fewGroups  = 2  // how many groups in a row are taken for groups
	manyGroups = 16 // of a Swiss map, one has an empty slot, as good as always
)

// run decodes the groups that begin at at, if there are any, and returns the
// bytes that they take.
func (r *remains) run(at, end uint64) uint64 {
	first, ok := r.w.t.mem.word(at)
	if !ok {
		return blockBytes - at%blockBytes
	}
	if first == 0 {
		return 8
	}
	for _, k := range r.kinds {
		stride := uint64(k.shape.stride)
		failed := &k.failed[at/8%uint64(len(k.failed))]
		if at < *failed {
			continue
		}
		var sum evidence
		to := at
		for to+stride <= end && (sum.groups < manyGroups || sum.empty > 0 || k.shape.classic != nil) {
			b := r.w.t.mem.bytes(to, int(stride))
			before := sum
			if b == nil || !r.plausible(k.shape, b, &sum) {
				sum = before
				break
			}
			if sum.full == before.full && sum.empty == before.empty+groupSlots && left(b) == 0 {
				break
			}
			for _, t := range k.types {
				r.pairs(t, k.shape, b, &sum)
			}
			sum.groups++
			to += stride
		}
		if sum.groups >= fewGroups && sum.enough(k.shape) {
			r.count(k, at, uint64(sum.groups), &sum, false, InFreed)
			return to - at
		}
		*failed = to
	}
	return 8
}

// gaps returns the heap's memory that no span uses.
func (a *atlas) gaps() (list []region) {
	var used []region
	for i := range a.w.t.heap.spans {
		s := &a.w.t.heap.spans[i]
		used = append(used, region{s.base, s.end})
	}
	used = append(used, a.w.t.heap.stack...)
	slices.SortFunc(used, func(x, y region) int { return cmp.Compare(x.from, y.from) })
	for _, r := range a.arenas {
		from := r.from
		for _, u := range used {
			if u.to <= from || u.from >= r.to {
				continue
			}
			if u.from > from {
				list = append(list, region{from, u.from})
			}
			from = max(from, u.to)
		}
		if from < r.to {
			list = append(list, region{from, r.to})
		}
	}
	return list
}
