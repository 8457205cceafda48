package conformance

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/build"
	"github.com/ghostread/ghostread/explore/overlay"
	"github.com/ghostread/ghostread/internal/exploretest"
)

// oracleBuild builds the tests in dir with both race detectors, and returns
// their names.
func oracleBuild(t *testing.T, dir string) (explore.Program, []string) {
	t.Helper()
	ctx := t.Context()
	if err := build.CheckC(ctx, dir); err != nil {
		t.Skip(err)
	}
	patch, err := explore.OraclePatch()
	if err != nil {
		t.Fatal(err)
	}
	tc, err := overlay.Detect(ctx, dir, os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	if err := patch.Check(tc); err != nil {
		t.Skip(err)
	}
	o, err := overlay.Generate(ctx, "", tc, patch)
	if err != nil {
		t.Fatal(err)
	}
	p, suite := exploretest.Build(t, build.Config{Dir: dir, Overlay: o, Cache: t.TempDir(), Oracle: true})
	p.Oracle = true
	return p, suite.Tests
}

// crossCheck compares the detectors in executions of each test, and fails for
// every difference that is not explained. It returns the races on which they
// agree and how often each explanation is needed.
func crossCheck(t *testing.T, p explore.Program, tests []string, execs func(test string) uint64) (both int, why map[string]int) {
	t.Helper()
	why = map[string]int{}
	var mu sync.Mutex
	var workers sync.WaitGroup
	next := make(chan string)
	for range runtime.NumCPU() {
		workers.Go(func() {
			for name := range next {
				// The limit is there for a test that hangs.
				o, err := explore.CrossCheck(t.Context(), p, name, explore.Options{Seed: seed}, execs(name), time.Now().Add(time.Minute))
				mu.Lock()
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if o.Reason != "" {
					t.Logf("%s: %d executions: %s", name, o.Executions, o.Reason)
				}
				both += o.Both
				for _, d := range o.Differ {
					if d.Why == "" {
						t.Errorf("%s, execution %d: %v", name, d.Execution, d)
					}
					why[d.Why]++
				}
				mu.Unlock()
			}
		})
	}
	for _, name := range tests {
		next <- name
	}
	close(next)
	workers.Wait()
	return both, why
}

// TestGeneratedPrograms compares our race detector with ThreadSanitizer on
// 1,000 generated programs.
func TestGeneratedPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the standard library with both race detectors: not with -short")
	}
	const tests, programs, execs = 20, 50, 3
	programSeed := uint64(1)
	if s := os.Getenv("GHOSTREAD_SEED"); s != "" {
		var err error
		if programSeed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"go.mod": "module generated\n\ngo 1.25\n", "generated_test.go": generate(programSeed, tests, programs)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d", programSeed)
	p, names := oracleBuild(t, dir)
	both, why := crossCheck(t, p, names, func(string) uint64 { return execs })
	t.Logf("%d programs, %d executions of each: both see %d races alike", tests*programs, execs, both)
	for reason, n := range why {
		t.Logf("%d differ: %s", n, reason)
	}
	// Programs without races would show nothing.
	if both < tests*programs {
		t.Errorf("the programs have %d races in all, want at least one in each on average", both)
	}
}

// TestOracleOnCorpus compares the detectors on GOROOT's race corpus. It starts
// some 370 processes.
func TestOracleOnCorpus(t *testing.T) {
	p, all := oracleBuild(t, corpus(t).Dir)
	var tests []string
	for _, name := range all {
		if notExplored[name] == "" && (strings.HasPrefix(name, "TestRace") || strings.HasPrefix(name, "TestNoRace")) {
			tests = append(tests, name)
		}
	}
	both, why := crossCheck(t, p, tests, func(test string) uint64 {
		if n, ok := fewExecs[test]; ok {
			return n
		}
		return stepExecs
	})
	t.Logf("%d tests: both see %d races alike", len(tests), both)
	for reason, n := range why {
		t.Logf("%d differ: %s", n, reason)
	}
}
