package spec

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/ghostread/ghostread/internal/linear"
)

// A Model says what an object does when its operations happen one at a time.
type Model[S, In, Out any] struct {
	// Init is the state that the object is in when [NewObject] is called.
	Init S
	// Step returns the state after an operation, and what the operation
	// answers. It must not change the state that it is given: a map or slice
	// has to be copied.
	Step func(state S, in In) (S, Out)
	// Key, if there is one, says which part of the object an operation is about,
	// by a comparable value. Each part has a state of its own, which begins as
	// Init, and a history of its own, which is much faster to judge than one for
	// all. Operations about several parts at once need a model without Key.
	Key func(in In) any
	// Equal compares the answer of the object with that of the model. Without
	// it they are compared by reflect.DeepEqual.
	Equal func(got, want Out) bool
	// Absent reports whether an answer says that something is not there, for the
	// words of a finding: such an answer is lost, not stale.
	Absent func(out Out) bool
}

// An Object records the operations on an object under test. Its methods may be
// called concurrently.
type Object[S, In, Out any] struct {
	t     testing.TB
	name  string
	model Model[S, In, Out]

	mu      sync.Mutex // not taken under exploration
	clock   atomic.Int64
	history []operation[In, Out]
	checked int // operations that the last Check has judged
}

// operation is one call of Do.
type operation[In, Out any] struct {
	name string
	in   In
	out  Out
	mark
	returned bool
}

// NewObject records operations on the object under test that people call name,
// and judges them when the test t ends, before cleanups that were registered
// earlier. At that time no operation should be running; one that is may or may
// not have happened.
func NewObject[S, In, Out any](t testing.TB, name string, model Model[S, In, Out]) *Object[S, In, Out] {
	t.Helper()
	if model.Step == nil {
		t.Fatalf("spec: the model of %s has no Step", name)
	}
	o := &Object[S, In, Out]{t: t, name: name, model: model}
	t.Cleanup(func() { o.Check() })
	return o
}

// Do calls f, which is an operation on the object, and returns what it returns.
// in is what the model is told of the operation, name what people are: a call
// with its arguments, such as "Load(k)". Both and the answer are kept, so they
// must not change later.
//
// If f panics or never returns, the operation may or may not have happened. f
// should do nothing but the operation.
//
//go:norace
func (o *Object[S, In, Out]) Do(name string, in In, f func() Out) Out {
	i, m := o.begin(name, in)
	returned := false
	defer func() {
		if !returned {
			o.abandon(&m)
		}
	}()
	out := f()
	o.end(i, &m, out)
	returned = true
	return out
}

// begin notes a call. Under exploration nobody else runs meanwhile, and no lock
// is taken: it would order what the program does not.
//
//go:norace
func (o *Object[S, In, Out]) begin(name string, in In) (int, mark) {
	var m mark
	if world(specEnter, nil) != 0 {
		m.object = uintptr(unsafe.Pointer(o))
		world(specCall, unsafe.Pointer(&m))
		i := o.add(name, in, m)
		world(specLeave, nil)
		return i, m
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	i := o.add(name, in, m)
	o.history[i].call = o.clock.Add(1)
	return i, m
}

func (o *Object[S, In, Out]) add(name string, in In, m mark) int {
	o.history = append(o.history, operation[In, Out]{name: name, in: in, mark: m})
	return len(o.history) - 1
}

// end notes a return.
//
//go:norace
func (o *Object[S, In, Out]) end(i int, m *mark, out Out) {
	if m.object != 0 && world(specEnter, nil) != 0 {
		world(specReturn, unsafe.Pointer(m))
		o.set(i, out, *m)
		world(specLeave, nil)
		return
	}
	at := o.clock.Add(1)
	o.mu.Lock()
	defer o.mu.Unlock()
	*m = o.history[i].mark
	m.ret = at
	o.set(i, out, *m)
}

func (o *Object[S, In, Out]) set(i int, out Out, m mark) {
	op := &o.history[i]
	op.out, op.mark, op.returned = out, m, true
}

// abandon ends an operation that panics; it stays one that never returned.
//
//go:norace
func (o *Object[S, In, Out]) abandon(m *mark) {
	if m.object != 0 && world(specEnter, nil) != 0 {
		world(specReturn, unsafe.Pointer(m))
		world(specLeave, nil)
	}
}

// Check judges what was recorded so far, and fails the test if no order of the
// operations explains their answers, or if that takes too long to say. It is
// called when the test ends; a test may call it earlier.
func (o *Object[S, In, Out]) Check() {
	o.t.Helper()
	if aside(o.checkAside) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.checked == len(o.history) {
		return // and told
	}
	o.checked = len(o.history)
	switch v := o.judge(true); {
	case v.undecided:
		o.t.Errorf("%s: it is unknown whether the %d recorded operations are linearizable: too many overlap; record fewer at a time, or give the model a Key", o.name, len(o.history))
	case v.found:
		o.t.Errorf("%s is not linearizable: %s\n%s", o.name, v.title, v.message)
	}
}

// checkAside is Check under exploration, where a violation ends the execution.
func (o *Object[S, In, Out]) checkAside() {
	v := o.judge(world(specTell, nil) != 0)
	switch {
	case v.undecided:
		report(string(record(nil, "undecided", "name", o.name)))
	case v.found:
		b := record(nil, "order", "name", o.name)
		b = record(b, "said", "title", o.name+" is not linearizable: "+v.title, "message", v.message)
		for _, e := range v.ops {
			b = record(b, "op", "g", fmt.Sprint(e.g), "first", fmt.Sprint(e.first), "last", fmt.Sprint(e.last), "name", e.name, "text", e.text, "role", e.role)
		}
		report(string(b))
	}
}

// searchLimit is how many configurations one search looks at: some seconds at
// the worst.
const searchLimit = 1 << 20

// part is what concerns one key.
type part[S, In, Out any] struct {
	o      *Object[S, In, Out]
	key    any
	ops    []*operation[In, Out]
	from   []int // states that it may begin in; nil: the model's
	states []S
	index  map[any]int
}

// parts cuts the history by key, in the order in which the keys appear.
func (o *Object[S, In, Out]) parts() []*part[S, In, Out] {
	var list []*part[S, In, Out]
	byKey := map[any]*part[S, In, Out]{}
	for i := range o.history {
		op := &o.history[i]
		var key any
		if o.model.Key != nil {
			key = o.model.Key(op.in)
		}
		p := byKey[key]
		if p == nil {
			p = &part[S, In, Out]{o: o, key: key}
			byKey[key] = p
			list = append(list, p)
		}
		p.ops = append(p.ops, op)
	}
	return list
}

func (o *Object[S, In, Out]) equal(got, want Out) bool {
	if o.model.Equal != nil {
		return o.model.Equal(got, want)
	}
	return reflect.DeepEqual(got, want)
}

// judge looks for an order that explains the history. If tell is true it says
// which answer is wrong, and why, which takes longer.
func (o *Object[S, In, Out]) judge(tell bool) (v violation) {
	parts := o.parts()
	for i, p := range parts {
		if p.plain(func(op *operation[In, Out]) int64 { return op.ret }) || p.plain(func(op *operation[In, Out]) int64 { return op.call }) {
			continue
		}
		problem := p.problem()
		switch problem.Decide(nil) {
		case linear.Undecided:
			v.undecided = true
		case linear.NotLinearizable:
			if !tell {
				return violation{found: true}
			}
			return p.window().explain(append(parts[:i:i], parts[i+1:]...))
		}
	}
	return v
}

// plain reports whether the operations that returned explain each other when
// they happen in the order of some moment of each, which most often is so.
func (p *part[S, In, Out]) plain(at func(*operation[In, Out]) int64) bool {
	ops := slices.Clone(p.ops)
	slices.SortFunc(ops, func(a, b *operation[In, Out]) int { return cmp.Compare(at(a), at(b)) })
	state := p.o.model.Init
	for _, op := range ops {
		if !op.returned {
			continue
		}
		var out Out
		if state, out = p.o.model.Step(state, op.in); !p.o.equal(op.out, out) {
			return false
		}
	}
	return true
}

// problem is the question for package linear. States are numbers there.
func (p *part[S, In, Out]) problem() *linear.Problem[int, int] {
	if p.from == nil {
		p.from = []int{p.number(p.o.model.Init)}
	}
	q := &linear.Problem[int, int]{From: p.from, Step: p.step, Limit: searchLimit}
	for i, op := range p.ops {
		o := linear.Op[int]{Client: int(op.g), Call: op.call, Return: linear.Never, Action: i}
		if op.returned {
			o.Return = op.ret
		}
		q.History = append(q.History, o)
	}
	return q
}

// step is the model with numbers. An operation that never returned answers
// anything.
func (p *part[S, In, Out]) step(state, i int, free bool) (int, bool) {
	op := p.ops[i]
	to, out := p.o.model.Step(p.states[state], op.in)
	if !free && op.returned && !p.o.equal(op.out, out) {
		return 0, false
	}
	return p.number(to), true
}

// number returns the number of a state: equal ones have the same.
func (p *part[S, In, Out]) number(s S) int {
	if p.index == nil {
		p.index = map[any]int{}
	}
	key := any(s)
	if v := reflect.ValueOf(&s).Elem(); v.Comparable() {
		if n, ok := p.index[key]; ok {
			return n
		}
	} else {
		// What prints alike is compared; what does not is taken for different.
		text := fmt.Sprintf("%#v", s)
		for salt := 0; ; salt++ {
			key = text + strings.Repeat("'", salt)
			n, ok := p.index[key]
			if !ok {
				break
			}
			if reflect.DeepEqual(p.states[n], s) {
				return n
			}
		}
	}
	p.index[key] = len(p.states)
	p.states = append(p.states, s)
	return len(p.states) - 1
}
