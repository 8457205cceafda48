package programs

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// Livelock: goroutines run, and none gets anywhere.

type account struct {
	mu      sync.Mutex
	balance int
}

// transferPolitely gives its lock back when the other one is taken, and tries
// again: so may who comes the other way.
func transferPolitely(from, to *account) {
	for {
		from.mu.Lock()
		if to.mu.TryLock() {
			break
		}
		from.mu.Unlock()
	}
	from.balance--
	to.balance++
	to.mu.Unlock()
	from.mu.Unlock()
}

// transferInOrder takes the locks in one order, whoever pays.
func transferInOrder(from, to *account, first, second *account) {
	first.mu.Lock()
	second.mu.Lock()
	from.balance--
	to.balance++
	second.mu.Unlock()
	first.mu.Unlock()
}

func TestBuggyGiveWay(t *testing.T) {
	var a, b account
	var wg sync.WaitGroup
	wg.Go(func() { transferPolitely(&a, &b) })
	wg.Go(func() { transferPolitely(&b, &a) })
	wg.Wait()
}

func TestRepairedGiveWay(t *testing.T) {
	var a, b account
	var wg sync.WaitGroup
	wg.Go(func() { transferInOrder(&a, &b, &a, &b) })
	wg.Go(func() { transferInOrder(&b, &a, &a, &b) })
	wg.Wait()
}

// service says when it is ready; one that was closed before it came to that
// never does.
type service struct {
	closed, ready atomic.Bool
	done          chan struct{}
}

func TestBuggyReadyNever(t *testing.T) {
	var s service
	go func() {
		if !s.closed.Load() {
			s.ready.Store(true)
		}
	}()
	go s.closed.Store(true)
	for !s.ready.Load() {
		runtime.Gosched()
	}
}

func TestRepairedReadyNever(t *testing.T) {
	s := service{done: make(chan struct{})}
	go func() {
		defer close(s.done) // ready or not
		if !s.closed.Load() {
			s.ready.Store(true)
		}
	}()
	go s.closed.Store(true)
	<-s.done
}

// TestBuggyAfterYou has two goroutines announce themselves, see that the other
// one did too, and step back, again and again.
func TestBuggyAfterYou(t *testing.T) {
	var a, b atomic.Bool
	enter := func(mine, other *atomic.Bool) {
		for {
			mine.Store(true)
			if !other.Load() {
				return
			}
			mine.Store(false)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { enter(&a, &b); a.Store(false) })
	wg.Go(func() { enter(&b, &a); b.Store(false) })
	wg.Wait()
}

// TestRepairedAfterYou lets one of them be the one who waits.
func TestRepairedAfterYou(t *testing.T) {
	var inside atomic.Bool
	turn := make(chan struct{}, 1)
	turn <- struct{}{}
	enter := func() {
		<-turn
		if !inside.CompareAndSwap(false, true) {
			t.Error("both are inside")
		}
		inside.Store(false)
		turn <- struct{}{}
	}
	var wg sync.WaitGroup
	wg.Go(enter)
	wg.Go(enter)
	wg.Wait()
}
