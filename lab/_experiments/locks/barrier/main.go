// Barrier is the article's wrapper of chapter 4.2, written there in Java, in
// Go: put takes the write lock and, while a migration is going on, waits at a
// barrier for two until the migrating thread arrives there too.
//
//	go run . locked|alone
//
// locked: the migration takes the lock too, because it must keep readers out
// while it moves entries. put holds that lock while it waits for the migration.
//
// alone: the migration takes no lock. Now it depends on a put coming along: a
// barrier for two does not open for one.
//
// Either way the program ends with "fatal error: all goroutines are asleep -
// deadlock!".
package main

import (
	"fmt"
	"os"
	"sync"
)

// barrier lets goroutines pass when parties of them have arrived, like
// java.util.concurrent.CyclicBarrier.
type barrier struct {
	mu         sync.Mutex
	opened     *sync.Cond
	parties    int
	waiting    int
	generation int
}

func newBarrier(parties int) *barrier {
	b := &barrier{parties: parties}
	b.opened = sync.NewCond(&b.mu)
	return b
}

func (b *barrier) await() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting++
	if b.waiting == b.parties {
		b.waiting = 0
		b.generation++
		b.opened.Broadcast()
		return
	}
	for mine := b.generation; mine == b.generation; {
		b.opened.Wait()
	}
}

type wrapper struct {
	mu        sync.RWMutex
	migrating bool
	fence     *barrier
	old, new  map[string]int
}

func (w *wrapper) put(key string, value int, locked func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	locked()
	if w.migrating {
		w.fence.await()
	}
	w.new[key] = value
}

func (w *wrapper) migrate(exclude bool) {
	if exclude {
		w.mu.Lock()
	}
	for k, v := range w.old {
		w.new[k] = v
	}
	if exclude {
		w.mu.Unlock()
	}
	w.fence.await()
}

func main() {
	w := &wrapper{migrating: true, fence: newBarrier(2), old: map[string]int{"a": 1}, new: map[string]int{}}
	if len(os.Args) > 1 && os.Args[1] == "alone" {
		w.migrate(false)
	} else {
		held := make(chan struct{})
		go func() {
			<-held // the worst moment: put has the lock
			w.migrate(true)
		}()
		w.put("b", 2, func() { close(held) })
	}
	fmt.Println("passed the fence with", len(w.new), "entries")
}
