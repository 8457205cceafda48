// Package cli is the command line of ghostread: commands, flags, exit
// statuses, and errors that say what to type next.
//
// Each command is one file with one constructor, listed in newRoot. A command
// does its work in RunE: it writes findings, or what was asked for, to
// cmd.OutOrStdout and everything else to cmd.ErrOrStderr, leaves what it came
// to in session.verdict, and returns an error only if it could not do its
// work. It neither prints the error nor ends the process; [Run] does the
// first and main the second.
//
// The package decides nothing about findings and keeps no state between runs.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ghostread/ghostread/finding"
)

// The exit statuses of ghostread.
const (
	StatusClean   = 0 // nothing was found, or what was asked for was done
	StatusFound   = 1 // something was found
	StatusFailed  = 2 // ghostread could not do its work
	StatusUnknown = 3 // neither found nor clean: a limit ended the search
)

// session is one run of the command line.
type session struct {
	verdict  finding.Verdict // of the command; "" means that it gives none
	exitZero bool
}

// status returns the exit status of a command that did its work.
func (s *session) status() int {
	switch s.verdict {
	case finding.Found:
		if s.exitZero {
			return StatusClean
		}
		return StatusFound
	case finding.Unknown:
		// --exit-zero does not hide it: unknown is never a pass.
		return StatusUnknown
	default:
		return StatusClean
	}
}

// Run runs the command that args names and returns its exit status. The first
// interrupt cancels the command's context, so that it ends with what it has;
// the second one ends the process.
func Run(stdout, stderr io.Writer, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	s := new(session)
	return execute(ctx, newRoot(s), s, stdout, stderr, args)
}

// execute is Run for a given command line, which lets a test add commands.
func execute(ctx context.Context, root *cobra.Command, s *session, stdout, stderr io.Writer, args []string) int {
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(append([]string{}, args...)) // nil would mean os.Args
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(stderr, "ghostread: %v\n", err)
		return StatusFailed
	}
	return s.status()
}

// newRoot returns the command line with all of its commands.
func newRoot(s *session) *cobra.Command {
	root := &cobra.Command{
		Use:   "ghostread",
		Short: "find, prove and replay reads that lie",
		Long: `ghostread finds, proves and replays reads that lie: reads in Go programs that
return what no correct execution may return, or that do not return in time.

Exit status: 0 clean, 1 found, 2 could not run, 3 unknown.`,
		Args:          knownCommand,
		RunE:          noCommand,
		SilenceErrors: true, // Run prints them
		SilenceUsage:  true, // the error says what to type
	}
	root.PersistentFlags().BoolVar(&s.exitZero, "exit-zero", false, "exit with status 0, not 1, when something is found")
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.DisableDefaultCmd = true // it takes an unknown shell for a request for help
	root.AddCommand(
		newHunt(s),
		newExplore(s),
		newReplay(s),
		newInspect(s),
		newLab(s),
		newExplain(),
		newVersion(),
		newCompletion(),
	)
	return root
}

// planned are commands that people will look for because the documentation
// draws them in the picture.
var planned = []string{"vet", "trace", "blame", "check", "canary"}

// knownCommand rejects the first argument that is no command, and says what
// may have been meant.
func knownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	name := args[0]
	var b strings.Builder
	fmt.Fprintf(&b, "unknown command %q", name)
	if slices.Contains(planned, name) {
		b.WriteString(": it is planned and not part of this version")
	}
	names := make([]string, 0, len(root.Commands()))
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if strings.Contains(name, "/") {
		fmt.Fprintf(&b, "\n\tto look at the tests of a package: ghostread hunt %s", name)
	}
	for _, n := range near(name, names) {
		fmt.Fprintf(&b, "\n\tdid you mean: ghostread %s", n)
	}
	b.WriteString("\n\tall commands: ghostread help")
	return errors.New(b.String())
}

// noArguments rejects arguments of a command that takes none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments, and was given %q", cmd.Name(), args[0])
	}
	return nil
}

// noCommand is what ghostread does without arguments. A script that forgot
// the command must not take it for a clean run.
func noCommand(root *cobra.Command, _ []string) error {
	root.SetOut(root.ErrOrStderr())
	if err := root.Help(); err != nil {
		return err
	}
	return errors.New("no command given")
}

// flagError adds to a wrong flag what may have been meant, and where the
// flags are listed.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var b strings.Builder
	b.WriteString(err.Error())
	if errors.As(err, &unknown) {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		for _, n := range near(unknown.GetSpecifiedName(), names) {
			fmt.Fprintf(&b, "\n\tdid you mean: --%s", n)
		}
	}
	fmt.Fprintf(&b, "\n\tall flags: %s --help", cmd.CommandPath())
	return errors.New(b.String())
}
