package timers

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// fetch leaves nobody behind: the result has a place to go.
func fetch(work func() int) (int, error) {
	result := make(chan int, 1)
	go func() { result <- work() }()
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case v := <-result:
		return v, nil
	case <-t.C:
		return 0, errTimeout
	}
}

// run waits for a worker that looks whether somebody listens.
func run(ctx context.Context, work func() int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	result := make(chan int)
	wg.Add(1)
	go func() {
		defer wg.Done()
		select {
		case result <- work():
		case <-ctx.Done():
		}
	}()
	select {
	case <-result:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// once closes its channel for whatever comes first.
func once(work func() int) {
	done := make(chan struct{})
	var first sync.Once
	end := func() { first.Do(func() { close(done) }) }
	t := time.AfterFunc(time.Minute, end)
	defer t.Stop()
	go func() {
		work()
		end()
	}()
	<-done
}

// ticker counts ticks until it is stopped.
type ticker struct {
	stop chan struct{}
	done chan struct{}
	n    atomic.Int64
}

func newTicker() *ticker {
	c := &ticker{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(c.done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				c.n.Add(1)
			case <-c.stop:
				return
			}
		}
	}()
	return c
}

func (c *ticker) Stop() {
	close(c.stop)
	<-c.done
}

// retry tries again, later and later.
func retry(ctx context.Context, try func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for d := time.Millisecond; ; d *= 2 {
		if try() {
			return nil
		}
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// poll waits for a flag by sleeping.
func poll(flag *atomic.Bool) {
	for !flag.Load() {
		time.Sleep(time.Millisecond)
	}
}

// every calls f each second, until it is stopped.
func every(f func()) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			t := time.NewTimer(time.Second)
			select {
			case <-t.C:
				f()
			case <-end:
				t.Stop()
				return
			}
		}
	}()
	return func() { close(end); <-ended }
}

// settle lets others get on.
func settle() { time.Sleep(time.Millisecond) }

// debounce calls f once after the last of many calls.
type debounce struct {
	mu sync.Mutex
	t  *time.Timer
	n  int
}

func (d *debounce) Call() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.t == nil {
		d.t = time.AfterFunc(10*time.Millisecond, func() {
			d.mu.Lock()
			d.n++
			d.mu.Unlock()
		})
		return
	}
	d.t.Reset(10 * time.Millisecond)
}
