package ticking

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// keep counts the ticks until stop is called, as the background work of a pool
// or a cache does.
func keep(every time.Duration) (ticks *atomic.Int64, stop func()) {
	ticks = new(atomic.Int64)
	done := make(chan struct{})
	go func() {
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				ticks.Add(1)
			case <-done:
				return
			}
		}
	}()
	return ticks, func() { close(done) }
}

// room is a pool that can be made larger.
type room struct {
	mu   sync.Mutex
	cond *sync.Cond
	size atomic.Int64
}

// enter waits for room.
func (r *room) enter() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.size.Load() == 0 {
		r.cond.Wait()
	}
}

// TestLost makes room without the lock: who has seen that there is none, and
// does not wait yet, misses it.
func TestLost(t *testing.T) {
	_, stop := keep(500 * time.Millisecond)
	defer stop()
	r := new(room)
	r.cond = sync.NewCond(&r.mu)
	var wg sync.WaitGroup
	wg.Go(r.enter)
	r.size.Store(1)
	r.cond.Broadcast()
	wg.Wait()
}

// TestKept makes room with the lock.
func TestKept(t *testing.T) {
	_, stop := keep(500 * time.Millisecond)
	defer stop()
	r := new(room)
	r.cond = sync.NewCond(&r.mu)
	var wg sync.WaitGroup
	wg.Go(r.enter)
	r.mu.Lock()
	r.size.Store(1)
	r.mu.Unlock()
	r.cond.Broadcast()
	wg.Wait()
}

// TestLate waits for somebody who takes nine minutes and a thousand ticks.
func TestLate(t *testing.T) {
	ticks, stop := keep(500 * time.Millisecond)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { time.Sleep(9 * time.Minute) })
	wg.Wait()
	if ticks.Load() < 1000 {
		t.Errorf("%d ticks in nine minutes", ticks.Load())
	}
}

// TestSleeps sleeps by itself.
func TestSleeps(t *testing.T) {
	_, stop := keep(time.Second)
	defer stop()
	time.Sleep(time.Hour)
}

// TestSeldom waits long, with few ticks.
func TestSeldom(t *testing.T) {
	_, stop := keep(time.Minute)
	defer stop()
	<-time.After(30 * time.Minute)
}

// TestSteps goes on every nine minutes.
func TestSteps(t *testing.T) {
	_, stop := keep(time.Second)
	defer stop()
	for range 4 {
		<-time.After(9 * time.Minute)
	}
}
