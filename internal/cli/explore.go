package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// newExplore returns the command that explores the tests of one package, with
// every knob of the search in reach.
func newExplore(s *session) *cobra.Command {
	var x exploring
	cmd := &cobra.Command{
		Use:   "explore package",
		Short: "explore the tests of one package under a strategy, with a seed",
		Long: `Explore runs tests of one package under a controlled scheduler for a given number
of executions each. With the same seed it makes the same executions.

The strategy auto mixes random ones and, by turns with them, explores all
schedules of a small test, but for the order of steps that do not depend on each
other. If that comes to its end and nothing was found, the test is proved clean
for its inputs; the summary says so. The strategy dpor does only that, and
bounded explores all schedules with at most --depth preemptions.`,
		Example: "  ghostread explore ./store --run TestEvict --execs 10000 --strategy pct --seed 7",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("explore takes one package, and was given %d\n\tfor several packages, try: ghostread hunt ./... instead", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			x.hunt.Patterns = args
			return x.do(cmd, s)
		},
	}
	x.flags(cmd.Flags())
	cmd.Flags().DurationVar(&x.hunt.Budget, "budget", 0, "time for exploration; 0 means until all executions are made")
	cmd.Flags().Uint64Var(&x.hunt.Execs, "execs", 10_000, "executions of each test")
	return cmd
}
