package worlds

import (
	"context"
	"errors"
	"io"
	"iter"
	"math/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Nothing is to be found in the tests of this file.

func TestSubtests(t *testing.T) {
	var mu sync.Mutex
	n := 0
	for _, name := range []string{"a", "b"} {
		t.Run(name, func(t *testing.T) {
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() { mu.Lock(); n++; mu.Unlock() })
			}
			wg.Wait()
			t.Run("inner", func(t *testing.T) {
				if t.Name() != "TestSubtests/"+name+"/inner" {
					t.Errorf("Name() = %s: executions share a name table", t.Name())
				}
			})
		})
	}
	if n != 4 {
		t.Errorf("n = %d, want 4", n)
	}
}

// Package testing has a copy of what sync.Map is made of, too.
func TestSyncMapPublishes(t *testing.T) {
	var m sync.Map
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			v, ok := m.Load("k")
			if !ok {
				v, _ = m.LoadOrStore("k", &struct{ n int }{1})
			}
			if n := v.(*struct{ n int }).n; n != 1 {
				t.Errorf("n = %d, want 1", n)
			}
		})
	}
	wg.Wait()
}

func TestParallelSubtests(t *testing.T) {
	var n atomic.Int32
	t.Run("group", func(t *testing.T) {
		for _, name := range []string{"a", "b", "c"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				n.Add(1)
			})
		}
	})
	if n.Load() != 3 {
		t.Errorf("%d subtests ran before the group ended, want 3", n.Load())
	}
}

func TestTopParallel(t *testing.T) {
	t.Parallel()
	done := make(chan int)
	go func() { done <- 1 }()
	<-done
}

func TestSynctest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		done := false
		go func() {
			time.Sleep(time.Hour)
			done = true
		}()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if !done || time.Since(start) != 2*time.Hour {
			t.Errorf("done = %v after %v", done, time.Since(start))
		}
	})
}

func TestGOMAXPROCS(t *testing.T) {
	old := runtime.GOMAXPROCS(3)
	if got := runtime.GOMAXPROCS(old); got != 3 {
		t.Errorf("GOMAXPROCS(%d) = %d, want 3", old, got)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { runtime.Gosched() })
	}
	wg.Wait()
}

var left = make(chan chan int)

// TestLeftBehind leaves a goroutine to the next execution, which wakes it.
func TestLeftBehind(t *testing.T) {
	reply := make(chan int, 1)
	select {
	case left <- reply:
		if <-reply != 42 {
			t.Error("wrong reply")
		}
	default:
	}
	go func() { c := <-left; c <- 42 }()
	runtime.Gosched()
}

var (
	workerOnce sync.Once
	work       = make(chan func())
)

// TestLazyWorker starts a worker in the first execution that all others use.
func TestLazyWorker(t *testing.T) {
	workerOnce.Do(func() {
		go func() {
			for f := range work {
				f()
			}
		}()
	})
	n := 0
	done := make(chan bool)
	for range 3 {
		work <- func() { n++; done <- true }
		<-done
	}
	if n != 3 {
		t.Errorf("n = %d", n)
	}
}

func TestLoopback(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") }))
	defer srv.Close()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			resp, err := srv.Client().Get(srv.URL)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "hello" {
				t.Errorf("got %q, %v", b, err)
			}
		})
	}
	wg.Wait()
}

// TestAccept leaves a goroutine in IO wait, with time passing meanwhile.
func TestAccept(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	go l.Accept()
	time.Sleep(time.Second)
}

func TestPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() { w.Write([]byte("x")); w.Close() }()
	if b, err := io.ReadAll(r); err != nil || string(b) != "x" {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestExec(t *testing.T) {
	if err := exec.Command("true").Run(); err != nil && !errors.Is(err, exec.ErrNotFound) {
		t.Error(err)
	}
}

func TestVirtualTime(t *testing.T) {
	start := time.Now()
	time.Sleep(24 * time.Hour)
	if d := time.Since(start); d < 24*time.Hour || d > 25*time.Hour {
		t.Errorf("a day took %v", d)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	<-ctx.Done()
	fired := make(chan int, 3)
	time.AfterFunc(2*time.Second, func() { fired <- 2 })
	time.AfterFunc(time.Second, func() { fired <- 1 })
	stopped := time.AfterFunc(time.Second, func() { fired <- 0 })
	stopped.Stop()
	if a, b := <-fired, <-fired; a != 1 || b != 2 {
		t.Errorf("timers fired in order %d, %d", a, b)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before := <-tick.C
	if d := (<-tick.C).Sub(before); d != time.Second {
		t.Errorf("ticks are %v apart", d)
	}
	if a, b := time.Now(), time.Now(); !b.After(a) {
		t.Errorf("time stands still for a goroutine that runs: %v, then %v", a, b)
	}
}

// TestTimeoutNotTaken must not see its timeout: the worker can run at once.
func TestTimeoutNotTaken(t *testing.T) {
	c := make(chan int)
	go func() { c <- 1 }()
	select {
	case <-c:
	case <-time.After(time.Millisecond):
		t.Error("time passed although a goroutine could run")
	}
}

// TestPoll asks for the time until it has passed.
func TestPoll(t *testing.T) {
	for start := time.Now(); time.Since(start) < 10*time.Millisecond; {
	}
}

// TestPollContext polls a context: no time would pass if it waited for that.
func TestPollContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for ctx.Err() == nil {
		runtime.Gosched()
	}
}

func TestSpin(t *testing.T) {
	var flag atomic.Bool
	go func() { flag.Store(true) }()
	for !flag.Load() {
	}
}

func TestLockOSThread(t *testing.T) {
	var wg sync.WaitGroup
	c := make(chan int)
	for i := range 2 {
		wg.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			if i == 0 {
				c <- 1
			} else {
				<-c
			}
		})
	}
	wg.Wait()
}

func TestGoexitAndRecover(t *testing.T) {
	done := make(chan any, 2)
	go func() {
		defer func() { done <- nil }()
		runtime.Goexit()
	}()
	go func() {
		defer func() { done <- recover() }()
		var wg sync.WaitGroup
		wg.Done() // panics inside package sync
	}()
	if a, b := <-done, <-done; a == nil && b == nil {
		t.Error("no panic was recovered")
	}
	var mu sync.Mutex
	mu.Lock()
	mu.Unlock()
}

func TestFilesAndCleanup(t *testing.T) {
	t.Setenv("WORLDS", "x")
	dir := t.TempDir()
	t.Cleanup(func() {
		if _, err := os.Stat(filepath.Join(dir, "f")); err != nil {
			t.Error("cleanup runs after the directory is gone")
		}
	})
	if err := os.WriteFile(filepath.Join(dir, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func count(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func TestCoroutines(t *testing.T) {
	next, stop := iter.Pull(count(3))
	defer stop()
	go func() {}()
	for i := range 2 {
		if v, ok := next(); !ok || v != i {
			t.Errorf("next() = %d, %v, want %d", v, ok, i)
		}
	}
}

func TestGC(t *testing.T) {
	go func() { runtime.Gosched() }()
	for range 2 {
		_ = make([]byte, 1<<20)
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
}

func TestCondAndOnce(t *testing.T) {
	var mu sync.Mutex
	c := sync.NewCond(&mu)
	ready := 0
	var once sync.Once
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			once.Do(func() { mu.Lock(); ready++; mu.Unlock(); c.Broadcast() })
			mu.Lock()
			for ready == 0 {
				c.Wait()
			}
			mu.Unlock()
		})
	}
	wg.Wait()
}

type spinLock struct{ held atomic.Bool }

func (l *spinLock) Lock() {
	for !l.held.CompareAndSwap(false, true) {
		runtime.Gosched()
	}
}

func (l *spinLock) Unlock() { l.held.Store(false) }

// TestOwnLocker waits on a Cond whose lock spins.
func TestOwnLocker(t *testing.T) {
	c := sync.NewCond(new(spinLock))
	ready := false
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			c.L.Lock()
			for !ready {
				c.Wait()
			}
			c.L.Unlock()
		})
	}
	c.L.Lock()
	ready = true
	c.L.Unlock()
	c.Broadcast()
	wg.Wait()
}

func TestPoolAndMap(t *testing.T) {
	pool := sync.Pool{New: func() any { return new([16]int) }}
	var m sync.Map
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			b := pool.Get().(*[16]int)
			b[0] = i
			m.Store(i, b[0])
			pool.Put(b)
		})
	}
	wg.Wait()
	n := 0
	m.Range(func(k, v any) bool { n++; return k == v })
	if n != 3 {
		t.Errorf("%d entries", n)
	}
}

// TestOwnRandomness runs into the same order of everything under the same seed.
func TestOwnRandomness(t *testing.T) {
	m := map[string]int{"a": 1, "b": 2, "c": 3, "d": 4}
	for k := range m {
		if rand.Intn(2) == 0 {
			delete(m, k)
		}
	}
	c, d := make(chan int, 1), make(chan int, 1)
	c <- 1
	d <- 2
	go func() {
		select {
		case <-c:
		case <-d:
		}
	}()
	runtime.Gosched()
}

// TestPublished hands values over in every way that orders them.
func TestPublished(t *testing.T) {
	type box struct{ v, w string }
	var p atomic.Pointer[box]
	var mu sync.RWMutex
	byLock := map[string]box{}
	c := make(chan *box, 1)
	closed := make(chan struct{})
	var late box
	go func() {
		p.Store(&box{"a", "b"})
		mu.Lock()
		byLock["k"] = box{"a", "b"}
		mu.Unlock()
		c <- &box{"a", "b"}
		late = box{"a", "b"}
		close(closed)
	}()
	if b := p.Load(); b != nil && b.v+b.w != "ab" {
		t.Error("torn")
	}
	mu.RLock()
	_ = byLock["k"]
	mu.RUnlock()
	got := []box{*<-c}
	<-closed
	if got = append(got, late); slices.Contains(got, box{}) {
		t.Error("empty")
	}
	timer := make(chan bool)
	v := 0
	time.AfterFunc(time.Second, func() { v++; timer <- true })
	<-timer
	v++
}

// TestManyGoroutines has more goroutines than any mask of bits.
func TestManyGoroutines(t *testing.T) {
	var wg sync.WaitGroup
	var n atomic.Int64
	for range 300 {
		wg.Go(func() { n.Add(1) })
	}
	wg.Wait()
	if n.Load() != 300 {
		t.Error(n.Load())
	}
}
