package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// shells are the writers of completion scripts, by the name of the shell.
var shells = map[string]func(root *cobra.Command, w io.Writer) error{
	"bash":       func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
	"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
	"powershell": func(root *cobra.Command, w io.Writer) error { return root.GenPowerShellCompletionWithDesc(w) },
	"zsh":        func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) },
}

// newCompletion returns the command that prints a completion script.
func newCompletion() *cobra.Command {
	names := slices.Sorted(maps.Keys(shells))
	return &cobra.Command{
		Use:   "completion " + strings.Join(names, "|"),
		Short: "print a script that completes commands, flags and codes in a shell",
		Example: `  source <(ghostread completion bash)
  ghostread completion fish > ~/.config/fish/completions/ghostread.fish`,
		ValidArgs: names,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("completion takes the name of a shell: %s", strings.Join(names, ", "))
			}
			if shells[args[0]] != nil {
				return nil
			}
			var b strings.Builder
			fmt.Fprintf(&b, "no completion for shell %q", args[0])
			for _, n := range near(args[0], names) {
				fmt.Fprintf(&b, "\n\tdid you mean: ghostread completion %s", n)
			}
			fmt.Fprintf(&b, "\n\tall shells: %s", strings.Join(names, ", "))
			return errors.New(b.String())
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return shells[args[0]](cmd.Root(), cmd.OutOrStdout())
		},
	}
}
