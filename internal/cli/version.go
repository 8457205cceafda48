package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/ghostread/ghostread/explore"
)

// newVersion returns the command that says what is running.
func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version of ghostread and the Go releases it supports",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			patch, err := explore.Patch()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "ghostread %s\nbuilt with %s for %s/%s\nexplores tests of %s\n",
				moduleVersion(debug.ReadBuildInfo()), runtime.Version(), runtime.GOOS, runtime.GOARCH, patch.Releases())
			return err
		},
	}
}

// moduleVersion returns the version that the go command stamped into the
// binary. A test binary and a build with -buildvcs=false have none.
func moduleVersion(info *debug.BuildInfo, ok bool) string {
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
