package cli

import (
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/ghostread/ghostread/lab"
)

// newLabShow returns the command that opens recorded results.
func newLabShow(s *session) *cobra.Command {
	var from string
	var m measuring
	cmd := &cobra.Command{
		Use:   "show [experiment...]",
		Short: "show recorded results, without running anything",
		Long: `Show prints results that were recorded earlier: those that come with ghostread,
or those of a file that matrix or run wrote with --json. It runs nothing, and
says on which machine, when, and with which releases they were measured.`,
		Example:           "  ghostread lab show\n  ghostread lab show growth\n  ghostread lab show --html lab.html --from ghostread-lab.json",
		ValidArgsFunction: completeExperiments,
		RunE: func(cmd *cobra.Command, args []string) error {
			rec, err := recorded(from)
			if err != nil {
				return err
			}
			if rec.Experiments, err = rec.Pick(args); err != nil {
				return err
			}
			s.verdict = decided(rec)
			print := printSummary
			if len(args) > 0 {
				print = func(w io.Writer, rec *lab.Record) error { return printRecord(w, rec, m.verbose) }
			}
			return errors.Join(m.write(cmd, rec), print(cmd.OutOrStdout(), rec))
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "read the record from this `file` instead of the one that comes with ghostread")
	f.StringVar(&m.html, "html", "", "write a page with all the evidence to this `file`")
	f.StringVar(&m.json, "json", "", "write the record to this `file`")
	f.BoolVarP(&m.verbose, "verbose", "v", false, "print what the programs printed")
	return cmd
}

// recorded reads a record, the built-in one when name is empty.
func recorded(name string) (*lab.Record, error) {
	if name == "" {
		return lab.Recorded()
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return lab.ReadRecord(f, name)
}
