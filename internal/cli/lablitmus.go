package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/lab"
	"github.com/ghostread/ghostread/lab/litmus"
)

// maxIterations of a litmus test take more than half an hour.
const maxIterations = 1_000_000_000

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
		Example: "  ghostread lab litmus sb.litmus\n  ghostread lab litmus sb.litmus --go 1.22 --iterations 1000000\n  ghostread lab litmus sb.litmus --start none --pin=false",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("litmus takes one file, and was given %d\n\tthe format: doc/litmus.md", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if iterations < 1 || iterations > maxIterations {
				return fmt.Errorf("--iterations %d: want 1 to %d", iterations, maxIterations)
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
			fmt.Fprintf(out, "%s, %d runs\n\n", m.release, m.runs)
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
	f.StringVar(&release, "go", "", "the Go `release`, such as 1.22 or 1.22.12; one that is not here is downloaded (default: that in PATH)")
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
}

// runLitmus builds and runs the program of a test.
func runLitmus(ctx context.Context, t *litmus.Test, release string, opts litmus.Options) (*litmusRun, error) {
	run, info, err := lab.RunLitmus(ctx, []*litmus.Test{t}, opts, release)
	if err != nil {
		return nil, err
	}
	m := &litmusRun{release: "go" + info.Version}
	m.order.Kept, m.order.Known = run.Facts[t.Name+"_order_kept"].(bool)
	m.order.Note, _ = run.Facts[t.Name+"_order"].(string)
	// The facts were printed as JSON values, and JSON gives them their types.
	for name, into := range map[string]any{
		"_runs": &m.runs, "_weak": &m.weak, "_forbidden": &m.forbidden, "_crowded": &m.crowded, "_histogram": &m.times,
	} {
		text, err := json.Marshal(run.Facts[t.Name+name])
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s of the test: %w", strings.TrimPrefix(name, "_"), err)
		}
	}
	return m, nil
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
		return "only code for amd64 is read, so whether the accesses are in order is not known"
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
