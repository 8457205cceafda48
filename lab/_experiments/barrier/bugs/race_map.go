package main

import (
	"sync"
	"time"
)

func init() { bugs["race_map"] = raceMap }

// Wrong: a map is read while it is written.
// Rule: memory model; maps are not safe for concurrent use. The runtime's own
// check (fatal error: concurrent map read and map write) needs the two to meet.
func raceMap() {
	m := map[int]int{}
	var wg sync.WaitGroup
	wg.Add(2)
	go func() {
		defer wg.Done()
		m[1] = 1
	}()
	go func() {
		defer wg.Done()
		time.Sleep(time.Millisecond)
		sum += uint64(m[2])
	}()
	wg.Wait()
	result("ok", "the two did not meet")
}
