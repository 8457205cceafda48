package explore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/finding"
)

// spins reports whether c is, or is expected to be, a livelock.
func (c candidate) spins() bool {
	return c.what == "livelock" || c.what == "any" && c.of == finding.Livelock
}

// circleSteps bounds the steps of a goroutine's circle that are told.
const circleSteps = 6

// livelockFinding tells of an execution whose state came again: what each
// goroutine that runs does over and over, and who waits meanwhile. The steps
// are those of the log from "since" on.
func (s *Session) livelockFinding(ctx context.Context, t *trace) (finding.Finding, error) {
	show := t.shown()
	if err := t.name(ctx, show); err != nil {
		return finding.Finding{}, err
	}
	tl := newTimeline(t, show)
	w := newWaits(t)
	f := finding.Finding{Kind: finding.Livelock}
	since := int(t.end.GetUint("since"))
	var runs []int32
	steps := map[int32][]int{}
	var parts []string
	for i := since; i < len(t.events); i++ {
		e := &t.events[i]
		if e.G == 0 || !(e.Kind.IsMemory() || e.Kind >= event.ChanSend && e.Kind <= event.GC) || e.IsCase() {
			continue
		}
		if steps[e.G] == nil {
			runs = append(runs, e.G)
		}
		steps[e.G] = append(steps[e.G], i)
		if p, ok := placeOf(t.frames(i)); ok && !slices.Contains(parts, p.Func) {
			parts = append(parts, p.Func)
		}
	}
	if len(runs) == 0 {
		return f, fmt.Errorf("livelock without a goroutine that runs in %s", s.test)
	}
	slices.Sort(runs)
	slices.Sort(parts)
	f.Fingerprint = finding.Fingerprint(append(parts, "livelock", s.program.Package)...)
	for _, id := range runs {
		once := w.circle(steps[id])
		e := finding.Evidence{
			Role: finding.RoleSpin, Goroutine: int(id), Point: -1, Stack: t.frames(once[0]),
			Text: fmt.Sprintf("G%d goes round: %s", id, w.tells(once)),
		}
		if e.Point = tl.lastOf(int(id)); e.Point >= 0 {
			tl.tl.Points[e.Point].Mark = finding.MarkStuck
		}
		f.Evidence = append(f.Evidence, e)
	}
	n := int(t.end.GetUint("again") - t.end.GetUint("base"))
	others := ""
	if len(w.waiting) > 0 {
		others = ", and the others wait"
	}
	switch {
	case t.certain && len(runs) == 1:
		f.Title = "a goroutine spins for ever: nobody is left who could change what it looks at"
		f.Evidence = append(f.Evidence, note(fmt.Sprintf("certain: after %s the state is the same again, nobody else can run%s, and no timer is set", countSteps(n), others)))
	case t.certain:
		f.Title = fmt.Sprintf("%d goroutines spin for ever: none of them writes what another one looks at", len(runs))
		f.Evidence = append(f.Evidence, note(fmt.Sprintf("certain: after %s the state is the same again, and whoever goes first, none of them writes anything%s", countSteps(n), others)))
	default:
		f.Title = fmt.Sprintf("%d goroutines keep each other from getting ahead", len(runs))
		f.Evidence = append(f.Evidence, note(fmt.Sprintf("under this schedule: after %s, in which everybody who could run did, the state is the same again%s; another order of turns can end it", countSteps(n), others)))
	}
	for _, g := range w.waiting {
		if t.blame(*g) == harness {
			continue
		}
		e := finding.Evidence{
			Role: finding.RoleWait, Goroutine: int(g.id), Point: tl.lastOf(int(g.id)), Addr: g.obj, Object: w.names[g.obj],
			Stack: t.symbols.stack(g.stack), Text: fmt.Sprintf("G%d %s", g.id, w.waitText(g)),
		}
		if g.kind == event.WaitGroupWait {
			e.Text += w.missing(g)
		}
		f.Evidence = append(f.Evidence, e)
	}
	f.Pos = place(f.Evidence[0])
	f.Timeline = tl.finish("schedule of " + s.test)
	return f, nil
}

// countSteps counts steps.
func countSteps(n int) string {
	if n == 1 {
		return "1 step"
	}
	return fmt.Sprintf("%d steps", n)
}

// circle returns the steps of a goroutine's circle once round, from its first
// line on.
func (w *waits) circle(list []int) (once []int) {
	type key struct {
		pc   uint64
		kind event.Kind
	}
	var seen []key
	for _, i := range list {
		k := key{w.t.events[i].PC, w.t.events[i].Kind}
		if f, ok := placeOf(w.t.frames(i)); ok {
			k.pc = uint64(f.Line)
		}
		if !slices.Contains(seen, k) {
			seen = append(seen, k)
			once = append(once, i)
		}
	}
	first := 0
	for j, i := range once {
		a, _ := placeOf(w.t.frames(i))
		b, _ := placeOf(w.t.frames(once[first]))
		if !a.Plumbing() && (b.Plumbing() || a.Line < b.Line) {
			first = j
		}
	}
	return slices.Concat(once[first:], once[:first])
}

// tells says what the steps of a circle are.
func (w *waits) tells(once []int) string {
	var said []string
	for _, i := range once {
		does := verb(w.t, i)
		if s := spinVerbs[w.t.events[i].Kind]; s != "" {
			does = s
		}
		s := strings.TrimSpace(does + " " + w.object(i))
		if p := at(w.t.frames(i)); p != "" {
			s += " at " + p
		}
		said = append(said, s)
	}
	if more := len(said) - circleSteps; more > 0 {
		said = append(said[:circleSteps], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(said, ", ")
}

var spinVerbs = map[event.Kind]string{
	event.Lock: "locks", event.RLock: "locks for reading", event.TryLock: "tries to lock", event.TryRLock: "tries to lock for reading",
	event.Unlock: "unlocks", event.RUnlock: "unlocks for reading", event.Yield: "yields", event.Select: "polls in a select",
	event.ChanRecv: "tries to receive from", event.ChanSend: "tries to send on",
}

// object names what event i is about.
func (w *waits) object(i int) string {
	e := &w.t.events[i]
	if e.Kind.IsMemory() {
		o := w.t.object(i)
		if f, ok := placeOf(w.t.frames(i)); ok && (o.nameless() || strings.HasPrefix(o.name, "atomic.")) {
			for _, method := range []string{"Load", "Store", "CompareAndSwap", "Swap", "Add"} {
				if name := w.t.source.at(f, method); name != "" {
					return name
				}
			}
		}
		if o.nameless() && o.String() == "" {
			return "a variable"
		}
		return o.String()
	}
	if f, ok := placeOf(w.t.frames(i)); ok && e.Addr != 0 {
		for _, what := range []string{"Lock", "TryLock", "Unlock", "RLock", "TryRLock", "RUnlock", "receive", "send"} {
			if name := w.t.source.at(f, what); name != "" {
				return name
			}
		}
	}
	return ""
}
