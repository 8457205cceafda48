// Preempt has one processor and a goroutine with a loop that calls nothing.
// The runtime interrupts it with a signal after 10 ms and lets main go on;
// with GODEBUG=asyncpreemptoff=1 main waits until the loop is over.
package main

import (
	"fmt"
	"runtime"
	"sync/atomic"
)

var turns, over uint32

func main() {
	runtime.GOMAXPROCS(1)
	go func() {
		for n := 0; n < 1<<25; n++ { // some tenths of a second
			atomic.StoreUint32(&turns, uint32(n)) // one instruction, no call
		}
		atomic.StoreUint32(&over, 1)
	}()
	runtime.Gosched()
	fmt.Printf("interrupted = %v\n", atomic.LoadUint32(&over) == 0 && atomic.LoadUint32(&turns) > 0)
}
