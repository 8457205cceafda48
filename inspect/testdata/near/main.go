// Command near fills its heap with objects of the size of a map's header that
// are none, and waits until its standard input is closed. Its argument is the
// seed. Only a few real maps are among them, which it counts.
package main

import (
	"fmt"
	"io"
	"math/rand"
	"os"
	"runtime"
	"strconv"
	"unsafe"
)

// A counter looks much like a small map: a count, a number, a pointer.
type counter struct {
	n, x  uint64
	to    unsafe.Pointer
	len   uint64
	flags [8]byte
	y     uint64
}

// A list looks like one with a directory.
type list struct {
	head       []uint64
	next, prev *list
	n          int
}

// A header looks like a classic map.
type header struct {
	n          int
	flags, log uint8
	some       uint16
	hash       uint32
	body, old  unsafe.Pointer
	moved      uint64
	extra      *header
}

var keep []interface{}

// body is an object of n bytes, of the kind that data often is.
func body(r *rand.Rand) unsafe.Pointer {
	n := 24 + 8*r.Intn(40)
	b := make([]uint64, n/8)
	kind := r.Intn(6)
	for i := range b {
		switch kind {
		case 0:
			b[i] = uint64(r.Intn(100))
		case 1:
			b[i] = 0x8080808080808080
		case 2:
			b[i] = 0x6161616161616161 + uint64(r.Intn(1<<16))
		case 3:
			b[i] = r.Uint64()
		case 4:
			b[i] = r.Uint64() & 0x7f7f7f7f7f7f7f7f
		}
	}
	return unsafe.Pointer(&b[0])
}

// number is a number as programs have them: a small one, a random one, an
// address.
func number(r *rand.Rand) uint64 {
	switch r.Intn(4) {
	case 0:
		return uint64(r.Intn(9))
	case 1:
		return r.Uint64()
	case 2:
		return 0xc000000000 + uint64(r.Intn(1<<30))
	}
	return uint64(r.Intn(1 << 20))
}

func main() {
	seed, err := strconv.ParseInt(os.Args[1], 10, 64)
	if err != nil {
		panic(err)
	}
	r := rand.New(rand.NewSource(seed))
	const objects = 100000
	for i := 0; i < objects; i++ {
		switch r.Intn(4) {
		case 0, 1:
			c := &counter{n: number(r), x: number(r), to: body(r), y: uint64(r.Intn(3))}
			if r.Intn(2) == 0 {
				c.n = uint64(r.Intn(9))
			}
			if r.Intn(8) == 0 {
				c.len = uint64(1) << uint(r.Intn(4))
				c.flags[0] = byte(r.Intn(4))
				c.flags[1] = 64 - c.flags[0]
			}
			keep = append(keep, c)
		case 2:
			l := &list{head: make([]uint64, r.Intn(9)), n: r.Intn(9)}
			l.next, l.prev = l, l
			keep = append(keep, l)
		case 3:
			h := &header{n: r.Intn(9), flags: uint8(r.Intn(16)), log: uint8(r.Intn(4)), hash: r.Uint32(), body: body(r)}
			keep = append(keep, h)
		}
	}
	real := make([]map[uint64]uint64, 100)
	for i := range real {
		real[i] = map[uint64]uint64{}
		for k := 0; k <= i; k++ {
			real[i][r.Uint64()] = r.Uint64()
		}
	}
	runtime.GC()
	fmt.Println("{}")
	io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(real)
}
