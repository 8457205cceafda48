package main

import "sync"

// store is what all maps can do. The call through an interface costs each of
// them the same 1 or 2 ns.
type store interface {
	get(key int) (value int, ok bool)
	set(key, value int)
}

var stores = map[string]struct {
	title string
	make  func() store
}{
	"rwmutex": {"map and RWMutex", func() store { return &rwMap{m: map[int]int{}} }},
	"mutex":   {"map and Mutex", func() store { return &mutexMap{m: map[int]int{}} }},
	"syncmap": {"sync.Map", func() store { return &syncMap{} }},
	"sharded": {"32 shards", func() store { return newSharded() }},
}

type rwMap struct {
	mu sync.RWMutex
	m  map[int]int
}

func (r *rwMap) get(key int) (int, bool) {
	r.mu.RLock()
	v, ok := r.m[key]
	r.mu.RUnlock()
	return v, ok
}

func (r *rwMap) set(key, value int) {
	r.mu.Lock()
	r.m[key] = value
	r.mu.Unlock()
}

type mutexMap struct {
	mu sync.Mutex
	m  map[int]int
}

func (r *mutexMap) get(key int) (int, bool) {
	r.mu.Lock()
	v, ok := r.m[key]
	r.mu.Unlock()
	return v, ok
}

func (r *mutexMap) set(key, value int) {
	r.mu.Lock()
	r.m[key] = value
	r.mu.Unlock()
}

type syncMap struct{ m sync.Map }

func (s *syncMap) get(key int) (int, bool) {
	v, ok := s.m.Load(key)
	if !ok {
		return 0, false
	}
	return v.(int), true
}

func (s *syncMap) set(key, value int) { s.m.Store(key, value) }

const shards = 32

// sharded spreads the keys over maps with a lock each.
type sharded struct {
	parts [shards]struct {
		rwMap
		_ [128]byte // two locks never share a cache line, nor a prefetched pair
	}
}

func newSharded() *sharded {
	s := new(sharded)
	for i := range s.parts {
		s.parts[i].m = map[int]int{}
	}
	return s
}

func (s *sharded) part(key int) *rwMap {
	// Fibonacci hashing: the top 5 bits of the product are well mixed.
	return &s.parts[uint64(key)*0x9E3779B97F4A7C15>>59].rwMap
}

func (s *sharded) get(key int) (int, bool) { return s.part(key).get(key) }
func (s *sharded) set(key, value int)      { s.part(key).set(key, value) }
