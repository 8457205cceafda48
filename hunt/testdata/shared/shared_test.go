// Package shared has one race that two tests meet, and one lost update.
package shared

import (
	"sync"
	"testing"
)

type counter struct{ n int }

func (c *counter) add() { c.n++ }

func race(t *testing.T) {
	t.Helper()
	var c counter
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(c.add)
	}
	wg.Wait()
}

func TestOne(t *testing.T)   { race(t) }
func TestOther(t *testing.T) { race(t) }

type account struct {
	mu sync.Mutex
	n  int
}

func (a *account) get() int  { a.mu.Lock(); defer a.mu.Unlock(); return a.n }
func (a *account) set(n int) { a.mu.Lock(); defer a.mu.Unlock(); a.n = n }

// TestLostUpdate takes a few executions.
func TestLostUpdate(t *testing.T) {
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
