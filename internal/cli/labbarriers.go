package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/lab/barriers"
)

// newLabBarriers returns the command that shows what synchronization is
// compiled to.
func newLabBarriers(s *session) *cobra.Command {
	var (
		o      barriers.Options
		format string
	)
	cmd := &cobra.Command{
		Use:   "barriers [packages]",
		Short: "show which instructions your atomics and locks become, and find mixed accesses",
		Long: `Barriers compiles packages for a port and prints, for each operation of
sync/atomic, each operation of a lock and each operation on a channel: where it
is, which instructions it became, and how they order memory. Packages of the
main module that those packages import are looked at as well. Without packages
it takes ./...

It then looks for variables that are accessed both through sync/atomic and
plainly. Such a pair is a data race unless something keeps the two apart that
is not in the function, and makes the status 1. The output ends with what this
search does not see.

Nothing is run. The first time for a port its part of the standard library is
compiled, which takes a while.`,
		Example: "  ghostread lab barriers ./...\n  ghostread lab barriers --goarch arm64 ./cmd/app\n  ghostread lab barriers --format json ./store",
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("--format %s: want text or json", format)
			}
			dir, err := os.Getwd()
			if err != nil {
				return err
			}
			o.Dir, o.Patterns = dir, args
			r, err := barriers.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			s.verdict = finding.Clean
			if len(r.Mixes) > 0 {
				s.verdict = finding.Found
			}
			return buffered(cmd.OutOrStdout(), func(w io.Writer) error {
				if format == "json" {
					enc := json.NewEncoder(w)
					enc.SetIndent("", "  ")
					return enc.Encode(r)
				}
				return r.WriteText(w)
			})
		},
	}
	cmd.Flags().StringVar(&o.GOARCH, "goarch", "", "compile for this `port`; the default is that of the go command")
	cmd.Flags().StringSliceVar(&o.Tags, "tags", nil, "build tags")
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}
