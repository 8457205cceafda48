// Command residue does to maps what leaves keys and elements in memory, one
// event after the other, and waits until its standard input is closed. The keys
// of event e are the numbers e<<48 | 0xA5<<40 | i, their elements the same with
// 0x5E: the test knows what to look for.
//
// Arguments name events; without any, those happen that need not be asked for.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

const many = 600

func key(event, i int) uint64  { return uint64(event)<<48 | 0xA5<<40 | uint64(i) }
func elem(event, i int) uint64 { return uint64(event)<<48 | 0x5E<<40 | uint64(i) }

// token is a string with bytes of its own, so that nothing else has them.
func token(event, i int) string {
	b := binary.LittleEndian.AppendUint64(nil, key(event, i))
	return string(append(b, "-token"...))
}

//go:noinline
func fill(m map[uint64]uint64, event, n int) map[uint64]uint64 {
	for i := 0; i < n; i++ {
		m[key(event, i)] = elem(event, i)
	}
	return m
}

//go:noinline
func fillStrings(m map[string]uint64, event, n int) map[string]uint64 {
	for i := 0; i < n; i++ {
		m[token(event, i)] = elem(event, i)
	}
	return m
}

//go:noinline
func remove(m map[uint64]uint64, event, from, to int) {
	for i := from; i < to; i++ {
		delete(m, key(event, i))
	}
}

// Maps that stay.
var (
	deleted    map[uint64]uint64
	deletedFew map[uint64]uint64
	deletedStr map[string]uint64
	emptied    map[uint64]uint64
	sparse     map[uint64]uint64
	dense      map[uint64]uint64
	grown      map[uint64]uint64
	wiped      map[uint64]uint64
	clean      map[uint64]uint64
	secrets    map[string]string
	vault      map[[32]byte]int
	live       string
	large      map[uint64]uint64
	nans       map[float64]int
	nanKeys    map[interface{}]int
)

var events = []struct {
	name string
	do   func(event int)
}{
	{"delete", func(e int) {
		deleted = fill(make(map[uint64]uint64, many), e, many)
		remove(deleted, e, 0, many/2)
	}},
	{"delete few", func(e int) {
		deletedFew = fill(map[uint64]uint64{}, e, 6)
		remove(deletedFew, e, 0, 3)
	}},
	{"delete strings", func(e int) {
		deletedStr = fillStrings(make(map[string]uint64, many), e, many)
		for i := 0; i < many/2; i++ {
			delete(deletedStr, token(e, i))
		}
	}},
	{"delete all, clear", func(e int) {
		emptied = fill(make(map[uint64]uint64, many), e, many)
		remove(emptied, e, 0, many)
		empty(emptied)
	}},
	{"clear sparse", func(e int) {
		sparse = fill(make(map[uint64]uint64, many), e, many)
		remove(sparse, e, 0, many-3)
		empty(sparse)
	}},
	{"clear dense", func(e int) {
		dense = fill(make(map[uint64]uint64, many), e, many)
		empty(dense)
	}},
	{"grow", func(e int) { grown = fill(map[uint64]uint64{}, e, many) }},
	{"drop", func(e int) { fill(make(map[uint64]uint64, many), e, many) }},
	{"wipe", func(e int) {
		// The near miss: each key gets the same bytes before it is deleted, as far
		// as a program can do that: it replaces the whole map by a new one whose
		// entries it never deletes, and nothing is left of the numbers.
		wiped = make(map[uint64]uint64, many)
		for i := 0; i < many; i++ {
			wiped[uint64(i)] = uint64(i)
		}
	}},
	{"clean", func(e int) { clean = fill(make(map[uint64]uint64, many), e, many) }},
	{"secrets", func(e int) {
		secrets = map[string]string{}
		live = strings.Repeat("live-", 2) + token(e, 1)
		for i := 0; i < 20; i++ {
			secrets[token(e, 100+i)] = token(e, 200+i)
		}
		delete(secrets, token(e, 105))
		vault = map[[32]byte]int{}
		for i := 0; i < 4; i++ {
			var k [32]byte
			copy(k[:], token(e, 300+i))
			vault[k] = i
		}
		var k [32]byte
		copy(k[:], token(e, 302))
		delete(vault, k)
	}},
	{"drop large", func(e int) { fill(make(map[uint64]uint64, 20_000), e, 20_000) }},
	{"keep large", func(e int) { large = fill(map[uint64]uint64{}, e, 20_000) }},
	{"nan", func(int) {
		nans, nanKeys = map[float64]int{1: 1}, map[interface{}]int{"a": 1, 2.0: 2}
		for i := 0; i < 3; i++ {
			nans[math.NaN()] = i
		}
		nanKeys[float32(math.NaN())] = 1
		nanKeys[pair{1, math.NaN()}] = 2
	}},
}

// pair is equal to itself unless one of its fields is not.
type pair struct{ x, y float64 }

// asked are events that happen only if they are named.
var asked = map[string]bool{"drop large": true, "keep large": true, "nan": true}

// scrub overwrites the stack below its caller.
//
//go:noinline
func scrub() byte {
	var room [1 << 16]byte
	for i := range room {
		room[i] = byte(i)
	}
	return room[len(os.Args)]
}

func main() {
	debug.SetGCPercent(-1)
	for i, e := range events {
		want := len(os.Args) < 2 && !asked[e.name]
		for _, name := range os.Args[1:] {
			want = want || name == e.name
		}
		if want {
			e.do(i + 1)
		}
	}
	scrub()
	if os.Getenv("RESIDUE_GC") != "" {
		runtime.GC()
		runtime.GC()
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(deleted)
	fmt.Println(len(deleted), len(deletedFew), len(deletedStr), len(emptied), len(sparse), len(dense), len(grown), len(wiped), len(clean), len(secrets), len(vault), live, len(large), len(nans), len(nanKeys))
}
