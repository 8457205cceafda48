package main

import (
	"fmt"
	"os"
	"strconv"
	"unsafe"
)

// inserts is enough for a Swiss map to split its tables three times, and for a
// classic one to grow to 512 buckets and be done with it, whatever the seed is.
func inserts() int {
	if len(os.Args) > 2 {
		if n, err := strconv.Atoi(os.Args[2]); err == nil {
			return n
		}
	}
	return 2500
}

// loads keeps the load at which growths began. The first growth is another
// rule: a map that fits one bucket or group may fill all its 8 slots.
type loads []float64

func (l loads) common() float64 {
	must(len(l) >= 3, "too few growths seen")
	for _, x := range l[1:] {
		if x != l[1] {
			return -1
		}
	}
	return l[1]
}

func classicLoad() {
	m := newMap(0)
	h := classic(m)
	m[0] = 0 // allocates the first bucket
	var (
		grewAt                        []int
		load                          loads
		inOneWrite, stayedOpen        int
		oldIsPrevious, bucketsIsOld   int
		doubled, closed               int
		moved                         = map[int]int{}
		states, doneNotNil, wrongMark int
	)
	for i := 1; i < inserts(); i++ {
		B, buckets, old := h.B, h.buckets, h.oldbuckets
		nold, before := 0, 0
		if old != nil {
			nold = h.noldbuckets()
			before = countEvacuated(old, nold)
		}
		m[i] = i
		switch {
		case h.buckets != buckets: // this write began a growth
			grewAt = append(grewAt, i+1)
			load = append(load, float64(i)/float64(int(1)<<B))
			if h.B == B+1 {
				doubled++
			}
			if h.oldbuckets == nil {
				inOneWrite++
				break
			}
			stayedOpen++
			if h.oldbuckets == buckets {
				oldIsPrevious++
			}
			if h.buckets == buckets {
				bucketsIsOld++
			}
			fmt.Printf("insert %d: %d buckets hold %d entries: an array of %d is allocated and %d old buckets are moved\n",
				i+1, 1<<B, i, h.nbuckets(), countEvacuated(h.oldbuckets, h.noldbuckets()))
		case old != nil:
			moved[countEvacuated(old, nold)-before]++
			if h.oldbuckets == nil {
				closed++
			}
		}
		if h.oldbuckets != nil {
			states++
			n, mark := h.noldbuckets(), int(h.nevacuate)
			if mark == n {
				doneNotNil++
			}
			// The mark must stand at the first old bucket that has not moved.
			if countEvacuated(h.oldbuckets, mark) != mark || mark < n && bucketAt(h.oldbuckets, mark).evacuated() {
				wrongMark++
			}
		}
	}
	must(stayedOpen > 0 && states > stayedOpen, "no map was seen in the middle of a growth")
	fmt.Printf("writes in the middle of a growth by old buckets moved: %v (depends on the hash seed)\n", moved)
	least, most := 1<<30, 0
	for n := range moved {
		if n < least {
			least = n
		}
		if n > most {
			most = n
		}
	}
	fact("growths", len(grewAt))
	list("grew_at", grewAt)
	fact("load_factor", load.common())
	fact("growths_that_doubled", doubled)
	fact("growths_in_one_write", inOneWrite)
	fact("growths_over_many_writes", stayedOpen)
	fact("growths_closed", closed)
	fact("moved_min", least)
	fact("moved_max", most)
	fact("oldbuckets_was_buckets", oldIsPrevious)
	fact("buckets_stayed_old", bucketsIsOld)
	fact("done_but_not_nil", doneNotNil)
	fact("nevacuate_wrong", wrongMark)
}

func swissLoad() {
	m := newMap(0)
	h := swiss(m)
	m[0] = 0
	var (
		grewAt, capacities       []int
		load                     loads
		splits, splitAt, largest int
		inOneWrite, stale        int
		partial                  int
		lone                     = true // one table so far: the insert at which it grows is exact
	)
	for i := 1; i < inserts(); i++ {
		group, before := h.dirPtr, h.tables()
		m[i] = i
		after := h.tables()
		gone := missing(before, after)
		grown := len(before) == 0 && h.dirPtr != group
		for _, t := range missing(after, before) {
			if int(t.capacity) > largest {
				largest = int(t.capacity)
			}
		}
		if !grown && len(gone) == 0 {
			continue
		}
		must(len(gone) <= 1, "one write replaced two tables")
		if h.reachable() == len(m) {
			inOneWrite++
		} else {
			partial++
		}
		slots := 8
		if len(gone) == 1 {
			slots = int(gone[0].capacity)
			if gone[0].index == -1 {
				stale++
			}
		}
		if lone {
			grewAt = append(grewAt, i+1)
			capacities = append(capacities, slots)
			load = append(load, float64(i)/float64(slots))
			fmt.Printf("insert %d: %d of %d slots are used; after this write %d of %d entries are in the new table or tables\n",
				i+1, i, slots, h.reachable(), len(m))
		}
		if len(after) > len(before) && len(before) > 0 {
			splits++
			splitAt = slots
			full, _ := gone[0].count()
			fmt.Printf("insert %d: a table of %d slots with %d entries is split in two, the directory has %d entries\n",
				i+1, slots, full, h.dirLen)
			lone = false
		}
	}
	must(splits > 0, "no split seen")
	fact("growths", inOneWrite+partial)
	list("grew_at", grewAt)
	list("grew_from_slots", capacities)
	fact("load_factor", load.common())
	fact("growths_in_one_write", inOneWrite)
	fact("growths_over_many_writes", partial)
	fact("splits", splits)
	fact("split_at_slots", splitAt)
	fact("largest_table", largest)
	fact("replaced_tables_marked_stale", stale)
	fact("header_bytes_seen", int(unsafe.Sizeof(*h)))
}

// missing lists what of a is not in b.
func missing(a, b []*table) []*table {
	var gone []*table
	for _, t := range a {
		found := false
		for _, u := range b {
			found = found || t == u
		}
		if !found {
			gone = append(gone, t)
		}
	}
	return gone
}

// The article inserts 1024 keys and says that this "triggers a growth" which the
// writer that follows then drives.
func classicArticle() {
	m := newMap(0)
	h := classic(m)
	growths, last := 0, 0
	insert := func(i int) {
		buckets := h.buckets
		m[i] = i
		if h.buckets != buckets && buckets != nil {
			growths++
			last = i + 1
		}
	}
	for i := 0; i < 1024; i++ {
		insert(i)
	}
	must(growths > 0, "the preload was not seen to grow the map")
	fact("preload_growths", growths)
	fact("preload_last_growth_at", last)
	fact("growing_after_preload", h.oldbuckets != nil)
	for i := 1024; i < 2048; i++ {
		insert(i)
	}
	fact("next_growth_at", last)
}

func swissArticle() {
	m := newMap(0)
	h := swiss(m)
	growths, last := 0, 0
	insert := func(i int) {
		before := h.tables()
		group := h.dirPtr
		m[i] = i
		if len(before) == 0 && group != nil && h.dirPtr != group || len(missing(before, h.tables())) > 0 {
			growths++
			last = i + 1
		}
	}
	for i := 0; i < 1024; i++ {
		insert(i)
	}
	must(growths > 0, "the preload was not seen to grow the map")
	fact("preload_growths", growths)
	fact("preload_last_growth_at", last)
	fact("growing_after_preload", h.reachable() != len(m))
	for i := 1024; i < 2048; i++ {
		insert(i)
	}
	fmt.Printf("the next table is split by insert %d or before, in the article's writer\n", last)
	fact("grows_in_the_writer", last > 1024)
}
