package fixed

import (
	"fmt"
	"sync"
	"testing"

	"github.com/ghostread/ghostread/explore/spec"
)

// op is a call of Get or Set.
type op struct {
	set   bool
	key   string
	value int
}

// row is what a cache is for its callers: the last value that was set.
var row = spec.Model[int, op, int]{
	Step: func(value int, o op) (int, int) {
		if o.set {
			return o.value, 0
		}
		return value, value
	},
	Key: func(o op) any { return o.key },
}

func TestHistory(t *testing.T) {
	c := &Cache{Max: 10}
	o := spec.NewObject(t, "the cache", row)
	get := func(key string) {
		o.Do("Get("+key+")", op{key: key}, func() int { return c.Get(key) })
	}
	set := func(key string, v int) {
		o.Do(fmt.Sprintf("Set(%s, %d)", key, v), op{true, key, v}, func() int { c.Set(key, v); return 0 })
	}
	var wg sync.WaitGroup
	wg.Go(func() { get("a"); get("b") })
	wg.Go(func() { set("a", 1); get("a") })
	wg.Wait()
}

func TestBound(t *testing.T) {
	c := &Cache{Max: 1}
	spec.Invariant(t, "the cache holds at most Max rows", func() error {
		if n := len(c.rows); n > c.Max {
			return fmt.Errorf("it holds %d, and Max is %d", n, c.Max)
		}
		return nil
	})
	var wg sync.WaitGroup
	for _, key := range []string{"a", "b"} {
		wg.Go(func() { c.Get(key) })
	}
	wg.Wait()
}
