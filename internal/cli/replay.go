package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/build"
	"github.com/ghostread/ghostread/explore/overlay"
	"github.com/ghostread/ghostread/explore/replay"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/hunt"
	"github.com/ghostread/ghostread/report"
)

// newReplay returns the command that makes a finding happen again.
func newReplay(s *session) *cobra.Command {
	var (
		times   int
		html    string
		tags    []string
		release string
	)
	cmd := &cobra.Command{
		Use:   "replay file-or-token",
		Short: "make a finding happen again, by its schedule",
		Long: `Replay builds the package that a replay file or token names and runs its test once,
in a fresh process, by the recorded schedule. It shows what that shows, and
says whether the schedule was the recorded one. The Go release and the build tags
are the recorded ones too; a release is downloaded if need be. --go and --tags
choose others.

Exit status: 1 if the finding shows again, 3 if it does not.`,
		Example: "  ghostread replay ghostread-replays/TestEvict-stale-1f0a9c3e.json\n  ghostread replay --times 100 FILE",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("replay takes one file or token, and was given %d\n\tthey are what hunt and explore print after \"ghostread replay\"", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := replay.Open(args[0])
			if err != nil {
				return err
			}
			p, err := program(cmd, file, release, tags)
			if err != nil {
				return err
			}
			r, same, err := again(cmd.Context(), p, file, max(times, 1))
			if err != nil {
				return err
			}
			return showReplay(cmd, s, file, r, same, max(times, 1), html)
		},
	}
	cmd.Flags().IntVar(&times, "times", 1, "how often, each time in a fresh process")
	cmd.Flags().StringVar(&html, "html", "", "write an HTML report to this `file`")
	cmd.Flags().StringSliceVar(&tags, "tags", nil, "build tags; those it was recorded with, if none are given")
	cmd.Flags().StringVar(&release, "go", "", "the Go `release` to use, like 1.25.7; \"\" means the recorded one, or the one that the module uses if none is recorded")
	return cmd
}

// program builds the package that file names: where it was recorded if that
// is still there, else from the working directory.
func program(cmd *cobra.Command, file *replay.File, release string, tags []string) (explore.Program, error) {
	dir := file.Dir
	if info, err := os.Stat(dir); dir == "" || err != nil || !info.IsDir() {
		dir = ""
	}
	if len(tags) == 0 {
		tags = file.Tags
	}
	ctx := cmd.Context()
	c, err := toolchain(ctx, file, dir, release, tags)
	if err != nil {
		return explore.Program{}, err
	}
	if used := c.Overlay.Toolchain.Version; file.Release != "" && used != file.Release {
		fmt.Fprintf(cmd.ErrOrStderr(), "recorded with %s, replayed with %s: the schedule may lead elsewhere\n", file.Release, used)
	}
	list, err := build.List(ctx, c, file.Package)
	if err != nil {
		return explore.Program{}, fmt.Errorf("%w\n\tthe replay is of package %s: run it in the module that has it", err, file.Package)
	}
	b, err := build.Build(ctx, c, list.Packages[0])
	if err != nil {
		return explore.Program{}, err
	}
	return hunt.Program(b), nil
}

// toolchain returns how to build for a replay of file in dir: with the named
// release, else with the one that it was recorded with, else with the one that
// dir uses.
func toolchain(ctx context.Context, file *replay.File, dir, release string, tags []string) (build.Config, error) {
	if release == "" && file.Release != "" {
		// A release that is here already may have a name that cannot be asked
		// for, such as that of a build of Go's repository.
		if tc, err := overlay.Detect(ctx, dir, nil); err != nil || tc.Version != file.Release {
			release, _, _ = strings.Cut(file.Release, " ") // without experiments
		}
		c, err := hunt.Toolchain(ctx, dir, release, tags, func(string) {})
		if err != nil && release != "" {
			return c, fmt.Errorf("the replay was recorded with %s: %w\n\tto try it with another release, though the schedule may lead elsewhere, use --go", file.Release, err)
		}
		return c, err
	}
	return hunt.Toolchain(ctx, dir, release, tags, func(string) {})
}

// again replays file several times. It returns the first replay, and how many
// showed the recorded finding with the recorded schedule.
func again(ctx context.Context, p explore.Program, file *replay.File, times int) (first *explore.Replayed, same int, err error) {
	for i := range times {
		r, err := explore.Replay(ctx, p, file)
		if err != nil {
			return first, same, err
		}
		if i == 0 {
			first = r
		}
		if r.Same && r.Diverged == "" {
			same++
		}
	}
	return first, same, nil
}

func showReplay(cmd *cobra.Command, s *session, file *replay.File, r *explore.Replayed, same, times int, html string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	opts := report.Options{Dir: dir, ReadFile: os.ReadFile, Colour: colour(cmd.OutOrStdout())}
	for i := range r.Findings {
		r.Findings[i].Witness.Command = ""
	}
	in := report.Input{Findings: r.Findings, Options: opts, Tool: "ghostread " + moduleVersion(debug.ReadBuildInfo())}
	in.Summary = finding.Summary{Findings: len(r.Findings), Executions: times}
	if err := report.Write(cmd.OutOrStdout(), report.FormatText, in); err != nil {
		return err
	}
	if html != "" {
		if err := writeFile(html, func(w io.Writer) error { return report.Write(w, report.FormatHTML, in) }); err != nil {
			return err
		}
	}
	e := cmd.ErrOrStderr()
	switch {
	case r.Same && r.Diverged == "":
		fmt.Fprintf(e, "the recorded finding, by the recorded schedule (hash %s)\n", r.Hash)
	case r.Same:
		fmt.Fprintf(e, "the recorded finding, by another schedule: %s (hash %s, recorded %s)\n", r.Diverged, r.Hash, file.Hash)
	case r.Diverged != "":
		fmt.Fprintf(e, "the recorded finding did not show: %s; a replay holds for the source, the Go release and the environment it was recorded with\n", r.Diverged)
	default:
		fmt.Fprintf(e, "the recorded finding did not show, though the schedule is the recorded one (hash %s)\n", r.Hash)
	}
	if times > 1 {
		fmt.Fprintf(e, "%d of %d replays in fresh processes were identical\n", same, times)
	}
	s.verdict = finding.Unknown
	if r.Same && (times == 1 || same == times) {
		s.verdict = finding.Found
	}
	return nil
}
