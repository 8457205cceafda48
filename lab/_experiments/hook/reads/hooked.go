//go:build hooked

package main

import (
	"fmt"
	"math/bits"
	_ "unsafe" // for go:linkname
)

// setHook is in the runtime only because the overlay puts it there. The
// runtime calls before, does the read, and calls after with what before has
// returned and the hash of the key. Neither may read a map: it would be called
// again.
//
//go:linkname setHook runtime.ghostreadSetHook
func setHook(before func() int64, after func(start int64, hash uintptr))

//go:linkname nanotime runtime.nanotime
func nanotime() int64

var (
	seen    int
	latency [24]int // by powers of two of nanoseconds, the clock's own cost included
	samples [16]int // by the low 4 bits of the hash, which choose a bucket or group
	hashes  [8 * entries]uintptr
)

func sample(start int64, hash uintptr) {
	took := nanotime() - start
	latency[bits.Len64(uint64(took))]++
	samples[hash%16]++
	hashes[seen%len(hashes)] = hash
	seen++
}

func watch() {
	unset := cost()

	setHook(func() int64 { return 0 }, func(int64, uintptr) { seen++ })
	counting := cost()
	counted := seen

	seen = 0
	setHook(nanotime, sample)
	made := readAll()
	setHook(nil, nil)
	after := seen
	readAll() // unseen again

	fmt.Println("reads_made =", made)
	fmt.Println("reads_seen =", after)
	fmt.Println("reads_seen_when_unset =", seen-after)
	fmt.Println("reads_counted =", counted)

	// The same key in the same map has the same hash: the two reads of each
	// key must agree, four maps after the other.
	agree := 0
	for i := 0; i < len(hashes) && seen == len(hashes); i += 8 {
		for m := 0; m < 4; m++ {
			if hashes[i+m] == hashes[i+4+m] && hashes[i+m] != 0 {
				agree++
			}
		}
	}
	fmt.Println("hashes_that_agree =", agree)

	fmt.Println("latency of a read, two calls of the clock included:")
	for n, count := range latency {
		if count > 0 {
			fmt.Printf("  below %8d ns %6d\n", 1<<uint(n), count)
		}
	}
	least, most := made, 0
	fmt.Println("reads by the low 4 bits of the hash:")
	for n, count := range samples {
		fmt.Printf("  %2d %6d\n", n, count)
		if count < least {
			least = count
		}
		if count > most {
			most = count
		}
	}
	fmt.Println("bucket_least =", least)
	fmt.Println("bucket_most =", most)
	fmt.Printf("unset_ns = %.1f\n", unset)
	fmt.Printf("counting_ns = %.1f\n", counting)
	fmt.Printf(`picture: {"kind":"bars","title":"One read of a map of 1000 uint64 keys, runtime with the hook","unit":"ns/op","bars":[{"name":"hook not set","value":%.1f},{"name":"hook counts","value":%.1f}]}`+"\n", unset, counting)
}
