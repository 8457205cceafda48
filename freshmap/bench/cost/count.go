package cost

import (
	"context"
	"runtime"
)

// Counts are the means of the operations of one kind.
type Counts struct {
	Instructions float64
	Branches     float64 // conditional ones
	Calls        float64
	Loads        float64 // outside the stack
	Stores       float64 // outside the stack
	Locked       float64 // instructions that lock a line: LOCK, and XCHG with memory
	Lines        float64 // distinct lines of the cache outside the stack that not every operation uses
	Written      float64 // those of them that were written to
	Chain        float64 // the longest row of such lines of which each gives the address of the next
	Bytes        float64 // allocated
}

func (c *Counts) fields() []*float64 {
	return []*float64{&c.Instructions, &c.Branches, &c.Calls, &c.Loads, &c.Stores, &c.Locked, &c.Lines, &c.Written, &c.Chain, &c.Bytes}
}

// less returns the counts without those of an empty operation.
func (c Counts) less(empty Counts) Counts {
	for i, f := range c.fields() {
		*f = max(*f-*empty.fields()[i], 0)
	}
	return c
}

// mean returns the mean of what operations executed.
func mean(all []Counts) (sum Counts) {
	for _, c := range all {
		for i, f := range sum.fields() {
			*f += *c.fields()[i] / float64(len(all))
		}
	}
	return sum
}

// Count returns what the operations of a job cost, less what an empty one executes.
// The program that calls it calls Target first.
func Count(ctx context.Context, j Job) (map[string]Counts, error) {
	counts, err := count(ctx, j)
	if err != nil {
		return nil, err
	}
	empty, err := count(ctx, Job{Peer: floor, Key: j.Key, Size: 8, Rounds: 8})
	if err != nil {
		return nil, err
	}
	empty[doubling] = empty["insert"]
	allocated := map[string]float64{}
	j.run(func(name string, rounds int, f func()) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		allocated[name] = float64(after.TotalAlloc-before.TotalAlloc) / float64(rounds)
	}, func() {})
	for name, c := range counts {
		c = c.less(empty[name])
		c.Bytes = allocated[name]
		counts[name] = c
	}
	return counts, nil
}

const lineSize = 64

// An operation is followed instruction by instruction.
type operation struct {
	Counts
	lines   map[uint64]int // how far down the chain a line arrives
	written map[uint64]bool
	depth   [32]int        // of what a register holds: general ones, then those of SSE
	stored  map[uint64]int // the same for words of memory
	always  map[uint64]bool
}

func newOperation(always map[uint64]bool) *operation {
	return &operation{lines: map[uint64]int{}, written: map[uint64]bool{}, stored: map[uint64]int{}, always: always}
}

// An access is one operand in memory.
type access struct {
	address     uint64
	depth       int // of the address
	read, write bool
	stack       bool
}

// touch notes an access and returns the depth of what was read.
func (o *operation) touch(a access) (depth int) {
	depth = a.depth
	if a.read {
		depth = max(depth, o.stored[a.address])
	}
	if a.stack {
		return depth
	}
	if a.read {
		o.Loads++
	}
	line := a.address / lineSize
	if a.write {
		o.Stores++
		o.written[line] = true
	}
	at, known := o.lines[line]
	if !known {
		at = a.depth
		if !o.always[line] {
			at++
		}
		o.lines[line] = at
	}
	o.Chain = max(o.Chain, float64(at))
	return max(depth, at)
}

// end returns the counts of an operation that is over.
func (o *operation) end() Counts {
	for line := range o.lines {
		if !o.always[line] {
			o.Lines++
			if o.written[line] {
				o.Written++
			}
		}
	}
	return o.Counts
}

// inMost returns the lines that most of the operations touched: those of the
// goroutine, of the map itself and of the allocator.
func inMost(all []*operation) map[uint64]bool {
	times := map[uint64]int{}
	for _, o := range all {
		for line := range o.lines {
			times[line]++
		}
	}
	most := map[uint64]bool{}
	for line, n := range times {
		if n > len(all)/2 {
			most[line] = true
		}
	}
	return most
}
