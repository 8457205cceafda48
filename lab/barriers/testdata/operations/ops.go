package m

import (
	"sync"
	"sync/atomic"
)

var (
	n  int64
	t  atomic.Int64
	p  atomic.Pointer[int]
	mu sync.Mutex
	l  sync.Locker = &mu
)

func Atomics() int64 {
	atomic.StoreInt64(&n, 1)
	sum := atomic.LoadInt64(&n)
	sum += t.Add(1)
	p.Store(new(int))
	return sum + int64(*p.Load())
}

func Locks() {
	mu.Lock()
	defer mu.Unlock()
	l.Lock()
}

func Channels(c chan int) int {
	c <- 1
	v := <-c
	select {
	case c <- v:
	case v = <-c:
	}
	close(c)
	return v
}

type Generic[T any] struct{ n atomic.Int64 }

func (g *Generic[T]) Set() { g.n.Store(1) }
