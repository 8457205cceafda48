// Growth lists the inserts at which a map allocates a new table, without
// looking into the map: an insert that allocates half of what the map has got
// so far is one. The list is the same whatever GOMAPLOAD says.
package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

func main() {
	debug.SetGCPercent(-1) // the collector allocates too
	m := make(map[uint64]uint64)
	var total uint64
	var grows []int
	for i := 1; i <= 800; i++ {
		before := allocated()
		m[uint64(i)] = 0
		got := allocated() - before
		// Below 64 entries tables are as small as other things in the heap.
		if i >= 64 && got > total/2 {
			grows = append(grows, i)
		}
		total += got
	}
	fmt.Printf("growths = %d\n", len(grows))
	fmt.Printf("grows_at = inserts %v\n", grows)
}

func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}
