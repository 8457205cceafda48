package explore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/finding"
)

// deadlockFinding tells who waits for whom when nobody can go on.
func (s *Session) deadlockFinding(ctx context.Context, t *trace) (finding.Finding, error) {
	show := t.shown()
	if err := t.name(ctx, show); err != nil {
		return finding.Finding{}, err
	}
	tl := newTimeline(t, show)
	f := finding.Finding{Kind: finding.Deadlock}
	var parts []string
	held := t.holders()
	var waiting []goroutine
	for _, g := range t.goroutines {
		if g.waiting {
			waiting = append(waiting, g)
		}
	}
	// The test's own goroutine only waits for the others, most often: those
	// that wait for something of the program's come first.
	slices.SortStableFunc(waiting, func(a, b goroutine) int {
		return t.blame(a) - t.blame(b)
	})
	if i := slices.IndexFunc(waiting, func(g goroutine) bool { return t.blame(g) == harness }); i > 0 {
		waiting = waiting[:i]
	}
	for _, g := range waiting {
		e := t.wait(g, held)
		tl.stuck(g, &e)
		f.Evidence = append(f.Evidence, e)
		parts = append(parts, placeName(e)+" "+g.reason)
	}
	if len(f.Evidence) == 0 {
		return f, fmt.Errorf("deadlock without a waiting goroutine in %s", s.test)
	}
	slices.Sort(parts)
	f.Pos = place(f.Evidence[0])
	f.Title = deadlockTitle(waiting)
	f.Fingerprint = finding.Fingerprint(append(slices.Compact(parts), "deadlock", s.program.Package)...)
	f.Timeline = tl.finish("schedule of " + s.test)
	return f, nil
}

func deadlockTitle(waiting []goroutine) string {
	if len(waiting) == 1 {
		return "the test waits and no other goroutine is left that could wake it"
	}
	return fmt.Sprintf("%d goroutines wait and none can go on", len(waiting))
}

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

// wait describes what g waits for, and who has it.
func (t *trace) wait(g goroutine, held map[uint64]holder) finding.Evidence {
	e := finding.Evidence{
		Role: finding.RoleWait, Goroutine: int(g.id), Point: -1, Addr: g.obj, Stack: t.symbols.stack(g.stack),
		Text: fmt.Sprintf("G%d %s", g.id, t.waitText(g)),
	}
	if h, ok := held[g.obj]; ok && isLock(g.kind) {
		where := ""
		if f, ok := placeOf(t.frames(h.event)); ok {
			where = fmt.Sprintf(" since %s:%d", filepath.Base(f.File), f.Line)
		}
		e.Text += fmt.Sprintf(", which G%d holds%s", h.g, where)
	}
	return e
}

func isLock(k event.Kind) bool { return k == event.Lock || k == event.RLock }

// waitText says what g waits for, by the name that the line has for it.
func (t *trace) waitText(g goroutine) string {
	stack := t.symbols.stack(g.stack)
	frame, _ := placeOf(stack)
	named := func(what, method string) string {
		if name := t.source.at(frame, method); name != "" {
			return what + name
		}
		return fmt.Sprintf("%s%#x", what, g.obj)
	}
	switch {
	case slices.ContainsFunc(stack, func(f finding.Frame) bool { return f.Func == "testing.(*T).Run" }):
		return "waits for a subtest"
	case strings.HasPrefix(g.reason, "chan receive (nil"):
		return named("waits to receive from a nil channel, ", "receive")
	case strings.HasPrefix(g.reason, "chan send (nil"):
		return named("waits to send on a nil channel, ", "send")
	case strings.HasPrefix(g.reason, "chan receive"):
		return named("waits to receive from channel ", "receive")
	case strings.HasPrefix(g.reason, "chan send"):
		return named("waits to send on channel ", "send")
	case g.reason == "select (no cases)":
		return "waits in an empty select"
	case strings.HasPrefix(g.reason, "select"):
		return fmt.Sprintf("waits in a select of %d channels", len(g.channels))
	}
	switch g.kind {
	case event.Lock:
		return named("waits to lock ", "Lock")
	case event.RLock:
		return named("waits to lock for reading ", "RLock")
	case event.WaitGroupWait:
		return named("waits for WaitGroup ", "Wait")
	case event.CondWait:
		return named("waits to be signalled by Cond ", "Wait")
	}
	return "waits: " + g.reason
}

// holder is who got a lock last and has not given it back.
type holder struct {
	g     int32
	event int
}

// holders returns the locks that are held at the end. A goroutine has got the
// lock it asked for when package sync says that it acquired something.
func (t *trace) holders() map[uint64]holder {
	held := map[uint64]holder{}
	asking := map[int32]int{} // goroutine -> index of its Lock or RLock
	for i := range t.events {
		e := &t.events[i]
		if j, ok := asking[e.G]; ok && e.Kind == event.Acquire {
			held[t.events[j].Addr] = holder{e.G, j}
			delete(asking, e.G)
		}
		switch e.Kind {
		case event.Lock, event.RLock:
			asking[e.G] = i
		case event.Unlock, event.RUnlock:
			delete(held, e.Addr)
		}
	}
	return held
}

// leakFinding tells of a goroutine that outlives the test and can never go on.
func (s *Session) leakFinding(ctx context.Context, t *trace, g goroutine) (finding.Finding, error) {
	show := t.shown()
	if err := t.name(ctx, show); err != nil {
		return finding.Finding{}, err
	}
	tl := newTimeline(t, show)
	e := t.wait(g, t.holders())
	tl.stuck(g, &e)
	f := finding.Finding{
		Kind: finding.Leak, Evidence: []finding.Evidence{e}, Pos: place(e),
		Title: "a goroutine is left behind: it " + strings.TrimPrefix(noAddress(e.Text), fmt.Sprintf("G%d ", g.id)) + ", and nobody is left to end that",
	}
	created := ""
	if sp, ok := t.spawn(g.id); ok {
		f.Evidence = append(f.Evidence, sp)
		created = placeName(sp)
	}
	f.Fingerprint = finding.Fingerprint("leak", s.program.Package, placeName(e), g.reason, created)
	f.Timeline = tl.finish("schedule of " + s.test)
	return f, nil
}

var address = regexp.MustCompile(` 0x[0-9a-f]+`)

func noAddress(s string) string { return address.ReplaceAllString(s, "") }

// lastSwitches is how many of the last context switches a failure or panic
// names. The timeline has all of them.
const lastSwitches = 4

// failureFinding tells of the test's own assertion.
func (s *Session) failureFinding(ctx context.Context, t *trace, log string) (finding.Finding, error) {
	show := t.shown()
	if err := t.name(ctx, show); err != nil {
		return finding.Finding{}, err
	}
	tl := newTimeline(t, show)
	f := finding.Finding{Kind: finding.Failure, Message: strings.TrimRight(log, "\n")}
	f.Title = "the test fails under some schedules and passes under others"
	f.Pos = s.position(log)
	e := finding.Evidence{
		Role: finding.RoleAssert, Text: "the assertion", Point: -1,
		Stack: []finding.Frame{{Func: s.program.Package + "." + s.test, File: f.Pos.File, Line: f.Pos.Line}},
	}
	end := tl.failed(&e)
	f.Evidence = append(tl.switches(lastSwitches, end), e)
	f.Fingerprint = finding.Fingerprint("failure", s.program.Package, s.test, statement(f.Pos, log))
	f.Timeline = tl.finish("schedule of " + s.test)
	return f, nil
}

var logPlace = regexp.MustCompile(`(?m)^\s+([^\s:]+\.go):(\d+): `)

// position is the first file:line in a test's log.
func (s *Session) position(log string) finding.Position {
	m := logPlace.FindStringSubmatch(log)
	if m == nil {
		return finding.Position{File: s.program.Dir}
	}
	line, _ := strconv.Atoi(m[2])
	return finding.Position{File: s.program.Dir + "/" + m[1], Line: line}
}

// statement names a place by what stands there, which outlives edits around it:
// the file, the text of the line, and how many lines before it read the same.
// Without the file it is what the test logged, without its numbers.
func statement(pos finding.Position, log string) string {
	data, err := os.ReadFile(pos.File)
	lines := strings.Split(string(data), "\n")
	if err != nil || pos.Line < 1 || pos.Line > len(lines) {
		return digits.ReplaceAllString(firstLine(strings.TrimSpace(log)), "N")
	}
	text := strings.TrimSpace(lines[pos.Line-1])
	same := 0
	for _, l := range lines[:pos.Line-1] {
		if strings.TrimSpace(l) == text {
			same++
		}
	}
	return fmt.Sprintf("%s: %s %d", filepath.Base(pos.File), text, same)
}

// panicFinding tells of a process that died.
func (s *Session) panicFinding(ctx context.Context, t *trace) (finding.Finding, error) {
	show := t.shown()
	if err := t.name(ctx, show); err != nil {
		return finding.Finding{}, err
	}
	tl := newTimeline(t, show)
	e := finding.Evidence{Role: finding.RolePanic, Text: "the program stops here", Point: -1, Stack: crashFrames(t.crash)}
	tl.stop(&e)
	f := finding.Finding{
		Kind: finding.Panic, Message: t.crash.message, Evidence: []finding.Evidence{e}, Pos: place(e),
		Title: "under some schedules: " + strings.TrimSuffix(firstLine(t.crash.message), " [recovered, repanicked]"),
	}
	f.Evidence = append(f.Evidence, tl.switches(lastSwitches, len(t.events))...)
	if slices.ContainsFunc(t.events, func(e event.Event) bool { return e.Kind == event.Exit && e.G == 1 }) {
		f.Notes = append(f.Notes, "the test had returned by then: an ordinary process may end first")
	}
	f.Fingerprint = finding.Fingerprint("panic", s.program.Package, panicKey(t.crash))
	f.Timeline = tl.finish("schedule of " + s.test)
	return f, nil
}

var (
	crashFunc = regexp.MustCompile(`^(\S.*)\([^()]*\)$`)
	crashFile = regexp.MustCompile(`^\t(.+\.(?:go|s)):(\d+)(?: \+0x[0-9a-f]+)?$`)
)

// crashFrames reads the stack of the goroutine that died from what the
// runtime printed.
func crashFrames(c crash) (list []finding.Frame) {
	_, text, ok := strings.Cut(c.text, "\ngoroutine ")
	if !ok {
		return nil
	}
	text, _, _ = strings.Cut(text, "\n\n")
	fn := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if m := crashFile.FindStringSubmatch(line); m != nil && fn != "" {
			n, _ := strconv.Atoi(m[2])
			if fn != "panic" && !recorder(fn) && !strings.HasPrefix(fn, "created by ") {
				list = append(list, finding.Frame{Func: fn, File: m[1], Line: n})
			}
			fn = ""
		} else if m := crashFunc.FindStringSubmatch(line); m != nil {
			fn = m[1]
		} else {
			fn = line
		}
	}
	return list
}
