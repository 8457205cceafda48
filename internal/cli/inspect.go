package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ghostread/ghostread/inspect"
	"github.com/ghostread/ghostread/report"
)

// censusOrders are what --sort takes.
var censusOrders = map[string]func(a, b inspect.Group) int{
	"waste":   func(a, b inspect.Group) int { return cmp.Compare(b.Waste, a.Waste) },
	"bytes":   func(a, b inspect.Group) int { return cmp.Compare(b.Bytes, a.Bytes) },
	"entries": func(a, b inspect.Group) int { return cmp.Compare(b.Entries, a.Entries) },
	"maps":    func(a, b inspect.Group) int { return cmp.Compare(b.Maps, a.Maps) },
	"load":    func(a, b inspect.Group) int { return cmp.Compare(a.Load(), b.Load()) },
	"owner":   func(a, b inspect.Group) int { return cmp.Compare(a.Owner, b.Owner) },
}

// newInspect returns the command that looks at the maps of a live process.
func newInspect(s *session) *cobra.Command {
	var (
		from              source
		order, format, at string
		output            string
		top               int
		look              inspect.Look
		watch             watching
		one               closeUp
	)
	orders := make([]string, 0, len(censusOrders))
	for name := range censusOrders {
		orders = append(orders, name)
	}
	slices.Sort(orders)
	cmd := &cobra.Command{
		Use:   "inspect {pid | --core file | --exe program} [owner] [-- arguments]",
		Short: "show the maps of a running Go program: owners, load, waste",
		Long: `Inspect reads the memory of a running Go program, without stopping it, or a core
file of one, and lists its maps by owner: how many, how many entries they have,
how many slots, and what of their memory is wasted. It follows package variables,
stacks of goroutines, and objects that say of which type they are, along typed
pointers; what it could not follow it counts. Without DWARF in the executable
most owners are not known. Go 1.20 to 1.27 on linux/amd64 have been tried, and
core files of linux/arm64.

With an owner as the list has it, or an address, it shows one map: its tables or
buckets, how its slots are filled, what deleted entries have left in them, and
its first entries. Strings and byte slices are shown by their length only, since
they may be secrets; --show-values shows them.`,
		Example: "  ghostread inspect 4321\n  ghostread inspect 4321 --sort bytes --top 0\n  ghostread inspect 4321 main.cache --entries 20\n  ghostread inspect --core core.4321 --exe ./server\n  ghostread inspect --exe ./server --after 10s -- -listen :8080\n  ghostread inspect 4321 main.cache --watch",
		RunE: func(cmd *cobra.Command, args []string) error {
			by, ok := censusOrders[order]
			if !ok {
				return fmt.Errorf("cannot sort by %q, want one of %s", order, strings.Join(orders, ", "))
			}
			if format != "text" && format != "json" && format != "html" {
				return fmt.Errorf("unknown format %q, want text, json or html", format)
			}
			if output != "" && format != "html" {
				return errors.New("--output is for --format html")
			}
			if err := watch.check(cmd.Flags()); err != nil {
				return err
			}
			if err := one.check(format, watch.on); err != nil {
				return err
			}
			addr, err := address(at)
			if err != nil {
				return err
			}
			named := addr != 0 || from.named(args)
			if err := heeded(cmd.Flags(), viewOf(&one, watch.on, format == "html", named)); err != nil {
				return err
			}
			if one.ofExecutable(&from, args) {
				o, err := inspect.OffsetsOf(from.exe, args[0])
				if err != nil {
					return err
				}
				return writeOffsets(cmd.OutOrStdout(), o, format)
			}
			from.graceful = watch.on
			t, owner, err := from.open(args)
			if err != nil {
				return err
			}
			defer t.Close()
			if one.hex || one.layout {
				return one.show(cmd.OutOrStdout(), t, owner, addr, look, format)
			}
			if watch.on && t.Still() {
				return fmt.Errorf("%s does not change, so there is nothing to watch", t.Name)
			}
			if watch.on && from.stop > 0 {
				return errors.New("--stop is not for --watch, which would stop the process again and again")
			}
			watch.top = top
			if format == "html" {
				p := paging{file: output, watch: &watch, by: by}
				return p.write(cmd, t, owner, addr)
			}
			if watch.on {
				_, err := watch.watch(cmd, t, owner, addr, format)
				return err
			}
			if owner != "" || addr != 0 {
				return inspectOne(cmd.OutOrStdout(), t, owner, addr, look, format)
			}
			c, err := t.Census()
			if err != nil {
				return fmt.Errorf("%s: %w", t.Name, err)
			}
			slices.SortStableFunc(c.Groups, by)
			if format == "json" {
				if cmd.Flags().Changed("top") && top > 0 {
					c.Groups = c.Groups[:min(top, len(c.Groups))]
				}
				return writeJSON(cmd.OutOrStdout(), c)
			}
			return writeCensus(cmd.OutOrStdout(), c, top)
		},
	}
	f := cmd.Flags()
	from.flags(f)
	watch.flags(f)
	one.flags(f)
	f.StringVar(&order, "sort", "waste", "order of owners: "+strings.Join(orders, ", "))
	f.IntVar(&top, "top", 20, "how many owners are shown, in JSON all unless it is given; 0 means all")
	f.StringVar(&at, "addr", "", "show the map whose header is at this address, like 0xc000012345")
	f.IntVar(&look.Entries, "entries", 10, "of one map, how many entries are shown; -1 means all")
	f.BoolVar(&look.Values, "show-values", false, "show what is in strings and byte slices")
	f.IntVar(&look.Depth, "depth", 1, "how many pointers are followed from an entry")
	f.StringVar(&format, "format", "text", "what is written to standard output: text, json or html")
	f.StringVarP(&output, "output", "o", "", "`file` that the page of --format html is written to, instead of standard output")
	cmd.AddCommand(newResidue(s), newSnapshot(), newDiff())
	return cmd
}

// inspectOne shows one map.
func inspectOne(out io.Writer, t *inspect.Target, owner string, addr uint64, look inspect.Look, format string) error {
	d, err := t.At(owner, addr, look)
	if err != nil {
		return fmt.Errorf("%s: %w", t.Name, err)
	}
	if format == "json" {
		return writeJSON(out, d)
	}
	return writeDetail(out, t, d, look)
}

// address reads the value of --addr, "" is 0.
func address(at string) (uint64, error) {
	if at == "" {
		return 0, nil
	}
	addr, err := strconv.ParseUint(at, 0, 64)
	if err != nil || addr == 0 {
		return 0, fmt.Errorf("--addr %q is no address, like 0xc000012345", at)
	}
	return addr, nil
}

func writeJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// writeCensus prints a census for people.
func writeCensus(out io.Writer, c *inspect.Census, top int) error {
	var b strings.Builder
	t := &c.Total
	fmt.Fprintf(&b, "%s, %s: %s\n", c.Target, c.Version, t.Sum())
	fmt.Fprintf(&b, "%s of %s of heap in use, %s of it waste: slots without an entry\n", inspect.Bytes(t.Bytes), inspect.Bytes(c.Heap), inspect.Bytes(t.Waste))
	how := c.Stops.String()
	if c.Still {
		how = "from a core file"
	}
	fmt.Fprintf(&b, "read in %v, %s; ", c.Elapsed.Round(time.Millisecond), how)
	switch {
	case c.Torn == 0:
		b.WriteString("each map as of one moment\n")
	case c.Still:
		fmt.Fprintf(&b, "of %s the parts do not agree: somebody was writing to them\n", inspect.Plural(uint64(c.Torn), "map"))
	default:
		fmt.Fprintf(&b, "%s changed while it was read, %d times in a row\n", inspect.Plural(uint64(c.Torn), "map"), inspect.Tries)
	}
	for _, n := range c.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	groups := c.Groups
	if top > 0 && len(groups) > top {
		groups = groups[:top]
	}
	b.WriteString("\n")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "maps\tentries\tslots\tload\tdeleted\tbytes\twaste\t  owner and type")
	for i := range groups {
		g := &groups[i]
		marks := ""
		if g.Growing > 0 {
			marks = " (growing)"
		}
		switch {
		case g.Torn == 0:
		case g.Torn == g.Maps:
			marks += " (changed while read)"
		default:
			marks += fmt.Sprintf(" (%s changed while read)", inspect.Count(uint64(g.Torn)))
		}
		load := fmt.Sprintf("%.0f %%", 100*g.Load())
		if g.Entries > g.Slots {
			load = "?" // its maps were only read in part
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t  %s  %s%s\n", inspect.Count(uint64(g.Maps)), inspect.Count(g.Entries), inspect.Count(g.Slots),
			load, inspect.Count(g.Tombstones), inspect.Bytes(g.Bytes), inspect.Bytes(g.Waste), g.Owner, g.Type, marks)
	}
	w.Flush()
	if more := len(c.Groups) - len(groups); more > 0 {
		fmt.Fprintf(&b, "and %s more: --top 0 shows all\n", inspect.Plural(uint64(more), "owner"))
	}
	for i := range groups {
		if a := groups[i].Advice(); a != "" {
			fmt.Fprintf(&b, "\n%s: %s\n", groups[i].Owner, a)
		}
	}
	if lost := c.Lost.String(); lost != "" {
		fmt.Fprintf(&b, "\nnot followed: %s; maps that only these lead to have no owner, and some may be missing\n", lost)
	}
	fmt.Fprintf(&b, "goroutines: %s\n", c.Stacks)
	_, err := io.WriteString(out, report.Visible(b.String())) // names come from the program
	return err
}
