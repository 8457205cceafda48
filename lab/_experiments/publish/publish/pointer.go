//go:build go1.19

package main

import "sync/atomic"

func init() {
	ways = append(ways, way{"atomic_pointer", "atomic.Pointer (from Go 1.19)", true, func() (func(int), func(int) state) {
		shared := make([]atomic.Pointer[user], cells)
		return func(i int) { shared[i].Store(build(i)) },
			func(i int) state { return look(shared[i].Load()) }
	}})
}
