package freshmap

import (
	"reflect"
	"sync/atomic"
	"unsafe"
)

// Entries live in groups of seven slots. A group begins with two words: the
// control word, with a byte for each slot and a byte of flags, and the
// version, which grows whenever a slot is about to be cleared. Seven or ten
// groups make a block, which is one allocation.
const (
	slots       = 7
	smallGroups = 7
	wideGroups  = 10
	groupHeader = 16
	blockAlign  = 128
)

// headFor returns how far the slots of a size lie behind the begin of their group.
// Those of 32 bytes lie so that none is in two lines of the cache; with what the
// allocator rounds blocks up to, that costs no memory.
func headFor(stride uintptr) uintptr {
	if stride == 32 {
		return 32
	}
	return groupHeader
}

// A group is the head of a group; its slots follow in memory.
type group struct {
	ctrl    uint64
	version uint64
}

// keyKind says how a key lies in its slot.
type keyKind uint8

const (
	// keyWord: up to eight bytes whose equality is that of the bits.
	keyWord keyKind = iota
	// keyPointer: one pointer, compared as such.
	keyPointer
	// keyString: the hash and a string header, which is only followed once the
	// version has shown that both of its words belong together.
	keyString
	// keyPair: the hash and 16 bytes whose equality is that of the bits.
	keyPair
	// keyBoxed: a pointer to an immutable box with the hash and the key.
	keyBoxed
)

// valueKind says how a value lies in its slot.
type valueKind uint8

const (
	// valueWord: up to eight bytes without pointers.
	valueWord valueKind = iota
	// valuePointer: one pointer.
	valuePointer
	// valueWide: a selector and two buffers of up to 32 bytes. A store fills
	// the buffer that is not selected, turns the selector and clears the other:
	// a reader copies the selected one and looks at the selector again.
	valueWide
	// valueBoxed: a pointer to an immutable copy.
	valueBoxed
)

// box holds a key that does not fit a slot.
type box[K comparable] struct {
	hash uint64
	key  K
}

// A block is a pointer to its first group. The memory is aligned to 128 bytes,
// which leaves the low seven bits for a tag: the number of groups and how far
// the index of its stripe is rounded. The pointer stays within the allocation,
// so the garbage collector follows it as it is.
type block = unsafe.Pointer

const (
	tagGroups     = 15
	tagRoundShift = 4
	tagMask       = blockAlign - 1
)

func groupsIn(b block) uintptr { return uintptr(b) & tagGroups }

// sizes are the sizes of blocks, in groups.
var sizes = [2]uintptr{smallGroups, wideGroups}

// sizeOf returns which of the sizes a block has.
func sizeOf(b block) int {
	if groupsIn(b) == wideGroups {
		return 1
	}
	return 0
}

// roundOf returns by how many bits the index of the block's stripe is rounded
// down: segments of fewer bits than there are stripes use the first stripe of
// their range.
func roundOf(b block) uint { return uint(uintptr(b)&tagMask) >> tagRoundShift }

// homeOf returns the group where the search for a hash begins. It uses bits 0
// to 31, and mostly the upper ones of them; the tag uses the lowest, the
// directory those from the top down.
func homeOf(b block, h uint64) uintptr {
	return uintptr(uint64(uint32(h)) * uint64(groupsIn(b)) >> 32)
}

// layout is what the map knows of the memory of its slots. It is made once per
// map and does not change.
type layout struct {
	keys     keyKind
	values   valueKind
	keySize  uintptr // of a key in its slot
	stride   uintptr // of a slot
	head     uintptr // of a group, before its slots
	group    uintptr // of a group
	buffer   uintptr // of one of the two buffers of a wide value
	pointers uint64  // a bit for each word (of the size of a pointer) of a slot that is a pointer
	words    uintptr
	wide     uint64 // the same for one buffer of a wide value
	lead     uintptr
	blocks   [2]reflect.Type // small, wide
}

func (l *layout) init(key, value reflect.Type) {
	const word = unsafe.Sizeof(uintptr(0))
	var fields []reflect.StructField
	var size uintptr
	add := func(t reflect.Type) {
		name := "F" + string(rune('a'+len(fields)))
		fields = append(fields, reflect.StructField{Name: name, Type: t})
		size += t.Size()
	}
	pad := func(to uintptr) {
		if size < to {
			add(reflect.ArrayOf(int(to-size), reflect.TypeFor[byte]()))
		}
	}
	pointer, scalar := reflect.TypeFor[unsafe.Pointer](), reflect.TypeFor[uint64]()

	l.keys = kindOfKey(key)
	switch l.keys {
	case keyWord:
		add(scalar)
	case keyPointer, keyBoxed:
		add(pointer)
	case keyString, keyPair:
		add(scalar)
		add(key)
	}
	pad((size + 7) &^ 7)
	l.keySize = size
	l.values = kindOfValue(value)
	switch l.values {
	case valueWord:
		add(scalar)
	case valuePointer, valueBoxed:
		add(pointer)
	case valueWide:
		l.buffer = (value.Size() + 7) &^ 7
		add(scalar)
		for range 2 {
			add(value)
			pad((size + 7) &^ 7)
		}
		pointersIn(value, 0, func(offset uintptr) { l.wide |= 1 << (offset / word) })
	}
	pad((size + 7) &^ 7)

	slot := reflect.StructOf(fields)
	l.stride = slot.Size()
	l.head = headFor(l.stride)
	l.group = l.head + slots*l.stride
	l.words = slot.Size() / word
	pointersIn(slot, 0, func(offset uintptr) { l.pointers |= 1 << (offset / word) })
	group := reflect.StructOf([]reflect.StructField{
		{Name: "Ctrl", Type: scalar},
		{Name: "Version", Type: scalar},
		{Name: "Pad", Type: reflect.ArrayOf(int(l.head-groupHeader), reflect.TypeFor[byte]())},
		{Name: "Slots", Type: reflect.ArrayOf(slots, slot)},
	})
	// An allocation of this size that has pointers begins with a header of
	// eight bytes (runtime/malloc.go, mallocHeaderSize, Go 1.22 and later). What
	// comes before the groups brings them to the next 128 bytes.
	if l.pointers != 0 {
		l.lead = blockAlign - 8
	}
	for i, n := range sizes {
		l.blocks[i] = reflect.StructOf([]reflect.StructField{
			{Name: "Lead", Type: reflect.ArrayOf(int(l.lead), reflect.TypeFor[byte]())},
			{Name: "Groups", Type: reflect.ArrayOf(int(n), group)},
		})
	}
}

func (l *layout) groupAt(b block, i uintptr) *group {
	return (*group)(unsafe.Pointer(uintptr(b)&^tagMask + i*l.group))
}

func (l *layout) slotAt(g *group, i uint) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(g), l.head+uintptr(i)*l.stride)
}

func (l *layout) valueAt(slot unsafe.Pointer) unsafe.Pointer { return unsafe.Add(slot, l.keySize) }

// bufferAt returns the buffer of a wide value that a selector selects.
func (l *layout) bufferAt(cell unsafe.Pointer, selector uint64) unsafe.Pointer {
	return unsafe.Add(cell, 8+uintptr(selector&1)*l.buffer)
}

// newBlock returns an empty block of one of the sizes. Its tag says nothing of
// its stripe.
func (l *layout) newBlock(size int) block {
	p := unsafe.Add(reflect.New(l.blocks[size]).UnsafePointer(), l.lead)
	if uintptr(p)&tagMask != 0 {
		// Size classes from 1024 bytes on, and 896, are multiples of 128
		// (runtime/sizeclasses.go); without that there would be no room for tags.
		panic("freshmap: the allocator of this Go release does not align to 128 bytes")
	}
	return unsafe.Add(p, sizes[size])
}

// blockSize returns the bytes that a block takes of the heap, as far as the
// map can know.
func (l *layout) blockSize(b block) uintptr { return l.blocks[sizeOf(b)].Size() }

// copySlot copies a slot into one that no reader can reach yet.
func (l *layout) copySlot(to, from unsafe.Pointer) {
	const word = unsafe.Sizeof(uintptr(0))
	for i := range l.words {
		if l.pointers>>i&1 != 0 {
			*(*unsafe.Pointer)(unsafe.Add(to, i*word)) = *(*unsafe.Pointer)(unsafe.Add(from, i*word))
		} else {
			*(*uintptr)(unsafe.Add(to, i*word)) = *(*uintptr)(unsafe.Add(from, i*word))
		}
	}
}

// clearSlot zeroes a slot under the eyes of readers, who find out by the
// version.
func (l *layout) clearSlot(slot unsafe.Pointer) {
	const word = unsafe.Sizeof(uintptr(0))
	for i := range l.words {
		if l.pointers>>i&1 != 0 {
			atomic.StorePointer((*unsafe.Pointer)(unsafe.Add(slot, i*word)), nil)
		} else {
			atomic.StoreUintptr((*uintptr)(unsafe.Add(slot, i*word)), 0)
		}
	}
}

// wordFirst says that a pointer lies in the lower half of the word that begins at
// its address, or fills it: not so on big-endian machines of 32 bits.
var wordFirst = func() bool {
	w := uint64(1)
	return unsafe.Sizeof(uintptr(0)) == 8 || *(*uint32)(unsafe.Pointer(&w)) == 1
}()

func kindOfKey(t reflect.Type) keyKind {
	switch size := t.Size(); {
	case t.Kind() == reflect.String && size == 16:
		return keyString
	case size <= 8 && plain(t):
		return keyWord
	case size == 16 && plain(t):
		return keyPair
	case pointerShaped(t) && wordFirst:
		return keyPointer
	}
	return keyBoxed
}

func kindOfValue(t reflect.Type) valueKind {
	pointers := 0
	pointersIn(t, 0, func(uintptr) { pointers++ })
	switch size := t.Size(); {
	case size <= 8 && pointers == 0:
		return valueWord
	case size == unsafe.Sizeof(uintptr(0)):
		return valuePointer
	case size > 8 && size <= 32:
		return valueWide
	}
	return valueBoxed
}

// pointerShaped reports whether a value of t is one pointer that is compared
// as a pointer.
func pointerShaped(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Chan, reflect.UnsafePointer:
		return true
	}
	return false
}

// plain reports whether values of t are equal exactly if their bytes are:
// there are no pointers, floats, padding and blank fields in it.
func plain(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return true
	case reflect.Array:
		return t.Len() == 0 || plain(t.Elem())
	case reflect.Struct:
		var end uintptr
		for f := range t.Fields() {
			if f.Offset != end || f.Name == "_" || !plain(f.Type) {
				return false
			}
			end += f.Type.Size()
		}
		return end == t.Size()
	}
	return false
}

// pointersIn calls f with the offset of each word of t that the garbage
// collector has to follow.
func pointersIn(t reflect.Type, at uintptr, f func(offset uintptr)) {
	const word = unsafe.Sizeof(uintptr(0))
	switch t.Kind() {
	case reflect.Pointer, reflect.Chan, reflect.Func, reflect.Map, reflect.UnsafePointer, reflect.String, reflect.Slice:
		f(at)
	case reflect.Interface:
		f(at)
		f(at + word)
	case reflect.Array:
		for i := range t.Len() {
			pointersIn(t.Elem(), at+uintptr(i)*t.Elem().Size(), f)
		}
	case reflect.Struct:
		for field := range t.Fields() {
			pointersIn(field.Type, at+field.Offset, f)
		}
	}
}
