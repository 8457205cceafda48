// Lost reads keys that are in a map all the time while the map grows.
//
// Each trial makes a map of a few keys, shows it to the reader and adds keys.
// The reader's keys are never deleted, so a read that finds nothing is a lost
// key. A value names its map, its key and a version: it can be half there (0),
// foreign (none of this map), of another key, or, with -update, stale: older than
// the version that was published before the read began. The first key is 0, as
// in the article: memory that nobody has written yet looks like that key.
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
	added  = flag.Uint64("add", 8, "keys added to each map")
	update = flag.Bool("update", false, "give the permanent keys new values meanwhile")
	limit  = flag.Duration("for", time.Second, "longest run")
	enough = flag.Uint64("enough", 20, "lost keys after which to stop; 0: never")
)

const permanent = 5 // keys of each map; the others come above

type trial struct {
	m      map[uint64]uint64
	number uint64
	floor  [permanent]uint64 // version that was published last for each key
	begun  uint32            // 1: the reader reads this map
	over   uint32            // 1: the writer is done with it
}

func (tr *trial) value(key, version uint64) uint64 { return tr.number<<40 | key<<20 | version }

type tally struct{ reads, lost, half, foreign, other, stale, faults uint64 }

var (
	stop    uint32
	current atomic.Value // *trial
)

func main() {
	flag.Parse()
	pin(0)
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
	var trials, updates uint64
	for atomic.LoadUint32(&stop) == 0 && time.Since(start) < *limit {
		trials++
		updates += run(trials)
	}
	atomic.StoreUint32(&stop, 1)
	t := <-done
	if t.reads == 0 {
		panic("the reader never read: nothing can be said")
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)

	fmt.Println("trials =", trials)
	fmt.Println("updates =", updates)
	fmt.Println("reads =", t.reads)
	fmt.Println("lost =", t.lost)
	fmt.Println("half =", t.half)
	fmt.Println("foreign =", t.foreign)
	fmt.Println("other_key =", t.other)
	fmt.Println("stale =", t.stale)
	fmt.Println("faults =", t.faults)
	fmt.Println("collections =", mem.NumGC)
	fmt.Println("elapsed_ms =", time.Since(start).Milliseconds())
}

// run is the writer's part of a trial. It returns how many values it changed.
func run(number uint64) (updates uint64) {
	tr := &trial{m: make(map[uint64]uint64), number: number}
	for k := range tr.floor {
		tr.m[uint64(k)] = tr.value(uint64(k), 1)
		tr.floor[k] = 1
	}
	current.Store(tr)
	for w := (wait{}); atomic.LoadUint32(&tr.begun)+atomic.LoadUint32(&stop) == 0; w.again() {
	}
	for k := uint64(permanent); k < permanent+*added; k++ {
		tr.m[k] = tr.value(k, 0)
		if *update {
			old := k % permanent
			version := tr.floor[old] + 1
			tr.m[old] = tr.value(old, version)
			atomic.StoreUint64(&tr.floor[old], version)
			updates++
		}
	}
	atomic.StoreUint32(&tr.over, 1)
	return updates
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

// look reads the permanent keys of one trial after the other, until it is told
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
		for k := range tr.floor {
			least := atomic.LoadUint64(&tr.floor[k])
			v, ok := tr.m[uint64(k)]
			t.reads++
			switch {
			case !ok:
				t.lost++
			case v == 0:
				t.half++
			case v>>40 != tr.number:
				t.foreign++
			case v>>20&(1<<20-1) != uint64(k):
				t.other++
			case v&(1<<20-1) < least:
				t.stale++
			}
		}
		if *enough > 0 && t.lost >= *enough {
			atomic.StoreUint32(&stop, 1)
		}
	}
}
