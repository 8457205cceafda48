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
