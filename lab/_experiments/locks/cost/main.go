// Cost measures an RLock that does not wait: alone, and with a second
// goroutine that reads too.
//
// The smallest of many short batches is taken, because everything that disturbs
// a measurement on a busy machine makes it longer, never shorter.
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const batches, perBatch = 300, 2000

func main() {
	runtime.GOMAXPROCS(2)
	alone := measure()

	// A second reader on the other processor: no waiting, but each RLock and
	// each RUnlock moves the cache line with the reader count.
	stop := make(chan struct{})
	var done sync.WaitGroup
	var others int64
	done.Add(1)
	go func() {
		defer done.Done()
		for {
			select {
			case <-stop:
				return
			default:
			}
			for i := 0; i < 100; i++ {
				mu.RLock()
				mu.RUnlock()
			}
			atomic.AddInt64(&others, 100)
		}
	}()
	for atomic.LoadInt64(&others) == 0 {
		runtime.Gosched()
	}
	shared := measure()
	close(stop)
	done.Wait()

	fmt.Printf("RLock and RUnlock: %.1f ns alone, %.1f ns with a second reader (best and middle of %d batches)\n", alone.best, shared.middle, batches)
	fmt.Printf("rlock_ns = %.2f\n", alone.best)
	fmt.Printf("shared_ns = %.2f\n", shared.middle)
	line, err := json.Marshal(map[string]any{
		"kind": "bars", "title": "RLock and RUnlock, nobody writes", "unit": "ns",
		"bars": []map[string]any{
			{"name": "one reader", "value": round(alone.middle), "low": round(alone.best), "high": round(alone.upper)},
			{"name": "two readers on two processors", "value": round(shared.middle), "low": round(shared.best), "high": round(shared.upper)},
		},
	})
	if err != nil {
		panic(err)
	}
	fmt.Printf("picture: %s\n", line)
}

var mu sync.RWMutex

type cost struct{ best, middle, upper float64 } // ns: minimum, median, 9th decile

func measure() cost {
	times := make([]float64, batches)
	for b := range times {
		start := time.Now()
		for i := 0; i < perBatch; i++ {
			mu.RLock()
			mu.RUnlock()
		}
		times[b] = float64(time.Since(start).Nanoseconds()) / perBatch
	}
	for i := range times { // insertion sort: no import for 300 numbers
		for j := i; j > 0 && times[j] < times[j-1]; j-- {
			times[j], times[j-1] = times[j-1], times[j]
		}
	}
	return cost{times[0], times[batches/2], times[batches*9/10]}
}

func round(ns float64) float64 { return math.Round(ns*10) / 10 }
