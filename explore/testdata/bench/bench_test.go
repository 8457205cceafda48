package bench

import (
	"sync"
	"sync/atomic"
	"testing"
)

// TestSmall is an ordinary small test of about 200 scheduling points: workers
// take jobs from a channel, keep a total under a mutex and a counter that is
// atomic, and are waited for. Nothing in it is wrong.
func TestSmall(t *testing.T) {
	const workers, jobs = 3, 17
	var (
		queue = make(chan int, 4)
		wg    sync.WaitGroup
		mu    sync.Mutex
		total int
		done  atomic.Int64
	)
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for job := range queue {
				mu.Lock()
				total += job
				mu.Unlock()
				done.Add(1)
			}
		}()
	}
	for i := range jobs {
		queue <- i
	}
	close(queue)
	wg.Wait()
	if total != jobs*(jobs-1)/2 || done.Load() != jobs {
		t.Errorf("total %d of %d jobs", total, done.Load())
	}
}

// TestAtomics has about 200 scheduling points too, and hardly ever waits: a
// bounded buffer without locks, filled and emptied.
func TestAtomics(t *testing.T) {
	const producers, items = 2, 11
	var (
		slots [producers * items]atomic.Int64
		next  atomic.Int64
		sum   atomic.Int64
		wg    sync.WaitGroup
	)
	for p := range producers {
		wg.Go(func() {
			for i := range items {
				v := int64(p*items + i + 1)
				at := next.Add(1) - 1
				slots[at].Store(v)
				if slots[at].CompareAndSwap(v, -v) {
					sum.Add(v)
				}
			}
		})
	}
	wg.Wait()
	for i := range slots {
		if slots[i].Load() >= 0 {
			t.Errorf("slot %d holds %d", i, slots[i].Load())
		}
	}
	if got, want := sum.Load(), int64(producers*items*(producers*items+1)/2); got != want {
		t.Errorf("sum %d, want %d", got, want)
	}
}

// TestLong makes a million memory accesses and 200,000 scheduling points in
// one execution, and one race at its end.
func TestLong(t *testing.T) {
	const workers, rounds = 4, 12_500
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		total int
		racy  int
	)
	table := make([]int, 4096)
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range rounds {
				mu.Lock()
				for j := range 8 {
					table[(i*8+j+w)%len(table)]++
				}
				total++
				mu.Unlock()
			}
			racy = w
		}()
	}
	wg.Wait()
	if total != workers*rounds {
		t.Errorf("total %d", total)
	}
	_ = racy
}

// TestRacy has one race, in every execution.
func TestRacy(t *testing.T) {
	var a, b int
	done := make(chan bool)
	go func() {
		a++
		done <- true
	}()
	a++
	<-done
	_ = b
}

// TestRare fails in one of some hundred executions: one goroutine has to see
// another at two of its steps exactly.
func TestRare(t *testing.T) {
	var (
		at   atomic.Int32
		wg   sync.WaitGroup
		seen [3]int32
	)
	wg.Go(func() {
		for range 14 {
			at.Add(1)
		}
	})
	wg.Go(func() {
		for i := range seen {
			seen[i] = at.Load()
		}
	})
	wg.Wait()
	if seen == [3]int32{3, 7, 8} {
		t.Errorf("saw %d", seen)
	}
}
