package explore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/replay"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/hunt"
)

// longOptions let an execution have a million events.
var longOptions = explore.Options{Seed: benchSeed, Strategy: "random", MaxSteps: 5_000_000}

// TestMemoryOfAMillionEvents holds the process that runs a long execution, and
// the one that tells what happened in it, below 300 MB each.
func TestMemoryOfAMillionEvents(t *testing.T) {
	if testing.Short() {
		t.Skip("an execution of a million events: not with -short")
	}
	const limit = 300 << 20
	p, _ := compile(t, "testdata/bench")
	var got []finding.Finding
	o := longOptions
	o.Replays = t.TempDir()
	s, err := explore.NewSession(p, "TestLong", o, func(f finding.Finding) { got = append(got, f) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	resetPeak()
	search, err := s.SearchOnce(t.Context(), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if search.Events < 1e6 {
		t.Fatalf("the execution has %d events, want a million", search.Events)
	}
	resettable := resetPeak()
	if err := s.Slice(t.Context(), 1, forever()); err != nil {
		t.Fatal(err)
	}
	parent := peak(t)
	if len(got) == 0 {
		t.Fatalf("seed %d: nothing found in TestLong: %+v", o.Seed, s.Outcome())
	}
	file, err := replay.Open(got[0].Witness.File)
	if err != nil {
		t.Fatal(err)
	}
	resetPeak()
	again, err := s.ReplayOnce(t.Context(), file.Seed, file.Execution, file.Decisions)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("seed %d: %d events; peak of the search %d MB, of the replay %d MB, of the parent %d MB",
		o.Seed, search.Events, search.PeakBytes>>20, again.PeakBytes>>20, parent>>20)
	if search.PeakBytes > limit {
		t.Errorf("search: peak %d MB, want at most %d MB", search.PeakBytes>>20, limit>>20)
	}
	if again.PeakBytes > limit {
		t.Errorf("replay: peak %d MB, want at most %d MB", again.PeakBytes>>20, limit>>20)
	}
	if !resettable {
		t.Log("this kernel does not reset peaks: the parent's is not held to anything")
	} else if parent > limit {
		t.Errorf("parent: peak %d MB, want at most %d MB", parent>>20, limit>>20)
	}
}

// resetPeak makes the kernel forget how much memory this process has had. A new
// process starts with the peak of the one that starts it (the kernel counts
// what is there when exec takes its place), so children are measured after it.
func resetPeak() bool {
	debug.FreeOSMemory()
	return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil
}

// peak is the most resident memory of this process since resetPeak.
func peak(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("/proc/self/status has no VmHWM")
	return 0
}

// TestMemoryOfManyExecutions holds a process that makes many executions to
// what it needs for few.
func TestMemoryOfManyExecutions(t *testing.T) {
	p, _ := compile(t, "testdata/bench")
	const more = 64 << 20 // garbage that is not collected between executions, at most
	few, many := uint64(200), uint64(10_000)
	if testing.Short() {
		many = 2000
	}
	s, err := explore.NewSession(p, "TestSmall", explore.Options{Seed: benchSeed}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	resetPeak()
	a, err := s.SearchOnce(t.Context(), 1, few)
	if err != nil {
		t.Fatal(err)
	}
	resetPeak()
	b, err := s.SearchOnce(t.Context(), 1, many)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("seed %d: peak after %d executions %d MB, after %d %d MB", benchSeed, a.Executions, a.PeakBytes>>20, b.Executions, b.PeakBytes>>20)
	if b.Executions != many {
		t.Fatalf("the process gave up after %d of %d executions", b.Executions, many)
	}
	if b.PeakBytes > a.PeakBytes+more {
		t.Errorf("peak after %d executions: %d MB, want at most %d MB more than the %d MB after %d",
			many, b.PeakBytes>>20, more>>20, a.PeakBytes>>20, few)
	}
}

// TestMemoryOfManyTests holds a hunt over 200 tests to what it needs for 50.
func TestMemoryOfManyTests(t *testing.T) {
	if testing.Short() {
		t.Skip("a hunt over 200 tests: not with -short")
	}
	const (
		tests = 200
		execs = 20
		more  = 4 << 20 // 150 tests, each with an outcome and a session: kilobytes
	)
	m := &meter{t: t, quarter: tests / 4 * execs}
	dir := manyTests(t, tests)
	sum, found, err := hunt.Run(context.WithoutCancel(t.Context()), hunt.Options{
		Dir: dir, Run: regexp.MustCompile(`^TestMany`), Execs: execs, Jobs: 2,
		Explore: explore.Options{Seed: benchSeed},
	}, m)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) > 0 {
		t.Errorf("found %s: %s, want nothing", found[0].Kind, found[0].Title)
	}
	if sum.Executions < tests*execs*9/10 || m.early == 0 {
		t.Fatalf("%d executions, want %d; first measured at %d", sum.Executions, tests*execs, m.quarter)
	}
	late := heap()
	t.Logf("seed %d: heap after a quarter of %d executions %d kB, at the end %d kB", benchSeed, sum.Executions, m.early>>10, late>>10)
	if late > m.early+more {
		t.Errorf("heap after %d tests: %d kB, want at most %d kB more than the %d kB after a quarter of them", tests, late>>10, more>>10, m.early>>10)
	}
	runtime.KeepAlive(sum)
}

// meter looks at the heap when a quarter of the executions have been made.
type meter struct {
	t       *testing.T
	quarter int
	early   uint64
}

func (m *meter) Finding(f finding.Finding) { m.t.Logf("found %s in %s", f.Kind, f.Subject.Test) }

func (m *meter) Progress(p hunt.Progress) {
	if m.early == 0 && p.Executions >= uint64(m.quarter) {
		m.early = heap()
	}
}

func heap() uint64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// manyTests writes a module with n small tests.
func manyTests(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("package many\n\nimport (\n\t\"sync\"\n\t\"testing\"\n)\n")
	for i := range n {
		fmt.Fprintf(&b, `
func TestMany%03d(t *testing.T) {
	var mu sync.Mutex
	sum := map[int]int{}
	out := make(chan int, 1)
	for w := range %d {
		go func() {
			mu.Lock()
			sum[w] += %d
			n := sum[w]
			mu.Unlock()
			out <- n
		}()
	}
	for range %[2]d {
		if n := <-out; n != %[3]d {
			t.Errorf("got %%d, want %[3]d", n)
		}
	}
}
`, i, 2+i%3, i+1)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"go.mod": "module example.com/many\n\ngo 1.26\n", "many_test.go": b.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
