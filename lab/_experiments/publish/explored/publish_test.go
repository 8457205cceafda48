// Package explored has one test for each way to publish an object. Run
//
//	ghostread explore .
//
// in this folder, beside a go.mod: the explorer runs each test under many
// schedules and reports the accesses that nothing orders, whether or not a
// processor would show it.
package explored

import (
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"
)

type user struct{ status string }

func build() *user { return &user{status: "blocked"} }

// look fails a test that got a half-built object.
func look(t *testing.T, u *user) {
	if u != nil && u.status != "blocked" {
		t.Errorf("half-built: status is %q", u.status)
	}
}

// together runs publish and read at the same time and waits for both.
func together(publish, read func()) {
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		publish()
	}()
	read()
	wg.Wait()
}

func TestPlainPointer(t *testing.T) {
	var shared *user
	together(
		func() { shared = build() },
		func() { look(t, shared) })
}

func TestPlainFlag(t *testing.T) {
	var u user
	var ready bool
	together(
		func() {
			u = *build()
			ready = true
		},
		func() {
			if ready {
				look(t, &u)
			}
		})
}

func TestPlainVersion(t *testing.T) {
	var data, version int64
	together(
		func() {
			data = 1
			version = 1
		},
		func() {
			v := version
			if d := data; v == 1 && d == 0 {
				t.Error("half-built: version 1 without data")
			}
		})
}

func TestPlainLoad(t *testing.T) {
	var shared unsafe.Pointer
	together(
		func() { atomic.StorePointer(&shared, unsafe.Pointer(build())) },
		func() { look(t, (*user)(shared)) })
}

// The article's order: the field, then an atomic version.
func TestAtomicFlag(t *testing.T) {
	var u user
	var version uint64
	together(
		func() {
			u = *build()
			atomic.StoreUint64(&version, 1)
		},
		func() {
			if atomic.LoadUint64(&version) == 1 {
				look(t, &u)
			}
		})
}

func TestStorePointer(t *testing.T) {
	var shared unsafe.Pointer
	together(
		func() { atomic.StorePointer(&shared, unsafe.Pointer(build())) },
		func() { look(t, (*user)(atomic.LoadPointer(&shared))) })
}

func TestAtomicPointer(t *testing.T) {
	var shared atomic.Pointer[user]
	together(
		func() { shared.Store(build()) },
		func() { look(t, shared.Load()) })
}

func TestAtomicValue(t *testing.T) {
	var shared atomic.Value
	together(
		func() { shared.Store(build()) },
		func() {
			u, _ := shared.Load().(*user)
			look(t, u)
		})
}

func TestOnce(t *testing.T) {
	var shared *user
	var once sync.Once
	get := func() *user {
		once.Do(func() { shared = build() })
		return shared
	}
	together(
		func() { get() },
		func() { look(t, get()) })
}

func TestMutex(t *testing.T) {
	var shared *user
	var mu sync.Mutex
	together(
		func() {
			mu.Lock()
			defer mu.Unlock()
			shared = build()
		},
		func() {
			mu.Lock()
			defer mu.Unlock()
			look(t, shared)
		})
}

func TestChannel(t *testing.T) {
	next := make(chan *user, 1)
	together(
		func() { next <- build() },
		func() {
			select {
			case u := <-next:
				look(t, u)
			default:
			}
		})
}
