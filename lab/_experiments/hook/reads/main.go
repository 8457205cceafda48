// Reads makes ordinary map reads and says what they cost. Built with the tag
// hooked and the overlay of experiment.yaml it also sets the hook that the
// overlay adds to the runtime, and counts the reads that reach it.
package main

import (
	"fmt"
	"time"
)

type wide [3]uint64 // 24 bytes: no fast path

const entries = 1000

var (
	by64   = map[uint64]uint64{}
	by32   = map[uint32]uint64{}
	byName = map[string]uint64{}
	byWide = map[wide]uint64{}

	names [entries]string
	sum   uint64 // keeps the reads alive
)

func fill() {
	for i := uint64(0); i < entries; i++ {
		names[i] = fmt.Sprint("key ", i)
		by64[i], by32[uint32(i)], byName[names[i]], byWide[wide{i, i, i}] = i, i, i, i
	}
}

// readAll reads every key in each of the ways the compiler has for m[k]: four
// kinds of keys, with and without the second result. It returns the number of
// reads.
func readAll() (made int) {
	for i := uint64(0); i < entries; i++ {
		sum += by64[i] + by32[uint32(i)] + byName[names[i]] + byWide[wide{i, i, i}]
		a, ok1 := by64[i]
		b, ok2 := by32[uint32(i)]
		c, ok3 := byName[names[i]]
		d, ok4 := byWide[wide{i, i, i}]
		if ok1 && ok2 && ok3 && ok4 {
			sum += a + b + c + d
		}
		made += 8
	}
	return made
}

// cost is the time of one read of by64, in nanoseconds: the best of 8 rounds.
func cost() float64 {
	const reads = 100 * entries
	best := time.Duration(1 << 62)
	for round := 0; round < 8; round++ {
		start := time.Now()
		for i := 0; i < reads/entries; i++ {
			for k := uint64(0); k < entries; k++ {
				sum += by64[k]
			}
		}
		if took := time.Since(start); took < best {
			best = took
		}
	}
	return float64(best.Nanoseconds()) / reads
}

func main() {
	fill()
	watch()
}
