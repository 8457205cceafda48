// Wrapper binds runtime.mapaccess1 with go:linkname, wraps it as the article
// does, and counts which reads come through the wrapper.
//
// A linkname gives a name to call. It changes nothing in the code that the
// compiler makes for m[k], and that is what ordinary reads run.
package main

import (
	"fmt"
	"reflect"
	"unsafe"
)

// The parameters are the runtime's *_type (*maptype) and *hmap (*maps.Map).
// Both are unexported; a pointer is a pointer.
//
//go:linkname mapaccess1 runtime.mapaccess1
func mapaccess1(t, h, key unsafe.Pointer) unsafe.Pointer

var calls int

//go:noinline
func wrapper(t, h, key unsafe.Pointer) unsafe.Pointer {
	calls++
	return mapaccess1(t, h, key)
}

// An interface that holds a map is the map's type and its header: the two
// words that mapaccess1 takes. This has been so from Go 1.4 on.
type face struct{ typ, data unsafe.Pointer }

func through(m interface{}, key unsafe.Pointer) unsafe.Pointer {
	f := (*face)(unsafe.Pointer(&m))
	return wrapper(f.typ, f.data, key)
}

type wide struct{ a, b, c uint64 } // no fast path: m[k] calls mapaccess1 itself

var (
	byName = map[string]interface{}{"a": 41, "b": 42}
	byWide = map[wide]int{{1, 2, 3}: 43}
)

//go:noinline
func named(m map[string]interface{}, k string) interface{} { return m[k] }

//go:noinline
func plain(m map[wide]int, k wide) int { return m[k] }

// Package-level variables are initialised before any init function runs, and
// the binding is there already.
var (
	early    = "b"
	earlySaw = *(*interface{})(through(byName, unsafe.Pointer(&early)))
)

func main() {
	fmt.Println("bound_before_init =", earlySaw == 42)

	before, made := calls, 0
	for i := 0; i < 1000; i++ {
		if named(byName, "a") == 41 {
			made++
		}
		if plain(byWide, wide{1, 2, 3}) == 43 {
			made++
		}
	}
	if made != 2000 {
		panic("the reads went wrong, so nothing can be said about them")
	}
	fmt.Println("reads_made =", made)
	fmt.Println("reads_seen =", calls-before)

	before = calls
	key := "a"
	fmt.Println("direct_call_right =", *(*interface{})(through(byName, unsafe.Pointer(&key))) == 41)
	fmt.Println("direct_calls_seen =", calls-before)

	// The article's filter: t.kind & kindString. Kinds are numbers, not bits:
	// a map's is 21, a string's is 24, and 21&24 is 16 for every map.
	for _, m := range []interface{}{byName, byWide} {
		t := reflect.TypeOf(m)
		fmt.Printf("kind of %v: %v (%d), of its key: %v\n", t, t.Kind(), t.Kind(), t.Key().Kind())
	}
	fmt.Println("filter_passes_string_keys =", reflect.TypeOf(byName).Kind()&reflect.String != 0)
	fmt.Println("filter_passes_other_keys =", reflect.TypeOf(byWide).Kind()&reflect.String != 0)
}
