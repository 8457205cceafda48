package explore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/explore/event"
)

// hint says how to repair a pattern that is known, "" for others. cycles and
// roots are what a deadlock was told by; for a leak roots is the goroutine.
func (w *waits) hint(cycles [][]int32, roots []*goroutine) string {
	if len(cycles) > 0 {
		return w.cycleHint(cycles[0])
	}
	for _, g := range roots {
		if h := w.rootHint(g); h != "" {
			return h
		}
	}
	return ""
}

func (w *waits) cycleHint(c []int32) string {
	var locks, others, groups []string
	reads, once := false, false
	for i, id := range c {
		g := w.left[id]
		name, _, _ := strings.Cut(w.name(g.obj), " #")
		switch {
		case strings.HasPrefix(name, "0x"):
			name = "it"
		}
		switch k := w.waker(id, c[(i+1)%len(c)]); {
		case isLock(g.kind) && methodOf(w.t, g) != "Wait":
			once = once || methodOf(w.t, g) == "Do"
			locks = append(locks, name)
			for _, h := range w.held[g.obj] {
				reads = reads || h.read && h.event == k.lock
			}
		case g.kind == event.WaitGroupWait:
			groups = append(groups, name)
		default:
			others = append(others, w.what(g))
		}
	}
	slices.Sort(locks)
	locks = slices.Compact(locks)
	switch {
	case len(locks) == 0 && len(groups) > 0:
		return "take what the goroutines send in another goroutine than the one that waits for " + groups[0] + ", or give the channel room for all of it"
	case len(locks) == 0:
		return "let one of them not wait: select with a way out, or a buffer for all that is sent while nobody receives"
	case once:
		return "let the functions of these Onces not call each other, or initialise both in one"
	case len(c) == 1 && reads:
		return "a read lock cannot become a write lock: call RUnlock, then Lock, and look again at what was read"
	case len(c) == 1:
		return "a lock cannot be taken twice: have a function for callers that hold " + locks[0] + ", and let the one that locks call it"
	case len(others)+len(groups) > 0:
		return "unlock " + and(locks) + " before waiting for " + and(append(others, groups...))
	case reads && len(locks) == 1:
		return "do not lock " + locks[0] + " for reading again while it is held: a writer may wait in between"
	case len(locks) == 1:
		return "take these locks in one order everywhere, such as that of an id"
	}
	return "take " + and(locks) + " in one order everywhere"
}

func (w *waits) rootHint(g *goroutine) string {
	name := w.name(g.obj)
	method := methodOf(w.t, g)
	switch {
	case strings.Contains(g.reason, "(nil"):
		return "make the channel before anybody uses it: on a nil channel everybody waits for ever"
	case isLock(g.kind) && method != "Wait":
		for _, h := range w.held[g.obj] {
			if _, ended := w.exits[h.g]; ended {
				return "unlock on every way out: defer the unlock right behind the lock"
			}
		}
	case g.kind == event.WaitGroupWait:
		return "call Done on every way out: defer it at the start of the goroutine, or use WaitGroup.Go"
	case g.kind == event.CondWait:
		return w.condHint(g)
	case method == "send":
		return "make " + name + " with a buffer for what nobody may receive, or send in a select with a way out"
	case method == "receive" && w.looksFirst(g, name):
		return "len may change before the receive: receive in a select with a default"
	case method == "receive":
		for _, n := range w.needs(g) {
			for i := range w.t.events {
				if e := &w.t.events[i]; e.Addr == n.addr && e.Kind == event.ChanSend && !e.IsCase() && !w.did(i) && e.G != g.id {
					return "a send with a default is lost when nobody receives just then: close " + name + " instead, or give it a buffer"
				}
			}
		}
		return "let whoever sends on " + name + " do so, or close it, on every way out: with defer"
	}
	return ""
}

// looksFirst reports whether g asked for the length of the channel that it
// waits to receive from.
func (w *waits) looksFirst(g *goroutine, name string) bool {
	f, _ := placeOf(w.t.symbols.stack(g.stack))
	_, ok := w.t.source.inFunction(f, name, "len")
	return ok
}

// condHint goes by the last signals that there were.
func (w *waits) condHint(g *goroutine) string {
	for i, left := len(w.t.events)-1, 4; i >= 0 && left > 0; i-- {
		e := &w.t.events[i]
		if e.Addr != g.obj || e.Kind != event.CondSignal && e.Kind != event.CondBroadcast {
			continue
		}
		left--
		switch how := w.woken(i); {
		case strings.Contains(how, fmt.Sprintf("G%d, who waited again", g.id)):
			return "change what is waited for first, under the lock, and signal after that"
		case e.Kind == event.CondSignal && strings.Contains(how, "woke"):
			return "wake all that wait, with Broadcast: Signal wakes one, perhaps another one"
		}
	}
	return "change what is waited for under the lock and signal after that, and look at it under the same lock before each Wait"
}
