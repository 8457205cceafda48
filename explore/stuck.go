package explore

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/finding"
)

// deadlockFinding tells who waits for whom when nobody can go on: first the
// cycle, if there is one, then what leads to it.
func (s *Session) deadlockFinding(ctx context.Context, t *trace) (finding.Finding, error) {
	show := t.shown()
	if err := t.name(ctx, show); err != nil {
		return finding.Finding{}, err
	}
	tl := newTimeline(t, show)
	w := newWaits(t)
	f := finding.Finding{Kind: finding.Deadlock}
	// The test's own goroutine only waits for the others, most often: those
	// that wait for something of the program's come first.
	if i := slices.IndexFunc(w.waiting, func(g *goroutine) bool { return t.blame(*g) == harness }); i > 0 {
		w.waiting = w.waiting[:i]
	}
	if len(w.waiting) == 0 {
		return f, fmt.Errorf("deadlock without a waiting goroutine in %s", s.test)
	}
	var parts []string
	for _, g := range w.waiting {
		parts = append(parts, placeName(finding.Evidence{Stack: t.symbols.stack(g.stack)})+" "+g.reason)
	}
	slices.Sort(parts)
	f.Fingerprint = finding.Fingerprint(append(slices.Compact(parts), "deadlock", s.program.Package)...)

	told := map[int32]bool{}
	var cycles [][]int32
	for c := w.cycle(told); c != nil; c = w.cycle(told) {
		cycles = append(cycles, c)
		for i, id := range c {
			next := c[(i+1)%len(c)]
			w.tell(&f, tl, w.left[id], next)
			f.Waits[len(f.Waits)-1].Cycle = true
			told[id] = true
		}
		if len(c) > 1 {
			f.Evidence = append(f.Evidence, note(w.round(c)))
		}
	}
	var roots []*goroutine
	for _, g := range w.waiting {
		if !told[g.id] && len(w.wakers[g.id]) == 0 {
			roots = append(roots, g)
		}
	}
	// Idle workers wait too: who certainly waits in vain comes first.
	certain := func(g *goroutine) int {
		if w.nobody(g) != "" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(roots, func(a, b *goroutine) int { return certain(a) - certain(b) })
	for _, g := range roots {
		w.tell(&f, tl, g, 0)
		told[g.id] = true
		w.past(&f, g)
	}
	for _, g := range w.waiting {
		if !told[g.id] {
			w.tell(&f, tl, g, w.wakers[g.id][0].g)
		}
	}
	if len(w.ticking) > 0 {
		f.Evidence = append(f.Evidence, note(fmt.Sprintf("%s on whenever a timer fires, and nobody else does: ten minutes of the test's time have passed like that, after which go test ends a test", goOn(w.ticking))))
	}
	f.Pos = place(f.Evidence[0])
	f.Title = w.title(cycles, roots)
	f.Help = w.hint(cycles, roots)
	f.Timeline = tl.finish("schedule of " + s.test)
	return f, nil
}

// goOn says that goroutines do.
func goOn(list []int32) string {
	if len(list) == 1 {
		return fmt.Sprintf("G%d goes", list[0])
	}
	var names []string
	for _, g := range list {
		names = append(names, fmt.Sprintf("G%d", g))
	}
	return and(names) + " go"
}

// tell adds the wait of g for next, 0 for nobody, and the place at which next
// got the lock that g waits for.
func (w *waits) tell(f *finding.Finding, tl *timelineBuilder, g *goroutine, next int32) {
	e := finding.Evidence{
		Role: finding.RoleWait, Goroutine: int(g.id), Point: -1, Addr: g.obj, Object: w.names[g.obj], Stack: w.t.symbols.stack(g.stack),
		Text: fmt.Sprintf("G%d %s", g.id, w.waitText(g)),
	}
	if holds := w.holds(g); holds != "" {
		e.Text = fmt.Sprintf("G%d %s and %s", g.id, holds, w.waitText(g))
	}
	lock := -1
	switch {
	case g.kind == event.WaitGroupWait:
		e.Text += w.missing(g)
	case next != 0:
		k := w.waker(g.id, next)
		e.Text += ", " + k.text
		lock = k.lock
	default:
		e.Text += w.nobody(g)
	}
	tl.stuck(*g, &e)
	f.Evidence = append(f.Evidence, e)
	f.Waits = append(f.Waits, finding.Wait{From: int(g.id), To: int(next), For: w.what(g)})
	if lock < 0 {
		for _, h := range w.held[g.obj] {
			if next == 0 && isLock(g.kind) {
				lock = h.event
			}
		}
	}
	if lock >= 0 && !slices.ContainsFunc(f.Evidence, func(e finding.Evidence) bool { return e.Role == finding.RoleHold && w.shown[e.Text] == lock }) {
		l := &w.t.events[lock]
		hold := finding.Evidence{
			Role: finding.RoleHold, Goroutine: int(l.G), Point: -1, Addr: l.Addr, Object: w.names[l.Addr], Stack: w.t.frames(lock),
			Text: fmt.Sprintf("G%d locks %s here", l.G, w.name(l.Addr)),
		}
		if l.Kind == event.RLock || l.Kind == event.TryRLock {
			hold.Text = fmt.Sprintf("G%d locks %s for reading here", l.G, w.name(l.Addr))
		}
		if inOnce(hold.Stack) {
			hold.Text = fmt.Sprintf("G%d runs the function of Once %s here", l.G, w.name(l.Addr))
		}
		if p, ok := tl.index[lock]; ok {
			hold.Point = p
		}
		w.shown[hold.Text] = lock
		f.Evidence = append(f.Evidence, hold)
	}
}

// missing says what the counter of the WaitGroup that g waits for is, and who
// of those that wait would lower it.
func (w *waits) missing(g *goroutine) string {
	var list []string
	for _, k := range w.wakers[g.id] {
		list = append(list, fmt.Sprintf("G%d", k.g))
	}
	s := fmt.Sprintf(", whose counter is %d", g.counter)
	if len(list) == 1 {
		return s + ": " + list[0] + " has not called Done"
	} else if len(list) > 1 {
		return s + ": " + and(list) + " have not called Done"
	}
	return s
}

// past adds what became of those that could have ended the wait of g.
func (w *waits) past(f *finding.Finding, g *goroutine) {
	for _, n := range w.needs(g) {
		if h := w.history(g, n); h != "" {
			name := w.what(g)
			if n.name != "" && methodOf(w.t, g) == "select" {
				name = "channel " + n.name
			}
			e := note(name + ": " + h)
			if !slices.ContainsFunc(f.Evidence, func(x finding.Evidence) bool { return x.Text == e.Text }) {
				f.Evidence = append(f.Evidence, e)
			}
		}
	}
}

// nobody says why nobody will end the wait of g, which no waiting goroutine
// could.
func (w *waits) nobody(g *goroutine) string {
	if isLock(g.kind) && methodOf(w.t, g) != "Wait" {
		for _, h := range w.held[g.obj] {
			if end := w.ended(h.g); end != "" {
				how := "which G%d holds"
				if inOnce(w.t.frames(h.event)) {
					how = "whose function G%d ran"
				} else if h.read {
					how = "which G%d holds for reading"
				}
				return fmt.Sprintf(", "+how+"%s although it %s", h.g, w.since(g.obj, h), end)
			}
		}
		return ""
	}
	var others []string
	if !g.counted {
		return ""
	}
	for _, id := range g.holders {
		switch {
		case id == 0:
			return ""
		case id != g.id:
			others = append(others, fmt.Sprintf("G%d", id))
		}
	}
	needs := w.needs(g)
	if len(others) == 0 && len(needs) == 1 && !needs[0].done {
		return fmt.Sprintf("; nobody is left who could %s: no other goroutine has a reference to it", needs[0].verb)
	}
	return ""
}

// round tells of a cycle in one sentence.
func (w *waits) round(c []int32) string {
	s := "the cycle: "
	for i, id := range c {
		s += fmt.Sprintf("G%d waits for G%d (%s), ", id, c[(i+1)%len(c)], w.what(w.left[id]))
	}
	return strings.TrimSuffix(s, ", ")
}

// what is what g waits for, in a few words.
func (w *waits) what(g *goroutine) string {
	switch {
	case strings.Contains(g.reason, "(nil"):
		return "a nil channel"
	case strings.HasPrefix(g.reason, "chan "):
		return "channel " + w.name(g.obj)
	case strings.HasPrefix(g.reason, "select"):
		return "one of several channels"
	case g.kind == event.WaitGroupWait:
		return "WaitGroup " + w.name(g.obj)
	case g.kind == event.CondWait:
		return "Cond " + w.name(g.obj)
	case isLock(g.kind) && methodOf(w.t, g) == "Do":
		return "Once " + w.name(g.obj)
	case isLock(g.kind):
		return w.name(g.obj)
	}
	return g.reason
}

// waitText says what g waits for, by the name that the line has for it.
func (w *waits) waitText(g *goroutine) string {
	stack := w.t.symbols.stack(g.stack)
	name := w.name(g.obj)
	switch {
	case slices.ContainsFunc(stack, func(f finding.Frame) bool { return f.Func == "testing.(*T).Run" }):
		return "waits for a subtest"
	case strings.HasPrefix(g.reason, "chan receive (nil"), strings.HasPrefix(g.reason, "chan send (nil"):
		frame, _ := placeOf(stack)
		if name = w.t.source.at(frame, methodOf(w.t, g)); name != "" {
			name = ", " + name
		}
		if strings.HasPrefix(g.reason, "chan receive") {
			return "waits to receive from a nil channel" + name
		}
		return "waits to send on a nil channel" + name
	case strings.HasPrefix(g.reason, "chan receive"):
		return "waits to receive from channel " + name
	case strings.HasPrefix(g.reason, "chan send"):
		return "waits to send on channel " + name
	case g.reason == "select (no cases)":
		return "waits in an empty select"
	case strings.HasPrefix(g.reason, "select"):
		frame, _ := placeOf(stack)
		if cases := w.t.source.at(frame, "select"); cases != "" {
			return "waits in a select " + cases
		}
		return fmt.Sprintf("waits in a select of %d channels", len(g.channels))
	}
	once := methodOf(w.t, g) == "Do"
	switch {
	case isLock(g.kind) && once:
		return "waits for Once " + name
	case g.kind == event.Lock:
		return "waits to lock " + name
	case g.kind == event.RLock:
		return "waits to lock for reading " + name
	case g.kind == event.WaitGroupWait:
		return "waits for WaitGroup " + name
	case g.kind == event.CondWait:
		return "waits to be signalled by Cond " + name
	}
	return "waits: " + g.reason
}

// title is the same for schedules of one cause: it has names and no goroutines.
func (w *waits) title(cycles [][]int32, roots []*goroutine) string {
	things := func(ids []int32) string {
		var list []string
		for _, id := range ids {
			name, _, _ := strings.Cut(w.what(w.left[id]), " #")
			list = append(list, name)
		}
		slices.Sort(list)
		return and(slices.Compact(list))
	}
	switch {
	case len(cycles) > 0 && len(cycles[0]) == 1:
		g := w.left[cycles[0][0]]
		return "a goroutine waits for itself: it " + noAddress(w.waitText(g)) + ", which it holds"
	case len(cycles) > 0:
		return fmt.Sprintf("%d goroutines wait for each other, for %s", len(cycles[0]), noAddress(things(cycles[0])))
	case len(w.waiting) == 1:
		return "the test " + noAddress(w.waitText(w.waiting[0])) + ", and no other goroutine is left"
	case len(roots) > 0:
		return "a goroutine " + noAddress(w.waitText(roots[0])) + ", and nobody is left to end that"
	}
	return fmt.Sprintf("%d goroutines wait and none can go on", len(w.waiting))
}

var address = regexp.MustCompile(` 0x[0-9a-f]+`)

func noAddress(s string) string { return address.ReplaceAllString(s, "") }

// harness is the blame of goroutines that wait inside package testing.
const harness = 2

// blame orders waiting goroutines: a place in the program's own code before
// package testing and what only waits for others to end.
func (t *trace) blame(g goroutine) int {
	frames := t.symbols.stack(g.stack)
	if f, ok := placeOf(frames); ok && f.Plumbing() {
		return harness
	}
	if g.kind == event.WaitGroupWait || g.id == 1 {
		return 1
	}
	return 0
}

func isLock(k event.Kind) bool { return k == event.Lock || k == event.RLock }

// holder is who got a lock and has not given it back.
type holder struct {
	g     int32
	event int  // its Lock or RLock
	read  bool // it has it for reading
}

// holders returns the locks that are held at the end. A goroutine has got the
// lock it asked for when package sync says that it acquired something.
func (t *trace) holders() map[uint64][]holder {
	held := map[uint64][]holder{}
	asking := map[int32]int{} // goroutine -> index of its Lock or RLock
	drop := func(e *event.Event, read bool) {
		list := held[e.Addr]
		i := slices.IndexFunc(list, func(h holder) bool { return h.read == read && h.g == e.G })
		if i < 0 { // another one's, which is allowed
			i = slices.IndexFunc(list, func(h holder) bool { return h.read == read })
		}
		if i >= 0 {
			held[e.Addr] = slices.Delete(list, i, i+1)
		}
	}
	for i := range t.events {
		e := &t.events[i]
		if j, ok := asking[e.G]; ok {
			k := t.events[j].Kind
			try := k == event.TryLock || k == event.TryRLock
			switch {
			case e.Kind == event.Acquire:
				held[t.events[j].Addr] = append(held[t.events[j].Addr], holder{e.G, j, k == event.RLock || k == event.TryRLock})
				delete(asking, e.G)
			case try || e.Kind >= event.ChanSend && e.Kind <= event.GC:
				delete(asking, e.G) // it went on without
			}
		}
		switch e.Kind {
		case event.Lock, event.RLock, event.TryLock, event.TryRLock:
			asking[e.G] = i
		case event.Unlock:
			drop(e, false)
		case event.RUnlock:
			drop(e, true)
		}
	}
	return held
}

// leakFinding tells of a goroutine that outlives the test and can never go on,
// and of those that could have ended its wait.
func (s *Session) leakFinding(ctx context.Context, t *trace, g goroutine) (finding.Finding, error) {
	show := t.shown()
	if err := t.name(ctx, show); err != nil {
		return finding.Finding{}, err
	}
	tl := newTimeline(t, show)
	w := newWaits(t)
	left := w.left[g.id]
	f := finding.Finding{Kind: finding.Leak, Title: "a goroutine is left behind: it " + noAddress(w.waitText(left)) + ", and nobody is left to end that"}
	next := int32(0)
	if list := w.wakers[g.id]; len(list) > 0 {
		next = list[0].g
	}
	w.tell(&f, tl, left, next)
	w.past(&f, left)
	f.Pos = place(f.Evidence[0])
	created := ""
	if sp, ok := t.spawn(g.id); ok {
		f.Evidence = append(f.Evidence, sp)
		created = placeName(sp)
	}
	f.Fingerprint = finding.Fingerprint("leak", s.program.Package, placeName(f.Evidence[0]), g.reason, created)
	f.Help = w.hint(nil, []*goroutine{left})
	f.Timeline = tl.finish("schedule of " + s.test)
	return f, nil
}
