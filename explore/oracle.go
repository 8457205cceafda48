package explore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ghostread/ghostread/explore/detect"
	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/explore/wire"
	"github.com/ghostread/ghostread/finding"
)

// Oracle is what came of comparing our race detector with ThreadSanitizer in
// executions of a test: see doc/race-detector.md.
type Oracle struct {
	Executions int
	Both       int // words on which both saw their first race at the same access
	Differ     []Disagreement
	Reason     string // why executions are missing; "" if none is

	pending []wire.Record
}

// Disagreement is a race that only one of the detectors has.
type Disagreement struct {
	Ours      []Access // two accesses if we have the race; else the one at which ThreadSanitizer reports it
	Report    string   // ThreadSanitizer's, if it has the race
	Why       string   // the known difference that explains it; "" if none does
	Execution uint64
}

// Access is one side of a race.
type Access struct {
	What      string // "read", "atomic rmw"
	Goroutine int
	At        finding.Frame
}

func (a Access) String() string {
	return fmt.Sprintf("%s by G%d in %s at %s:%d", a.What, a.Goroutine, a.At.Func, a.At.File, a.At.Line)
}

func (d Disagreement) String() string {
	var b strings.Builder
	switch {
	case d.Report == "":
		fmt.Fprintf(&b, "only ghostread has the race of %s and %s", d.Ours[0], d.Ours[1])
	case len(d.Ours) > 0:
		fmt.Fprintf(&b, "only ThreadSanitizer reports a race at the %s", d.Ours[len(d.Ours)-1])
	default:
		b.WriteString("only ThreadSanitizer reports a race")
	}
	if d.Why != "" {
		fmt.Fprintf(&b, " (explained: %s)", d.Why)
	}
	if d.Report != "" {
		b.WriteString("\n" + d.Report)
	}
	return b.String()
}

// maxDeaths is how many executions of a test may end its process.
const maxDeaths = 5

// CrossCheck makes up to execs executions of a test, until the given time at
// most, in which ThreadSanitizer looks for races beside our own detector. p
// must have been built with [OraclePatch]. Nothing that it finds is confirmed:
// what is compared is what the two make of the same execution.
func CrossCheck(ctx context.Context, p Program, test string, o Options, execs uint64, until time.Time) (Oracle, error) {
	if err := o.Validate(); err != nil {
		return Oracle{}, err
	}
	if o = o.withDefaults(); o.Strategy == wire.Auto {
		o.Strategy = "mix"
	}
	var c Oracle
	names := newSymbols(p)
	deaths := 0
	for next := uint64(1); next <= execs && time.Now().Before(until); {
		job := o.job(wire.Search, test)
		job.Oracle, job.Race = true, true
		job.First, job.Last, job.Until = next, execs, until.UnixNano()
		finished := false
		r, err := p.run(ctx, job, nil, func(r wire.Record) error {
			switch r.Kind {
			case "agree":
				c.Both += int(r.GetInt("both"))
			case "differ":
				c.pending = append(c.pending, r)
			case "limit":
				c.Reason = wire.Reason(int(r.GetInt("reason")))
			case "again":
				finished = true
			case "warmup":
				if r.Get("skipped") == "true" {
					finished, c.Reason, execs = true, "the test skips itself", 0
				}
			case "slow":
				finished, c.Reason, execs = true, "an execution takes too long", 0
			case "end", "alone", "exhausted":
				finished = true
				execs = 0
			}
			return nil
		})
		if err != nil {
			return c, err
		}
		h := r.header()
		c.Executions += int(h.Executions)
		if !finished {
			// What a race leads to can end the process; the next execution may not.
			if c.Reason == "" {
				c.Reason = r.ended()
			}
			if deaths++; deaths == maxDeaths || h.Execution < next {
				execs = 0
			}
		}
		next = h.Execution + 1
		r.close()
	}
	return c, c.name(ctx, names)
}

// ended says how a process ended that did not finish its job.
func (r *process) ended() string {
	if r.killed != "" {
		return r.killed
	}
	if cr, ok := r.crashed(); ok {
		return firstLine(cr.message)
	}
	return "the test ended its process"
}

// name makes Disagreements of the records.
func (o *Oracle) name(ctx context.Context, s *symbols) error {
	if len(o.pending) == 0 {
		return nil
	}
	var pcs []uint64
	for _, r := range o.pending {
		pcs = append(pcs, r.GetUint("first"), r.GetUint("second"))
	}
	if err := s.resolve(ctx, pcs, nil); err != nil {
		return err
	}
	for _, r := range o.pending {
		d := Disagreement{Report: r.Get("report"), Execution: r.GetUint("execution"), Why: detect.Habit(r.GetInt("why")).String()}
		for _, side := range []string{"first", "second"} {
			if r.Get(side) == "" {
				continue
			}
			a := Access{What: kindName(event.Kind(r.GetInt(side + "kind"))), Goroutine: int(r.GetInt(side + "g"))}
			if f := s.stack([]uint64{r.GetUint(side)}); len(f) > 0 {
				a.At = f[0]
			}
			d.Ours = append(d.Ours, a)
		}
		o.Differ = append(o.Differ, d)
	}
	o.pending = nil
	return nil
}

// kindName names a kind of access.
func kindName(k event.Kind) string {
	switch k {
	case event.Read, event.ReadRange:
		return "read"
	case event.Write, event.WriteRange:
		return "write"
	case event.MapRead:
		return "map read"
	case event.MapWrite:
		return "map write"
	case event.AtomicLoad:
		return "atomic load"
	case event.AtomicStore:
		return "atomic store"
	case event.AtomicRMW:
		return "atomic rmw"
	}
	if n, ok := opNames[k]; ok {
		return n
	}
	return fmt.Sprintf("event %d", k)
}
