package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"github.com/ghostread/ghostread/inspect"
	"github.com/ghostread/ghostread/report"
)

// closeUp are the views of one map that show where it has what.
type closeUp struct {
	hex, layout bool
	groups      int
}

func (c *closeUp) flags(f *pflag.FlagSet) {
	f.BoolVar(&c.hex, "hex", false, "of one map, show its memory with what it means")
	f.IntVar(&c.groups, "groups", 8, "with --hex, how many groups or buckets are shown; -1 means all")
	f.BoolVar(&c.layout, "layout", false, "of one map, show where its header, tables, groups and slots have their fields; with --exe and a type, of an executable that does not run")
}

// ofExecutable reports whether the layout of a type in an executable is asked
// for, so that no program is looked at.
func (c *closeUp) ofExecutable(from *source, args []string) bool {
	return c.layout && from.exe != "" && from.core == "" && len(args) == 1 && !strings.ContainsRune("0123456789", rune((args[0] + " ")[0]))
}

// check says what does not go together.
func (c *closeUp) check(format string, watch bool) error {
	switch {
	case c.hex && c.layout:
		return errors.New("either --hex or --layout, not both")
	case (c.hex || c.layout) && watch:
		return errors.New("--hex and --layout show one moment: they do not go with --watch")
	case (c.hex || c.layout) && format == "html":
		return errors.New("--hex and --layout are written as text or json, not as html")
	}
	return nil
}

// show writes the views that are asked for.
func (c *closeUp) show(out io.Writer, t *inspect.Target, owner string, addr uint64, look inspect.Look, format string) error {
	if owner == "" && addr == 0 {
		return errors.New("--hex and --layout show one map: name its owner, as ghostread inspect lists it, or give --addr")
	}
	if c.layout {
		o, err := t.Offsets(owner, addr)
		if err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		return writeOffsets(out, o, format)
	}
	d, err := t.Hex(owner, addr, look, c.groups)
	if err != nil {
		return fmt.Errorf("%s: %w", t.Name, err)
	}
	if format == "json" {
		return writeJSON(out, d)
	}
	s := d.Snapshot
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s at %#x, %s, %s\n", s.Owner, s.Type, s.Addr, s.Target, s.Version)
	if !s.Consistent {
		b.WriteString("it changed while it was read: what follows mixes several moments\n")
	}
	for i := range d.Sections {
		sec := &d.Sections[i]
		fmt.Fprintf(&b, "\n%s at %#x\n", sec.Name, sec.Addr)
		for _, l := range sec.Lines {
			fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("  +%-5s %-47s  %s", fmt.Sprintf("%#x", l.Addr-sec.Addr), l.Hex, l.Text), " "))
		}
		if sec.More > 0 {
			fmt.Fprintf(&b, "  and %s more\n", inspect.Count(uint64(sec.More)))
		}
	}
	if d.More > 0 {
		what := "group"
		if s.Classic {
			what = "bucket"
		}
		fmt.Fprintf(&b, "\nand %s more: --groups -1 shows all\n", inspect.Plural(uint64(d.More), what))
	}
	_, err = io.WriteString(out, report.Visible(b.String()))
	return err
}

// writeOffsets prints where a type of maps has what.
func writeOffsets(out io.Writer, o *inspect.Offsets, format string) error {
	if format == "json" {
		return writeJSON(out, o)
	}
	var b strings.Builder
	kind := "Swiss map: groups in tables"
	if o.Classic {
		kind = "classic map: buckets with overflow"
	}
	fmt.Fprintf(&b, "%s, %s, %s\n", o.Type, o.Version, kind)
	for _, s := range o.Structs {
		fmt.Fprintf(&b, "\n%s: %s, %s\n", s.Name, s.Type, inspect.Plural(uint64(s.Size), "byte"))
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, f := range s.Fields {
			fmt.Fprintf(w, "  +%#x\t%d\t%s\t%s\n", f.Offset, f.Size, f.Name, f.Type)
		}
		w.Flush()
	}
	_, err := io.WriteString(out, report.Visible(b.String()))
	return err
}
