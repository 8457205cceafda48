package explore

import (
	"context"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/explore/detect"
	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/explore/replay"
	"github.com/ghostread/ghostread/explore/wire"
	"github.com/ghostread/ghostread/finding"
)

// confirm replays c in a fresh process. It returns what the replay shows of
// the candidate: nothing if it did not repeat, and the data races instead of a
// failure or panic that they explain.
func (s *Session) confirm(ctx context.Context, c candidate) ([]finding.Finding, error) {
	t, err := s.replay(ctx, c)
	if err != nil {
		return nil, err
	}
	return s.findings(ctx, t, c)
}

// findings is what t shows of candidate c; of whatever it is if c is "any".
func (s *Session) findings(ctx context.Context, t *trace, c candidate) ([]finding.Finding, error) {
	var list []finding.Finding
	add := func(f finding.Finding, err error) error {
		if err == nil {
			s.complete(&f, t, c)
			list = append(list, f)
		}
		return err
	}
	reason := int(t.end.GetInt("reason"))
	races := func(message string) error {
		if s.opts.NoRace {
			return nil
		}
		for _, r := range t.races() {
			f, err := s.raceFinding(ctx, t, r)
			f.Message = message
			if err := add(f, err); err != nil {
				return err
			}
		}
		return nil
	}
	switch c.what {
	case "race":
		a, b := c.rec.GetUint("a"), c.rec.GetUint("b")
		for _, r := range t.races() {
			if x, y := t.events[r.First].PC, t.events[r.Second].PC; min(x, y) == a && max(x, y) == b {
				f, err := s.raceFinding(ctx, t, r)
				if err := add(f, err); err != nil {
					return nil, err
				}
			}
		}
		return list, nil
	case "leak":
		for _, g := range t.goroutines {
			if g.hopeless && g.key+4 == c.key && reason == wire.Done {
				err := add(s.leakFinding(ctx, t, g))
				return list, err
			}
		}
		return list, nil
	}
	if c.what != "any" && t.untimely() {
		s.vain++
		return nil, nil
	}
	failed := t.end.Get("failed") == "true" && reason == wire.Done
	if c.what == "livelock" && reason != wire.Livelock || c.what == "failure" && !failed || c.what == "panic" && !t.died || c.what == "deadlock" && reason != wire.Deadlock || c.what == "broken" && reason != wire.Broken {
		return nil, nil
	}
	switch {
	case t.died:
		if err := races(t.crash.message); err != nil {
			return nil, err
		}
		if list = slices.DeleteFunc(list, func(f finding.Finding) bool { return f.Title == channelRace }); len(list) > 0 {
			return list, nil
		}
		err := add(s.panicFinding(ctx, t))
		return list, err
	case reason == wire.Broken && !strings.HasPrefix(t.end.Get("report"), wire.UndecidedReport):
		if c.what == "any" {
			if err := races(""); err != nil {
				return nil, err
			}
		}
		err := add(s.brokenFinding(ctx, t))
		return list, err
	case reason == wire.Deadlock:
		if c.what == "any" {
			if err := races(""); err != nil {
				return nil, err
			}
		}
		err := add(s.deadlockFinding(ctx, t))
		return list, err
	case reason == wire.Livelock:
		err := add(s.livelockFinding(ctx, t))
		return list, err
	case failed:
		log := t.end.Get("log")
		if err := races(log); err != nil || len(list) > 0 {
			return list, err
		}
		err := add(s.failureFinding(ctx, t, log))
		return list, err
	}
	// A replay asked for by a user: everything that shows.
	if err := races(""); err != nil {
		return nil, err
	}
	for _, g := range t.goroutines {
		if g.hopeless && reason == wire.Done {
			if err := add(s.leakFinding(ctx, t, g)); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// complete fills in what all findings have.
func (s *Session) complete(f *finding.Finding, t *trace, c candidate) {
	f.Code = finding.CodeFor(f.Kind)
	f.Source = "explore"
	f.Subject = finding.Subject{Package: s.program.Package, Test: s.test}
	f.Executions = int(c.execution)
	if t.end.Get("external") == "true" {
		f.Notes = append(f.Notes, "network, system calls or the garbage collector had a say in this execution: a replay may differ")
	}
	f.Witness = &finding.Witness{
		Kind: "schedule", Hash: fmt.Sprintf("%016x", t.header.Hash), Strategy: c.strategy, Seed: c.seed, Decisions: int(t.header.Decisions),
	}
	t.tellEarly(f)
	if c.first {
		f.Notes = append(f.Notes, "in the first execution of a process: in later ones what is initialised lazily is there already")
	}
	if c.reduced != nil {
		f.Witness.Switches, f.Witness.Found = &c.reduced.left, c.reduced.found
	}
	if f.Help == "" {
		f.Help = "ghostread explain " + f.Code
	}
}

// record gives f the means to be repeated: a replay file, and a token if the
// schedule is short. It is called once, for the proof that is shown.
func (s *Session) record(f *finding.Finding, c candidate) {
	w := f.Witness
	file := replay.File{
		Version: replay.Version, Package: s.program.Package, Test: s.test, Dir: s.program.Dir, Engine: s.program.Engine, Release: s.program.Release, Tags: s.program.Tags,
		Kind: string(f.Kind), Fingerprint: f.Fingerprint, Title: f.Title,
		Seed: c.seed, Execution: c.execution, Strategy: c.strategy, Wall: s.opts.Wall.UnixNano(),
		MaxSteps: s.opts.MaxSteps, Short: s.opts.Short, NoRace: s.opts.NoRace, Fresh: s.isFresh(c),
		Hash: w.Hash, Decisions: c.decisions,
	}
	if token, ok := file.Token(); ok {
		w.Token = token
		w.Command = "ghostread replay " + token
	}
	if s.opts.Replays == "" {
		return
	}
	name, err := file.Save(s.opts.Replays)
	if err != nil {
		f.Notes = append(f.Notes, "no replay file: "+err.Error())
		return
	}
	w.File = name
	w.Command = "ghostread replay " + name
}

// raceFinding tells of one data race.
func (s *Session) raceFinding(ctx context.Context, t *trace, r detect.Race) (finding.Finding, error) {
	near := []int{int(r.First), int(r.Second)}
	if err := t.name(ctx, near); err != nil {
		return finding.Finding{}, err
	}
	g := detect.Classify(t.events, r, t.symbols.entry)
	for _, i := range []int32{g.Origin, g.Newer} {
		if i >= 0 {
			near = append(near, int(i))
		}
	}
	show := t.shown(near...)
	if err := t.name(ctx, append(near, show...)); err != nil { // a long timeline may leave some of near out
		return finding.Finding{}, err
	}
	if g.Newer >= 0 {
		stack := t.frames(int(g.Newer))
		i := slices.IndexFunc(stack, func(f finding.Frame) bool { return !strings.HasPrefix(f.Func, "sync/atomic.") })
		if i < 0 || stack[i].Plumbing() {
			g.Kind, g.Newer = detect.KindRace, -1 // package testing counts; it announces nothing
		}
	}
	if g.Kind == detect.KindRace && g.Read >= 0 && t.plain(int(g.Read)) && t.plain(int(g.Write)) && t.object(int(g.Read)).words() {
		g.Kind = detect.KindTorn // one access to the compiler, several loads to the machine
	}
	f := finding.Finding{Kind: finding.Kind(g.Kind)}
	tl := newTimeline(t, show)

	var subject string
	if g.Read >= 0 {
		read, write := tl.access(finding.RoleRead, int(g.Read), int(g.Write)), tl.access(finding.RoleWrite, int(g.Write), int(g.Read))
		tl.mark(int(g.Read), finding.MarkGhost)
		tl.mark(int(g.Write), finding.MarkRival)
		tl.edge(int(g.Read), int(g.Write), "unordered")
		if read.Object == "" {
			read.Object = write.Object
		}
		subject = read.Object
		f.Evidence = append(f.Evidence, read, write)
		switch {
		case g.Origin >= 0 && g.Origin != g.Write:
			o := tl.access(finding.RoleOrigin, int(g.Origin), int(g.Write))
			tl.mark(int(g.Origin), finding.MarkOrigin)
			tl.edge(int(g.Origin), int(g.Read), "reads-from")
			f.Evidence = append(f.Evidence, o)
		case g.Origin >= 0:
			tl.edge(int(g.Origin), int(g.Read), "reads-from")
			f.Evidence = append(f.Evidence, note("in this execution the read returned the value of that write"))
		default:
			f.Evidence = append(f.Evidence, note("in this execution the read returned the value the object was made with"))
		}
		if g.Newer >= 0 {
			n := tl.access(finding.RoleNote, int(g.Newer), int(g.Newer))
			n.Text = "the reader had seen this already: " + n.Text
			f.Evidence = append(f.Evidence, n)
		}
	} else {
		a, b := tl.access(finding.RoleWrite, int(r.First), int(r.Second)), tl.access(finding.RoleWrite, int(r.Second), int(r.First))
		tl.mark(int(r.First), finding.MarkRival)
		tl.mark(int(r.Second), finding.MarkRival)
		tl.edge(int(r.First), int(r.Second), "unordered")
		subject = a.Object
		f.Evidence = append(f.Evidence, a, b)
	}
	one, rival := int(r.First), int(r.Second)
	if g.Read >= 0 {
		one, rival = int(g.Read), int(g.Write)
	}
	if e, ok := tl.between(one, rival); ok {
		f.Evidence = append(f.Evidence, e)
	}
	if subject == "" {
		subject = "memory"
	}
	f.Title = raceTitle(g, subject)
	if t.onChannel(r) {
		f.Title = channelRace
	}
	f.Pos = place(f.Evidence[0])
	f.Evidence = append(f.Evidence, t.spawns(f.Evidence)...)
	names := []string{placeName(f.Evidence[0]), placeName(f.Evidence[1])}
	slices.Sort(names)
	f.Fingerprint = finding.Fingerprint(append(names, "race", s.program.Package)...)
	f.Timeline = tl.finish("schedule of " + s.test)
	return f, nil
}

// channelRace is the title of a race between operations on a channel. The
// panic that comes of it in other executions is a finding of its own.
const channelRace = "a send on a channel is not ordered with its close: under another schedule it panics"

func (t *trace) onChannel(r detect.Race) bool {
	e := &t.events[r.Second]
	return (e.Kind == event.Read || e.Kind == event.Write) && e.Aux != 0
}

// plain reports whether event i is an access without the help of sync/atomic,
// to something other than a map.
func (t *trace) plain(i int) bool {
	k := t.events[i].Kind
	return k >= event.Read && k <= event.WriteRange
}

func raceTitle(g detect.Ghost, subject string) string {
	switch g.Kind {
	case detect.KindLost:
		return "a lookup in " + subject + " is not ordered with a write to the map: it can miss a key that is there"
	case detect.KindPhantom:
		return "an iteration over " + subject + " is not ordered with a write to the map: entries come and go under it"
	case detect.KindTorn:
		if g.Mixed {
			return "a read of " + subject + " returned words of two different writes"
		}
		return "a read of " + subject + " takes several words and is not ordered with a write to them: it can mix two values"
	case detect.KindStale:
		return "a read of " + subject + " returned the old value although the reader had seen what announces the new one"
	}
	if g.Read < 0 {
		return "two writes to " + subject + " are not ordered"
	}
	return "a read of " + subject + " is not ordered with a write to it"
}

func note(text string) finding.Evidence {
	return finding.Evidence{Role: finding.RoleNote, Text: text, Point: -1}
}

// spawns tells where the goroutines of the given evidence were started.
func (t *trace) spawns(of []finding.Evidence) (list []finding.Evidence) {
	seen := map[int]bool{}
	for _, e := range of {
		if e.Goroutine == 0 || seen[e.Goroutine] {
			continue
		}
		seen[e.Goroutine] = true
		if ev, ok := t.spawn(int32(e.Goroutine)); ok {
			list = append(list, ev)
		}
	}
	return list
}

func (t *trace) spawn(g int32) (finding.Evidence, bool) {
	i, ok := t.born[g]
	if !ok {
		return finding.Evidence{}, false
	}
	e := &t.events[i]
	text := fmt.Sprintf("G%d was started by G%d", g, e.G)
	stack := t.frames(i)
	if f, ok := placeOf(stack); ok && f.Plumbing() {
		return finding.Evidence{}, false // by package testing: a test or subtest
	}
	switch {
	case g == 1:
		return finding.Evidence{}, false // the test itself
	case e.Kind == event.Adopt:
		text = fmt.Sprintf("G%d was there before this execution", g)
	case e.G == 0:
		text = fmt.Sprintf("G%d was started by a timer", g)
	}
	if len(stack) == 0 {
		stack = t.symbols.stack([]uint64{e.PC})
	}
	return finding.Evidence{Role: finding.RoleSpawn, Text: text, Goroutine: int(g), Point: -1, Stack: stack}, true
}

func place(e finding.Evidence) finding.Position {
	f, _ := e.Place()
	return finding.Position{File: f.File, Line: f.Line}
}

func placeName(e finding.Evidence) string {
	f, _ := e.Place()
	return f.Func
}

// digits are what differs in messages of one cause: values, addresses, ids.
var digits = regexp.MustCompile(`0x[0-9a-f]+|[0-9]+`)

func hashText(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// panicKey is equal for crashes of one cause: the message without numbers and
// the functions on the stack.
func panicKey(c crash) string {
	var b strings.Builder
	message, _, _ := strings.Cut(firstLine(c.message), " has completed") // package testing adds what was logged too late
	b.WriteString(digits.ReplaceAllString(message, "N"))
	for _, f := range crashFrames(c) {
		b.WriteString("\n" + f.Func)
	}
	return b.String()
}
