package freshmap_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ghostread/ghostread/freshmap"
	"github.com/ghostread/ghostread/internal/linear"
)

// The histories of these tests are recorded while several goroutines use few
// hot keys of one map and another makes the map grow and shrink with other
// keys. Each worker writes what it asked and was told into a buffer of its own;
// a counter that all of them raise at calls and returns gives the times. Then
// package linear looks for an order that explains every answer.

// historySeed returns the seed of a test and prints it. FRESHMAP_SEED sets
// another one.
func historySeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(20240613)
	if s := os.Getenv("FRESHMAP_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("FRESHMAP_SEED=%q: %v", s, err)
		}
		seed = n
	}
	t.Logf("FRESHMAP_SEED=%d", seed)
	return seed
}

// shape says how keys and values of some types are made from numbers and told
// apart. Values are made whole and looked at whole: id returns -1 for one that
// nobody stored, such as a mixture of two.
type shape[K, V comparable] struct {
	key  func(int) K
	make func(int64) V
	id   func(V) int64
}

// number returns what a history says of a value that an operation returned
// with the given second result.
func (s shape[K, V]) number(v V, ok bool) int64 {
	var zero V
	switch {
	case ok:
		return s.id(v)
	case v != zero:
		return -1
	}
	return 0
}

// A pointMap is what the workers use: freshmap.Map, and wrong maps.
type pointMap[K, V comparable] interface {
	Load(K) (V, bool)
	Store(K, V)
	LoadOrStore(K, V) (V, bool)
	LoadOrCompute(K, func() V) (V, bool)
	LoadAndStore(K, V) (V, bool)
	LoadAndDelete(K) (V, bool)
	Delete(K)
	Compute(K, func(V, bool) (V, freshmap.Op)) (V, bool)
	CompareAndSwap(K, V, V) bool
	CompareAndDelete(K, V) bool
	Clear()
	Wipe()
	Len() int
	Range(func(K, V) bool)
	Snapshot() *freshmap.Snapshot[K, V]
	Grow(int)
	Shrink()
	Step() bool
	Fence(context.Context) error
}

// plan says what happens in a history.
type plan struct {
	workers, rounds, ops int // ops of each worker in each round

	clear     bool // workers call Clear
	snapshots bool // workers take snapshots
	ranges    bool // workers range over the map; only for checks by key
	whole     bool // check the map as a whole, not key by key
	fillers   int  // at most so many other keys come and go; 0 means that nobody makes the map grow
}

// hot is how many keys the workers share.
const hot = linear.Width

// A recording is a map in use, and what its clients have seen.
type recording[K, V comparable] struct {
	t     *testing.T
	m     pointMap[K, V]
	shape shape[K, V]
	plan  plan
	keys  [hot]K
	index map[K]int // of hot keys
	clock atomic.Int64

	states [hot][]int64  // possible states of each key before a round
	whole  []linear.Keys // possible states of the map before a round
	ops    int
	churns atomic.Int64 // completed cycles of growing and shrinking
}

func newRecording[K, V comparable](t *testing.T, m pointMap[K, V], s shape[K, V], p plan) *recording[K, V] {
	r := &recording[K, V]{t: t, m: m, shape: s, plan: p, index: make(map[K]int), whole: []linear.Keys{{}}}
	for i := range hot {
		r.keys[i] = s.key(i)
		r.index[r.keys[i]] = i
		r.states[i] = []int64{0}
	}
	return r
}

type histOp = linear.Op[linear.Action]

// A worker makes operations on the hot keys.
type worker[K, V comparable] struct {
	*recording[K, V]
	client int
	rng    *rand.Rand
	serial int64
	dawdle bool   // callbacks of the next operation let others run, and Clear wipes
	last   [hot]V // what it saw last, for CompareAndSwap
	ops    []histOp
}

// act makes an operation that chance chooses.
func (w *worker[K, V]) act() {
	w.dawdle = w.rng.IntN(8) == 0
	w.do(w.kind(), w.rng.IntN(hot))
}

// do makes one operation, with a new value if it takes one, and records it.
// Only the call of the map lies between the two looks at the clock.
func (w *worker[K, V]) do(kind linear.Kind, i int) {
	k := w.keys[i]
	w.serial++
	v := w.shape.make(int64(w.client+1)<<40 | w.serial)
	a := linear.Action{Kind: kind, Key: i, Arg: w.shape.id(v)}

	var got, old V
	var ok, seen bool
	compute := func(op freshmap.Op) func(V, bool) (V, freshmap.Op) {
		return func(o V, loaded bool) (V, freshmap.Op) {
			a.Called++
			old, seen = o, loaded
			if w.dawdle {
				runtime.Gosched()
			}
			return v, op
		}
	}
	call := w.clock.Add(1)
	switch kind {
	case linear.Load:
		got, ok = w.m.Load(k)
	case linear.Store:
		w.m.Store(k, v)
	case linear.LoadOrStore:
		got, ok = w.m.LoadOrStore(k, v)
	case linear.LoadOrCompute:
		got, ok = w.m.LoadOrCompute(k, func() V {
			a.Called++
			if w.dawdle {
				runtime.Gosched()
			}
			return v
		})
	case linear.LoadAndStore:
		got, ok = w.m.LoadAndStore(k, v)
	case linear.LoadAndDelete:
		got, ok = w.m.LoadAndDelete(k)
	case linear.Delete:
		w.m.Delete(k)
	case linear.ComputeKeep:
		got, ok = w.m.Compute(k, compute(freshmap.Keep))
	case linear.ComputeSet:
		got, ok = w.m.Compute(k, compute(freshmap.Set))
	case linear.ComputeRemove:
		got, ok = w.m.Compute(k, compute(freshmap.Remove))
	case linear.CompareAndSwap:
		ok = w.m.CompareAndSwap(k, w.last[i], v)
	case linear.CompareAndDelete:
		ok = w.m.CompareAndDelete(k, w.last[i])
	case linear.Clear:
		if w.dawdle {
			w.m.Wipe()
		} else {
			w.m.Clear()
		}
	case linear.All:
		if w.plan.ranges && (!w.plan.snapshots || w.dawdle) {
			a.Keys = w.look()
		} else {
			s := w.m.Snapshot()
			defer s.Close()
			defer func() {
				// Read after the return: the moment is that of Snapshot.
				for i, k := range w.keys {
					w.ops[len(w.ops)-1].Action.Keys[i] = w.shape.number(s.Load(k))
				}
			}()
		}
	}
	ret := w.clock.Add(1)

	switch kind {
	case linear.LoadOrStore, linear.LoadOrCompute:
		a.Got, a.OK = w.shape.number(got, true), ok // a value in any case
		w.last[i] = got
	case linear.CompareAndSwap, linear.CompareAndDelete:
		a.OK = ok
		a.Old = -1 // what nobody stored
		if w.last[i] != *new(V) {
			a.Old = w.shape.id(w.last[i])
		}
		if ok {
			w.last[i] = v
		}
	case linear.ComputeKeep, linear.ComputeSet, linear.ComputeRemove:
		a.Old = w.shape.number(old, seen)
		fallthrough
	default:
		a.Got, a.OK = w.shape.number(got, ok), ok
		if ok {
			w.last[i] = got
		}
	}
	w.ops = append(w.ops, histOp{Client: w.client, Call: call, Return: ret, Action: a})
}

// kind draws an operation: a third are loads, few concern the whole map.
func (w *worker[K, V]) kind() linear.Kind {
	switch n := w.rng.IntN(60); {
	case n == 0 && w.plan.clear:
		return linear.Clear
	case n <= 2 && (w.plan.snapshots || w.plan.ranges):
		return linear.All
	case n < 20:
		return linear.Load
	}
	return linear.Kind(w.rng.IntN(int(linear.PointKinds)))
}

// look returns the hot keys that Range visits.
func (r *recording[K, V]) look() linear.Keys {
	var keys linear.Keys
	visited := make(map[K]bool)
	r.m.Range(func(k K, v V) bool {
		if visited[k] {
			r.t.Errorf("Range: visited key %v twice, want once", k)
		}
		visited[k] = true
		id := r.shape.id(v)
		if id <= 0 {
			r.t.Errorf("Range: got value %v for key %v, which nobody stored", v, k)
		}
		if i, ok := r.index[k]; ok {
			keys[i] = id
		}
		return true
	})
	return keys
}

// churn makes the map grow and shrink until stop is set, at least once. Nobody
// else writes its keys, so unless workers clear the map it knows exactly what
// has to be there, in the map and in snapshots.
func (r *recording[K, V]) churn(rng *rand.Rand, stop *atomic.Bool) {
	present := 0
	check := func(where string, load func(K) (V, bool), present int) {
		if r.plan.clear {
			return
		}
		for j := range r.plan.fillers {
			v, ok := load(r.shape.key(hot + j))
			if got, want := r.shape.number(v, ok), r.shape.id(r.shape.make(int64(j+1))); ok != (j < present) || ok && got != want {
				r.t.Errorf("%s, filler %d of %d: got %d, %t, want %d, %t", where, j, present, got, ok, want, j < present)
				return
			}
		}
	}
	fill := func(n int) {
		for ; present < n; present++ {
			r.m.Store(r.shape.key(hot+present), r.shape.make(int64(present+1)))
		}
		for ; present > n; present-- {
			r.m.Delete(r.shape.key(hot + present - 1))
		}
	}
	for {
		fill(rng.IntN(r.plan.fillers))
		if rng.IntN(4) == 0 {
			r.m.Grow(rng.IntN(4 * r.plan.fillers))
		}
		check("after growing", r.m.Load, present)
		if rng.IntN(3) == 0 {
			s, then := r.m.Snapshot(), present
			fill(rng.IntN(r.plan.fillers))
			r.m.Shrink()
			check("snapshot", s.Load, then)
			s.Close()
		}
		fill(rng.IntN(1 + r.plan.fillers/8))
		switch rng.IntN(3) {
		case 0:
			r.m.Shrink()
		case 1:
			if err := r.m.Fence(context.Background()); err != nil {
				r.t.Errorf("Fence = %v, want nil", err)
			}
		case 2:
			for range rng.IntN(20) {
				r.m.Step()
			}
		}
		check("after shrinking", r.m.Load, present)
		r.churns.Add(1)
		if stop.Load() {
			fill(0)
			return
		}
	}
}

// run records and checks the rounds of a plan and returns the first violation.
func (r *recording[K, V]) run(seed uint64) error {
	workers := make([]*worker[K, V], r.plan.workers)
	for i := range workers {
		workers[i] = &worker[K, V]{recording: r, client: i, rng: rand.New(rand.NewPCG(seed, uint64(i)))}
	}
	churn := rand.New(rand.NewPCG(seed, 1<<32))
	for range r.plan.rounds {
		var working, churning sync.WaitGroup
		var stop atomic.Bool
		if r.plan.fillers > 0 {
			churning.Go(func() { r.churn(churn, &stop) })
		}
		for _, w := range workers {
			w.ops = w.ops[:0]
			working.Go(func() {
				for range r.plan.ops {
					w.act()
				}
			})
		}
		working.Wait()
		stop.Store(true)
		churning.Wait()

		var history []histOp
		for _, w := range workers {
			history = append(history, w.ops...)
		}
		// Nothing runs now, so that what there is can be counted. Clear may
		// have removed fillers, but churn has not left any.
		now := r.clock.Add(1)
		quiet := func(a linear.Action) {
			history = append(history, histOp{Client: -1, Call: now, Return: now, Action: a})
		}
		keys, present := r.look(), 0
		for _, v := range keys {
			if v != 0 {
				present++
			}
		}
		if got := r.m.Len(); got != present {
			r.t.Errorf("Len() = %d, want %d", got, present)
		}
		quiet(linear.Action{Kind: linear.Len, Got: int64(present)})
		quiet(linear.Action{Kind: linear.All, Keys: keys})
		if err := r.check(history); err != nil {
			return err
		}
		r.ops += len(history)
		if r.t.Failed() {
			return nil
		}
	}
	return nil
}

// check looks for an explanation of the history of a round and remembers in
// which states it can have ended.
func (r *recording[K, V]) check(history []histOp) (err error) {
	if r.plan.whole {
		r.whole, err = linear.Check(r.whole, history, linear.Whole)
		return err
	}
	var parts [hot][]histOp
	for _, o := range history {
		switch o.Action.Kind {
		case linear.Clear:
			for i := range parts {
				parts[i] = append(parts[i], o)
			}
		case linear.All: // a look at each key, at a moment of its own
			for i, v := range o.Action.Keys {
				load := o
				load.Action = linear.Action{Kind: linear.Load, Key: i, Got: v, OK: v != 0}
				parts[i] = append(parts[i], load)
			}
		case linear.Len:
		default:
			parts[o.Action.Key] = append(parts[o.Action.Key], o)
		}
	}
	for i, part := range parts {
		if r.states[i], err = linear.Check(r.states[i], part, linear.Register); err != nil {
			return fmt.Errorf("key %d: %w", i, err)
		}
	}
	return nil
}

// record runs a plan on a new map and fails on a violation.
func record[K, V comparable](t *testing.T, s shape[K, V], p plan, opts ...freshmap.Option) {
	t.Helper()
	// More threads than processors: the kernel stops them anywhere, in the
	// middle of an operation too.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	seed := historySeed(t)
	r := newRecording(t, pointMap[K, V](freshmap.New[K, V](opts...)), s, p)
	if err := r.run(seed); err != nil {
		t.Error(err)
	}
	t.Logf("%d operations, %d cycles of growth and shrinking", r.ops, r.churns.Load())
}

// shortPlan returns a plan, with a tenth of the rounds in short mode: the race
// detector makes them take as much longer.
func shortPlan(p plan) plan {
	if testing.Short() {
		p.rounds = max(1, p.rounds/10)
	}
	return p
}

var intInt = shape[int, int]{
	key:  func(i int) int { return i },
	make: func(n int64) int { return int(n) },
	id:   func(v int) int64 { return int64(v) },
}

// TestPointOperationsAreLinearizable checks each key of maps of many types,
// with growth and shrinking going on, and with Clear, snapshots and Range.
func TestPointOperationsAreLinearizable(t *testing.T) {
	p := shortPlan(plan{workers: 4, rounds: 40, ops: 1500, clear: false, snapshots: true, ranges: true, fillers: 400})
	cleared := p
	cleared.clear = true
	t.Run("int int", func(t *testing.T) {
		p := p
		p.rounds *= 4
		record(t, intInt, p)
	})
	t.Run("int int, cleared", func(t *testing.T) { record(t, intInt, cleared) })
	t.Run("int int, large", func(t *testing.T) {
		p := p
		p.fillers = 6000
		record(t, intInt, p)
	})
	t.Run("int int, colliding hashes", func(t *testing.T) {
		// The same tag and the same home for all, many equal hashes.
		record(t, intInt, cleared, freshmap.WithHasher(func(k int) uint64 { return uint64(k%32) << 59 }))
	})
	t.Run("int int, one hash", func(t *testing.T) {
		p := cleared
		p.fillers = 120
		record(t, intInt, p, freshmap.WithHasher(func(int) uint64 { return 1 }))
	})
	t.Run("int int, manual steps", func(t *testing.T) { record(t, intInt, p, freshmap.WithManualSteps()) })
	t.Run("int int, room", func(t *testing.T) {
		record(t, intInt, cleared, freshmap.WithCapacity(1000), freshmap.WithShrink(freshmap.ShrinkNever))
	})
	t.Run("string int", func(t *testing.T) { record(t, stringInt, cleared) })
	t.Run("pair string", func(t *testing.T) { record(t, pairString, p) })
	t.Run("boxed wide", func(t *testing.T) { record(t, boxedWide, p) })
	t.Run("boxed wide, cleared", func(t *testing.T) { record(t, boxedWide, cleared) })
	t.Run("string padded", func(t *testing.T) { record(t, stringPadded, cleared) })
	t.Run("int pointer", func(t *testing.T) { record(t, intPointer, cleared) })
	t.Run("pointer any", func(t *testing.T) { record(t, pointerAny(), p) })
	t.Run("int any", func(t *testing.T) { record(t, intAny, cleared) })
	t.Run("int big", func(t *testing.T) { record(t, intBig, p) })
	t.Run("byte byte", func(t *testing.T) {
		p := cleared
		p.fillers = 200
		record(t, byteByte, p)
	})
}

// TestWholeMapIsLinearizable checks that Clear and Snapshot concern all keys at
// one moment.
func TestWholeMapIsLinearizable(t *testing.T) {
	p := shortPlan(plan{workers: 3, rounds: 150, ops: 250, clear: true, snapshots: true, fillers: 300, whole: true})
	t.Run("int int", func(t *testing.T) { record(t, intInt, p) })
	t.Run("boxed wide", func(t *testing.T) { record(t, boxedWide, p) })
	t.Run("without others", func(t *testing.T) {
		p := p
		p.fillers = 0
		record(t, intInt, p)
	})
	t.Run("one segment", func(t *testing.T) {
		p := p
		p.fillers = 40
		record(t, stringInt, p)
	})
}

// forgetful loses a hot key when it grows.
type forgetful struct{ *freshmap.Map[int, int] }

func (m forgetful) Grow(n int) {
	m.Map.Grow(n)
	m.Map.Delete(0)
}

// stale serves loads from a copy that is refreshed now and then.
type stale struct {
	*freshmap.Map[int, int]
	loads *atomic.Int64
	copy  *freshmap.Map[int, int]
}

func (m stale) Load(k int) (int, bool) {
	if m.loads.Add(1)%16 == 0 {
		if v, ok := m.Map.Load(k); ok {
			m.copy.Store(k, v)
		} else {
			m.copy.Delete(k)
		}
	}
	if k >= hot {
		return m.Map.Load(k)
	}
	return m.copy.Load(k)
}

// hasty tells two callers that each of them was first.
type hasty struct{ *freshmap.Map[int, int] }

func (m hasty) LoadOrStore(k, v int) (int, bool) {
	if v, ok := m.Map.Load(k); ok {
		return v, true
	}
	runtime.Gosched()
	m.Map.Store(k, v)
	return v, false
}

// piecemeal clears key after key. In between it waits until the others have
// seen something of it, or have nothing more to do.
type piecemeal struct {
	*freshmap.Map[int, int]
	clock **atomic.Int64
}

func (m piecemeal) Clear() {
	m.Map.Delete(0)
	m.Map.Delete(1)
	for until, n := (*m.clock).Load()+50, 0; n < 10000 && (*m.clock).Load() < until; n++ {
		runtime.Gosched()
	}
	m.Map.Clear()
}

// A check that convicts nobody shows nothing: maps with the mistakes that maps
// make are found out.
func TestWrongMapsAreConvicted(t *testing.T) {
	seed := historySeed(t)
	p := plan{workers: 4, rounds: 300, ops: 250, fillers: 200}
	whole := plan{workers: 3, rounds: 300, ops: 250, clear: true, snapshots: true, whole: true}
	clock := new(*atomic.Int64)
	tests := []struct {
		name string
		m    pointMap[int, int]
		plan plan
	}{
		{"an entry is lost by growth", forgetful{freshmap.New[int, int]()}, p},
		{"loads are stale", stale{freshmap.New[int, int](), new(atomic.Int64), freshmap.New[int, int]()}, p},
		{"two are first", hasty{freshmap.New[int, int]()}, p},
		{"clear is not at one moment", piecemeal{freshmap.New[int, int](), clock}, whole},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRecording(t, tt.m, intInt, tt.plan)
			*clock = &r.clock
			err := r.run(seed)
			if err == nil {
				t.Errorf("check of %d operations = nil, want a violation", r.ops)
				return
			}
			t.Logf("convicted after %d operations", r.ops)
		})
	}
}

// The shapes of keys and values. A wide value says its number in every word, so
// that a torn one shows.

var stringInt = shape[string, int]{
	key:  func(i int) string { return "key " + strconv.Itoa(i) },
	make: intInt.make,
	id:   intInt.id,
}

var pairString = shape[[16]byte, string]{
	key: func(i int) [16]byte {
		var k [16]byte
		copy(k[i%13:], strconv.Itoa(i))
		return k
	},
	make: func(n int64) string {
		// Lengths differ, so that the pointer of one with the length of
		// another does not pass for either.
		s := strconv.FormatInt(n, 10)
		for range n % 5 {
			s += "." + s[:1]
		}
		return s
	},
	id: func(v string) int64 {
		digits := v
		for i := range v {
			if v[i] == '.' {
				digits = v[:i]
				break
			}
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || len(v) != len(digits)+2*int(n%5) {
			return -1
		}
		return n
	},
}

// boxedKey is too large and too particular to lie in a slot.
type boxedKey struct {
	a int64
	s string
	b int8
}

var boxedWide = shape[boxedKey, [3]uint64]{
	key:  func(i int) boxedKey { return boxedKey{int64(i % 2), strconv.Itoa(i / 2), int8(i % 3)} },
	make: func(n int64) [3]uint64 { return [3]uint64{uint64(n), ^uint64(n), uint64(n) * 0x9e3779b97f4a7c15} },
	id: func(v [3]uint64) int64 {
		if v[1] != ^v[0] || v[2] != v[0]*0x9e3779b97f4a7c15 {
			return -1
		}
		return int64(v[0])
	},
}

// paddedValue has bytes that belong to no field, and ends in the middle of a word.
type paddedValue struct {
	a uint8
	b int64
	c uint32
}

var stringPadded = shape[string, paddedValue]{
	key:  stringInt.key,
	make: func(n int64) paddedValue { return paddedValue{uint8(n), n, uint32(n) * 7} },
	id: func(v paddedValue) int64 {
		if v != (paddedValue{uint8(v.b), v.b, uint32(v.b) * 7}) {
			return -1
		}
		return v.b
	},
}

type numbered struct{ a, b int64 }

func (o *numbered) number() int64 {
	if o.b != -o.a {
		return -1
	}
	return o.a
}

// Two pointers are two values, so a number has one of them.
var intPointer = func() shape[int, *numbered] {
	var known sync.Map // the fillers, which are made again to be compared
	return shape[int, *numbered]{
		key: func(i int) int { return -i },
		make: func(n int64) *numbered {
			o := &numbered{n, -n}
			if n < 1<<40 {
				known, _ := known.LoadOrStore(n, o)
				return known.(*numbered)
			}
			return o
		},
		id: (*numbered).number,
	}
}()

// pointerAny has new keys in each map: pointers, as such.
func pointerAny() shape[*numbered, any] {
	keys := make([]numbered, 1<<14)
	return shape[*numbered, any]{key: func(i int) *numbered { return &keys[i] }, make: intAny.make, id: intAny.id}
}

var intAny = shape[int, any]{
	key: func(i int) int { return i << 20 },
	make: func(n int64) any {
		// Types take turns: the type of one with the word of another is neither.
		switch n % 4 {
		case 0:
			return n
		case 1:
			return numbered{n, -n}
		case 2:
			return [1]int64{n}
		}
		return strconv.FormatInt(n, 10)
	},
	id: func(v any) int64 {
		var n, kind int64 = -1, -1
		switch v := v.(type) {
		case int64:
			n, kind = v, 0
		case numbered:
			n, kind = v.number(), 1
		case [1]int64:
			n, kind = v[0], 2
		case string:
			n, _ = strconv.ParseInt(v, 10, 64)
			kind = 3
		}
		if n%4 != kind {
			return -1
		}
		return n
	},
}

var intBig = shape[int, [8]int64]{
	key: intInt.key,
	make: func(n int64) (v [8]int64) {
		for i := range v {
			v[i] = n + int64(i)
		}
		return v
	},
	id: func(v [8]int64) int64 {
		for i, x := range v {
			if x != v[0]+int64(i) {
				return -1
			}
		}
		return v[0]
	},
}

// byteByte has few keys, and values that come again.
var byteByte = shape[byte, byte]{
	key:  func(i int) byte { return byte(i) },
	make: func(n int64) byte { return byte(n%255 + 1) },
	id:   func(v byte) int64 { return int64(v) },
}
