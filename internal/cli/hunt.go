package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/hunt"
	"github.com/ghostread/ghostread/report"
)

// exploring are the flags of the commands that explore tests.
type exploring struct {
	hunt   hunt.Options
	run    string
	time   string
	format string
	out    string
	html   string
	known  baselines
}

func (x *exploring) flags(f *pflag.FlagSet) {
	e := &x.hunt.Explore
	f.StringVar(&x.run, "run", "", "explore only tests whose names match this `regexp`")
	f.StringVar(&e.Strategy, "strategy", explore.Strategies[0], "who goes on: "+strings.Join(explore.Strategies, ", "))
	f.IntVar(&e.Depth, "depth", 3, "how many ordering constraints strategy pct aims at, and preemptions bounded allows")
	f.Uint64Var(&e.Seed, "seed", 1, "searches with the same seed make the same executions")
	f.BoolVar(&e.Short, "short", false, "run the short form of tests that have one, as go test -short does")
	f.Uint64Var(&e.MaxSteps, "max-steps", 1_000_000, "scheduling points with a choice that are explored in an execution; it then goes on in one order")
	f.DurationVar(&e.MaxTime, "max-time", 10*time.Second, "real time after which an execution is cut short")
	f.StringVar(&x.time, "time", "early", "early: in some executions timers fire while goroutines can run; strict: never")
	f.BoolVar(&e.NoRace, "no-race", false, "do not look for data races: faster, and finds less")
	f.StringVar(&e.Replays, "replays", "ghostread-replays", "`directory` for replay files")
	f.IntVarP(&x.hunt.Jobs, "jobs", "j", 0, "processes at a time, which share the tests, or one of them; 0 means one for each CPU")
	f.StringSliceVar(&x.hunt.Tags, "tags", nil, "build tags")
	f.StringVar(&x.hunt.Go, "go", "", "use this Go `release`, like 1.25.7, and download it if need be; \"\" means the one that the module uses")
	f.StringVar(&x.hunt.Oracle, "oracle", "", "tsan compares the race detector with Go's own, in up to 100 executions of each test; needs a C compiler")
	f.StringVar(&x.format, "format", "text", "what is written to standard output: text, json, sarif or html")
	f.StringVar(&x.out, "out", "", "write that to this `file` instead")
	f.StringVar(&x.known.read, "baseline", "", "neither report nor count the known findings that this `file` lists")
	f.StringVar(&x.known.write, "write-baseline", "", "add what is found to this `file` of known findings; report and status stay what they are")
	f.StringVar(&x.html, "html", "ghostread-report.html", "write the HTML report to this `file`; \"\" writes none")
}

// newHunt returns the main command.
func newHunt(s *session) *cobra.Command {
	var x exploring
	cmd := &cobra.Command{
		Use:   "hunt [packages]",
		Short: "look for reads that lie in the tests of packages",
		Long: `Hunt explores the tests of packages: it runs each many times under a controlled
scheduler, a different schedule each time, and reports reads that lie,
deadlocks, leaked goroutines, panics and failures, each with a schedule that
makes it happen again. Without packages it takes ./...

The tests need no change. The first run for a Go release builds a patched copy
of its standard library in the build cache, which takes a while.`,
		Example: "  ghostread hunt ./...\n  ghostread hunt --budget 5m --run Cache ./store\n  ghostread hunt --format sarif --out ghostread.sarif ./...",
		RunE: func(cmd *cobra.Command, args []string) error {
			x.hunt.Patterns = args
			return x.do(cmd, s)
		},
	}
	x.flags(cmd.Flags())
	cmd.Flags().DurationVar(&x.hunt.Budget, "budget", 2*time.Minute, "time for exploration, shared fairly between tests; building is not counted")
	cmd.Flags().StringVar(&x.hunt.Since, "changed-since", "", "explore only tests that may reach what changed since this `revision` of git, in the working tree too")
	cmd.Flags().Uint64Var(&x.hunt.Execs, "execs", 2000, "executions of each test, at most; 0 means until the budget is spent")
	return cmd
}

// do hunts and reports.
func (x *exploring) do(cmd *cobra.Command, s *session) error {
	format, err := report.ParseFormat(x.format)
	if err != nil {
		return err
	}
	if x.run != "" {
		if x.hunt.Run, err = regexp.Compile(x.run); err != nil {
			return fmt.Errorf("--run: %w", err)
		}
	}
	if x.time != "early" && x.time != "strict" {
		return fmt.Errorf("--time %q: want early or strict", x.time)
	}
	x.hunt.Explore.Strict = x.time == "strict"
	if x.hunt.Budget < 0 {
		return fmt.Errorf("--budget %v: want a time, or 0 for no limit", x.hunt.Budget)
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	x.hunt.Dir = dir
	defer x.known.abandon()
	if x.hunt.Baseline, err = x.known.open(); err != nil {
		return err
	}
	stdout := cmd.OutOrStdout()
	var file *output
	if x.out != "" {
		if file, err = create(x.out); err != nil {
			return err
		}
		defer file.abandon()
		stdout = file.File
	}
	html := x.html
	if format == report.FormatHTML && !cmd.Flags().Changed("html") {
		html = "" // the report is what goes to standard output
	}
	opts := report.Options{Dir: dir, ReadFile: os.ReadFile, Colour: colour(stdout)}
	w := newWatcher(cmd.ErrOrStderr())
	if format == report.FormatText {
		w.text = report.NewText(stdout, opts)
	}
	defer context.AfterFunc(cmd.Context(), w.interrupted)()
	summary, found, err := hunt.Run(cmd.Context(), x.hunt, w)
	w.clear()
	if err == nil {
		err = w.err
	}
	if err != nil {
		return err
	}
	in := report.Input{Findings: found, Summary: summary, Tool: "ghostread " + moduleVersion(debug.ReadBuildInfo()), Options: opts}
	if format != report.FormatText {
		if err := buffered(stdout, func(b io.Writer) error { return report.Write(b, format, in) }); err != nil {
			return err
		}
	}
	if file != nil {
		if err := file.keep(); err != nil {
			return err
		}
	}
	saved, err := x.known.save(found)
	if err != nil {
		return err
	}
	fmt.Fprint(cmd.ErrOrStderr(), saved)
	if html != "" {
		if err := writeFile(html, func(w io.Writer) error { return report.Write(w, report.FormatHTML, in) }); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "report: %s\n", html)
	}
	opts.Colour = colour(cmd.ErrOrStderr())
	s.verdict = summary.Verdict()
	return report.WriteSummary(cmd.ErrOrStderr(), summary, opts)
}

// writeFile writes a file whole or not at all.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := create(name)
	if err != nil {
		return err
	}
	defer f.abandon()
	if err := buffered(f, write); err != nil {
		return err
	}
	return f.keep()
}

func buffered(w io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriter(w)
	return errors.Join(write(b), b.Flush())
}

func colour(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && report.ColourOn(f)
}
