package m

import (
	"sync"
	"sync/atomic"
)

type once struct {
	mu   sync.Mutex
	done uint32
	hot  int64
}

// The second look at a flag under the lock that its writers hold.
func (o *once) do(f func()) {
	if atomic.LoadUint32(&o.done) == 1 {
		return
	}
	o.mu.Lock()
	if o.done == 1 {
		o.mu.Unlock()
		return
	}
	o.finish()
	o.mu.Unlock()
	f()
}

// The lock is held by the only caller.
func (o *once) finish() { atomic.StoreUint32(&o.done, 1) }

func (o *once) isDone() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.done == 1
}

var start = func() int64 { return boot }()

var boot int64

func init() { boot = 1 }

func reboot() { atomic.AddInt64(&boot, 1) }

func newCounter() *counter {
	c := &counter{n: 1}
	c.n = 2
	c.flags[0] = 1
	c.slots = make([]uint64, 4)
	return c
}

func snapshot(c *counter) int64 {
	copied := counter{n: atomic.LoadInt64(&c.n)}
	copied.n++
	return copied.n
}

func counted() int64 {
	var n int64
	n = 1
	var wg sync.WaitGroup
	for i := 0; i < 2; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			atomic.AddInt64(&n, 1)
		}()
	}
	wg.Wait()
	return n
}

// Nobody writes it while it is read.
type config struct{ limit int64 }

func (c *config) get() int64 { return atomic.LoadInt64(&c.limit) }

func (c *config) plain() int64 { return c.limit }

// A lock that is made of the variable beside the data.
type bucket struct {
	state uint32
	top   uint64
}

func lockBucket(s *uint32) {
	for !atomic.CompareAndSwapUint32(s, 0, 1) {
	}
}

func unlockBucket(s *uint32) { atomic.StoreUint32(s, 0) }

func (b *bucket) put() {
	lockBucket(&b.state)
	atomic.StoreUint64(&b.top, b.top+1)
	unlockBucket(&b.state)
}

//ghostread:plain only the owner writes, and this is the owner
func (c *counter) own() int64 { return c.n }

func (c *counter) size() int { return len(c.slots) + len(c.flags) }
