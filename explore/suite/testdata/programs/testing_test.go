package programs

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestBuggyFailAfterEnd says that it is through before it has looked, and then
// fails a test that may have ended.
func TestBuggyFailAfterEnd(t *testing.T) {
	var closed atomic.Bool
	done := make(chan bool)
	go func() {
		close(done)
		if closed.Load() {
			t.Fail()
		}
	}()
	<-done
	closed.Store(true)
}

// TestRepairedFailAfterEnd says it afterwards.
func TestRepairedFailAfterEnd(t *testing.T) {
	var closed atomic.Bool
	done := make(chan bool)
	go func() {
		defer close(done)
		if closed.Load() {
			t.Fail()
		}
	}()
	<-done
	closed.Store(true)
}

// TestBuggyFatalInGoroutine calls FailNow where it ends the goroutine and not
// the test, which waits for more.
func TestBuggyFatalInGoroutine(t *testing.T) {
	var ready atomic.Bool
	done := make(chan bool)
	go func() {
		if !ready.Load() {
			t.FailNow()
		}
		done <- true
	}()
	ready.Store(true)
	<-done
}

// TestRepairedFatalInGoroutine tells the test whatever it sees.
func TestRepairedFatalInGoroutine(t *testing.T) {
	var ready atomic.Bool
	done := make(chan bool)
	go func() { done <- ready.Load() }()
	ready.Store(true)
	<-done
}

// TestBuggyParallelShared has parallel subtests that share a variable.
func TestBuggyParallelShared(t *testing.T) {
	n := 0
	for _, name := range []string{"a", "b"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n++
		})
	}
}

// TestRepairedParallelShared has one for each.
func TestRepairedParallelShared(t *testing.T) {
	for _, name := range []string{"a", "b"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			n++
			if n != 1 {
				t.Error(n)
			}
		})
	}
}

// TestBuggySleepInsteadOfWait sleeps until the goroutine is surely through.
func TestBuggySleepInsteadOfWait(t *testing.T) {
	n := 0
	go func() { n = 1 }()
	time.Sleep(time.Second)
	if n != 1 {
		t.Error(n)
	}
}

// TestRepairedSleepInsteadOfWait waits for it.
func TestRepairedSleepInsteadOfWait(t *testing.T) {
	n := 0
	done := make(chan bool)
	go func() {
		n = 1
		close(done)
	}()
	<-done
	if n != 1 {
		t.Error(n)
	}
}

// echo is what tests use in place of a server.
func echo() (in chan<- string, out <-chan string) {
	i, o := make(chan string), make(chan string)
	go func() {
		defer close(o)
		for s := range i {
			o <- s
		}
	}()
	return i, o
}

// TestBuggyHelperLeft does not stop the helper it has started.
func TestBuggyHelperLeft(t *testing.T) {
	in, out := echo()
	in <- "hello"
	if s := <-out; s != "hello" {
		t.Error(s)
	}
}

// TestRepairedHelperLeft stops it in the end.
func TestRepairedHelperLeft(t *testing.T) {
	in, out := echo()
	defer func() {
		close(in)
		<-out
	}()
	in <- "hello"
	if s := <-out; s != "hello" {
		t.Error(s)
	}
}

// TestBuggyFakeCounts counts the calls of a fake without a lock.
func TestBuggyFakeCounts(t *testing.T) {
	calls := 0
	fake := func() { calls++ }
	both(fake, fake)
	if calls == 0 {
		t.Error("not called")
	}
}

// TestRepairedFakeCounts counts them under one.
func TestRepairedFakeCounts(t *testing.T) {
	var mu sync.Mutex
	calls := 0
	fake := func() {
		mu.Lock()
		defer mu.Unlock()
		calls++
	}
	both(fake, fake)
	if calls != 2 {
		t.Errorf("%d calls, want 2", calls)
	}
}
