// Command heap has a heap of many maps, to be measured with: heap SESSIONS
// ENTRIES MAPS fills a store of sessions, each with a map of 1 to 12 entries and
// a buffer, a package variable with one map of so many entries, and one with a
// map of so many maps and nothing else.
//
// It writes a line when it is ready, with the bytes of all objects before and
// after. A goroutine beats all the while, and the
// longest time between two beats is written whenever a line comes from standard
// input, and forgotten then. It ends with standard input.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync/atomic"
	"time"
)

type session struct {
	id    uint64
	name  string
	attrs map[string]string
	buf   []byte
	next  *session
	deps  []*session
}

type store struct {
	byID   map[uint64]*session
	byName map[string]*session
	list   []*session
}

var (
	root    = &store{byID: map[uint64]*session{}, byName: map[string]*session{}}
	million map[uint64]uint64
	plain   map[uint64]map[uint64]uint64
	longest atomic.Int64 // nanoseconds without a beat
)

func fill(sessions, entries, maps uint64) {
	for i := uint64(0); i < sessions; i++ {
		s := &session{id: i, name: fmt.Sprint("session-", i), attrs: map[string]string{}, buf: make([]byte, 4864)}
		for k := uint64(0); k < 1+i%12; k++ {
			s.attrs[fmt.Sprint("key", k)] = fmt.Sprint("value", i, k)
		}
		if i > 0 {
			s.next = root.list[i/2]
			s.deps = append(s.deps, root.list[i-1], root.list[i*7%i])
		}
		root.list = append(root.list, s)
		root.byID[i] = s
		root.byName[s.name] = s
	}
	million = map[uint64]uint64{}
	for i := uint64(0); i < entries; i++ {
		million[i*31] = i
	}
	plain = map[uint64]map[uint64]uint64{}
	for i := uint64(0); i < maps; i++ {
		plain[i] = map[uint64]uint64{}
		for k := uint64(0); k < i%50; k++ {
			plain[i][k] = i
		}
	}
}

func beat() {
	for last := time.Now(); ; {
		time.Sleep(time.Millisecond)
		now := time.Now()
		if gap := int64(now.Sub(last)); gap > longest.Load() {
			longest.Store(gap)
		}
		last = now
	}
}

// used returns the bytes of objects on the heap.
func used() uint64 {
	runtime.GC()
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

func number(i int) uint64 {
	n, err := strconv.ParseUint(os.Args[i], 10, 32)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return n
}

func main() {
	before := used()
	fill(number(1), number(2), number(3))
	after := used()
	go beat()
	json.NewEncoder(os.Stdout).Encode(map[string]uint64{"Before": before, "After": after})
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(longest.Swap(0))
	}
	runtime.KeepAlive(root)
	runtime.KeepAlive(million)
	runtime.KeepAlive(plain)
}
