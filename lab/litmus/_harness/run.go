package main

import (
	"math/rand"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// measured is what running a test came to.
type measured struct {
	*test
	how      technique
	runs     int
	weak     int // with the interesting outcome
	banned   int // with an outcome that the Go memory model forbids
	times    map[results]int
	lead     int64 // of the agreed start, in ticks of the counter
	crowded  bool  // there are fewer CPUs than threads
	duration time.Duration
}

// batch is the number of instances that run between two meetings of all
// threads. They fit into a second level cache.
const batch = 512

// A runner runs one test.
type runner struct {
	measured
	cells   []cells
	order   []int
	out     [][]results // of each thread
	stop    bool
	begin   time.Time
	meeting int32 // counts arrivals
	late    int32 // threads that heard of a start when it was over
}

func measure(t *test, how technique) *measured {
	n := len(t.threads)
	r := &runner{
		measured: measured{test: t, how: how, times: make(map[results]int), lead: 1500},
		cells:    make([]cells, batch),
		order:    rand.New(rand.NewSource(*seed)).Perm(batch),
	}
	list := cpus()
	if runtime.NumCPU() < n {
		// Threads that share a CPU take turns of milliseconds: waiting for
		// each other would cost a turn for each instance.
		r.crowded, r.how.start, r.how.pin = true, "none", false
	}
	if len(list) < n {
		r.how.pin = false
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n + 1))
	r.reset()
	var wg sync.WaitGroup
	for id := 0; id < n; id++ {
		r.out = append(r.out, make([]results, batch))
	}
	for id := 0; id < n; id++ {
		wg.Add(1)
		go func(id int) {
			defer wg.Done()
			// Without Unlock the thread ends with its goroutine, and its
			// affinity with it.
			runtime.LockOSThread()
			if r.how.pin {
				pinTo(list[id])
			}
			r.thread(id)
		}(id)
	}
	wg.Wait()
	r.duration = time.Since(r.begin)
	return &r.measured
}

// kept is where loads go whose value nobody wants.
var kept int32

// thread runs thread id of all instances, batch after batch.
func (r *runner) thread(id int) {
	th, out := r.threads[id], r.out[id]
	others := int32(len(r.threads) - 1)
	random := uint64(*seed)<<32 + uint64(id)
	sum := int32(0)
	for round := 0; ; round++ {
		r.meet()
		if r.stop {
			break
		}
		if round == 0 && id == 0 {
			r.begin = time.Now() // to start threads can take longer than to run the test
		}
		late := int32(0)
		for _, j := range r.order {
			c := &r.cells[j]
			random = random*6364136223846793005 + 1442695040888963407
			dice := random >> 32
			if r.how.preload {
				// The last load is the one that may overtake; the others are
				// in the cache every other time.
				for k, v := range th.loads {
					if k == len(th.loads)-1 || dice&1 != 0 {
						sum += atomic.LoadInt32(&c.v[v].word)
					}
				}
			}
			switch r.how.start {
			case "tsc":
				var at int64
				if id == 0 {
					for atomic.LoadInt32(&c.arrived) != others {
					}
					// Some outcomes like a short wait and some a long one.
					at = ticks() + r.lead + int64(dice>>16&2047)
					atomic.StoreInt64(&c.at, at)
				} else {
					atomic.AddInt32(&c.arrived, 1)
					for at == 0 {
						at = atomic.LoadInt64(&c.at)
					}
				}
				now := ticks()
				if now >= at {
					late++
				}
				// Half of the starts are close, the others apart by up to
				// about the time that a line takes between cores.
				if dice&2 != 0 {
					at += int64(dice >> 8 & 31)
				} else {
					at += int64(dice >> 8 & 255)
				}
				for now < at {
					now = ticks()
				}
			case "spin":
				atomic.AddInt32(&c.arrived, 1)
				for atomic.LoadInt32(&c.arrived) <= others {
				}
			default:
				if r.crowded && dice&63 == 0 {
					yield()
				}
			}
			th.run(c, &out[j])
		}
		atomic.AddInt32(&r.late, late)
		atomic.AddInt32(&kept, sum)
		r.meet()
		// Whoever resets the variables has them in its cache afterwards, so
		// the threads take turns.
		if round%len(r.threads) == id {
			r.collect()
			r.adapt()
			r.reset()
			r.stop = r.runs >= *iterations || time.Since(r.begin) > *limit
		}
	}
}

// meet waits for all threads.
func (r *runner) meet() {
	n := int32(len(r.threads))
	mine := atomic.AddInt32(&r.meeting, 1)
	all := (mine + n - 1) / n * n
	for i := 0; atomic.LoadInt32(&r.meeting) < all; i++ {
		if r.crowded || i > 5000 {
			yield()
		}
	}
}

// collect counts the outcomes of a batch.
func (r *runner) collect() {
	for j := range r.cells {
		var o results
		for _, out := range r.out {
			for k, v := range out[j] {
				o[k] |= v // each place belongs to one thread
			}
			out[j] = results{}
		}
		for place, v := range r.final {
			o[place] = r.cells[j].v[v].word
		}
		r.times[o]++
		r.runs++
		if r.interesting(&o) {
			r.weak++
		}
		if v, ok := r.known[o]; !ok || v.class == "forbidden" {
			r.banned++
		}
	}
}

// adapt moves the agreed start: so far ahead that next to nobody hears of it
// too late, but not much farther.
func (r *runner) adapt() {
	switch {
	case r.late > batch/20 && r.lead < 20000:
		r.lead += r.lead / 4
	case r.late < batch/200 && r.lead > 600:
		r.lead -= r.lead / 32
	}
	r.late = 0
}

// reset gives all variables their first values.
func (r *runner) reset() {
	for j := range r.cells {
		c := &r.cells[j]
		*c = cells{}
		for v, x := range r.init {
			c.v[v].word = x
		}
	}
}
