// Impl says how this release builds sync.Map, and who waits for a lock of it.
//
// Two designs exist. Up to Go 1.23 (sync/map.go) a Map is two ordinary maps:
// "read", reached without a lock, and "dirty", guarded by the one mutex mu.
// From 1.24 on (internal/sync/hashtriemap.go) it is a tree whose nodes have a
// mutex each; 1.24 and 1.25 still carry the old one in sync/oldmap.go.
//
// The design is recognised by its fields. The program then takes, through
// reflection and unsafe, the lock that covers most: mu of the old design, the
// mutex of the root of the new one. While it holds that lock, other goroutines
// use the map, and the goroutine dump says which of them wait for a mutex.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

const keys = 10000 // enough that each of the 16 children of a root is a node, not an entry

func main() {
	describe(reflect.TypeOf(sync.Map{}))

	var m sync.Map
	for i := 0; i < keys; i++ {
		m.Store(i, i)
	}
	// Promote the dirty map of the old design, so that all keys are in read;
	// then add one key, after which a dirty map exists again.
	m.Range(func(_, _ any) bool { return true })
	m.Store("recent", 0)

	big := biggestLock(&m)
	operations := []struct {
		fact, text string
		do         func()
	}{
		{"load", "Load of a key that is there", func() { m.Load(1) }},
		{"miss", "Load of a key that is not there", func() { m.Load("absent") }},
		{"overwrite", "Store of a key that is there", func() { m.Store(2, -2) }},
		{"insert", "Store of a new key", func() { m.Store("new", 1) }},
		{"delete", "Delete of a key that is there", func() { m.Delete(3) }},
	}
	var rows [][]string
	for _, op := range operations {
		waits := waitsFor(big, op.do)
		fmt.Printf("%s_waits = %v\n", op.fact, waits)
		cell := "+goes on"
		if waits {
			cell = "!waits"
		}
		rows = append(rows, []string{op.text, cell})
	}
	line, err := json.Marshal(map[string]any{
		"kind":    "table",
		"title":   "While the topmost lock of the map is held",
		"columns": []string{"operation", "another goroutine"},
		"rows":    rows,
	})
	check(err == nil, "%v", err)
	fmt.Printf("picture: %s\n", line)
}

func describe(t reflect.Type) {
	has := func(name string) bool { _, ok := t.FieldByName(name); return ok }
	trie := false
	fmt.Println("type sync.Map struct {")
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		fmt.Printf("\t%s %s\n", f.Name, f.Type)
		trie = trie || strings.Contains(f.Type.String(), "HashTrieMap")
	}
	fmt.Println("}")
	fmt.Printf("read_dirty = %v\n", has("read") && has("dirty") && has("mu"))
	fmt.Printf("trie = %v\n", trie)
}

// biggestLock returns the mutex of m that covers most of it.
func biggestLock(m *sync.Map) *sync.Mutex {
	v := reflect.ValueOf(m).Elem()
	if mu := v.FieldByName("mu"); mu.IsValid() {
		return (*sync.Mutex)(unsafe.Pointer(mu.UnsafeAddr()))
	}
	// sync.Map{m HashTrieMap{root atomic.Pointer[indirect]}}. An
	// atomic.Pointer[T] has a field of type [0]*T, which gives the type of the
	// root node, and the pointer itself.
	root := v.FieldByName("m").FieldByName("root")
	node := root.Type().Field(0).Type.Elem().Elem()
	at := *(*unsafe.Pointer)(unsafe.Pointer(root.FieldByName("v").UnsafeAddr()))
	mu := reflect.NewAt(node, at).Elem().FieldByName("mu")
	check(mu.IsValid() && mu.Type().Size() == unsafe.Sizeof(sync.Mutex{}), "no mutex in %v", node)
	return (*sync.Mutex)(unsafe.Pointer(mu.UnsafeAddr())) // internal/sync.Mutex, which sync.Mutex wraps
}

// waitsFor reports whether do waits for mu: it looks until the goroutine has
// either finished or is parked in a Lock.
func waitsFor(mu *sync.Mutex, do func()) (waits bool) {
	mu.Lock()
	var finished int32
	go operation(do, &finished)
	deadline := time.Now().Add(4 * time.Second)
	for atomic.LoadInt32(&finished) == 0 && !waits {
		check(time.Now().Before(deadline), "the operation neither ends nor waits")
		time.Sleep(100 * time.Microsecond)
		waits = parked()
	}
	mu.Unlock()
	for atomic.LoadInt32(&finished) == 0 {
		check(time.Now().Before(deadline), "the operation does not end after the lock is free")
		time.Sleep(100 * time.Microsecond)
	}
	return waits
}

//go:noinline
func operation(do func(), finished *int32) {
	do()
	atomic.StoreInt32(finished, 1)
}

// parked says whether the goroutine that runs operation sleeps in Lock. The
// wait reason is "semacquire" up to Go 1.19 and "sync.Mutex.Lock" after.
func parked() bool {
	buf := make([]byte, 1<<16)
	buf = buf[:runtime.Stack(buf, true)]
	for _, g := range strings.Split(string(buf), "\n\n") {
		header := strings.SplitN(g, "\n", 2)[0]
		if strings.Contains(g, "\nmain.operation(") &&
			(strings.Contains(header, "[semacquire") || strings.Contains(header, "[sync.Mutex.Lock")) {
			return true
		}
	}
	return false
}

func check(ok bool, format string, args ...any) {
	if !ok {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
		os.Exit(1)
	}
}
