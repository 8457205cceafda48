package field

import (
	"os"
	"sync"
	"testing"
)

// numbers is fed by a goroutine from before all tests.
var numbers chan int

func TestMain(m *testing.M) {
	numbers = make(chan int)
	stop := make(chan bool)
	go func() {
		for n := 0; ; n++ {
			select {
			case numbers <- n:
			case <-stop:
				return
			}
		}
	}()
	code := m.Run()
	close(stop)
	os.Exit(code)
}

// TestMainSetup uses what TestMain has set up.
func TestMainSetup(t *testing.T) {
	got := make(chan int, 2)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { got <- <-numbers })
	}
	wg.Wait()
	if a, b := <-got, <-got; a == b {
		t.Errorf("%d twice", a)
	}
}
