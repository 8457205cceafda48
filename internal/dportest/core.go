package dportest

import (
	"iter"
	"slices"

	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/explore/strategy"
)

// Run runs p in a model of the runtime core under s, and returns the outcome
// and the log. With root, the test's own goroutine takes part, as in
// [Program.Source]: it starts the others, sleeps until nobody can run, and
// ends. The seed of s is not set.
func (p Program) Run(s strategy.Strategy, root bool) (string, []event.Event) {
	m := &machine{strategy: s, log: make([]event.Event, 0, 96)}
	m.emit(event.Event{Kind: event.Spawn, Aux: 1})
	m.start(1, nil)
	for g := range p {
		id := int32(g + 2)
		m.emit(event.Event{Kind: event.Spawn, G: 1, Aux: uint64(id)})
		m.start(id, func(t *thread) { t.do(p[g], 0, len(p[g])) })
	}
	t := m.threads[0]
	if root {
		t.body = func(t *thread) {
			t.point(event.Sleep, 0)
			t.park(0)
		}
		m.run(t)
	} else {
		m.emit(event.Event{Kind: event.Exit, G: 1})
		t.ended = true
	}
	m.loop(t)
	if root && !t.ended {
		m.emit(event.Event{Kind: event.TimerFire})
		t.blocked = false
		m.emit(event.Event{Kind: event.Wake, Aux: 1})
		m.loop(t)
	}
	notes, over := make([][]int8, len(p)), make([]bool, len(p))
	for g, t := range m.threads[1:] {
		notes[g], over[g] = t.notes, t.ended
		t.stop()
	}
	return outcome(notes, over, m.x), m.log
}

// machine is the state of one execution. The types below follow the sources of
// Go 1.24 to 1.27, with the same names.
type machine struct {
	log      []event.Event
	strategy strategy.Strategy
	threads  []*thread
	asked    uint64

	x       [variables]int8
	mu      [mutexes]mutex
	rw      rwmutex
	wg      waitGroup
	once    bool
	onceMu  mutex
	cond    cond
	chans   [nilChan]hchan
	enabled []int32
}

// thread is a goroutine: a coroutine that yields before each operation that
// others could notice, and when it parks.
type thread struct {
	m       *machine
	id      int32
	body    func(*thread)
	resume  func() (event.Kind, bool)
	stop    func()
	yield   func(event.Kind) bool
	kind    event.Kind // of the point it is at; None if it is at none
	obj     uint64     // of its last point
	blocked bool
	ended   bool
	notes   []int8
	won     *sudog // the case of a select, or the operation, that was done for it
}

type stopped struct{} // the execution is over

type panicked struct{} // the program's

func (m *machine) emit(e event.Event) { m.log = append(m.log, e) }

func (m *machine) start(id int32, body func(*thread)) {
	t := &thread{m: m, id: id, body: body}
	t.resume, t.stop = iter.Pull(func(yield func(event.Kind) bool) {
		t.yield = yield
		defer func() {
			switch r := recover().(type) {
			case nil:
			case panicked:
				t.note(Panicked)
			case stopped:
				return
			default:
				panic(r)
			}
			t.ended = true
			m.emit(event.Event{Kind: event.Exit, G: id})
		}()
		t.body(t)
	})
	m.threads = append(m.threads, t)
}

// run lets t run to its next point.
func (m *machine) run(t *thread) { t.kind, _ = t.resume() }

// loop runs whom the strategy chooses until nobody can run; cur ran last.
func (m *machine) loop(cur *thread) {
	for {
		m.enabled = m.enabled[:0]
		for _, t := range m.threads {
			if !t.blocked && !t.ended {
				m.enabled = append(m.enabled, t.id)
			}
		}
		if len(m.enabled) == 0 {
			return
		}
		next := m.enabled[0]
		if len(m.enabled) > 1 {
			c := strategy.Choice{Enabled: m.enabled}
			if !cur.blocked && !cur.ended {
				c.Cur, c.Kind, c.Object = cur.id, cur.kind, cur.obj
			}
			next = m.ask(&c)
		}
		cur = m.threads[next-1]
		m.run(cur)
	}
}

func (m *machine) ask(c *strategy.Choice) int32 {
	c.Step, c.Events = m.asked, uint64(len(m.log))
	m.asked++
	return c.Enabled[m.strategy.Choose(c)]
}

func (t *thread) note(v int8) { t.notes = append(t.notes, v) }

func (t *thread) log(kind event.Kind, addr uint64) {
	t.m.emit(event.Event{Kind: kind, G: t.id, Addr: addr})
}

func (t *thread) leave(kind event.Kind) {
	if !t.yield(kind) {
		panic(stopped{})
	}
}

// point is ghostPoint: others may run, then the event is logged.
func (t *thread) point(kind event.Kind, addr uint64) {
	t.obj = addr
	t.leave(kind)
	t.log(kind, addr)
}

// park is gopark; the goroutine waits in an operation of package sync on what
// is at addr, or on something else if that is 0.
func (t *thread) park(addr uint64) {
	t.blocked = true
	t.log(event.Block, t.obj)
	t.leave(event.None)
}

// ready is goready.
func (t *thread) ready(other *thread) {
	other.blocked = false
	t.m.emit(event.Event{Kind: event.Wake, G: t.id, Aux: uint64(other.id)})
}

// Addresses of the objects of a program, and of what is in them.
const (
	addrX     = 0x1000
	addrMutex = 0x2000
	addrRW    = 0x3000
	addrWG    = 0x4000
	addrOnce  = 0x5000
	addrCond  = 0x6000
	addrChan  = 0x7000

	apart     = 0x100
	condCheck = 0x28
	rwSema    = 8
	onceMutex = 4
)

// do runs the operations from at to end.
func (t *thread) do(ops []Op, at, end int) {
	m := t.m
	try := func(i int, ok bool) int {
		if ok {
			t.note(1)
			return i
		}
		t.note(0)
		return i + ops[i].Skip
	}
	for i := at; i < end; i++ {
		o := &ops[i]
		obj := uint64(o.Obj)
		switch o.Code {
		case Load:
			t.point(event.AtomicLoad, addrX+obj*apart)
			t.note(m.x[o.Obj])
		case Store:
			t.point(event.AtomicStore, addrX+obj*apart)
			m.x[o.Obj] = int8(o.Val)
		case Add:
			t.point(event.AtomicRMW, addrX+obj*apart)
			m.x[o.Obj]++
			t.note(m.x[o.Obj])
		case CAS:
			t.point(event.AtomicRMW, addrX+obj*apart)
			if m.x[o.Obj] != 0 {
				m.log[len(m.log)-1].Flags = event.Failed
				t.note(0)
				break
			}
			m.x[o.Obj] = int8(o.Val)
			t.note(1)
		case Lock:
			t.lock(&m.mu[o.Obj], addrMutex+obj*apart)
		case Unlock:
			t.unlock(&m.mu[o.Obj], addrMutex+obj*apart)
		case TryLock:
			t.point(event.TryLock, addrMutex+obj*apart)
			ok := m.mu[o.Obj].tryLock()
			if ok {
				t.log(event.Acquire, addrMutex+obj*apart)
			}
			i = try(i, ok)
		case RLock:
			t.point(event.RLock, addrRW)
			m.rw.rLock(t)
		case RUnlock:
			t.point(event.RUnlock, addrRW)
			m.rw.rUnlock(t)
		case TryRLock:
			t.point(event.TryRLock, addrRW)
			i = try(i, m.rw.tryRLock(t))
		case WLock:
			t.point(event.Lock, addrRW)
			m.rw.lock(t)
		case WUnlock:
			t.point(event.Unlock, addrRW)
			m.rw.unlock(t)
		case TryWLock:
			t.point(event.TryLock, addrRW)
			i = try(i, m.rw.tryLock(t))
		case WgAdd:
			t.point(event.WaitGroupAdd, addrWG)
			m.wg.add(t, 1)
		case WgDone:
			t.point(event.WaitGroupAdd, addrWG)
			m.wg.add(t, -1)
		case WgWait:
			t.point(event.WaitGroupWait, addrWG)
			m.wg.wait(t)
		case OnceDo:
			t.point(event.AtomicLoad, addrOnce)
			if !m.once {
				t.onceSlow(ops, i+1, i+o.Skip)
			}
			i += o.Skip
		case CondWait:
			m.cond.await(t)
		case Signal:
			t.point(event.CondSignal, addrCond)
			m.cond.check(t)
			m.cond.notify(t, min(m.cond.called+1, m.cond.places))
		case Broadcast:
			t.point(event.CondBroadcast, addrCond)
			m.cond.check(t)
			m.cond.notify(t, m.cond.places)
		case Send:
			t.send(o.Obj, int8(o.Val))
		case Recv:
			v, _ := t.receive(o.Obj)
			t.note(v)
		case Range:
			for v, ok := t.receive(o.Obj); ok; v, ok = t.receive(o.Obj) {
				t.note(v)
			}
		case Close:
			t.close(o.Obj)
		case Select:
			t.choose(o)
		case Gosched:
			t.point(event.Yield, 0)
		}
	}
}

func (t *thread) onceSlow(ops []Op, at, end int) {
	m := t.m
	t.lock(&m.onceMu, addrOnce+onceMutex)
	t.point(event.AtomicLoad, addrOnce)
	if !m.once {
		t.do(ops, at, end)
		t.point(event.AtomicStore, addrOnce)
		m.once = true
	}
	t.unlock(&m.onceMu, addrOnce+onceMutex)
}

// sema is a semaphore of runtime/sema.go.
type sema struct {
	n     int
	queue []*thread
}

func (s *sema) acquire(t *thread, lifo bool) {
	for s.n == 0 {
		if lifo {
			s.queue = slices.Insert(s.queue, 0, t)
		} else {
			s.queue = append(s.queue, t)
		}
		t.park(t.obj)
	}
	s.n--
}

func (s *sema) release(t *thread) {
	s.n++
	if len(s.queue) > 0 {
		w := s.queue[0]
		s.queue = s.queue[1:]
		t.ready(w)
	}
}

// mutex is sync.Mutex, but for its starvation mode.
type mutex struct {
	locked, woken bool
	waiters       int
	sema          sema
}

func (t *thread) lock(mu *mutex, addr uint64) {
	t.point(event.Lock, addr)
	mu.lock(t)
	t.log(event.Acquire, addr)
}

func (t *thread) unlock(mu *mutex, addr uint64) {
	t.point(event.Unlock, addr)
	t.log(event.Release, addr)
	mu.unlock(t)
}

func (mu *mutex) lock(t *thread) {
	for awoke := false; ; awoke = true {
		if awoke {
			mu.woken = false
		}
		if !mu.locked {
			mu.locked = true
			return
		}
		mu.waiters++
		mu.sema.acquire(t, awoke)
	}
}

func (mu *mutex) tryLock() bool {
	if mu.locked {
		return false
	}
	mu.locked = true
	return true
}

func (mu *mutex) unlock(t *thread) {
	mu.locked = false
	if mu.waiters == 0 || mu.woken {
		return
	}
	mu.waiters--
	mu.woken = true
	mu.sema.release(t)
}

// rwmutex is sync.RWMutex.
type rwmutex struct {
	w                    mutex
	writerSem, readerSem sema
	readers, wait        int
	pending              bool // readerCount is negative
}

func (rw *rwmutex) rLock(t *thread) {
	if rw.readers++; rw.pending {
		rw.readerSem.acquire(t, false)
	}
	t.log(event.Acquire, addrRW+rwSema)
}

func (rw *rwmutex) tryRLock(t *thread) bool {
	if rw.pending {
		return false
	}
	rw.readers++
	t.log(event.Acquire, addrRW+rwSema)
	return true
}

func (rw *rwmutex) rUnlock(t *thread) {
	t.log(event.ReleaseMerge, addrRW+rwSema)
	if rw.readers--; !rw.pending {
		return
	}
	if rw.wait--; rw.wait == 0 {
		rw.writerSem.release(t)
	}
}

func (rw *rwmutex) lock(t *thread) {
	rw.w.lock(t)
	rw.pending = true
	if rw.wait += rw.readers; rw.wait != 0 {
		rw.writerSem.acquire(t, false)
	}
	t.log(event.Acquire, addrRW+rwSema)
}

func (rw *rwmutex) tryLock(t *thread) bool {
	if !rw.w.tryLock() {
		return false
	}
	if rw.pending || rw.readers != 0 {
		rw.w.unlock(t)
		return false
	}
	rw.pending = true
	t.log(event.Acquire, addrRW+rwSema)
	return true
}

func (rw *rwmutex) unlock(t *thread) {
	t.log(event.Release, addrRW+rwSema)
	rw.pending = false
	for range rw.readers {
		rw.readerSem.release(t)
	}
	rw.w.unlock(t)
}

// waitGroup is sync.WaitGroup.
type waitGroup struct {
	count, waiters int
	sema           sema
}

func (wg *waitGroup) add(t *thread, delta int) {
	if delta < 0 {
		t.log(event.ReleaseMerge, addrWG)
	}
	if wg.count += delta; wg.count < 0 {
		panic(panicked{})
	}
	if wg.count > 0 {
		return
	}
	for n := wg.waiters; n > 0; n-- {
		wg.waiters = 0
		wg.sema.release(t)
	}
}

func (wg *waitGroup) wait(t *thread) {
	if wg.count == 0 {
		t.log(event.Acquire, addrWG)
		return
	}
	wg.waiters++
	wg.sema.acquire(t, false)
	again := wg.count != 0
	t.log(event.Acquire, addrWG)
	if again {
		panic(panicked{})
	}
}

// cond is sync.Cond, whose L is mutex 0, with runtime.notifyList.
type cond struct {
	checked        bool
	places, called int // tickets given out, and called
	list           []*thread
	tickets        []int
}

// check is copyChecker.check: within an operation, its atomics are no points.
func (c *cond) check(t *thread) {
	t.log(event.Read, addrCond+condCheck)
	c.checked = true
}

func (c *cond) await(t *thread) {
	mu := &t.m.mu[0]
	t.point(event.CondWait, addrCond)
	t.log(event.Read, addrCond+condCheck)
	if !c.checked {
		t.point(event.AtomicRMW, addrCond+condCheck)
		if c.checked {
			t.m.log[len(t.m.log)-1].Flags = event.Failed
		}
		c.checked = true
	}
	place := c.places
	c.places++
	t.unlock(mu, addrMutex)
	if place >= c.called {
		c.list, c.tickets = append(c.list, t), append(c.tickets, place)
		t.park(0)
	}
	t.lock(mu, addrMutex)
}

// notify calls the tickets before upto.
func (c *cond) notify(t *thread, upto int) {
	for ; c.called < upto; c.called++ {
		if k := slices.Index(c.tickets, c.called); k >= 0 {
			w := c.list[k]
			c.list, c.tickets = slices.Delete(c.list, k, k+1), slices.Delete(c.tickets, k, k+1)
			t.ready(w)
		}
	}
}
