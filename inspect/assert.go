package inspect

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"unsafe"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// TB is what [AssertNoResidue] needs of a [testing.TB].
type TB interface {
	Helper()
	Errorf(format string, args ...any)
}

// AssertNoResidue fails a test if keys that were deleted from m can still be
// read in this program's memory: in slots of m without an entry, or in groups
// that m had before it grew, which nothing erases until their memory is used
// again. The failure names key, slot and address, and says whether the element
// is left too. Without keys, no slot without an entry may have anything left,
// and dropped groups are not looked for.
//
// Nobody may write m meanwhile; a map that changes fails the test. Keys are
// compared as they lie in memory, those behind a pointer of a large key and the
// bytes of strings included. What it does not find: copies elsewhere than in
// groups of m (the bytes of a string key are not in the map), groups that m had
// before it was cleared or emptied, since it has another seed by then, and
// elements whose key is gone. A key whose bytes are all zero cannot be told from
// nothing and fails. Groups of a clone of m count as those of m.
//
// It takes time in proportion to all memory of the program, about a second for
// a gigabyte.
func AssertNoResidue[M ~map[K]V, K comparable, V any](t TB, m M, keys ...K) {
	t.Helper()
	list := make([]unsafe.Pointer, len(keys))
	words := make([]any, len(keys))
	for i := range keys {
		list[i], words[i] = unsafe.Pointer(&keys[i]), keys[i]
	}
	for _, line := range residue(m, reflect.TypeFor[K](), list, words) {
		t.Errorf("inspect: %s", line)
	}
	runtime.KeepAlive(m)
	runtime.KeepAlive(keys)
}

// mostLines is how many failures are told one by one.
const mostLines = 10

// residue returns a line for each key that is left somewhere.
func residue(m any, key reflect.Type, keys []unsafe.Pointer, words []any) []string {
	o, err := openOwn(m)
	if err != nil {
		return []string{err.Error()}
	}
	defer o.close()
	if o.f.Addr == 0 {
		return nil // a nil map has no slots and never had any
	}
	s := search{o: o, t: o.t.described.Key, kept: map[uint64]bool{}}
	for i, p := range keys {
		b := unsafe.Slice((*byte)(p), key.Size())
		if left(b) == 0 {
			s.say("the key %v is all zero bytes in memory, like a slot that was never used: choose another one", words[i])
			continue
		}
		s.keys = append(s.keys, wanted{at: p, bytes: b, word: words[i]})
	}
	// The heap comes first: looking at the slots makes copies of them.
	var dropped []place
	if len(s.keys) > 0 {
		if dropped, err = s.heap(); err != nil {
			return append(s.lines, err.Error())
		}
	}
	snap, err := o.w.snapshot(o.f)
	if err != nil {
		return append(s.lines, err.Error())
	}
	if !snap.Consistent {
		return append(s.lines, fmt.Sprintf("the map changed while it was read, %d times in a row: nobody may write it meanwhile", Tries))
	}
	s.slots(snap, len(keys) == 0)
	for _, p := range dropped {
		if !s.kept[p.group] {
			s.say("%s is still readable in slot %d of a group that the map had before it grew, at %#x%s", s.name(p.key), p.slot, p.addr, and(p.elem))
		}
	}
	if more := s.found - len(s.lines); more > 0 {
		s.lines = append(s.lines, fmt.Sprintf("and %s more", Count(uint64(more))))
	}
	return s.lines
}

func and(elem bool) string {
	if elem {
		return ", and so is its element"
	}
	return ""
}

// search looks for keys.
type search struct {
	o     *own
	t     *gobinary.Type
	keys  []wanted
	kept  map[uint64]bool // groups that the map has, by their addresses
	lines []string
	found int
}

// wanted is a key that must not be found.
type wanted struct {
	at      unsafe.Pointer
	bytes   []byte
	word    any
	control byte   // that it has in the map
	prefix  []byte // what it begins with, if known: without pointers
	known   bool
}

// place is where one was found.
type place struct {
	group, addr uint64
	slot, key   int
	elem        bool
}

func (s *search) say(format string, args ...any) {
	if s.found++; len(s.lines) < mostLines {
		s.lines = append(s.lines, fmt.Sprintf(format, args...))
	}
}

func (s *search) name(key int) string { return fmt.Sprintf("the key %v", s.keys[key].word) }

// slots looks at the slots of the map.
func (s *search) slots(snap *Snapshot, all bool) {
	for _, p := range snap.Parts {
		for n, g := range p.Groups {
			s.kept[g.Addr] = true
			for i := range g.Slots {
				slot := &g.Slots[i]
				if slot.State != Full && !slot.Residue() {
					continue
				}
				at := snap.shape.address(g.Addr, i)
				where := fmt.Sprintf("slot %d of group %d of %s, at %#x", i, n, p.Name, at)
				if all && slot.Residue() {
					s.say("%s has no entry, and yet a key or an element (%t, %t) can be read there", where, slot.KeyLeft, slot.ElemLeft)
				}
				key, _ := snap.shape.entry(g.data, i)
				for k := range s.keys {
					switch {
					case !s.same(s.t, snap.shape.slots[0].t, s.keys[k].bytes, key):
					case slot.State == Full:
						s.say("%s has not been deleted: %s has it", s.name(k), where)
					default:
						s.say("%s is still readable after it was deleted, in %s%s", s.name(k), where, and(slot.ElemLeft))
					}
				}
			}
		}
	}
}

// address returns where the key of slot i of a group is.
func (s *shape) address(group uint64, i int) uint64 {
	return group + uint64(s.slots[0].off+int64(i)*s.slots[0].stride)
}

// same reports whether the key of type t in a is what b has, in a slot of type
// in: a pointer to it if it is large.
func (s *search) same(t, in *gobinary.Type, a, b []byte) bool {
	if in != t && in.Kind == reflect.Pointer && in.Elem == t {
		if b = s.read(u64(b, 0), uint64(t.Size)); b == nil {
			return false
		}
	}
	return s.equal(t, a, b)
}

// equal compares two values of type t. Padding is not compared.
func (s *search) equal(t *gobinary.Type, a, b []byte) bool {
	if int64(len(a)) < t.Size || int64(len(b)) < t.Size {
		return false
	}
	switch t.Kind {
	case reflect.String:
		n := u64(a, 8)
		if u64(b, 8) != n {
			return false
		}
		if u64(a, 0) == u64(b, 0) || n == 0 {
			return true
		}
		x, y := s.read(u64(a, 0), n), s.read(u64(b, 0), n)
		return x != nil && bytes.Equal(x, y)
	case reflect.Struct:
		for _, f := range t.Fields {
			if f.Name != "_" && !s.equal(f.Type, a[f.Offset:], b[f.Offset:]) {
				return false
			}
		}
		return true
	case reflect.Array:
		for i := range t.Len {
			if !s.equal(t.Elem, a[i*t.Elem.Size:], b[i*t.Elem.Size:]) {
				return false
			}
		}
		return true
	}
	return bytes.Equal(a[:t.Size], b[:t.Size])
}

// read copies n bytes of this program, nil if they are not there.
func (s *search) read(addr, n uint64) []byte {
	if n > s.o.w.t.room(addr) {
		return nil
	}
	b := make([]byte, n)
	if s.o.memory.read([][]byte{b}, []uint64{addr}) != nil {
		return nil
	}
	return b
}

// plain reports whether a type has no pointers, so that its bytes can be
// hashed wherever they lie.
func plain(t *gobinary.Type) bool {
	switch t.Kind {
	case reflect.Struct:
		for _, f := range t.Fields {
			if !plain(f.Type) {
				return false
			}
		}
		return true
	case reflect.Array:
		return plain(t.Elem)
	}
	return t.Kind >= reflect.Bool && t.Kind <= reflect.Complex128
}

// heap looks in all memory for groups that have a key and belonged to the map:
// the control bytes of their entries are those that the map's hash gives.
func (s *search) heap() ([]place, error) {
	sh := s.o.w.shape(s.o.t.described)
	sw := sh.swiss
	head := s.read(s.o.f.Addr, uint64(sw.size))
	if head == nil {
		return nil, fmt.Errorf("the header of the map at %#x cannot be read", s.o.f.Addr)
	}
	if s.o.t.hash == nil {
		return nil, fmt.Errorf("how maps of %s are hashed is not known, so that groups which they had before cannot be told", s.o.t.described.Name)
	}
	seed := uintptr(field(s.o.t.described.Impl, head, "seed"))
	slot := sh.slots[0]
	boxed := slot.t != s.t
	for i := range s.keys {
		k := &s.keys[i]
		k.control = byte(s.o.t.hash(k.at, seed)) & 0x7f
		if !boxed && plain(s.t) {
			k.prefix, k.known = k.bytes[:min(8, len(k.bytes))], true
		}
	}
	var list []place
	err := s.o.memory.each(s.o.f.Addr, int(sw.group), func(addr uint64, piece []byte) {
		for at := 0; at+int(sw.group) <= len(piece) && len(list) < mostPlaces; at += 8 {
			v := u64(piece, int64(at)+sw.ctrl)
			if v == 0 || !controls(v) {
				continue
			}
			g := piece[at : at+int(sw.group)]
			for i := range groupSlots {
				off := slot.off + int64(i)*slot.stride
				b := g[off : off+slot.t.Size]
				c := g[sw.ctrl+int64(i)]
				for k := range s.keys {
					want := &s.keys[k]
					if c&0x80 == 0 && c != want.control || want.known && !bytes.HasPrefix(b, want.prefix) || left(b) == 0 || !s.same(s.t, slot.t, want.bytes, b) {
						continue
					}
					if !boxed && plain(s.t) && !s.belongs(sh, g, seed) || !want.known && c&0x80 != 0 {
						continue
					}
					_, elem := sh.entry(g, i)
					group := addr + uint64(at)
					list = append(list, place{group, sh.address(group, i), i, k, left(elem) != 0})
				}
			}
		}
	})
	return list, err
}

// mostPlaces bounds what is remembered of a search.
const mostPlaces = 1 << 16

// controls reports whether v can be the control bytes of a group.
func controls(v uint64) bool {
	for high := v & 0x8080808080808080; v != 0 && high != 0; v, high = v>>8, high>>8 {
		if c := byte(v); c >= 0x80 && c != 0x80 && c != 0xFE {
			return false
		}
	}
	return true
}

// belongs reports whether the entries of a group, one at least, have the control
// bytes that the seed gives them.
func (s *search) belongs(sh *shape, g []byte, seed uintptr) bool {
	n := 0
	for i := range groupSlots {
		c := g[sh.swiss.ctrl+int64(i)]
		if c&0x80 != 0 {
			continue
		}
		key, _ := sh.entry(g, i)
		if byte(s.o.t.hash(unsafe.Pointer(&key[0]), seed))&0x7f != c {
			return false
		}
		n++
	}
	return n > 0
}
