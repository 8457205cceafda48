// Moving looks for deleted keys in a map that grows: the article's "logically
// deleted, not yet cleaned up, in the old bucket".
//
// Each trial makes a map, fills it to the insert before a growth, deletes some
// keys and adds as many others, and only then shows map and deleted keys to
// the reader. What follows are inserts that make the map grow and move. From
// the moment the reader knows of them the deleted keys' slots are never
// written with a new key: not in the old array, where nothing is inserted
// during a growth, and not in the new one, where the deleted keys never were.
// A deleted key that is found therefore comes from the old array; once in many
// thousand growths from one that is older still, with the deleted value, when a
// reader combines the new size with the old address and reads past its end.
// Keys are unique to their trial, so none can come from the memory of another
// map.
//
// The two goroutines race on the map, deliberately; see program slot.
package main

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
)

var (
	limit    = flag.Duration("for", 1200*time.Millisecond, "longest run")
	patience = flag.Duration("patience", 0, "longest run of a classic map that has shown no phantom yet")
	maps     = flag.Uint64("maps", 50000, "maps after which to stop")
	enough   = flag.Uint64("enough", 50, "phantoms after which to stop")
)

// swissGrows is the insert at which a Swiss map grows above 20 entries: 28 of
// 32 slots are used. A classic map does so at 27, in Go 1.21 at 25.
const swissGrows = 29

const deletions = 4 // in each trial

func valueOf(n uint64) uint64 { return n<<8 | 1 }

type trial struct {
	m       map[key]uint64
	deleted [deletions]uint64
	begun   uint32 // 1: the reader reads this map
	over    uint32 // 1: the writer is done with it
}

type tally struct{ reads, phantoms, zero, own, other, faults uint64 }

var (
	stop    uint32
	seen    uint32       // 1: a phantom was seen
	current atomic.Value // *trial
)

// growth returns the first insert above 20 entries that makes a map grow: the
// one that allocates as much as a new array of buckets or groups.
func growth() uint64 {
	m := make(map[key]uint64)
	var before, after runtime.MemStats
	for n := uint64(1); ; n++ {
		runtime.ReadMemStats(&before)
		m[makeKey(n)] = 0
		runtime.ReadMemStats(&after)
		if n > 20 && after.TotalAlloc-before.TotalAlloc > 1000 {
			return n
		}
	}
}

func main() {
	flag.Parse()
	pin(0)
	full := growth()
	current.Store(&trial{over: 1})
	done := make(chan tally)
	go func() {
		pin(1)
		var t tally
		debug.SetPanicOnFault(true) // for the goroutine that calls it
		for atomic.LoadUint32(&stop) == 0 {
			look(&t)
		}
		done <- t
	}()

	start := time.Now()
	var trials uint64
	more := func() bool {
		d := time.Since(start)
		return d < *limit && trials < *maps || d < *patience && full < swissGrows && atomic.LoadUint32(&seen) == 0
	}
	for ; atomic.LoadUint32(&stop) == 0 && more(); trials++ {
		run(trials, full)
	}
	atomic.StoreUint32(&stop, 1)
	t := <-done
	if t.reads == 0 {
		panic("the reader never read: nothing can be said")
	}

	fmt.Printf("Keys: %s. The map grows at insert %d.\n", keyKind, full)
	fmt.Println("grows_at =", full)
	fmt.Println("tso =", runtime.GOARCH == "amd64" || runtime.GOARCH == "386" || runtime.GOARCH == "s390x")
	fmt.Println("trials =", trials)
	fmt.Println("reads =", t.reads)
	fmt.Println("phantoms =", t.phantoms)
	fmt.Println("value_zero =", t.zero)
	fmt.Println("value_own =", t.own)
	fmt.Println("value_other =", t.other)
	fmt.Println("faults =", t.faults)
	fmt.Println("elapsed_ms =", time.Since(start).Milliseconds())
	if t.phantoms > 0 {
		fmt.Println(picture)
	}
}

// run is the writer's part of a trial.
func run(number, full uint64) {
	tr := &trial{m: make(map[key]uint64)}
	n := (number + 1) << 16
	insert := func(count uint64) {
		for last := n + count; n < last; n++ {
			tr.m[makeKey(n)] = valueOf(n)
		}
	}
	insert(full - 1)
	for i := range tr.deleted {
		tr.deleted[i] = n - full + 1 + uint64(i)*5
		delete(tr.m, makeKey(tr.deleted[i]))
	}
	insert(deletions)
	current.Store(tr)
	for w := (wait{}); atomic.LoadUint32(&tr.begun)+atomic.LoadUint32(&stop) == 0; w.again() {
	}
	insert(full)
	atomic.StoreUint32(&tr.over, 1)
}

// wait is how one goroutine waits for the other: it spins a little, then it
// sleeps. On a busy machine a thread that slept is soon given a CPU again, a
// thread that has spun for long is not, and both must run at the same time.
type wait struct{ spins int }

func (w *wait) again() {
	if w.spins++; w.spins > 1<<13 {
		time.Sleep(20 * time.Microsecond)
	}
}

// look reads the deleted keys of one trial after the other, until it is told
// to stop or follows a pointer that is none.
func look(t *tally) {
	defer func() {
		if recover() != nil {
			t.faults++
		}
	}()
	var w wait
	for atomic.LoadUint32(&stop) == 0 {
		tr := current.Load().(*trial)
		if atomic.LoadUint32(&tr.over) == 1 {
			w.again()
			continue
		}
		w = wait{}
		atomic.StoreUint32(&tr.begun, 1)
		for _, n := range tr.deleted {
			v, ok := tr.m[makeKey(n)]
			t.reads++
			if !ok {
				continue
			}
			t.phantoms++
			atomic.StoreUint32(&seen, 1)
			switch v {
			case 0: // delete has cleared the value
				t.zero++
			case valueOf(n):
				t.own++
			default:
				t.other++
			}
			if t.phantoms >= *enough {
				atomic.StoreUint32(&stop, 1)
			}
		}
	}
}

// The order of the accesses is that of map_fast64.go, not a recording.
const picture = `picture: {"kind":"timeline","title":"How a deleted key is found in a bucket that is being moved","timeline":{"unit":"step",` +
	`"lanes":[{"id":1,"name":"writer","note":"mapassign_fast64, evacuate_fast64"},{"id":2,"name":"reader","note":"mapaccess2_fast64"}],` +
	`"points":[` +
	`{"lane":1,"at":1,"op":"delete","text":"delete(m, 41): tophash[5] = empty, the 8 bytes of 41 stay in keys[5]","stack":-1,"mark":"origin"},` +
	`{"lane":1,"at":2,"op":"atomic store","text":"41 is deleted","stack":-1},` +
	`{"lane":2,"at":3,"op":"atomic load","text":"41 is deleted","stack":-1},` +
	`{"lane":2,"at":4,"op":"read","text":"the old bucket is not evacuated yet: look there","stack":-1},` +
	`{"lane":1,"at":5,"op":"write","text":"another insert moves this bucket: tophash[5] = evacuatedEmpty (4)","stack":-1,"mark":"rival"},` +
	`{"lane":2,"at":6,"op":"read","text":"keys[5] == 41: yes, the bytes of the deleted key","stack":-1},` +
	`{"lane":2,"at":7,"op":"read","text":"tophash[5] is 4, and isEmpty(4) is false: found, with the value 0","stack":-1,"mark":"ghost"}],` +
	`"edges":[{"from":1,"to":2,"kind":"reads-from"},{"from":0,"to":5,"kind":"reads-from"},{"from":4,"to":6,"kind":"reads-from"}]}}`
