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
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// A plant is a map that a census has to find.
type plant struct {
	Owner   string
	Type    string
	Entries int
	Maps    int
	Since   int // first minor release that can find it; 0: all
	Before  int // first minor release in which it has another owner; 0: none
}

type point struct{ x, y int32 }

type leaf struct {
	name string
	tags map[string]int
}

// registry has objects that say of which type they are, too.
type registry struct {
	names map[string]uint32
	spare [64]*registry
}

//go:noinline
func (r *registry) count() int { return len(r.names) }

//go:noinline
func (l *leaf) count() int { return len(l.tags) }

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
	method  func() string
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
	scratch sync.Pool // of *leaf
	lists   = &struct{ pool *sync.Pool }{new(sync.Pool)}
	unseen  unsafe.Pointer // a *sync.Pool
	counter func() int     // a method value
	called  func() int     // another one
)

// pool puts values into pools: for each P one, and the others into rings of 8,
// 16 and more. A garbage collection keeps them once more.
func pool() []plant {
	for i := 0; i < 5; i++ {
		scratch.Put(leafOf(3))
	}
	runtime.GC()
	for i := 0; i < 12; i++ {
		scratch.Put(leafOf(2))
		lists.pool.Put(map[point]int{{1, int32(i)}: i})
	}
	p := new(sync.Pool)
	p.Put(&embedded{inner: map[int64]string{7: "x"}})
	unseen = unsafe.Pointer(p)
	return []plant{
		{Owner: "main.scratch (sync.Pool).(*main.leaf).tags", Type: "map[string]int", Entries: 39, Maps: 17},
		{Owner: "main.lists.pool (sync.Pool).(map[main.point]int)", Type: "map[main.point]int", Entries: 12, Maps: 12},
		{Owner: "sync.allPools[] (sync.Pool).(*main.embedded).inner", Type: "map[int64]string", Entries: 1, Maps: 1},
	}
}

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
	counter = leafOf(6).count
	called = (&registry{names: map[string]uint32{"a": 1, "b": 2}}).count
	counter()
	called()
	ready := make(chan bool)
	go serve(ready)
	<-ready
	return []plant{
		{Owner: "main.serve: s.clients", Type: "map[int]*main.client", Entries: 7, Maps: 1, Before: 22},
		{Owner: "main.serve: s.clients[].topics", Type: "map[string]bool", Entries: 14, Maps: 7, Before: 22},
		{Owner: "*main.server.clients", Type: "map[int]*main.client", Entries: 7, Maps: 1, Since: 22},
		{Owner: "*main.server.clients[].topics", Type: "map[string]bool", Entries: 14, Maps: 7, Since: 22},
		{Owner: "*main.hidden.names", Type: "map[string]string", Entries: 1, Maps: 1, Since: 22},
		{Owner: "main.empty", Type: "map[string]int", Entries: 0, Maps: 1},
		{Owner: "main.large", Type: "map[uint64]uint64", Entries: 50_000, Maps: 1},
		{Owner: "main.shrunk", Type: "map[uint64]uint64", Entries: 100, Maps: 1},
		{Owner: "main.growing", Type: "map[int]int", Entries: len(growing), Maps: 1},
		{Owner: "main.hold.inner", Type: "map[int64]string", Entries: 2, Maps: 1},
		{Owner: "main.hold.byName", Type: "map[string]*main.leaf", Entries: 2, Maps: 1},
		{Owner: "main.hold.byName[].tags", Type: "map[string]int", Entries: 43, Maps: 2},
		{Owner: "main.hold.leaves[].tags", Type: "map[string]int", Entries: 12, Maps: 3},
		{Owner: "main.hold.fixed[]", Type: "map[uint8]uint8", Entries: 3, Maps: 3},
		{Owner: "main.hold.any.(map[main.point]string)", Type: "map[main.point]string", Entries: 1, Maps: 1},
		{Owner: "main.hold.closer.(main.words)", Type: "main.words", Entries: 2, Maps: 1},
		{Owner: "main.hold.current.tags", Type: "map[string]int", Entries: 5, Maps: 1},
		{Owner: "main.hold.queue<-", Type: "map[int]int", Entries: 3, Maps: 1},
		{Owner: "main.hold.fn.func(captured)", Type: "map[string]uint16", Entries: 2, Maps: 1, Since: 23},
		{Owner: "main.called.func(receiver).names", Type: "map[string]uint32", Entries: 2, Maps: 1, Before: 22},
		{Owner: "*main.registry.names", Type: "map[string]uint32", Entries: 2, Maps: 1, Since: 22},
		{Owner: "main.counter.func(receiver).tags", Type: "map[string]int", Entries: 6, Maps: 1},
		{Owner: "main.hold.root.seen", Type: "map[main.point]bool", Entries: 31, Maps: 31},
		{Owner: "main.hold.nested", Type: "map[string]map[string]float64", Entries: 2, Maps: 1},
		{Owner: "main.hold.nested[]", Type: "map[string]float64", Entries: 3, Maps: 2},
		{Owner: "main.hold.values", Type: "map[int]main.leaf", Entries: 20, Maps: 1},
		{Owner: "main.hold.values[].tags", Type: "map[string]int", Entries: 40, Maps: 20},
		{Owner: "main.shared[].(map[int]bool)", Type: "map[int]bool", Entries: 200, Maps: 100, Since: 24},
		{Owner: "main.hold.wide", Type: "map[int][200]uint8", Entries: 2, Maps: 1},
	}
}

// later has functions that a timer calls in a day, closures and a method value,
// and a method value of its own.
func later() []plant {
	for i := 0; i < 10; i++ {
		seen := map[int32]string{int32(i): "x", -1: "y"}
		time.AfterFunc(24*time.Hour+time.Duration(i), func() { delete(seen, 1) })
	}
	hold.method = words{"p": "q"}.String
	l := leafOf(6)
	time.AfterFunc(24*time.Hour, l.drop)
	return []plant{
		{Owner: "timer: main.later.func1.func(seen)", Type: "map[int32]string", Entries: 20, Maps: 10, Since: 23},
		{Owner: "timer: main.(*leaf).drop.func(receiver).tags", Type: "map[string]int", Entries: 6, Maps: 1},
		{Owner: "main.hold.method.func(receiver)", Type: "main.words", Entries: 1, Maps: 1},
	}
}

func (l *leaf) drop() { clearAll(l.tags) }

func clearAll(m map[string]int) {
	for k := range m {
		delete(m, k)
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
	list = append(append(list, pool()...), later()...)
	b, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	// What is allocated after that would not be counted.
	line := append(append(make([]byte, 0, len(b)+100), `{"Plants": `...), b...)
	input := make([]byte, 1)
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	line = strconv.AppendUint(append(line, `, "InUse": `...), stats.HeapInuse, 10)
	os.Stdout.Write(append(line, "}\n"...))
	for err == nil {
		_, err = os.Stdin.Read(input)
	}
	runtime.KeepAlive(nothing)
	runtime.KeepAlive(unseen)
}
