package main

import "unsafe"

// hmap and bucket: runtime/map.go, Go 1.18 to 1.23 (runtime/map_noswiss.go in
// 1.24 and 1.25), with the bucket that the compiler makes for map[string]int.
type hmap struct {
	count      int
	flags, B   uint8
	noverflow  uint16
	hash0      uint32
	buckets    unsafe.Pointer
	oldbuckets unsafe.Pointer
}

type bucket struct {
	tophash  [8]uint8
	keys     [8]string
	values   [8]int
	overflow *bucket
}

const minTopHash = 5 // smaller ones are states

func header(m map[string]int) *hmap { return *(**hmap)(unsafe.Pointer(&m)) }

// classicPairs goes through all bucket chains, the old ones included: entries
// that have moved have a state there in the place of their tophash.
func classicPairs(m map[string]int) (pairs [][2]string) {
	h := header(m)
	chains := func(array unsafe.Pointer, n int) {
		for i := 0; i < n; i++ {
			first := map[uint8]string{}
			for b := (*bucket)(unsafe.Pointer(uintptr(array) + uintptr(i)*unsafe.Sizeof(bucket{}))); b != nil; b = b.overflow {
				for s, top := range b.tophash {
					if top >= minTopHash {
						pairs = addPair(pairs, first, top, b.keys[s])
					}
				}
			}
		}
	}
	chains(h.buckets, 1<<h.B)
	if h.oldbuckets != nil {
		chains(h.oldbuckets, 1<<(h.B-1)) // a growth by load doubles
	}
	return pairs
}

func addPair(pairs [][2]string, first map[uint8]string, check uint8, key string) [][2]string {
	if other, ok := first[check]; ok {
		return append(pairs, [2]string{other, key})
	}
	first[check] = key
	return pairs
}

// swissMap and table: internal/runtime/maps/map.go and table.go, Go 1.24 to 1.27.
type swissMap struct {
	used   uint64
	seed   uintptr
	dirPtr unsafe.Pointer
	dirLen int
}

type table struct {
	used, capacity, growthLeft uint16
	localDepth                 uint8
	index                      int
	groups                     unsafe.Pointer
	lengthMask                 uint64
}

const (
	slotEmpty = 0x80 // and 0xfe is a tombstone
	groupSize = 8 + 8*(16+8)
)

func swissPairs(m map[string]int) (pairs [][2]string) {
	h := *(**swissMap)(unsafe.Pointer(&m))
	stride := keyStride()
	var last *table
	for i := 0; i < h.dirLen; i++ {
		t := *(**table)(unsafe.Pointer(uintptr(h.dirPtr) + uintptr(i)*unsafe.Sizeof(last)))
		if t == last {
			continue
		}
		last = t
		for g := uintptr(0); g <= uintptr(t.lengthMask); g++ {
			group := uintptr(t.groups) + g*groupSize
			first := map[uint8]string{}
			for s, c := range *(*[8]uint8)(unsafe.Pointer(group)) {
				if c < slotEmpty {
					pairs = addPair(pairs, first, c, *(*string)(unsafe.Pointer(group + 8 + uintptr(s)*stride)))
				}
			}
		}
	}
	return pairs
}

// keyStride finds out whether keys lie side by side (GOEXPERIMENT=mapsplitgroup
// of Go 1.27) or each before its value, in a map of one group.
func keyStride() uintptr {
	m := map[string]int{}
	m["12345"] = 0
	m["1234567"] = 0
	h := *(**swissMap)(unsafe.Pointer(&m))
	if length := *(*int)(unsafe.Pointer(uintptr(h.dirPtr) + 8 + 16 + 8)); length == len("1234567") {
		return 16
	}
	return 16 + 8
}

var tables int

// midGrowth says whether the map is in the middle of a growth. A Swiss map never
// is: there it says whether the last insert has split a table.
func midGrowth(m map[string]int) bool {
	if isSwiss() {
		before := tables
		tables = (*(**swissMap)(unsafe.Pointer(&m))).dirLen
		return tables != before
	}
	return header(m).oldbuckets != nil
}

// isSwiss looks at the control bytes of slots that were never used: 0x80 in a
// Swiss map, 0 in a classic one. Both kinds point to them with the third word.
func isSwiss() bool {
	m := make(map[int]int)
	for i := 0; i < 3; i++ {
		m[i] = i
	}
	header := *(**[3]*[8]uint8)(unsafe.Pointer(&m))
	return header[2][7] == slotEmpty && header[2][6] == slotEmpty
}
