package main

import (
	"hash/crc64"
	"unsafe"
)

// hmap is the header of a classic map: runtime/map.go, type hmap, Go 1.18 to
// 1.23 (runtime/map_noswiss.go in 1.24 and 1.25).
type hmap struct {
	count      int
	flags      uint8
	B          uint8
	noverflow  uint16
	hash0      uint32
	buckets    unsafe.Pointer
	oldbuckets unsafe.Pointer
	nevacuate  uintptr
	extra      unsafe.Pointer
}

// swissMap and table are internal/runtime/maps/map.go and table.go, Go 1.24 to 1.27.
type swissMap struct {
	used   uint64
	seed   uintptr
	dirPtr unsafe.Pointer
	dirLen int
	depth  uint64 // globalDepth, globalShift, writing and more flags
}

type table struct {
	used, capacity, growthLeft uint16
	localDepth                 uint8
	index                      int
	groups                     unsafe.Pointer
	lengthMask                 uint64
}

// state is what a map looked like.
type state struct {
	groups    int // buckets, or groups of all tables
	growing   bool
	sameSize  bool
	evacuated int
	nevacuate uintptr
	flags     uint8
	list      unsafe.Pointer // of overflow buckets, see runtime/map.go, mapextra.overflow
}

// sums are checksums over the bytes of a map.
type sums struct {
	header  uint64
	entries uint64 // of buckets or groups, old ones and tables included
}

var ecma = crc64.MakeTable(crc64.ECMA)

func checksum(sum uint64, p unsafe.Pointer, n uintptr) uint64 {
	return crc64.Update(sum, ecma, unsafe.Slice((*byte)(p), int(n)))
}

func lookClassic(t tested) state {
	h := (*hmap)(t.header())
	s := state{
		groups: 1 << h.B, growing: h.oldbuckets != nil, sameSize: h.flags&8 != 0,
		nevacuate: h.nevacuate, flags: h.flags,
	}
	if h.extra != nil {
		s.list = *(*unsafe.Pointer)(h.extra)
	}
	for i := 0; i < h.noldbuckets(); i++ {
		b := unsafe.Pointer(uintptr(h.oldbuckets) + uintptr(i)*bucketSize(t))
		if state := *(*uint8)(b); state > 1 && state < 5 {
			s.evacuated++
		}
	}
	return s
}

// noldbuckets is 0 when there are none.
func (h *hmap) noldbuckets() int {
	switch {
	case h.oldbuckets == nil:
		return 0
	case h.flags&8 != 0: // sameSizeGrow
		return 1 << h.B
	}
	return 1 << (h.B - 1)
}

func bucketSize(t tested) uintptr { return 8 + 8*t.slot() + 8 }

func sumClassic(t tested) sums {
	h := (*hmap)(t.header())
	s := sums{header: checksum(0, unsafe.Pointer(h), unsafe.Sizeof(*h))}
	s.entries = chains(0, h.buckets, 1<<h.B, bucketSize(t))
	s.entries = chains(s.entries, h.oldbuckets, h.noldbuckets(), bucketSize(t))
	return s
}

// chains takes n buckets into the checksum, each with its overflow buckets.
func chains(sum uint64, buckets unsafe.Pointer, n int, size uintptr) uint64 {
	if n > 0 {
		sum = checksum(sum, buckets, uintptr(n)*size)
	}
	for i := 0; i < n; i++ {
		b := unsafe.Pointer(uintptr(buckets) + uintptr(i)*size)
		for o := overflow(b, size); o != nil; o = overflow(o, size) {
			sum = checksum(sum, o, size)
		}
	}
	return sum
}

func overflow(b unsafe.Pointer, size uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(uintptr(b) + size - 8))
}

// tables lists the tables of the directory, each once.
func (m *swissMap) tables() (ts []*table) {
	for i := 0; i < m.dirLen; i++ {
		t := *(**table)(unsafe.Pointer(uintptr(m.dirPtr) + uintptr(i)*unsafe.Sizeof(m.dirPtr)))
		if len(ts) == 0 || ts[len(ts)-1] != t {
			ts = append(ts, t)
		}
	}
	return ts
}

func lookSwiss(t tested) state {
	s := state{}
	for _, t := range (*swissMap)(t.header()).tables() {
		s.groups += int(t.lengthMask) + 1
	}
	return s
}

func sumSwiss(t tested) sums {
	h := (*swissMap)(t.header())
	s := sums{header: checksum(0, unsafe.Pointer(h), unsafe.Sizeof(*h))}
	group := 8 + 8*t.slot()
	for _, t := range h.tables() {
		s.entries = checksum(s.entries, unsafe.Pointer(t), unsafe.Sizeof(*t))
		s.entries = checksum(s.entries, t.groups, uintptr(t.lengthMask+1)*group)
	}
	return s
}

// isSwiss looks at the control bytes of slots that were never used: 0x80 in a
// Swiss map, 0 in a classic one. Both kinds point to them with the third word.
func isSwiss() bool {
	m := make(map[int]int)
	for i := 0; i < 3; i++ {
		m[i] = i
	}
	header := *(**[3]*[8]uint8)(unsafe.Pointer(&m))
	return header[2][7] == 0x80 && header[2][6] == 0x80
}
