package main

import (
	"fmt"
	"sync"
)

func init() { bugs["race_int"] = raceInt }

// Wrong: two goroutines increment one integer.
// Rule: memory model: conflicting accesses that no happens-before orders.
func raceInt() {
	x := 0
	var wg sync.WaitGroup
	wg.Add(2)
	for i := 0; i < 2; i++ {
		go func() {
			defer wg.Done()
			x++
		}()
	}
	wg.Wait()
	result("ok", "%s", fmt.Sprint("x is ", x))
}
