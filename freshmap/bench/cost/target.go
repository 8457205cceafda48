package cost

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/ghostread/ghostread/freshmap"
	"github.com/puzpuzpuz/xsync/v4"
)

// Peers are the maps that are compared.
var Peers = []string{"freshmap", "xsync", "sync.Map"}

// floor does nothing; what its operations execute is taken off those of the others.
const floor = "floor"

// Operations, in the order in which the process does them.
var Operations = []string{"hit", "miss", "overwrite", "insert", "delete", "delete absent"}

// doubling is an insert while the map grows to twice its size: all of them count,
// with the segments that split and what that leaves to erase, or tables that grow.
const doubling = "insert, doubling"

// A target has the operations of one map.
type target[K any] struct {
	load   func(K) (int, bool)
	store  func(K, int)
	remove func(K)
}

func targetOfInt(peer string) target[int] {
	switch peer {
	case "freshmap":
		m := freshmap.New[int, int]()
		return target[int]{
			func(k int) (int, bool) { return m.Load(k) },
			func(k, v int) { m.Store(k, v) },
			func(k int) { m.Delete(k) },
		}
	case "xsync":
		m := xsync.NewMap[int, int]()
		return target[int]{
			func(k int) (int, bool) { return m.Load(k) },
			func(k, v int) { m.Store(k, v) },
			func(k int) { m.Delete(k) },
		}
	case "sync.Map":
		m := new(sync.Map)
		return target[int]{
			func(k int) (int, bool) { v, ok := m.Load(k); n, _ := v.(int); return n, ok },
			func(k, v int) { m.Store(k, v) },
			func(k int) { m.Delete(k) },
		}
	}
	return target[int]{func(int) (int, bool) { return 0, true }, func(int, int) {}, func(int) {}}
}

func targetOfString(peer string) target[string] {
	switch peer {
	case "freshmap":
		m := freshmap.New[string, int]()
		return target[string]{
			func(k string) (int, bool) { return m.Load(k) },
			func(k string, v int) { m.Store(k, v) },
			func(k string) { m.Delete(k) },
		}
	case "xsync":
		m := xsync.NewMap[string, int]()
		return target[string]{
			func(k string) (int, bool) { return m.Load(k) },
			func(k string, v int) { m.Store(k, v) },
			func(k string) { m.Delete(k) },
		}
	case "sync.Map":
		m := new(sync.Map)
		return target[string]{
			func(k string) (int, bool) { v, ok := m.Load(k); n, _ := v.(int); return n, ok },
			func(k string, v int) { m.Store(k, v) },
			func(k string) { m.Delete(k) },
		}
	}
	return target[string]{func(string) (int, bool) { return 0, true }, func(string, int) {}, func(string) {}}
}

// variable tells a process that it is the one to be stepped through, and what it
// has to do.
const variable = "FRESHMAP_COST"

// A Job is what one process does.
type Job struct {
	Peer   string
	Key    string // "int" or "string"
	Size   int    // entries
	Rounds int    // operations of each kind that count; as many come before
	Double bool   // only inserts, until the map has twice its size; for that Rounds is half of the size
}

func (j Job) String() string {
	return fmt.Sprintf("%s %s %d %d %t", j.Peer, j.Key, j.Size, j.Rounds, j.Double)
}

func (j Job) operations() []string {
	if j.Double {
		return []string{doubling}
	}
	return Operations
}

// Target does what the variable asks for, and ends the process, if it is set. It
// has to be called at the start of a program that counts.
func Target() {
	var j Job
	if n, _ := fmt.Sscan(os.Getenv(variable), &j.Peer, &j.Key, &j.Size, &j.Rounds, &j.Double); n != 5 {
		return
	}
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	j.run(func(_ string, _ int, f func()) { f() }, runtime.Breakpoint)
	os.Exit(0)
}

// run fills a map and does the operations. Each kind is a call of f; mark is called
// when the map is full, and before and after each operation.
func (j Job) run(kind func(name string, rounds int, f func()), mark func()) {
	if j.Key == "string" {
		work(j, targetOfString(j.Peer), kind, mark, func(k int) string { return fmt.Sprintf("user:%015d", k) })
	} else {
		work(j, targetOfInt(j.Peer), kind, mark, func(k int) int { return k })
	}
}

var sink int

// work is run with keys that key makes of the numbers from 0. Those below the size
// are in the map.
func work[K any](j Job, t target[K], kind func(string, int, func()), mark func(), key func(int) K) {
	order := rand.New(rand.NewPCG(1, uint64(j.Size))).Perm(j.Size)
	for _, k := range order {
		t.store(key(k), k)
	}
	runtime.GC()
	mark()
	n := 2 * j.Rounds
	present, absent := make([]K, n), make([]K, n)
	for phase, name := range j.operations() {
		for i := range present {
			present[i] = key(order[(phase*n+i)%j.Size])
			absent[i] = key(j.Size + phase*n + i)
		}
		var keys []K
		var f func(K)
		switch name {
		case "hit":
			keys, f = present, func(k K) { v, _ := t.load(k); sink += v }
		case "miss":
			keys, f = absent, func(k K) { v, _ := t.load(k); sink += v }
		case "overwrite":
			keys, f = present, func(k K) { t.store(k, sink) }
		case "insert", doubling:
			keys, f = absent, func(k K) { t.store(k, sink) }
		case "delete":
			keys, f = present, func(k K) { t.remove(k) }
		case "delete absent":
			keys, f = absent, func(k K) { t.remove(k) }
		}
		kind(name, n, func() {
			for _, k := range keys {
				mark()
				f(k)
				mark()
			}
		})
	}
}
