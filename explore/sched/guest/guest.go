//go:build ghostread_guest

// Package guest is the loop over executions of a test, inside the test's own
// process. Package testing calls it where it would run its tests; it runs one
// test over and over, each time as a world of its own in the runtime core
// (package runtime, ghostread.go), under a strategy, and looks at what
// happened: races in the event log, goroutines that wait for ever, failures.
//
// It reports candidates. Whether one is a finding is decided by the process
// that explores, which replays it in a fresh one.
//
// One goroutine runs all of it, outside of every world.
package guest

import (
	"internal/ghostread/detect"
	"internal/ghostread/dpor"
	"internal/ghostread/event"
	"internal/ghostread/strategy"
	"internal/ghostread/wire"
	"internal/testlog"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// Test is one execution of the test: it runs in a world, writes the test's log
// to w, and calls end when the test has ended, which it may never do.
type Test func(w io.Writer, end func(failed, skipped bool))

var on = os.Getenv(wire.JobVariable) != ""

// On reports whether this process is to explore.
func On() bool { return on }

// Main does the job that the environment names. find returns a test by name,
// nil if there is none. Main reports whether the job could be done.
func Main(find func(name string) Test) bool {
	syscall.CloseOnExec(wire.ResultFD) // what the test starts shall not hold it
	text, err := os.ReadFile(os.Getenv(wire.JobVariable))
	os.Unsetenv(wire.JobVariable) // a test may start this binary again
	if err != nil {
		return complain(err.Error())
	}
	job, err := wire.DecodeJob(string(text))
	if err != nil {
		return complain("job file: " + err.Error())
	}
	l := &loop{job: job, seen: map[uint64]int{}}
	if job.Mode == wire.Symbols {
		l.symbols()
		return true
	}
	l.test = find(job.Test)
	if l.test == nil {
		return complain("no test " + strconv.Quote(job.Test) + " in this binary")
	}
	if err := l.open(); err != nil {
		return complain(err.Error())
	}
	switch job.Mode {
	case wire.Search:
		l.search()
	case wire.Replay:
		l.replay()
	case wire.Reduce:
		l.reduce()
	case wire.Repeat:
		l.repeat()
	default:
		return complain("unknown mode " + strconv.Quote(job.Mode))
	}
	return true
}

func complain(why string) bool {
	send(wire.Record{Kind: "error"}.With("why", why))
	return false
}

func send(r wire.Record) {
	b := r.Append(nil)
	for len(b) > 0 {
		n, err := syscall.Write(wire.ResultFD, b)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			os.Exit(2) // whoever asked has gone
		}
		b = b[n:]
	}
}

type loop struct {
	job      *wire.Job
	test     Test
	head     *wire.Header
	config   config
	strategy strategy.Strategy
	timers   strategy.Timers // the strategy, if it lets timers fire early in this execution
	by       portfolio       // which strategy each execution of a search runs under
	pairs    *detect.Pairs
	detector *detect.Detector
	seen     map[uint64]int // how often a candidate with this key was met
	out      output
	leaked   int
	live     uint64 // bytes of the heap after the last collection
	scratch  goroutine
	outside  uint64 // what executions touched that is not controlled
	files    files
	oracle   oracle
	watch    bool   // the next execution, for a state that comes again from its start
	base     uint64 // steps at which that is known to be in the next execution
	again    uint64
	alone    bool // no execution had more than one goroutine of the test

	// Set by the body of the execution that ran last.
	returned, failed, skipped bool
}

// output keeps the first part of what an execution logs.
type output struct{ b []byte }

const outputBytes = 16 << 10

func (o *output) Write(p []byte) (int, error) {
	if room := outputBytes - len(o.b); room > 0 {
		o.b = append(o.b, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

// open maps the shared file and the log, and makes the process deterministic.
func (l *loop) open() error {
	f, err := os.OpenFile(l.job.Shared, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	j := l.job
	const eventBytes = int(unsafe.Sizeof(event.Event{}))
	shared, err := syscall.Mmap(int(f.Fd()), 0, int(j.SharedBytes(eventBytes)), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return os.NewSyscallError("mmap shared file", err)
	}
	l.head = (*wire.Header)(unsafe.Pointer(&shared[0]))
	l.head.Magic = wire.Magic
	c := &l.config
	c.shared = l.head
	c.dec = unsafe.Slice((*int32)(unsafe.Pointer(&shared[wire.HeaderBytes])), j.MaxDecisions)
	events := shared[min(wire.HeaderBytes+4*j.MaxDecisions, len(shared)-1):]
	c.capture = j.Mode == wire.Replay && !j.Watch
	l.systematic(j.Strategy)
	if c.capture {
		c.stacks = unsafe.Pointer(&events[j.MaxEvents*eventBytes])
		c.maxWords = uint64(j.MaxWords)
	} else if c.logging || j.Strategy == wire.Auto {
		events, err = syscall.Mmap(-1, 0, j.MaxEvents*eventBytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
		if err != nil {
			return os.NewSyscallError("mmap event log", err)
		}
	}
	c.events = unsafe.Pointer(&events[0])
	c.maxEvents = uint64(j.MaxEvents)
	c.wall = j.Wall
	c.maxSteps = j.MaxSteps
	c.maxTime = j.MaxTime
	c.fire = func(q *strategy.Choice) bool { return l.timers.Fire(q) }
	end := func(failed, skipped bool) { l.failed, l.skipped, l.returned = failed, skipped, true }
	c.body = func() { l.test(&l.out, end) }
	l.detector = detect.New()
	testlog.SetLogger(&l.files)

	runtime.GOMAXPROCS(1)
	for range settle { // whoever TestMain has started shall wait, not begin, when the first execution does
		runtime.Gosched()
	}
	debug.SetGCPercent(-1) // collect between executions
	debug.SetMemoryLimit(3 << 30)
	return nil
}

// run makes one execution under the current strategy.
func (l *loop) run(n, seed uint64) *config {
	l.out.b = l.out.b[:0]
	l.returned, l.failed, l.skipped = false, false, false
	l.head.Execution, l.head.Seed = n, seed
	l.files.by = 0
	runtimeClearPools()
	if l.job.Oracle {
		l.oracle.begin()
	}
	l.config.seed = seed
	l.config.watch, l.config.base, l.config.again = l.watch, l.base, l.again
	l.strategy.Begin(seed)
	l.config.choose = strategy.Deciding(l.strategy).Choose
	l.head.Strategy = [16]byte{}
	copy(l.head.Strategy[:], l.strategyName())
	l.timers, _ = l.strategy.(strategy.Timers)
	l.config.early = l.timers != nil && l.timers.Armed()
	runtimeRun(unsafe.Pointer(&l.config))
	l.strategy.End(l.head.Steps)
	return &l.config
}

// settle is how often goroutines from before all executions have a turn before
// the first one.
const settle = 100

// warmup is the execution before all others: what packages initialise lazily
// must not differ between a search and its replay.
func (l *loop) warmup() {
	if l.job.Fresh {
		return
	}
	l.strategy = strategy.NewReplay(nil)
	if l.job.Mode == wire.Search && !wire.Systematic(l.job.Strategy) {
		l.config.maxTime = min(l.job.MaxTime, warmupTime)
		defer func() { l.config.maxTime = l.job.MaxTime }()
	}
	c := l.run(0, 1)
	l.first(c)
	if l.job.Mode == wire.Search && l.job.Race && !l.job.Oracle {
		l.firstUse(c)
	}
}

// firstUse offers the races of the warm-up. What only the first use of a
// package variable has shows in no execution after it.
func (l *loop) firstUse(c *config) {
	log := unsafe.Slice((*event.Event)(c.events), l.head.Events)
	seen := map[uint64]bool{}
	for _, r := range l.detector.Run(log) {
		key := raceKey(log, r)
		if seen[key] || len(seen) == offers {
			continue
		}
		seen[key] = true
		a, b := log[r.First].PC, log[r.Second].PC
		l.candidate("race", hash(13, key, 0), wire.Record{}.Uint("a", min(a, b)).Uint("b", max(a, b)).Uint("like", key))
	}
}

// warmupTime is how long the warm-up may take, in ns. Tests that take longer
// go without.
const warmupTime = 2_000_000_000

// first tells how the first execution of this process ended.
func (l *loop) first(c *config) {
	send(wire.Record{Kind: "warmup"}.Int("reason", int64(c.reason)).With("failed", strconv.FormatBool(l.failed)).
		With("skipped", strconv.FormatBool(l.skipped)).Uint("steps", l.head.Steps).With("log", string(l.out.b)))
}

// repeat makes the execution of the warm-up several times, and says so if all
// of them end in one way. A crash ends the process before that.
func (l *loop) repeat() {
	l.strategy = strategy.NewReplay(nil)
	c := l.run(0, 1)
	reason, failed := c.reason, l.failed
	for n := uint64(1); n <= repeats; n++ {
		if c = l.run(n, 1); c.reason != reason || l.failed != failed {
			return
		}
	}
	send(wire.Record{Kind: "repeated"})
}

// repeats is how often the warm-up is made again.
const repeats = 4

func (l *loop) search() {
	j := l.job
	l.warmup()
	if l.skipped {
		return
	}
	if !j.Fresh && l.config.reason == wire.Time && !wire.Systematic(j.Strategy) {
		send(wire.Record{Kind: "slow"})
		return
	}
	if !l.by.init(j) {
		complain("unknown strategy " + strconv.Quote(j.Strategy))
		return
	}
	work, err := newBlocks(j)
	if err != nil {
		complain(err.Error())
		return
	}
	l.files = files{} // the tickets are not the test's
	l.alone = j.First == 1 || j.Fresh
	if j.Oracle {
		if err := l.oracle.open(j); err != nil {
			complain(err.Error())
			return
		}
		defer l.oracle.sum()
	}
	l.pairs = new(detect.Pairs)
	parent := os.Getppid()
	for made := uint64(0); ; made++ {
		n, begins, ok := work.next()
		if !ok {
			break
		}
		if begins {
			l.by.renew(j, n)
		}
		if n&255 == 0 && os.Getppid() != parent {
			os.Exit(2) // whoever asked was killed
		}
		l.take(made)
		if n == lockstepAt && (j.Strategy == wire.Auto || j.Strategy == "mix") {
			if m, ok := l.strategy.(*strategy.Mix); ok {
				m.Skip(1) // the others stay what they are
			}
			l.strategy, l.watch = new(lockstep), true
			l.systematic(wire.Lockstep)
		}
		c := l.run(n, l.seedOf(n))
		l.watch = false
		if j.Fresh {
			l.first(c)
		}
		l.look(c)
		l.head.TotalSteps += l.head.Steps
		l.head.Executions++
		l.meet(c, made)
		l.head.Digest += wire.Digest(n, l.head.Hash)
		l.alone = l.alone && c.goroutines == 1
		if l.alone && (made >= aloneAfter || j.Fresh) {
			send(wire.Record{Kind: "alone"})
			return
		}
		if end := l.learn(c); end > 0 {
			work.last = min(work.last, end)
		}
		if whole := work.whole(); (l.tired(whole) || whole && j.Divide && l.by.learner == nil) && work.more() {
			send(wire.Record{Kind: "again"})
			return
		}
	}
	send(wire.Record{Kind: "end"})
}

// Bounds of the heap: a small one stays in the caches of the CPU, but one that
// holds much takes long to collect; and what many executions leave behind calls
// for a fresh process.
const (
	collectAt  = 3 << 20 // garbage, or as much as is in use,
	collectMax = 24 << 20
	freshAt    = 512 << 20
	leakedAt   = 5000  // goroutines
	leakedMax  = 20000 // in the middle of a block
)

// tired collects garbage when it is time, and reports whether so much is left
// behind by earlier executions that a fresh process should go on. It is more
// patient in the middle of a block of executions, whose strategy would have to
// learn again.
func (l *loop) tired(whole bool) bool {
	if runtimeHeap() > l.live+min(max(l.live, collectAt), collectMax) {
		runtime.GC()
		runtimeFinalize()
		l.live = runtimeHeap()
	}
	return l.leaked > leakedAt && (whole || l.leaked > leakedMax) || l.live > freshAt
}

// look finds the candidates of the execution that just ended.
func (l *loop) look(c *config) {
	if l.vain(c) {
		return
	}
	var log []event.Event
	if l.job.Race {
		log = unsafe.Slice((*event.Event)(c.events), l.head.Events)
		if l.job.Oracle && !c.full {
			l.compare(log)
		}
		races := l.detector.Run(log)
		if !l.detector.Exact() && c.goroutines > 1 && l.seen[8] == 0 {
			l.seen[8]++
			send(wire.Record{Kind: "logfull"}.Uint("steps", l.head.Steps))
		}
		for _, r := range races {
			key := pairKey(log, r)
			l.seen[key]++
			if l.seen[key] > looks {
				continue
			}
			// The same two places can mean more in one execution than in
			// another: that is a candidate of its own.
			if key = raceKey(log, r); l.fresh(key) {
				a, b := log[r.First].PC, log[r.Second].PC
				l.candidate("race", key, wire.Record{}.Uint("a", min(a, b)).Uint("b", max(a, b)))
			}
		}
	}
	switch {
	case c.reason == wire.Deadlock:
		stuck := l.stuck(c)
		key := deadlockKey(stuck)
		l.leaked += len(stuck)
		if l.fresh(key) {
			l.candidate("deadlock", key, wire.Record{})
		}
	case c.reason == wire.Broken:
		l.broken(c)
	case c.reason == wire.Livelock && !l.returned:
		l.livelock(c)
	case c.reason != wire.Done && !l.returned:
		l.cutShort(c, int(c.reason))
	case c.loose && l.failed:
		l.cutShort(c, wire.Polling) // time was pushed on, and the test may mind
	default:
		if l.failed {
			key := hashString(3, place(string(l.out.b)))
			if l.fresh(key) {
				l.candidate("failure", key, wire.Record{}.With("log", string(l.out.b)))
			}
		} else {
			l.head.Passed++
		}
		l.leaks(c)
	}
	if out := uint64(c.outside) | l.files.seen(); out&^l.outside != 0 {
		l.outside |= out
		send(wire.Record{Kind: "outside"}.Uint("what", l.outside))
	}
	if c.coasted && l.seen[9] == 0 {
		l.seen[9]++
		send(wire.Record{Kind: "coasted"})
	}
	if c.full && c.goroutines > 1 && l.seen[6] == 0 {
		l.seen[6]++
		send(wire.Record{Kind: "logfull"}.Uint("steps", l.head.Steps))
	}
}

// leaks offers the goroutines that a passing execution left behind. The walk
// over the heap is made only for places that have not been offered enough.
func (l *loop) leaks(c *config) {
	list := l.stuck(c)
	l.leaked += len(list)
	if l.failed {
		return // a test that gives up leaves things behind
	}
	known := true
	for i := range list {
		known = known && (!list[i].parked() || l.seen[list[i].key()+4] >= offers)
	}
	if known {
		return
	}
	hopeless(list)
	for i := range list {
		g := &list[i]
		if key := g.key() + 4; !g.parked() {
			continue
		} else if !g.hopeless {
			l.seen[key]++ // somebody can wake it
		} else if l.fresh(key) {
			l.candidate("leak", key, wire.Record{}.Int("goroutine", int64(g.id)))
		}
	}
}

// cutShort counts an execution that says nothing about how the test ends.
func (l *loop) cutShort(c *config, reason int) {
	if l.trying() {
		l.leaked += int(c.goroutines)
		return
	}
	l.head.Unknown++
	l.leaked += int(c.goroutines)
	if key := hash(7, uint64(reason), 0); l.seen[key] == 0 {
		l.seen[key]++
		send(wire.Record{Kind: "limit"}.Int("reason", int64(reason)).Uint("execution", l.head.Execution).Uint("steps", l.head.Steps))
	}
}

// aloneAfter is how many executions are made of a test that has one goroutine:
// there is one schedule, but maps and selects have several orders.
const aloneAfter = 10

// looks is how many executions are looked at closely for one race.
const looks = 1000

// offers is how many executions are offered as proof of one candidate, in
// case the first do not repeat.
const offers = 3

// Those with an early timer are counted apart: what needs none shall not be
// proved by them only.
func (l *loop) fresh(key uint64) bool {
	if l.config.fired > 0 {
		key = hash(12, key, 0)
	}
	l.seen[key]++
	return l.seen[key] <= offers
}

func (l *loop) candidate(kind string, key uint64, r wire.Record) {
	r.Kind = "candidate"
	h := l.head
	r = r.With("what", kind).Uint("key", key).Uint("execution", h.Execution).Uint("seed", h.Seed).
		Uint("hash", h.Hash).Uint("steps", h.Steps).With("strategy", l.strategyName()).
		With("decisions", wire.EncodeDecisions(l.config.dec[:h.Decisions]))
	send(r)
}

// strategyName says which strategy the execution ran under.
func (l *loop) strategyName() string {
	s := l.strategy
	if e, ok := s.(*strategy.Early); ok {
		s = e.Strategy
	}
	switch s := s.(type) {
	case *strategy.Mix:
		name, depth := s.Current()
		if name == "pct" {
			return "pct" + strconv.Itoa(depth)
		}
		return name
	case *dpor.Search:
		return wire.Exhaustive
	case *lockstep:
		return wire.Lockstep
	}
	return l.job.Strategy
}

// replay makes one execution by its decisions, everything logged.
func (l *loop) replay() {
	want, err := wire.DecodeDecisions(l.job.Decisions)
	if err != nil {
		complain("decisions: " + err.Error())
		return
	}
	capture, logging := l.config.capture, l.config.logging
	l.config.capture, l.config.logging = false, l.job.Race
	l.warmup()
	l.config.capture, l.config.logging = capture, logging
	s := strategy.NewReplay(want)
	l.strategy = s
	l.watch, l.base, l.again = l.job.Watch && l.job.Strategy == wire.Lockstep, l.job.Base, l.job.Again
	c := l.run(l.job.First, l.job.Seed)
	at, times := s.Diverged()
	list := l.stuck(c)
	hopeless(list)
	if slices.ContainsFunc(list, func(g goroutine) bool { return g.parked() && !g.hopeless }) {
		// What looked like a reference may have been left by somebody who runs
		// now and then, as finalizers do. What nothing reaches stays unreachable,
		// so the second look is as good as the first.
		runtime.GC()
		runtimeFinalize()
		hopeless(list)
	}
	holders := references(list)
	for i := range list {
		send(list[i].record().Int("counter", list[i].counter()).With("holders", holders[i]))
	}
	send(wire.Record{Kind: "replayed"}.Int("reason", int64(c.reason)).Uint("hash", l.head.Hash).
		Int("diverged", int64(times)).Int("at", int64(at)).Int("used", int64(s.Used())).
		With("failed", strconv.FormatBool(l.failed)).With("returned", strconv.FormatBool(l.returned)).
		With("loose", strconv.FormatBool(c.loose)).With("external", strconv.FormatBool(c.external)).
		With("full", strconv.FormatBool(c.full)).With("certain", strconv.FormatBool(c.certain)).
		Uint("base", c.base).Uint("again", c.again).Uint("since", c.since).Int("goroutines", int64(c.goroutines)).
		With("report", c.report).With("waits", c.waits).Int("reporter", int64(c.reporter)).Uint("report-at", c.reportAt).
		With("log", string(l.out.b)))
}

// files notes whether the test opens or looks for files, and whether several
// goroutines do in one execution. Its methods are called by package os, from
// goroutines of the test.
type files struct {
	opened, shared bool
	by             int32 // who did last in this execution
}

func (f *files) Open(string) { f.use() }
func (f *files) Stat(string) { f.use() }

func (f *files) use() {
	f.opened = true
	id := runtimeCurrent()
	f.shared = f.shared || f.by != 0 && f.by != id
	f.by = id
}

func (f *files) Getenv(string) {}
func (f *files) Chdir(string)  {}

func (f *files) seen() uint64 {
	if f.opened {
		return wire.OutsideFile
	}
	return 0
}

// place returns the first file:line of a test's log: what makes one failure
// the same as another although the values in its text, and what fails after
// it, differ.
func place(log string) string {
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		if i := strings.Index(line, ".go:"); i >= 0 {
			end := i + len(".go:")
			for end < len(line) && '0' <= line[end] && line[end] <= '9' {
				end++
			}
			return line[:end]
		}
	}
	return ""
}

func hash(a, b, c uint64) uint64 {
	h := a*0x9e3779b97f4a7c15 + 1
	h = (h ^ h>>29 ^ b) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>31 ^ c) * 0x94d049bb133111eb
	return h ^ h>>30
}

func hashString(a uint64, s string) uint64 {
	for i := 0; i < len(s); i++ {
		a = (a ^ uint64(s[i])) * 1099511628211
	}
	return hash(a, uint64(len(s)), 0)
}
