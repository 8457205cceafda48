package freshmap_test

import (
	"context"
	"expvar"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/ghostread/ghostread/freshmap"
)

func Example() {
	var sessions freshmap.Map[string, int] // the zero Map is ready

	sessions.Store("ada", 1)
	sessions.Store("bob", 2)
	if id, ok := sessions.Load("ada"); ok {
		fmt.Println("ada has", id)
	}
	id, loaded := sessions.LoadOrStore("ada", 3)
	fmt.Println(id, loaded)

	sessions.Delete("bob")
	for name, id := range sessions.All() {
		fmt.Println(name, id)
	}
	// Output:
	// ada has 1
	// 1 true
	// ada 1
}

// A counter, and an entry that ends with its last user.
func ExampleMap_Compute() {
	users := freshmap.New[string, int]()
	enter := func(room string) int {
		n, _ := users.Compute(room, func(n int, _ bool) (int, freshmap.Op) {
			return n + 1, freshmap.Set
		})
		return n
	}
	leave := func(room string) {
		users.Compute(room, func(n int, there bool) (int, freshmap.Op) {
			switch {
			case !there:
				return 0, freshmap.Keep
			case n == 1:
				return 0, freshmap.Remove
			}
			return n - 1, freshmap.Set
		})
	}
	fmt.Println(enter("lobby"), enter("lobby"))
	leave("lobby")
	leave("lobby")
	leave("lobby")
	fmt.Println(users.Len())
	// Output:
	// 1 2
	// 0
}

// A value that is dear to make is made once, however many ask for it.
func ExampleMap_LoadOrCompute() {
	var cache freshmap.Map[string, string]
	var made atomic.Int32
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			cache.LoadOrCompute("config", func() string {
				made.Add(1)
				return "parsed"
			})
		})
	}
	wg.Wait()
	fmt.Println(cache.Load("config"))
	fmt.Println(made.Load(), "time")
	// Output:
	// parsed true
	// 1 time
}

// What a snapshot shows was true at one moment, whatever happens meanwhile.
func ExampleMap_Snapshot() {
	var balance freshmap.Map[string, int]
	balance.Store("ada", 60)
	balance.Store("bob", 40)

	s := balance.Snapshot()
	defer s.Close()
	balance.Store("ada", 10)
	balance.Store("bob", 90)

	sum := 0
	for _, amount := range s.All() {
		sum += amount
	}
	fmt.Println("then", sum, slices.Sorted(s.Keys()))
	fmt.Println("now", maps.Collect(balance.All()))
	// Output:
	// then 100 [ada bob]
	// now map[ada:10 bob:90]
}

// Growth as counters that a service exports.
func ExampleWithObserver() {
	var growth expvar.Map // expvar.Publish("growth", &growth) in a service
	m := freshmap.New[int, int](freshmap.WithObserver(func(g freshmap.Growth) {
		if g.Kind == freshmap.GrowthDone {
			growth.Add("done", 1)
		}
		pending := new(expvar.Int)
		pending.Set(int64(g.Pending))
		growth.Set("pending", pending)
	}))
	for i := range 10_000 {
		m.Store(i, i)
	}
	if err := m.Fence(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println("pending", growth.Get("pending"))
	fmt.Println("done at least once:", growth.Get("done").(*expvar.Int).Value() > 0)
	// Output:
	// pending 0
	// done at least once: true
}

// Before a measurement, or before memory is handed on, all work of growth is
// finished.
func ExampleMap_Fence() {
	var m freshmap.Map[int, string]
	for i := range 1000 {
		m.Store(i, "secret")
	}
	m.Clear()
	if err := m.Fence(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(m.Migrating(), m.Stats().Pending)
	// Output: false 0
}

// A test that stops a migration after each of its steps.
func ExampleMap_Step() {
	m := freshmap.New[int, int](freshmap.WithManualSteps())
	for i := range 1000 {
		m.Store(i, i)
	}
	wrong := 0
	for m.Step() {
		for i := range 1000 {
			if v, ok := m.Load(i); v != i || !ok {
				wrong++
			}
		}
	}
	fmt.Println("wrong reads:", wrong)
	// Output: wrong reads: 0
}

func ExampleMap_Wipe() {
	var keys freshmap.Map[string, [32]byte]
	keys.Store("k1", [32]byte{1, 2, 3})
	keys.Wipe()
	fmt.Println(keys.Len(), keys.Migrating())
	// Output: 0 false
}

// A type that was a mutex and a map, in two lines.
type limits struct {
	used freshmap.Map[string, int]
}

func (l *limits) take(user string, limit int) (ok bool) {
	l.used.Compute(user, func(n int, _ bool) (int, freshmap.Op) {
		if ok = n < limit; ok {
			return n + 1, freshmap.Set
		}
		return n, freshmap.Keep
	})
	return ok
}

func ExampleMap_Compute_limit() {
	var l limits
	fmt.Println(l.take("ada", 2), l.take("ada", 2), l.take("ada", 2))
	// Output: true true false
}

type user struct{ name string }

func newUser(name string) *user { return &user{name} }

type registry struct {
	users freshmap.Map[string, *user]
}

func (r *registry) get(name string) *user {
	u, _ := r.users.LoadOrCompute(name, func() *user { return newUser(name) })
	return u
}

func (r *registry) len() int { return r.users.Len() }

type hits struct {
	pages freshmap.Map[string, int]
}

func (h *hits) add(page string) {
	h.pages.Compute(page, func(n int, _ bool) (int, freshmap.Op) { return n + 1, freshmap.Set })
}

// The code of doc/migrate-to-freshmap.md after its changes.
func ExampleMap_fromSyncMap() {
	var r registry
	ada := r.get("ada")
	fmt.Println(r.get("ada") == ada, r.get("bob").name, r.len())
	var h hits
	h.add("/")
	h.add("/")
	fmt.Println(h.pages.Load("/"))
	// Output:
	// true bob 2
	// 2 true
}

var open = freshmap.New[string, int]()

func release(name string) {
	open.Compute(name, func(n int, loaded bool) (int, freshmap.Op) {
		switch {
		case !loaded:
			return 0, freshmap.Keep
		case n == 1:
			return 0, freshmap.Remove
		}
		return n - 1, freshmap.Set
	})
}

func dropIdle() {
	for name, n := range open.All() {
		if n == 0 {
			open.CompareAndDelete(name, 0)
		}
	}
}

func ExampleMap_fromXsync() {
	open.Store("a", 2)
	open.Store("b", 1)
	open.Store("c", 0)
	release("a")
	release("b")
	release("x")
	dropIdle()
	fmt.Println(maps.Collect(open.All()))
	// Output: map[a:1]
}

// A computation that may fail leaves nothing behind.
func ExampleMap_Compute_cancel() {
	var cache freshmap.Map[string, int]
	load := func(name string) (v int, err error) {
		v, _ = cache.Compute(name, func(old int, loaded bool) (int, freshmap.Op) {
			if loaded {
				return old, freshmap.Keep
			}
			if v, err = strconv.Atoi(name); err != nil {
				return 0, freshmap.Keep
			}
			return v, freshmap.Set
		})
		return v, err
	}
	fmt.Println(load("12"))
	fmt.Println(load("twelve"))
	fmt.Println(cache.Len())
	// Output:
	// 12 <nil>
	// 0 strconv.Atoi: parsing "twelve": invalid syntax
	// 1
}
