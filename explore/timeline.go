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

// maxPoints bounds a timeline; what is farthest from the ghost is left out.
const maxPoints = 50_000

// shown returns the indices of the events that a timeline shows: operations,
// and plain accesses where the program's own lines make them. near are events
// that it must show.
func (t *trace) shown(near ...int) (list []int) {
	for i := range t.events {
		switch k := t.events[i].Kind; {
		case slices.Contains(near, i):
		case k == event.None || k >= event.Acquire && k <= event.ReleaseAcquire:
			continue // order, not operations
		case k == event.Alloc || k == event.TimerDone || k == event.Wake || k == event.Block:
			continue // seen in spans and edges
		case t.events[i].IsCase():
			continue // the select is shown
		}
		list = append(list, i)
	}
	if len(list) > maxPoints {
		centre := len(list)
		if len(near) > 0 {
			centre, _ = slices.BinarySearch(list, slices.Max(near))
		}
		from := min(max(centre-maxPoints/2, 0), len(list)-maxPoints)
		list = list[from : from+maxPoints]
	}
	return list
}

// timelineBuilder draws a trace.
type timelineBuilder struct {
	t      *trace
	tl     *finding.Timeline
	index  map[int]int // event -> point
	frames map[finding.Frame]int
	stacks map[string]int
	names  map[uint64]string // what writes call the variables that have no name otherwise
}

// newTimeline draws the events in show, which must have been named. Events of
// package testing and plain accesses inside the standard library stay out:
// they are not the program's.
func newTimeline(t *trace, show []int) *timelineBuilder {
	b := &timelineBuilder{
		t: t, tl: &finding.Timeline{Unit: "step"},
		index: map[int]int{}, frames: map[finding.Frame]int{}, stacks: map[string]int{}, names: map[uint64]string{},
	}
	lanes := map[int32]bool{}
	for _, i := range show {
		e := &t.events[i]
		frames := t.frames(i)
		if !b.ofProgram(e, frames) {
			continue
		}
		if e.Kind.IsWrite() {
			if o := t.object(i); b.names[e.Addr] == "" && o.name != "" {
				b.names[e.Addr] = o.name
			}
		}
		lanes[e.G] = true
		b.index[i] = len(b.tl.Points)
		b.tl.Points = append(b.tl.Points, finding.Point{
			Lane: int(e.G), At: int64(i), Op: opName(t, i), Text: b.text(i), Addr: addrOf(e), Stack: b.stack(frames),
		})
	}
	b.tl.Omitted = len(show) - len(b.tl.Points)
	for _, g := range t.goroutines {
		if _, ok := t.born[g.id]; ok && g.born >= 0 {
			lanes[g.id] = true
		}
	}
	b.lanes(lanes)
	b.spans(lanes)
	b.edges()
	return b
}

func (b *timelineBuilder) ofProgram(e *event.Event, frames []finding.Frame) bool {
	switch {
	case e.Kind == event.TimerFire || e.Kind == event.Exit || e.Kind == event.Adopt || e.Kind == event.Stop:
		return true
	case e.Kind == event.Spawn && e.Aux == 1:
		return false // of the goroutine that runs the test, by nobody
	}
	if len(frames) == 0 {
		return false
	}
	f, _ := placeOf(frames)
	return !f.Plumbing()
}

func addrOf(e *event.Event) uint64 {
	switch e.Kind {
	case event.Spawn, event.Exit, event.Yield, event.Sleep, event.Select, event.GC, event.Stop, event.Spec, event.Count:
		return 0
	}
	return e.Addr
}

func (b *timelineBuilder) stack(frames []finding.Frame) int {
	if len(frames) == 0 {
		return -1
	}
	ids := make([]int, len(frames))
	for i, f := range frames {
		id, ok := b.frames[f]
		if !ok {
			id = len(b.tl.Frames)
			b.frames[f] = id
			b.tl.Frames = append(b.tl.Frames, f)
		}
		ids[i] = id
	}
	key := fmt.Sprint(ids)
	n, ok := b.stacks[key]
	if !ok {
		n = len(b.tl.Stacks)
		b.stacks[key] = n
		b.tl.Stacks = append(b.tl.Stacks, ids)
	}
	return n
}

func (b *timelineBuilder) lanes(lanes map[int32]bool) {
	ids := make([]int32, 0, len(lanes))
	for id := range lanes {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		l := finding.Lane{ID: int(id), Name: fmt.Sprintf("G%d", id)}
		switch {
		case id == 0:
			l.Name, l.Note = "timers", "functions of timers"
		case id == 1:
			l.Note = "runs the test"
		default:
			if e, ok := b.t.spawn(id); ok {
				l.Note = strings.TrimPrefix(e.Text, l.Name+" ")
				l.Note = strings.TrimPrefix(l.Note, "was ")
				if f, ok := e.Place(); ok {
					l.Note += fmt.Sprintf(" at %s:%d", filepath.Base(f.File), f.Line)
				}
			}
		}
		b.tl.Lanes = append(b.tl.Lanes, l)
	}
}

// spans draws who ran when, and who waited.
func (b *timelineBuilder) spans(lanes map[int32]bool) {
	t := b.t
	blocked := map[int32]int{} // goroutine -> index of its Block
	last := map[int32]int{}    // goroutine -> index of its last operation
	running, since := int32(-1), 0
	end := len(t.events)
	run := func(to int) {
		if running > 0 && lanes[running] && to > since {
			b.tl.Spans = append(b.tl.Spans, finding.Span{Lane: int(running), Start: int64(since), End: int64(to), State: "run"})
		}
	}
	wait := func(g int32, from, to int) {
		if !lanes[g] {
			return
		}
		state, text := "blocked", ""
		if op, ok := last[g]; ok {
			if t.events[op].Kind == event.Sleep {
				state = "sleep"
			}
			text = "in " + opName(t, op)
		}
		b.tl.Spans = append(b.tl.Spans, finding.Span{Lane: int(g), Start: int64(from), End: int64(to), State: state, Text: text})
	}
	for i := range t.events {
		e := &t.events[i]
		if e.Kind == event.Wake || e.Kind == event.TimerFire || e.Kind == event.TimerDone || e.G == 0 {
			continue
		}
		if e.Kind >= event.Acquire && e.Kind <= event.ReleaseAcquire && e.G != running {
			continue // a waiting goroutine that the running one synchronises
		}
		if from, ok := blocked[e.G]; ok {
			wait(e.G, from, i)
			delete(blocked, e.G)
		}
		if e.G != running {
			run(i)
			running, since = e.G, i
		}
		switch e.Kind {
		case event.Block:
			run(i)
			running = -1
			blocked[e.G] = i
		case event.Exit:
			run(i + 1)
			running = -1
		}
		if e.Kind >= event.ChanSend && e.Kind <= event.GC && !e.IsCase() {
			last[e.G] = i
		}
	}
	run(end)
	for g, from := range blocked {
		wait(g, from, end)
	}
	slices.SortFunc(b.tl.Spans, func(x, y finding.Span) int {
		if x.Start != y.Start {
			return int(x.Start - y.Start)
		}
		return x.Lane - y.Lane
	})
}

// edges ties what starts and wakes goroutines to what they do next.
func (b *timelineBuilder) edges() {
	type open struct {
		from int
		kind string
	}
	pending := map[int32]open{}
	lastPoint := map[int32]int{} // goroutine -> its last point
	for i := range b.t.events {
		e := &b.t.events[i]
		if p, ok := b.index[i]; ok {
			if o, ok := pending[e.G]; ok {
				b.tl.Edges = append(b.tl.Edges, finding.Edge{From: o.from, To: p, Kind: o.kind})
				delete(pending, e.G)
			}
			lastPoint[e.G] = p
			if e.Kind == event.Spawn {
				pending[int32(e.Aux)] = open{p, "spawn"}
			}
		}
		if e.Kind == event.Wake {
			if p, ok := lastPoint[e.G]; ok {
				pending[int32(e.Aux)] = open{p, "wake"}
			}
		}
	}
}

// object is what event i is about, as access i or its rival names it; "" if
// neither does.
func (b *timelineBuilder) object(i, rival int) string {
	o := b.t.object(i)
	if r := b.t.object(rival); o.nameless() && !r.nameless() {
		o = o.called(r.name)
	} else if o.nameless() {
		o = o.called(b.names[b.t.events[i].Addr])
	}
	return o.String()
}

// access is the evidence that event i is. rival is another access to the
// same object, which may know its name.
func (b *timelineBuilder) access(role finding.Role, i, rival int) finding.Evidence {
	t, e := b.t, &b.t.events[i]
	ev := finding.Evidence{
		Role: role, Goroutine: int(e.G), Point: -1, Object: b.object(i, rival), Addr: e.Addr, Stack: t.frames(i),
	}
	if e.Kind == event.ReadRange || e.Kind == event.WriteRange {
		ev.Size = e.Size
	}
	if p, ok := b.index[i]; ok {
		ev.Point = p
	}
	ev.Text = fmt.Sprintf("G%d %s %s", e.G, verb(t, i), cmp.Or(ev.Object, fmt.Sprintf("%#x", e.Addr)))
	if ev.Size > 8 {
		ev.Text += fmt.Sprintf(", %d bytes", ev.Size)
	}
	return ev
}

// between tells where event i falls among what the goroutine of event rival
// does: after which of its steps and before which. It returns false if i or
// both of these are not in the timeline.
func (b *timelineBuilder) between(i, rival int) (finding.Evidence, bool) {
	at, ok := b.index[i]
	if !ok {
		return finding.Evidence{}, false
	}
	other := int(b.t.events[rival].G)
	place := func(p int) string {
		s := strings.TrimSpace(b.tl.Points[p].Op + " " + b.tl.Points[p].Text)
		if where := b.where(p); where != "" {
			s += " at " + where
		}
		return s
	}
	step := func(by int) string {
		for p := at + by; p >= 0 && p < len(b.tl.Points); p += by {
			if b.tl.Points[p].Lane == other {
				return place(p)
			}
		}
		return ""
	}
	e := &b.t.events[i]
	text := fmt.Sprintf("in this execution G%d %s %s", e.G, verb(b.t, i), cmp.Or(b.object(i, rival), fmt.Sprintf("%#x", e.Addr)))
	if where := b.where(at); where != "" {
		text += " at " + where
	}
	before, after := step(-1), step(1)
	p, shown := b.index[rival]
	switch {
	case before != "" && after != "":
		text += fmt.Sprintf(" between %s's %s and its %s", lane(other), before, after)
	case after != "" && shown:
		text += fmt.Sprintf(" before all that %s does, such as its %s", lane(other), place(p))
	case before != "" && shown:
		text += fmt.Sprintf(" after all that %s does, such as its %s", lane(other), place(p))
	default:
		return finding.Evidence{}, false
	}
	return finding.Evidence{Role: finding.RoleNote, Text: text, Point: -1}, true
}

// where is the file and line of a point, "" if it has none.
func (b *timelineBuilder) where(p int) string {
	id := b.tl.Points[p].Stack
	if id < 0 {
		return ""
	}
	var stack []finding.Frame
	for _, f := range b.tl.Stacks[id] {
		stack = append(stack, b.tl.Frames[f])
	}
	f, ok := placeOf(stack)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
}

func (b *timelineBuilder) mark(i int, m finding.Mark) {
	if p, ok := b.index[i]; ok {
		b.tl.Points[p].Mark = m
	}
}

func (b *timelineBuilder) edge(from, to int, kind string) {
	p, ok1 := b.index[from]
	q, ok2 := b.index[to]
	if ok1 && ok2 {
		b.tl.Edges = append(b.tl.Edges, finding.Edge{From: p, To: q, Kind: kind})
	}
}

// lastOf returns the last point of a goroutine, or -1.
func (b *timelineBuilder) lastOf(g int) int {
	for p := len(b.tl.Points) - 1; p >= 0; p-- {
		if b.tl.Points[p].Lane == g {
			return p
		}
	}
	return -1
}

// switches tells of the last n places before event end at which another
// goroutine went on: what a schedule that fails has, and the ordinary one has
// not.
func (b *timelineBuilder) switches(n, end int) (list []finding.Evidence) {
	for p := len(b.tl.Points) - 1; p > 0 && len(list) < n; p-- {
		if b.tl.Points[p].At >= int64(end) {
			continue
		}
		at, before := b.tl.Points[p], b.tl.Points[p-1]
		if at.Lane == before.Lane || at.Stack < 0 {
			continue
		}
		e := finding.Evidence{
			Role: finding.RoleNote, Goroutine: at.Lane, Point: p, Addr: at.Addr,
			Text: strings.TrimSpace(fmt.Sprintf("then %s runs from here: %s %s", lane(at.Lane), at.Op, at.Text)),
		}
		for _, f := range b.tl.Stacks[at.Stack] {
			e.Stack = append(e.Stack, b.tl.Frames[f])
		}
		list = append(list, e)
	}
	slices.Reverse(list)
	return list
}

func lane(id int) string {
	if id == 0 {
		return "a timer"
	}
	return fmt.Sprintf("G%d", id)
}

// failed marks where the test failed first, and returns that event, or the
// number of events.
func (b *timelineBuilder) failed(e *finding.Evidence) int {
	for i := range b.t.events {
		if b.t.events[i].Kind == event.Stop {
			b.mark(i, finding.MarkStop)
			e.Goroutine = int(b.t.events[i].G)
			if p, ok := b.index[i]; ok {
				e.Point = p
			}
			return i
		}
	}
	return len(b.t.events)
}

// stuck marks where g waits for ever.
func (b *timelineBuilder) stuck(g goroutine, e *finding.Evidence) {
	if e.Point = b.lastOf(int(g.id)); e.Point >= 0 {
		b.tl.Points[e.Point].Mark = finding.MarkStuck
	}
}

// stop marks the last thing that happened.
func (b *timelineBuilder) stop(e *finding.Evidence) {
	if n := len(b.tl.Points); n > 0 {
		e.Point = n - 1
		e.Goroutine = b.tl.Points[n-1].Lane
		b.tl.Points[n-1].Mark = finding.MarkStop
	}
}

// finish returns the timeline with the source lines it needs.
func (b *timelineBuilder) finish(title string) *finding.Timeline {
	b.tl.Title = title
	b.tl.Sources = sources(b.tl.Frames)
	return b.tl
}

func (b *timelineBuilder) text(i int) string {
	e := &b.t.events[i]
	switch e.Kind {
	case event.Spawn:
		return fmt.Sprintf("starts G%d", e.Aux)
	case event.Select:
		return fmt.Sprintf("%d cases", e.Size)
	case event.TimerFire:
		text := fmt.Sprintf("at %.3f ms of virtual time", float64(e.Aux)/1e6)
		if e.Flags&event.Early != 0 {
			text += ", early"
		}
		return text
	}
	if e.Kind.IsMemory() {
		return b.t.object(i).String()
	}
	return ""
}

// opName is the short name of an operation in a diagram.
func opName(t *trace, i int) string {
	e := &t.events[i]
	switch e.Kind {
	case event.Read, event.ReadRange:
		if e.Aux != 0 {
			return "send"
		}
	case event.Write, event.WriteRange:
		if e.Aux != 0 {
			return "close"
		}
	case event.Spec:
		if e.Aux != 0 {
			return "return"
		}
		return "call"
	case event.MapRead, event.MapWrite:
		return mapOp(t.symbols.entry(e.Aux), e.Kind)
	}
	return kindName(e.Kind)
}

var opNames = map[event.Kind]string{
	event.ChanSend: "send", event.ChanRecv: "receive", event.ChanClose: "close", event.Select: "select",
	event.Lock: "lock", event.TryLock: "try lock", event.Unlock: "unlock",
	event.RLock: "read lock", event.TryRLock: "try read lock", event.RUnlock: "read unlock",
	event.WaitGroupAdd: "add", event.WaitGroupWait: "wait",
	event.CondWait: "cond wait", event.CondSignal: "signal", event.CondBroadcast: "broadcast",
	event.Sleep: "sleep", event.Yield: "yield", event.GC: "collect garbage",
	event.ChanLen: "length", event.Count: "count goroutines",
	event.TimerSet: "set timer", event.Spawn: "go", event.Exit: "end", event.TimerFire: "timer", event.Adopt: "joins", event.Stop: "fail",
}

func mapOp(fn string, k event.Kind) string {
	fn = strings.ToLower(fn[strings.LastIndexByte(fn, '.')+1:])
	switch {
	case strings.Contains(fn, "iter"):
		return "map iterate"
	case strings.Contains(fn, "delete"):
		return "map delete"
	case strings.Contains(fn, "clear"):
		return "map clear"
	case strings.Contains(fn, "clone"):
		return "map clone"
	case k == event.MapWrite:
		return "map assign"
	}
	return "map lookup"
}

// verb is what a goroutine does, in a sentence.
func verb(t *trace, i int) string {
	switch op := opName(t, i); op {
	case "read":
		return "reads"
	case "write":
		return "writes"
	case "atomic load":
		return "atomically loads"
	case "atomic store":
		return "atomically stores to"
	case "atomic rmw":
		return "atomically changes"
	case "map lookup":
		return "looks up a key in"
	case "map assign":
		return "assigns to"
	case "map delete":
		return "deletes from"
	case "map clear":
		return "clears"
	case "map iterate":
		return "iterates over"
	case "map clone":
		return "clones"
	case "send":
		return "sends on"
	case "close":
		return "closes"
	default:
		return op
	}
}
