// Package explore runs tests under a controlled scheduler: not once, but in
// many executions that differ in who goes on when, until one of them shows a
// read that lies, a deadlock, a leak, a panic or a failure.
//
// A [Program] is a test binary built with [Patch]. A [Session] explores one of
// its tests in slices of time. Each slice is a process that runs executions in
// a loop and reports candidates; the Session replays each candidate in a fresh
// process with everything logged, and only what shows again becomes a
// [finding.Finding], with its stacks, its timeline and a replay file. What
// does not show again is counted, not reported.
//
// What a Session does not control it names: network, system calls, the wall
// clock's start, cgo. Executions that hit a limit count as unknown.
//
// Schedules are sequentially consistent. A data race is found by the order of
// events, whatever the values were; outcomes that only weak memory allows are
// not produced.
package explore

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/ghostread/ghostread/explore/wire"
	"github.com/ghostread/ghostread/finding"
)

// Options say how a test is explored. The zero value of a field means its
// default.
type Options struct {
	Strategy string        // one of Strategies; default auto
	Depth    int           // of pct, and of bounded: preemptions; default 3
	Seed     uint64        // default 1
	MaxSteps uint64        // scheduling points with a choice that are explored in one execution, which then goes on in one order; default 1,000,000
	MaxTime  time.Duration // real time of one execution; default 10 s
	Short    bool          // set the test's flag -short
	NoRace   bool          // do not look for data races
	Strict   bool          // no timer fires while goroutines can run
	Wall     time.Time     // what the wall clock says at the start of each execution; default: now, to the second
	Replays  string        // directory for replay files; "" for none

	// Repeatable makes a slice of time end with a block of executions, if that
	// takes no longer than 10 s: then the executions do not depend on time.
	Repeatable bool

	whole bool // keep schedules as they were found; for measurements
}

// Strategies are the names that Options.Strategy takes.
var Strategies = []string{wire.Auto, "mix", wire.Exhaustive, wire.Bounded, "random", "sticky", "pct", "pos", "surw"}

func (o Options) withDefaults() Options {
	if o.Strategy == "" {
		o.Strategy = wire.Auto
	}
	if o.Depth == 0 {
		o.Depth = 3
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.MaxSteps == 0 {
		o.MaxSteps = 1_000_000
	}
	if o.MaxTime == 0 {
		o.MaxTime = 10 * time.Second
	}
	if o.Wall.IsZero() {
		o.Wall = time.Now().Truncate(time.Second)
	}
	return o
}

// Validate reports options that no exploration can be made with.
func (o Options) Validate() error {
	o = o.withDefaults()
	if !slices.Contains(Strategies, o.Strategy) {
		return fmt.Errorf("unknown strategy %q, want one of %v", o.Strategy, Strategies)
	}
	if o.Depth < 1 {
		return fmt.Errorf("depth %d, want 1 or more", o.Depth)
	}
	return nil
}

// logEvents is how many events of an execution are looked at for races.
const logEvents = 1 << 21

func (o Options) job(mode, test string) *wire.Job {
	j := &wire.Job{
		Mode: mode, Test: test, Strategy: o.Strategy, Depth: o.Depth, Seed: o.Seed,
		MaxSteps: o.MaxSteps, MaxTime: int64(o.MaxTime), Wall: o.Wall.UnixNano(), Race: !o.NoRace, Early: !o.Strict && !wire.Systematic(o.Strategy),
		Short: o.Short, MaxDecisions: int(min(2*o.MaxSteps, wire.MaxDecisions)), MaxEvents: logEvents, MaxWords: 1 << 23,
	}
	if mode == wire.Replay { // which logs more kinds of events, and should get as far
		j.MaxEvents, j.MaxWords = 2*logEvents, 4*j.MaxWords
	}
	return j
}

// Progress is how far a Session is, for a progress line.
type Progress struct {
	Executions uint64
	Steps      uint64
}

// Session explores one test. Its methods must not be called concurrently.
type Session struct {
	program Program
	test    string
	opts    Options
	emit    func(finding.Finding)
	tick    func(Progress)

	next       uint64 // execution
	executions uint64
	steps      uint64
	passed     uint64
	cut        uint64 // executions that a limit ended
	digest     uint64 // of all executions; see wire.Header
	vain       uint64 // executions that say nothing, see untimely
	calm       bool   // early timers only make the test end its process
	limit      string // the first of them, in words
	warm       wire.Record
	ended      bool // nothing more to explore
	broken     string
	outside    uint64 // what executions touched that is not controlled
	logFull    bool
	coasted    bool // an execution met the limit of points with a choice
	unrepeated int
	unchecked  int
	alone      bool          // the test has one goroutine
	fresh      string        // why each execution has a process of its own; "" if they have not
	lone       int           // fresh executions of one goroutine in a row
	all        wire.Record   // what a systematic search ended with
	last       uint64        // execution after which there is no need for more; 0: unknown
	attempts   int           // searches over all schedules that the automatic strategy may still begin
	pairs      uint64        // of operations that have met, in the process that saw most of them
	novel      uint64        // executions when the last of them was new
	patience   time.Duration // for an execution, though the slice may be over
	known      map[uint64]*known
	held       []held
	slices     int
	found      []finding.Finding
	plain      *plainRun
	elapsed    time.Duration
	symbols    *symbols

	// See parallel.go.
	width   int                    // processes at a time
	rests   []uint64               // where blocks go on that were begun and not finished
	tickets string                 // of a part: the file that says which block is next
	gather  map[uint64][]candidate // of a part: what is to be confirmed, by key
}

// known is what became of candidates with one key.
type known struct {
	confirmed bool
	early     bool // by a schedule in which timers fire early
	tries     int
	vain      int // of them those that say nothing
}

// NewSession returns a Session for a test of p. Confirmed findings go to emit,
// from the goroutine that calls Slice; progress goes to tick, which may be nil,
// from that and from others.
func NewSession(p Program, test string, o Options, emit func(finding.Finding), tick func(Progress)) (*Session, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return nil, fmt.Errorf("explore runs on linux/amd64 so far, not on %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	if tick == nil {
		tick = func(Progress) {}
	}
	return &Session{
		program: p, test: test, opts: o.withDefaults(), emit: emit, tick: tick,
		next: 1, known: map[uint64]*known{}, symbols: newSymbols(p), attempts: maxAttempts,
	}, nil
}

// Done reports whether further slices would not bring anything: the test
// cannot be explored, or skips itself.
func (s *Session) Done() bool { return s.ended }

// settledAfter is how many executions a test has before it can be settled.
const settledAfter = 50_000

// Settled reports whether further executions hardly show anything new: in the
// last nine tenths of them, at least 45,000, no two operations met that had
// not met before. That is no proof; it says where time is spent better. Only
// the automatic strategy has enough by itself, and only where races are looked
// for: otherwise nothing is known.
func (s *Session) Settled() bool {
	return s.opts.Strategy == wire.Auto && s.pairs > 0 && s.executions >= settledAfter && s.novel < s.executions/10
}

// Skipped reports whether the test skips itself.
func (s *Session) Skipped() bool { return s.warm.Get("skipped") == "true" }

// Slice makes up to execs further executions, until the given time at most.
// Findings are emitted as they are confirmed; a plain race may be held back for
// a slice or two, and [Session.Flush] ends that. When ctx is done Slice returns
// its error; what was found before has been emitted.
func (s *Session) Slice(ctx context.Context, execs uint64, until time.Time) error {
	start := time.Now()
	defer func() { s.elapsed += time.Since(start) }()
	last := s.end(execs)
	for {
		fresh := s.fresh
		if s.left(last) > 0 && !s.ended && time.Now().Before(until) {
			if err := s.run(ctx, last, until); err != nil {
				return err
			}
		} else if err := s.settle(ctx, s.left(last) == 0); err != nil || s.fresh == fresh {
			return err
		}
		if s.fresh != fresh {
			last = s.end(execs) // those so far tell little
		}
	}
}

// Outcome is what the exploration of the test has come to so far.
func (s *Session) Outcome() finding.Outcome {
	return s.OutcomeBut(func(string) bool { return false })
}

// OutcomeBut is the Outcome without the findings whose fingerprints are known.
func (s *Session) OutcomeBut(known func(fingerprint string) bool) finding.Outcome {
	o := finding.Outcome{
		Subject:    finding.Subject{Package: s.program.Package, Test: s.test},
		Executions: int(s.executions),
		Duration:   s.elapsed,
		Verdict:    finding.Clean,

		Uncontrolled: wire.Outside(s.outside),
	}
	for _, f := range s.found {
		if !known(f.Fingerprint) {
			o.Findings = append(o.Findings, f.Fingerprint)
		}
	}
	switch {
	case len(o.Findings) > 0:
		o.Verdict = finding.Found
	case s.broken != "":
		o.Verdict, o.Reason = finding.Unknown, s.broken
	case s.executions == 0:
		o.Verdict, o.Reason = finding.Unknown, "its first run took longer than the time there was"
	case s.fresh != "" && s.passed+s.cut == 0 && len(s.found) == 0:
		o.Verdict, o.Reason = finding.Unknown, "no time was left to run it in processes of its own: "+s.fresh
	case s.passed == 0 && s.cut > 0:
		o.Verdict, o.Reason = finding.Unknown, "every execution was cut short: "+s.limit
	case s.cut > 0:
		o.Verdict, o.Reason = finding.Unknown, "some executions were cut short: "+s.limit
	case s.unchecked > 0 && len(s.known) == 0:
		o.Verdict, o.Reason = finding.Unknown, fmt.Sprintf("no time was left to check %d candidates", s.unchecked)
	case s.unrepeated > 0:
		o.Verdict, o.Reason = finding.Unknown, "what was seen in one process did not show again in a fresh one"
	case len(s.found) > 0:
		o.Reason = "what was found is known"
	case s.alone:
		o.Reason = "one goroutine, hence one schedule"
	case s.all.Kind != "" && s.all.Get("gap") == "" && s.opts.Strategy == wire.Bounded:
		o.Reason = finding.NoProof + fmt.Sprintf("all schedules with up to %d preemptions were explored: %d", s.opts.Depth, s.all.GetUint("explored"))
	case s.all.Kind != "" && s.all.Get("gap") == "":
		o.Reason = fmt.Sprintf("schedules that differ in more than the order of independent steps: %d, all explored", s.all.GetUint("explored"))
		o.Exhausted = true
	case s.all.Kind != "":
		o.Reason = finding.NoProof + s.all.Get("gap")
	case wire.Systematic(s.opts.Strategy):
		o.Reason = finding.NoProof + "there are more schedules"
	case s.Settled():
		o.Reason = "settled: in the last nine tenths of its executions no two operations met that had not met before"
	}
	also := func(note string) {
		if note != "" && o.Reason != "" {
			note = "; " + note
		}
		o.Reason += note
	}
	if o.Verdict != finding.Unknown && o.Reason == "" {
		also(s.freshNote())
	}
	if o.Verdict == finding.Clean {
		also(s.untimely())
	}
	if o.Verdict != finding.Unknown {
		also(s.Sampled())
	}
	return o
}

// Sampled says which part of long executions was explored; "" if that was all
// of each. A test whose executions did not end within the limits is unknown
// instead.
func (s *Session) Sampled() string {
	var parts []string
	if s.coasted {
		parts = append(parts, fmt.Sprintf("the first %d points with a choice of each execution were explored (see --max-steps), what follows ran in one order", s.opts.MaxSteps))
	}
	if s.logFull {
		parts = append(parts, fmt.Sprintf("races were looked for in the first %d events of each execution", logEvents))
	}
	if len(parts) == 0 {
		return ""
	}
	return "sampled: " + strings.Join(parts, "; ")
}
