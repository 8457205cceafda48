// Recursive shows why RLock must not be taken twice by one goroutine: it works
// until a writer comes in between, and then nobody can go on.
//
//	go run . quiet|writer
//
// With "writer" the program ends with "fatal error: all goroutines are asleep -
// deadlock!". In a server, where some other goroutine is always awake, it would
// hang in silence.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
)

type settings struct {
	mu     sync.RWMutex
	values map[string]string
}

func (s *settings) get(key string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.values[key]
}

// both calls get while it holds the read lock itself: the second RLock.
func (s *settings) both(between func()) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	between()
	return s.get("a") + s.get("b")
}

func main() {
	s := &settings{values: map[string]string{"a": "1", "b": "2"}}
	between := func() {}
	if len(os.Args) > 1 && os.Args[1] == "writer" {
		between = func() {
			go func() {
				s.mu.Lock()
				s.values["a"] = "3"
				s.mu.Unlock()
			}()
			// TryRLock fails as soon as the writer has announced itself.
			for s.mu.TryRLock() {
				s.mu.RUnlock()
				runtime.Gosched()
			}
			fmt.Println("a writer is waiting; now the second RLock")
		}
	}
	fmt.Println("read", s.both(between))
}
