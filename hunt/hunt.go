// Package hunt is the main job of ghostread: it looks for reads that lie in
// the packages that patterns name, with every source that applies, within a
// budget, and gives one stream of findings and one summary.
//
// Today the one source is exploration: every test of every package runs under
// the controlled scheduler. Tests share the budget fairly. Each gets a first
// look as soon as its package is built; what is left goes in rounds to those
// that have had least, but for those that are proved or settled. A source of static findings would add to the same
// [Hunt.add].
//
// A finding is reported once, whichever tests meet its cause. What cannot be
// built or explored is an outcome with the verdict unknown, not an error: the
// rest of the hunt goes on.
package hunt

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/build"
	"github.com/ghostread/ghostread/explore/overlay"
	"github.com/ghostread/ghostread/finding"
)

// Options say what to hunt in and for how long.
type Options struct {
	Dir      string         // where patterns are resolved; "" is the working directory
	Patterns []string       // of packages; none means ./...
	Tags     []string       // build tags
	Go       string         // the Go release to use, like 1.25.7; "" is the one that Dir selects
	Run      *regexp.Regexp // names of the tests to explore; nil means all
	Budget   time.Duration  // for exploration, building not counted; 0: no limit
	Execs    uint64         // executions of each test; 0: no limit
	Jobs     int            // processes at a time; 0: one for each CPU
	Since    string         // a revision of git: only tests that may reach what changed since; "": all
	Baseline *Baseline      // known findings, which are counted and not reported; nil: none
	Oracle   string         // TSan: compare the race detectors in executions of each test; "": do not
	Explore  explore.Options
}

// Events receives what happens during a hunt. Its methods are not called
// concurrently.
type Events interface {
	Finding(finding.Finding) // a new one; others of the same cause follow in the summary only
	Progress(Progress)
}

// Progress is the state of a hunt.
type Progress struct {
	Stage      string // "preparing go1.26.8", "building x/y", or "" while exploring
	Packages   int    // built
	Tests      int    // known so far
	Executions uint64
	Findings   int
	Elapsed    time.Duration // of exploration
	Left       time.Duration // of the budget; 0: no limit
}

// Hunt is one run. It is created by Run and not used from outside.
type Hunt struct {
	opts   Options
	events Events

	mu        sync.Mutex
	tests     []*test
	set       finding.Set
	known     known
	leftTests int                        // that reach no change
	only      map[string]map[string]bool // the tests to explore of a package, where that is not all of them
	unchanged bool                       // no test reaches a change
	leftOut   string                     // how many tests reach no change; "": nobody asked
	names     map[string]bool            // of all tests in packages that were built, as entries of a baseline have them
	broken    []finding.Outcome          // packages that cannot be built or listed
	packages  int
	building  bool
	stage     string
	start     time.Time // of exploration
	wake      *sync.Cond
	running   int // processes that tests were given
	oracle    oracle
}

// test is one test of one package on its way.
type test struct {
	session  *explore.Session
	progress explore.Progress
	busy     bool
	done     bool
	looked   bool  // has had its first look
	err      error // that ended its exploration
	spent    time.Duration
}

// First looks are short, so that a hunt over many tests shows something early.
const (
	firstLook = 1500 * time.Millisecond
	minLook   = 200 * time.Millisecond // of many tests in a small budget
	minSlice  = 500 * time.Millisecond
	maxSlice  = 5 * time.Second
)

// Run hunts until the budget is spent, every test has had its executions, or
// ctx is done. In the last case it returns what was found so far, and no
// error: an interrupted hunt is a short one. An error means that nothing could
// be hunted in; it teaches what to do.
func Run(ctx context.Context, o Options, events Events) (finding.Summary, []finding.Finding, error) {
	if o.Jobs <= 0 {
		o.Jobs = runtime.NumCPU()
	}
	o.Explore.Repeatable = o.Explore.Repeatable || o.Budget == 0
	if err := errors.Join(o.Explore.Validate(), o.checkOracle()); err != nil {
		return finding.Summary{}, nil, err
	}
	h := &Hunt{opts: o, events: events, building: true, known: known{baseline: o.Baseline}, names: map[string]bool{}}
	h.wake = sync.NewCond(&h.mu)
	began := time.Now()
	if err := h.prepare(ctx); err != nil {
		if ctx.Err() != nil {
			return h.summary(began, true), nil, nil
		}
		return finding.Summary{}, nil, err
	}
	for _, t := range h.tests {
		t.session.Flush()
	}
	return h.summary(began, ctx.Err() != nil), h.set.All(), nil
}

// prepare patches the release, lists the packages, and then builds them one
// after the other while workers explore what is there.
func (h *Hunt) prepare(ctx context.Context) error {
	c, err := Toolchain(ctx, h.opts.Dir, h.opts.Go, h.opts.Tags, func(version string) { h.report("preparing " + version) })
	if err != nil {
		return err
	}
	var theirs build.Config
	if h.opts.Oracle != "" {
		if theirs, err = oracleToolchain(ctx, h.opts); err != nil {
			return err
		}
	}
	list, err := build.List(ctx, c, h.opts.Patterns...)
	if err != nil {
		return err
	}
	for _, p := range list.Broken {
		h.broken = append(h.broken, unknown(p.ImportPath, p.Error()))
	}
	if h.opts.Since != "" {
		if list.Packages, err = h.narrow(ctx, c, list.Packages); err != nil {
			return err
		}
		if len(list.Packages) == 0 {
			h.unchanged = true
			return nil
		}
	}
	stop := context.AfterFunc(ctx, func() {
		h.mu.Lock() // a worker between its look at ctx and its wait must not miss this
		defer h.mu.Unlock()
		h.wake.Broadcast()
	})
	defer stop()
	var workers sync.WaitGroup
	for range h.opts.Jobs {
		workers.Go(func() { h.work(ctx) })
	}
	failed := h.build(ctx, c, list.Packages)
	h.mu.Lock()
	h.building = false
	h.stage = ""
	h.wake.Broadcast()
	h.mu.Unlock()
	workers.Wait()
	if len(h.tests) == 0 && ctx.Err() == nil {
		if failed != nil {
			return failed
		}
		if h.leftTests > 0 {
			h.unchanged = true // those that match --run reach no change
			return nil
		}
		return h.noTests()
	}
	if h.opts.Oracle != "" && ctx.Err() == nil {
		return h.crossCheck(ctx, theirs, list.Packages)
	}
	return nil
}

// Toolchain returns how to build tests for exploration in dir: with a Go
// release, patched. That is the one named release, like 1.25.7, which is
// downloaded if need be, or the one that dir uses when release is "". stage is
// told which one it is.
func Toolchain(ctx context.Context, dir, release string, tags []string, stage func(version string)) (build.Config, error) {
	return toolchain(ctx, dir, release, tags, stage, explore.Patch)
}

func toolchain(ctx context.Context, dir, release string, tags []string, stage func(version string), patched func() (overlay.Patch, error)) (build.Config, error) {
	patch, err := patched()
	if err != nil {
		return build.Config{}, err
	}
	env := os.Environ()
	if release != "" {
		if env, err = overlay.Select(env, release); err != nil {
			return build.Config{}, err
		}
	}
	tc, err := overlay.Detect(ctx, dir, env)
	if err != nil && release != "" {
		return build.Config{}, fmt.Errorf("use Go %s: %w; choose a release of go.dev/dl, and make sure that GOPROXY can be reached if it is not on this machine yet", strings.TrimPrefix(release, "go"), err)
	}
	if err != nil {
		return build.Config{}, err
	}
	if err := patch.Check(tc); err != nil {
		return build.Config{}, err
	}
	stage(tc.Version)
	o, err := overlay.Generate(ctx, "", tc, patch)
	if err != nil {
		return build.Config{}, err
	}
	return build.Config{Dir: dir, Tags: tags, Overlay: o}, nil
}

// build builds the packages and returns all that went wrong.
func (h *Hunt) build(ctx context.Context, c build.Config, packages []build.Package) (failed error) {
	for _, pkg := range packages {
		h.report("building " + pkg.ImportPath)
		b, err := build.Build(ctx, c, pkg)
		var suite *build.Suite
		if err == nil {
			suite, err = build.Tests(ctx, b, nil)
		}
		if ctx.Err() != nil {
			return failed
		}
		if err != nil {
			failed = errors.Join(failed, err)
			h.mu.Lock()
			h.broken = append(h.broken, unknown(pkg.ImportPath, err.Error()))
			h.mu.Unlock()
			continue
		}
		h.open(b, suite.Explored())
	}
	return failed
}

func unknown(pkg, why string) finding.Outcome {
	return finding.Outcome{Subject: finding.Subject{Package: pkg}, Verdict: finding.Unknown, Reason: why}
}

// Program is b as package explore runs it.
func Program(b *build.Binary) explore.Program {
	return explore.Program{Path: b.File, Package: b.Package.ImportPath, Dir: b.Dir, Env: b.Env, Engine: b.Engine, Release: b.Release, Tags: b.Tags}
}

// open makes the tests of a binary available to the workers.
func (h *Hunt) open(b *build.Binary, names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.packages++
	h.names[b.Package.ImportPath] = true
	for _, name := range names {
		h.names[b.Package.ImportPath+"."+name] = true
		if h.opts.Run != nil && !h.opts.Run.MatchString(name) {
			continue
		}
		if only, ok := h.only[b.Package.ImportPath]; ok && !only[name] {
			continue
		}
		t := new(test)
		s, err := explore.NewSession(Program(b), name, h.opts.Explore, h.add, func(p explore.Progress) {
			h.mu.Lock()
			t.progress = p
			h.show()
			h.mu.Unlock()
		})
		if err != nil {
			h.broken = append(h.broken, unknown(b.Package.ImportPath, err.Error()))
			return
		}
		t.session = s
		h.tests = append(h.tests, t)
	}
	h.wake.Broadcast()
}

// add takes a finding into the stream.
func (h *Hunt) add(f finding.Finding) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.opts.Baseline.Has(f.Fingerprint) {
		h.known.seen.Add(f)
		return
	}
	if h.set.Add(f) {
		h.events.Finding(f)
	}
}

// work explores slices of tests until there is nothing left to do.
func (h *Hunt) work(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		t := h.pick()
		if t == nil {
			if !h.building && !h.busy() || ctx.Err() != nil || h.over() {
				h.wake.Broadcast()
				return
			}
			h.wake.Wait()
			continue
		}
		if ctx.Err() != nil || h.over() {
			h.wake.Broadcast()
			return
		}
		if h.running >= h.opts.Jobs {
			h.wake.Wait() // somebody has what would be ours
			continue
		}
		if h.start.IsZero() {
			h.start = time.Now()
		}
		n := h.spread(t)
		t.session.Spread(n)
		h.running += n
		t.busy = true
		slice, execs := h.share(t)
		h.mu.Unlock()
		began := time.Now()
		sliceCtx, cancel := h.bounded(ctx)
		err := t.session.Slice(sliceCtx, execs, began.Add(slice))
		cancel()
		h.mu.Lock()
		h.running -= n
		t.spent += time.Since(began)
		t.looked, t.busy = true, false
		t.done = err != nil || t.session.Done() || h.enough(t.session)
		if errors.Is(err, context.DeadlineExceeded) {
			err = errOverBudget
		}
		if ctx.Err() == nil {
			t.err = err
		}
		h.show()
		h.wake.Broadcast()
	}
}

// enough reports whether a test has had the executions that were asked for, or,
// if it shares a budget with others, whether more would hardly show anything.
func (h *Hunt) enough(s *explore.Session) bool {
	if h.opts.Execs > 0 {
		return uint64(s.Outcome().Executions) >= h.opts.Execs
	}
	return s.Settled()
}

var errOverBudget = errors.New("the budget was spent before it could be explored")

// bounded returns ctx with the end of the hunt: an execution, or the proof of
// a finding, may outlast the budget, but not by much.
func (h *Hunt) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if h.opts.Budget == 0 {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, h.start.Add(h.opts.Budget+h.opts.Budget/10+firstLook))
}

// over reports whether the budget is spent. What has been built meanwhile
// still gets its first look.
func (h *Hunt) over() bool {
	if h.opts.Budget == 0 || h.start.IsZero() || time.Since(h.start) < h.opts.Budget {
		return false
	}
	return !slices.ContainsFunc(h.tests, func(t *test) bool { return !t.looked && !t.busy })
}

func (h *Hunt) busy() bool {
	return slices.ContainsFunc(h.tests, func(t *test) bool { return t.busy })
}

// pick returns the test that has had least time, nil if there is none.
func (h *Hunt) pick() (best *test) {
	spent := h.opts.Budget > 0 && !h.start.IsZero() && time.Since(h.start) >= h.opts.Budget
	for _, t := range h.tests {
		if t.busy || t.done || spent && t.looked {
			continue
		}
		if best == nil || t.spent < best.spent {
			best = t
		}
	}
	return best
}

// spread returns how many processes t may have: those that no other test waits
// for.
func (h *Hunt) spread(t *test) int {
	if h.building {
		return 1
	}
	n := h.opts.Jobs - h.running
	for _, other := range h.tests {
		if other != t && !other.busy && !other.done {
			n--
		}
	}
	return max(n, 1)
}

// share returns how long and how many executions t may have now.
func (h *Hunt) share(t *test) (time.Duration, uint64) {
	execs := uint64(1) << 40
	if h.opts.Execs > 0 {
		execs = h.opts.Execs - min(h.opts.Execs, uint64(t.session.Outcome().Executions))
	}
	if !t.looked && h.opts.Budget > 0 {
		look := h.opts.Budget * time.Duration(h.opts.Jobs) / time.Duration(2*len(h.tests))
		return min(max(look, minLook), firstLook), execs
	}
	if !t.looked {
		return firstLook, execs
	}
	slice := maxSlice
	if h.opts.Budget > 0 {
		active := 0
		for _, t := range h.tests {
			if !t.done {
				active++
			}
		}
		left := h.opts.Budget - time.Since(h.start)
		slice = left * time.Duration(h.opts.Jobs) / time.Duration(2*max(active, 1))
	}
	return min(max(slice, minSlice), maxSlice), execs
}

func (h *Hunt) report(stage string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stage = stage
	h.show()
}

// show tells how far the hunt is. h.mu is held.
func (h *Hunt) show() {
	p := Progress{Stage: h.stage, Packages: h.packages, Tests: len(h.tests), Findings: h.set.Len()}
	for _, t := range h.tests {
		p.Executions += t.progress.Executions
	}
	if !h.start.IsZero() {
		p.Elapsed = time.Since(h.start)
		if h.opts.Budget > 0 {
			p.Left = max(h.opts.Budget-p.Elapsed, 0)
		}
	}
	h.events.Progress(p)
}

// NoMatchError says that no test has a name that was asked for.
type NoMatchError struct {
	Run      string
	Packages int
}

func (e *NoMatchError) Error() string {
	packages := fmt.Sprintf("%d packages", e.Packages)
	if e.Packages == 1 {
		packages = "1 package"
	}
	return fmt.Sprintf("no test in %s matches --run %s; list them with: go test -list . PACKAGE", packages, e.Run)
}

func (h *Hunt) noTests() error {
	if h.opts.Run != nil {
		return &NoMatchError{h.opts.Run.String(), h.packages}
	}
	return errors.New("the packages have no tests that can be explored: functions TestXxx(*testing.T), FuzzXxx(*testing.F), or ExampleXxx() with an output comment, in files _test.go")
}

// summary is what the hunt has come to.
func (h *Hunt) summary(began time.Time, interrupted bool) finding.Summary {
	s := finding.Summary{Findings: h.set.Len(), Duration: time.Since(began), Unchanged: h.unchanged && !interrupted}
	skipped := 0
	for _, t := range h.tests {
		if t.session.Skipped() {
			skipped++
			continue
		}
		o := t.session.OutcomeBut(h.opts.Baseline.Has)
		if t.err != nil && o.Verdict != finding.Found && (o.Executions == 0 || t.err != errOverBudget) {
			o.Verdict, o.Reason = finding.Unknown, t.err.Error()
		}
		if doubt := h.oracle.doubt[o.Subject.String()]; doubt != "" && o.Verdict != finding.Found {
			o.Verdict, o.Reason = finding.Unknown, doubt
		}
		s.Executions += o.Executions
		s.Outcomes = append(s.Outcomes, o)
	}
	s.Outcomes = append(s.Outcomes, h.broken...)
	switch {
	case skipped == 1:
		s.Notes = append(s.Notes, "1 test skips itself and was not explored")
	case skipped > 1:
		s.Notes = append(s.Notes, fmt.Sprintf("%d tests skip themselves and were not explored", skipped))
	}
	if h.leftOut != "" {
		s.Notes = append(s.Notes, h.leftOut)
	}
	s.Notes = append(s.Notes, h.known.notes(func(test string) bool {
		return slices.ContainsFunc(s.Outcomes, func(o finding.Outcome) bool { return o.Executions > 0 && o.Subject.String() == test })
	}, h.gone)...)
	s.Notes = append(s.Notes, h.sampled()...)
	s.Notes = append(s.Notes, h.oracle.notes...)
	if interrupted {
		s.Notes = append(s.Notes, "interrupted: this is what was found until then")
	}
	return s
}

// gone reports whether test, "example.com/store.TestGet", is of a package that
// was built and has no such test.
func (h *Hunt) gone(test string) bool {
	i := strings.LastIndexByte(test, '.')
	return i >= 0 && h.names[test[:i]] && !h.names[test]
}

// sampled tells of tests whose executions are too long to be explored to the
// end.
func (h *Hunt) sampled() (notes []string) {
	names := map[string][]string{}
	for _, t := range h.tests {
		if note := t.session.Sampled(); note != "" {
			names[note] = append(names[note], t.session.Outcome().Subject.String())
		}
	}
	for _, note := range slices.Sorted(maps.Keys(names)) {
		list := names[note]
		notes = append(notes, strings.Join(list[:min(len(list), 4)], ", "))
		if more := len(list) - 4; more > 0 {
			notes[len(notes)-1] += fmt.Sprintf(" and %d more", more)
		}
		notes[len(notes)-1] += " " + note
	}
	return notes
}
