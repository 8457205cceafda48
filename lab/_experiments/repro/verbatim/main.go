// Verbatim is the article's program, its statements unchanged, in a main
// function. The comments are ours.
package main

func main() {
	m := make(map[int]int)
	for i := 0; i < 1024; i++ { // 1024 entries: no growth is going on now
		m[i] = i // m[0] = 0, which is also what a read of a missing key gives
	}
	go func() {
		for i := 1024; i < 2048; i++ {
			m[i] = i
		}
	}()
	for i := 0; i < 100; i++ {
		go func() {
			_ = m[0] // nobody looks at the value
		}()
	}
} // nobody waits: main returns, and with it go all goroutines
