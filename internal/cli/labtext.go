package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/ghostread/ghostread/lab"
	"github.com/ghostread/ghostread/report"
)

// textWidth is as wide as prose is printed.
const textWidth = 96

// printRecord prints experiments with what became of their claims.
func printRecord(out io.Writer, rec *lab.Record, verbose bool) error {
	w := new(strings.Builder)
	for i, e := range rec.Experiments {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s\n", e.Name, e.Title)
		prose(w, "  ", e.Question)
		printSteps(w, e, verbose)
		if verbose {
			printTables(w, e.Tables)
		}
		fmt.Fprintln(w)
		for _, c := range e.Claims {
			printClaim(w, c)
		}
		fmt.Fprintln(w)
		for _, p := range strings.Split(e.Lesson, "\n\n") {
			prose(w, "  ", p)
			fmt.Fprintln(w)
		}
	}
	printReleases(w, rec)
	_, err := io.WriteString(out, report.Visible(w.String())) // it has what programs printed
	return err
}

// printSteps says what ran, and of what failed why.
func printSteps(w io.Writer, e lab.ExperimentResult, verbose bool) {
	for _, s := range e.Steps {
		for _, r := range s.Runs {
			switch {
			case r.Failed != "":
				fmt.Fprintf(w, "\n  Go %s, %s failed: %s\n", r.Release, s.Name, r.Failed)
			case !verbose || r.Skipped != "":
				continue
			default:
				fmt.Fprintf(w, "\n  Go %s, %s: %s\n", r.Release, s.Name, s.Title)
			}
			for _, c := range r.Commands {
				fmt.Fprintf(w, "    $ %s\n", c)
			}
			for line := range strings.Lines(strings.TrimRight(r.Output, "\n")) {
				fmt.Fprintf(w, "    %s\n", strings.TrimRight(line, "\n"))
			}
		}
	}
}

// printTables prints tables of facts, for each release.
func printTables(w io.Writer, tables []lab.Table) {
	for _, t := range tables {
		for _, v := range t.Cells {
			fmt.Fprintf(w, "\n  Go %s: %s\n", v.Release, t.Title)
			tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			fmt.Fprintf(tw, "    \t%s\n", strings.Join(v.Columns, "\t"))
			for i, row := range v.Rows {
				fmt.Fprintf(tw, "    %s\t%s\n", t.Rows[i], strings.Join(row, "\t"))
			}
			tw.Flush()
		}
	}
}

func printClaim(w io.Writer, c lab.ClaimResult) {
	fmt.Fprintf(w, "  %s: %s\n", c.ID, verdictWords(c))
	prose(w, "    ", c.Text)
	if c.Summary != "" {
		prose(w, "    ", "("+c.Summary+")")
	}
	prose(w, "      ", c.Why)
}

// verdictWords is the verdict, with the tries of what was not seen.
func verdictWords(c lab.ClaimResult) string {
	if c.Verdict != lab.NotSeen {
		return string(c.Verdict)
	}
	var tries int64
	for _, j := range c.Releases {
		tries += j.Trials
	}
	return fmt.Sprintf("not seen in %d", tries)
}

// printSummary prints a line for each claim.
func printSummary(out io.Writer, rec *lab.Record) error {
	w := new(strings.Builder)
	for _, e := range rec.Experiments {
		fmt.Fprintf(w, "%s: %s\n", e.Name, e.Title)
		printSteps(w, e, false)
		for _, c := range e.Claims {
			fmt.Fprintf(w, "  %-11s %-23s %s\n", c.ID, verdictWords(c), c.Text)
			if c.Summary != "" {
				fmt.Fprintf(w, "  %-11s %-23s %s\n", "", "", c.Summary)
			}
		}
	}
	printReleases(w, rec)
	_, err := io.WriteString(out, report.Visible(w.String())) // it has what programs printed
	return err
}

// printReleases says where it was measured and what it comes to.
func printReleases(w io.Writer, rec *lab.Record) {
	var versions []string
	for _, r := range rec.Releases {
		if r.Skipped != "" {
			fmt.Fprintf(w, "Go %s was skipped: %s\n", r.Asked, r.Skipped)
			continue
		}
		versions = append(versions, r.Version)
	}
	how := "measured"
	if rec.Recorded {
		how = "recorded, not measured here:"
	}
	count := rec.Count()
	all := 0
	var parts []string
	for _, v := range lab.Verdicts {
		if count[v] > 0 {
			all += count[v]
			parts = append(parts, fmt.Sprintf("%d %s", count[v], v))
		}
	}
	fmt.Fprintf(w, "%s: %s\n", report.Plural(all, "claim"), strings.Join(parts, ", "))
	fmt.Fprintf(w, "%s with Go %s on %s, %d CPUs, %s, %s\n", how, strings.Join(versions, ", "),
		rec.Host.CPU, rec.Host.CPUs, rec.Host.OS+"/"+rec.Host.Arch, rec.Date.Format("2006-01-02"))
}

// prose prints a text of one paragraph, wrapped and indented.
func prose(w io.Writer, indent, text string) {
	line := indent
	for _, word := range strings.Fields(text) {
		if len(line) > len(indent) && len([]rune(line))+len([]rune(word)) > textWidth {
			fmt.Fprintln(w, strings.TrimRight(line, " "))
			line = indent
		}
		line += word + " "
	}
	if len(line) > len(indent) {
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}
