// Command stacks has maps that only stacks of goroutines lead to. It says on
// standard output which ones, and what its stacks are, and waits until its
// standard input is closed.
//
// With the argument "spin" a goroutine runs without a pause, with "spins" two of
// them by turns. With a number it has that many goroutines more.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// A plant is a map that a census has to find, or must not find.
type plant struct {
	Owner   string
	Type    string
	Entries int
	Maps    int
	Since   int  // first minor release that can find it; 0: all
	Gone    bool // it is dead
	Vague   bool // the DWARF of optimized code does not say where it is
	Runs    bool // its goroutine runs
}

type state struct {
	tags map[string]int
	next *state
}

type store struct{ byID map[int]string }

var (
	never  = make(chan bool)
	nobody = make(chan bool)
	lock   sync.Mutex
	sink   int
	keep   any
)

//go:noinline
func filled(n int) map[string]int {
	m := map[string]int{}
	for i := 0; i < n; i++ {
		m[strconv.Itoa(i)] = i
	}
	return m
}

//go:noinline
func use(m map[string]int) { sink += len(m) }

//go:noinline
func block() { <-never }

func local() {
	m := filled(1)
	block()
	use(m)
}

func dead() {
	m := filled(2)
	use(m)
	block()
}

//go:noinline
func argument(m map[string]int) {
	block()
	use(m)
}

//go:noinline
func result(n int) (m map[string]int) {
	m = filled(n)
	block()
	return m
}

//go:noinline
func call(f func()) { f() }

func closure() {
	m := filled(5)
	call(func() {
		block()
		use(m)
	})
}

//go:noinline
func (s *store) receiver() {
	block()
	sink += len(s.byID)
}

func deferred() {
	m := filled(7)
	defer func() { use(m) }()
	block()
}

func deferredInLoop(n int) {
	for i := 0; i < n; i++ {
		m := filled(8)
		defer func() { use(m) }()
	}
	block()
}

func structs() {
	s := state{tags: filled(9)}
	block()
	use(s.tags)
}

//go:noinline
func newState(n int) *state { return &state{tags: filled(n), next: &state{tags: filled(n + 90)}} }

func pointers() {
	s := newState(10)
	block()
	use(s.tags)
	use(s.next.tags)
}

//go:noinline
func fill(s *state, n int) { s.tags = filled(n) }

func addressTaken() {
	var s state
	fill(&s, 11)
	block()
	fill(&s, 0)
	use(s.tags)
	var late state
	fill(&late, 12)
	use(late.tags)
}

func addressDead() {
	var s state
	fill(&s, 13)
	use(s.tags)
	block()
}

func movedToHeap() {
	m := filled(14)
	keep = &m
	keep = nil
	block()
	use(m)
}

func slicesOfMaps() {
	list := []map[string]int{filled(15), filled(16)}
	block()
	for _, m := range list {
		use(m)
	}
}

func inInterface() {
	var x any = filled(17)
	block()
	keep = x
}

//go:noinline
func deep(n int, m map[string]int) {
	if n == 0 {
		block()
	} else {
		deep(n-1, filled(1))
	}
	use(m)
}

func inlined(m map[string]int) {
	block()
	use(m)
}

func inliner() { inlined(filled(19)) }

//go:noinline
func generic[K comparable](m map[K]int) {
	block()
	sink += len(m)
}

func blockedSelect() {
	m := filled(20)
	select {
	case <-never:
	case nobody <- true:
	case <-time.After(time.Hour):
	}
	use(m)
}

func blockedMutex() {
	m := filled(21)
	lock.Lock()
	use(m)
}

func blockedSleep() {
	m := filled(22)
	time.Sleep(time.Hour)
	use(m)
}

func blockedRead(in *os.File) {
	m := filled(23)
	in.Read(make([]byte, 1))
	use(m)
}

func blockedSend(c chan map[string]int) { c <- filled(24) }

func small() {
	m := map[int]int{1: 1, 2: 2}
	block()
	sink += len(m)
}

func many() {
	m := filled(1)
	block()
	use(m)
}

func spinning() {
	m := filled(26)
	for i := 0; i >= 0; i++ {
		if i < 0 {
			break
		}
	}
	use(m)
}

func main() {
	spins, more := 0, 1000
	if len(os.Args) > 1 && os.Args[1] == "spin" {
		spins, more = 1, 50
	} else if len(os.Args) > 1 && os.Args[1] == "spins" {
		spins, more = 2, 50
	} else if len(os.Args) > 1 {
		more, _ = strconv.Atoi(os.Args[1])
	}
	lock.Lock()
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	started := []func(){
		local, dead, func() { argument(filled(3)) }, func() { keep = result(4) }, closure,
		func() { (&store{map[int]string{1: "a"}}).receiver() }, deferred, func() { deferredInLoop(2) }, structs, pointers,
		addressTaken, addressDead, movedToHeap, slicesOfMaps, inInterface, func() { deep(80, nil) }, inliner,
		func() { generic(map[int64]int{1: 1, 2: 2, 3: 3}) }, blockedSelect, blockedMutex, blockedSleep, func() { blockedRead(r) },
		func() { blockedSend(make(chan map[string]int)) }, small,
	}
	for _, f := range started {
		go f()
	}
	for i := 0; i < more; i++ {
		go many()
	}
	if spins > 1 {
		runtime.GOMAXPROCS(1) // one runs, and another was stopped in the middle
	}
	for i := 0; i < spins; i++ {
		go spinning()
	}
	time.Sleep(100 * time.Millisecond)
	runtime.GC()
	runtime.GC()
	const text = "map[string]int"
	plants := []plant{
		{Owner: "main.local: m", Type: text, Entries: 1, Maps: 1},
		{Owner: "main.dead: m", Type: text, Gone: true},
		{Owner: "main.argument: m", Type: text, Entries: 3, Maps: 1},
		{Owner: "main.result: m", Type: text, Entries: 4, Maps: 1, Vague: true},
		{Owner: "main.closure.func1: m", Type: text, Entries: 5, Maps: 1},
		{Owner: "main.(*store).receiver: s.byID", Type: "map[int]string", Entries: 1, Maps: 1},
		{Owner: "main.deferred.func1: m", Type: text, Entries: 7, Maps: 1, Since: 23},
		{Owner: "main.deferredInLoop.func1: m", Type: text, Entries: 16, Maps: 2, Since: 23},
		{Owner: "main.structs: s.tags", Type: text, Entries: 9, Maps: 1},
		{Owner: "main.pointers: s.tags", Type: text, Entries: 110, Maps: 2},
		{Owner: "main.addressTaken: s.tags", Type: text, Entries: 11, Maps: 1},
		{Owner: "main.addressTaken: late.tags", Type: text, Gone: true},
		{Owner: "main.addressDead: s.tags", Type: text, Gone: true},
		{Owner: "main.movedToHeap: m", Type: text, Entries: 14, Maps: 1},
		{Owner: "main.slicesOfMaps: list[]", Type: text, Entries: 31, Maps: 2, Vague: true},
		{Owner: "main.inInterface: x.(map[string]int)", Type: text, Entries: 17, Maps: 1, Vague: true},
		{Owner: "main.deep: m", Type: text, Entries: 80, Maps: 80},
		{Owner: "main.inlined: m", Type: text, Entries: 19, Maps: 1},
		{Owner: "main.generic[...]: m", Type: "map[go.shape.int64]int", Entries: 3, Maps: 1},
		{Owner: "main.blockedSelect: m", Type: text, Entries: 20, Maps: 1},
		{Owner: "main.blockedMutex: m", Type: text, Entries: 21, Maps: 1, Vague: true},
		{Owner: "main.blockedSleep: m", Type: text, Entries: 22, Maps: 1},
		{Owner: "main.blockedRead: m", Type: text, Entries: 23, Maps: 1},
		{Owner: "main.blockedSend: (send)", Type: text, Entries: 24, Maps: 1},
		{Owner: "main.small: m", Type: "map[int]int", Entries: 2, Maps: 1, Vague: true},
		{Owner: "main.many: m", Type: text, Entries: more, Maps: more},
		{Owner: "main.spinning: m", Type: text, Entries: 26 * spins, Maps: spins, Runs: true},
	}
	dump := make([]byte, 4<<20)
	dump = dump[:runtime.Stack(dump, more <= 1000)]
	b, err := json.Marshal(map[string]any{"Plants": plants, "Stacks": string(dump)})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", b)
	io.Copy(io.Discard, os.Stdin)
	w.Close()
}
