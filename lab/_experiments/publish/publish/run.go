package main

import (
	"runtime"
	"sync/atomic"
	"time"
)

// cells is how many objects a round publishes. Each has its own place, so
// that nothing is written twice: what races, races for its way alone.
const cells = 4096

// state is what a reader found in a cell.
type state int

const (
	nothing state = iota
	whole
	halfBuilt
)

// few is the number of objects for which run takes longer on a busy machine, up
// to three times as long.
const few = 1000

// run publishes objects for about d and counts those that arrived, and those
// among them that were half-built.
//
// The reader is at each cell before the writer gets there: reached says so. It
// orders the reader before the writer, never the writer before the reader,
// so it adds nothing to what the way itself orders.
func run(w *way, d time.Duration) (seen, half int) {
	runtime.LockOSThread() // two threads for the two, or they may share one
	defer runtime.UnlockOSThread()
	start := time.Now()
	enough := func() bool {
		took := time.Since(start)
		return seen > 0 && (took > 3*d || took > d && seen >= few)
	}
	for !enough() {
		publish, read := w.round()
		reached := int64(-1)
		finished := make(chan struct{})
		go func() {
			defer close(finished)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for i := 0; i < cells; i++ {
				for spins := 1; atomic.LoadInt64(&reached) < int64(i); spins++ {
					relax(spins)
				}
				if atomic.LoadInt64(&reached) == cells {
					return
				}
				publish(i)
			}
		}()
		for i := 0; i < cells; i++ {
			if i%16 == 15 && enough() {
				break
			}
			atomic.StoreInt64(&reached, int64(i))
			s := read(i)
			for spins := 1; s == nothing; spins++ {
				relax(spins)
				s = read(i)
			}
			seen++
			if s == halfBuilt {
				half++
			}
		}
		atomic.StoreInt64(&reached, cells)
		<-finished
	}
	return seen, half
}

// relax gives way after a while: to another goroutine, for there may be only
// one processor, and, more rarely, to another process. It does so late, because
// two goroutines that wait politely end up taking turns on one processor and
// never meet.
func relax(spins int) {
	switch {
	case spins%200000 == 0:
		time.Sleep(20 * time.Microsecond)
	case spins%20000 == 0:
		runtime.Gosched()
	}
}
