package timers

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// work takes a few steps.
func work() int {
	var n atomic.Int64
	for range 4 {
		n.Add(1)
	}
	return int(n.Load())
}

func TestWrongFetch(t *testing.T) {
	if v, err := fetchLeaks(work); err == nil && v != 4 {
		t.Error(v)
	}
}

func TestWrongCall(t *testing.T) { callLeaks(t.Context(), work) }

func TestWrongRun(t *testing.T) { runStuck(t.Context(), work) }

func TestWrongOnce(t *testing.T) { onceTooOften(work) }

func TestWrongDone(t *testing.T) { doneTooOften(work) }

func TestWrongHalf(t *testing.T) { halfDone(work) }

func TestWrongFlusher(t *testing.T) {
	f := newFlusher()
	f.Write()
	f.Stop()
}

func TestWrongAlways(t *testing.T) { always(work) }

func TestRightFetch(t *testing.T) {
	v, err := fetch(work)
	switch {
	case err == nil && v == 4:
	case errors.Is(err, errTimeout):
	default:
		t.Error(v, err)
	}
}

func TestRightRun(t *testing.T) {
	if err := run(t.Context(), work); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestRightOnce(t *testing.T) { once(work) }

func TestRightTicker(t *testing.T) {
	c := newTicker()
	work()
	c.Stop()
}

func TestRightRetry(t *testing.T) {
	var n atomic.Int64
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			retry(t.Context(), func() bool { return n.Add(1) > 5 })
		})
	}
	wg.Wait()
}

func TestRightPoll(t *testing.T) {
	var flag atomic.Bool
	go func() { work(); flag.Store(true) }()
	poll(&flag)
}

func TestRightDebounce(t *testing.T) {
	var d debounce
	for range 3 {
		d.Call()
	}
	time.Sleep(time.Second)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.n == 0 {
		t.Error("not called")
	}
}

// What follows is right because an hour does not pass.

func TestOwnFailure(t *testing.T) {
	v, err := fetch(work)
	if err != nil || v != 4 {
		t.Fatal(v, err)
	}
}

// wait reports whether wg is done in time.
func wait(wg *sync.WaitGroup) bool {
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
		return true
	case <-time.After(time.Hour):
		return false
	}
}

func TestOwnWait(t *testing.T) {
	result := make(chan int)
	var wg sync.WaitGroup
	wg.Go(func() { result <- work() })
	wg.Go(func() { <-result })
	if !wait(&wg) {
		t.Fatal("not done")
	}
}

// The deferred Wait would not end.
func TestOwnDeadlock(t *testing.T) {
	result := make(chan int)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { result <- work() })
	if _, err := fetch(work); err != nil {
		t.Fatal(err)
	}
	<-result
}

// The test uses a nil pointer that only a timeout leaves there.
func TestOwnPanic(t *testing.T) {
	var p *int
	if v, err := fetch(work); err == nil {
		p = &v
	}
	if *p != 4 {
		t.Error(*p)
	}
}

// A sleep until all has gone quiet, and what relies on it.
func TestOwnSleep(t *testing.T) {
	var mu sync.Mutex
	c := sync.NewCond(&mu)
	done := make(chan struct{})
	go func() {
		defer close(done)
		mu.Lock()
		defer mu.Unlock()
		work()
		c.Wait()
	}()
	time.Sleep(10 * time.Millisecond)
	mu.Lock()
	c.Signal()
	mu.Unlock()
	<-done
}

// A receive that is a sleep.
func TestOwnAfter(t *testing.T) {
	var mu sync.Mutex
	c := sync.NewCond(&mu)
	done := make(chan struct{})
	go func() {
		defer close(done)
		mu.Lock()
		defer mu.Unlock()
		work()
		c.Wait()
	}()
	<-time.After(10 * time.Millisecond)
	mu.Lock()
	c.Signal()
	mu.Unlock()
	<-done
}

// Nothing is to come, says the test, and goes on.
func TestOwnSilence(t *testing.T) {
	var mu sync.Mutex
	c := sync.NewCond(&mu)
	done := make(chan struct{})
	go func() {
		defer close(done)
		mu.Lock()
		defer mu.Unlock()
		work()
		c.Wait()
	}()
	select {
	case <-done:
		t.Fatal("too soon")
	case <-time.After(10 * time.Millisecond):
	}
	mu.Lock()
	c.Broadcast()
	mu.Unlock()
	<-done
}

// A limit against waiting for ever, whose error nobody looks at.
func TestOwnLimit(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var mu sync.Mutex
	c := sync.NewCond(&mu)
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		mu.Lock()
		defer mu.Unlock()
		work()
		close(ready)
		c.Wait()
	}()
	waitFor(ctx, ready)
	mu.Lock()
	c.Signal()
	mu.Unlock()
	<-done
}

func waitFor(ctx context.Context, c chan struct{}) {
	select {
	case <-c:
	case <-ctx.Done():
	}
}

// What comes once a second comes once.
func TestOwnTwice(t *testing.T) {
	done := make(chan struct{})
	stop := every(func() { close(done) })
	defer stop()
	<-done
}

// A sleep of the program's that others rely on.
func TestOwnSettle(t *testing.T) {
	var mu sync.Mutex
	c := sync.NewCond(&mu)
	done := make(chan struct{})
	go func() {
		defer close(done)
		mu.Lock()
		defer mu.Unlock()
		work()
		c.Wait()
	}()
	settle()
	mu.Lock()
	c.Signal()
	mu.Unlock()
	<-done
}
