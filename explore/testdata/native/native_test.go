package native

import (
	"sync"
	"testing"
)

func TestTwice(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			nap()
			if n := twice(i); n != 2*i {
				t.Errorf("twice(%d) = %d", i, n)
			}
		})
	}
	wg.Wait()
}

func TestCallback(t *testing.T) {
	sum.Store(0)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { call(2) })
	}
	wg.Wait()
	if n := sum.Load(); n != 6 {
		t.Errorf("sum = %d, want 6", n)
	}
}
