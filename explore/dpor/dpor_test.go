package dpor

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/explore/strategy"
)

// A program is a few goroutines of a few operations each, run by a model of
// the runtime core: it asks at the same places and logs the same events.
type program [][]op

type op struct {
	kind event.Kind
	obj  int
}

func (o op) String() string { return fmt.Sprintf("%v(%d)", o.kind, o.obj) }

const objects = 3

// machine is the state of one execution.
type machine struct {
	log     []event.Event
	pc      []int
	blocked []int // object+1, 0 if it can run
	vars    [objects]int
	held    [objects]bool
	queue   [objects]int // messages in a channel of capacity 1
	regs    []string
}

// run executes p under choose and returns its outcome: what was read, what is
// left, who is stuck.
func (p program) run(s strategy.Strategy) (string, []event.Event) {
	m := &machine{pc: make([]int, len(p)), blocked: make([]int, len(p)), regs: make([]string, len(p))}
	for g := range p {
		m.emit(event.Event{Kind: event.Spawn, G: 0, Aux: uint64(g + 1)})
	}
	m.emit(event.Event{Kind: event.Exit, G: 0})
	cur := int32(0)
	step := uint64(0)
	for {
		var enabled []int32
		for g := range p {
			if m.pc[g] < len(p[g]) && m.blocked[g] == 0 {
				enabled = append(enabled, int32(g+1))
			}
		}
		if len(enabled) == 0 {
			break
		}
		next := enabled[0]
		if len(enabled) > 1 {
			c := &strategy.Choice{Enabled: enabled, Step: step, Events: uint64(len(m.log))}
			if slices.Contains(enabled, cur) {
				c.Cur, c.Kind = cur, p[cur-1][m.pc[cur-1]].kind
			}
			next = enabled[s.Choose(c)]
		}
		step++
		cur = next
		m.step(p, int(next-1))
	}
	stuck := ""
	for g := range p {
		if m.pc[g] < len(p[g]) {
			stuck += fmt.Sprint(" stuck", g)
		}
	}
	return fmt.Sprint(m.regs, m.vars, m.queue, stuck), m.log
}

func (m *machine) emit(e event.Event) { m.log = append(m.log, e) }

func (m *machine) step(p program, g int) {
	o := p[g][m.pc[g]]
	addr := uint64(0x1000 + 0x100*int(o.kind&^15) + 8*o.obj)
	m.emit(event.Event{Kind: o.kind, G: int32(g + 1), Addr: addr})
	wait := func() {
		m.blocked[g] = o.obj + 1
		m.emit(event.Event{Kind: event.Block, G: int32(g + 1)})
	}
	wake := func(kinds ...event.Kind) {
		for w := range p {
			if m.blocked[w] == o.obj+1 && slices.Contains(kinds, p[w][m.pc[w]].kind) {
				m.blocked[w] = 0
				m.emit(event.Event{Kind: event.Wake, G: int32(g + 1), Aux: uint64(w + 1)})
				return
			}
		}
	}
	switch o.kind {
	case event.Read, event.AtomicLoad:
		m.regs[g] += fmt.Sprint(m.vars[o.obj], ",")
	case event.Write, event.AtomicStore:
		m.vars[o.obj] = 10*(g+1) + m.pc[g]
	case event.AtomicRMW:
		m.regs[g] += fmt.Sprint(m.vars[o.obj], ",")
		m.vars[o.obj]++
	case event.Lock:
		if m.held[o.obj] {
			wait()
			return
		}
		m.held[o.obj] = true
	case event.Unlock:
		m.held[o.obj] = false
		wake(event.Lock)
	case event.ChanSend:
		if m.queue[o.obj] > 0 {
			wait()
			return
		}
		m.queue[o.obj] = 10*(g+1) + m.pc[g]
		wake(event.ChanRecv)
	case event.ChanRecv:
		if m.queue[o.obj] == 0 {
			wait()
			return
		}
		m.regs[g] += fmt.Sprint("c", m.queue[o.obj], ",")
		m.queue[o.obj] = 0
		wake(event.ChanSend)
	}
	m.pc[g]++
}

// prefix follows decisions and then takes the first goroutine, noting how many
// there were each time.
type prefix struct {
	want   []int
	counts []int
}

func (f *prefix) Begin(uint64) {}
func (f *prefix) End(uint64)   {}
func (f *prefix) Choose(c *strategy.Choice) int32 {
	k := 0
	if len(f.counts) < len(f.want) {
		k = f.want[len(f.counts)]
	}
	f.counts = append(f.counts, len(c.Enabled))
	return int32(k)
}

// all returns the outcomes of all schedules, and how many schedules there are;
// none if there are too many.
func (p program) all(limit int) (map[string]bool, int) {
	out := map[string]bool{}
	var want []int
	for n := 1; ; n++ {
		f := &prefix{want: want}
		o, _ := p.run(f)
		out[o] = true
		if n == limit {
			return nil, 0
		}
		for len(want) < len(f.counts) {
			want = append(want, 0)
		}
		for len(want) > 0 && want[len(want)-1] == f.counts[len(want)-1]-1 {
			want = want[:len(want)-1]
		}
		if len(want) == 0 {
			return out, n
		}
		want[len(want)-1]++
	}
}

func (p program) reduced(t testing.TB, limit int) (map[string]bool, uint64, uint64) {
	t.Helper()
	out := map[string]bool{}
	s := New()
	for n := 0; !s.Done(); n++ {
		if n == limit {
			t.Fatalf("no end after %d executions of %v", n, p)
		}
		s.Begin(1)
		o, log := p.run(s)
		s.End(0)
		s.Learn(log)
		out[o] = true
	}
	if g := s.Gap(); g != "" {
		t.Fatalf("gap: %s, in %v", g, p)
	}
	explored, redundant := s.Executions()
	return out, explored, redundant
}

func (p program) check(t *testing.T) (schedules int, explored, redundant uint64) {
	t.Helper()
	want, n := p.all(1500)
	if want == nil {
		return 0, 0, 0
	}
	got, explored, redundant := p.reduced(t, 100_000)
	for o := range want {
		if !got[o] {
			t.Fatalf("missed outcome %s of %v\nall: %s\ngot: %s", o, p, strings.Join(slices.Sorted(maps.Keys(want)), " | "), strings.Join(slices.Sorted(maps.Keys(got)), " | "))
		}
	}
	for o := range got {
		if !want[o] {
			t.Fatalf("impossible outcome %s of %v", o, p)
		}
	}
	return n, explored, redundant
}

// generate returns a random program. Locks are mostly released again.
func generate(r *rand.Rand) program {
	kinds := []event.Kind{event.Read, event.Write, event.AtomicLoad, event.AtomicStore, event.AtomicRMW, event.ChanSend, event.ChanRecv, event.Lock}
	if r.IntN(2) == 0 {
		kinds = kinds[:5]
	}
	p := make(program, 2+r.IntN(3))
	for g := range p {
		for n := 1 + r.IntN(4); len(p[g]) < n; {
			o := op{kinds[r.IntN(len(kinds))], r.IntN(objects)}
			p[g] = append(p[g], o)
			if o.kind == event.Lock {
				p[g] = append(p[g], op{kinds[r.IntN(5)], r.IntN(objects)}, op{event.Unlock, o.obj})
			}
		}
	}
	return p
}

// TestAgainstBruteForce compares the outcomes of random programs with those of
// all of their schedules.
func TestAgainstBruteForce(t *testing.T) {
	const seed, programs = 20_261_123, 4000
	r := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	var compared, schedules int
	var explored, redundant uint64
	for range programs {
		n, e, x := generate(r).check(t)
		if n > 0 {
			compared++
			schedules, explored, redundant = schedules+n, explored+e, redundant+x
		}
	}
	t.Logf("%d programs: %d schedules, %d explored, %d executions more", compared, schedules, explored, redundant)
	if compared < programs/2 {
		t.Errorf("compared %d programs only", compared)
	}
}
