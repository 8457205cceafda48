package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/hunt"
	"github.com/ghostread/ghostread/report"
)

// exploring are the flags of the commands that explore tests.
type exploring struct {
	hunt   hunt.Options
	run    string
	format string
	out    string
	html   string
}

func (x *exploring) flags(f *pflag.FlagSet) {
	e := &x.hunt.Explore
	f.StringVar(&x.run, "run", "", "explore only tests whose names match this `regexp`")
	f.StringVar(&e.Strategy, "strategy", "mix", "who goes on: "+strings.Join(explore.Strategies, ", "))
	f.IntVar(&e.Depth, "depth", 3, "how many ordering constraints strategy pct aims at")
	f.Uint64Var(&e.Seed, "seed", 1, "searches with the same seed make the same executions")
	f.BoolVar(&e.Short, "short", false, "run the short form of tests that have one, as go test -short does")
	f.Uint64Var(&e.MaxSteps, "max-steps", 1_000_000, "scheduling points with a choice after which an execution is cut short")
	f.DurationVar(&e.MaxTime, "max-time", 10*time.Second, "real time after which an execution is cut short")
	f.BoolVar(&e.NoRace, "no-race", false, "do not look for data races: faster, and finds less")
	f.StringVar(&e.Replays, "replays", "ghostread-replays", "`directory` for replay files")
	f.IntVarP(&x.hunt.Jobs, "jobs", "j", 0, "processes at a time; 0 means one for each CPU")
	f.StringSliceVar(&x.hunt.Tags, "tags", nil, "build tags")
	f.StringVar(&x.format, "format", "text", "what is written to standard output: text, json, sarif or html")
	f.StringVar(&x.out, "out", "", "write that to this `file` instead")
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
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	stdout := cmd.OutOrStdout()
	var file *os.File
	if x.out != "" {
		if file, err = os.Create(x.out); err != nil {
			return err
		}
		defer file.Close()
		stdout = file
	}
	opts := report.Options{Dir: dir, ReadFile: os.ReadFile, Colour: colour(stdout)}
	w := newWatcher(cmd.ErrOrStderr())
	if format == report.FormatText {
		w.text = report.NewText(stdout, opts)
	}
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
		if err := file.Close(); err != nil {
			return err
		}
	}
	if x.html != "" {
		if err := writeHTML(x.html, in); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "report: %s\n", x.html)
	}
	opts.Colour = colour(cmd.ErrOrStderr())
	s.verdict = summary.Verdict()
	return report.WriteSummary(cmd.ErrOrStderr(), summary, opts)
}

func writeHTML(name string, in report.Input) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".ghostread-report-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := buffered(f, func(b io.Writer) error { return report.Write(b, report.FormatHTML, in) }); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func buffered(w io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriter(w)
	return errors.Join(write(b), b.Flush())
}

func colour(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && report.ColourOn(f)
}

// watcher shows a hunt as it goes: findings on standard output, progress in
// one line of the terminal, or, where there is none, a line for each stage.
type watcher struct {
	text     *report.Text // nil if findings are written at the end
	stderr   io.Writer
	terminal bool
	stage    string
	shown    time.Time
	drawn    bool
	err      error
}

func newWatcher(stderr io.Writer) *watcher {
	f, ok := stderr.(*os.File)
	return &watcher{stderr: stderr, terminal: ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"}
}

// Finding implements hunt.Events.
func (w *watcher) Finding(f finding.Finding) {
	w.clear()
	if w.text != nil && w.err == nil {
		w.err = w.text.Finding(f)
	}
}

// Progress implements hunt.Events.
func (w *watcher) Progress(p hunt.Progress) {
	if !w.terminal {
		if p.Stage != "" && p.Stage != w.stage {
			fmt.Fprintf(w.stderr, "%s\n", p.Stage)
		}
		w.stage = p.Stage
		return
	}
	if time.Since(w.shown) < 100*time.Millisecond && p.Stage == w.stage {
		return
	}
	w.stage, w.shown = p.Stage, time.Now()
	var parts []string
	if p.Stage != "" {
		parts = append(parts, p.Stage)
	}
	if p.Tests > 0 {
		parts = append(parts, fmt.Sprintf("%d tests", p.Tests))
	}
	if p.Executions > 0 && p.Elapsed > 0 {
		parts = append(parts, fmt.Sprintf("%d executions (%.0f/s)", p.Executions, float64(p.Executions)/p.Elapsed.Seconds()))
	}
	parts = append(parts, fmt.Sprintf("%d found", p.Findings))
	if p.Left > 0 {
		parts = append(parts, p.Left.Round(time.Second).String()+" left")
	}
	fmt.Fprintf(w.stderr, "\r\x1b[K%s", clip(strings.Join(parts, ", "), 100))
	w.drawn = true
}

// clear removes the progress line.
func (w *watcher) clear() {
	if w.drawn {
		fmt.Fprint(w.stderr, "\r\x1b[K")
		w.drawn = false
	}
}

func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
