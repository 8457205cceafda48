// Collect makes garbage and has it collected ten times. With
// GODEBUG=gctrace=1,gcpacertrace=1 the runtime prints a line for each
// collection and a line of the pacer.
package main

import (
	"fmt"
	"runtime"
)

var sink []byte

func main() {
	for i := 0; i < 1000; i++ {
		sink = make([]byte, 10000)
		if i%100 == 0 {
			runtime.GC()
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	fmt.Printf("collections = %d\n", stats.NumGC)
}
