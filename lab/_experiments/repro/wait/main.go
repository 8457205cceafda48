// Wait is the article's program with two changes, without which it can show
// nothing: main waits for the goroutines, and the value under the key 0 is not
// the one that a missing key has.
package main

import (
	"fmt"
	"os"
	"sync"
)

func main() {
	m := make(map[int]int)
	for i := 0; i < 1024; i++ {
		m[i] = i
	}
	m[0] = 7
	var wg sync.WaitGroup
	wg.Add(101)
	go func() {
		defer wg.Done()
		for i := 1024; i < 2048; i++ {
			m[i] = i
		}
	}()
	for i := 0; i < 100; i++ {
		go func() {
			defer wg.Done()
			if v := m[0]; v != 7 {
				fmt.Println("misread: m[0] is", v)
				os.Exit(3)
			}
		}()
	}
	wg.Wait()
}
