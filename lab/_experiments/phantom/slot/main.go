// Slot looks for deleted keys in slots that a new key is about to take.
//
// One goroutine writes: it inserts a key, deletes it, and publishes the
// deletion with an atomic store. The next key takes the slot of the deleted
// one. Another goroutine loads which key was deleted last and looks it up. No
// key ever comes back, so each time it is found is a phantom.
//
// The two race on the map, deliberately. With the runtime as it is the program
// dies with "concurrent map read and map write"; build it with the overlay of
// experiment.yaml, which takes that check out of the runtime's readers.
package main

import (
	"flag"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

var (
	permanent = flag.Int("permanent", 7, "keys that stay in the map; with 7 of them one slot of one bucket is left")
	window    = flag.Uint64("window", 1, "how many of the keys deleted last the reader looks for")
	limit     = flag.Duration("for", 1500*time.Millisecond, "longest run")
	reads     = flag.Uint64("reads", 30e6, "reads after which to stop")
	enough    = flag.Uint64("enough", 200, "phantoms after which to stop")
)

// Numbers below first are the permanent keys.
const first = 1 << 20

func valueOf(n uint64) uint64 { return n<<8 | 1 }

// shared is what the two goroutines share besides the map, a cache line each.
var shared struct {
	deleted uint64 // number of the key that was deleted last
	_       [56]byte
	stop    uint32
	_       [60]byte
}

type tally struct {
	reads, phantoms  uint64
	zero, newer, own uint64 // the phantoms by their values
	faults           uint64
}

func main() {
	flag.Parse()
	pin(0)
	m := make(map[key]uint64)
	for n := 0; n < *permanent; n++ {
		m[makeKey(uint64(n))] = 1
	}
	done := make(chan tally)
	go func() {
		pin(1)
		var t tally
		debug.SetPanicOnFault(true) // for the goroutine that calls it
		for atomic.LoadUint32(&shared.stop) == 0 {
			look(m, &t)
		}
		done <- t
	}()

	start := time.Now()
	n := uint64(first)
	for ; ; n++ {
		m[makeKey(n)] = valueOf(n)
		delete(m, makeKey(n))
		atomic.StoreUint64(&shared.deleted, n)
		if n%1024 == 0 && (atomic.LoadUint32(&shared.stop) == 1 || time.Since(start) > *limit) {
			break
		}
	}
	atomic.StoreUint32(&shared.stop, 1)
	t := <-done
	if t.reads == 0 {
		panic("the reader never read: nothing can be said")
	}

	fmt.Printf("Keys: %s. %d of them stay in the map.\n", keyKind, *permanent)
	fmt.Println("deletions =", n-first+1)
	fmt.Println("reads =", t.reads)
	fmt.Println("phantoms =", t.phantoms)
	fmt.Println("value_zero =", t.zero)
	fmt.Println("value_newer =", t.newer)
	fmt.Println("value_own =", t.own)
	fmt.Println("faults =", t.faults)
	fmt.Println("elapsed_ms =", time.Since(start).Milliseconds())
	if t.phantoms > 0 {
		fmt.Println(picture)
	}
}

// look reads deleted keys until it is told to stop or the racing reads make it
// follow a pointer that is none.
func look(m map[key]uint64, t *tally) {
	defer func() {
		if recover() != nil {
			t.faults++
		}
	}()
	for back := uint64(0); atomic.LoadUint32(&shared.stop) == 0; {
		n := atomic.LoadUint64(&shared.deleted)
		if n < first+*window {
			continue
		}
		n -= back
		if back++; back == *window {
			back = 0
		}
		v, ok := m[makeKey(n)]
		if t.reads++; t.reads >= *reads {
			atomic.StoreUint32(&shared.stop, 1)
		}
		if !ok {
			continue
		}
		t.phantoms++
		switch v {
		case 0: // delete clears the value, and the new key has none yet
			t.zero++
		case valueOf(n):
			t.own++
		default:
			t.newer++
		}
		if t.phantoms >= *enough {
			atomic.StoreUint32(&shared.stop, 1)
		}
	}
}

// The order of the four accesses is that of map_fast64.go, not a recording.
const picture = `picture: {"kind":"timeline","title":"How a deleted key is found in a slot that is being reused","timeline":{"unit":"step",` +
	`"lanes":[{"id":1,"name":"writer","note":"mapassign_fast64"},{"id":2,"name":"reader","note":"mapaccess2_fast64"}],` +
	`"points":[` +
	`{"lane":1,"at":1,"op":"delete","text":"delete(m, 41): tophash[7] = empty, the 8 bytes of 41 stay in keys[7]","stack":-1,"mark":"origin"},` +
	`{"lane":1,"at":2,"op":"atomic store","text":"deleted = 41","stack":-1},` +
	`{"lane":2,"at":3,"op":"atomic load","text":"deleted is 41","stack":-1},` +
	`{"lane":2,"at":4,"op":"read","text":"keys[7] == 41: yes, the bytes of the deleted key","stack":-1,"mark":"rival"},` +
	`{"lane":1,"at":5,"op":"write","text":"m[42]: tophash[7] = tophash(42)","stack":-1,"mark":"rival"},` +
	`{"lane":2,"at":6,"op":"read","text":"tophash[7] is not empty: found","stack":-1,"mark":"ghost"},` +
	`{"lane":1,"at":7,"op":"write","text":"keys[7] = 42","stack":-1}],` +
	`"edges":[{"from":1,"to":2,"kind":"reads-from"},{"from":0,"to":3,"kind":"reads-from"},{"from":4,"to":5,"kind":"reads-from"}]}}`
