package choices

import (
	"math/rand"
	randv2 "math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// third fails unless v is 0.
func third(t *testing.T, v int) {
	switch v {
	case 1:
		t.Error("one")
	case 2:
		t.Error("two")
	}
}

func Test2Gosched(t *testing.T) {
	var n atomic.Int32
	done := make(chan bool)
	go func() { n.Add(1); close(done) }()
	runtime.Gosched()
	if n.Load() == 0 {
		t.Error("the other goroutine has not had its turn")
	}
	<-done
}

func Test2TryLock(t *testing.T) {
	var mu sync.Mutex
	done := make(chan bool)
	go func() { mu.Lock(); defer close(done); mu.Unlock() }()
	if mu.TryLock() {
		mu.Unlock()
	} else {
		t.Error("held")
	}
	<-done
}

// A TryLock with nobody else about does not fail.
func Test1TryLock(t *testing.T) {
	var mu sync.Mutex
	var rw sync.RWMutex
	if !mu.TryLock() || !rw.TryRLock() {
		t.Error("fails for no reason")
	}
	if mu.TryLock() || rw.TryLock() {
		t.Error("is held twice")
	}
	go func() {}()
}

func Test3Select(t *testing.T) {
	a, b, c := make(chan int, 1), make(chan int, 1), make(chan int, 1)
	a <- 0
	b <- 1
	c <- 2
	select {
	case v := <-a:
		third(t, v)
	case v := <-b:
		third(t, v)
	case v := <-c:
		third(t, v)
	}
	go func() {}()
}

func Test3Map(t *testing.T) {
	for k := range map[int]bool{0: true, 1: true, 2: true} {
		third(t, k)
		break
	}
	go func() {}()
}

func Test3Rand(t *testing.T) {
	third(t, rand.Intn(3))
	go func() {}()
}

func Test3RandV2(t *testing.T) {
	third(t, randv2.IntN(3))
	go func() {}()
}

func Test2Pool(t *testing.T) {
	var p sync.Pool
	done := make(chan bool)
	go func() { p.Put(new(int)); close(done) }()
	if p.Get() != nil {
		t.Error("what the other goroutine has put")
	}
	<-done
}

// A pool is empty when an execution begins, whatever was put there before.
var pool sync.Pool

func Test1Pool(t *testing.T) {
	if pool.Get() != nil {
		t.Error("something from another execution")
	}
	for range 3 {
		pool.Put(new(int))
	}
	go func() {}()
}

// A pool may forget what was put there.
func Test2PoolForgets(t *testing.T) {
	var p sync.Pool
	p.Put(new(int))
	if p.Get() == nil {
		t.Error("forgotten")
	}
	go func() {}()
}

var step atomic.Bool

func Test2NumGoroutine(t *testing.T) {
	done := make(chan bool)
	go func() { close(done) }()
	step.Load() // here the turn may pass
	switch n := runtime.NumGoroutine(); n {
	case 3:
	case 2:
		t.Error("has ended")
	default:
		t.Errorf("%d goroutines, want 2 or 3", n)
	}
	<-done
}

// Goroutines that earlier executions left behind do not count.
var never = make(chan bool)

func Test1NumGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	go func() { <-never }()
	if after := runtime.NumGoroutine(); before != 2 || after != 3 {
		t.Errorf("%d goroutines, then %d; want 2 and 3", before, after)
	}
}

// Timers of the same instant fire in any order.
func Test2SameInstant(t *testing.T) {
	end := time.Now().Add(time.Second)
	a, b := time.NewTimer(time.Until(end)), time.NewTimer(time.Until(end))
	select {
	case <-a.C:
	case <-b.C:
		t.Error("the second was first")
	}
	go func() {}()
}
