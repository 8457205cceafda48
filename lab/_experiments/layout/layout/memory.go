package main

import (
	"bytes"
	"reflect"
	"unsafe"
)

// bytesAt is the whole trick: n bytes of anything, as a slice.
func bytesAt(p unsafe.Pointer, n int) []byte { return unsafe.Slice((*byte)(p), n) }

func pointerAt(p unsafe.Pointer, offset int) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Add(p, offset))
}

func wordAt(p unsafe.Pointer, offset int) uint64 {
	return *(*uint64)(unsafe.Add(p, offset))
}

// An image is a value the way it lies in memory, at an address that the hash
// function can be given.
type image struct{ p unsafe.Pointer }

func imageOf(v interface{}) image {
	box := reflect.New(reflect.TypeOf(v))
	box.Elem().Set(reflect.ValueOf(v))
	return image{box.UnsafePointer()}
}

// An examination plants a specimen in maps and searches their memory.
type examination struct {
	specimen
	typ            reflect.Type
	dwarf          *described
	planted, found int
}

func (x *examination) insert(m reflect.Value, i int) {
	m.SetMapIndex(reflect.ValueOf(x.key(i)), reflect.ValueOf(x.value(i)))
}

// hash calls the map type's own hash function with the map's own seed. The
// function is in the type descriptor, which an interface's first word points to.
func (x *examination) hash(m reflect.Value, i int) uint64 {
	typ := m.Interface()
	descriptor := *(*unsafe.Pointer)(unsafe.Pointer(&typ))
	hasher := *(*func(unsafe.Pointer, uintptr) uintptr)(unsafe.Add(descriptor, x.dwarf.hasher))
	header := m.UnsafePointer()
	var seed uintptr
	if f := member(x.dwarf.header, "hash0"); f != nil {
		seed = uintptr(*(*uint32)(unsafe.Add(header, int(f.ByteOffset))))
	} else if f := member(x.dwarf.header, "seed"); f != nil {
		seed = *(*uintptr)(unsafe.Add(header, int(f.ByteOffset)))
	}
	return uint64(hasher(imageOf(x.key(i)).p, seed))
}

// controlOf says which byte a hash leaves in the control bytes.
// Classic: tophash, the high 8 bits, moved up by 5 when below, because 0 to 4
// are states (runtime/map.go, tophash and minTopHash, Go 1.18 to 1.23).
// Swiss: H2, the low 7 bits (internal/runtime/maps/map.go, h2, Go 1.24 to 1.27).
func (x *examination) controlOf(hash uint64) byte {
	if x.dwarf.swiss {
		return byte(hash & 0x7f)
	}
	top := byte(hash >> 56)
	if top < 5 {
		top += 5
	}
	return top
}

// home says which of n buckets or groups an insert tries first.
func (x *examination) home(hash uint64, n int) int {
	if x.dwarf.swiss {
		hash >>= 7 // H1 is what H2 leaves
	}
	return int(hash & uint64(n-1))
}

// cells gives the buckets or groups of a map in memory order. A classic map has
// 2^B of them at h.buckets; a Swiss map has one at dirPtr, or else tables.
func (x *examination) cells(m reflect.Value) []unsafe.Pointer {
	d, header := x.dwarf, m.UnsafePointer()
	offset := func(name string) int { return int(member(d.header, name).ByteOffset) }
	var first unsafe.Pointer
	count := 1
	switch {
	case !d.swiss:
		first = pointerAt(header, offset("buckets"))
		count = 1 << *(*uint8)(unsafe.Add(header, offset("B")))
	case wordAt(header, offset("dirLen")) == 0:
		first = pointerAt(header, offset("dirPtr"))
	default: // the specimens stay small: a directory of one table
		table := pointerAt(pointerAt(header, offset("dirPtr")), 0)
		groups := int(member(d.table, "groups").ByteOffset)
		first = pointerAt(table, groups+int(member(d.groups, "data").ByteOffset))
		count = int(wordAt(table, groups+int(member(d.groups, "lengthMask").ByteOffset))) + 1
	}
	var list []unsafe.Pointer
	for i := 0; i < count; i++ {
		list = append(list, unsafe.Add(first, i*d.cell.size))
	}
	return list
}

// where finds an image in a cell, behind the control bytes (those are hash bits
// and could be anything). It wants exactly one hit.
func where(cell []byte, p unsafe.Pointer, n int) int {
	pattern := bytesAt(p, n)
	at := bytes.Index(cell[8:], pattern)
	if at < 0 || bytes.Contains(cell[8+at+1:], pattern) {
		return -1
	}
	return 8 + at
}

// part searches the i-th key or value of a full cell. When its bytes are not in
// the cell, they must be behind one of the cell's pointers.
func (x *examination) part(cell []byte, v interface{}, guess int) (offset, size int, indirect bool) {
	n := int(reflect.TypeOf(v).Size())
	img := imageOf(v)
	if offset = where(cell, img.p, n); offset >= 0 {
		return offset, n, false
	}
	// Only where DWARF promises a pointer is it safe to follow one.
	if guess >= 0 && guess+8 <= len(cell) {
		target := *(*unsafe.Pointer)(unsafe.Pointer(&cell[guess]))
		if target != nil && bytes.Equal(bytesAt(target, n), bytesAt(img.p, n)) {
			return guess, 8, true
		}
	}
	return -1, 0, false
}

// measure finds the layout of a cell in memory. It takes from DWARF how many
// bytes it may read and where a pointer may be followed; every number of the
// result is found in the bytes.
func (x *examination) measure() layout {
	d := x.dwarf.cell
	l := layout{controlOffset: -1, keyOffset: -1, valueOffset: -1, overflowOffset: -1}

	// Eight entries fill one cell, in the order of the inserts.
	m := reflect.MakeMap(x.typ)
	var control []byte
	for i := 0; i < 8; i++ {
		x.insert(m, i)
	}
	for i := 0; i < 8; i++ {
		control = append(control, x.controlOf(x.hash(m, i)))
	}
	cell := bytesAt(x.cells(m)[0], d.size)
	l.controlOffset = bytes.Index(cell, control)
	guess := func(indirect bool, offset, stride, i int) int {
		if !indirect {
			return -1
		}
		return offset + i*stride
	}
	var keys, values []int
	for i := 0; i < 8; i++ {
		x.planted++
		offset, size, indirect := x.part(cell, x.key(i), guess(d.keyIndirect, d.keyOffset, d.keyStride, i))
		if offset >= 0 {
			x.found++
			keys = append(keys, offset)
			l.keySize, l.keyIndirect = size, indirect
		}
	}
	for i := 0; i < 8; i++ {
		offset, size, indirect := -1, 0, false
		if v := x.value(i); reflect.TypeOf(v).Kind() == reflect.Bool {
			offset, size = loneByte(cell, keys, l.keySize, i), 1
		} else if reflect.TypeOf(v).Size() > 0 {
			offset, size, indirect = x.part(cell, v, guess(d.valueIndirect, d.valueOffset, d.valueStride, i))
		}
		if offset >= 0 {
			values = append(values, offset)
			l.valueSize, l.valueIndirect = size, indirect
		}
	}
	l.slots = len(keys)
	l.keyOffset, l.keyStride = progression(keys)
	if reflect.TypeOf(x.value(0)).Size() == 0 {
		// Nothing to find. DWARF's word is taken for it.
		l.valueOffset, l.valueStride = d.valueOffset, d.valueStride
	} else {
		l.valueOffset, l.valueStride = progression(values)
	}
	if l.controlOffset >= 0 && l.keyOffset >= 0 && l.valueOffset >= 0 {
		x.neighbour(&l) // it follows pointers, so only in memory that is understood
	}
	return l
}

// loneByte finds the i-th byte 1 that is neither a control byte nor in a key:
// eight times true looks like nothing else in a full cell.
func loneByte(cell []byte, keys []int, keySize, i int) int {
	for at := 8; at < len(cell); at++ {
		inKey := false
		for _, start := range keys {
			inKey = inKey || at >= start && at < start+keySize
		}
		if inKey || cell[at] != 1 {
			continue
		}
		if i == 0 {
			return at
		}
		i--
	}
	return -1
}

// progression gives first element and step of a list that is one, else -1.
func progression(list []int) (first, step int) {
	if len(list) < 2 {
		return -1, -1
	}
	step = list[1] - list[0]
	for i := range list {
		if list[i] != list[0]+i*step {
			return -1, -1
		}
	}
	return list[0], step
}

// neighbour uses a map of two cells. The distance of the first key of each is
// the size of a cell. Nine keys for the first show where the ninth is linked:
// the keys are picked with the map's own hash function.
func (x *examination) neighbour(l *layout) {
	m := reflect.MakeMapWithSize(x.typ, 9)
	if len(x.cells(m)) != 2 {
		return
	}
	var crowd []int
	other := -1
	for i := 0; len(crowd) < 9 || other < 0; i++ {
		if x.home(x.hash(m, i), 2) == 0 {
			if len(crowd) < 9 {
				crowd = append(crowd, i)
			}
		} else if other < 0 {
			other = i
		}
	}
	x.insert(m, other)
	for _, i := range crowd {
		x.insert(m, i)
	}
	first := x.cells(m)[0]
	both := bytesAt(first, 2*x.dwarf.cell.size)
	find := func(from int, i int) int {
		guess := -1
		if l.keyIndirect {
			guess = l.keyOffset
		}
		offset, _, _ := x.part(both[from:], x.key(i), guess)
		return from + offset
	}
	// The search starts inside the first cell for its first key, and at the
	// second cell's place for the other's; a wrong place finds nothing.
	a := find(0, crowd[0])
	b := find(x.dwarf.cell.size, other)
	l.size = b - a

	used := make([]bool, len(both)/2)
	mark := func(start, n int) {
		for i := start; i >= 0 && i < start+n && i < len(used); i++ {
			used[i] = true
		}
	}
	mark(l.controlOffset, 8)
	for i := 0; i < l.slots; i++ {
		mark(l.keyOffset+i*l.keyStride, l.keySize)
		mark(l.valueOffset+i*l.valueStride, l.valueSize)
	}
	for at := 0; at+8 <= len(used); at += 8 {
		free := true
		for i := at; i < at+8; i++ {
			free = free && !used[i]
		}
		next := wordAt(first, at)
		if !free || next == 0 {
			continue
		}
		// A word that is no part of any slot and not zero: the link.
		overflow := bytesAt(pointerAt(first, at), x.dwarf.cell.size)
		guess := -1
		if l.keyIndirect {
			guess = l.keyOffset
		}
		if offset, _, _ := x.part(overflow, x.key(crowd[8]), guess); offset == l.keyOffset {
			l.overflowOffset = at
		}
	}
}
