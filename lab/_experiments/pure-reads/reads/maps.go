package main

import (
	"strconv"
	"unsafe"
)

// tested is a map from lo..hi-1 to the number plus one. There are three kinds
// of keys, because the compiler calls other functions for each: mapaccess1 and
// mapaccess2, and their variants _fast64 and _faststr.
type tested interface {
	put(k int)
	remove(k int)
	get(k int) (int, bool)
	each(func(k, v int))
	bounds() (lo, hi int)
	header() unsafe.Pointer
	slot() uintptr // size of key and value
}

type span struct{ lo, hi int }

func (s span) bounds() (int, int) { return s.lo, s.hi }

type numbers struct {
	span
	m map[int]int
}

func (t *numbers) put(k int)              { t.m[k] = k + 1; t.hi = k + 1 }
func (t *numbers) remove(k int)           { delete(t.m, k); t.lo = k + 1 }
func (t *numbers) header() unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&t.m)) }
func (t *numbers) slot() uintptr          { return 8 + 8 }
func (t *numbers) get(k int) (int, bool) {
	v, ok := t.m[k]
	if t.m[k] != v {
		return -1, ok
	}
	return v, ok
}
func (t *numbers) each(f func(k, v int)) {
	for k, v := range t.m {
		f(k, v)
	}
}

type names struct {
	span
	m map[string]int
}

// text holds the keys, so that making them is no part of a read.
var text = func() (s [20100]string) {
	for i := range s {
		s[i] = "key " + strconv.Itoa(i)
	}
	return s
}()

func (t *names) put(k int)              { t.m[text[k]] = k + 1; t.hi = k + 1 }
func (t *names) remove(k int)           { delete(t.m, text[k]); t.lo = k + 1 }
func (t *names) header() unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&t.m)) }
func (t *names) slot() uintptr          { return 16 + 8 }
func (t *names) get(k int) (int, bool) {
	v, ok := t.m[text[k]]
	if t.m[text[k]] != v {
		return -1, ok
	}
	return v, ok
}
func (t *names) each(f func(k, v int)) {
	for s, v := range t.m {
		k, _ := strconv.Atoi(s[len("key "):])
		f(k, v)
	}
}

type pairs struct {
	span
	m map[[2]int]int
}

func pair(k int) [2]int { return [2]int{k, ^k} }

func (t *pairs) put(k int)              { t.m[pair(k)] = k + 1; t.hi = k + 1 }
func (t *pairs) remove(k int)           { delete(t.m, pair(k)); t.lo = k + 1 }
func (t *pairs) header() unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&t.m)) }
func (t *pairs) slot() uintptr          { return 16 + 8 }
func (t *pairs) get(k int) (int, bool) {
	v, ok := t.m[pair(k)]
	if t.m[pair(k)] != v {
		return -1, ok
	}
	return v, ok
}
func (t *pairs) each(f func(k, v int)) {
	for p, v := range t.m {
		f(p[0], v)
	}
}

// stopped makes the maps: for each kind of key four sizes, each stopped at the
// start of its growth, after a third and after two thirds of it; and one whose
// keys came and went, stopped in a growth to the same size. One map lives at a
// time, which keeps the many collections short.
func stopped(look func(tested) state, use func(tested)) {
	for _, fresh := range []func() tested{
		func() tested { return &numbers{m: map[int]int{}} },
		func() tested { return &names{m: map[string]int{}} },
		func() tested { return &pairs{m: map[[2]int]int{}} },
	} {
		for groups := 16; groups <= 1024; groups *= 4 {
			for third := 0; third < 3; third++ {
				t := fresh()
				k := 0
				for s := look(t); s.groups < groups; s = look(t) {
					t.put(k)
					k++
				}
				if s := look(t); s.growing {
					for ; s.evacuated < third*groups/2/3; s = look(t) {
						t.put(k)
						k++
					}
				} else {
					for end := k + third*groups; k < end; k++ {
						t.put(k)
					}
				}
				use(t)
			}
		}
		t := fresh()
		const live = 45 // in 8 buckets
		for k := 0; k < 20000; k++ {
			t.put(k)
			if k >= live {
				t.remove(k - live)
			}
			if look(t).sameSize {
				break
			}
		}
		use(t)
	}
}
