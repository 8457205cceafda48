// Waits shows who makes an RLock wait, and in which profile the waiting
// appears.
//
//	go run . readers|holder|pending|off
//
// No clock decides anything here. Whether a goroutine is blocked is read from
// the runtime's own goroutine dump: it names the function that waits and the
// reason ("semacquire" up to Go 1.19, "sync.RWMutex.RLock" from 1.20 on,
// runtime/runtime2.go waitReasonStrings).
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	// Rate 1 and fraction 1 record every wait. Without these two calls both
	// profiles stay empty whatever happens: that is what "off" shows.
	scenario := "pending"
	if len(os.Args) > 1 {
		scenario = os.Args[1]
	}
	if scenario != "off" {
		runtime.SetBlockProfileRate(1)
		runtime.SetMutexProfileFraction(1)
	}
	switch scenario {
	case "readers":
		readersOnly()
	case "holder", "off":
		writerHolds()
	case "pending":
		writerPends()
	default:
		fail("unknown scenario %q", scenario)
	}
	printProfiles()
}

// readersOnly lets four goroutines read while the collector runs again and
// again. Nobody ever writes.
func readersOnly() {
	const readers, collections, between = 4, 10, 1000
	var (
		mu     sync.RWMutex
		config = map[string]string{"limit": "10"}
		counts [readers]int64
		stop   int32
		wg     sync.WaitGroup
	)
	for i := 0; i < readers; i++ {
		count := &counts[i]
		wg.Add(1)
		go func() {
			defer wg.Done()
			for atomic.LoadInt32(&stop) == 0 {
				mu.RLock()
				_ = config["limit"]
				mu.RUnlock()
				if atomic.AddInt64(count, 1)%64 == 0 {
					runtime.Gosched() // four readers, two processors: let main have a turn
				}
			}
		}()
	}
	for c := 0; c < collections; c++ {
		runtime.GC() // a full cycle: two stops of the world, and marking in between
		var target [readers]int64
		for i := range counts {
			target[i] = atomic.LoadInt64(&counts[i]) + between
		}
		for i := range counts {
			poll(fmt.Sprintf("reader %d goes on after a collection", i), func() bool {
				return atomic.LoadInt64(&counts[i]) >= target[i]
			})
		}
	}
	atomic.StoreInt32(&stop, 1)
	wg.Wait()

	var reads int64
	for _, n := range counts {
		reads += n
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if stats.NumGC < collections {
		fail("%d collections, want at least %d", stats.NumGC, collections)
	}
	fmt.Printf("%d readers, no writer, %d collections\n", readers, stats.NumGC)
	fmt.Printf("rlocks = %d\n", reads)
	fmt.Printf("collections = %d\n", stats.NumGC)
}

// writerHolds lets three readers wait for a writer that holds the lock.
func writerHolds() {
	const readers = 3
	var mu sync.RWMutex
	var wg sync.WaitGroup
	mu.Lock()
	for i := 0; i < readers; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			mu.RLock()
			mu.RUnlock()
		}()
	}
	poll("three readers wait in RLock", func() bool { return blockedIn(rlock) == readers })
	fmt.Printf("waiting = %d\n", blockedIn(rlock))
	fmt.Printf("wait_reason = %s\n", waitReason(rlock))
	mu.Unlock()
	wg.Wait()
	fmt.Printf("%d readers waited until the writer let go\n", readers)
}

// writerPends shows that a reader waits although the lock is held by a reader
// only: a writer that merely waits keeps new readers out, so that a stream of
// readers cannot starve it (sync/rwmutex.go, the comment on RWMutex).
func writerPends() {
	var mu sync.RWMutex
	var wg sync.WaitGroup

	mu.RLock() // the slow reader
	before := mu.TryRLock()
	if before {
		mu.RUnlock()
	}

	wg.Add(1)
	go func() {
		defer wg.Done()
		mu.Lock()
		mu.Unlock()
	}()
	poll("the writer waits in Lock", func() bool { return blockedIn(lock) == 1 })
	pending := mu.TryRLock()
	if pending {
		mu.RUnlock()
	}

	wg.Add(1)
	var through int32
	go func() {
		defer wg.Done()
		mu.RLock()
		atomic.StoreInt32(&through, 1)
		mu.RUnlock()
	}()
	poll("the second reader waits in RLock or has passed it", func() bool {
		return blockedIn(rlock) == 1 || atomic.LoadInt32(&through) == 1
	})
	blocked := blockedIn(rlock) == 1

	mu.RUnlock()
	wg.Wait()
	fmt.Printf("a second reader, while only a reader holds the lock: blocked %v\n", blocked)
	fmt.Printf("try_before = %v\n", before)
	fmt.Printf("try_pending = %v\n", pending)
	fmt.Printf("reader_blocked = %v\n", blocked)
	drawPending()
}

// poll waits for something that is bound to happen. It gives up after a long
// while so that a mistake ends as a failed step and not as a wrong verdict.
func poll(what string, happened func() bool) {
	for deadline := time.Now().Add(4 * time.Second); !happened(); {
		if time.Now().After(deadline) {
			fail("never seen: %s", what)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}
