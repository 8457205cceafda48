// Package fair has tests without a fault, short ones and long ones.
package fair

import (
	"sync"
	"testing"
)

func work(rounds int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	n := 0
	for range 3 {
		wg.Go(func() {
			for range rounds {
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestA(t *testing.T) { work(1) }
func TestB(t *testing.T) { work(100) }
func TestC(t *testing.T) { work(2) }
func TestD(t *testing.T) { work(30) }
