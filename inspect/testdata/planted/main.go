// Command planted has maps in all sorts of places, says on standard output
// which ones, and waits until its standard input is closed.
//
// With the argument "write" it prints nothing else and changes a map all the
// time: see hammer.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A plant is a map that a census has to find.
type plant struct {
	Owner   string
	Type    string
	Entries int
	Maps    int
	Since   int // first minor release that can find it; 0: all
}

type point struct{ x, y int32 }

type leaf struct {
	name string
	tags map[string]int
}

type tree struct {
	left, right *tree
	seen        map[point]bool
}

type embedded struct{ inner map[int64]string }

type holder struct {
	embedded
	byName  map[string]*leaf
	leaves  []leaf
	fixed   [3]map[uint8]uint8
	any     interface{}
	closer  fmt.Stringer
	current atomic.Pointer[leaf]
	queue   chan map[int]int
	fn      func() int
	root    *tree
	nested  map[string]map[string]float64
	values  map[int]leaf
	wide    map[int][200]byte
}

// server is what only a goroutine's stack leads to.
type server struct {
	clients map[int]*client
	spare   [64]*client
}

// hidden is large enough for its objects to say of which type they are (from
// 512 bytes on), and only an unsafe.Pointer leads to it.
type hidden struct {
	names map[string]string
	spare [64]*hidden
}

type client struct {
	topics map[string]bool
	buf    [600]byte
}

//go:noinline
func newHidden() *hidden { return &hidden{names: map[string]string{"a": "b"}} }

//go:noinline
func newServer() *server { return &server{clients: map[int]*client{}} }

func serve(ready chan<- bool) {
	s := newServer()
	for i := 0; i < 7; i++ {
		s.clients[i] = &client{topics: map[string]bool{"a": true, "b": true}}
	}
	ready <- true
	select {
	case ready <- false: // never
	}
	runtime.KeepAlive(s)
}

type words map[string]string

func (w words) String() string { return fmt.Sprint(len(w)) }

var (
	empty   = map[string]int{}
	nothing map[string]int
	large   = map[uint64]uint64{}
	shrunk  = map[uint64]uint64{}
	growing = map[int]int{}
	hold    = &holder{}
	window  = map[uint64]uint64{}
	behind  unsafe.Pointer // a *hidden
	shared  sync.Map
)

func leafOf(n int) *leaf {
	l := &leaf{name: fmt.Sprint("leaf", n), tags: map[string]int{}}
	for i := 0; i < n; i++ {
		l.tags[fmt.Sprint(i)] = i
	}
	return l
}

func grow(depth int) *tree {
	if depth == 0 {
		return nil
	}
	return &tree{left: grow(depth - 1), right: grow(depth - 1), seen: map[point]bool{{1, 2}: true}}
}

func plantAll() []plant {
	for i := uint64(0); i < 50_000; i++ {
		large[i] = i
		shrunk[i] = i
	}
	for i := uint64(100); i < 50_000; i++ {
		delete(shrunk, i)
	}
	// A classic map is in the middle of growing: that begins with 6.5 entries for
	// each of 1024 buckets, in Go 1.21 with 6, and ends 512 writes later.
	n := 6*1024 + 700
	if strings.HasPrefix(runtime.Version(), "go1.21") {
		n = 6*1024 + 200
	}
	for i := 0; i < n; i++ {
		growing[i] = i
	}
	h := hold
	h.inner = map[int64]string{1: "a", 2: "b"}
	h.byName = map[string]*leaf{"three": leafOf(3), "forty": leafOf(40)}
	h.leaves = []leaf{*leafOf(1), *leafOf(2), *leafOf(9)}
	for i := range h.fixed {
		h.fixed[i] = map[uint8]uint8{uint8(i): 1}
	}
	h.any = map[point]string{{1, 2}: "x"}
	h.closer = words{"a": "b", "c": "d"}
	h.current.Store(leafOf(5))
	h.queue = make(chan map[int]int, 4)
	h.queue <- map[int]int{1: 1, 2: 2, 3: 3}
	captured := map[string]uint16{"k": 1}
	h.fn = func() int { captured["n"]++; return len(captured) }
	h.fn()
	h.root = grow(5)
	h.nested = map[string]map[string]float64{"a": {"x": 1}, "b": {"x": 1, "y": 2}}
	h.values = map[int]leaf{}
	for i := 0; i < 20; i++ {
		h.values[i] = *leafOf(2)
	}
	h.wide = map[int][200]byte{1: {}, 2: {}}
	for i := 0; i < 100; i++ {
		shared.Store(i, map[int]bool{i: true, -1: false})
	}
	behind = unsafe.Pointer(newHidden())
	ready := make(chan bool)
	go serve(ready)
	<-ready
	return []plant{
		{"main.serve: s.clients", "map[int]*main.client", 7, 1, 0},
		{"main.serve: s.clients[].topics", "map[string]bool", 14, 7, 0},
		{"*main.hidden.names", "map[string]string", 1, 1, 22},
		{"main.empty", "map[string]int", 0, 1, 0},
		{"main.large", "map[uint64]uint64", 50_000, 1, 0},
		{"main.shrunk", "map[uint64]uint64", 100, 1, 0},
		{"main.growing", "map[int]int", len(growing), 1, 0},
		{"main.hold.inner", "map[int64]string", 2, 1, 0},
		{"main.hold.byName", "map[string]*main.leaf", 2, 1, 0},
		{"main.hold.byName[].tags", "map[string]int", 43, 2, 0},
		{"main.hold.leaves[].tags", "map[string]int", 12, 3, 0},
		{"main.hold.fixed[]", "map[uint8]uint8", 3, 3, 0},
		{"main.hold.any.(map[main.point]string)", "map[main.point]string", 1, 1, 0},
		{"main.hold.closer.(main.words)", "main.words", 2, 1, 0},
		{"main.hold.current.tags", "map[string]int", 5, 1, 0},
		{"main.hold.queue<-", "map[int]int", 3, 1, 0},
		{"main.hold.fn.func(captured)", "map[string]uint16", 2, 1, 23},
		{"main.hold.root.seen", "map[main.point]bool", 31, 31, 0},
		{"main.hold.nested", "map[string]map[string]float64", 2, 1, 0},
		{"main.hold.nested[]", "map[string]float64", 3, 2, 0},
		{"main.hold.values", "map[int]main.leaf", 20, 1, 0},
		{"main.hold.values[].tags", "map[string]int", 40, 20, 0},
		{"main.shared[].(map[int]bool)", "map[int]bool", 200, 100, 24},
		{"main.hold.wide", "map[int][200]uint8", 2, 1, 0},
	}
}

// hammer keeps the keys of a window that moves: n or n+1 keys in a row.
func hammer(n uint64) {
	for i := uint64(0); i < n; i++ {
		window[i] = ^i
	}
	fmt.Println("{}")
	for lo := uint64(0); ; lo++ {
		window[lo+n] = ^(lo + n)
		delete(window, lo)
	}
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "write" {
		go func() {
			io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
		hammer(map[bool]uint64{true: 5, false: 3000}[len(os.Args) > 2])
	}
	list := plantAll()
	runtime.GC()
	b, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	fmt.Printf("{\"InUse\": %d, \"Plants\": %s}\n", stats.HeapInuse, b)
	io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(nothing)
}
