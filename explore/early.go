package explore

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/explore/strategy"
	"github.com/ghostread/ghostread/explore/wire"
	"github.com/ghostread/ghostread/finding"
)

// An early timer is one that fires although goroutines can run, because the
// strategy lets it (see strategy.Early). A finding that does not show without
// is timing-dependent and says so.

// early reports whether a timer fires early in the schedule of c.
func (c candidate) early() bool {
	d, err := wire.DecodeDecisions(c.decisions)
	return err == nil && wire.EarlyTimers(d) > 0
}

// early reports whether t is a timer that fires early.
func early(t strategy.Turn) bool { return t.To == 0 }

// timely reports whether f shows without early timers.
func timely(f finding.Finding) bool { return f.Witness == nil || f.Witness.EarlyTimers == 0 }

// Bounds of the search for an execution that shows without early timers what
// was met with one.
const (
	strictTries = 200
	strictTime  = time.Second
)

// strict looks for an execution without early timers that shows what c does,
// whose schedule has some although it was reduced. It returns c and its
// findings if there is none.
func (s *Session) strict(ctx context.Context, c candidate, list []finding.Finding) (candidate, []finding.Finding, error) {
	if !c.early() {
		return c, list, nil
	}
	job := s.opts.job(wire.Search, s.test)
	job.Early, job.Seed, job.First, job.Last = false, c.seed, 1, strictTries
	if job.Strategy == wire.Auto {
		job.Strategy = "mix"
	}
	job.Until = time.Now().Add(strictTime).UnixNano()
	job.MaxTime = min(job.MaxTime, int64(strictTime))
	var same *candidate
	p, err := s.program.run(ctx, job, nil, func(r wire.Record) error {
		if same == nil && r.Kind == "candidate" && r.Get("what") == c.what && r.GetUint("key") == c.key {
			d := candidateOf(r)
			same = &d
		}
		return nil
	})
	if err != nil {
		return c, list, err
	}
	defer p.close()
	h := p.header()
	if cr, ok := p.crashed(); ok && same == nil && h.State != 0 && h.Execution > 0 && c.what == "panic" && hashText(panicKey(cr)) == c.key {
		d, err := p.decisions()
		if err != nil {
			return c, list, err
		}
		same = &candidate{
			what: c.what, key: c.key, execution: h.Execution, seed: h.Seed, strategy: h.StrategyName(), decisions: wire.EncodeDecisions(d),
		}
	}
	if same == nil {
		return c, list, nil
	}
	same.execution = c.execution
	found, err := s.confirm(ctx, *same)
	if err != nil || !showsAll(found, list) {
		return c, list, err
	}
	return s.reduce(ctx, *same, found)
}

// oversleeps reports whether f, which is no race, needs a sleep that ends
// early. Who sleeps so that others get on relies on it, and is not reported.
func oversleeps(f finding.Finding) bool {
	switch f.Kind {
	case finding.Deadlock, finding.Leak, finding.Panic:
		return slices.ContainsFunc(f.Notes, func(n string) bool { return strings.HasPrefix(n, timingDependent+"the timer of time.Sleep ") })
	}
	return false
}

// vainEnd counts an execution that ended its process, or had to be ended with
// it, after a timer had fired early: a limit, or an exit that is not a panic,
// is as good as a failed assertion.
func (s *Session) vainEnd(p *process, h wire.Header, panicked bool) bool {
	if panicked || h.State == 0 || h.Execution == 0 {
		return false
	}
	d, err := p.decisions()
	if err != nil || wire.EarlyTimers(d) == 0 {
		return false
	}
	s.vain++
	s.calm = !s.opts.Repeatable
	return true
}

// untimely says how many executions were not counted because of early timers.
func (s *Session) untimely() string {
	if s.vain == 0 {
		return ""
	}
	n := "1 execution"
	if s.vain > 1 {
		n = fmt.Sprintf("%d executions", s.vain)
	}
	return n + " failed only because a timer fired early, which is not reported (see --time)"
}

// untimely reports whether what ended t, in which a timer fired early, is the
// test's own business: an assertion failed before, or the panic is in a test
// file, perhaps because something happened twice that happens once in a second.
func (t *trace) untimely() bool {
	if !slices.ContainsFunc(t.events, func(e event.Event) bool { return e.Kind == event.TimerFire && e.Flags&event.Early != 0 }) {
		return false
	}
	if slices.ContainsFunc(t.events, func(e event.Event) bool { return e.Kind == event.Stop }) {
		return true
	}
	if !t.died {
		return false
	}
	if strings.HasPrefix(t.crash.message, "fatal error: the program exits") {
		return true
	}
	frames := crashFrames(t.crash)
	i := slices.IndexFunc(frames, func(f finding.Frame) bool { return !f.Plumbing() })
	return len(frames) > 0 && strings.HasPrefix(frames[0].Func, "testing.") || i >= 0 && strings.HasSuffix(frames[i].File, "_test.go")
}

// timingDependent begins a note about an early timer.
const timingDependent = "timing-dependent: "

// tellEarly says in f which timers fired early, and where.
func (t *trace) tellEarly(f *finding.Finding) {
	set := map[uint64]int{} // timer -> where it was set last
	for i := range t.events {
		e := &t.events[i]
		switch {
		case e.Kind == event.TimerSet:
			set[e.Addr] = i
		case e.Kind == event.TimerFire && e.Flags&event.Early != 0:
			f.Witness.EarlyTimers++
			at, ok := set[e.Addr]
			if !ok {
				at = -1
			}
			text := t.timer(at) + " fires early" + between(f.Timeline, int64(i))
			f.Notes = append(f.Notes, timingDependent+text)
		}
	}
}

// timer names the timer that is set at event i, or -1.
func (t *trace) timer(i int) string {
	if i < 0 {
		return "a timer"
	}
	frames := t.frames(i)
	n := slices.IndexFunc(frames, func(f finding.Frame) bool { return !library(f) })
	switch {
	case n < 0 && len(frames) == 0:
		return "a timer"
	case n < 0:
		n = len(frames) - 1
	}
	place := fmt.Sprintf(" at %s:%d", filepath.Base(frames[n].File), frames[n].Line)
	if n == 0 {
		return "the timer" + place
	}
	return "the timer of " + frames[n-1].Func + place
}

// library reports whether f is in the standard library. Some of its functions
// are in package runtime under the name of another one.
func library(f finding.Frame) bool {
	slash := strings.LastIndexByte(f.Func, '/') + 1
	name, _, _ := strings.Cut(f.Func[slash:], ".")
	dir := filepath.Dir(f.File)
	return strings.HasSuffix(dir, "/src/"+f.Func[:slash]+name) || strings.HasSuffix(dir, "/src/runtime")
}

// between names the points of a timeline around an event that are the
// program's own.
func between(tl *finding.Timeline, at int64) string {
	if tl == nil {
		return ""
	}
	last, next := "", ""
	for p := range tl.Points {
		pt := &tl.Points[p]
		f, ok := own(tl, pt)
		if !ok || next != "" || pt.At == at {
			continue
		}
		name := fmt.Sprintf("%s's %s at %s:%d", lane(pt.Lane), pt.Op, filepath.Base(f.File), f.Line)
		if pt.At < at {
			last = name
		} else {
			next = name
		}
	}
	switch {
	case last != "" && next != "":
		return ", between " + last + " and " + next
	case last != "":
		return ", after " + last
	case next != "":
		return ", before " + next
	}
	return ""
}

// own returns the innermost frame of a point but for plumbing, if that is not
// in the standard library.
func own(tl *finding.Timeline, pt *finding.Point) (finding.Frame, bool) {
	if pt.Lane == 0 || pt.Stack < 0 {
		return finding.Frame{}, false
	}
	for _, i := range tl.Stacks[pt.Stack] {
		if f := tl.Frames[i]; !f.Plumbing() {
			return f, !library(f)
		}
	}
	return finding.Frame{}, false
}
