package main

import (
	"bytes"
	"fmt"
	"runtime"
	"unsafe"
)

// A probe has the keys and values of one map type, and what was seen of them.
type probe[K comparable, V any] struct {
	name   string
	keys   []K
	values []V
	shape  shape
	clear  func(map[K]V)

	planted, located int
}

const most = 600 // entries a map gets, where the event does not say otherwise

func newProbe[K comparable, V any](name string, key func(i int) K, value func(i int) V, clear func(map[K]V)) *probe[K, V] {
	p := &probe[K, V]{name: name, clear: clear}
	for i := 0; i < most; i++ {
		p.keys = append(p.keys, key(i))
		p.values = append(p.values, value(i))
	}
	p.shape = shape{key: unsafe.Sizeof(p.keys[0]), value: unsafe.Sizeof(p.values[0])}
	if p.shape.key > 128 {
		p.shape.key, p.shape.boxed = 8, true
	}
	return p
}

// A place is where an entry of a map was, and the bytes that were there. It
// keeps that memory alive, so that reading it later is no use after free.
type place struct {
	key, value           unsafe.Pointer
	keyBytes, valueBytes []byte
	box                  unsafe.Pointer // of a key behind a pointer
	boxBytes             []byte
	overflow             bool // in an overflow bucket
}

// left counts what is still there of the entries of some places.
type left struct {
	keys, values, boxes, of int
}

// word sums up a count so that it does not depend on the seed of the hash.
func word(n, of int) string {
	switch {
	case of == 0:
		return "no such memory"
	case n == of:
		return "all"
	case n == 0:
		return "none"
	case 4*n >= 3*of:
		return "most"
	}
	return "some"
}

func header[K comparable, V any](m map[K]V) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&m))
}

func (p *probe[K, V]) fill(m map[K]V, n int) map[K]V {
	for i := 0; i < n; i++ {
		m[p.keys[i]] = p.values[i]
	}
	return m
}

// locate finds the live entries of a map in its memory. Those are the control
// of every later count: a place that is wrong now would read as "zeroed" later.
func (p *probe[K, V]) locate(m map[K]V) map[int]place {
	number := map[K]int{}
	for i, k := range p.keys {
		number[k] = i
	}
	places := map[int]place{}
	for _, c := range p.shape.cells(header(m)) {
		for i := 0; i < slots; i++ {
			if !c.live(i) {
				continue
			}
			at := place{
				key:      unsafe.Add(c.p, p.shape.keyAt(i)),
				value:    unsafe.Add(c.p, p.shape.valueAt(i)),
				overflow: c.overflow,
			}
			key := at.key
			if p.shape.boxed {
				at.box = pointerAt(at.key, 0)
				key = at.box
				at.boxBytes = clone(bytesAt(key, unsafe.Sizeof(p.keys[0])))
			}
			at.keyBytes = clone(bytesAt(at.key, p.shape.key))
			at.valueBytes = clone(bytesAt(at.value, p.shape.value))
			id, known := number[*(*K)(key)]
			if known && bytes.Equal(at.valueBytes, bytesAt(unsafe.Pointer(&p.values[id]), p.shape.value)) {
				places[id] = at
			}
		}
	}
	p.planted += len(m)
	p.located += len(places)
	return places
}

func clone(b []byte) []byte { return append([]byte(nil), b...) }

// look counts the keys and values still in their places, of those chosen.
func look(places map[int]place, choose func(id int, at place) bool) left {
	var l left
	for id, at := range places {
		if !choose(id, at) {
			continue
		}
		l.of++
		if bytes.Equal(bytesAt(at.key, uintptr(len(at.keyBytes))), at.keyBytes) {
			l.keys++
		}
		if bytes.Equal(bytesAt(at.value, uintptr(len(at.valueBytes))), at.valueBytes) {
			l.values++
		}
		if at.box != nil && bytes.Equal(bytesAt(at.box, uintptr(len(at.boxBytes))), at.boxBytes) {
			l.boxes++
		}
	}
	return l
}

func below(n int) func(int, place) bool { return func(id int, _ place) bool { return id < n } }
func inMain(_ int, at place) bool       { return !at.overflow }
func inOverflow(_ int, at place) bool   { return at.overflow }

// An event is something that happens to a map, and what it left.
type event struct {
	name, title string
	left        left
}

// events does everything that takes entries out of a map's memory.
func (p *probe[K, V]) events() []event {
	var list []event
	add := func(name, title string, l left) { list = append(list, event{name, title, l}) }

	m := p.fill(map[K]V{}, 6)
	places := p.locate(m)
	for i := 0; i < 3; i++ {
		delete(m, p.keys[i])
	}
	add("small_delete", "delete 3 of 6", look(places, below(3)))

	m = p.fill(map[K]V{}, most)
	places = p.locate(m)
	for i := 0; i < most/2; i++ {
		delete(m, p.keys[i])
	}
	add("delete", "delete 300 of 600", look(places, below(most/2)))
	runtime.GC()
	runtime.GC()
	add("delete_gc", "then two garbage collections", look(places, below(most/2)))
	for i := most / 2; i < most; i++ {
		delete(m, p.keys[i])
	}
	p.clear(m)
	add("delete_all_clear", "delete the rest, then clear", look(places, below(most)))

	m = p.fill(map[K]V{}, most)
	places = p.locate(m)
	p.clear(m)
	add("clear", "clear 600 entries: in the array", look(places, inMain))

	m = p.fill(map[K]V{}, most)
	places = p.locate(m)
	for i := 0; i < most-3; i++ {
		delete(m, p.keys[i])
	}
	p.clear(m)
	add("sparse_clear", "delete 597 of 600, then clear: in the array", look(places, inMain))

	add("clear_overflow", "clear: in overflow buckets", p.clearOverflow())
	add("clear_growing", "clear in the middle of a growth: in the old array", p.clearGrowing())

	plain, overflow := p.growth(false)
	add("growth", "growth: in the old array", plain)
	add("growth_overflow", "growth: in old overflow buckets", overflow)
	iterated, _ := p.growth(true)
	add("growth_iterated", "growth during a range loop: in the old array", iterated)
	runtime.KeepAlive(m)
	return list
}

// clearOverflow clears a map of eight buckets. One so small has its overflow
// buckets allocated one by one, if it has any: chance decides, so it tries. (From
// 16 buckets on, some overflow buckets are a part of the array, and clear zeroes
// those with it: runtime/map.go, makeBucketArray.)
func (p *probe[K, V]) clearOverflow() left {
	for try := 0; try < 200 && !swiss; try++ {
		m := p.fill(make(map[K]V, 44), 44)
		places := p.locate(m)
		if look(places, inOverflow).of > 0 {
			p.clear(m)
			return look(places, inOverflow)
		}
	}
	return left{}
}

// threshold is the number of entries, 150 or more, whose next insert grows.
func (p *probe[K, V]) threshold() int {
	m := p.fill(map[K]V{}, 150)
	for i := 150; ; i++ {
		before := array(header(m))
		m[p.keys[i]] = p.values[i]
		if array(header(m)) != before {
			return i
		}
	}
}

// clearGrowing clears when one insert has begun a growth and moved a bucket or
// two. A Swiss map is never in the middle of a growth.
func (p *probe[K, V]) clearGrowing() left {
	if swiss {
		return left{}
	}
	n := p.threshold()
	m := p.fill(map[K]V{}, n)
	places := p.locate(m)
	m[p.keys[n]] = p.values[n]
	if !growing(header(m)) {
		return left{}
	}
	p.clear(m)
	return look(places, inMain)
}

// growth looks into the memory that a growth has emptied: the array, and the
// overflow buckets behind it. A range loop makes a classic map leave the old
// array as it is: the loop may still want to read it.
func (p *probe[K, V]) growth(iterated bool) (plain, overflow left) {
	n := p.threshold()
	for try := 0; try < 50; try++ {
		m := p.fill(map[K]V{}, n)
		places := p.locate(m)
		old := array(header(m))
		grow := func() {
			for i := n; i == n || growing(header(m)); i++ {
				m[p.keys[i]] = p.values[i]
			}
		}
		if iterated {
			for range m {
				grow()
				break
			}
		} else {
			grow()
		}
		if array(header(m)) == old {
			return left{}, left{}
		}
		plain, overflow = look(places, inMain), look(places, inOverflow)
		if overflow.of > 0 || swiss {
			break
		}
	}
	return plain, overflow
}

func (l left) String() string { return fmt.Sprintf("keys %d, values %d of %d", l.keys, l.values, l.of) }
