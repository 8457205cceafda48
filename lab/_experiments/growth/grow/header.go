package main

import "unsafe"

// hmap is the header of a classic map: runtime/map.go, type hmap, the same from
// Go 1.18 to 1.23 (runtime/map_noswiss.go in 1.24 and 1.25).
type hmap struct {
	count      int
	flags      uint8
	B          uint8 // log2 of the number of buckets
	noverflow  uint16
	hash0      uint32
	buckets    unsafe.Pointer
	oldbuckets unsafe.Pointer // non-nil only in a growth
	nevacuate  uintptr        // all old buckets below it have been moved
	extra      unsafe.Pointer
}

const sameSizeGrow = 8 // hmap.flags

// bucket is what the compiler lays out for map[int]int: the bmap of
// runtime/map.go and what follows it.
type bucket struct {
	tophash  [8]uint8
	keys     [8]int
	values   [8]int
	overflow *bucket
}

// Values of tophash below 5 are states, the others the top byte of the hash.
const (
	emptyOne       = 1
	evacuatedX     = 2 // moved to the bucket of the same number
	evacuatedY     = 3 // moved to that number + the old number of buckets
	evacuatedEmpty = 4
	minTopHash     = 5
)

func classic(m map[int]int) *hmap { return *(**hmap)(unsafe.Pointer(&m)) }

func (h *hmap) nbuckets() int { return 1 << h.B }

// noldbuckets is a method in the runtime too, not a field.
func (h *hmap) noldbuckets() int {
	if h.flags&sameSizeGrow != 0 {
		return 1 << h.B
	}
	return 1 << (h.B - 1)
}

func bucketAt(array unsafe.Pointer, i int) *bucket {
	return (*bucket)(unsafe.Pointer(uintptr(array) + uintptr(i)*unsafe.Sizeof(bucket{})))
}

func (b *bucket) evacuated() bool { return b.tophash[0] > emptyOne && b.tophash[0] < minTopHash }

// countEvacuated looks at the old buckets themselves, not at nevacuate.
func countEvacuated(old unsafe.Pointer, n int) int {
	moved := 0
	for i := 0; i < n; i++ {
		if bucketAt(old, i).evacuated() {
			moved++
		}
	}
	return moved
}

// swissMap is the header of a Swiss map: internal/runtime/maps/map.go, type
// Map, Go 1.24 to 1.27. The fields after these differ between releases.
type swissMap struct {
	used        uint64
	seed        uintptr
	dirPtr      unsafe.Pointer // a group as long as dirLen is 0
	dirLen      int
	globalDepth uint8
	globalShift uint8
	writing     uint8
}

// table is internal/runtime/maps/table.go, type table, Go 1.24 to 1.27.
type table struct {
	used       uint16
	capacity   uint16
	growthLeft uint16
	localDepth uint8
	index      int // -1: replaced, no longer in the directory
	groups     unsafe.Pointer
	lengthMask uint64
}

// group is a group of map[int]int. Go 1.27 may keep all keys before all values
// (GOEXPERIMENT=mapsplitgroup); the control word and the size are the same.
type group struct {
	control [8]uint8
	slots   [8][2]int
}

const (
	slotEmpty   = 0x80
	slotDeleted = 0xfe
)

func swiss(m map[int]int) *swissMap { return *(**swissMap)(unsafe.Pointer(&m)) }

// directory lists the entries of the directory: one table may have several.
func (m *swissMap) directory() []*table {
	var d []*table
	for i := 0; i < m.dirLen; i++ {
		d = append(d, *(**table)(unsafe.Pointer(uintptr(m.dirPtr) + uintptr(i)*unsafe.Sizeof(m.dirPtr))))
	}
	return d
}

func (m *swissMap) tables() []*table {
	var ts []*table
	for _, t := range m.directory() {
		if len(ts) == 0 || ts[len(ts)-1] != t {
			ts = append(ts, t)
		}
	}
	return ts
}

func (t *table) group(i int) *group {
	return (*group)(unsafe.Pointer(uintptr(t.groups) + uintptr(i)*unsafe.Sizeof(group{})))
}

func (t *table) ngroups() int { return int(t.lengthMask) + 1 }

// count walks the groups and counts full slots and tombstones.
func (t *table) count() (full, deleted int) {
	for i := 0; i < t.ngroups(); i++ {
		for _, c := range t.group(i).control {
			if c < slotEmpty {
				full++
			} else if c == slotDeleted {
				deleted++
			}
		}
	}
	return full, deleted
}

func (m *swissMap) reachable() int {
	n := 0
	for _, t := range m.tables() {
		full, _ := t.count()
		n += full
	}
	return n
}

// isSwiss looks at what a map of three entries points to with its third word.
// Both kinds keep a bucket or group there that begins with one byte a slot, and
// a slot that was never used holds 0x80 in a Swiss map and 0 in a classic one.
func isSwiss() bool {
	m := newMap(0)
	for i := 0; i < 3; i++ {
		m[i] = i
	}
	header := *(**[3]*[8]uint8)(unsafe.Pointer(&m))
	return header[2][7] == slotEmpty && header[2][6] == slotEmpty
}
