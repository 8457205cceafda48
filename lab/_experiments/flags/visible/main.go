// Visible asks whether an execution trace can show when a write becomes visible
// to another goroutine. It traces three things and compares the sizes: nothing,
// a million atomic stores and as many loads by each of two goroutines, and 5000
// calls of trace.Log by each.
// The trace records scheduling and what the program logs, no memory accesses.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime/trace"
	"sync"
	"sync/atomic"
)

const accesses, logs = 1000000, 5000

var shared uint64

func main() {
	quiet := size(func() {})
	accessed := size(func() {
		for i := 0; i < accesses; i++ {
			atomic.StoreUint64(&shared, atomic.LoadUint64(&shared)+1)
		}
	})
	logged := size(func() {
		for i := 0; i < logs; i++ {
			trace.Log(context.Background(), "snapshot", "taken")
		}
	})
	fmt.Printf("bytes_quiet = %d\n", quiet)
	fmt.Printf("bytes_accesses = %d\n", accessed)
	fmt.Printf("bytes_logs = %d\n", logged)
	fmt.Printf("accesses = %d\n", 4*accesses)
	fmt.Printf("logs = %d\n", 2*logs)
}

// size is the length of a trace in which two goroutines do something.
func size(do func()) int {
	var buf bytes.Buffer
	if err := trace.Start(&buf); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var wg sync.WaitGroup
	for g := 0; g < 2; g++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			do()
		}()
	}
	wg.Wait()
	trace.Stop()
	return buf.Len()
}
