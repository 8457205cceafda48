package explore

import (
	"cmp"
	"context"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/ghostread/ghostread/explore/detect"
	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/explore/wire"
	"github.com/ghostread/ghostread/finding"
)

// trace is everything that happened in a replayed execution.
type trace struct {
	events     []event.Event
	words      []uint64 // captured stacks
	goroutines []goroutine
	end        wire.Record // "replayed"; its Kind is "" if the process died
	crash      crash
	died       bool
	certain    bool // a livelock, whatever the schedule
	header     wire.Header
	symbols    *symbols

	source  source
	born    map[int32]int // goroutine -> index of the event that started it
	objects map[int]object
	allocs  *allocs
	maps    map[uint64]object // by header address
}

// goroutine is one that had not ended when the execution had.
type goroutine struct {
	id       int32
	born     int32
	hopeless bool // it waits and nothing in sight can wake it
	waiting  bool
	key      uint64
	reason   string
	kind     event.Kind // its last operation
	obj      uint64     // of that
	created  uint64
	channels []uint64 // that it waits on
	stack    []uint64
	counter  int     // of the WaitGroup that it waits for
	holders  []int32 // goroutines that can reach what it waits for; 0 stands for package variables
	counted  bool    // holders is known
}

func readGoroutine(r wire.Record) goroutine {
	g := goroutine{
		id: int32(r.GetInt("id")), born: int32(r.GetInt("born")),
		hopeless: r.Get("hopeless") == "true", waiting: r.Get("waiting") == "true",
		key: r.GetUint("key"), reason: r.Get("reason"), kind: event.Kind(r.GetInt("kind")),
		obj: r.GetUint("obj"), created: r.GetUint("created"),
		channels: hexList(r.Get("channels")), stack: hexList(r.Get("stack")),
		counter: int(r.GetInt("counter")), counted: r.Get("holders") != "" && r.Get("holders") != "?",
	}
	for f := range strings.FieldsSeq(r.Get("holders")) {
		if id, err := strconv.ParseInt(f, 10, 32); err == nil {
			g.holders = append(g.holders, int32(id))
		}
	}
	return g
}

func hexList(s string) (list []uint64) {
	for f := range strings.FieldsSeq(s) {
		if v, err := strconv.ParseUint(f, 16, 64); err == nil {
			list = append(list, v)
		}
	}
	return list
}

// replay runs the execution of c by its decisions in a fresh process.
func (s *Session) replay(ctx context.Context, c candidate) (*trace, error) {
	job := s.opts.job(wire.Replay, s.test)
	job.Fresh = s.isFresh(c)
	if !c.spins() {
		return s.replayJob(ctx, job, c)
	}
	// The two points with the same state are looked for as the search did,
	// without a log; then the execution is made again as far as the second.
	job.Watch = true
	t, err := s.replayJob(ctx, job, c)
	if err != nil || t.died || t.end.GetInt("reason") != wire.Livelock {
		return t, err
	}
	job = s.opts.job(wire.Replay, s.test)
	job.Fresh, job.Base, job.Again = s.isFresh(c), t.end.GetUint("base"), t.end.GetUint("again")
	drawn, err := s.replayJob(ctx, job, c)
	if err == nil {
		drawn.certain = t.end.Get("certain") == "true"
	}
	return drawn, err
}

func (s *Session) replayJob(ctx context.Context, job *wire.Job, c candidate) (*trace, error) {
	job.Strategy, job.Seed, job.First, job.Last, job.Decisions = c.strategy, c.seed, c.execution, c.execution, c.decisions
	t := &trace{symbols: s.symbols, objects: map[int]object{}, maps: map[uint64]object{}}
	p, err := s.program.run(ctx, job, nil, func(r wire.Record) error {
		switch r.Kind {
		case "goroutine":
			t.goroutines = append(t.goroutines, readGoroutine(r))
		case "replayed":
			t.end = r
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer p.close()
	t.header = p.header()
	t.crash, t.died = p.crashed()
	if t.events, t.words, err = p.log(); err != nil {
		return nil, err
	}
	t.births()
	return t, nil
}

func (t *trace) births() {
	t.born = map[int32]int{}
	for i := range t.events {
		switch e := &t.events[i]; e.Kind {
		case event.Spawn:
			t.born[int32(e.Aux)] = i
		case event.Adopt:
			t.born[e.G] = i
		}
	}
}

// stack returns the return addresses captured at event i.
func (t *trace) stack(i int) []uint64 {
	at := int(t.events[i].Stack)
	if at < 0 || at >= len(t.words) {
		return nil
	}
	n := int(t.words[at])
	if at+1+n > len(t.words) {
		return nil
	}
	return t.words[at+1 : at+1+n]
}

// frames returns the stack of event i in names.
func (t *trace) frames(i int) []finding.Frame { return t.symbols.stack(t.stack(i)) }

// races returns the data races of the execution.
func (t *trace) races() []detect.Race {
	if len(t.events) == 0 {
		return nil
	}
	return slices.Clone(detect.New().Run(t.events))
}

// name makes sure that the binary has been asked for everything that the
// events with these indices, and the goroutines left, need.
func (t *trace) name(ctx context.Context, events []int) error {
	pcs := map[uint64]bool{}
	types := map[typeQuery]bool{}
	for _, i := range events {
		e := &t.events[i]
		for _, pc := range t.stack(i) {
			pcs[pc] = true
		}
		pcs[e.PC] = true
		if e.Kind == event.MapRead || e.Kind == event.MapWrite {
			pcs[e.Aux+1] = true
		}
		if q, ok := t.typeOf(i); ok {
			types[q] = true
		}
	}
	for _, g := range t.goroutines {
		for _, pc := range g.stack {
			pcs[pc] = true
		}
		pcs[g.created] = true
		if q, ok := t.typeAt(len(t.events), g.obj); ok && isLock(g.kind) {
			types[q] = true
		}
	}
	return t.symbols.resolve(ctx, slices.Sorted(maps.Keys(pcs)),
		slices.SortedFunc(maps.Keys(types), func(a, b typeQuery) int {
			return cmp.Or(cmp.Compare(a.typ, b.typ), cmp.Compare(a.off, b.off))
		}))
}

// placeOf is the frame of a stack that a reader should look at.
func placeOf(stack []finding.Frame) (finding.Frame, bool) {
	return finding.Evidence{Stack: stack}.Place()
}

// allocation returns the index of the last event before event i that allocated
// an object around addr; -1 if the execution did not.
func (t *trace) allocation(i int, addr uint64) int {
	if t.allocs == nil {
		t.allocs = newAllocs(t.events)
	}
	return t.allocs.last(i, addr)
}

// allocs finds allocations by address: a log of a million events is asked
// about tens of thousands of them.
type allocs struct {
	events []event.Event
	order  []int32  // Alloc events by address
	reach  []uint64 // reach[k]: the highest end of order[:k+1]
}

func newAllocs(events []event.Event) *allocs {
	a := &allocs{events: events}
	for i := range events {
		if events[i].Kind == event.Alloc {
			a.order = append(a.order, int32(i))
		}
	}
	slices.SortStableFunc(a.order, func(x, y int32) int { return cmp.Compare(events[x].Addr, events[y].Addr) })
	a.reach = make([]uint64, len(a.order))
	top := uint64(0)
	for k, i := range a.order {
		top = max(top, events[i].Addr+uint64(events[i].Size))
		a.reach[k] = top
	}
	return a
}

func (a *allocs) last(i int, addr uint64) int {
	k, _ := slices.BinarySearchFunc(a.order, addr, func(j int32, addr uint64) int {
		if a.events[j].Addr <= addr {
			return -1
		}
		return 1
	})
	best := -1
	for k--; k >= 0 && a.reach[k] > addr; k-- {
		j := int(a.order[k])
		if e := &a.events[j]; j < i && j > best && addr < e.Addr+uint64(e.Size) {
			best = j
		}
	}
	return best
}

func (t *trace) typeOf(i int) (typeQuery, bool) {
	e := &t.events[i]
	if !e.Kind.IsMemory() {
		return typeQuery{}, false
	}
	return t.typeAt(i, e.Addr)
}

// typeAt asks what is at addr when event i happens.
func (t *trace) typeAt(i int, addr uint64) (typeQuery, bool) {
	j := t.allocation(i, addr)
	if j < 0 {
		return typeQuery{}, false
	}
	a := &t.events[j]
	return typeQuery{a.Aux, uint64(a.Size), addr - a.Addr}, a.Aux != 0
}

// lookBack is how many events of a goroutine may lie between the read of a
// variable that holds a map and the use of the map.
const lookBack = 12

// object names what event i touches; name must have been called for it.
func (t *trace) object(i int) object {
	if o, ok := t.objects[i]; ok {
		return o
	}
	o := t.find(i)
	if o.nameless() && t.events[i].Kind.IsWrite() {
		if f, ok := placeOf(t.frames(i)); ok && !f.Plumbing() {
			o = o.called(t.source.at(f, "assign"))
		}
	}
	t.objects[i] = o
	return o
}

func (t *trace) find(i int) object {
	e := &t.events[i]
	if e.Kind == event.MapRead || e.Kind == event.MapWrite {
		if o, ok := t.maps[e.Addr]; ok {
			return o
		}
		o := object{typ: "map"}
		for j := range t.events {
			if m := &t.events[j]; m.Addr == e.Addr && (m.Kind == event.MapRead || m.Kind == event.MapWrite) {
				if v, ok := t.mapVariable(j); ok {
					o = v
					break
				}
			}
		}
		t.maps[e.Addr] = o
		return o
	}
	if e.Aux != 0 {
		return object{typ: "channel"}
	}
	if q, ok := t.typeOf(i); ok {
		return t.symbols.objects[q]
	}
	o, _ := t.symbols.globals.at(e.Addr)
	if o.name == "runtime.zeroVal" {
		return object{typ: "map"} // an element that is absent, used as a map
	}
	return o
}

// mapVariable names the variable that a map access went through. The header
// of a map has no name of its own; what was read to get there has.
func (t *trace) mapVariable(i int) (object, bool) {
	left := lookBack
	for j := i - 1; j >= 0 && left > 0; j-- {
		b := &t.events[j]
		if b.G != t.events[i].G {
			continue
		}
		left--
		if b.Kind != event.Read {
			continue
		}
		if o := t.find(j); strings.HasPrefix(o.typ, "map[") || o.name != "" && o.typ == "" {
			return o, true // a field, element or captured variable; or a package variable
		}
	}
	return object{}, false
}

// sources reads excerpts of the files that frames name, a few lines around
// each, for reports that must stand alone.
func sources(frames []finding.Frame) (list []finding.Source) {
	const around = 6
	want := map[string][]int{}
	for _, f := range frames {
		if !f.Plumbing() && f.Line > 0 {
			want[f.File] = append(want[f.File], f.Line)
		}
	}
	files := make([]string, 0, len(want))
	for f := range want {
		files = append(files, f)
	}
	slices.Sort(files)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // built elsewhere: the report does without
		}
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		at := want[name]
		slices.Sort(at)
		first, last := 0, -1
		flush := func() {
			if last >= first && first > 0 {
				list = append(list, finding.Source{File: name, First: first, Lines: lines[first-1 : last]})
			}
		}
		for _, l := range at {
			if l > len(lines) {
				continue // the file has changed since
			}
			from, to := max(l-around, 1), min(l+around, len(lines))
			if first > 0 && from <= last+1 {
				last = max(last, to)
				continue
			}
			flush()
			first, last = from, to
		}
		flush()
	}
	return list
}
