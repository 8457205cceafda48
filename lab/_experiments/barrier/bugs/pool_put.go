package main

import (
	"sync"
	"time"
)

func init() { bugs["pool_put"] = poolPut }

var pool = sync.Pool{New: func() interface{} { return new(pair) }}

// Wrong: an object is used after it was put back into a sync.Pool: it has two
// owners. The use after free of a language with a collector.
// Rule: what is given to Pool.Put belongs to the pool.
func poolPut() {
	stolen := 0
	for i := 0; i < 50; i++ {
		mine := pool.Get().(*pair)
		pool.Put(mine)
		next := make(chan bool)
		go func() {
			theirs := pool.Get().(*pair)
			theirs.a = 1
			time.Sleep(2 * time.Millisecond)
			next <- theirs.a == 1
		}()
		time.Sleep(time.Millisecond)
		mine.a = 2 // after Put
		if !<-next {
			stolen++
		}
	}
	if stolen > 0 {
		result("wrong", "the next owner's object was written under its hands")
		return
	}
	result("ok", "nobody had the object meanwhile")
}
