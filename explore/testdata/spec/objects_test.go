package spec

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ghostread/ghostread/explore/spec"
)

// together runs functions in goroutines of their own and waits for them.
func together(fs ...func()) {
	var wg sync.WaitGroup
	for _, f := range fs {
		wg.Go(f)
	}
	wg.Wait()
}

// A counter answers its new value.
type counter struct{ n atomic.Int64 }

func (c *counter) racyInc() int64 {
	n := c.n.Load() + 1
	c.n.Store(n)
	return n
}

func (c *counter) inc() int64 { return c.n.Add(1) }

func counting(t *testing.T, inc func(*counter) int64) {
	var c counter
	o := spec.NewObject(t, "the counter", spec.Model[int64, int64, int64]{
		Step: func(s, d int64) (int64, int64) { return s + d, s + d },
	})
	one := func() { o.Do("Inc()", 1, func() int64 { return inc(&c) }) }
	together(one, one)
	o.Do("Get()", 0, c.n.Load)
}

func TestCounter(t *testing.T)      { counting(t, (*counter).racyInc) }
func TestCounterRight(t *testing.T) { counting(t, (*counter).inc) }

// A request is an operation on a store of numbers by name.
type request struct {
	set   bool
	key   string
	value int
}

// Values above 0 are there, 0 is not.
var store = spec.Model[int, request, int]{
	Step: func(s int, r request) (int, int) {
		if r.set {
			return r.value, 0
		}
		return s, s
	},
	Key:    func(r request) any { return r.key },
	Absent: func(v int) bool { return v == 0 },
}

type recorded = spec.Object[int, request, int]

func set(o *recorded, key string, v int, f func(string, int)) {
	o.Do("Store("+key+", "+string(rune('0'+v))+")", request{true, key, v}, func() int { f(key, v); return 0 })
}

func get(o *recorded, key string, f func(string) int) {
	o.Do("Load("+key+")", request{key: key}, func() int { return f(key) })
}

// A replica is read from; the original is copied to it a little later.
type replica struct {
	mu             sync.Mutex
	original, copy map[string]int
	copies         sync.WaitGroup
}

func (r *replica) store(key string, v int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.original[key] = v
	go func() {
		defer r.copies.Done()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.copy[key] = r.original[key]
	}()
}

func (r *replica) load(key string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.copy[key]
}

func (r *replica) loadOriginal(key string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.original[key]
}

func replicated(t *testing.T, first int, load func(*replica, string) int) {
	r := &replica{original: map[string]int{}, copy: map[string]int{}}
	r.copies.Add(2)
	o := spec.NewObject(t, "the store", store)
	if first != 0 {
		r.copies.Add(1)
		set(o, "a", first, r.store)
	}
	together(func() {
		set(o, "a", 2, r.store)
		get(o, "a", func(k string) int { return load(r, k) })
		get(o, "a", func(k string) int { return load(r, k) })
	}, func() { set(o, "b", 3, r.store) })
	r.copies.Wait()
}

func TestStale(t *testing.T)      { replicated(t, 1, (*replica).load) }
func TestLost(t *testing.T)       { replicated(t, 0, (*replica).load) }
func TestStaleRight(t *testing.T) { replicated(t, 1, (*replica).loadOriginal) }

// A cell keeps the last value that was stored, and its key apart from it.
type cell struct {
	mu    sync.Mutex
	key   string
	value int
}

func (c *cell) store(key string, v int) {
	c.mu.Lock()
	c.key = key
	c.mu.Unlock()
	c.mu.Lock()
	c.value = v
	c.mu.Unlock()
}

func (c *cell) load(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key != key {
		return 0
	}
	return c.value
}

func TestMisdirected(t *testing.T) {
	var c cell
	o := spec.NewObject(t, "the cell", store)
	together(
		func() { set(o, "a", 1, c.store) },
		func() { set(o, "b", 2, c.store); get(o, "b", c.load) },
	)
}

// A queue gives each item to one taker.
type queue struct {
	mu    sync.Mutex
	items []int
}

func (q *queue) put(v int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(q.items, v)
}

func (q *queue) take() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return 0
	}
	v := q.items[0]
	q.items = q.items[1:]
	return v
}

// takeTwice looks and takes in two critical sections.
func (q *queue) takeTwice() int {
	q.mu.Lock()
	if len(q.items) == 0 {
		q.mu.Unlock()
		return 0
	}
	v := q.items[0]
	q.mu.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) > 0 {
		q.items = q.items[1:]
	}
	return v
}

// fifo has slices for states: they are compared, not hashed.
var fifo = spec.Model[[]int, int, int]{
	Step: func(s []int, put int) ([]int, int) {
		if put != 0 {
			return append(s[:len(s):len(s)], put), 0
		}
		if len(s) == 0 {
			return s, 0
		}
		return s[1:], s[0]
	},
}

func queueing(t *testing.T, take func(*queue) int) {
	var q queue
	o := spec.NewObject(t, "the queue", fifo)
	taking := func() { o.Do("Take()", 0, func() int { return take(&q) }) }
	together(
		func() {
			o.Do("Put(1)", 1, func() int { q.put(1); return 0 })
			o.Do("Put(2)", 2, func() int { q.put(2); return 0 })
		},
		func() { taking(); taking() },
		taking,
	)
}

func TestQueue(t *testing.T)      { queueing(t, (*queue).takeTwice) }
func TestQueueRight(t *testing.T) { queueing(t, (*queue).take) }

// An operation that panics may have happened, or not.
func TestPanicsRight(t *testing.T) {
	var c counter
	o := spec.NewObject(t, "the counter", spec.Model[int64, int64, int64]{
		Step: func(s, d int64) (int64, int64) { return s + d, s + d },
	})
	var x atomic.Int64
	outer := spec.NewObject(t, "the register", spec.Model[int64, int64, int64]{
		Step: func(s, v int64) (int64, int64) { return v, s },
	})
	fails := func() {
		outer.Do("Swap(1)", 1, func() int64 {
			defer func() { recover() }()
			old := x.Swap(1)
			func() {
				defer func() { recover() }()
				o.Do("Inc()", 1, func() int64 { c.inc(); panic("late") })
			}()
			return old
		})
	}
	together(fails, func() {
		o.Do("Inc()", 1, c.inc)
		outer.Do("Swap(2)", 2, func() int64 { return x.Swap(2) })
	})
	o.Do("Get()", 0, c.n.Load)
}

// What is recorded races as it did: nothing orders the two increments.
func TestRace(t *testing.T) {
	n := 0
	o := spec.NewObject(t, "the number", spec.Model[int, int, int]{Step: func(s, d int) (int, int) { return s + d, 0 }})
	one := func() { o.Do("Inc()", 1, func() int { n++; return 0 }) }
	together(one, one)
}

// The same operations once and five times, recorded and not: TestRecordingIsNotNoticed
// counts the scheduling points.

var number atomic.Int64

func once() int64 { return number.Add(1) }

func points(t *testing.T, n int, record bool) {
	number.Store(0)
	o := spec.NewObject(t, "the number", spec.Model[int64, int64, int64]{Step: func(s, d int64) (int64, int64) { return s + d, s + d }})
	for range n {
		if record {
			o.Do("Add(1)", 1, once)
		} else {
			once()
		}
	}
}

func TestPointsOfOneRight(t *testing.T)          { points(t, 1, false) }
func TestPointsOfFiveRight(t *testing.T)         { points(t, 5, false) }
func TestPointsOfOneRecordedRight(t *testing.T)  { points(t, 1, true) }
func TestPointsOfFiveRecordedRight(t *testing.T) { points(t, 5, true) }

// The store writes one word and the load reads another: only the order of return
// and call ties the two together.
func TestLate(t *testing.T) {
	var written, read atomic.Int64
	o := spec.NewObject(t, "the word", store)
	together(
		func() { get(o, "a", func(string) int { return int(read.Load()) }) },
		func() { set(o, "a", 1, func(string, int) { written.Store(1) }) },
	)
}

// More operations overlap than a search for an order can hold.
func TestUndecided(t *testing.T) {
	const n = 70
	var x atomic.Int64
	o := spec.NewObject(t, "the number", spec.Model[int64, int64, int64]{
		Step: func(s, d int64) (int64, int64) { return s + d, s + d },
	})
	all := make(chan bool)
	var fs []func()
	for range n {
		fs = append(fs, func() {
			o.Do("Add(1)", 1, func() int64 {
				x.Load()
				v := x.Add(1)
				if v == n {
					close(all)
				}
				<-all
				return v
			})
		})
	}
	together(fs...)
}
