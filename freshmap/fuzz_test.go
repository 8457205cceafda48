package freshmap_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/freshmap"
)

// A kind is a pair of types that programs run with. Equal keys come from
// equal numbers, so that a program is nothing but bytes.
type kind[K comparable, V any] struct {
	key   func(i uint16) K
	value func(i uint8) V
	hash  func(K) uint64    // equal keys, equal hashes
	same  func(a, b V) bool // the same bits, as far as the language shows them
	cas   bool              // V is comparable
}

// kinds are all pairs of types. Their order is part of the fuzz corpus: new
// ones go to the end.
var kinds = []struct {
	name string
	run  func(program) error
}{
	{"int to int", func(p program) error {
		return run(p, kind[int, int]{cas: true, same: equal[int],
			key: func(i uint16) int { return int(i) - 100 }, value: func(i uint8) int { return int(i) },
			hash: func(k int) uint64 { return uint64(k) }})
	}},
	{"uint8 to uint8", func(p program) error {
		return run(p, kind[uint8, uint8]{cas: true, same: equal[uint8],
			key: func(i uint16) uint8 { return uint8(i) }, value: func(i uint8) uint8 { return i },
			hash: func(k uint8) uint64 { return uint64(k) }})
	}},
	{"string to string", func(p program) error {
		return run(p, kind[string, string]{cas: true, same: equal[string],
			key: text[uint16], value: text[uint8], hash: hashText})
	}},
	{"[16]byte to int", func(p program) error {
		return run(p, kind[[16]byte, int]{cas: true, same: equal[int],
			key:   func(i uint16) [16]byte { return [16]byte{byte(i), 8: byte(i >> 8), 15: byte(i)} },
			value: func(i uint8) int { return int(i) },
			hash:  func(k [16]byte) uint64 { return uint64(k[0]) | uint64(k[8])<<8 }})
	}},
	{"struct to [3]uint64", func(p program) error {
		return run(p, kind[pair, [3]uint64]{cas: true, same: equal[[3]uint64],
			key:   func(i uint16) pair { return pair{int(i % 7), text(i / 7)} },
			value: func(i uint8) [3]uint64 { return [3]uint64{uint64(i), ^uint64(i), uint64(i) << 32} },
			hash:  func(k pair) uint64 { return uint64(k.a) + hashText(k.b) }})
	}},
	{"float64 to any", func(p program) error {
		return run(p, kind[float64, any]{cas: true, same: sameAny, key: float, value: anyValue,
			hash: func(k float64) uint64 {
				if k == 0 {
					return 0 // both zeros
				}
				return math.Float64bits(k)
			}})
	}},
	{"*int to func", func(p program) error {
		return run(p, kind[*int, func() uint8]{
			key: func(i uint16) *int { return &places[i] },
			value: func(i uint8) func() uint8 {
				if i == 0 {
					return nil
				}
				return func() uint8 { return i }
			},
			same: func(a, b func() uint8) bool { return (a == nil) == (b == nil) && (a == nil || a() == b()) },
			hash: func(k *int) uint64 { return uint64(*k) }})
	}},
	{"int to struct{}", func(p program) error {
		return run(p, kind[int, struct{}]{cas: true, same: equal[struct{}],
			key: func(i uint16) int { return int(i) << 20 }, value: func(uint8) struct{} { return struct{}{} },
			hash: func(k int) uint64 { return uint64(k) }})
	}},
	{"any to string", func(p program) error {
		return run(p, kind[any, string]{cas: true, same: equal[string], key: anyKey, value: text[uint8],
			hash: func(k any) uint64 {
				_ = map[any]int{}[k] // panics if k cannot be hashed
				if f, ok := k.(float64); ok && f == 0 {
					k = 0.0
				}
				return hashText(fmt.Sprintf("%T %v", k, k))
			}})
	}},
	{"[3]uint64 to [6]uint64", func(p program) error {
		return run(p, kind[[3]uint64, [6]uint64]{cas: true, same: equal[[6]uint64],
			key:   func(i uint16) [3]uint64 { return [3]uint64{1, uint64(i), 2} },
			value: func(i uint8) [6]uint64 { return [6]uint64{uint64(i), 5: ^uint64(i)} },
			hash:  func(k [3]uint64) uint64 { return k[1] }})
	}},
	{"int32 to *int", func(p program) error {
		return run(p, kind[int32, *int]{cas: true, same: equal[*int],
			key: func(i uint16) int32 { return -int32(i) },
			value: func(i uint8) *int {
				if i == 0 {
					return nil
				}
				return &places[i]
			},
			hash: func(k int32) uint64 { return uint64(k) }})
	}},
	{"struct{} to [2]string", func(p program) error {
		return run(p, kind[struct{}, [2]string]{cas: true, same: equal[[2]string],
			key: func(uint16) struct{} { return struct{}{} }, value: func(i uint8) [2]string { return [2]string{text(i), "x" + text(i)} },
			hash: func(struct{}) uint64 { return 7 }})
	}},
	{"uint64 to float64", func(p program) error {
		return run(p, kind[uint64, float64]{cas: true,
			same: func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) },
			key:  func(i uint16) uint64 { return math.MaxUint64 - uint64(i) }, value: func(i uint8) float64 { return float(uint16(i)) },
			hash: func(k uint64) uint64 { return k }})
	}},
	{"padded to padded", func(p program) error {
		return run(p, kind[loose, loose]{cas: true, same: equal[loose],
			key:   func(i uint16) loose { return loose{a: uint8(i), b: uint64(i)} },
			value: func(i uint8) loose { return loose{a: i, b: uint64(i) << 40} },
			hash:  func(k loose) uint64 { return k.b }})
	}},
	{"blank to []int", func(p program) error {
		return run(p, kind[blank, []int]{
			key:   func(i uint16) blank { return blank{a: uint8(i >> 8), b: uint8(i)} },
			value: func(i uint8) []int { return []int{int(i)} },
			same:  slices.Equal[[]int],
			hash:  func(k blank) uint64 { return uint64(k.a)<<8 | uint64(k.b) }})
	}},
}

type (
	pair struct {
		a int
		b string
	}
	loose struct {
		a uint8 // and seven bytes that do not count
		b uint64
	}
	blank struct {
		a uint8
		_ uint8
		b uint8
	}
)

var places [1 << 16]int // what pointers point to

func init() {
	for i := range places {
		places[i] = i
	}
}

func equal[T comparable](a, b T) bool { return a == b }

// text returns strings of many lengths, the empty one among them, that are
// built anew each time: equal strings at different addresses.
func text[T uint8 | uint16](i T) string {
	if i == 0 {
		return ""
	}
	return strings.Repeat("k", int(i)%19) + fmt.Sprint(i)
}

func hashText(s string) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range []byte(s) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}

// hashers are what a user may come up with, from good to hopeless.
var hashers = []struct {
	name string
	bend func(h uint64) uint64 // nil: the map's own hasher
}{
	{"own", nil},
	{"own", nil},
	{"plain", func(h uint64) uint64 { return h }},
	{"mixed", func(h uint64) uint64 { return (h ^ h>>31) * 0x9e3779b97f4a7c15 }},
	{"constant", func(uint64) uint64 { return 0 }},
	{"all ones", func(uint64) uint64 { return math.MaxUint64 }},
	{"two bits", func(h uint64) uint64 { return h & 3 * 0x5555555555555555 }},
	{"low bits only", func(h uint64) uint64 { return h & 0xff }},
	{"high bits only", func(h uint64) uint64 { return h << 56 }},
}

// A program is a sequence of operations and the map that they work on.
type program struct {
	kind, hasher int
	shrink       freshmap.ShrinkPolicy
	manual       bool
	capacity     int
	keys         uint16 // keys are made of numbers up to it
	ops          []byte // four bytes for each operation
}

// head is the number of bytes in front of the operations.
const head = 4

func decode(data []byte) (program, bool) {
	if len(data) < head {
		return program{}, false
	}
	p := program{
		kind:     int(data[0]) % len(kinds),
		hasher:   int(data[1]) % len(hashers),
		shrink:   freshmap.ShrinkAuto,
		manual:   data[2]&1 != 0,
		capacity: []int{0, 0, 3, 500}[data[2]>>1&3],
		keys:     []uint16{3, 31, 255, 255, 255, 1023, 1023, 4095}[data[3]&7],
		ops:      data[head:],
	}
	if data[2]&8 != 0 {
		p.shrink = freshmap.ShrinkNever
	}
	return p, true
}

func (p program) String() string {
	return fmt.Sprintf("%s, hasher %s, shrink policy %v, manual steps %t, capacity %d, keys %d, %d operations",
		kinds[p.kind].name, hashers[p.hasher].name, p.shrink, p.manual, p.capacity, p.keys+1, len(p.ops)/4)
}

// run runs the program on a map and on a plain map, and returns the first
// difference.
func run[K comparable, V any](p program, k kind[K, V]) (err error) {
	opts := []freshmap.Option{freshmap.WithShrink(p.shrink)}
	if bend := hashers[p.hasher].bend; bend != nil {
		opts = append(opts, freshmap.WithHasher(func(key K) uint64 { return bend(k.hash(key)) }))
	}
	if p.manual {
		opts = append(opts, freshmap.WithManualSteps())
	}
	if p.capacity > 0 {
		opts = append(opts, freshmap.WithCapacity(p.capacity))
	}
	r := &runner[K, V]{program: p, kind: k, m: freshmap.New[K, V](opts...), model: map[K]V{}}
	at := 0
	defer func() {
		if e := recover(); e != nil {
			stack := make([]byte, 8<<10)
			err = fmt.Errorf("panic: %v\n%s", e, stack[:runtime.Stack(stack, false)])
		}
		if err != nil {
			err = fmt.Errorf("operation %d: %w", at, err)
		}
	}()
	defer func() {
		for _, s := range r.snaps {
			s.s.Close()
		}
	}()
	for ; at*4+4 <= len(p.ops); at++ {
		o := p.ops[at*4:]
		name, err := r.do(o[0], (uint16(o[1])|uint16(o[2])<<8)&p.keys, o[3])
		if err == nil && r.m.Len() != len(r.model) {
			err = fmt.Errorf("Len(): got %d, want %d", r.m.Len(), len(r.model))
		}
		if err == nil && at%64 == 63 {
			err = r.check()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := r.check(); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	for _, s := range r.snaps {
		if err := r.contents(s.s.All(), s.model); err != nil {
			return fmt.Errorf("snapshot at the end: %w", err)
		}
	}
	return nil
}

type runner[K comparable, V any] struct {
	program
	kind[K, V]
	m     *freshmap.Map[K, V]
	model map[K]V
	snaps []snap[K, V]
}

type snap[K comparable, V any] struct {
	s     *freshmap.Snapshot[K, V]
	model map[K]V
}

// hashable returns what a plain map says to the key: nil if it takes it.
func hashable[K comparable](k K) (refusal any) {
	return catch(func() { _ = map[K]struct{}{}[k] })
}

// catch calls f and returns what it panicked with.
func catch(f func()) (e any) {
	defer func() { e = recover() }()
	f()
	return nil
}

// compared reports a == b, and whether the comparison panics instead.
func compared[V any](a, b V) (eq, panics bool) {
	panics = catch(func() { eq = any(a) == any(b) }) != nil
	return eq, panics
}

// check compares everything the map says with the model.
func (r *runner[K, V]) check() error {
	if err := r.contents(r.m.Range, r.model); err != nil {
		return fmt.Errorf("Range: %w", err)
	}
	for i := range 64 {
		k := r.key(uint16(i*67) & r.keys)
		if hashable(k) != nil {
			continue
		}
		want, wantOK := r.model[k]
		if got, ok := r.m.Load(k); ok != wantOK || ok && !r.same(got, want) {
			return fmt.Errorf("Load(%#v): got %v %t, want %v %t", k, got, ok, want, wantOK)
		}
	}
	if got := r.m.Stats().Entries; got != len(r.model) {
		return fmt.Errorf("Stats().Entries: got %d, want %d", got, len(r.model))
	}
	return nil
}

// contents compares what an iteration yields with a plain map. NaN keys,
// which a map cannot look up, are only counted.
func (r *runner[K, V]) contents(all func(func(K, V) bool), want map[K]V) (err error) {
	seen, strange := map[K]bool{}, 0
	for k, v := range all {
		w, ok := want[k]
		switch {
		case k != k: // NaN
			strange++
		case !ok:
			err = fmt.Errorf("yields %#v, which is not in the map", k)
		case seen[k]:
			err = fmt.Errorf("yields %#v twice", k)
		case !r.same(v, w):
			err = fmt.Errorf("yields %v for %#v, want %v", v, k, w)
		}
		if err != nil {
			return err
		}
		seen[k] = true
	}
	for k := range want {
		if k != k { // NaN
			strange--
		} else if !seen[k] {
			return fmt.Errorf("does not yield %#v", k)
		}
	}
	if strange != 0 {
		return fmt.Errorf("yields %d entries more with NaN keys than were stored", strange)
	}
	return nil
}

// ops says how often each operation is drawn.
var ops = strings.Fields(strings.Repeat("load store store loadorstore loadorcompute loadandstore loadanddelete delete delete "+
	"keep set remove swap swap compareanddelete compareanddelete step ", 5) +
	strings.Repeat("fill fill drain snapshot checksnapshot close grow shrink fence range rangewrite seqs ", 2) +
	"clear wipe panics panics cutoff store store")

var takesKey = map[string]bool{}

func init() {
	for _, name := range strings.Fields("load store loadorstore loadorcompute loadandstore loadanddelete delete keep set remove swap compareanddelete panics") {
		takesKey[name] = true
	}
}

// do does one operation on both maps.
func (r *runner[K, V]) do(op byte, i uint16, b byte) (string, error) {
	name := ops[int(op)%len(ops)]
	k, v := r.key(i), r.value(b)
	if takesKey[name] && hashable(k) != nil {
		return name, r.refuses(k, v)
	}
	return fmt.Sprintf("%s(%#v, %v)", name, k, v), r.point(name, i, k, v, b)
}

// refuses calls every method with a key that no map takes. The map may see
// that when it hashes the key or when it compares it.
func (r *runner[K, V]) refuses(k K, v V) error {
	want, m := hashable(k), r.m
	for name, f := range map[string]func(){
		"Load": func() { m.Load(k) }, "Store": func() { m.Store(k, v) }, "LoadOrStore": func() { m.LoadOrStore(k, v) },
		"LoadOrCompute": func() { m.LoadOrCompute(k, func() V { return v }) }, "LoadAndStore": func() { m.LoadAndStore(k, v) },
		"LoadAndDelete": func() { m.LoadAndDelete(k) }, "Delete": func() { m.Delete(k) },
		"Compute":        func() { m.Compute(k, func(V, bool) (V, freshmap.Op) { return v, freshmap.Set }) },
		"CompareAndSwap": func() { m.CompareAndSwap(k, v, v) }, "CompareAndDelete": func() { m.CompareAndDelete(k, v) },
	} {
		got := catch(f)
		if e, ok := got.(runtime.Error); !ok || !strings.Contains(e.Error(), "hash of unhashable type") && !strings.Contains(e.Error(), "comparing uncomparable type") {
			return fmt.Errorf("%s(%#v): got panic %v, want %v", name, k, got, want)
		}
	}
	return nil
}

// point does an operation for a key.
func (r *runner[K, V]) point(name string, i uint16, k K, v V, b byte) error {
	m, model := r.m, r.model
	var got, want V
	var ok, wantOK bool
	switch name {
	case "load":
		got, ok = m.Load(k)
		want, wantOK = model[k]
	case "store":
		m.Store(k, v)
		model[k] = v
	case "loadorstore", "loadorcompute":
		if name == "loadorstore" {
			got, ok = m.LoadOrStore(k, v)
		} else {
			got, ok = m.LoadOrCompute(k, func() V { return v })
		}
		if want, wantOK = model[k]; !wantOK {
			model[k], want = v, v
		}
	case "loadandstore":
		got, ok = m.LoadAndStore(k, v)
		want, wantOK = model[k]
		model[k] = v
	case "loadanddelete":
		got, ok = m.LoadAndDelete(k)
		want, wantOK = model[k]
		delete(model, k)
	case "delete":
		m.Delete(k)
		delete(model, k)
	case "keep", "set", "remove":
		return r.compute(map[string]freshmap.Op{"keep": freshmap.Keep, "set": freshmap.Set, "remove": freshmap.Remove}[name], k, v)
	case "swap", "compareanddelete":
		return r.compare(name, k, v, b)
	case "panics":
		return r.panics(k, v)
	default:
		return r.whole(name, i, v, b)
	}
	if ok != wantOK || !r.same(got, want) {
		return fmt.Errorf("got %v %t, want %v %t", got, ok, want, wantOK)
	}
	return nil
}

func (r *runner[K, V]) compute(op freshmap.Op, k K, v V) error {
	want, wantOK := r.model[k]
	var err error
	calls := 0
	got, ok := r.m.Compute(k, func(old V, loaded bool) (V, freshmap.Op) {
		if calls++; loaded != wantOK || !r.same(old, want) {
			err = fmt.Errorf("callback: got %v %t, want %v %t", old, loaded, want, wantOK)
		}
		return v, op
	})
	switch op {
	case freshmap.Set:
		r.model[k], want, wantOK = v, v, true
	case freshmap.Remove:
		delete(r.model, k)
		var zero V
		want, wantOK = zero, false
	}
	if err == nil && calls != 1 {
		err = fmt.Errorf("callback called %d times, want once", calls)
	}
	if err == nil && (ok != wantOK || !r.same(got, want)) {
		err = fmt.Errorf("got %v %t, want %v %t", got, ok, want, wantOK)
	}
	return err
}

// compare compares and swaps or deletes: two times in three with the value
// that is there.
func (r *runner[K, V]) compare(name string, k K, v V, b byte) error {
	cur, present := r.model[k]
	old := r.value(b / 3)
	if present && b%3 != 0 {
		old = cur
	}
	var got bool
	e := catch(func() {
		if name == "swap" {
			got = r.m.CompareAndSwap(k, old, v)
		} else {
			got = r.m.CompareAndDelete(k, old)
		}
	})
	if !r.cas {
		if e == nil {
			return errors.New("got no panic, want one: values cannot be compared")
		}
		return nil
	}
	want, panics := false, false
	if present {
		want, panics = compared(cur, old)
	}
	switch {
	case panics && e == nil:
		return fmt.Errorf("old %v: got no panic, want one: values cannot be compared", old)
	case panics:
		return nil
	case e != nil:
		panic(e)
	case got != want:
		return fmt.Errorf("old %v, have %v %t: got %t, want %t", old, cur, present, got, want)
	case want && name == "swap":
		r.model[k] = v
	case want:
		delete(r.model, k)
	}
	return nil
}

// panics calls back into functions that panic: nothing may change, and no
// lock may stay held.
func (r *runner[K, V]) panics(k K, v V) error {
	if e := catch(func() {
		r.m.Compute(k, func(V, bool) (V, freshmap.Op) { panic("compute") })
	}); e != "compute" {
		return fmt.Errorf("Compute: got panic %v, want %q", e, "compute")
	}
	_, present := r.model[k]
	e := catch(func() { r.m.LoadOrCompute(k, func() V { panic("value") }) })
	if present != (e == nil) || e != nil && e != "value" {
		return fmt.Errorf("LoadOrCompute: got panic %v; key present: %t", e, present)
	}
	return r.point("load", 0, k, v, 0)
}

// whole does operations that are not about one key.
func (r *runner[K, V]) whole(name string, i uint16, v V, b byte) error {
	switch name {
	case "fill", "drain":
		for n := range uint16(b) * 2 {
			if k := r.key((i + n) & r.keys); hashable(k) != nil {
			} else if name == "fill" {
				r.m.Store(k, v)
				r.model[k] = v
			} else {
				r.m.Delete(k)
				delete(r.model, k)
			}
		}
	case "step":
		if did := r.m.Step(); did && !r.m.Migrating() && r.m.Step() {
			return errors.New("Step() worked although Migrating() said that there was nothing to do")
		}
	case "fence":
		if err := r.m.Fence(context.Background()); err != nil {
			return err
		}
		if r.m.Migrating() {
			return errors.New("Migrating(): got true after Fence, want false")
		}
	case "grow":
		r.m.Grow(int(b) * 4)
	case "shrink":
		r.m.Shrink()
	case "clear", "wipe":
		if name == "clear" {
			r.m.Clear()
		} else {
			r.m.Wipe()
		}
		clear(r.model)
		return r.check()
	case "snapshot":
		if len(r.snaps) < 4 {
			r.snaps = append(r.snaps, snap[K, V]{r.m.Snapshot(), maps.Clone(r.model)})
		}
	case "checksnapshot", "close":
		if len(r.snaps) == 0 {
			return nil
		}
		j := int(b) % len(r.snaps)
		s := r.snaps[j]
		if err := r.contents(s.s.All(), s.model); err != nil {
			return err
		}
		if got, want := s.s.Len(), len(s.model); got != want {
			return fmt.Errorf("Snapshot.Len(): got %d, want %d", got, want)
		}
		if k := r.key(i); hashable(k) == nil {
			want, wantOK := s.model[k]
			if got, ok := s.s.Load(k); ok != wantOK || !r.same(got, want) {
				return fmt.Errorf("Snapshot.Load(%#v): got %v %t, want %v %t", k, got, ok, want, wantOK)
			}
		}
		if name == "close" {
			s.s.Close()
			s.s.Close()
			r.snaps = append(r.snaps[:j], r.snaps[j+1:]...)
		}
	case "range":
		return r.check()
	case "rangewrite":
		return r.rangeWrite(i, v, b)
	case "seqs", "cutoff":
		return r.seqs(int(b))
	default:
		return fmt.Errorf("no operation %q", name)
	}
	return nil
}

// rangeWrite writes to the map in the middle of an iteration: a key that
// nobody touches is yielded exactly once, and none is yielded twice.
func (r *runner[K, V]) rangeWrite(i uint16, v V, b byte) (err error) {
	before := maps.Clone(r.model)
	touched, seen, n := map[K]bool{}, map[K]bool{}, 0
	r.m.Range(func(k K, got V) bool {
		if seen[k] && k == k { // not NaN
			err = fmt.Errorf("yields %#v twice", k)
			return false
		}
		seen[k] = true
		if want, ok := before[k]; k == k && !touched[k] && (!ok || !r.same(got, want)) { // not NaN
			err = fmt.Errorf("yields %#v = %v, had %v %t before", k, got, want, ok)
			return false
		}
		if n++; n != 1+int(b)/8 {
			return true
		}
		for j := range uint16(b) {
			k := r.key((i + j) & r.keys)
			if hashable(k) != nil {
				continue
			}
			touched[k] = true
			if b%3 == 0 || b%3 == 1 && j%2 == 0 {
				r.m.Delete(k)
				delete(r.model, k)
			} else {
				r.m.Store(k, v)
				r.model[k] = v
			}
		}
		switch b % 5 {
		case 1:
			r.m.Grow(100)
		case 2:
			r.m.Shrink()
		case 3:
			err = r.m.Fence(context.Background())
		}
		return err == nil
	})
	for k := range before {
		if err == nil && !touched[k] && !seen[k] && k == k { // not NaN
			err = fmt.Errorf("does not yield %#v, which nobody touched", k)
		}
	}
	return err
}

// seqs stops the iterators after n entries.
func (r *runner[K, V]) seqs(n int) error {
	want := min(n+1, len(r.model))
	for name, all := range map[string]func(func() bool){
		"All":    func(f func() bool) { r.m.All()(func(K, V) bool { return f() }) },
		"Keys":   func(f func() bool) { r.m.Keys()(func(K) bool { return f() }) },
		"Values": func(f func() bool) { r.m.Values()(func(V) bool { return f() }) },
		"Range":  func(f func() bool) { r.m.Range(func(K, V) bool { return f() }) },
	} {
		got := 0
		all(func() bool { got++; return got <= n })
		if got != want {
			return fmt.Errorf("%s, stopped after %d: got %d entries, want %d", name, n+1, got, want)
		}
	}
	return nil
}

// generate makes a random program for one kind.
func generate(rng *rand.Rand, kind int) []byte {
	data := make([]byte, head+4*(1+rng.IntN(60)))
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	data[0] = byte(kind)
	return data
}

// reduce removes operations as long as the program still fails.
func reduce(data []byte, err error) ([]byte, error) {
	for chunk := max(len(data)/8, 4) &^ 3; chunk >= 4; chunk = chunk / 2 &^ 3 {
		for at := head; at+chunk <= len(data); {
			less := append(append([]byte(nil), data[:at]...), data[at+chunk:]...)
			p, _ := decode(less)
			if e := kinds[p.kind].run(p); e != nil {
				data, err = less, e
			} else {
				at += chunk
			}
		}
	}
	return data, err
}

// TestPrograms runs thousands of small random programs. The seeds are the
// numbers from 0, so that a failure shows again; the map's own hasher is
// seeded by the runtime, and fails differently in each run.
func TestPrograms(t *testing.T) {
	n := 500
	if testing.Short() {
		n = 40
	}
	for i, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(n) {
				data := generate(rand.New(rand.NewPCG(seed, uint64(i))), i)
				p, _ := decode(data)
				if err := k.run(p); err != nil {
					data, err = reduce(data, err)
					p, _ = decode(data)
					t.Fatalf("seed %d, reduced to %q (%v): %v", seed, data, p, err)
				}
			}
		})
	}
}

// FuzzProgram looks for a program on which the map and a plain map differ.
func FuzzProgram(f *testing.F) {
	rng := rand.New(rand.NewPCG(4, 0))
	for i := range kinds {
		for range 4 {
			f.Add(generate(rng, i))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, ok := decode(data); ok && len(p.ops) <= 4*400 {
			if err := kinds[p.kind].run(p); err != nil {
				t.Fatalf("%v: %v", p, err)
			}
		}
	})
}
