package worlds

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Each test of this file has one fault.

var sink int

func TestDeadlock(t *testing.T) {
	var a, b sync.Mutex
	var wg sync.WaitGroup
	wg.Go(func() { a.Lock(); b.Lock(); b.Unlock(); a.Unlock() })
	wg.Go(func() { b.Lock(); a.Lock(); a.Unlock(); b.Unlock() })
	wg.Wait()
}

// TestDeadlockAfterFinalizer waits while the goroutine that runs finalizers
// does, which nothing will come of.
func TestDeadlockAfterFinalizer(t *testing.T) {
	func() {
		x := new([64]int)
		runtime.SetFinalizer(x, func(*[64]int) {})
	}()
	runtime.GC()
	c := make(chan int, 1)
	go func() {
		select {
		case <-c:
		default:
		}
	}()
	c <- 1
	c <- 2
}

// TestLeak gives up waiting, and leaves the sender behind for ever.
func TestLeak(t *testing.T) {
	result := make(chan int)
	go func() { result <- 1 }()
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	select {
	case <-result:
	case <-ctx.Done():
	}
}

func TestPanic(t *testing.T) {
	c := make(chan int, 1)
	var closed atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		if !closed.Load() {
			c <- 1 // closed meanwhile
		}
	})
	wg.Go(func() { closed.Store(true); close(c) })
	wg.Wait()
}

type account struct {
	mu sync.Mutex
	n  int
}

func (a *account) get() int  { a.mu.Lock(); defer a.mu.Unlock(); return a.n }
func (a *account) set(n int) { a.mu.Lock(); defer a.mu.Unlock(); a.n = n }

// TestFailure loses an update though every access is locked.
func TestFailure(t *testing.T) {
	var a account
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { a.set(a.get() + 1) })
	}
	wg.Wait()
	if n := a.get(); n != 2 {
		t.Errorf("balance is %d, want 2", n)
	}
}

func TestRaceOnField(t *testing.T) {
	var s struct{ hits int }
	var wg sync.WaitGroup
	wg.Go(func() { s.hits++ })
	wg.Go(func() { s.hits++ })
	wg.Wait()
}

var names []string

var config struct {
	retries int
	limits  [2]struct{ low, high int }
	title   string
}

// TestGlobal races on parts of a package variable.
func TestGlobal(t *testing.T) {
	done := make(chan bool)
	go func() { config.limits[1].high = 7; done <- true }()
	sink = config.limits[1].high
	<-done
}

// TestParallelRace has two subtests that share what they should not.
func TestParallelRace(t *testing.T) {
	shared := 0
	for _, name := range []string{"a", "b"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shared++
		})
	}
}

func TestTorn(t *testing.T) {
	s := struct{ name string }{"old"}
	done := make(chan bool)
	go func() { s.name = "the new one"; done <- true }()
	names = append(names[:0], s.name)
	<-done
}

func TestLost(t *testing.T) {
	m := map[string]int{"k": 1}
	done := make(chan bool)
	go func() { m["other"] = 2; done <- true }()
	if _, ok := m["k"]; !ok {
		t.Error("lost")
	}
	<-done
}

func TestPhantom(t *testing.T) {
	m := map[string]int{"k": 1}
	done := make(chan bool)
	go func() { m["other"] = 2; done <- true }()
	for range m {
	}
	<-done
}

func TestStale(t *testing.T) {
	var version atomic.Int32
	status := 0
	done := make(chan bool)
	go func() {
		version.Store(1)
		status = 1
		done <- true
	}()
	if version.Load() == 1 {
		sink = status
	}
	<-done
}

// TestTimerRace touches what a timer's function touches.
func TestTimerRace(t *testing.T) {
	n := 0
	time.AfterFunc(time.Second, func() { n++ })
	time.Sleep(time.Second)
	n++
}

// Tests that cannot be decided.

// TestPollTooSlow minds how fast time passes while it polls.
func TestPollTooSlow(t *testing.T) {
	n := 0
	for end := time.After(50 * time.Millisecond); ; n++ {
		select {
		case <-end:
			if n < 1_000_000_000 {
				t.Error("too slow")
			}
			return
		default:
		}
	}
}

// TestEndless never ends, and passes through scheduling points.
func TestEndless(t *testing.T) {
	go func() {
		for {
			shared.Add(1)
		}
	}()
	for {
		shared.Add(1)
	}
}

var shared atomic.Int64

// TestEndlessLoop never ends and has no scheduling point.
func TestEndlessLoop(t *testing.T) {
	x := 1
	for x != 0 {
		x = x*3 | 1
	}
	sink = x
}

// TestBlockedOutside waits for something that never comes from outside.
func TestBlockedOutside(t *testing.T) {
	waitForever(t)
}

func TestAlwaysFails(t *testing.T) { t.Error(errors.New("this is wrong whatever the schedule")) }

func TestSkipped(t *testing.T) { t.Skip("not today") }

func TestAlwaysDeadlocks(t *testing.T) {
	c := make(chan int)
	go func() { <-c }()
	<-c
}

func TestDeadlocksWithOne(t *testing.T) {
	<-make(chan int)
}
