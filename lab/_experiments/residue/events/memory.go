package main

import "unsafe"

// The words of a map header that lead to its entries. Classic: hmap in
// runtime/map.go, Go 1.18 to 1.23 (runtime/map_noswiss.go in 1.24 and 1.25).
// Swiss: Map, table and groupsReference in internal/runtime/maps, Go 1.24 to
// 1.27. The experiment layout reads the same offsets from DWARF.
const (
	classicB          = 9
	classicBuckets    = 16
	classicOldBuckets = 24
	swissDirectory    = 16
	swissDirectoryLen = 24
	tableGroups       = 16
	tableLengthMask   = 24
)

const slots = 8

func pointerAt(p unsafe.Pointer, offset uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Add(p, offset))
}

func bytesAt(p unsafe.Pointer, n uintptr) []byte { return unsafe.Slice((*byte)(p), n) }

// swiss looks at the control byte of a slot that was never used: 0x80 in a
// Swiss map, 0 in a classic one. The word at offset 16 leads there in both.
var swiss = func() bool {
	m := map[uint64]uint64{1: 1}
	header := *(*unsafe.Pointer)(unsafe.Pointer(&m))
	return bytesAt(pointerAt(header, classicBuckets), slots)[7] == 0x80
}()

// A shape is how the buckets or groups of one map type are made.
type shape struct {
	key, value uintptr // bytes each takes in the bucket
	boxed      bool    // the key is behind a pointer
}

func (s shape) size() uintptr {
	size := slots + slots*(s.key+s.value)
	if !swiss {
		size += 8 // the overflow pointer
	}
	return size
}

func (s shape) keyAt(i int) uintptr {
	if swiss {
		return slots + uintptr(i)*(s.key+s.value)
	}
	return slots + uintptr(i)*s.key
}

func (s shape) valueAt(i int) uintptr {
	if swiss {
		return s.keyAt(i) + s.key
	}
	return slots + slots*s.key + uintptr(i)*s.value
}

// A cell is a bucket or group.
type cell struct {
	p        unsafe.Pointer
	overflow bool // linked behind a bucket of the array
}

// live says whether a slot has an entry, by its control byte.
func (c cell) live(i int) bool {
	control := bytesAt(c.p, slots)[i]
	if swiss {
		return control < 0x80
	}
	return control >= 5 // minTopHash
}

// array is where a map's entries are: one address that changes when it grows.
func array(header unsafe.Pointer) unsafe.Pointer {
	if swiss && *(*int)(unsafe.Add(header, swissDirectoryLen)) > 0 {
		return pointerAt(pointerAt(pointerAt(header, swissDirectory), 0), tableGroups)
	}
	return pointerAt(header, classicBuckets) // also a small Swiss map's only group
}

func growing(header unsafe.Pointer) bool {
	return !swiss && pointerAt(header, classicOldBuckets) != nil
}

// cells lists the buckets or groups of a map, overflow buckets included. The
// maps of this program have one table at most, and are not growing when asked.
func (s shape) cells(header unsafe.Pointer) []cell {
	var list []cell
	first := array(header)
	if swiss {
		count := uint64(1)
		if *(*int)(unsafe.Add(header, swissDirectoryLen)) > 0 {
			table := pointerAt(pointerAt(header, swissDirectory), 0)
			count += *(*uint64)(unsafe.Add(table, tableLengthMask))
		}
		for i := uint64(0); i < count; i++ {
			list = append(list, cell{unsafe.Add(first, uintptr(i)*s.size()), false})
		}
		return list
	}
	count := uintptr(1) << *(*uint8)(unsafe.Add(header, classicB))
	for i := uintptr(0); i < count; i++ {
		main := unsafe.Add(first, i*s.size())
		for p := main; p != nil; p = pointerAt(p, s.size()-8) {
			list = append(list, cell{p, p != main})
		}
	}
	return list
}
