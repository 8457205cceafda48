package field

import (
	"sync"
	"testing"
)

// Package variables that are filled at their first use, which is in the first
// execution of a process.

var (
	names     map[string]int
	fill      sync.Once
	namesOnce map[string]int
	lock      sync.Mutex
	namesLock map[string]int
)

func lazy() map[string]int {
	if names == nil {
		names = map[string]int{"a": 1}
	}
	return names
}

func lazyOnce() map[string]int {
	fill.Do(func() { namesOnce = map[string]int{"a": 1} })
	return namesOnce
}

func lazyLocked() map[string]int {
	lock.Lock()
	defer lock.Unlock()
	if namesLock == nil {
		namesLock = map[string]int{"a": 1}
	}
	return namesLock
}

func both(t *testing.T, get func() map[string]int) {
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if get()["a"] != 1 {
				t.Error("not there")
			}
		})
	}
	wg.Wait()
}

func TestFirstUse(t *testing.T)       { both(t, lazy) }
func TestFirstUseOnce(t *testing.T)   { both(t, lazyOnce) }
func TestFirstUseLocked(t *testing.T) { both(t, lazyLocked) }
