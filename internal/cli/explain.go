package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ghostread/ghostread/finding"
)

// newExplain returns the command that tells what a code means.
func newExplain() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [code or name]",
		Short: "tell what a finding means, why it happens and how to fix it",
		Long: `Explain tells what a finding means, why it happens and how to fix it.
Without an argument it lists all codes.`,
		Example: "  ghostread explain GR2002\n  ghostread explain stale-read",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("explain takes one code or name, and was given %d\n\ttry: ghostread explain %s", len(args), args[0])
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var words []string
			for _, c := range finding.Checks() {
				words = append(words,
					cobra.CompletionWithDesc(c.Code, c.Title),
					cobra.CompletionWithDesc(c.Name, c.Title))
			}
			return words, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listChecks(cmd.OutOrStdout())
			}
			c, ok := finding.Lookup(args[0])
			if !ok {
				return unknownCheck(args[0])
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s: %s\n\n%s\n\nhelp: %s\n", c.Code, c.Name, c.Title, strings.TrimSpace(c.Text), c.Help)
			return err
		},
	}
}

// listChecks prints a line for each code.
func listChecks(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range finding.Checks() {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", c.Code, c.Name, c.Title)
	}
	return tw.Flush()
}

// unknownCheck says which codes may have been meant by a word that is none.
func unknownCheck(word string) error {
	var words []string
	for _, c := range finding.Checks() {
		words = append(words, c.Code, c.Name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "no code or name %q", word)
	for _, n := range near(word, words) {
		fmt.Fprintf(&b, "\n\tdid you mean: ghostread explain %s", n)
	}
	b.WriteString("\n\tall codes: ghostread explain")
	return errors.New(b.String())
}
