package spin

import (
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestEnds spins until the other one has done its part.
func TestEnds(t *testing.T) {
	var ready atomic.Bool
	n := 0
	go func() {
		for range 1000 {
			n++
		}
		ready.Store(true)
	}()
	for !ready.Load() {
	}
}

// TestCounts spins alone, and gives up after a while.
func TestCounts(t *testing.T) {
	var ready atomic.Bool
	for range 100_000 {
		if ready.Load() {
			t.Error("ready")
		}
	}
}

// TestRetries tries again until the one who has the lock gives it back.
func TestRetries(t *testing.T) {
	var mu sync.Mutex
	n := 0
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for !mu.TryLock() {
				runtime.Gosched()
			}
			n++
			runtime.Gosched()
			mu.Unlock()
		})
	}
	wg.Wait()
}

// TestAdds is a loop that only another one's success makes go round again.
func TestAdds(t *testing.T) {
	var n atomic.Int64
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 10 {
				for {
					v := n.Load()
					if n.CompareAndSwap(v, v+1) {
						break
					}
				}
			}
		})
	}
	wg.Wait()
	if n.Load() != 30 {
		t.Error(n.Load())
	}
}

// TestSleeps polls with Sleep.
func TestSleeps(t *testing.T) {
	var ready atomic.Bool
	time.AfterFunc(time.Second, func() { ready.Store(true) })
	for !ready.Load() {
		time.Sleep(time.Millisecond)
	}
}

// TestTimer spins until a timer sets the flag.
func TestTimer(t *testing.T) {
	var ready atomic.Bool
	time.AfterFunc(time.Millisecond, func() { ready.Store(true) })
	for !ready.Load() {
	}
}

// TestClock spins until a time has come.
func TestClock(t *testing.T) {
	for end := time.Now().Add(time.Millisecond); time.Now().Before(end); {
	}
}

// TestNetwork spins until something has come over the network.
func TestNetwork(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	var got atomic.Bool
	go func() {
		c, err := l.Accept()
		if err == nil {
			c.Close()
		}
		got.Store(true)
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for !got.Load() {
		runtime.Gosched()
	}
}

// TestChance spins until a random number is a small one.
func TestChance(t *testing.T) {
	m := map[int]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, 8: 8}
	for round := 0; round < 40; {
		for k := range m {
			if k == 1 {
				round++
			}
			break
		}
	}
}

// TestSelects spins until a select has taken the second of two that are ready.
func TestSelects(t *testing.T) {
	a, b := make(chan int), make(chan int)
	close(a)
	close(b)
	for {
		select {
		case <-a:
			continue
		case <-b:
		}
		return
	}
}

// TestBackground leaves a goroutine behind that spins.
func TestBackground(t *testing.T) {
	var quit atomic.Bool
	go func() {
		for !quit.Load() {
			runtime.Gosched()
		}
	}()
	quit.Store(true)
}
