package explore

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/finding"
)

// waits is who waits for whom at the end of an execution, and what led to it.
// Locks are followed exactly, by the log. Who would send, receive, close,
// signal or call Done is known from the text of the functions that a goroutine
// is in: what stands behind the line it waits at.
type waits struct {
	t       *trace
	waiting []*goroutine // those of the program first, then by id
	left    map[int32]*goroutine
	held    map[uint64][]holder
	names   map[uint64]string
	exits   map[int32]int // goroutine -> its Exit
	last    map[int32]int // goroutine -> its last event with a place in the program
	group   map[int32]uint64
	wakers  map[int32][]waker // by who waits
	shown   map[string]int    // where a lock was taken, by the sentence that tells of it
	ticking []int32           // see trace.ticking
}

// waker is a goroutine that could end a wait and waits itself.
type waker struct {
	g    int32
	text string // "which G3 holds since store.go:41"
	lock int    // event at which it got the lock that is waited for, -1: none
}

// newWaits reads the log of t, whose events have been named.
func newWaits(t *trace) *waits {
	w := &waits{
		t: t, held: t.holders(), left: map[int32]*goroutine{}, names: map[uint64]string{}, exits: map[int32]int{},
		last: map[int32]int{}, group: map[int32]uint64{}, wakers: map[int32][]waker{}, shown: map[string]int{},
	}
	added := map[int32]uint64{} // goroutine -> the WaitGroup it added to last
	for i := range t.events {
		e := &t.events[i]
		switch e.Kind {
		case event.Exit:
			w.exits[e.G] = i
		case event.WaitGroupAdd:
			added[e.G] = e.Addr
		case event.Spawn:
			if stack := t.frames(i); len(stack) > 0 && stack[0].Func == "sync.(*WaitGroup).Go" {
				w.group[int32(e.Aux)] = added[e.G]
			}
		}
	}
	for i := len(t.events) - 1; i >= 0; i-- {
		e := &t.events[i]
		if _, seen := w.last[e.G]; seen || e.Stack < 0 {
			continue
		}
		if f, ok := placeOf(t.frames(i)); ok && !f.Plumbing() {
			w.last[e.G] = i
		}
	}
	for i := range t.goroutines {
		g := &t.goroutines[i]
		w.left[g.id] = g
		if g.reason == "sync.Cond.Wait" {
			w.condWait(g)
		}
		if g.waiting {
			w.waiting = append(w.waiting, g)
		}
	}
	goesOn := func(g *goroutine) bool { return slices.Contains(w.ticking, g.id) }
	if w.ticking = t.ticking(); slices.ContainsFunc(w.waiting, func(g *goroutine) bool { return !goesOn(g) }) {
		w.waiting = slices.DeleteFunc(w.waiting, goesOn)
	}
	slices.SortStableFunc(w.waiting, func(a, b *goroutine) int {
		return cmp.Or(t.blame(*a)-t.blame(*b), int(a.id-b.id))
	})
	w.nameAll()
	for _, g := range w.waiting {
		w.wakers[g.id] = w.wakersOf(g)
	}
	return w
}

// ticking returns the goroutines that went on while the test's own goroutine
// waited, each time that a timer fired: they hide a deadlock of the others (see
// ghostForgotten of the runtime core). Without such a deadlock there are none.
func (t *trace) ticking() (list []int32) {
	const (
		ticks    = 64
		patience = 300e9 // ns; the core waits for twice as long
	)
	fires, first, last := 0, uint64(0), uint64(0)
	for i := len(t.events) - 1; i >= 0; i-- {
		e := &t.events[i]
		switch {
		case e.Kind == event.TimerFire:
			if fires++; fires == 1 {
				last = e.Aux
			}
			first = e.Aux
		case e.G == 1:
			if e.Kind == event.Exit || fires < ticks || last-first < patience {
				return nil
			}
			slices.Sort(list)
			return list
		case fires > 0 && fires < ticks && e.G > 1 && !slices.Contains(list, e.G):
			list = append(list, e.G)
		}
	}
	return nil
}

// condWait makes g wait for its Cond: the last thing it did was to unlock.
func (w *waits) condWait(g *goroutine) {
	for i := len(w.t.events) - 1; i >= 0; i-- {
		if e := &w.t.events[i]; e.G == g.id && e.Kind == event.CondWait {
			g.kind, g.obj = event.CondWait, e.Addr
			return
		}
	}
}

// nameAll names what is waited for and what is held. Two objects that the text
// calls the same get numbers, in the order in which they were used first.
func (w *waits) nameAll() {
	for _, g := range w.waiting {
		f, _ := placeOf(w.t.symbols.stack(g.stack))
		w.call(g.obj, w.t.source.at(f, methodOf(w.t, g)))
	}
	for addr, list := range w.held {
		for _, h := range list {
			f, _ := placeOf(w.t.frames(h.event))
			w.call(addr, w.t.source.at(f, lockMethod(w.t, h.event)))
		}
	}
	first := map[uint64]int{}
	for i := len(w.t.events) - 1; i >= 0; i-- {
		first[w.t.events[i].Addr] = i
	}
	same := map[string][]uint64{}
	for addr, name := range w.names {
		same[name] = append(same[name], addr)
	}
	for name, list := range same {
		if len(list) < 2 {
			continue
		}
		slices.SortFunc(list, func(a, b uint64) int { return first[a] - first[b] })
		for i, addr := range list {
			w.names[addr] = fmt.Sprintf("%s #%d", name, i+1)
		}
	}
}

// call gives what is at addr a name, if it has none yet.
func (w *waits) call(addr uint64, name string) {
	if addr == 0 || w.names[addr] != "" {
		return
	}
	if name == "" {
		if q, ok := w.t.typeAt(len(w.t.events), addr); ok {
			if o := w.t.symbols.objects[q]; !o.nameless() {
				name = strings.TrimSuffix(o.name, ".m") // of a sync.Once
			}
		} else if o, ok := w.t.symbols.globals.at(addr); ok {
			name = o.name
		}
	}
	if name != "" {
		w.names[addr] = name
	}
}

func (w *waits) name(addr uint64) string {
	if n := w.names[addr]; n != "" {
		return n
	}
	return fmt.Sprintf("%#x", addr)
}

// inOnce reports whether the lock at the top of stack is that of a sync.Once.
func inOnce(stack []finding.Frame) bool {
	for _, f := range stack {
		if f.Func == "sync.(*Once).doSlow" {
			return true
		}
		if !f.Plumbing() {
			break
		}
	}
	return false
}

// methodOf is what the statement at which g waits does.
func methodOf(t *trace, g *goroutine) string {
	switch {
	case strings.HasPrefix(g.reason, "chan receive"):
		return "receive"
	case strings.HasPrefix(g.reason, "chan send"):
		return "send"
	case strings.HasPrefix(g.reason, "select"):
		return "select"
	case g.kind == event.Lock || g.kind == event.RLock:
		if inOnce(t.symbols.stack(g.stack)) {
			return "Do"
		}
		if g.kind == event.RLock {
			return "RLock"
		}
		return "Lock"
	}
	return "Wait"
}

func lockMethod(t *trace, i int) string {
	if inOnce(t.frames(i)) {
		return "Do"
	}
	return map[event.Kind]string{
		event.Lock: "Lock", event.RLock: "RLock", event.TryLock: "TryLock", event.TryRLock: "TryRLock",
	}[t.events[i].Kind]
}

// at is the file and line of a stack's place, "" if it has none.
func at(stack []finding.Frame) string {
	f, ok := placeOf(stack)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
}

// since is where the lock of h was taken.
func (w *waits) since(addr uint64, h holder) string {
	s := ""
	stack := w.t.frames(h.event)
	if p := at(stack); p != "" {
		s = " since " + p
	}
	f, _ := placeOf(stack)
	name, _, _ := strings.Cut(w.name(addr), " #")
	if as := w.t.source.at(f, lockMethod(w.t, h.event)); as != "" && as != name {
		s += " (as " + as + ")"
	}
	return s
}

// maxWaiting bounds who is looked at for each that waits, and where cycles are
// looked for: a thousand goroutines wait in few ways.
const maxWaiting = 100

// wakersOf returns those who wait and could end the wait of g.
func (w *waits) wakersOf(g *goroutine) (list []waker) {
	if isLock(g.kind) && methodOf(w.t, g) != "Wait" {
		return w.lockers(g)
	}
	for _, n := range w.needs(g) {
		for _, x := range w.waiting[:min(len(w.waiting), maxWaiting)] {
			if x == g || slices.ContainsFunc(list, func(k waker) bool { return k.g == x.id }) {
				continue
			}
			if n.done && w.group[x.id] == n.addr && n.addr != 0 {
				list = append(list, waker{x.id, "", -1})
				continue
			}
			if g.counted && !slices.Contains(g.holders, x.id) && !slices.Contains(g.holders, 0) {
				continue // it has no reference to it
			}
			if what, ok := w.comesTo(x, n); ok {
				list = append(list, waker{x.id, fmt.Sprintf("and G%d would %s", x.id, what), -1})
			}
		}
	}
	return list
}

// comesTo tells where, behind the place that x waits at and in one of the
// functions it is in, it does what n asks for.
func (w *waits) comesTo(x *goroutine, n need) (string, bool) {
	for _, f := range w.t.symbols.stack(x.stack) {
		if f.Plumbing() {
			continue
		}
		if p, ok := w.t.source.later(f, n.name, n.words...); ok {
			return fmt.Sprintf("%s at %s:%d", verbs[p.what], filepath.Base(f.File), p.line), true
		}
	}
	return "", false
}

// lockers returns who holds the lock that g waits for, or keeps g from it.
func (w *waits) lockers(g *goroutine) (list []waker) {
	once := methodOf(w.t, g) == "Do"
	reading := g.kind == event.RLock
	for _, h := range w.held[g.obj] {
		if w.left[h.g] == nil || reading && h.read {
			continue
		}
		text := "which G%d holds"
		switch {
		case once:
			text = "whose function G%d runs"
		case h.g == g.id && h.read:
			text = "which G%d itself holds for reading"
		case h.g == g.id:
			text = "which G%d itself holds"
		case h.read:
			text = "which G%d holds for reading"
		}
		list = append(list, waker{h.g, fmt.Sprintf(text, h.g) + w.since(g.obj, h), h.event})
	}
	if !reading || len(list) > 0 {
		return list
	}
	for _, x := range w.waiting {
		if x.kind == event.Lock && x.obj == g.obj {
			list = append(list, waker{x.id, fmt.Sprintf("and the waiting Lock of G%d keeps new readers out", x.id), -1})
		}
	}
	return list
}

// cycle returns goroutines each of which waits for the next, and the last for
// the first; nil if there is none among those that are not in skip. Of several
// it is the shortest through the first goroutine of w.waiting that is in one.
func (w *waits) cycle(skip map[int32]bool) []int32 {
	for _, g := range w.waiting[:min(len(w.waiting), maxWaiting)] {
		if skip[g.id] {
			continue
		}
		from := map[int32]int32{}
		for queue := []int32{g.id}; len(queue) > 0; queue = queue[1:] {
			for _, k := range w.wakers[queue[0]] {
				if skip[k.g] {
					continue
				}
				if k.g == g.id {
					path := []int32{queue[0]}
					for path[0] != g.id {
						path = append([]int32{from[path[0]]}, path...)
					}
					return path
				}
				if _, seen := from[k.g]; !seen {
					from[k.g] = queue[0]
					queue = append(queue, k.g)
				}
			}
		}
	}
	return nil
}

// waker returns why a waits for b.
func (w *waits) waker(a, b int32) waker {
	list := w.wakers[a]
	return list[slices.IndexFunc(list, func(k waker) bool { return k.g == b })]
}

// holds says what g holds, with where it got it; "" if that is nothing.
func (w *waits) holds(g *goroutine) string {
	var parts []string
	for addr, list := range w.held {
		for _, h := range list {
			if h.g != g.id || addr == g.obj {
				continue
			}
			s := "holds " + w.name(addr)
			switch {
			case inOnce(w.t.frames(h.event)):
				s = "runs the function of Once " + w.name(addr)
			case h.read:
				s += " for reading"
			}
			parts = append(parts, s+w.since(addr, h))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, " and ")
}
