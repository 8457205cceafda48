package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ghostread/ghostread/inspect"
	"github.com/ghostread/ghostread/report"
)

// newSnapshot returns the command that keeps what a map is at one moment.
func newSnapshot() *cobra.Command {
	var (
		from     source
		at, name string
		look     = inspect.Look{Depth: 1}
	)
	cmd := &cobra.Command{
		Use:   "snapshot pid owner -o file",
		Short: "keep what a map is at this moment, slot by slot",
		Long: `Snapshot writes a file with one map: its tables or buckets, and what each slot is
used for. Two of them are compared by ghostread inspect diff.

The file has what inspect shows of keys and elements: numbers, and of strings,
byte slices and byte arrays the lengths only, unless --show-values is given. To
tell whether contents are equal it has a keyed hash of each. The key is made from
random numbers that only the process has, and is not in the file: nobody can try
guesses, not even of a short secret. Only its owner can read the file.`,
		Example: "  ghostread inspect snapshot 4321 main.cache -o before.snap\n  ghostread inspect diff before.snap 4321 main.cache",
		RunE: func(cmd *cobra.Command, args []string) error {
			if name == "" {
				return errors.New("where to? give a file with -o")
			}
			addr, err := address(at)
			if err != nil {
				return err
			}
			s, err := record(&from, args, addr, look)
			if err != nil {
				return err
			}
			out, err := create(name)
			if err != nil {
				return err
			}
			defer out.abandon()
			if out.name != "" {
				if err := out.Chmod(0o600); err != nil {
					return err
				}
			}
			n, err := s.WriteTo(out)
			if err != nil {
				return fmt.Errorf("write %s: %w", name, err)
			}
			if err := out.keep(); err != nil {
				return err
			}
			torn := ""
			if !s.Consistent {
				torn = "; it changed while it was read, so the snapshot mixes several moments"
			}
			_, err = io.WriteString(cmd.ErrOrStderr(), report.Visible(fmt.Sprintf("%s: %s of %s in %s slots, %s%s\n", name, inspect.Plural(s.Entries, "entry"), s.Owner, inspect.Count(s.Slots), inspect.Bytes(uint64(n)), torn)))
			return err
		},
	}
	f := cmd.Flags()
	from.flags(f)
	f.StringVarP(&name, "output", "o", "", "the `file`")
	f.StringVar(&at, "addr", "", "take the map whose header is at this address, like 0xc000012345")
	f.BoolVar(&look.Values, "show-values", false, "keep what is in strings and byte slices, in clear")
	return cmd
}

// record takes a snapshot of a map of the program that args name.
func record(from *source, args []string, addr uint64, look inspect.Look) (*inspect.Snapshot, error) {
	t, owner, err := from.open(args)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	if owner == "" && addr == 0 {
		return nil, errors.New("of which map? name its owner, as ghostread inspect lists it, or give --addr")
	}
	s, err := t.Record(owner, addr, look)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name, err)
	}
	return s, nil
}

// newDiff returns the command that compares two moments of a map.
func newDiff() *cobra.Command {
	var (
		from       source
		at, format string
		interval   time.Duration
		top        int
		look       = inspect.Look{Depth: 1}
	)
	cmd := &cobra.Command{
		Use:   "diff before after",
		Short: "say what has happened to a map between two moments, slot by slot",
		Long: `Diff compares two snapshots of one map. Each is a file that ghostread inspect
snapshot has written, or the second is a process, or a core file of it, and an
owner. With a process and an owner only, it looks at the map twice.

It lists entries that were removed, and says whether their keys can still be
read; entries that were added; elements that were changed; keys and elements that
were left in slots; and entries that were moved, by growth or otherwise.`,
		Example: "  ghostread inspect diff before.snap after.snap\n  ghostread inspect diff before.snap 4321 main.cache\n  ghostread inspect diff before.snap --core core.4321 main.cache\n  ghostread inspect diff 4321 main.cache --interval 5s",
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("unknown format %q, want text or json", format)
			}
			addr, err := address(at)
			if err != nil {
				return err
			}
			before, after, err := both(&from, args, addr, look, interval)
			if err != nil {
				return err
			}
			d, err := before.Compare(after)
			if err != nil {
				return err
			}
			if format == "json" {
				return writeJSON(cmd.OutOrStdout(), d)
			}
			return writeDiff(cmd.OutOrStdout(), d, top)
		},
	}
	f := cmd.Flags()
	from.flags(f)
	f.StringVar(&at, "addr", "", "of a process, take the map whose header is at this address")
	f.DurationVar(&interval, "interval", time.Second, "of one process, how long it is between the two moments")
	f.IntVar(&top, "top", 20, "how many changes of each kind are listed; 0 means all")
	f.BoolVar(&look.Values, "show-values", false, "show what is in strings and byte slices")
	f.StringVar(&format, "format", "text", "what is written to standard output: text or json")
	return cmd
}

// both returns the two snapshots that the arguments name.
func both(from *source, args []string, addr uint64, look inspect.Look, interval time.Duration) (before, after *inspect.Snapshot, err error) {
	if len(args) == 0 {
		return nil, nil, errors.New("diff takes two snapshots, or one and a process with an owner, or only those\n\tghostread inspect diff before.snap 4321 main.cache")
	}
	if _, err := strconv.Atoi(args[0]); err == nil && from.core == "" {
		if before, err = record(from, args, addr, look); err != nil {
			return nil, nil, err
		}
		time.Sleep(interval)
		after, err = record(from, args, addr, look)
		return before, after, err
	}
	if before, err = readSnapshot(args[0]); err != nil {
		return nil, nil, err
	}
	switch {
	case from.core != "": // an owner, or --addr
	case len(args) == 1:
		return nil, nil, fmt.Errorf("compare %s with what? give a second snapshot, or a process and an owner", args[0])
	case len(args) == 2:
		if _, err := strconv.Atoi(args[1]); err != nil {
			after, err = readSnapshot(args[1])
			return before, after, err
		}
	}
	after, err = record(from, args[1:], addr, look)
	return before, after, err
}

func readSnapshot(name string) (*inspect.Snapshot, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := inspect.ReadSnapshot(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// writeDiff prints what has happened for people.
func writeDiff(out io.Writer, d *inspect.Diff, top int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s, %v between two moments\n", d.Owner, d.Type, d.Elapsed.Round(time.Millisecond))
	n := d.Count
	if len(d.Changes) == 0 {
		b.WriteString("nothing has changed: ")
	} else {
		fmt.Fprintf(&b, "%s removed, %s added, %s changed, %s moved (%s by growth), ", inspect.Plural(uint64(n[inspect.Removed]), "entry"),
			inspect.Count(uint64(n[inspect.Added])), inspect.Count(uint64(n[inspect.Changed])), inspect.Count(uint64(n[inspect.Moved])), inspect.Count(uint64(d.Grown)))
	}
	fmt.Fprintf(&b, "%s as they were\n", inspect.Plural(uint64(d.Same), "entry"))
	if d.Still > 0 {
		fmt.Fprintf(&b, "of the entries that were removed, %s can still be read\n", inspect.Plural(uint64(d.Still), "key"))
	}
	for _, note := range d.Notes {
		fmt.Fprintf(&b, "%s\n", note)
	}
	shown := map[string]int{}
	for i := range d.Changes {
		c := &d.Changes[i]
		if shown[c.Kind]++; shown[c.Kind] == 1 {
			b.WriteString("\n")
		}
		switch {
		case top > 0 && shown[c.Kind] == top+1:
			fmt.Fprintf(&b, "%-7s  and %s more: --top 0 shows all\n", c.Kind, inspect.Count(uint64(n[c.Kind]-top)))
		case top <= 0 || shown[c.Kind] <= top:
			fmt.Fprintf(&b, "%-7s  %s\n", c.Kind, changeText(c))
		}
	}
	_, err := io.WriteString(out, report.Visible(b.String()))
	return err
}

func changeText(c *inspect.Change) string {
	switch c.Kind {
	case inspect.Added:
		return fmt.Sprintf("%s: %s  in %s", c.Key, c.Now, c.Slot)
	case inspect.Removed:
		still := ""
		if c.Left {
			still = ", its key can still be read"
		}
		return fmt.Sprintf("%s: %s  from %s%s", c.Key, c.Was, c.Slot, still)
	case inspect.Changed:
		if c.Was == c.Now {
			return fmt.Sprintf("%s: %s, another than before  in %s", c.Key, c.Now, c.Slot)
		}
		return fmt.Sprintf("%s: %s, was %s  in %s", c.Key, c.Now, c.Was, c.Slot)
	case inspect.Moved:
		by := ""
		if c.Growth {
			by = ", by growth"
		}
		return fmt.Sprintf("%s  from %s to %s%s", c.Key, c.From, c.Slot, by)
	}
	return fmt.Sprintf("%s  in %s", strings.TrimPrefix(c.Key+": "+c.Was, ": "), c.Slot)
}
