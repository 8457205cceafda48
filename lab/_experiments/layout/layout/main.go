// Layout shows how a Go map lies in memory: where the control bytes, the keys,
// the values and the link to an overflow bucket are.
//
// It asks two witnesses who do not know of each other. The first is memory: it
// plants keys and values that are easy to recognise, takes the bytes of one
// bucket (a group, in a Swiss map) with unsafe.Slice and looks where they have
// gone. The second is the compiler: the DWARF of this very executable describes
// the bucket of every map type the program uses. They must agree on each offset.
//
// Build it, then run it: `go run` leaves DWARF out of what it links. Linux only,
// because the executable is read as ELF.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
)

type pair struct{ A, B byte }

type (
	key128 [128]byte
	key129 [129]byte
)

// word gives the i-th planted word. No byte of it is zero, and no two words
// share a run of four bytes, so a search cannot meet one by accident.
func word(tag byte, i int) uint64 {
	b := uint64(tag)<<8 | uint64(0x11+i)
	return b<<48 | b<<32 | b<<16 | b
}

func filled(array []byte, tag byte, i int) {
	for j := range array {
		array[j] = tag ^ byte(0x11+i+j)
	}
}

var texts []string

// text gives the i-th string, each time the same bytes: in a map lies only the
// pointer to them, and that is what is searched for.
func text(i int) string {
	for len(texts) <= i {
		texts = append(texts, fmt.Sprint("key ", len(texts)))
	}
	return texts[i]
}

// A specimen is one map type and how to make its i-th key and value.
type specimen struct {
	name  string // a word for the facts
	empty interface{}
	key   func(i int) interface{}
	value func(i int) interface{}
}

// specimens is a function, not a variable, because the linker describes a type
// in DWARF only when a function mentions it.
func specimens() []specimen {
	return []specimen{
		{"words", map[uint64]uint64{},
			func(i int) interface{} { return word(0xa5, i) },
			func(i int) interface{} { return word(0x5a, i) }},
		{"text", map[string]int64{},
			func(i int) interface{} { return text(i) },
			func(i int) interface{} { return int64(word(0x5a, i)) }},
		{"flags", map[uint64]bool{},
			func(i int) interface{} { return word(0xa5, i) },
			func(i int) interface{} { return true }},
		{"pairs", map[uint32]pair{},
			func(i int) interface{} { return uint32(word(0xa5, i)) },
			func(i int) interface{} { return pair{0x5a, byte(0x11 + i)} }},
		{"set", map[uint64]struct{}{},
			func(i int) interface{} { return word(0xa5, i) },
			func(i int) interface{} { return struct{}{} }},
		{"key128", map[key128]uint64{},
			func(i int) interface{} { var k key128; filled(k[:], 0xa5, i); return k },
			func(i int) interface{} { return word(0x5a, i) }},
		{"key129", map[key129]uint64{},
			func(i int) interface{} { var k key129; filled(k[:], 0xa5, i); return k },
			func(i int) interface{} { return word(0x5a, i) }},
		{"value129", map[uint64]key129{},
			func(i int) interface{} { return word(0xa5, i) },
			func(i int) interface{} { var v key129; filled(v[:], 0x5a, i); return v }},
	}
}

func main() {
	info, err := openDebugInfo()
	if err != nil {
		fmt.Println("layout:", err)
		os.Exit(1)
	}
	agrees, planted, found := true, 0, 0
	layouts := map[string]layout{}
	for _, s := range specimens() {
		typ := reflect.TypeOf(s.empty)
		described, err := info.mapType(typ)
		if err != nil {
			fmt.Println("layout:", err)
			os.Exit(1)
		}
		x := examination{specimen: s, typ: typ, dwarf: described}
		seen := x.measure()
		planted += x.planted
		found += x.found
		layouts[s.name] = seen
		fmt.Printf("\n%v\n  in memory: %v\n  in DWARF:  %v  (%s)\n", typ, seen, described.cell, described.cellName)
		if seen != described.cell {
			agrees = false
			fmt.Println("  THE TWO DISAGREE")
		}
		picture(drawCell(typ, described, seen))
	}

	fmt.Println("\nThe header that a map variable points to:")
	words, err := info.mapType(reflect.TypeOf(map[uint64]uint64{}))
	if err != nil {
		fmt.Println("layout:", err)
		os.Exit(1)
	}
	x := examination{specimen: specimens()[0], typ: reflect.TypeOf(map[uint64]uint64{}), dwarf: words}
	picture(drawHeader(words))
	kind := "classic"
	if words.swiss {
		kind = "swiss"
	}
	fact("map", kind)
	fact("header_type", words.headerName)
	fact("header_size", words.header.ByteSize)
	fact("header_agrees", x.headerAgrees())

	w := layouts["words"]
	fmt.Println("\nOne bucket or group of map[uint64]uint64:")
	fact("bucket_size", w.size)
	fact("slots", w.slots)
	fact("control_offset", w.controlOffset)
	fact("keys_offset", w.keyOffset)
	fact("values_offset", w.valueOffset)
	fact("keys_interleaved", w.slots > 1 && w.keyStride > w.keySize)
	fact("overflow_pointer", w.overflowOffset >= 0)
	fact("overflow_offset", w.overflowOffset)
	fact("overflow_is_last", w.overflowOffset >= 0 && w.overflowOffset+8 == w.size)

	fmt.Println("\nEvery type above, memory against DWARF:")
	fact("types_compared", len(layouts))
	fact("keys_planted", planted)
	fact("keys_found", found)
	fact("dwarf_agrees", agrees)
	if found != planted {
		fmt.Println("layout: planted keys are missing, so nothing else here counts")
		os.Exit(1)
	}
	for _, s := range specimens() {
		fact(s.name+"_size", layouts[s.name].size)
		fact(s.name+"_key_stride", layouts[s.name].keyStride)
		fact(s.name+"_key_indirect", layouts[s.name].keyIndirect)
		fact(s.name+"_value_indirect", layouts[s.name].valueIndirect)
	}

	fmt.Println("\nWhat a control byte says:")
	x.controlBytes()
	x.emptyStates()
}

func fact(name string, value interface{}) { fmt.Printf("%s = %v\n", name, value) }

func picture(p map[string]interface{}) {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	fmt.Printf("picture: %s\n", text)
}
