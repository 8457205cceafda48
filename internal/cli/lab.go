package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/internal/labpage"
	"github.com/ghostread/ghostread/lab"
	"github.com/ghostread/ghostread/report"
)

// newLab returns the command with everything about experiments.
func newLab(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "find out what is true of Go's maps, memory and locks, by running it",
		Long: `Lab runs experiments on Go's maps, memory and locks, on one Go release or on
many, and says which claims about them hold. Each experiment is a question, a
few small programs, and for each claim a predicate over what they print.

Without a command it lists the experiments.`,
		Example: "  ghostread lab run growth\n  ghostread lab run phantom --go 1.23,1.26\n  ghostread lab matrix",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			var b strings.Builder
			fmt.Fprintf(&b, "lab has no command %q", args[0])
			var names []string
			for _, c := range cmd.Commands() {
				names = append(names, c.Name())
			}
			if slices.Contains(lab.Names(), args[0]) {
				fmt.Fprintf(&b, "\n\tto run that experiment: ghostread lab run %s", args[0])
			}
			for _, n := range near(args[0], names) {
				fmt.Fprintf(&b, "\n\tdid you mean: ghostread lab %s", n)
			}
			b.WriteString("\n\tall commands: ghostread lab --help")
			return errors.New(b.String())
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return listExperiments(cmd.OutOrStdout()) },
	}
	cmd.AddCommand(newLabList(), newLabRun(s), newLabMatrix(s), newLabShow(s), newLabSource(), newLabLitmus(s), newLabBarriers(s))
	return cmd
}

func newLabList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the experiments",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return listExperiments(cmd.OutOrStdout()) },
	}
}

func listExperiments(w io.Writer) error {
	all, err := lab.Builtin()
	if err != nil {
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, e := range all {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", e.Name, report.Plural(len(e.Claims), "claim"), e.Title)
	}
	return tw.Flush()
}

// pick returns the experiments of these names, or all when there are none. A
// name with a slash is a directory, with an experiment of the user's.
func pick(names []string) ([]*lab.Experiment, error) {
	if len(names) == 0 {
		return lab.Builtin()
	}
	var picked []*lab.Experiment
	for _, name := range names {
		var some []*lab.Experiment
		var err error
		if strings.ContainsRune(filepath.ToSlash(name), '/') || name == "." {
			some, err = own(name)
		} else if slices.Contains(lab.Names(), name) {
			some, err = lab.Builtin(name)
		} else {
			err = unknownExperiment(name)
		}
		if err != nil {
			return nil, err
		}
		picked = append(picked, some...)
	}
	return picked, lab.Distinct(picked)
}

// own reads an experiment of the user's.
func own(dir string) ([]*lab.Experiment, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(abs, "experiment.yaml")); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no experiment.yaml\n\tto begin with a copy of one: ghostread lab source growth --dir %s", dir, filepath.Join(dir, "growth"))
	}
	return lab.Load(os.DirFS(filepath.Dir(abs)), filepath.Base(abs))
}

// unknownExperiment says which experiments may have been meant.
func unknownExperiment(name string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "there is no experiment %q", name)
	for _, n := range near(name, lab.Names()) {
		fmt.Fprintf(&b, "\n\tdid you mean: %s", n)
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		fmt.Fprintf(&b, "\n\tfor the one in that directory: ./%s", name)
	}
	b.WriteString("\n\tall experiments: ghostread lab list")
	return errors.New(b.String())
}

// measuring are the flags of the commands that measure.
type measuring struct {
	releases []string
	tools    bool
	html     string
	json     string
	verbose  bool
}

func (m *measuring) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&m.releases, "go", nil, "Go `releases`, such as 1.22,1.26 or 1.22.12; those that are not here are downloaded")
	f.BoolVar(&m.tools, "tools", false, "also run what takes minutes: the matrix of tools and bugs")
	f.StringVar(&m.html, "html", "", "write a page with all the evidence to this `file`")
	f.StringVar(&m.json, "json", "", "write the record to this `file`")
	f.BoolVarP(&m.verbose, "verbose", "v", false, "print what the programs printed")
}

func newLabRun(s *session) *cobra.Command {
	var m measuring
	cmd := &cobra.Command{
		Use:               "run experiment...",
		Short:             "run experiments and say which claims hold",
		Long:              "Run runs experiments with the Go release in PATH, or with those of --go, and says\nwhich claims hold. A name with a slash is the directory of an experiment of your\nown. Status 3 says that some claim could not be decided.",
		Example:           "  ghostread lab run growth\n  ghostread lab run phantom --go 1.23,1.26\n  ghostread lab run residue -v --html residue.html\n  ghostread lab run ./my-experiment",
		ValidArgsFunction: completeExperiments,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("run needs the name of an experiment\n\tall experiments: ghostread lab list\n\tall of them on many releases: ghostread lab matrix")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			rec, err := m.measure(cmd, args)
			if err != nil {
				return err
			}
			s.verdict = decided(rec)
			return errors.Join(m.write(cmd, rec), printRecord(cmd.OutOrStdout(), rec, m.verbose))
		},
	}
	m.flags(cmd)
	return cmd
}

func newLabMatrix(s *session) *cobra.Command {
	var m measuring
	var only []string
	cmd := &cobra.Command{
		Use:   "matrix",
		Short: "run all experiments on many Go releases, side by side",
		Long: `Matrix runs all experiments on many Go releases and writes a page and a record:
each claim with its verdict on each release, and all the evidence. Without --go
it takes every minor release from 1.18 to the one in PATH. Releases that are not
on this machine are downloaded; one that cannot be had is skipped, and the page
says why.`,
		Example: "  ghostread lab matrix\n  ghostread lab matrix --go 1.18,1.22,1.26 --only growth,residue",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(m.releases) == 0 {
				var err error
				if m.releases, err = lab.DefaultReleases(cmd.Context()); err != nil {
					return err
				}
			}
			rec, err := m.measure(cmd, only)
			if err != nil {
				return err
			}
			s.verdict = decided(rec)
			return errors.Join(m.write(cmd, rec), printSummary(cmd.OutOrStdout(), rec))
		},
	}
	m.flags(cmd)
	cmd.Flags().StringSliceVar(&only, "only", nil, "run only these `experiments`")
	cmd.Flags().Lookup("html").DefValue = "ghostread-lab.html"
	cmd.Flags().Lookup("json").DefValue = "ghostread-lab.json"
	m.html, m.json = "ghostread-lab.html", "ghostread-lab.json"
	return cmd
}

func completeExperiments(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	all, err := lab.Builtin()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var words []string
	for _, e := range all {
		words = append(words, cobra.CompletionWithDesc(e.Name, e.Title))
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// decided is unknown if some claim that an experiment could decide was not.
func decided(rec *lab.Record) finding.Verdict {
	for _, e := range rec.Experiments {
		for _, c := range e.Claims {
			if c.Verdict == lab.Unknown && c.Holds != "" {
				return finding.Unknown
			}
		}
	}
	return finding.Clean
}

func (m *measuring) measure(cmd *cobra.Command, names []string) (*lab.Record, error) {
	picked, err := pick(names)
	if err != nil {
		return nil, err
	}
	releases := m.releases
	if len(releases) == 0 {
		defaults, err := lab.DefaultReleases(cmd.Context())
		if err != nil {
			return nil, err
		}
		releases = defaults[len(defaults)-1:]
	}
	for _, r := range releases {
		if err := lab.CheckRelease(r); err != nil {
			return nil, fmt.Errorf("--go: %w", err)
		}
	}
	line := newStatusLine(cmd.ErrOrStderr())
	defer context.AfterFunc(cmd.Context(), func() {
		fmt.Fprintln(cmd.ErrOrStderr(), "\ninterrupted: what was measured is kept; interrupt again to end at once")
	})()
	rec, err := lab.Measure(cmd.Context(), lab.Options{
		Experiments: picked, Releases: releases, Tools: m.tools,
		Tool: "ghostread " + moduleVersion(debug.ReadBuildInfo()),
		Progress: func(p lab.Progress) {
			tenths := 10 * p.Done / p.All
			line.show(fmt.Sprintf("measured %d %%", 10*tenths), func() string {
				return fmt.Sprintf("%d of %d: %s %s on Go %s", p.Done, p.All, p.Experiment, p.Step, p.Release)
			})
		},
	})
	line.erase()
	return rec, err
}

// write writes the files that were asked for.
func (m *measuring) write(cmd *cobra.Command, rec *lab.Record) error {
	var errs []error
	for _, f := range []struct {
		name, what string
		write      func(io.Writer) error
	}{
		{m.html, "page", func(w io.Writer) error { return labpage.Write(w, rec) }},
		{m.json, "record", rec.Write},
	} {
		if f.name == "" {
			continue
		}
		if err := writeFile(f.name, f.write); err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", f.what, f.name)
	}
	return errors.Join(errs...)
}

// newLabSource returns the command that hands out the programs.
func newLabSource() *cobra.Command {
	var dir, release string
	cmd := &cobra.Command{
		Use:   "source experiment",
		Short: "write the programs of an experiment to a directory",
		Long: `Source writes an experiment, with its programs as modules that can be built and
changed, to a directory. Some programs are built with a changed standard
library: with --go, source also makes those changes for that release and writes
the files that go build -overlay takes.`,
		Example:           "  ghostread lab source growth\n  ghostread lab source phantom --go 1.22 --dir /tmp/phantom",
		ValidArgsFunction: completeExperiments,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("source takes one experiment, and was given %d\n\tall experiments: ghostread lab list", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			picked, err := pick(args)
			if err != nil {
				return err
			}
			if dir == "" {
				dir = "ghostread-" + picked[0].Name
			}
			dir = filepath.Clean(dir)
			if _, err := os.Stat(dir); err == nil {
				return fmt.Errorf("%s is there already\n\ttry: ghostread lab source %s --dir %s-2", dir, args[0], dir)
			}
			files, err := picked[0].Source()
			if err != nil {
				return err
			}
			if release != "" {
				overlays, err := picked[0].Overlays(cmd.Context(), release)
				if err != nil {
					return fmt.Errorf("--go: %w", err)
				}
				maps.Copy(files, overlays)
			}
			for _, name := range slices.Sorted(maps.Keys(files)) {
				to := filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
					return err
				}
				if err := os.WriteFile(to, files[name], 0o666); err != nil {
					return err
				}
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), to); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&release, "go", "", "make the changes to the standard library of this `release`")
	cmd.Flags().StringVar(&dir, "dir", "", "write to this `directory` (default ghostread-EXPERIMENT)")
	return cmd
}
