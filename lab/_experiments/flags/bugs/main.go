// Bugs has one mistake with pointers or indices per case, to see which
// compiler flag or runtime setting notices it. Nothing here depends on luck.
//
//	go run . bounds|returned|stale|arithmetic|straddle|misaligned|recover
//
// Try it with -gcflags=-d=ssa/check/on, with -gcflags=-d=checkptr, and with
// GODEBUG=clobberfree=1.
package main

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"
)

const sentinel = 0x5afe5afe5afe5afe

func main() {
	cases := map[string]func(){
		"bounds":     bounds,
		"returned":   returned,
		"stale":      stale,
		"arithmetic": arithmetic,
		"straddle":   straddle,
		"misaligned": misaligned,
		"recover":    recovered,
	}
	if len(os.Args) != 2 || cases[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: bugs bounds|returned|stale|arithmetic|straddle|misaligned|recover")
		os.Exit(1)
	}
	cases[os.Args[1]]()
	fmt.Println("nothing noticed")
}

//go:noinline
func at(s []int, i int) int { return s[i] }

// bounds reads one element too far: every build checks that.
func bounds() { fmt.Println(at([]int{1, 2, 3}, 2+len(os.Args)-1)) }

//go:noinline
func local() *int {
	x := 42
	return &x // moved to the heap by the compiler; see go build -gcflags=-m
}

// returned shows that the address of a local variable stays good after return.
func returned() {
	p, q := local(), local()
	*p = 1
	runtime.GC()
	fmt.Printf("intact = %v\n", *p == 1 && *q == 42)
	fmt.Printf("distinct = %v\n", p != q)
}

type object [128]uint64 // 1024 bytes: a size class that nothing else uses here

var (
	neighbours []*object // keep the memory around the hidden object in use
	hide       *object
)

//go:noinline
func hidden() uintptr {
	for i := 0; i < 7; i++ {
		hide = new(object)
		hide[64] = sentinel
		if i != 3 {
			neighbours = append(neighbours, hide)
		}
	}
	third := uintptr(unsafe.Pointer(neighbours[2]))
	hide = new(object)
	hide[64] = sentinel
	address := uintptr(unsafe.Pointer(hide)) ^ third // not even a number that looks like an address
	hide = nil
	return address
}

// stale reads an object to which only a number points: the collector has freed
// it. What is read are the old bytes, unless something notices.
func stale() {
	disguised := hidden()
	runtime.GC()
	runtime.GC()
	p := (*object)(unsafe.Pointer(disguised ^ uintptr(unsafe.Pointer(neighbours[2]))))
	value := p[64]
	fmt.Printf("reads_old_bytes = %v\n", value == sentinel)
	fmt.Printf("reads_deadbeef = %v\n", uint32(value) == 0xdeadbeef) // runtime/mbitmap.go, mgcsweep.go: clobberfree
	runtime.KeepAlive(neighbours)
}

// arithmetic leaves the object by adding to its address.
func arithmetic() {
	pair := [2]*object{new(object), new(object)}
	neighbours = append(neighbours, pair[:]...)
	distance := uintptr(unsafe.Pointer(pair[1])) - uintptr(unsafe.Pointer(pair[0]))
	p := (*uint64)(unsafe.Pointer(uintptr(unsafe.Pointer(pair[0])) + distance))
	fmt.Println(*p)
}

var small = new([4]uint64)

// straddle takes an object for a bigger one.
func straddle() {
	big := (*object)(unsafe.Pointer(small))
	fmt.Println(big[0])
}

type pointers struct{ p *int }

var bytes = make([]byte, 64)

// misaligned takes an odd address for that of a pointer.
func misaligned() {
	p := (*pointers)(unsafe.Pointer(&bytes[len(os.Args)-1]))
	fmt.Println(p.p == nil)
}

// recovered shows whether what checkptr reports can be caught.
func recovered() {
	defer func() { fmt.Println("recovered:", recover()) }()
	straddle()
}
