package m

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

type counter struct {
	mu    sync.Mutex
	n     int64
	flags [4]uint32
	slots []uint64
	next  unsafe.Pointer
}

func (c *counter) add() { atomic.AddInt64(&c.n, 1) }

func (c *counter) get() int64 { return c.n } // want read

func (c *counter) reset() {
	c.n = 0 // want write
	c.n++   // want write
}

func (c *counter) locked() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n // want read
}

func (c *counter) unlocked() int64 {
	c.mu.Lock()
	c.mu.Unlock()
	return c.n // want read
}

func (c *counter) setFlag(i int) { atomic.StoreUint32(&c.flags[i], 1) }

func (c *counter) anyFlag() bool {
	for _, f := range c.flags { // want read
		if f != 0 {
			return true
		}
	}
	return c.flags[0] == 1 // want read
}

func (c *counter) setSlot(i int) { atomic.AddUint64(&c.slots[i], 1) }

func (c *counter) clearSlot(i int) { c.slots[i] = 0 } // want write

func (c *counter) link(to *counter) { atomic.StorePointer(&c.next, unsafe.Pointer(to)) }

func (c *counter) linked() bool { return c.next != nil } // want read

type state uint32

type breaker struct{ state state }

func (b *breaker) set(s state) { atomic.StoreUint32((*uint32)(&b.state), uint32(s)) }

func (b *breaker) is(s state) bool { return b.state == s } // want read

var hits int64

func hit() { atomic.AddInt64(&hits, 1) }

func Hits() int64 { return hits } // want read

type box[T any] struct{ n int32 }

func (b *box[T]) inc() { atomic.AddInt32(&b.n, 1) }

func (b *box[T]) get() int32 { return b.n } // want read

func share(c *counter) *counter { return c }

func published() *counter {
	c := &counter{}
	share(c)
	c.n = 1 // want write
	return c
}

func captured() {
	var n int64
	go func() { atomic.AddInt64(&n, 1) }()
	n = 2 // want write
}

func round() {
	c := &counter{}
	for i := 0; i < 2; i++ {
		c.n = 1 // want write
		share(c)
	}
}
