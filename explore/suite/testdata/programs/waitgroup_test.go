package programs

import (
	"sync"
	"sync/atomic"
	"testing"
)

// TestBuggyAddInside adds to the group in the goroutine: Wait may come first.
func TestBuggyAddInside(t *testing.T) {
	var wg sync.WaitGroup
	var n atomic.Int32
	for range 2 {
		go func() {
			wg.Add(1)
			defer wg.Done()
			n.Add(1)
		}()
	}
	wg.Wait()
	if n.Load() != 2 {
		t.Errorf("%d ran, want 2", n.Load())
	}
}

// TestRepairedAddInside adds before the go statement.
func TestRepairedAddInside(t *testing.T) {
	var wg sync.WaitGroup
	var n atomic.Int32
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			n.Add(1)
		}()
	}
	wg.Wait()
	if n.Load() != 2 {
		t.Errorf("%d ran, want 2", n.Load())
	}
}

// TestBuggyDoneSkipped returns early without Done.
func TestBuggyDoneSkipped(t *testing.T) {
	var wg sync.WaitGroup
	var stopped atomic.Bool
	wg.Add(1)
	go func() {
		if stopped.Load() {
			return
		}
		wg.Done()
	}()
	stopped.Store(true)
	wg.Wait()
}

// TestRepairedDoneSkipped defers Done.
func TestRepairedDoneSkipped(t *testing.T) {
	var wg sync.WaitGroup
	var stopped atomic.Bool
	wg.Add(1)
	go func() {
		defer wg.Done()
		if stopped.Load() {
			return
		}
	}()
	stopped.Store(true)
	wg.Wait()
}

// TestBuggyWaitUnderLock waits with the lock that the worker needs.
func TestBuggyWaitUnderLock(t *testing.T) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	n := 0
	wg.Go(func() {
		mu.Lock()
		n++
		mu.Unlock()
	})
	mu.Lock()
	defer mu.Unlock()
	wg.Wait()
	n++
}

// TestRepairedWaitUnderLock waits first.
func TestRepairedWaitUnderLock(t *testing.T) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	n := 0
	wg.Go(func() {
		mu.Lock()
		n++
		mu.Unlock()
	})
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	n++
}

// TestBuggyDoneTwice ends a task when it is through and when it is cancelled,
// which may both happen.
func TestBuggyDoneTwice(t *testing.T) {
	var wg sync.WaitGroup
	var ended atomic.Bool
	end := func() {
		if !ended.Load() {
			ended.Store(true)
			wg.Done()
		}
	}
	wg.Add(1)
	both(end, end)
	wg.Wait()
}

// TestRepairedDoneTwice ends it once.
func TestRepairedDoneTwice(t *testing.T) {
	var wg sync.WaitGroup
	var once sync.Once
	end := func() { once.Do(wg.Done) }
	wg.Add(1)
	both(end, end)
	wg.Wait()
}

// TestBuggyDoneBeforeResult says that it is done and then writes the result.
func TestBuggyDoneBeforeResult(t *testing.T) {
	var wg sync.WaitGroup
	sum := 0
	wg.Add(1)
	go func() {
		wg.Done()
		sum = 7
	}()
	wg.Wait()
	_ = sum + 1
}

// TestRepairedDoneBeforeResult does it the other way round.
func TestRepairedDoneBeforeResult(t *testing.T) {
	var wg sync.WaitGroup
	sum := 0
	wg.Add(1)
	go func() {
		sum = 7
		wg.Done()
	}()
	wg.Wait()
	if sum != 7 {
		t.Error(sum)
	}
}
