// Control is what the race detector must report: one goroutine writes to a map
// while another reads it. It stands beside the program of pure reads, so that
// no report there means something.
package main

import (
	"fmt"
	"sync"
)

func main() {
	m := map[int]int{1: 1}
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		m[2] = 2 // BUG: not ordered with the read below
	}()
	v := m[1] // BUG: not ordered with the write above
	wg.Wait()
	fmt.Println("read", v)
}
