package main

import "fmt"

// classicChurn keeps 180 keys in 32 buckets (5.6 a bucket, below the limit of
// every release) and replaces the oldest key again and again. Overflow buckets
// that a full bucket once needed stay, until there are as many as buckets: then
// the map "grows" to a new array of the same size, without its overflow buckets.
func classicChurn() {
	const live = 180
	m, h := churnMap()
	next := live
	for h.oldbuckets == nil {
		overflow, buckets := int(h.noverflow), h.nbuckets()
		delete(m, next-live)
		m[next] = next
		next++
		if h.oldbuckets != nil {
			fact("load_at_trigger", float64(live-1)/float64(buckets))
			fact("overflow_at_trigger", overflow)
			fact("buckets_before", buckets)
			fact("buckets_after", h.nbuckets())
			fact("same_size_growth", h.flags&sameSizeGrow != 0)
		}
		must(next < 1000000, "no growth in a million writes")
	}
	fmt.Printf("replaced %d keys before that (depends on the hash seed)\n", next-live-1)

	// Finish it, and look where entries went: never to the second half.
	old, writes, second := h.oldbuckets, 0, 0
	for h.oldbuckets != nil {
		m[next-1] = writes
		writes++
		must(writes < 1000, "the growth does not end")
	}
	for i := 0; i < h.nbuckets(); i++ {
		for b := bucketAt(old, i); b != nil; b = b.overflow {
			for _, top := range b.tophash {
				if top == evacuatedY {
					second++
				}
			}
		}
	}
	must(countEvacuated(old, h.nbuckets()) == h.nbuckets(), "an old bucket has not moved")
	fact("writes_to_finish", writes)
	fact("moved_to_second_half", second)
	fact("overflow_shrank", int(h.noverflow) < h.nbuckets())
	fact("entries", len(m))
}

func churnMap() (map[int]int, *hmap) {
	m := newMap(180)
	h := classic(m)
	for i := 0; i < 180; i++ {
		m[i] = i
	}
	must(h.nbuckets() == 32 && h.oldbuckets == nil, "not 32 buckets")
	return m, h
}

// swissChurn keeps the number of keys constant in a table of 512 slots. A
// delete in a full group leaves a tombstone, which uses up the room that the
// table has before it must grow.
func swissChurn() {
	const live, rounds = 400, 40000
	m := newMap(448)
	h := swiss(m)
	for i := 0; i < live; i++ {
		m[i] = i
	}
	must(len(h.tables()) == 1 && h.tables()[0].capacity == 512, "not one table of 512 slots")
	tombstones, growths, prunes, sameSize, next := 0, 0, 0, 0, live
	for ; next < live+rounds; next++ {
		delete(m, next-live)
		before := h.tables()
		_, deleted := before[0].count()
		if deleted > tombstones {
			tombstones = deleted
		}
		m[next] = next
		after := h.tables()
		if gone := missing(before, after); len(gone) > 0 {
			growths++
			if len(after) == len(before) && gone[0].capacity == after[0].capacity {
				sameSize++
			}
			fmt.Printf("after %d replacements a table of %d slots with %d live entries and %d tombstones gave way to %d slots\n",
				next-live+1, gone[0].capacity, live-1, deleted, capacity(after))
		} else if _, now := after[0].count(); now < deleted-1 {
			prunes++
			if prunes < 4 {
				fmt.Printf("after %d replacements %d of %d tombstones were dropped in place\n", next-live+1, deleted-now, deleted)
			}
		}
		if len(after) > 1 {
			break
		}
	}
	must(tombstones > 0, "no tombstone seen")
	fmt.Printf("most tombstones at a time: %d, growths: %d, times tombstones were dropped: %d\n", tombstones, growths, prunes)
	fact("tombstones_seen", tombstones > 0)
	fact("same_size_growth", sameSize > 0)
	fact("grew_with_constant_keys", growths > 0)
	fact("pruned", prunes > 0)
	fact("slots_after", capacity(h.tables()))
	fact("entries", len(m))
}

func capacity(tables []*table) int {
	n := 0
	for _, t := range tables {
		n += int(t.capacity)
	}
	return n
}
