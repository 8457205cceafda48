// Loop is the article's program made strong: the readers go on as long as the
// writer does, look at every key that is always there, and check its value.
// The map is guarded by nothing, by a RWMutex, or it is a sync.Map.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

var (
	guard  = flag.String("guard", "nothing", "nothing, rwmutex or syncmap")
	writes = flag.Int("writes", 1<<20, "keys to add")
)

type store interface {
	get(k int) int // 0 when k is missing
	set(k, v int)
}

type unguarded map[int]int

func (s unguarded) get(k int) int { return s[k] }
func (s unguarded) set(k, v int)  { s[k] = v }

type locked struct {
	mu sync.RWMutex
	m  map[int]int
}

func (s *locked) get(k int) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.m[k]
}

func (s *locked) set(k, v int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[k] = v
}

type syncMap struct{ m sync.Map }

func (s *syncMap) get(k int) int {
	v, _ := s.m.Load(k)
	n, _ := v.(int)
	return n
}

func (s *syncMap) set(k, v int) { s.m.Store(k, v) }

const always = 1024 // keys that are there before the readers start

func main() {
	flag.Parse()
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	fmt.Println("gc_percent =", percent) // 100: the garbage collector is on

	var s store
	switch *guard {
	case "rwmutex":
		s = &locked{m: map[int]int{}}
	case "syncmap":
		s = &syncMap{}
	default:
		s = unguarded{}
	}
	for k := 0; k < always; k++ {
		s.set(k, k+1)
	}
	var (
		done  int32
		reads int64
		wg    sync.WaitGroup
	)
	for r := 0; r < 2; r++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() {
				if e := recover(); e != nil {
					fmt.Println("a reader panicked and recovered:", e)
					os.Exit(4)
				}
			}()
			for atomic.LoadInt32(&done) == 0 {
				for k := 0; k < always; k++ {
					if v := s.get(k); v != k+1 {
						fmt.Printf("misread: m[%d] is %d\n", k, v)
						os.Exit(3)
					}
				}
				atomic.AddInt64(&reads, always)
			}
		}()
	}
	for k := always; k < always+*writes || atomic.LoadInt64(&reads) == 0; k++ {
		s.set(k, k+1)
	}
	atomic.StoreInt32(&done, 1)
	wg.Wait()
	fmt.Println("reads =", reads)
}
