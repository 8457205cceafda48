package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ghostread/ghostread/explore/overlay"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/lab/listing"
	"github.com/ghostread/ghostread/lab/litmus"
)

// newLabLitmus returns the command that runs a litmus test of the user's.
func newLabLitmus(s *session) *cobra.Command {
	var release string
	var iterations int
	var start string
	var preload, pin, models bool
	cmd := &cobra.Command{
		Use:   "litmus file.litmus",
		Short: "run a litmus test: what the Go memory model allows, and what this machine shows",
		Long: `Litmus runs a litmus test: two to four threads of a few statements, and the
outcome that is of interest. It says which outcomes the Go memory model and
x86-TSO allow, runs the test many times on this machine, checks that the
compiler kept the accesses in order, and tells what that means.

Status 1 says that an outcome was seen which the Go memory model forbids. The
format of the file is described in doc/litmus.md.`,
		Example: "  ghostread lab litmus sb.litmus\n  ghostread lab litmus sb.litmus --go 1.22.12 --iterations 1000000\n  ghostread lab litmus sb.litmus --start none --pin=false",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("litmus takes one file, and was given %d\n\tthe format: doc/litmus.md", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if iterations < 1 {
				return fmt.Errorf("--iterations %d: want at least one", iterations)
			}
			src, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			t, err := litmus.Parse(args[0], src)
			if err != nil {
				return err
			}
			a, err := litmus.Analyze(t)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			out := cmd.OutOrStdout()
			if err := printTest(out, t, a); err != nil || models {
				return errors.Join(err, printOutcomes(out, t, a, nil))
			}
			m, err := runLitmus(cmd.Context(), t, release, litmus.Options{
				Iterations: iterations, Start: start, NoPreload: !preload, NoPin: !pin,
			})
			if err != nil {
				return err
			}
			s.verdict = finding.Clean
			if m.forbidden > 0 {
				s.verdict = finding.Found
			}
			fmt.Fprintf(out, "%s, %d runs in %s\n\n", m.release, m.runs, m.took)
			if m.crowded {
				fmt.Fprintf(out, "Fewer CPUs than threads: few of them overlap, and what is not seen says little.\n\n")
			}
			if err := printOutcomes(out, t, a, m); err != nil {
				return err
			}
			fmt.Fprintf(out, "\ncompiler: %s\nverdict: %s\n", describeOrder(m.order), judgeLitmus(t, a, m))
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&release, "go", "", "the `release` of Go, such as 1.22.12; one that is not here is downloaded (default: the go command in PATH)")
	f.IntVar(&iterations, "iterations", 200_000, "how often the test runs")
	f.StringVar(&start, "start", litmus.Starts[0], "how threads start together: "+strings.Join(litmus.Starts, ", "))
	f.BoolVar(&preload, "preload", true, "threads first read what they will load")
	f.BoolVar(&pin, "pin", true, "each thread has a CPU of its own")
	f.BoolVar(&models, "models", false, "only say what the models allow; run nothing")
	return cmd
}

// litmusRun is what a machine showed of a test.
type litmusRun struct {
	release   string
	runs      int
	weak      int // with the outcome of interest
	forbidden int
	crowded   bool
	times     map[string]int // by outcome
	order     litmus.Order
	took      time.Duration
}

// runLitmus builds and runs the program of a test.
func runLitmus(ctx context.Context, t *litmus.Test, release string, opts litmus.Options) (*litmusRun, error) {
	tests := []*litmus.Test{t}
	files, err := litmus.Program(tests, opts)
	if err != nil {
		return nil, err
	}
	files["go.mod"] = []byte("module example.com/ghostread/litmus\n\ngo 1.18\n")
	dir, err := os.MkdirTemp("", "ghostread-litmus-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return nil, err
		}
	}
	tc, err := findToolchain(ctx, release)
	if err != nil {
		return nil, err
	}
	env := tc.Env(append(os.Environ(), "GOWORK=off", "GOFLAGS="))
	binary := filepath.Join(dir, "litmus.exe") // Windows needs the ending, others allow it
	build := exec.CommandContext(ctx, tc.Go(), "build", "-o", binary, ".")
	build.Dir, build.Env = dir, env
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the test with %s: %w\n%s", tc.Version, err, bytes.TrimSpace(out))
	}
	funcs, _, err := listing.Compile(ctx, tc.Go(), env, dir, "")
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	run := exec.CommandContext(ctx, binary)
	run.Dir = dir
	out, err := run.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			out = append(out, exit.Stderr...)
		}
		return nil, fmt.Errorf("run the test: %w\n%s", err, bytes.TrimSpace(out))
	}
	m := &litmusRun{release: tc.Version, took: time.Since(begin).Round(time.Millisecond), order: litmus.CheckOrder(t, tests, funcs)}
	return m, m.read(t.Name, out)
}

var factLine = regexp.MustCompile(`(?m)^([a-z][a-z0-9_]*) = (.+)$`)

// read takes the facts of a test from the output of its program.
func (m *litmusRun) read(test string, out []byte) error {
	facts := make(map[string]string)
	for _, f := range factLine.FindAllStringSubmatch(string(out), -1) {
		facts[f[1]] = f[2]
	}
	var errs []error
	number := func(name string) int {
		n, err := strconv.Atoi(facts[test+name])
		errs = append(errs, err)
		return n
	}
	m.runs, m.weak, m.forbidden = number("_runs"), number("_weak"), number("_forbidden")
	m.crowded = facts[test+"_crowded"] == "true"
	errs = append(errs, json.Unmarshal([]byte(facts[test+"_histogram"]), &m.times))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("read what the test printed: %w", err)
	}
	return nil
}

var exactRelease = regexp.MustCompile(`^(go)?1\.[0-9]+(\.[0-9]+|rc[0-9]+)$`)

// findToolchain returns the go command in PATH, or that of another release.
func findToolchain(ctx context.Context, release string) (overlay.Toolchain, error) {
	local, err := overlay.Detect(ctx, os.TempDir(), nil)
	if err != nil || release == "" {
		return local, err
	}
	version := strings.TrimPrefix(release, "go")
	if local.Version == "go"+version || strings.HasPrefix(local.Version, "go"+version+".") {
		return local, nil
	}
	if !exactRelease.MatchString(version) {
		return local, fmt.Errorf("--go %s: write the whole release, such as 1.22.12", release)
	}
	return overlay.Detect(ctx, os.TempDir(), append(os.Environ(), "GOTOOLCHAIN=go"+version))
}

// printTest prints the test and its data races.
func printTest(w io.Writer, t *litmus.Test, a *litmus.Analysis) error {
	if _, err := fmt.Fprintf(w, "%s\n", t); err != nil {
		return err
	}
	if len(a.Races) == 0 {
		_, err := fmt.Fprintf(w, "no data race: only interleavings are allowed\n\n")
		return err
	}
	for _, r := range a.Races {
		fmt.Fprintf(w, "data race: line %d, thread %d: %s; line %d, thread %d: %s\n",
			r.Stmts[0].Pos.Line, r.Threads[0]+1, r.Stmts[0], r.Stmts[1].Pos.Line, r.Threads[1]+1, r.Stmts[1])
	}
	_, err := fmt.Fprintln(w)
	return err
}

// classWords say what the Go memory model thinks of an outcome.
var classWords = map[litmus.Class]string{
	litmus.Sequential: "yes, an interleaving",
	litmus.Weak:       "only because of the data race",
	litmus.Forbidden:  "no",
}

// printOutcomes prints the outcomes with what the models say, and how often
// they were seen if the test was run.
func printOutcomes(w io.Writer, t *litmus.Test, a *litmus.Analysis, m *litmusRun) error {
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	head := "outcome\tallowed in Go\tx86-TSO"
	if m != nil {
		head += "\tper million"
	}
	fmt.Fprintln(tw, head)
	line := func(key, class, tso string, interesting bool) {
		fmt.Fprintf(tw, "%s\t%s\t%s", key, class, tso)
		if m != nil {
			fmt.Fprintf(tw, "\t%s", perMillion(m.times[key], m.runs))
		}
		if interesting {
			fmt.Fprint(tw, "\t<- ", t.Exists)
		}
		fmt.Fprintln(tw)
	}
	known := make(map[string]bool)
	for _, o := range a.Outcomes {
		known[o.Key()] = true
		line(o.Key(), classWords[o.Class], yesNo(o.TSO), o.Interesting)
	}
	if m != nil {
		var others []string
		for key := range m.times {
			if !known[key] {
				others = append(others, key)
			}
		}
		slices.Sort(others)
		for _, key := range others {
			line(key, "no", "no", false)
		}
	}
	return tw.Flush()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func perMillion(n, runs int) string {
	switch f := float64(n) * 1e6 / float64(max(runs, 1)); {
	case n == 0:
		return "0"
	case f < 100:
		return strconv.FormatFloat(f, 'f', 2, 64)
	default:
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
}

func describeOrder(o litmus.Order) string {
	switch {
	case o.Kept:
		return "the accesses of each thread are in the order of the source"
	case o.Known:
		return o.Note
	default:
		return "the order of the accesses is not known: " + o.Note
	}
}

// judgeLitmus says in a sentence or two what a measurement means.
func judgeLitmus(t *litmus.Test, a *litmus.Analysis, m *litmusRun) string {
	if m.forbidden > 0 {
		return fmt.Sprintf("%d of %d runs ended with an outcome that the Go memory model forbids. That is a bug of the compiler, of the processor or of ghostread.", m.forbidden, m.runs)
	}
	seen := fmt.Sprintf("%s was not seen in %d runs", t.Exists, m.runs)
	if m.weak > 0 {
		seen = fmt.Sprintf("%s was seen in %d of %d runs", t.Exists, m.weak, m.runs)
	}
	switch {
	case a.Exists == litmus.Sequential:
		return seen + ". It is an ordinary outcome: an interleaving of the threads has it."
	case a.Exists == litmus.Forbidden:
		return seen + ", and the Go memory model forbids it on every machine."
	case m.weak == 0:
		return seen + ". The Go memory model allows it because of the data race, so another machine or release may show it."
	case m.order.Known && !m.order.Kept:
		return seen + ". No interleaving has it. The Go memory model allows it because of the data race, and here the compiler changed the accesses."
	case a.TSO:
		return seen + ". No interleaving has it. The Go memory model allows it because of the data race, and x86-TSO because a store waits in the store buffer while later loads go ahead."
	default:
		return seen + ". No interleaving has it. The Go memory model allows it because of the data race."
	}
}
