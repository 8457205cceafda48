package field

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestWaitsForWork has a timeout that no machine is too slow for, and no tick
// of the clock for hundreds of thousands of points.
func TestWaitsForWork(t *testing.T) {
	done := make(chan bool)
	var n atomic.Int64
	for range 2 {
		go func() {
			for range 100_000 {
				n.Add(1)
			}
			done <- true
		}()
	}
	for range 2 {
		select {
		case <-done:
		case <-time.After(time.Second):
			t.Fatal("timeout")
		}
	}
}

// TestWaitsForTime does work until a second has passed.
func TestWaitsForTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var n atomic.Int64
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				n.Add(1)
			}
		})
	}
	wg.Wait()
	if n.Load() == 0 {
		t.Error("nothing was done")
	}
}

func TestWaitsForClock(t *testing.T) {
	var ready atomic.Bool
	time.AfterFunc(20*time.Millisecond, func() { ready.Store(true) })
	end := time.Now().Add(time.Second)
	for !ready.Load() {
		if time.Now().After(end) {
			t.Fatal("too late")
		}
		runtime.Gosched()
	}
}

// TestStacks leaves a goroutine behind, and must not see it again in the next
// execution, nor who waits for the execution to end.
func TestStacks(t *testing.T) {
	go func() { <-left }()
	b := make([]byte, 1<<20)
	s := string(b[:runtime.Stack(b, true)])
	if n := strings.Count(s, "created by github.com/ghostread/ghostread/explore/testdata/field.TestStacks"); n != 1 {
		t.Errorf("%d goroutines of this test, want 1:\n%s", n, s)
	}
	if strings.Contains(s, "guest.Main(") {
		t.Errorf("a goroutine of the loop over executions shows:\n%s", s)
	}
}

var left = make(chan bool) // where somebody could still end them
