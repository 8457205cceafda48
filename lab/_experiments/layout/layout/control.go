package main

import (
	"reflect"
	"unsafe"
)

// headerAgrees holds the fields of the header against what they must contain:
// the number of entries, and a pointer that leads to the planted keys. That the
// seed is where DWARF says follows from the control bytes, which depend on it.
func (x *examination) headerAgrees() bool {
	m := reflect.MakeMap(x.typ)
	for i := 0; i < 5; i++ {
		x.insert(m, i)
	}
	count := member(x.dwarf.header, "count", "used")
	cell := bytesAt(x.cells(m)[0], x.dwarf.cell.size)
	return wordAt(m.UnsafePointer(), int(count.ByteOffset)) == 5 &&
		where(cell, imageOf(x.key(4)).p, 8) >= 0
}

// controlBytes compares the control byte of 760 entries with their hashes. (On
// no release is a map of 760 entries in the middle of a growth.)
func (x *examination) controlBytes() {
	const entries = 760
	m := reflect.MakeMap(x.typ)
	hash := map[uint64]uint64{}
	key := func(i int) interface{} { return uint64(i)*0x9e3779b97f4a7c15 + 1 }
	y := *x
	y.key = key
	for i := 0; i < entries; i++ {
		y.insert(m, i)
	}
	for i := 0; i < entries; i++ {
		hash[key(i).(uint64)] = y.hash(m, i)
	}
	l := x.dwarf.cell
	checked, rule, high8, moved, low7 := 0, 0, 0, 0, 0
	for _, p := range x.cells(m) {
		for ; p != nil; p = x.overflow(p) {
			for i := 0; i < l.slots; i++ {
				h, live := hash[wordAt(p, l.keyOffset+i*l.keyStride)]
				if !live {
					continue
				}
				control := bytesAt(p, l.size)[l.controlOffset+i]
				checked++
				if control == y.controlOf(h) {
					rule++
				}
				if control == byte(h>>56) {
					high8++
				} else if h>>56 < 5 && control == byte(h>>56)+5 {
					moved++
				}
				if control == byte(h&0x7f) {
					low7++
				}
			}
		}
	}
	fact("entries_checked", checked)
	fact("control_rule_holds", checked == entries && rule == checked)
	fact("control_is_high_8_bits", checked == entries && high8+moved == checked)
	fact("high_bits_below_5_are_moved", moved > 0 && high8+moved == checked)
	fact("control_is_low_7_bits", checked == entries && low7 == checked)
}

func (x *examination) overflow(cell unsafe.Pointer) unsafe.Pointer {
	if x.dwarf.cell.overflowOffset < 0 {
		return nil
	}
	return pointerAt(cell, x.dwarf.cell.overflowOffset)
}

// emptyStates shows the control bytes of slots without an entry: never used,
// deleted with empty slots beside it, deleted from a full cell.
func (x *examination) emptyStates() {
	control := func(m reflect.Value) []byte {
		return bytesAt(x.cells(m)[0], 8)
	}
	drop := func(m reflect.Value, i int) {
		m.SetMapIndex(reflect.ValueOf(x.key(i)), reflect.Value{})
	}
	small := reflect.MakeMap(x.typ)
	for i := 0; i < 5; i++ {
		x.insert(small, i)
	}
	fact("control_never_used", control(small)[7])
	drop(small, 1)
	fact("control_deleted", control(small)[1])
	drop(small, 4)
	fact("control_deleted_last", control(small)[4])

	full := reflect.MakeMapWithSize(x.typ, 9) // two cells: no longer "small" for a Swiss map
	var first []int
	for i := 0; len(first) < 8; i++ {
		if x.home(x.hash(full, i), 2) == 0 {
			first = append(first, i)
			x.insert(full, i)
		}
	}
	drop(full, first[3])
	fact("control_deleted_from_full", control(full)[3])
}
