package inspect

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// walk goes from the package variables to all maps that typed pointers reach.
// It is used by one goroutine, but for what workers do in between.
type walk struct {
	copier
	lock     sync.Mutex // of plans and shapes
	shapes   map[*gobinary.Type]*shape
	plans    map[*gobinary.Type]*plan
	channels map[*gobinary.Type]*plan
	function *plan   // of closures
	numbers  []*plan // by plan.number
	known    []*shape
	reach    map[*gobinary.Type]bool
	seen     words // of those that were followed, and headers of maps
	keep     bool  // whether maps has all maps, or groups only
	maps     []found
	groups   map[groupKey]*Group
	torn     int
	paths    paths
	queue    []item    // of the next level
	todo     []mapItem // likewise
	late     []mapItem // maps that did not settle, and are read again
	last     bool      // they are not
	closures []item    // function values that are followed later
	calls    bool      // they are followed at once
	spare    []item    // room for sorting
	lost     Lost
	bare     *bare // of a program without DWARF
	workers  []*worker
	tasks    []task
	stacks   Stacks
	stacked  []region // stacks of goroutines, by address while the queue is followed
	stack    region   // of the goroutine that is looked at
}

func newWalk(t *Target) *walk {
	w := &walk{
		copier: copier{t: t, flood: t.flood}, plans: map[*gobinary.Type]*plan{}, shapes: map[*gobinary.Type]*shape{},
		groups: map[groupKey]*Group{},
	}
	w.channels = map[*gobinary.Type]*plan{}
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
	Unsure   int // objects that may be maps of 8 entries, or not
	Reused   int // pointers to maps where something else was by the time that it was read
}

// item is n values of one type that are to be looked at.
type item struct {
	addr uint64
	n    uint32
	plan int32 // its number
	path int32
}

// mapItem is a map that is to be read.
type mapItem struct {
	addr  uint64
	shape int32 // its number
	path  int32
}

// plan says where a type has words to follow.
type plan struct {
	t      *gobinary.Type
	what   planKind
	number int32
	size   int64
	words  []word
	arrays bool // among the words are long arrays, which lead to the same again
}

// planKind is what a plan is for.
type planKind uint8

const (
	planValue   planKind = iota
	planChannel          // the header of a channel of type t
	planClosure          // the object of a function value, by its first word
	planNode             // of a trie, see trieOf
)

type word struct {
	off   int64
	kind  reflect.Kind // Pointer, Slice, Interface, Map, Chan, Func, UnsafePointer; Array for a long one
	iface bool         // of interfaces: with methods, so that the first word is an itab
	t     *gobinary.Type
	elem  *gobinary.Type // what a Pointer or Slice leads to, the element of an Array
	label string         // ".cache" for the field; of what leads on, with what it adds: ".cache[]"
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

// plan returns the plan of a type, which is made once. It may be called
// concurrently.
func (w *walk) plan(t *gobinary.Type) *plan {
	w.lock.Lock()
	defer w.lock.Unlock()
	if p := w.plans[t]; p != nil {
		return p
	}
	p := w.number(&plan{t: t, size: t.Size})
	w.plans[t] = p
	if _, ok := w.trieOf(t); ok {
		p.what, p.words = planNode, []word{{t: t}}
		return p
	}
	w.flatten(p, t, 0, "", 0)
	return p
}

// number gives a plan its number.
func (w *walk) number(p *plan) *plan {
	p.number = int32(len(w.numbers))
	w.numbers = append(w.numbers, p)
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
		fields := trieFields(t)
		if fields == nil {
			fields = poolFields(t)
		}
		if fields != nil {
			w.flattenFields(p, t, fields, off, label, depth)
			return
		}
		if w.flattenPool(p, t, off, label) {
			return
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
			label += "[]"
			add(word{kind: reflect.Array, elem: t.Elem})
			p.arrays = true
			return
		}
		for i := range t.Len {
			w.flatten(p, t.Elem, off+i*t.Elem.Size, label+"[]", depth+1)
		}
	case reflect.Pointer:
		add(word{kind: t.Kind, elem: t.Elem})
	case reflect.Slice:
		if t.Elem != nil {
			label += "[]"
			add(word{kind: t.Kind, elem: t.Elem})
		}
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
		if n, ok := w.trieOf(t); ok {
			from[n.entry] = append(from[n.entry], t)
			from[n.inner] = append(from[n.inner], t)
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
		if strings.HasPrefix(v.Name, "runtime.") || strings.HasPrefix(v.Name, "internal/runtime/") || strings.HasPrefix(v.Name, "go:") || slices.Contains(poolLists, v.Name) {
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
		w.queue = items(w.queue, addr, n, p, path)
	}
}

// chunk is how much of an array is looked at in one piece.
const chunk = 1 << 16

// items appends n values at addr, in pieces that are no larger than need be.
func items(list []item, addr, n uint64, p *plan, path int32) []item {
	for per := uint64(max(chunk/p.size, 1)); n > 0; {
		now := min(per, n)
		list = append(list, item{addr, uint32(now), p.number, path})
		addr, n = addr+now*uint64(p.size), n-now
	}
	return list
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

// shape is the layout of the maps of one type, of either kind.
type shape struct {
	t       *gobinary.Type
	number  int32
	swiss   *swiss
	classic *classic
	slots   []slotField
	stride  int64
	entries plan // has a word for each of slots, that leads to what is in it
}

// shape returns the layout of t, which is looked up once; nil if it is not
// known. It may be called concurrently.
func (w *walk) shape(t *gobinary.Type) *shape {
	w.lock.Lock()
	defer w.lock.Unlock()
	if s, ok := w.shapes[t]; ok {
		return s
	}
	s := &shape{t: t, number: int32(len(w.known))}
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
	if w.shapes[t] = s; s == nil {
		return nil
	}
	w.known = append(w.known, s)
	for _, f := range s.slots {
		label := "[]"
		if f.key {
			label = "[key]"
		}
		s.entries.words = append(s.entries.words, word{t: f.t, elem: f.t, label: label})
	}
	return s
}

// live reports whether slot i of a group or bucket has an entry.
func (s *shape) live(b []byte, i int) bool { return s.full(b[s.control()+int64(i)]) }

// control is where the control bytes of a group are, or the top hashes of a
// bucket.
func (s *shape) control() int64 {
	if s.swiss != nil {
		return s.swiss.ctrl
	}
	return s.classic.tophash
}

// full reports whether a slot with this control byte, or top hash, has an entry.
func (s *shape) full(c byte) bool {
	if s.swiss != nil {
		return c&0x80 == 0
	}
	return c >= minTopHash
}

func (l *Lost) add(o *Lost) {
	l.Unsafe += o.Unsafe
	l.Types += o.Types
	l.Closures += o.Closures
	l.Memory += o.Memory
	l.Layouts += o.Layouts
	l.Unsure += o.Unsure
	l.Reused += o.Reused
}

// String lists what there is of each.
func (l Lost) String() string {
	var parts []string
	for _, x := range []struct {
		n          int
		what, more string
	}{
		{l.Unsafe, "unsafe.Pointer", "to the heap"}, {l.Types, "interface", "with a type that the DWARF does not have"},
		{l.Closures, "function", "whose captured variables are not described"}, {l.Memory, "pointer", "to memory that could not be read"},
		{l.Layouts, "value", "of a map or channel type with a layout that is not known"},
		{l.Unsure, "object", "with what may be a map of 8 entries"},
		{l.Reused, "map", "gone when read"},
	} {
		if x.n > 0 {
			parts = append(parts, Plural(uint64(x.n), x.what)+" "+x.more)
		}
	}
	return strings.Join(parts, ", ")
}
