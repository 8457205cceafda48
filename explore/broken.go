package explore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/explore/wire"
	"github.com/ghostread/ghostread/finding"
)

// brokenFinding tells what package explore/spec in the tested program has seen.
func (s *Session) brokenFinding(ctx context.Context, t *trace) (finding.Finding, error) {
	show := t.shown()
	if err := t.name(ctx, show); err != nil {
		return finding.Finding{}, err
	}
	records, err := readReport(t.end.Get("report"))
	if err != nil {
		return finding.Finding{}, err
	}
	tl := newTimeline(t, show)
	var f finding.Finding
	switch {
	case len(records) == 0:
		f = s.waitsFinding(t, tl)
	case records[0].Kind == wire.InvariantReport:
		f = s.invariantFinding(t, tl, records[0].Get("name"))
	default:
		f = s.historyFinding(t, tl, records)
	}
	for _, r := range records {
		if r.Kind == wire.SpecSaid {
			f.Title, f.Message = r.Get("title"), r.Get("message")
		}
	}
	if !s.opts.NoRace && len(t.races()) > 0 {
		f.Notes = append(f.Notes, "this execution has a data race too, which may be the cause: see "+finding.CodeFor(finding.Race))
	}
	f.Timeline = tl.finish("schedule of " + s.test)
	return f, nil
}

// readReport parses the records of a report; none if the report is empty.
func readReport(text string) (list []wire.Record, err error) {
	for line := range strings.Lines(text) {
		r, err := wire.Parse(line)
		if err != nil {
			return nil, fmt.Errorf("report of package spec: %w", err)
		}
		list = append(list, r)
	}
	if len(list) > 0 && list[0].Kind != wire.InvariantReport && list[0].Kind != wire.OrderReport {
		return nil, errors.New("report of package spec: unknown kind " + list[0].Kind)
	}
	return list, nil
}

// lastStep returns the last thing that the goroutine whose step was reported had
// done, a change if there is one since its last point, and -1 if that is not
// known.
func (t *trace) lastStep() int {
	g := int32(t.end.GetInt("reporter"))
	last := -1
	for i := int(t.end.GetInt("report-at")) - 1; i >= 0; i-- {
		switch e := &t.events[i]; {
		case e.G != g || e.Kind == event.Alloc || e.Kind == event.Exit || e.Kind == event.Spec || e.Kind >= event.Acquire && e.Kind <= event.ReleaseAcquire:
			continue
		case e.Kind.IsWrite() || !e.Kind.IsMemory():
			return i
		case last < 0:
			last = i
		}
	}
	return last
}

// broke is the evidence of the step after which the report was made.
func (t *trace) broke(tl *timelineBuilder) finding.Evidence {
	i := t.lastStep()
	if i < 0 {
		return finding.Evidence{Role: finding.RoleNote, Text: "before any step that is known", Point: -1}
	}
	e := &t.events[i]
	if e.Kind.IsMemory() {
		ev := tl.access(finding.RoleWrite, i, i)
		tl.mark(i, finding.MarkStop)
		return ev
	}
	tl.mark(i, finding.MarkStop)
	ev := finding.Evidence{Role: finding.RoleWrite, Goroutine: int(e.G), Point: -1, Stack: t.frames(i), Text: fmt.Sprintf("G%d: %s", e.G, opName(t, i))}
	if p, ok := tl.index[i]; ok {
		ev.Point = p
	}
	return ev
}

// invariantFinding tells which step broke an invariant.
func (s *Session) invariantFinding(t *trace, tl *timelineBuilder, name string) finding.Finding {
	e := t.broke(tl)
	f := finding.Finding{Kind: finding.Invariant, Pos: place(e), Evidence: []finding.Evidence{e}}
	f.Evidence = append(f.Evidence, tl.switches(lastSwitches, int(t.end.GetInt("report-at")))...)
	f.Fingerprint = finding.Fingerprint("invariant", s.program.Package, s.test, name, placeName(e))
	return f
}

// waitsFinding tells that the code which looks at the program cannot do so.
func (s *Session) waitsFinding(t *trace, tl *timelineBuilder) finding.Finding {
	what := "waits (" + t.end.Get("waits") + ")"
	if t.end.Get("waits") == "starts a goroutine" {
		what = "starts a goroutine"
	}
	e := t.broke(tl)
	return finding.Finding{
		Kind: finding.Invariant, Pos: place(e), Evidence: []finding.Evidence{e},
		Title:       "a check " + what + ", and must not: nothing else runs meanwhile",
		Message:     "The check of an invariant, or a model, was called after this step. Where a lock may be held, call TryLock, and return nil if it is.",
		Fingerprint: finding.Fingerprint("invariant", s.program.Package, s.test, what, placeName(e)),
	}
}

// otherRole is that of operations which are named in the timeline only.
const otherRole = "other"

// historyFinding tells which operations no order explains.
func (s *Session) historyFinding(t *trace, tl *timelineBuilder, records []wire.Record) finding.Finding {
	f := finding.Finding{Kind: finding.History}
	end := len(t.events)
	for _, r := range records {
		if r.Kind != wire.SpecOp {
			continue
		}
		g := int(r.GetInt("g"))
		e := finding.Evidence{Role: finding.Role(r.Get("role")), Goroutine: g, Point: -1, Text: fmt.Sprintf("G%d: %s", g, r.Get("text"))}
		mark := finding.MarkNone
		switch e.Role {
		case finding.RoleRead:
			mark = finding.MarkGhost
		case finding.RoleWrite:
			mark = finding.MarkRival
		}
		first, last := r.GetInt("first"), r.GetInt("last")
		if mark == finding.MarkGhost && last >= 0 {
			end = int(last) + 1
		}
		for _, at := range []int64{first, last} {
			if at < 0 || at >= int64(len(t.events)) || t.events[at].Kind != event.Spec {
				continue
			}
			if p, ok := tl.index[int(at)]; ok {
				e.Point = p
				tl.tl.Points[p].Text = r.Get("name")
				tl.mark(int(at), mark)
			}
			e.Stack = t.frames(int(at)) // that of the return is the caller's
		}
		if r.Get("role") == otherRole {
			continue
		}
		f.Evidence = append(f.Evidence, e)
	}
	if len(f.Evidence) == 0 {
		f.Evidence = append(f.Evidence, note("no operation of the history is known"))
	}
	f.Pos = place(f.Evidence[0])
	f.Evidence = append(f.Evidence, tl.switches(lastSwitches, end)...)
	f.Fingerprint = finding.Fingerprint("history", s.program.Package, s.test, records[0].Get("name"))
	return f
}
