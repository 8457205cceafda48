package programs

import (
	"sync"
	"sync/atomic"
	"testing"
)

// TestBuggySendUnderLock sends with the lock that the receiver takes before it
// receives.
func TestBuggySendUnderLock(t *testing.T) {
	var mu sync.Mutex
	c := make(chan int)
	both(func() {
		mu.Lock()
		c <- 1
		mu.Unlock()
	}, func() {
		mu.Lock()
		mu.Unlock()
		<-c
	})
}

// TestRepairedSendUnderLock sends without it.
func TestRepairedSendUnderLock(t *testing.T) {
	var mu sync.Mutex
	c := make(chan int)
	both(func() {
		mu.Lock()
		v := 1
		mu.Unlock()
		c <- v
	}, func() {
		mu.Lock()
		mu.Unlock()
		<-c
	})
}

// report runs two workers that send an error if they were stopped in time, and
// waits for them before it looks at the errors.
func report(errs chan string) {
	var wg sync.WaitGroup
	var stopped atomic.Bool
	for range 2 {
		wg.Go(func() {
			if stopped.Load() {
				errs <- "stopped"
			}
		})
	}
	stopped.Store(true)
	wg.Wait()
	close(errs)
	for range errs {
	}
}

// TestBuggyWaitBeforeDrain has room for one error.
func TestBuggyWaitBeforeDrain(t *testing.T) { report(make(chan string, 1)) }

// TestRepairedWaitBeforeDrain has room for both.
func TestRepairedWaitBeforeDrain(t *testing.T) { report(make(chan string, 2)) }

// TestBuggyOnceCycle initialises two things that need each other.
func TestBuggyOnceCycle(t *testing.T) {
	var a, b sync.Once
	both(func() {
		a.Do(func() { b.Do(func() {}) })
	}, func() {
		b.Do(func() { a.Do(func() {}) })
	})
}

// TestRepairedOnceCycle initialises them in one order.
func TestRepairedOnceCycle(t *testing.T) {
	var a, b sync.Once
	f := func() {
		a.Do(func() { b.Do(func() {}) })
	}
	both(f, f)
}

// motor has a worker that starts under a lock and then waits until it is told
// to stop.
type motor struct {
	mu         sync.Mutex
	turns      int
	quit, done chan bool
}

func (m *motor) run() {
	defer close(m.done)
	m.mu.Lock()
	m.turns++
	m.mu.Unlock()
	<-m.quit
}

// TestBuggyStopUnderLock waits for the end of the worker with the lock that
// the worker may still have to take.
func TestBuggyStopUnderLock(t *testing.T) {
	m := &motor{quit: make(chan bool), done: make(chan bool)}
	go m.run()
	m.mu.Lock()
	close(m.quit)
	<-m.done
	m.mu.Unlock()
}

// TestRepairedStopUnderLock waits without it.
func TestRepairedStopUnderLock(t *testing.T) {
	m := &motor{quit: make(chan bool), done: make(chan bool)}
	go m.run()
	m.mu.Lock()
	close(m.quit)
	m.mu.Unlock()
	<-m.done
}

// TestBuggyTokenAndLock takes a token and a lock in both orders.
func TestBuggyTokenAndLock(t *testing.T) {
	tokens := make(chan bool, 1)
	var mu sync.Mutex
	both(func() {
		tokens <- true
		mu.Lock()
		mu.Unlock()
		<-tokens
	}, func() {
		mu.Lock()
		tokens <- true
		<-tokens
		mu.Unlock()
	})
}

// TestRepairedTokenAndLock takes the token first.
func TestRepairedTokenAndLock(t *testing.T) {
	tokens := make(chan bool, 1)
	var mu sync.Mutex
	f := func() {
		tokens <- true
		mu.Lock()
		mu.Unlock()
		<-tokens
	}
	both(f, f)
}

// TestBuggyReadLockAndReply asks for a reply with the read lock held, and the
// one who replies writes first.
func TestBuggyReadLockAndReply(t *testing.T) {
	var n notice
	reply := make(chan string)
	both(func() {
		n.mu.RLock()
		defer n.mu.RUnlock()
		<-reply
	}, func() {
		n.write("asked")
		reply <- "yes"
	})
}

// TestRepairedReadLockAndReply asks and then reads.
func TestRepairedReadLockAndReply(t *testing.T) {
	var n notice
	reply := make(chan string)
	both(func() {
		<-reply
		if n.read() == "" {
			t.Error("no text")
		}
	}, func() {
		n.write("asked")
		reply <- "yes"
	})
}
