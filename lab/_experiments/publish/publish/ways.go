package main

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// user is what is published: built in full, then handed over.
type user struct {
	status string
	a, b   uint64
}

func build(i int) *user { return &user{status: "blocked", a: uint64(i) + 1, b: uint64(i) + 1} }

// look says what a reader got. What is not written yet is zero.
func look(u *user) state {
	switch {
	case u == nil:
		return nothing
	case u.status != "blocked" || u.a == 0 || u.a != u.b:
		return halfBuilt
	}
	return whole
}

// way is a way to publish. A round gives fresh cells, and what writer and
// reader do with the i-th.
type way struct {
	name    string
	text    string
	ordered bool // by the memory model: the building happens before the reading
	round   func() (publish func(i int), read func(i int) state)
}

var ways = []way{
	{"plain_pointer", "plain pointer", false, func() (func(int), func(int) state) {
		shared := make([]*user, cells)
		return func(i int) { shared[i] = build(i) },
			func(i int) state { return look(shared[i]) }
	}},
	{"plain_flag", "plain fields, then a plain flag", false, func() (func(int), func(int) state) {
		users, ready := make([]user, cells), make([]bool, cells)
		return func(i int) {
				users[i] = *build(i)
				ready[i] = true
			}, func(i int) state {
				if !ready[i] {
					return nothing
				}
				return look(&users[i])
			}
	}},
	{"plain_version", "plain data, then a plain version; reader without a branch", false, func() (func(int), func(int) state) {
		all := make([]versioned, cells)
		return func(i int) { all[i].publish() },
			func(i int) state { return all[i].read() }
	}},
	{"plain_load", "atomic.StorePointer, but a plain load", false, func() (func(int), func(int) state) {
		shared := make([]unsafe.Pointer, cells)
		return func(i int) { atomic.StorePointer(&shared[i], unsafe.Pointer(build(i))) },
			func(i int) state { return look((*user)(shared[i])) }
	}},
	{"atomic_flag", "plain fields, then an atomic flag (the article's order)", true, func() (func(int), func(int) state) {
		users, version := make([]user, cells), make([]uint64, cells)
		return func(i int) {
				users[i] = *build(i)
				atomic.StoreUint64(&version[i], 1)
			}, func(i int) state {
				if atomic.LoadUint64(&version[i]) == 0 {
					return nothing
				}
				return look(&users[i])
			}
	}},
	{"store_pointer", "unsafe.Pointer with atomic.StorePointer", true, func() (func(int), func(int) state) {
		shared := make([]unsafe.Pointer, cells)
		return func(i int) { atomic.StorePointer(&shared[i], unsafe.Pointer(build(i))) },
			func(i int) state { return look((*user)(atomic.LoadPointer(&shared[i]))) }
	}},
	{"atomic_value", "atomic.Value", true, func() (func(int), func(int) state) {
		shared := make([]atomic.Value, cells)
		return func(i int) { shared[i].Store(build(i)) },
			func(i int) state {
				u, _ := shared[i].Load().(*user)
				return look(u)
			}
	}},
	{"once", "sync.Once: whoever comes first builds", true, func() (func(int), func(int) state) {
		shared, once := make([]*user, cells), make([]sync.Once, cells)
		get := func(i int) *user {
			once[i].Do(func() { shared[i] = build(i) })
			return shared[i]
		}
		return func(i int) { get(i) },
			func(i int) state { return look(get(i)) }
	}},
	{"mutex", "sync.Mutex", true, func() (func(int), func(int) state) {
		shared, mu := make([]*user, cells), make([]sync.Mutex, cells)
		return func(i int) {
				mu[i].Lock()
				shared[i] = build(i)
				mu[i].Unlock()
			}, func(i int) state {
				mu[i].Lock()
				defer mu[i].Unlock()
				return look(shared[i])
			}
	}},
	{"channel", "channel", true, func() (func(int), func(int) state) {
		next := make(chan *user, 1)
		return func(i int) { next <- build(i) },
			func(i int) state {
				select {
				case u := <-next:
					return look(u)
				default:
					return nothing
				}
			}
	}},
}

// versioned has data and the version of them, on cache lines of their own.
type versioned struct {
	data    int64
	_       [120]byte
	version int64
	_       [120]byte
}

// over is a version that says that no more follow.
const over = -1 << 60

// publish goes through a hundred versions: a reader that is there has a
// hundred chances.
func (v *versioned) publish() {
	for n := int64(1); n <= 100; n++ {
		v.set(n)
	}
	v.version = over
}

//go:noinline
func (v *versioned) set(n int64) {
	v.data = n
	v.version = n
}

// behind loads the version, then the data, in the order of the source: the data
// must be as new as the version or newer, and the difference at least 0. There
// is no branch between the two loads, so the compiler may load the data first,
// and does (see the experiment reorder).
//
//go:noinline
func (v *versioned) behind() int64 {
	version := v.version
	data := v.data
	return data - version
}

func (v *versioned) read() state {
	switch d := v.behind(); {
	case d < 0:
		return halfBuilt
	case d >= -over:
		return whole
	}
	return nothing
}
