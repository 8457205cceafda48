package conformance

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/build"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/internal/exploretest"
)

const (
	seed = 1

	// A TestRace is explored until its race shows, in steps of few executions;
	// a TestNoRace gets all of them.
	stepExecs = 10
	maxExecs  = 100

	// plainRuns is how often the tests run under the race detector of the
	// release. A race that one run reports must be found.
	plainRuns = 2
)

// notExplored are tests about something that no process of ours is part of.
var notExplored = map[string]string{
	"TestNoRaceCgoSync": "runs `go run -race` on a program of its own, with cgo; the test itself has one goroutine",
}

// fewExecs are tests with so much to do in one execution that they get fewer.
var fewExecs = map[string]uint64{
	"TestNoRaceTinyAlloc":        3, // 4 million scheduling points, cut at the step limit
	"TestNoRaceDeferAtomicStore": 3, // 4,095 goroutines, each of which calls runtime.GC
	"TestRaceIssue5567":          1, // reads a file by 17 bytes at a time: real system calls
	"TestRaceIssue51618":         1, // likewise
}

// TestRaceCorpus explores every test of GOROOT's race corpus. Each race that
// the release's own detector reports must be found, and none in a test that
// has none.
func TestRaceCorpus(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and explores some 370 tests: not with -short")
	}
	c := corpus(t)
	p, suite := exploretest.Build(t, c)
	plain := plainRaces(t, c.Dir)
	t.Logf("seed %d; %d tests; the race detector of the release reports %d", seed, len(suite.Tests), len(plain))

	results := exploreAll(t, p, suite.Tests)
	var found, clean, skipped, executions int
	for _, name := range suite.Tests {
		r, ok := results[name]
		if !ok {
			continue
		}
		executions += r.outcome.Executions
		racy := r.race != ""
		switch {
		case r.skipped:
			skipped++
			if plain[name] {
				t.Errorf("%s: skips itself when explored, and is reported by go test -race", name)
			}
		case racy && strings.HasPrefix(name, "TestNoRace"):
			t.Errorf("%s: explored: got %q, want no race", name, r.race)
		case !racy && strings.HasPrefix(name, "TestRace") && plain[name]:
			t.Errorf("%s: explored: got no race in %d executions (%s %s), want the one that go test -race reports",
				name, r.outcome.Executions, r.outcome.Verdict, r.outcome.Reason)
		case racy:
			found++
		case r.outcome.Verdict == finding.Unknown:
			t.Logf("%s: not all is known: %s", name, r.outcome.Reason)
		default:
			clean++
		}
	}
	t.Logf("%d with a race, %d clean, %d skip themselves; %d executions", found, clean, skipped, executions)
	for name, why := range notExplored {
		if !slices.Contains(suite.Tests, name) {
			t.Logf("%s is not part of this release", name)
		} else {
			t.Logf("not explored: %s: %s", name, why)
		}
	}
}

// corpus makes a module of the race corpus and says how to build it for
// exploration.
func corpus(t *testing.T) build.Config {
	t.Helper()
	o := exploretest.Patched(t, ".")
	tc := o.Toolchain
	files, err := filepath.Glob(filepath.Join(tc.Root, "src/runtime/race/testdata/*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("%s has no src/runtime/race/testdata: this distribution of Go comes without the race corpus", tc.Root)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// The corpus imports internal packages of the standard library. The go
	// command allows that to modules below bootstrap/, for cmd/dist.
	mod := fmt.Sprintf("module bootstrap/racecorpus\n\ngo 1.%d\n", tc.Minor())
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o666); err != nil {
		t.Fatal(err)
	}
	return build.Config{Dir: dir, Overlay: o, Cache: t.TempDir()}
}

// plainRaces returns the tests in which the race detector of the release
// reports a race. Where it does not run, for lack of a C compiler, the names
// of the tests say it.
func plainRaces(t *testing.T, dir string) map[string]bool {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "plain.test")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-race", "-vet=off", "-c", "-o", binary, ".")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Logf("no go test -race here, so every TestRace is expected to race: %v\n%s", err, out)
		return declaredRaces(t, dir)
	}
	races := map[string]bool{}
	for range plainRuns {
		// As in GOROOT/src/runtime/race/race_test.go: some tests rely on the
		// order that one P gives, and reports must not be suppressed because
		// an earlier test had one at the same address.
		cmd := exec.CommandContext(t.Context(), binary, "-test.v")
		cmd.Dir = dir
		for _, kv := range os.Environ() {
			if name, _, _ := strings.Cut(kv, "="); name != "GODEBUG" {
				cmd.Env = append(cmd.Env, kv)
			}
		}
		cmd.Env = append(cmd.Env, "GOMAXPROCS=1", "GORACE=suppress_equal_stacks=0 suppress_equal_addresses=0")
		out, err := cmd.CombinedOutput()
		if t.Context().Err() != nil {
			t.Fatal(t.Context().Err())
		}
		if n := readPlain(out, races); n == 0 {
			t.Fatalf("go test -race ran no test: %v\n%s", err, out)
		}
	}
	return races
}

// readPlain adds the tests with a race in the output of a test binary and
// returns how many it ran.
func readPlain(out []byte, races map[string]bool) (ran int) {
	var name string
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if next, ok := strings.CutPrefix(line, "=== RUN   "); ok {
			name, _, _ = strings.Cut(next, "/")
			ran++
		}
		if name != "" && (strings.Contains(line, "DATA RACE") || strings.Contains(line, "fatal error: concurrent map")) {
			races[name] = true
		}
	}
	return ran
}

func TestReadPlain(t *testing.T) {
	const out = `WARNING: DATA RACE
=== RUN   TestNoRaceA
--- PASS: TestNoRaceA (0.00s)
=== RUN   TestRaceB
==================
WARNING: DATA RACE
==================
--- FAIL: TestRaceB (0.00s)
=== RUN   TestRaceC
=== RUN   TestRaceC/part
WARNING: DATA RACE
=== RUN   TestRaceD
fatal error: concurrent map writes
`
	got := map[string]bool{}
	if n := readPlain([]byte(out), got); n != 5 {
		t.Errorf("readPlain ran %d tests, want 5", n)
	}
	want := map[string]bool{"TestRaceB": true, "TestRaceC": true, "TestRaceD": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("readPlain: races (-want +got):\n%s", diff)
	}
}

func declaredRaces(t *testing.T, dir string) map[string]bool {
	t.Helper()
	races := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(line, "func TestRace"); ok && !strings.Contains(name, "Failing") {
				name, _, _ = strings.Cut(name, "(")
				races["TestRace"+name] = true
			}
		}
	}
	return races
}

// result is what exploring one test of the corpus came to.
type result struct {
	outcome finding.Outcome
	race    string // the title of one; "" if there is none
	skipped bool
}

// exploreAll explores all tests that are not excepted, one on each CPU.
func exploreAll(t *testing.T, p explore.Program, tests []string) map[string]result {
	t.Helper()
	var (
		mu      sync.Mutex
		results = map[string]result{}
		workers sync.WaitGroup
		next    = make(chan string)
	)
	for range runtime.NumCPU() {
		workers.Go(func() {
			for name := range next {
				r, err := exploreOne(t.Context(), p, name)
				mu.Lock()
				results[name] = r
				mu.Unlock()
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	for _, name := range tests {
		if notExplored[name] == "" && (strings.HasPrefix(name, "TestRace") || strings.HasPrefix(name, "TestNoRace")) {
			next <- name
		}
	}
	close(next)
	workers.Wait()
	return results
}

func exploreOne(ctx context.Context, p explore.Program, name string) (r result, err error) {
	s, err := explore.NewSession(p, name, explore.Options{Seed: seed}, func(f finding.Finding) {
		if r.race == "" && isRace(f) {
			r.race = f.Title
		}
	}, nil)
	if err != nil {
		return r, err
	}
	execs := uint64(maxExecs)
	if n, ok := fewExecs[name]; ok {
		execs = n
	}
	step := execs
	if strings.HasPrefix(name, "TestRace") {
		step = min(step, stepExecs)
	}
	for n := uint64(0); n < execs && r.race == "" && !s.Done(); n += step {
		// The limit is there for a test that hangs; none of them comes near.
		if err := s.Slice(ctx, step, time.Now().Add(time.Minute)); err != nil {
			return r, err
		}
	}
	r.outcome, r.skipped = s.Outcome(), s.Skipped()
	return r, nil
}

// isRace reports whether f is a data race, or the panic that comes of one: a
// send that is not ordered with the close of its channel.
func isRace(f finding.Finding) bool {
	switch f.Kind {
	case finding.Race, finding.Stale, finding.Torn, finding.Lost, finding.Phantom:
		return true
	case finding.Panic:
		return strings.Contains(f.Message, "closed channel")
	}
	return false
}
