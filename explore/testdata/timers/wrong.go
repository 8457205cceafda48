package timers

import (
	"context"
	"errors"
	"sync"
	"time"
)

var errTimeout = errors.New("timeout")

// fetchLeaks leaves its worker behind when it has not waited long enough.
func fetchLeaks(work func() int) (int, error) {
	result := make(chan int)
	go func() { result <- work() }()
	select {
	case v := <-result:
		return v, nil
	case <-time.After(time.Second):
		return 0, errTimeout
	}
}

// callLeaks does the same with a context.
func callLeaks(ctx context.Context, work func() int) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	result := make(chan int)
	go func() { result <- work() }()
	select {
	case v := <-result:
		return v, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// runStuck waits for a worker that nobody listens to any more.
func runStuck(ctx context.Context, work func() int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	result := make(chan int)
	wg.Add(1)
	go func() { defer wg.Done(); result <- work() }()
	select {
	case <-result:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// onceTooOften closes the channel for the result and for the timeout.
func onceTooOften(work func() int) {
	done := make(chan struct{})
	t := time.AfterFunc(time.Minute, func() { close(done) })
	go func() {
		work()
		close(done)
		t.Stop()
	}()
	<-done
}

// doneTooOften counts the worker as done for the result and for the timeout.
func doneTooOften(work func() int) {
	var wg sync.WaitGroup
	wg.Add(1)
	t := time.AfterFunc(time.Minute, wg.Done)
	go func() {
		work()
		wg.Done()
		t.Stop()
	}()
	wg.Wait()
}

// halfDone returns what the worker may still be writing to.
func halfDone(work func() int) []int {
	var list []int
	done := make(chan struct{}, 1)
	go func() {
		for range 3 {
			list = append(list, work())
		}
		done <- struct{}{}
	}()
	select {
	case <-done:
	case <-time.After(time.Second):
	}
	return append([]int(nil), list...)
}

// flusher writes from time to time, and when it is stopped.
type flusher struct {
	mu    sync.Mutex
	stop  chan struct{}
	dirty bool
}

// newFlusher starts one whose stop can meet a tick: each has what the other
// waits for.
func newFlusher() *flusher {
	f := &flusher{stop: make(chan struct{})}
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				f.mu.Lock()
				f.dirty = false
				f.mu.Unlock()
			case <-f.stop:
				return
			}
		}
	}()
	return f
}

func (f *flusher) Write() {
	f.mu.Lock()
	f.dirty = true
	f.mu.Unlock()
}

func (f *flusher) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stop <- struct{}{}
	f.dirty = false
}

// always leaves a goroutine behind, whatever the time.
func always(work func() int) {
	result := make(chan int)
	go func() { result <- work() }()
	go func() { result <- work() }()
	select {
	case <-result:
	case <-time.After(time.Second):
	}
}
