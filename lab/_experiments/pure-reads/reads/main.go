// Reads lets four goroutines read maps that nobody writes, in the middle of a
// growth where the kind of map has one, and checks each value they get. It also
// compares the bytes of each map before and after: a read that wrote nothing
// cannot have disturbed another.
//
//	reads [reads a map]
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
)

const readers = 4

func main() {
	reads := 100000
	if len(os.Args) > 1 {
		if n, err := strconv.Atoi(os.Args[1]); err == nil && n > 0 {
			reads = n
		}
	}
	look, sum := lookClassic, sumClassic
	if isSwiss() {
		look, sum = lookSwiss, sumSwiss
		fmt.Println("map = swiss")
		fmt.Println("A Swiss map has no middle of a growth: the maps are read right after the insert that replaced a table.")
	} else {
		fmt.Println("map = classic")
	}
	var maps, growing, stillGrowing, sameSize int
	var changedByReads, changedByRange, changedByWrite, flagsByRange, listsByRange int
	var total result
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	stopped(look, func(t tested) {
		maps++
		state, sums := look(t), sum(t)
		if state.growing {
			growing++
		}
		if state.sameSize {
			sameSize++
		}
		total.add(readAll(t, reads, false))
		if sum(t) != sums {
			changedByReads++
		}
		total.add(readAll(t, reads, true))
		if sum(t).entries != sums.entries {
			changedByRange++
		}
		now := look(t)
		if now.flags != state.flags {
			flagsByRange++
		}
		if now.list != state.list {
			listsByRange++
		}
		if now.growing && now.nevacuate == state.nevacuate {
			stillGrowing++
		}
		// The checksums would show a write: here is one.
		sums = sum(t)
		_, next := t.bounds()
		t.put(next)
		if now := sum(t); now.header != sums.header && now.entries != sums.entries {
			changedByWrite++
		}
	})
	runtime.ReadMemStats(&after)
	if total.gets == 0 || total.ranges == 0 || after.NumGC-before.NumGC < uint32(maps) {
		fmt.Println("cannot go on: nothing was read, or no collection ran")
		os.Exit(1)
	}
	fmt.Println("collections while the goroutines read:", after.NumGC-before.NumGC)
	fmt.Println("maps whose list of overflow buckets was made by an iteration:", listsByRange)
	for _, f := range []struct {
		name  string
		value interface{}
	}{
		{"maps", maps},
		{"maps_in_growth", growing},
		{"maps_in_same_size_growth", sameSize},
		{"maps_in_growth_afterwards", stillGrowing},
		{"goroutines", readers},
		{"reads", total.gets},
		{"misreads", total.misreads},
		{"iterations", total.ranges},
		{"wrong_iterations", total.wrongRanges},
		{"maps_changed_by_reads", changedByReads},
		{"maps_changed_by_a_write", changedByWrite},
		{"maps_with_entries_changed_by_range", changedByRange},
		{"maps_with_flags_set_by_range", flagsByRange},
		{"list_made_by_range", listsByRange > 0},
	} {
		fmt.Printf("%s = %v\n", f.name, f.value)
	}
	if total.misreads+total.wrongRanges > 0 {
		os.Exit(1)
	}
}

type result struct{ gets, misreads, ranges, wrongRanges int64 }

func (r *result) add(o result) {
	r.gets += o.gets
	r.misreads += o.misreads
	r.ranges += o.ranges
	r.wrongRanges += o.wrongRanges
}

// readAll shares n reads, or one iteration each, among the goroutines, and
// collects garbage meanwhile. They all start at once.
func readAll(t tested, n int, iterate bool) result {
	var sum result
	var wg sync.WaitGroup
	var start sync.RWMutex
	start.Lock()
	for g := 0; g < readers; g++ {
		wg.Add(1)
		go func(g int) {
			defer wg.Done()
			start.RLock()
			defer start.RUnlock()
			var r result
			if iterate {
				r = checkRange(t)
			} else {
				r = checkGets(t, n/readers, g)
			}
			atomic.AddInt64(&sum.gets, r.gets)
			atomic.AddInt64(&sum.misreads, r.misreads)
			atomic.AddInt64(&sum.ranges, r.ranges)
			atomic.AddInt64(&sum.wrongRanges, r.wrongRanges)
		}(g)
	}
	start.Unlock()
	runtime.GC()
	wg.Wait()
	return sum
}

// checkGets asks for a key that is there and one that is not, in turn, twice
// each: get uses both forms of a map read.
func checkGets(t tested, n, offset int) (r result) {
	lo, hi := t.bounds()
	k := lo + offset*(hi-lo)/readers
	for ; r.gets < int64(n); r.gets += 4 {
		if v, ok := t.get(k); !ok || v != k+1 {
			r.misreads++
		}
		if v, ok := t.get(k + hi - lo); ok || v != 0 {
			r.misreads++
		}
		if k++; k == hi {
			k = lo
		}
	}
	return r
}

// checkRange wants each key once, with its value.
func checkRange(t tested) result {
	lo, hi := t.bounds()
	seen := make([]bool, hi-lo)
	n, wrong := 0, false
	t.each(func(k, v int) {
		n++
		if k < lo || k >= hi || seen[k-lo] || v != k+1 {
			wrong = true
			return
		}
		seen[k-lo] = true
	})
	r := result{ranges: 1}
	if wrong || n != hi-lo {
		r.wrongRanges = 1
	}
	return r
}
