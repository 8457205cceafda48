package worlds

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// Fuzz targets and examples. What is to come of them is in worlds_test.go.

func FuzzSeeds(f *testing.F) {
	f.Add([]byte("added"), 1)
	f.Add([]byte("added"), 2)
	sum := new(atomic.Int32)
	f.Cleanup(func() {
		if n := sum.Load(); n != 2*(1+2+7) {
			f.Errorf("sum = %d after all seeds, want 20", n)
		}
	})
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		t.Parallel()
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { sum.Add(int32(n)) })
		}
		wg.Wait()
		if b[0] = 'x'; len(b) == 0 {
			t.Skip()
		}
	})
}

func FuzzRace(f *testing.F) {
	f.Add(1)
	f.Fuzz(func(t *testing.T, n int) {
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { n++ })
		}
		wg.Wait()
	})
}

// FuzzSeedFails fails for a seed in testdata, under some schedules.
func FuzzSeedFails(f *testing.F) {
	f.Add(1)
	f.Fuzz(func(t *testing.T, n int) {
		var last atomic.Int32
		var wg sync.WaitGroup
		wg.Go(func() { last.Store(1) })
		wg.Go(func() { last.Store(2) })
		wg.Wait()
		if n == 7 && last.Load() == 1 {
			t.Errorf("last = 1")
		}
	})
}

func FuzzSkips(f *testing.F) {
	f.Skip("not here")
}

func FuzzAlwaysFails(f *testing.F) {
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" {
			t.Fatal("empty")
		}
	})
}

// ExampleOutput prints two lines in an order that the schedule decides.
func ExampleOutput() {
	var wg sync.WaitGroup
	wg.Go(func() { fmt.Println("one") })
	wg.Go(func() { fmt.Println("two") })
	wg.Wait()
	// Output:
	// one
	// two
}

func Example_unordered() {
	var wg sync.WaitGroup
	wg.Go(func() { fmt.Println("one") })
	wg.Go(func() { fmt.Println("two") })
	wg.Wait()
	// Unordered output:
	// two
	// one
}

func Example_ordered() {
	done := make(chan bool)
	go func() {
		fmt.Println("one")
		close(done)
	}()
	<-done
	fmt.Println("\ttwo")
	// Output: one
	// 	two
}

func Example_silent() {
	// Output:
}

// Example_compiled has no output to compare: go test does not run it.
func Example_compiled() {
	panic("run")
}

func ExampleLeak() {
	c := make(chan int)
	go func() { c <- 1 }()
	fmt.Println("done")
	// Output: done
}

func ExampleAlwaysWrong() {
	var wg sync.WaitGroup
	wg.Go(func() {})
	fmt.Println("wrong")
	wg.Wait()
	// Output: right
}
