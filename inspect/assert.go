package inspect

import (
	"bytes"
	"encoding/binary"
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
// before it was cleared or emptied, since it has another seed by then, dropped
// groups with fewer than three entries or with interfaces in their keys, and elements whose key is gone. A key whose bytes are all zero cannot be told from
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
	var dropped []droppedKey
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
	held  [][]byte // strings that were copied
}

// wanted is a key that must not be found.
type wanted struct {
	at      unsafe.Pointer
	bytes   []byte
	word    any
	control byte   // that it has in the map
	prefix  []byte // what it begins with in a slot, as far as that is known
}

// droppedKey is where a key was found that growth has left behind.
type droppedKey struct {
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

// hashable reports whether keys of a type can be hashed without following
// pointers other than those of strings.
func hashable(t *gobinary.Type) bool {
	switch t.Kind {
	case reflect.Struct:
		for _, f := range t.Fields {
			if !hashable(f.Type) {
				return false
			}
		}
		return true
	case reflect.Array:
		return hashable(t.Elem)
	}
	return t.Kind != reflect.Interface
}

// hasStrings reports whether a type has a string in it.
func hasStrings(t *gobinary.Type) bool {
	switch t.Kind {
	case reflect.Struct:
		for _, f := range t.Fields {
			if hasStrings(f.Type) {
				return true
			}
		}
	case reflect.Array:
		return hasStrings(t.Elem)
	}
	return t.Kind == reflect.String
}

// longestString bounds the strings that are copied to be hashed.
const longestString = 1 << 20

// own puts copies of strings in the place of those that a value of type t in b
// has, so that it can be hashed: what b has need not be a value.
func (s *search) own(t *gobinary.Type, b []byte) bool {
	switch t.Kind {
	case reflect.String:
		n := u64(b, 8)
		if n == 0 {
			return true
		}
		if n > longestString {
			return false
		}
		text := s.read(u64(b, 0), n)
		if text == nil {
			return false
		}
		s.held = append(s.held, text)
		binary.NativeEndian.PutUint64(b, uint64(uintptr(unsafe.Pointer(&text[0]))))
	case reflect.Struct:
		for _, f := range t.Fields {
			if !s.own(f.Type, b[f.Offset:f.Offset+f.Type.Size]) {
				return false
			}
		}
	case reflect.Array:
		for i := range t.Len {
			if !s.own(t.Elem, b[i*t.Elem.Size:(i+1)*t.Elem.Size]) {
				return false
			}
		}
	}
	return true
}

// heap looks in all memory for groups that have a key and belonged to the map:
// the control bytes of their entries are those that the map's hash gives.
func (s *search) heap() ([]droppedKey, error) {
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
	if !hashable(s.t) {
		return nil, nil
	}
	boxed := slot.t != s.t
	for i := range s.keys {
		k := &s.keys[i]
		k.control = byte(s.o.t.hash(k.at, seed)) & 0x7f
		if !boxed && !hasStrings(s.t) {
			k.prefix = k.bytes[:min(8, len(k.bytes))]
		}
	}
	var list []droppedKey
	err := s.o.memory.each(s.o.f.Addr, int(sw.group), func(addr uint64, piece []byte) {
		for at := 0; len(list) < mostPlaces; at += 8 {
			if at = nextGroup(piece, at, int(sw.group), int(sw.ctrl)); at < 0 {
				return
			}
			g := piece[at : at+int(sw.group)]
			for i := range groupSlots {
				off := slot.off + int64(i)*slot.stride
				b := g[off : off+slot.t.Size]
				c := g[sw.ctrl+int64(i)]
				for k := range s.keys {
					want := &s.keys[k]
					// A key with pointers is zeroed when it is deleted.
					if c&0x80 == 0 && c != want.control || c&0x80 != 0 && want.prefix == nil || !bytes.HasPrefix(b, want.prefix) || left(b) == 0 || !s.same(s.t, slot.t, want.bytes, b) || !s.belongs(sh, g, seed) {
						continue
					}
					_, elem := sh.entry(g, i)
					group := addr + uint64(at)
					list = append(list, droppedKey{group, sh.address(group, i), i, k, left(elem) != 0})
				}
			}
		}
	})
	return list, err
}

// mostPlaces bounds what is remembered of a search.
const mostPlaces = 1 << 16

// nextGroup returns where in b, from at on, there may be a group of some bytes,
// whose control bytes are at ctrl; -1 if nowhere. No other goroutine has b.
//
//go:norace
func nextGroup(b []byte, at, group, ctrl int) int {
	for ; at+group <= len(b); at += 8 {
		if v := binary.LittleEndian.Uint64(b[at+ctrl:]); v >= 1<<32 && controls(v) {
			return at
		}
	}
	return -1
}

// controls reports whether v can be the control bytes of a group. Half of them
// zero are taken for a small number.
//
//go:norace
func controls(v uint64) bool {
	zero := 0
	for range groupSlots {
		switch c := byte(v); {
		case c == 0:
			zero++
		case c >= 0x80 && c != 0x80 && c != 0xFE:
			return false
		}
		v >>= 8
	}
	return zero < groupSlots/2
}

// enough is how many entries of a group have to have the control byte that the
// seed gives them, 7 bits each. A group that growth leaves behind has about
// seven; with one, one of 128 groups of other maps would do.
const enough = 3

// belongs reports whether all entries of a group, and enough of them, have the
// control bytes that the seed gives them.
func (s *search) belongs(sh *shape, g []byte, seed uintptr) bool {
	defer func() { s.held = nil }()
	key := make([]uint64, s.t.Size/8+1) // aligned
	copied := unsafe.Slice((*byte)(unsafe.Pointer(&key[0])), s.t.Size)
	n := 0
	for i := range groupSlots {
		c := g[sh.swiss.ctrl+int64(i)]
		if c&0x80 != 0 {
			continue
		}
		b, _ := sh.entry(g, i)
		if sh.slots[0].t != s.t {
			if b = s.read(u64(b, 0), uint64(s.t.Size)); b == nil {
				return false
			}
		}
		if copy(copied, b); !s.own(s.t, copied) || byte(s.o.t.hash(unsafe.Pointer(&key[0]), seed))&0x7f != c {
			return false
		}
		n++
	}
	runtime.KeepAlive(s.held)
	return n >= enough
}
