package programs

import (
	"context"
	"runtime"
	"testing"
)

// TestBuggySignalDropped sends the stop signal only if the worker is waiting
// for it just now.
func TestBuggySignalDropped(t *testing.T) {
	stop, done := make(chan bool), make(chan bool)
	go func() {
		<-stop
		close(done)
	}()
	runtime.Gosched() // "it will be waiting by now"
	select {
	case stop <- true:
	default:
	}
	<-done
}

// TestRepairedSignalDropped closes the channel, which no one can miss.
func TestRepairedSignalDropped(t *testing.T) {
	stop, done := make(chan bool), make(chan bool)
	go func() {
		<-stop
		close(done)
	}()
	close(stop)
	<-done
}

// TestBuggyQuitBeforeDrained may choose quit although items are waiting.
func TestBuggyQuitBeforeDrained(t *testing.T) {
	items, quit, done := make(chan int, 2), make(chan bool), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-items:
				n++
			case <-quit:
				done <- n
				return
			}
		}
	}()
	items <- 1
	items <- 2
	close(quit)
	if n := <-done; n != 2 {
		t.Errorf("%d items, want 2", n)
	}
}

// TestRepairedQuitBeforeDrained takes what is left when it is told to quit.
func TestRepairedQuitBeforeDrained(t *testing.T) {
	items, quit, done := make(chan int, 2), make(chan bool), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-items:
				n++
			case <-quit:
				done <- n + len(items)
				return
			}
		}
	}()
	items <- 1
	items <- 2
	close(quit)
	if n := <-done; n != 2 {
		t.Errorf("%d items, want 2", n)
	}
}

// stage passes values on until ctx is done or in is closed.
func stage(ctx context.Context, in <-chan int, pass func(int)) {
	for {
		select {
		case v, ok := <-in:
			if !ok {
				return
			}
			pass(v)
		case <-ctx.Done():
			return
		}
	}
}

// TestBuggySendWithoutCancel minds the cancellation when it receives, but not
// when it sends.
func TestBuggySendWithoutCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	in, out := make(chan int, 1), make(chan int)
	go stage(ctx, in, func(v int) { out <- v })
	in <- 1
	go cancel()
	select {
	case <-out:
	case <-ctx.Done():
	}
	<-ctx.Done()
}

// TestRepairedSendWithoutCancel minds it in both.
func TestRepairedSendWithoutCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	in, out := make(chan int, 1), make(chan int)
	go stage(ctx, in, func(v int) {
		select {
		case out <- v:
		case <-ctx.Done():
		}
	})
	in <- 1
	go cancel()
	select {
	case <-out:
	case <-ctx.Done():
	}
	<-ctx.Done()
}

// watch waits until it sees the last version.
func watch(versions <-chan int, last int) {
	for v := range versions {
		if v == last {
			return
		}
	}
}

// TestBuggyLatestDropped drops the newest version when an older one is still
// waiting to be taken.
func TestBuggyLatestDropped(t *testing.T) {
	versions := make(chan int, 1)
	both(func() { watch(versions, 2) }, func() {
		for v := range 3 {
			select {
			case versions <- v:
			default:
			}
		}
	})
}

// TestRepairedLatestDropped drops the older one.
func TestRepairedLatestDropped(t *testing.T) {
	versions := make(chan int, 1)
	both(func() { watch(versions, 2) }, func() {
		for v := range 3 {
			select {
			case <-versions:
			default:
			}
			versions <- v
		}
	})
}

// merge reads two channels; ended says whether it is through when one is
// closed.
func merge(ended func(a, b <-chan int) bool) {
	a, b := make(chan int), make(chan int)
	feed := func(c chan int) {
		c <- 1
		close(c)
	}
	go feed(a)
	go feed(b)
	var ra, rb <-chan int = a, b
	for !ended(ra, rb) {
		select {
		case _, ok := <-ra:
			if !ok {
				ra = nil
			}
		case _, ok := <-rb:
			if !ok {
				rb = nil
			}
		}
	}
}

// TestBuggyMergeEndsEarly ends with the first channel that is closed and
// leaves the other sender behind.
func TestBuggyMergeEndsEarly(t *testing.T) {
	merge(func(a, b <-chan int) bool { return a == nil || b == nil })
}

// TestRepairedMergeEndsEarly ends with the last.
func TestRepairedMergeEndsEarly(t *testing.T) {
	merge(func(a, b <-chan int) bool { return a == nil && b == nil })
}
