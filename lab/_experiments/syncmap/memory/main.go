// Memory compares what 100000 entries cost in a plain map and in a sync.Map,
// and what is left when every key has been deleted again.
//
// The heap is measured after two collections, with nothing else going on, so
// the numbers hardly vary.
package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
)

const entries = 100000

func main() {
	// The same entries three times: as ints, boxed in interfaces as sync.Map
	// must do, and in a sync.Map.
	ints := make(map[int]int)
	plain := measure(
		func(i int) { ints[i] = i },
		func(i int) { delete(ints, i) })
	runtime.KeepAlive(ints)
	ints = nil

	boxes := make(map[any]any)
	boxed := measure(
		func(i int) { boxes[i] = i },
		func(i int) { delete(boxes, i) })
	runtime.KeepAlive(boxes)
	boxes = nil

	var m sync.Map
	synced := measure(
		func(i int) { m.Store(i, i) },
		func(i int) { m.Delete(i) })
	runtime.KeepAlive(&m)

	var rows [][]string
	for _, r := range []struct {
		fact, text string
		cost
	}{
		{"map", "map[int]int", plain}, {"anymap", "map[any]any", boxed}, {"syncmap", "sync.Map", synced},
	} {
		fmt.Printf("%s_bytes = %.1f\n", r.fact, r.bytes)
		fmt.Printf("%s_objects = %.2f\n", r.fact, r.objects)
		fmt.Printf("%s_left = %.1f\n", r.fact, r.left)
		rows = append(rows, []string{r.text, fmt.Sprintf("%.0f", r.bytes), fmt.Sprintf("%.2f", r.objects), fmt.Sprintf("%.0f", r.left)})
	}
	line, err := json.Marshal(map[string]any{
		"kind":    "table",
		"title":   "Memory per entry, 100000 entries of two ints",
		"columns": []string{"map", "bytes", "objects", "bytes left after deleting all"},
		"rows":    rows,
	})
	if err != nil {
		panic(err)
	}
	fmt.Printf("picture: %s\n", line)
}

type cost struct{ bytes, objects, left float64 } // per entry

func measure(store, remove func(int)) cost {
	before := heap()
	for i := 0; i < entries; i++ {
		store(i)
	}
	full := heap()
	for i := 0; i < entries; i++ {
		remove(i)
	}
	empty := heap()
	per := func(a, b uint64) float64 { return float64(int64(b)-int64(a)) / entries }
	return cost{
		bytes:   per(before.HeapAlloc, full.HeapAlloc),
		objects: per(before.HeapObjects, full.HeapObjects),
		left:    per(before.HeapAlloc, empty.HeapAlloc),
	}
}

func heap() (stats runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats
}
