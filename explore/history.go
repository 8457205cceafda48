package explore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/finding"
)

// need is what would end a wait: an operation on the object at addr.
type need struct {
	addr  uint64
	name  string       // of the object, in the program's text; "" where not known
	kinds []event.Kind // of the operation, in the log
	words []string     // in the program's text, one for each kind
	verb  string       // "send on it or close it"
	fail  string       // "without sending on it or closing it"
	done  bool         // it is WaitGroup.Done
}

// needs returns what would end the wait of g, if that is not a lock: one
// operation, or several of which one is enough.
func (w *waits) needs(g *goroutine) []need {
	frame, _ := placeOf(w.t.symbols.stack(g.stack))
	method := methodOf(w.t, g)
	name := w.t.source.at(frame, method)
	send := need{kinds: []event.Kind{event.ChanSend, event.ChanClose}, words: []string{"send", "close"}, verb: "send on it or close it", fail: "without sending on it or closing it"}
	receive := need{kinds: []event.Kind{event.ChanRecv}, words: []string{"receive"}, verb: "receive from it", fail: "without receiving from it"}
	on := func(n need, addr uint64, name string) need {
		n.addr, n.name = addr, name
		return n
	}
	switch {
	case strings.Contains(g.reason, "(nil") || isLock(g.kind) && method != "Wait":
		return nil
	case method == "receive":
		return []need{on(send, g.obj, name)}
	case method == "send":
		return []need{on(receive, g.obj, name)}
	case method == "select":
		var list []need
		for i := len(w.t.events) - 1; i >= 0; i-- {
			e := &w.t.events[i]
			if e.G != g.id {
				continue
			}
			if e.Kind == event.Select {
				break
			}
			switch {
			case !e.IsCase():
			case e.Kind == event.ChanSend:
				list = append(list, on(receive, e.Addr, w.channelName(e.Addr)))
			default:
				list = append(list, on(send, e.Addr, w.channelName(e.Addr)))
			}
		}
		return list
	case g.kind == event.WaitGroupWait:
		return []need{{addr: g.obj, name: name, kinds: []event.Kind{event.WaitGroupAdd}, words: []string{"Done"}, verb: "call Done", fail: "without Done", done: true}}
	case g.kind == event.CondWait:
		return []need{{addr: g.obj, name: name, kinds: []event.Kind{event.CondSignal, event.CondBroadcast}, words: []string{"Signal", "Broadcast"}, verb: "signal it", fail: "without signalling it"}}
	}
	return nil
}

// channelName is what any statement that uses the channel calls it.
func (w *waits) channelName(addr uint64) string {
	for i := range w.t.events {
		e := &w.t.events[i]
		if e.Addr != addr || e.IsCase() {
			continue
		}
		what := map[event.Kind]string{event.ChanSend: "send", event.ChanRecv: "receive", event.ChanClose: "close"}[e.Kind]
		if f, ok := placeOf(w.t.frames(i)); ok && what != "" {
			if name := w.t.source.at(f, what); name != "" {
				return name
			}
		}
	}
	return ""
}

// maxActors is how many goroutines a history tells of, and maxSteps how many
// steps of each.
const (
	maxActors  = 4
	actorSteps = 2
)

// history tells what others than g did with what n is about: their last steps,
// and how they ended. It is "" if they did nothing.
func (w *waits) history(g *goroutine, n need) string {
	var order []int32
	steps := map[int32][]int{}
	did := map[int32][]event.Kind{}
	for i := range w.t.events {
		e := &w.t.events[i]
		if e.Addr == n.addr && slices.Contains(n.kinds, e.Kind) && !slices.Contains(did[e.G], e.Kind) {
			did[e.G] = append(did[e.G], e.Kind)
		}
		if e.Addr != n.addr || e.Kind < event.ChanSend || e.Kind > event.CondBroadcast || e.G == 0 || !w.of(i) {
			continue
		}
		if e.G == g.id && e.Kind != event.WaitGroupAdd {
			continue
		}
		if !slices.Contains(order, e.G) {
			order = append(order, e.G)
		}
		steps[e.G] = append(steps[e.G], i)
	}
	for id := range w.exits {
		if !slices.Contains(order, id) && w.never(id, n, did[id]) != "" {
			order = append(order, id)
		}
	}
	slices.Sort(order)
	var parts []string
	for _, id := range order {
		list := steps[id]
		var said []string
		for _, i := range list[max(0, len(list)-actorSteps):] {
			if s := w.step(i, n); s != "" && !slices.Contains(said, s) {
				said = append(said, s)
			}
		}
		if end := w.ended(id); end != "" {
			if never := w.never(id, n, did[id]); never != "" {
				end += never
			} else if len(list) > 0 && w.passedBy(list[len(list)-1], n) {
				end += " " + n.fail
			}
			said = append(said, end)
		}
		if len(said) == 0 {
			continue
		}
		parts = append(parts, fmt.Sprintf("G%d %s", id, strings.Join(said, ", then ")))
	}
	if more := len(parts) - maxActors; more > 0 {
		parts = append(parts[:maxActors], fmt.Sprintf("and %d more goroutines", more))
	}
	return strings.Join(parts, "; ")
}

// passedBy reports whether event i is a case of a select that would have done
// what n asks for, and was not taken.
func (w *waits) passedBy(i int, n need) bool {
	e := &w.t.events[i]
	if !e.IsCase() || !slices.Contains(n.kinds, e.Kind) {
		return false
	}
	c, _ := w.taken(i)
	return c != e.Addr
}

// of reports whether event i is an operation of the program's on an object.
func (w *waits) of(i int) bool {
	f, ok := placeOf(w.t.frames(i))
	return ok && !f.Plumbing()
}

func and(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

// step says what event i did, with its place.
func (w *waits) step(i int, n need) string {
	e := &w.t.events[i]
	stack := w.t.frames(i)
	where := ""
	if p := at(stack); p != "" {
		where = " at " + p
	}
	did := w.did(i)
	switch {
	case e.IsCase():
		taken, how := w.taken(i)
		if taken == e.Addr {
			if e.Kind == event.ChanSend {
				return "sent on it in the select" + where
			}
			return "received from it in the select" + where
		}
		return "had it in the select" + where + how
	case e.Kind == event.ChanSend && did:
		return "sent on it" + where
	case e.Kind == event.ChanRecv && did:
		return "received from it" + where
	case e.Kind == event.ChanClose:
		return "closed it" + where
	case e.Kind == event.ChanSend && w.blocked(i):
		return "waits to send on it" + where
	case e.Kind == event.ChanRecv && w.blocked(i):
		return "waits to receive from it" + where
	case e.Kind == event.ChanSend:
		return "tried to send on it" + where + ", could not, and went on"
	case e.Kind == event.ChanRecv:
		return "looked for something to receive" + where + ", and went on"
	case e.Kind == event.CondSignal:
		return "signalled it" + where + w.woken(i)
	case e.Kind == event.CondBroadcast:
		return "broadcast" + where + w.woken(i)
	case e.Kind == event.WaitGroupAdd:
		for _, f := range stack {
			switch f.Func {
			case "sync.(*WaitGroup).Done":
				return "called Done" + where
			case "sync.(*WaitGroup).Go":
				return "called Go" + where
			}
		}
		return "called Add" + where
	}
	return ""
}

// next returns the index of the event of the same goroutine behind i that is
// not a part of what event i does, or -1. blocks reports whether it had to wait
// in between, orders whether it synchronised with another goroutine.
func (w *waits) next(i int) (j int, blocks, orders bool) {
	g := w.t.events[i].G
	for j = i + 1; j < len(w.t.events); j++ {
		e := &w.t.events[j]
		if e.G != g {
			continue
		}
		switch k := e.Kind; {
		case k == event.Block:
			blocks = true
		case k >= event.Acquire && k <= event.ReleaseAcquire:
			orders = true
		case e.IsCase() || (k == event.Read || k == event.Write) && e.Aux != 0 || k == event.Wake || k == event.Alloc:
		default:
			return j, blocks, orders
		}
	}
	return -1, blocks, orders
}

// did reports whether the operation of event i came about.
func (w *waits) did(i int) bool {
	switch w.t.events[i].Kind {
	case event.ChanSend, event.ChanRecv:
		_, _, orders := w.next(i)
		return orders
	}
	return true
}

// blocked reports whether the operation of event i still waits.
func (w *waits) blocked(i int) bool {
	j, blocks, orders := w.next(i)
	return j < 0 && blocks && !orders
}

// Where an hchan (runtime/chan.go) has what its race annotations name: the
// field buf of one without a buffer or that is closed, and the elements of one
// whose elements have no pointers.
const (
	chanBuf      = 16
	chanElements = 96
)

// taken returns the channel of the case that the select with the case at event
// i went on by, 0 if that is not known, and words for how it was left.
func (w *waits) taken(i int) (uint64, string) {
	e := &w.t.events[i]
	first := i
	for first > 0 && (w.t.events[first].G != e.G || w.t.events[first].Kind != event.Select) {
		first--
	}
	var cases []uint64
	orders, wakes := false, ""
search:
	for j := first + 1; j < len(w.t.events); j++ {
		x := &w.t.events[j]
		if x.Kind == event.Wake && int32(x.Aux) == e.G {
			wakes = w.wokenBy(j)
		}
		if x.G != e.G {
			continue
		}
		k := x.Kind
		switch {
		case x.IsCase():
			cases = append(cases, x.Addr)
			continue
		case k >= event.Acquire && k <= event.ReleaseAcquire:
			orders = true
			for _, c := range cases {
				if x.Addr == c+chanBuf || x.Addr == c+chanElements {
					if c != e.Addr {
						return c, ", which it left by another case" + wakes
					}
					return c, ""
				}
			}
			continue
		case k == event.Block || (k == event.Read || k == event.Write) && x.Aux != 0:
			continue
		default:
			break search
		}
	}
	if !orders {
		return 0, ", which it left by default"
	}
	return 0, ""
}

// wokenBy says who made the goroutine of the Wake at event j go on, and by what.
func (w *waits) wokenBy(j int) string {
	by := w.t.events[j].G
	if by == 0 {
		return " when a timer fired"
	}
	for i := j - 1; i >= 0; i-- {
		if e := &w.t.events[i]; e.G == by && e.Kind >= event.ChanSend && e.Kind <= event.CondBroadcast {
			s := fmt.Sprintf(" when G%d %s", by, map[event.Kind]string{event.ChanSend: "sent", event.ChanRecv: "received", event.ChanClose: "closed a channel"}[e.Kind])
			if p := at(w.t.frames(i)); p != "" {
				s += " at " + p
			}
			return s
		}
	}
	return ""
}

// woken says whom the signal or broadcast at event i woke.
func (w *waits) woken(i int) string {
	e := &w.t.events[i]
	in := map[int32]bool{}
	for j := range i {
		switch x := &w.t.events[j]; {
		case x.Kind == event.CondWait && x.Addr == e.Addr:
			in[x.G] = true
		case x.Kind == event.Wake:
			delete(in, int32(x.Aux))
		}
	}
	if len(in) == 0 {
		return " when nobody waited yet"
	}
	var list []string
	for j := i + 1; j < len(w.t.events); j++ {
		x := &w.t.events[j]
		if x.Kind == event.Wake && x.G == e.G && in[int32(x.Aux)] {
			again := ""
			for k := j; k < len(w.t.events) && again == ""; k++ {
				if y := &w.t.events[k]; y.Kind == event.CondWait && y.G == int32(x.Aux) && y.Addr == e.Addr {
					again = ", who waited again"
				}
			}
			list = append(list, fmt.Sprintf("G%d%s", x.Aux, again))
		} else if x.G == e.G && x.Kind >= event.ChanSend && x.Kind <= event.GC {
			break
		}
	}
	if len(list) == 0 {
		return ""
	}
	return ", which woke " + and(list)
}

// ended says how and where a goroutine ended, "" if it has not.
func (w *waits) ended(id int32) string {
	i, ok := w.exits[id]
	if !ok {
		return ""
	}
	last, seen := w.last[id]
	if seen {
		stack := w.t.frames(last)
		if slices.ContainsFunc(stack, func(f finding.Frame) bool {
			return f.Func == "testing.(*common).FailNow" || f.Func == "runtime.Goexit"
		}) {
			return "was ended by FailNow or Goexit at " + at(stack)
		}
	}
	if p := at(w.t.symbols.stack([]uint64{w.t.events[i].PC})); p != "" {
		return "returned at " + p
	}
	if seen {
		return "ended after " + at(w.t.frames(last))
	}
	return "ended"
}

// never tells of what n asks for that stands in the function in which a
// goroutine ended, and that it did not come to: did are those of n.kinds that
// it did. It is "" if there is none.
func (w *waits) never(id int32, n need, did []event.Kind) string {
	i, ok := w.exits[id]
	if !ok {
		return ""
	}
	f, ok := placeOf(w.t.symbols.stack([]uint64{w.t.events[i].PC}))
	if last, seen := w.last[id]; seen && (!ok || strings.HasPrefix(w.ended(id), "was ended")) {
		f, ok = placeOf(w.t.frames(last))
	}
	if !ok {
		return ""
	}
	for k := len(n.words) - 1; k >= 0; k-- {
		if slices.Contains(did, n.kinds[k]) {
			continue
		}
		if line, ok := w.t.source.inFunction(f, n.name, n.words[k]); ok {
			return fmt.Sprintf(" and did not come to line %d, where it would %s", line, verbs[n.words[k]])
		}
	}
	return ""
}

// verbs are what the words of a need do to its object.
var verbs = map[string]string{
	"send": "send on it", "close": "close it", "receive": "receive from it", "Done": "call Done",
	"Signal": "signal it", "Broadcast": "broadcast",
}
