package main

import (
	"fmt"
	"runtime"
	"time"
)

// wait is a little longer than the 327 ms that the article gives for the life
// of a stale bucket.
const wait = 350 * time.Millisecond

// openGrowth fills a map until its growth from 128 to 256 buckets has just
// begun, and names the key that began it.
func openGrowth() (map[int]int, *hmap, int) {
	m := newMap(0)
	h := classic(m)
	i := 0
	for ; h.oldbuckets == nil || h.B < 8; i++ {
		m[i] = i + 1
		must(i < 10000, "no growth to 256 buckets")
	}
	must(h.noldbuckets() == 128, "not a growth from 128 buckets")
	return m, h, i - 1
}

func classicPace() {
	m, h, last := openGrowth()
	old := h.oldbuckets
	fact("moved_by_the_write_that_starts", countEvacuated(old, 128))
	moves := func(do func()) int {
		before := countEvacuated(old, 128)
		do()
		return countEvacuated(old, 128) - before
	}

	// Nobody but a writer.
	fact("moved_by_reads", moves(func() { read(m, last) }))
	fact("moved_by_range", moves(func() { must(sum(m) > 0, "empty map") }))
	fact("moved_by_gcs", moves(collect))
	fact("moved_by_waiting", moves(func() { time.Sleep(wait) }))
	fact("waited_ms", wait.Milliseconds())
	fact("still_growing", h.oldbuckets == old)

	// What one write moves. A write first moves the old bucket of its own key,
	// then the one at the mark (runtime/map.go, growWork).
	fact("moved_by_update_in_moved_bucket", moves(func() { m[last] = 0 }))
	fact("moved_by_update_in_old_bucket", moves(func() { m[keyInOldBucket(h)] = 0 }))
	fact("moved_by_delete_in_old_bucket", moves(func() { delete(m, keyInOldBucket(h)) }))
	fact("delete_of_an_absent_key_moves", moves(func() { delete(m, -1) }) > 0)

	fact("writes_to_finish", classicFinish(false))
	fact("writes_to_finish_gc", classicFinish(true))

	// A map never gives buckets back.
	m, h, last = openGrowth()
	for k := range m { // the compiler makes this loop one call of mapclear
		delete(m, k)
	}
	must(len(m) == 0, "clear")
	fact("clear_ends_growth", h.oldbuckets == nil)
	fact("clear_keeps_size", h.nbuckets() == 256)
	m, h, last = openGrowth()
	for k := 0; k <= last; k++ {
		delete(m, k)
	}
	must(len(m) == 0, "delete")
	fact("delete_all_keeps_size", h.nbuckets() == 256)
	runtime.KeepAlive(m)

	m = newMap(0)
	h = classic(m)
	for i := 0; i < 8; i++ {
		m[i] = i
	}
	m[0] = 1
	fact("update_grows_full_map", h.nbuckets() != 1)
	m[8] = 1
	must(h.nbuckets() == 2, "the ninth entry did not grow the map")
}

// keyInOldBucket finds an entry that has not moved yet, behind the mark.
func keyInOldBucket(h *hmap) int {
	for i := h.noldbuckets() - 1; i > int(h.nevacuate); i-- {
		b := bucketAt(h.oldbuckets, i)
		if b.evacuated() {
			continue
		}
		for s, top := range b.tophash {
			if top >= minTopHash {
				return b.keys[s]
			}
		}
	}
	must(false, "no old bucket left")
	return 0
}

// classicFinish counts the writes that end a growth from 128 buckets. They all
// go to the key that began it, whose bucket has moved: each moves one bucket.
func classicFinish(gc bool) int {
	m, h, last := openGrowth()
	writes := 0
	for ; h.oldbuckets != nil; writes++ {
		if gc {
			runtime.GC()
		}
		m[last] = writes
		must(writes < 1000, "the growth does not end")
	}
	return writes
}

func swissPace() {
	// One insert before the table of 512 slots is full, and then that insert.
	m := newMap(0)
	h := swiss(m)
	i := 0
	for ; i < 448; i++ {
		m[i] = i + 1
	}
	before := h.tables()[0]
	must(before.capacity == 512 && before.growthLeft == 0, "the table is not full")
	m[i] = i + 1
	after := h.tables()[0]
	must(after != before && after.capacity == 1024, "the table did not grow")
	full, _ := after.count()
	fact("moved_by_the_write_that_starts", full-1)
	fact("still_growing", h.reachable() != len(m))
	groups := after.groups
	moves := func(do func()) int {
		do()
		if h.tables()[0] != after || after.groups != groups {
			return 1
		}
		return 0
	}
	fact("moved_by_reads", moves(func() { read(m, i) }))
	fact("moved_by_range", moves(func() { must(sum(m) > 0, "empty map") }))
	fact("moved_by_gcs", moves(collect))
	fact("moved_by_waiting", moves(func() { time.Sleep(wait) }))
	fact("waited_ms", wait.Milliseconds())
	fact("writes_to_finish", swissFinish(false))
	fact("writes_to_finish_gc", swissFinish(true))

	for k := range m {
		delete(m, k)
	}
	must(len(m) == 0, "clear")
	fact("clear_keeps_size", h.tables()[0] == after && after.capacity == 1024)
	for i := 0; i < 448; i++ {
		m[i] = i
	}
	for i := 0; i < 448; i++ {
		delete(m, i)
	}
	must(len(m) == 0, "delete")
	fact("delete_all_keeps_size", h.tables()[0] == after && after.capacity == 1024)
	runtime.KeepAlive(m)

	m = newMap(0)
	h = swiss(m)
	for i := 0; i < 8; i++ {
		m[i] = i
	}
	must(h.dirLen == 0, "8 entries are more than a group")
	m[0] = 1
	fact("update_grows_full_map", h.dirLen != 0)
	m[8] = 1
	must(h.dirLen == 1, "the ninth entry did not grow the map")
}

// swissFinish counts the writes after the one that grows a table until all
// entries are in the new one.
func swissFinish(gc bool) int {
	m := newMap(0)
	h := swiss(m)
	for i := 0; i < 448; i++ {
		m[i] = i
	}
	before := h.tables()[0]
	if gc {
		runtime.GC()
	}
	m[448] = 448
	must(h.tables()[0] != before, "the table did not grow")
	writes := 0
	for ; h.reachable() != len(m); writes++ {
		if gc {
			runtime.GC()
		}
		m[448] = writes
		must(writes < 1000, "the growth does not end")
	}
	return writes
}

func read(m map[int]int, last int) {
	for i := 0; i < 100000; i++ {
		k := i % (last + 1)
		must(m[k] == k+1, fmt.Sprintf("key %d reads %d", k, m[k]))
	}
}

func sum(m map[int]int) int {
	s := 0
	for _, v := range m {
		s += v
	}
	return s
}

func collect() {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := 0; i < 50; i++ {
		runtime.GC()
	}
	runtime.ReadMemStats(&after)
	must(after.NumGC-before.NumGC >= 50, "no GC ran")
}
