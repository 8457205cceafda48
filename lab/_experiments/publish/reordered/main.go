// Reordered shows a reader that gets data older than their version, though the
// writer writes data first and the reader reads the version first, and the
// processor keeps both orders (amd64). It is the compiler that does not keep
// the reader's; see the experiment reorder.
//
//	reordered MILLISECONDS    at most so long
//
// Writer and readers are idle most of the time and meet in short bursts by the
// clock: that way a busy machine lets them run when it matters.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// pair has data and the version of them, on cache lines of their own.
type pair struct {
	_       [128]byte
	data    int64
	_       [120]byte
	version int64
	_       [120]byte
}

var shared pair

//go:noinline
func (p *pair) set(n int64) {
	p.data = n
	p.version = n
}

// behind loads the version, then the data: the data must be as new as the
// version or newer, and the difference at least 0. Without a branch between the
// two loads the compiler may make them in the other order.
//
//go:noinline
func (p *pair) behind() int64 {
	version := p.version
	data := p.data
	return data - version
}

const (
	period = 2 * time.Millisecond
	burst  = 150 * time.Microsecond
	plenty = 3 // times misled: it has been shown
	crowd  = 3 // readers: one of them will be there when the writer is
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: reordered MILLISECONDS")
		os.Exit(2)
	}
	ms, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "reordered:", err)
		os.Exit(2)
	}
	var reads, older int64 // atomic
	var stop int32
	start := time.Now().Add(period)
	end := start.Add(time.Duration(ms) * time.Millisecond)
	var wg sync.WaitGroup
	wg.Add(1 + crowd)
	go func() {
		defer wg.Done()
		n := int64(0)
		inBursts(start, &stop, func() {
			for i := 0; i < 100; i++ {
				n++
				shared.set(n)
			}
		})
	}()
	for r := 0; r < crowd; r++ {
		go func() {
			defer wg.Done()
			inBursts(start, &stop, func() {
				misled := int64(0)
				for i := 0; i < 100; i++ {
					if shared.behind() < 0 {
						misled++
					}
				}
				atomic.AddInt64(&reads, 100)
				if atomic.AddInt64(&older, misled) >= plenty || time.Now().After(end) {
					atomic.StoreInt32(&stop, 1)
				}
			})
		}()
	}
	wg.Wait()
	fmt.Printf("reads = %d\nolder = %d\n", reads, older)
}

// inBursts calls f again and again for a short while at each tick of the clock.
func inBursts(start time.Time, stop *int32, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for tick := start; atomic.LoadInt32(stop) == 0; tick = tick.Add(period) {
		if late := time.Since(tick); late > 0 {
			tick = tick.Add((late/period + 1) * period)
		}
		time.Sleep(time.Until(tick))
		for time.Since(tick) < burst && atomic.LoadInt32(stop) == 0 {
			f()
		}
	}
}
