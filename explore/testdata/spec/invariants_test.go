package spec

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/ghostread/ghostread/explore/spec"
)

// Accounts of which the sum stays. What is moved is nowhere for a moment; who
// looks at the sum holds the lock.
type accounts struct {
	mu   sync.Mutex
	a, b int
}

func (x *accounts) move(n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.a -= n
	x.b += n
}

func (x *accounts) sum() error {
	if x.a+x.b != 100 {
		return fmt.Errorf("the sum is %d", x.a+x.b)
	}
	return nil
}

// The sum is wrong between two writes, and right at the end of each test.
func TestSum(t *testing.T) {
	x := &accounts{a: 100}
	spec.Invariant(t, "the sum stays", x.sum)
	together(func() { x.move(10) }, func() { x.move(20) })
}

// With TryLock the condition is about what others can see.
func TestSumRight(t *testing.T) {
	x := &accounts{a: 100}
	c := spec.Invariant(t, "the sum stays", func() error {
		if !x.mu.TryLock() {
			return nil
		}
		defer x.mu.Unlock()
		return x.sum()
	})
	together(func() { x.move(10) }, func() { x.move(20); c.Check() })
}

// The last write of a goroutine breaks it; nothing follows there.
func TestLastWrite(t *testing.T) {
	var mu sync.Mutex
	n := 0
	spec.Invariant(t, "n stays below 2", func() error {
		if n >= 2 {
			return fmt.Errorf("n is %d", n)
		}
		return nil
	})
	done := make(chan bool, 2)
	inc := func() {
		defer func() { done <- true }()
		mu.Lock()
		defer mu.Unlock()
		n++
	}
	go inc()
	go inc()
	<-done
	<-done
}

// Checks that cannot be evaluated.

func TestCheckWaits(t *testing.T) {
	x := &accounts{a: 100}
	spec.Invariant(t, "waits", func() error {
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.sum()
	})
	together(func() { x.move(10) })
}

func TestCheckSleeps(t *testing.T) {
	n := 0
	spec.Invariant(t, "sleeps", func() error {
		if n > 0 {
			time.Sleep(time.Second)
		}
		return nil
	})
	n++
}

func TestCheckStarts(t *testing.T) {
	n := 0
	spec.Invariant(t, "starts", func() error {
		if n > 0 {
			go func() {}()
		}
		return nil
	})
	n++
}

func TestCheckPanics(t *testing.T) {
	var p *accounts
	q := &accounts{a: 100}
	spec.Invariant(t, "panics", func() error {
		if q.a == 100 {
			return nil
		}
		return p.sum()
	})
	q.move(1)
}

func TestCheckGivesUp(t *testing.T) {
	q := &accounts{a: 100}
	spec.Invariant(t, "gives up", func() error {
		if q.a != 100 {
			t.FailNow()
		}
		return nil
	})
	q.move(1)
}

// Chance in a check is its own: the program's is as it would be without it.
func TestChanceRight(t *testing.T) {
	m := map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true}
	first := ""
	spec.Invariant(t, "chance repeats", func() error {
		s := fmt.Sprint(rand.IntN(1000), time.Now().UnixNano() > 0)
		for k := range m {
			s += fmt.Sprint(k)
		}
		if first == "" {
			first = s
		} else if s != first {
			return errors.New(s + " after " + first)
		}
		return nil
	})
	n := 0
	together(func() { n++ })
	n++
}
