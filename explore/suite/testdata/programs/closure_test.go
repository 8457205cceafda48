package programs

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestBuggyLoopVariable captures a variable that the loop goes on to change.
func TestBuggyLoopVariable(t *testing.T) {
	var wg sync.WaitGroup
	var sum atomic.Int64
	var i int
	for i = 0; i < 3; i++ {
		wg.Go(func() { sum.Add(int64(i)) })
	}
	wg.Wait()
}

// TestRepairedLoopVariable captures a variable of each round.
func TestRepairedLoopVariable(t *testing.T) {
	var wg sync.WaitGroup
	var sum atomic.Int64
	for i := range 3 {
		wg.Go(func() { sum.Add(int64(i)) })
	}
	wg.Wait()
	if sum.Load() != 3 {
		t.Error(sum.Load())
	}
}

func load(name string) (int, error) {
	if name == "" {
		return 0, errors.New("no name")
	}
	return len(name), nil
}

// TestBuggySharedError assigns to the err of the function around it.
func TestBuggySharedError(t *testing.T) {
	var err error
	var a, b int
	both(func() { a, err = load("a") }, func() { b, err = load("bb") })
	if err != nil || a+b != 3 {
		t.Error(a, b, err)
	}
}

// TestRepairedSharedError has an err for each.
func TestRepairedSharedError(t *testing.T) {
	var a, b int
	var errs [2]error
	both(func() { a, errs[0] = load("a") }, func() { b, errs[1] = load("bb") })
	if err := errors.Join(errs[:]...); err != nil || a+b != 3 {
		t.Error(a, b, err)
	}
}

// TestBuggyPointerToLoopVariable sends a pointer to what the next round
// overwrites.
func TestBuggyPointerToLoopVariable(t *testing.T) {
	jobs := make(chan *int, 1)
	both(func() {
		var v int
		for v = range 3 {
			jobs <- &v
		}
		close(jobs)
	}, func() {
		for j := range jobs {
			_ = *j + 1
		}
	})
}

// TestRepairedPointerToLoopVariable has a variable for each round.
func TestRepairedPointerToLoopVariable(t *testing.T) {
	jobs := make(chan *int, 1)
	both(func() {
		for v := range 3 {
			jobs <- &v
		}
		close(jobs)
	}, func() {
		want := 0
		for j := range jobs {
			if *j != want {
				t.Error(*j, want)
			}
			want++
		}
	})
}

// TestBuggyTimerClosure counts in the function of a timer and beside it.
func TestBuggyTimerClosure(t *testing.T) {
	n := 0
	fired := make(chan bool)
	time.AfterFunc(time.Millisecond, func() {
		n++
		close(fired)
	})
	n++
	<-fired
	time.AfterFunc(time.Millisecond, func() { n++ })
	time.Sleep(2 * time.Millisecond)
	n++
}

// TestRepairedTimerClosure waits for the function.
func TestRepairedTimerClosure(t *testing.T) {
	n := 0
	fired := make(chan bool)
	time.AfterFunc(time.Millisecond, func() {
		n++
		fired <- true
	})
	<-fired
	n++
	time.AfterFunc(time.Millisecond, func() {
		n++
		fired <- true
	})
	<-fired
	n++
	if n != 4 {
		t.Error(n)
	}
}

// TestBuggyNextIndex shares an index, atomic but not each worker's own: two
// may use one, and another is left out.
func TestBuggyNextIndex(t *testing.T) {
	var next atomic.Int32
	var seen [2]atomic.Int32
	worker := func() {
		seen[next.Load()%2].Add(1)
		next.Add(1)
	}
	both(worker, worker)
	if seen[0].Load() != 1 || seen[1].Load() != 1 {
		t.Errorf("%d and %d, want 1 and 1", seen[0].Load(), seen[1].Load())
	}
}

// TestRepairedNextIndex takes an index and moves it on in one step.
func TestRepairedNextIndex(t *testing.T) {
	var next atomic.Int32
	var seen [2]atomic.Int32
	worker := func() { seen[next.Add(1)%2].Add(1) }
	both(worker, worker)
	if seen[0].Load() != 1 || seen[1].Load() != 1 {
		t.Errorf("%d and %d, want 1 and 1", seen[0].Load(), seen[1].Load())
	}
}
