package explore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ghostread/ghostread/explore/wire"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/internal/procgroup"
)

// candidate is what a search process took for a finding.
type candidate struct {
	what      string // race, deadlock, leak, failure, panic, livelock
	key       uint64
	execution uint64
	seed      uint64
	strategy  string
	decisions string
	rec       wire.Record
	of        finding.Kind // what is expected of a replay, where what is "any"
	first     bool         // of the warm-up: it is repeated as the first execution of a process
	reduced   *reduced     // how far the schedule has been made smaller, if it was tried
}

func candidateOf(r wire.Record) candidate {
	return candidate{
		what: r.Get("what"), key: r.GetUint("key"), execution: max(r.GetUint("execution"), 1), seed: r.GetUint("seed"),
		strategy: r.Get("strategy"), decisions: r.Get("decisions"), rec: r, first: r.GetUint("execution") == 0,
	}
}

// earlier orders candidates by their executions. Those of a warm-up come last:
// most show in other executions too.
func earlier(a, b candidate) int {
	if a.first != b.first {
		if a.first {
			return 1
		}
		return -1
	}
	return cmp.Compare(a.execution, b.execution)
}

// held is a confirmed candidate whose verdict depends on the executions that
// are still to come: a test that fails under every schedule proves nothing
// about schedules.
type held struct {
	c candidate
	f finding.Finding
}

const (
	overrun   = 2 * time.Second  // how much longer than its slice an execution may take
	proofTime = 10 * time.Second // and the replays of what it found
)

// maxAttempts is how many processes may begin a search over all schedules
// under the automatic strategy. What one has explored is lost with it.
const maxAttempts = 3

// process makes executions in one process, up to number last.
func (s *Session) process(ctx context.Context, last uint64, until time.Time) error {
	job := s.opts.job(wire.Search, s.test)
	if s.last > 0 {
		last = min(last, s.last)
	}
	if job.Strategy == wire.Auto {
		if s.attempts == 0 || s.last > 0 || s.fresh != "" || len(s.found)+len(s.held) > 0 {
			job.Strategy = "mix"
		}
		s.attempts = max(s.attempts-1, 0)
	}
	job.First, job.Last, job.Until, job.Tickets = s.next, last, until.UnixNano(), s.tickets
	job.Divide = s.width > 1
	job.Grace = int64(s.extended(until).Sub(until))
	until = s.extended(until)
	if job.Fresh = s.fresh != ""; job.Fresh {
		job.Last = job.First
	}
	job.Early = job.Early && !s.calm
	job.MaxTime = int64(min(s.opts.MaxTime, max(time.Until(until), s.patience)+overrun))
	before := struct{ executions, steps, passed, cut, vain uint64 }{s.executions, s.steps, s.passed, s.cut, s.vain}
	finished := false
	var cands []candidate
	p, err := s.program.run(ctx, job, func(h wire.Header) {
		s.tick(Progress{before.executions + h.Executions, before.steps + h.TotalSteps})
	}, func(r wire.Record) error {
		switch r.Kind {
		case "warmup":
			s.warm = r
		case "candidate":
			cands = append(cands, candidateOf(r))
		case "limit":
			if s.limit == "" {
				s.limit = wire.Reason(int(r.GetInt("reason")))
			}
		case "outside":
			s.outside |= r.GetUint("what")
		case "coasted":
			s.coasted = true
		case "logfull":
			s.logFull = true
		case "exhausted":
			s.all, finished, s.last = r, true, r.GetUint("last")
		case "large":
			s.attempts = 0
		case "slow":
			finished = true
			if s.turnFresh("one takes long") {
				s.patience = s.opts.MaxTime
				return nil
			}
		case "again", "end":
			finished, s.lone = true, 0
		case "alone":
			finished = true
			s.lone++
			s.alone = !job.Fresh || s.lone > loneFresh
			s.ended = s.ended || s.alone
		}
		return nil
	})
	if err != nil {
		if ctx.Err() != nil {
			s.salvage(ctx, cands)
		}
		return err
	}
	defer p.close()
	h := p.header()
	s.executions, s.steps = before.executions+h.Executions, before.steps+h.TotalSteps
	s.passed, s.cut, s.vain = before.passed+h.Passed, before.cut+h.Unknown, before.vain+h.Early
	if h.Pairs > s.pairs {
		s.pairs, s.novel = h.Pairs, before.executions+h.Novel
	}
	s.digest += h.Digest
	s.tick(Progress{s.executions, s.steps})
	if s.Skipped() {
		s.ended = true
		return nil
	}
	if s.executions == before.executions || s.cut > before.cut {
		s.patience = max(2*s.patience, overrun) // a test that takes long gets longer slices
	}
	if h.Execution > 0 {
		s.next = h.Execution + 1
	}
	s.ended = s.ended || s.last > 0 && s.next > s.last
	if !finished {
		if c, ok := s.died(p, h); ok {
			cands = append(cands, c)
		}
	}
	slices.SortStableFunc(cands, earlier)
	if s.fresh != "" && !job.Fresh {
		cands = slices.DeleteFunc(cands, func(c candidate) bool { return stateful(c.what) })
	}
	return s.prove(ctx, cands, until)
}

// prove tries candidates, as long as there is time. If ctx is done, it returns
// its error, and has tried them all the same.
func (s *Session) prove(ctx context.Context, cands []candidate, until time.Time) error {
	for i, c := range cands {
		if s.gather == nil && time.Since(until) > proofTime && s.known[c.key] == nil {
			s.unchecked++ // the same candidate comes again, if there is another slice
			continue
		}
		if err := s.try(ctx, c); err != nil {
			if ctx.Err() != nil {
				s.salvage(ctx, cands[i:])
			}
			return err
		}
	}
	return nil
}

// salvage confirms what was found before ctx was cancelled.
func (s *Session) salvage(ctx context.Context, cands []candidate) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, c := range cands {
		if s.try(ctx, c) != nil {
			return
		}
	}
	s.Flush()
}

// died handles a process that ended inside an execution.
func (s *Session) died(p *process, h wire.Header) (candidate, bool) {
	switch cr, ok := p.crashed(); {
	case s.vainEnd(p, h, ok):
		s.executions++
	case p.killed != "":
		s.cut++
		s.executions++
		if s.limit == "" {
			s.limit = p.killed
		}
	case ok && strings.HasPrefix(cr.message, "fatal error: ghostread:"):
		s.broken = "the controlled scheduler gave up: " + strings.TrimPrefix(cr.message, "fatal error: ")
		s.ended = true
	case ok && h.State == 0:
		s.broken = "the process died outside of an execution: " + firstLine(cr.message)
		s.ended = true
	case h.Execution == 0 && s.turnFresh("the first one ended in a "+firstLine(cr.message)):
	case ok && h.Execution == 0:
		s.broken = "the test panics on its first run, before any exploration: " + firstLine(cr.message)
		s.ended = true
	case ok:
		s.executions++
		d, err := p.decisions()
		if err != nil {
			s.broken, s.ended = err.Error(), true
			break
		}
		return candidate{
			what: "panic", key: hashText(panicKey(cr)), execution: h.Execution, seed: h.Seed,
			strategy: h.StrategyName(), decisions: wire.EncodeDecisions(d),
		}, true
	default:
		s.broken = fmt.Sprintf("the test ended its process (%v) in execution %d", p.state, h.Execution)
		s.ended = true
	}
	return candidate{}, false
}

// offers is how many executions are tried as proof of one candidate.
const offers = 3

// try replays a candidate unless its like is known already. A part of a search
// keeps it instead.
func (s *Session) try(ctx context.Context, c candidate) error {
	if s.gather != nil {
		s.keep(c)
		return nil
	}
	if k := s.known[c.rec.GetUint("like")]; c.first && k != nil && k.confirmed {
		return nil
	}
	k := s.known[c.key]
	if k == nil {
		k = new(known)
		s.known[c.key] = k
	}
	early := c.early()
	if k.confirmed && (early || !k.early) || k.tries == offers || early && k.vain == offers {
		return nil
	}
	k.tries++
	vain := s.vain
	found, err := s.confirm(ctx, c)
	if err != nil {
		return err
	}
	if s.vain > vain {
		k.tries--
		k.vain++
		s.calm = s.calm || k.vain == offers && !s.opts.Repeatable // which executions are made shall not depend on when
		return nil
	}
	if len(found) == 0 {
		if k.tries == offers && (c.first || !s.turnFresh("what came of one depended on those before it")) {
			s.unrepeated++
		}
		return nil
	}
	if ok, err := s.repeats(ctx, c); err != nil {
		return err
	} else if !ok && s.turnFresh("what came of one depended on those before it") {
		return nil
	}
	k.confirmed = true
	if c, found, err = s.reduce(ctx, c, found); err != nil {
		return err
	}
	if c, found, err = s.strict(ctx, c, found); err != nil {
		return err
	}
	if slices.ContainsFunc(found, oversleeps) {
		s.vain++
		k.confirmed, k.tries, k.vain = false, k.tries-1, k.vain+1
		return nil
	}
	k.early = c.early()
	for _, f := range found {
		s.hold(c, f)
	}
	return nil
}

// patientSlices is how many short slices a plain race is held back for: a
// later execution may show what it makes the reader return.
const patientSlices = 2

// Flush publishes what waits for more executions when there will be none.
func (s *Session) Flush() {
	for _, h := range s.held {
		if !s.always(h.f) {
			s.publish(h)
		}
	}
	s.held = nil
}

// hold keeps f until the slice ends. Of several proofs of one cause the one
// that tells more stays.
func (s *Session) hold(c candidate, f finding.Finding) {
	if slices.ContainsFunc(s.found, func(g finding.Finding) bool { return g.Fingerprint == f.Fingerprint }) {
		return
	}
	i := slices.IndexFunc(s.held, func(h held) bool { return h.f.Fingerprint == f.Fingerprint })
	switch {
	case i < 0:
		s.held = append(s.held, held{c, f})
	case timely(f) != timely(s.held[i].f):
		if timely(f) {
			s.held[i] = held{c, f}
		}
	case telling(f) > telling(s.held[i].f):
		for _, n := range s.held[i].f.Notes {
			if !strings.HasPrefix(n, timingDependent) && !slices.Contains(f.Notes, n) { // the former are about that proof
				f.Notes = append(f.Notes, n)
			}
		}
		also(&f, s.held[i].f)
		s.held[i] = held{c, f}
	default:
		also(&s.held[i].f, f)
	}
}

// also notes in f that the same two functions meet on another object too: one
// order is missing, not two.
func also(f *finding.Finding, g finding.Finding) {
	a, b := f.Evidence[0], g.Evidence[0]
	if a.Object == b.Object || b.Object == "" {
		return
	}
	if n := "also not ordered: " + b.Object; !slices.Contains(f.Notes, n) {
		f.Notes = append(f.Notes, n)
	}
}

// telling ranks proofs of one cause: a wrong value named before a mere lack
// of order, a consequence before none.
func telling(f finding.Finding) int {
	n := 0
	if f.Kind != finding.Race {
		n += 2
	}
	if f.Message != "" {
		n++
	}
	return n
}

// settle decides about what was confirmed in this slice. complete means that
// all executions were made that were asked for.
func (s *Session) settle(ctx context.Context, complete bool) error {
	if slices.ContainsFunc(s.held, func(h held) bool { return h.f.Kind == finding.Panic && strings.Contains(h.f.Message, "closed channel") }) {
		s.held = slices.DeleteFunc(s.held, func(h held) bool { return h.f.Title == channelRace })
	}
	var wait, races []held
	for _, h := range s.held {
		switch {
		case s.always(h.f):
			wait = append(wait, h)
		case (h.f.Kind == finding.Race || !timely(h.f)) && !complete && !s.ended && s.slices < patientSlices:
			races = append(races, h)
		default:
			s.publish(h)
		}
	}
	s.slices++
	s.held = append(races, wait...)
	if len(wait) == 0 || s.broken != "" || s.Skipped() {
		return nil
	}
	if s.turnFresh("no execution passed, and those of one process depend on each other") {
		return nil
	}
	// No execution has passed. Whether the test or the control is to blame,
	// an ordinary run tells.
	if s.plain == nil {
		r, err := s.program.plain(ctx, s.test, s.opts.Short)
		if err != nil {
			return err
		}
		s.plain = r
	}
	first := wait[0]
	switch {
	case s.plain.passed:
		s.broken = fmt.Sprintf("passes in an ordinary run, but ends in %s in every controlled execution so far: it depends on something that is not controlled, such as real time or the network, or it passes in few schedules, which more executions would show", first.c.what)
	case first.c.what == "deadlock" && s.plain.hung:
		for _, h := range wait {
			h.f.Notes = append(h.f.Notes, "the test hangs in every execution, and in an ordinary run too")
			s.publish(h)
		}
		s.held = races
	default:
		s.broken = "fails without exploration too: " + firstLine(strings.TrimSpace(first.f.Message))
	}
	s.ended = true
	return nil
}

func (s *Session) publish(h held) {
	s.record(&h.f, h.c)
	s.found = append(s.found, h.f)
	s.emit(h.f)
}

// plainRun is what came of running the test without control.
type plainRun struct {
	passed, hung bool
}

// plain runs the test once, uncontrolled.
func (p Program) plain(ctx context.Context, test string, short bool) (*plainRun, error) {
	const limit = 10 * time.Second
	ctx2, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx2, p.Path, "-test.run=^"+test+"$", "-test.timeout=0", "-test.paniconexit0", "-test.short="+strconv.FormatBool(short))
	cmd.Dir = p.Dir
	cmd.Env = append(cmd.Environ(), p.Env...)
	cmd.WaitDelay = time.Second
	procgroup.Own(cmd)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	asleep := bytes.Contains(out, []byte("all goroutines are asleep - deadlock!")) // says the runtime, when it sees so
	return &plainRun{passed: err == nil, hung: ctx2.Err() != nil || asleep}, nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
