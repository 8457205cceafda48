package dpor

import (
	"cmp"
	"slices"

	"github.com/ghostread/ghostread/explore/event"
)

// An access is a word of memory or an object that a step touches. Its name is
// the same in all executions with the same prefix, although addresses are not:
// who allocated it, as which of its objects, and the place within.
type access struct {
	name  uint64
	write bool
}

// A step is what one goroutine does at a time.
type step struct {
	g        int32
	of       int32 // index of the goroutine
	node     int   // the decision that chose it, -1 if there was no choice
	after    int   // the last decision before it
	upto     int   // the last decision before its end: one about data can be within
	turn     int32 // which of the goroutine's steps it is, from 1
	clock    []int32
	accesses []access
	races    []int32 // earlier steps with which it could change places
	wakes    []int32 // goroutines that it made runnable
	fires    bool    // a timer went off: all that comes after knows all that was before
}

type object struct {
	from, to uint64
	name     uint64
}

// trace is the log of an execution as steps.
type trace struct {
	steps   []step
	nodes   []int32 // step of each decision, -1 for one about data
	gap     string
	objects []object
	names   map[int32]int32 // index of a goroutine
	ids     []int32
	clocks  [][]int32      // of each goroutine, what its next step knows
	live    map[int32]bool // goroutines that could run, were it their turn
	last    map[int32]last // what each goroutine did last
	words   map[uint64]*word
}

// last is a goroutine's last operation, whether it waits in it, and whether it
// has waited in it before.
type last struct {
	kind          event.Kind
	addr          uint64
	parked, woken bool
}

// word is who touched a name last.
type word struct {
	write int32   // step, -1 if none
	reads []int32 // since then
}

func (t *trace) build(log []event.Event, made []decision) {
	*t = trace{names: map[int32]int32{}, words: map[uint64]*word{}, live: map[int32]bool{}, last: map[int32]last{}, nodes: make([]int32, len(made))}
	for d := range t.nodes {
		t.nodes[d] = -1
	}
	t.name(log)
	t.split(log, made)
	for i := range t.steps {
		t.order(int32(i))
	}
}

// name finds the objects that were allocated.
func (t *trace) name(log []event.Event) {
	count := map[int32]uint64{}
	for i := range log {
		if e := &log[i]; e.Kind == event.Alloc {
			count[e.G]++
			t.objects = append(t.objects, object{e.Addr, e.Addr + uint64(max(e.Size, 1)), mix(uint64(e.G)<<32 | count[e.G])})
		}
	}
	slices.SortFunc(t.objects, func(a, b object) int { return cmp.Compare(a.from, b.from) })
}

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (t *trace) nameOf(addr uint64) uint64 {
	i, found := slices.BinarySearchFunc(t.objects, addr, func(o object, a uint64) int { return cmp.Compare(o.from, a) })
	if !found {
		i--
	}
	if i >= 0 && addr < t.objects[i].to {
		return t.objects[i].name + (addr-t.objects[i].from)>>3
	}
	return addr >> 3
}

// maxWords is how many words of a long access are told apart.
const maxWords = 1 << 12

// touch adds what an event touches to a step.
func (t *trace) touch(st *step, e *event.Event) {
	write := true
	switch k := e.Kind; {
	case k.IsMemory():
		write = k.IsWrite()
	case k == event.Acquire, k == event.ChanLen:
		write = false
	case k == event.Spec:
		write = e.Aux != 0 // whether one returns before another is called makes a difference
	case k >= event.Release && k <= event.ReleaseAcquire, k >= event.ChanSend && k <= event.ChanClose, k >= event.Lock && k <= event.CondBroadcast, k == event.TimerSet:
	default:
		return
	}
	n := uint64(1)
	if e.Kind == event.ReadRange || e.Kind == event.WriteRange {
		n = (e.Addr&7 + uint64(e.Size) + 7) >> 3
	}
	if n > maxWords {
		t.miss("an access is too long to be told apart from others")
		n = maxWords
	}
	for i := range n {
		st.accesses = append(st.accesses, access{t.nameOf(e.Addr + 8*i), write})
	}
}

func (t *trace) miss(why string) {
	if t.gap == "" {
		t.gap = why
	}
}

// indexOf returns the index of a goroutine.
func (t *trace) indexOf(g int32) int32 {
	i, ok := t.names[g]
	if !ok {
		i = int32(len(t.ids))
		t.names[g] = i
		t.ids = append(t.ids, g)
		t.clocks = append(t.clocks, nil)
	}
	return i
}

// split cuts the log into steps. Events of order may name another goroutine
// than the one that runs; all others tell who runs.
func (t *trace) split(log []event.Event, made []decision) {
	d := 0      // decisions passed
	sched := -1 // the decision that chose who runs, -1 if nobody was chosen
	running := int32(-1)
	open := false // the current step goes on
	for i := range log {
		e := &log[i]
		for d < len(made) && made[d].pos <= uint64(i) {
			if !made[d].data {
				sched, running, open = d, made[d].chosen, false
			}
			d++
		}
		order := e.Kind >= event.Acquire && e.Kind <= event.ReleaseAcquire
		if running < 0 || e.G != running && !order {
			if running >= 0 && sched >= 0 && !open {
				t.begin(sched, d-1, running) // it did nothing that anybody could notice
			}
			running, sched, open = e.G, -1, false
		}
		if !open {
			t.begin(sched, d-1, running)
			sched, open = -1, true
		}
		st := &t.steps[len(t.steps)-1]
		st.upto = d - 1
		t.touch(st, e)
		t.again(st, e)
		t.life(st, e)
		if e.Kind == event.Block || e.Kind == event.Exit {
			running = -1
		}
	}
}

func (t *trace) begin(node, after int, g int32) {
	of := t.indexOf(g)
	if node >= 0 {
		t.nodes[node] = int32(len(t.steps))
	}
	t.steps = append(t.steps, step{g: g, of: of, node: node, after: after, upto: after})
	if l := t.last[g]; l.parked {
		t.steps[len(t.steps)-1].accesses = []access{{t.nameOf(l.addr), l.kind == event.Lock}}
		l.parked, l.woken = false, true
		t.last[g] = l
	}
}

// again notes what a goroutine does, for its next step: whoever was woken in an
// operation tries again without saying so, and may park again. Others that
// tried in between make a difference to that.
func (t *trace) again(st *step, e *event.Event) {
	switch k := e.Kind; {
	case k.IsAtomic() || k >= event.ChanSend && k <= event.TimerSet:
		t.last[e.G] = last{kind: k, addr: e.Addr}
	case k == event.Block:
		l := t.last[e.G]
		if l.woken {
			st.accesses = append(st.accesses, access{t.nameOf(l.addr), true})
		}
		l.parked = l.kind.IsAtomic() || l.kind == event.Lock || l.kind == event.RLock || l.kind == event.WaitGroupWait
		t.last[e.G] = l
	}
}

// life notes who can run.
func (t *trace) life(st *step, e *event.Event) {
	switch e.Kind {
	case event.Spawn, event.Wake:
		g := int32(e.Aux)
		st.wakes = append(st.wakes, g)
		t.live[g] = true
	case event.Block, event.Exit:
		delete(t.live, e.G)
	case event.Adopt:
		t.miss("a goroutine from before the execution, or a finalizer, took part")
	case event.TimerFire:
		st.fires = true
		if len(t.live) > 0 {
			t.miss("time went on while goroutines could run")
		}
	case event.GC:
		t.miss("the test runs the garbage collector")
	case event.Count:
		t.miss("the test looks at how many goroutines there are, or where")
	}
}

// earlier is a step that another one depends on. It is a type of its own, as
// is clone, so that what sorts it has no copy in the program under test:
// [explore.TestPlainCopies].
type earlier struct{ step int32 }

func clone(clock []int32) []int32 { return append([]int32(nil), clock...) }

// order finds out what is known to step i, and which earlier steps it races
// with: those that it depends on, unless another step between them does too.
func (t *trace) order(i int32) {
	st := &t.steps[i]
	clock := clone(t.clocks[st.of])
	if st.fires {
		for _, c := range t.clocks {
			clock = join(clock, c)
		}
	}
	var before []earlier
	for _, a := range st.accesses {
		w := t.words[a.name]
		if w == nil {
			w = &word{write: -1}
			t.words[a.name] = w
		}
		if w.write >= 0 && w.write != i {
			before = append(before, earlier{w.write})
		}
		if !a.write {
			if len(w.reads) == 0 || w.reads[len(w.reads)-1] != i {
				w.reads = append(w.reads, i)
			}
			continue
		}
		for _, r := range w.reads {
			if r != i {
				before = append(before, earlier{r})
			}
		}
		w.write, w.reads = i, w.reads[:0]
	}
	slices.SortFunc(before, func(a, b earlier) int { return cmp.Compare(b.step, a.step) })
	for _, e := range slices.Compact(before) {
		b := e.step
		prev := &t.steps[b]
		if prev.of == st.of || known(clock, prev.of) >= prev.turn {
			continue
		}
		st.races = append(st.races, b)
		clock = join(clock, prev.clock)
	}
	st.turn = known(clock, st.of) + 1
	clock = join(clock, make([]int32, st.of+1))
	clock[st.of] = st.turn
	st.clock = clock
	t.clocks[st.of] = clock
	for _, g := range st.wakes {
		of := t.indexOf(g)
		t.clocks[of] = join(clone(t.clocks[of]), clock)
	}
	if st.fires {
		for of := range t.clocks {
			t.clocks[of] = join(clone(t.clocks[of]), clock)
		}
	}
}

func known(clock []int32, of int32) int32 {
	if int(of) < len(clock) {
		return clock[of]
	}
	return 0
}

// join raises clock, which it may change, to the other one.
func join(clock, other []int32) []int32 {
	for len(clock) < len(other) {
		clock = append(clock, 0)
	}
	for k, x := range other {
		clock[k] = max(clock[k], x)
	}
	return clock
}

// initials returns the goroutines that could be the first to run if step j, and
// what lies between and does not depend on step i, ran before i.
func (t *trace) initials(i, j int) (list []int32) {
	first := &t.steps[i]
	var heads []*step // the first step of each goroutine
	for k := i + 1; k <= j; k++ {
		st := &t.steps[k]
		if k < j && known(st.clock, first.of) >= first.turn || slices.ContainsFunc(heads, func(h *step) bool { return h.of == st.of }) {
			continue
		}
		if !slices.ContainsFunc(heads, func(h *step) bool { return known(st.clock, h.of) >= h.turn }) {
			list = append(list, st.g)
		}
		heads = append(heads, st)
	}
	return list
}

// at returns the step that was scheduled by decision d, nil if it had no
// events or the decision was about data.
func (t *trace) at(d int) *step {
	if d < len(t.nodes) && t.nodes[d] >= 0 {
		return &t.steps[t.nodes[d]]
	}
	return nil
}

// touched reports whether the steps between decision d and the next one wake
// up who sleeps: whether one of them depends on the step that the sleeper
// would make.
func (t *trace) touched(d int, s sleeper) bool {
	for i := range t.steps {
		st := &t.steps[i]
		if st.after == d && (st.fires || dependent(st.accesses, s.accesses)) {
			return true
		}
	}
	return false
}

func dependent(a, b []access) bool {
	for _, x := range a {
		for _, y := range b {
			if x.name == y.name && (x.write || y.write) {
				return true
			}
		}
	}
	return false
}

// union returns the accesses of both lists, each once.
func union(a, b []access) []access {
	for _, x := range b {
		if !slices.Contains(a, x) {
			a = append(a, x)
		}
	}
	return a
}
