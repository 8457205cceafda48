package explore_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/replay"
	"github.com/ghostread/ghostread/finding"
)

// forever is a limit for slices that a number of executions ends.
func forever() time.Time { return time.Now().Add(365 * 24 * time.Hour) }

func session(b testing.TB, p explore.Program, test string, o explore.Options, emit func(finding.Finding), tick func(explore.Progress)) *explore.Session {
	b.Helper()
	o.Seed = benchSeed
	s, err := explore.NewSession(p, test, o, emit, tick)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

const benchSeed = 7

// BenchmarkExecutions explores two tests of about 200 scheduling points,
// without faults: one that locks, sends and waits, and one of atomics. The
// peers are the same tests under go test -race and go test, which run them as
// often as they can but do not choose schedules. "shared" is a process for each
// CPU. Start-up is part of it all and does not matter for long runs. dpor ends
// when all schedules are explored, should there be fewer than b.N.
func BenchmarkExecutions(b *testing.B) {
	p, _ := compile(b, "testdata/bench")
	for _, test := range []string{"TestSmall", "TestAtomics"} {
		b.Run(test, func(b *testing.B) { executions(b, p, test) })
	}
}

func executions(b *testing.B, p explore.Program, test string) {
	for _, mode := range []struct {
		name   string
		noRace bool
	}{{"race", false}, {"norace", true}} {
		for _, strategy := range []string{"random", "pct", "pos", "surw", "mix", "mix-shared", "dpor", "auto"} {
			b.Run(mode.name+"/"+strategy, func(b *testing.B) {
				strategy, shared := strings.CutSuffix(strategy, "-shared")
				var last explore.Progress
				s := session(b, p, test, explore.Options{Strategy: strategy, NoRace: mode.noRace},
					func(f finding.Finding) { b.Errorf("found %s: %s", f.Kind, f.Title) }, func(p explore.Progress) { last = p })
				if shared {
					s.Spread(runtime.NumCPU())
				}
				before := childTime()
				b.ResetTimer()
				if err := s.Slice(b.Context(), uint64(b.N), forever()); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				spent := childTime() - before
				if last.Executions != uint64(b.N) && !s.Outcome().Exhausted {
					b.Fatalf("%d executions, want %d: %+v", last.Executions, b.N, s.Outcome())
				}
				made := float64(last.Executions)
				b.ReportMetric(made/b.Elapsed().Seconds(), "execs/s")
				b.ReportMetric(made/spent.Seconds(), "execs/cpu-s")
				b.ReportMetric(float64(last.Steps)/made, "points/exec")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(last.Steps), "ns/point")
			})
		}
	}
	for _, peer := range []struct {
		name  string
		flags []string
	}{{"go-test-race", []string{"-race"}}, {"go-test", nil}} {
		b.Run("peer/"+peer.name, func(b *testing.B) {
			run := plainTest(b, "testdata/bench", peer.flags...)
			before := childTime()
			b.ResetTimer()
			if out, err := run(test, b.N); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "execs/s")
			b.ReportMetric(float64(b.N)/(childTime()-before).Seconds(), "execs/cpu-s")
		})
	}
}

// childTime is the processor time of all processes that this one has waited
// for. On a machine that others use it tells more than the clock.
func childTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// plainTest builds the tests of a package without us and returns how to run one.
func plainTest(b *testing.B, dir string, flags ...string) func(test string, count int, args ...string) ([]byte, error) {
	b.Helper()
	bin := filepath.Join(b.TempDir(), "plain.test")
	cmd := exec.CommandContext(b.Context(), "go", append(append([]string{"test", "-c", "-vet=off", "-o", bin}, flags...), ".")...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Skipf("go test %v does not build here: %v\n%s", flags, err, out)
	}
	return func(test string, count int, args ...string) ([]byte, error) {
		args = append([]string{"-test.run=^" + test + "$", "-test.count=" + strconv.Itoa(count)}, args...)
		cmd := exec.CommandContext(b.Context(), bin, args...)
		cmd.Dir = dir
		cmd.Env = append(cmd.Environ(), "GORACE=suppress_equal_stacks=0 suppress_equal_addresses=0 atexit_sleep_ms=0")
		return cmd.CombinedOutput()
	}
}

// BenchmarkStart is the start of a process, its warm-up execution and one
// execution: what each slice of a search pays once.
func BenchmarkStart(b *testing.B) {
	p, _ := compile(b, "testdata/bench")
	s := session(b, p, "TestSmall", explore.Options{}, nil, nil)
	for b.Loop() {
		if _, err := s.SearchOnce(b.Context(), 1, 1); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkConfirm is a search that finds a race in its first execution, up to
// the confirmed finding: two processes, and a third that names things.
func BenchmarkConfirm(b *testing.B) {
	p, _ := compile(b, "testdata/bench")
	for b.Loop() {
		n := 0
		s := session(b, p, "TestRacy", explore.Options{}, func(finding.Finding) { n++ }, nil)
		if err := s.Slice(b.Context(), 1, forever()); err != nil {
			b.Fatal(err)
		}
		if n != 1 {
			b.Fatalf("%d findings, want 1", n)
		}
	}
}

// BenchmarkReplay replays that finding in a fresh process, as ghostread replay
// does.
func BenchmarkReplay(b *testing.B) {
	p, _ := compile(b, "testdata/bench")
	f := find(b, p, "TestRacy", b.TempDir())
	for b.Loop() {
		r, err := explore.Replay(b.Context(), p, f.file)
		if err != nil {
			b.Fatal(err)
		}
		if !r.Same || r.Hash != f.file.Hash {
			b.Fatalf("replay: same finding %t, hash %s, want %s", r.Same, r.Hash, f.file.Hash)
		}
	}
}

// found is a first finding, and how to have it again.
type found struct {
	finding    finding.Finding
	executions int
	elapsed    time.Duration
	file       *replay.File
}

// find explores a test until the first finding is confirmed.
func find(b *testing.B, p explore.Program, test, dir string) found {
	b.Helper()
	var r found
	start := time.Now()
	s := session(b, p, test, explore.Options{Replays: dir}, func(f finding.Finding) {
		if r.file != nil {
			return
		}
		r.elapsed, r.finding = time.Since(start), f
		file, err := replay.Open(f.Witness.File)
		if err != nil {
			b.Fatal(err)
		}
		r.file = file
	}, nil)
	for step := uint64(25); r.file == nil && !s.Done(); step = min(2*step, 1000) {
		if err := s.Slice(b.Context(), step, forever()); err != nil {
			b.Fatal(err)
		}
		if s.Outcome().Executions > 100_000 {
			break
		}
	}
	r.executions = s.Outcome().Executions
	if r.file == nil {
		b.Fatalf("%s: nothing found, seed %d: %+v", test, benchSeed, s.Outcome())
	}
	return r
}

// ghosts are the tests of examples/riskservice that carry one, each of another
// kind.
var ghosts = []string{"TestLimitHoldsUnderTraffic", "TestWatcherSeesDegraded", "TestListingDuringReload"}

// BenchmarkGhosts is the time from the built test binary to the confirmed
// finding for each ghost of examples/riskservice, and how many of 100 replays,
// each in a fresh process, run the identical schedule. The peer is how many of
// 1,000 runs under go test -race report anything.
func BenchmarkGhosts(b *testing.B) {
	const dir = "../examples/riskservice"
	p, _ := compile(b, dir)
	for _, test := range ghosts {
		b.Run(test, func(b *testing.B) {
			var f found
			var elapsed time.Duration
			for b.Loop() {
				f = find(b, p, test, b.TempDir())
				elapsed += f.elapsed
			}
			b.ReportMetric(elapsed.Seconds()/float64(b.N), "s/finding")
			b.ReportMetric(float64(f.finding.Executions), "execs-to-finding")
			b.Logf("seed %d: %s %s", benchSeed, f.finding.Kind, f.finding.Title)
		})
		b.Run(test+"/replays", func(b *testing.B) {
			f := find(b, p, test, b.TempDir())
			same, n := 0, 0
			b.ResetTimer()
			for b.Loop() {
				same, n = 0, 0
				for range 100 {
					r, err := explore.Replay(b.Context(), p, f.file)
					if err != nil {
						b.Fatal(err)
					}
					n++
					if r.Same && r.Hash == f.file.Hash {
						same++
					} else {
						b.Logf("replay: same finding %t, hash %s, want %s: %s", r.Same, r.Hash, f.file.Hash, r.Diverged)
					}
				}
			}
			b.ReportMetric(float64(same), "identical-of-100")
		})
		b.Run(test+"/peer", func(b *testing.B) {
			run := plainTest(b, dir, "-race")
			reports := 0
			b.ResetTimer()
			for b.Loop() {
				reports = plainReports(b, run, test)
			}
			b.ReportMetric(float64(reports), "reports-of-1000")
		})
	}
}

// plainReports returns how many of 1,000 runs of a test report something. The
// detector is told to repeat itself, so that each run counts; a run that
// crashes counts too, and another process makes those that are left.
func plainReports(b *testing.B, run func(string, int, ...string) ([]byte, error), test string) (reports int) {
	for left := 1000; left > 0; {
		out, err := run(test, left, "-test.v")
		ran := bytes.Count(out, []byte("=== RUN   "+test+"\n"))
		if ran == 0 {
			b.Fatalf("%v\n%s", err, out)
		}
		left -= ran
		reports += bytes.Count(out, []byte("--- FAIL: "+test+" ")) + bytes.Count(out, []byte("fatal error: "))
	}
	return reports
}
