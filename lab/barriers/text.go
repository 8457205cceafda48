package barriers

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/ghostread/ghostread/lab/listing"
)

// WriteText writes the operations as a table for each file, then what the
// opcodes in it do, then the mixes.
func (r *Report) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s, GOARCH=%s: %s in %s\n", r.GoVersion, r.GOARCH, count(len(r.Operations), "synchronizing operation"), count(len(r.Packages), "package"))
	file := ""
	var tw *tabwriter.Writer
	for _, o := range r.Operations {
		if o.File != file {
			if tw != nil {
				tw.Flush()
			}
			file = o.File
			fmt.Fprintf(b, "\n%s\n", file)
			tw = tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
		}
		fmt.Fprintf(tw, "  %d:%d\t%s\t%s\t%s\n", o.Line, o.Col, o.Source, o.code(), o.Ordering)
	}
	if tw != nil {
		tw.Flush()
	}
	r.legend(b)
	for _, m := range r.Mixes {
		fmt.Fprintf(b, "\n%s: mixed access: %s is %s plainly in %s, and accessed atomically elsewhere\n", m.Place, m.Variable, past(m.Access), m.In)
		for _, also := range m.Also {
			fmt.Fprintf(b, "\t%s: %s plainly here as well\n", also.Place, past(also.Access))
		}
		const most = 3
		for i, a := range m.Atomic {
			if i == most {
				fmt.Fprintf(b, "\tand %s more\n", count(len(m.Atomic)-most, "place"))
				break
			}
			fmt.Fprintf(b, "\t%s: %s in %s\n", a.Place, a.Source, a.In)
		}
		fmt.Fprintf(b, "\thelp: %s\n", m.Help)
	}
	if len(r.Mixes) > 0 {
		fmt.Fprintf(b, "\n%s: a data race each, unless something that is not seen here keeps the two apart\n", count(len(r.Mixes), "mixed access"))
	} else {
		fmt.Fprintf(b, "\nno variable is accessed both atomically and plainly, as far as can be seen\n")
	}
	b.WriteString("not seen:\n")
	for _, n := range r.NotSeen {
		fmt.Fprintf(b, "  %s\n", n)
	}
	return b.Flush()
}

func past(access string) string {
	if access == "write" {
		return "written"
	}
	return "read"
}

// code is what an operation is done with.
func (o *Operation) code() string {
	ops := strings.Join(o.Instructions, ", ")
	// On arm64 the pair is for processors without the single instructions.
	var single, pair []string
	for _, op := range o.Instructions {
		if strings.HasPrefix(op, "LDAXR") || strings.HasPrefix(op, "STLXR") {
			pair = append(pair, op)
		} else {
			single = append(single, op)
		}
	}
	if len(single) > 0 && len(pair) > 0 {
		ops = strings.Join(single, ", ") + " or " + strings.Join(pair, ", ")
	}
	switch o.How {
	case Inline:
		return ops
	case Assembly:
		return "call " + o.Calls
	case Generic:
		if ops == "" {
			return "generic"
		}
		return "generic: " + ops
	case NoCode:
		return "-"
	default:
		if o.Calls == "" {
			return "call"
		}
		if ops != "" {
			return "call " + o.Calls + ": " + ops
		}
		return "call " + o.Calls
	}
}

// legend says what the opcodes that occur do.
func (r *Report) legend(b *bufio.Writer) {
	said := make(map[string]string)
	for _, o := range r.Operations {
		for _, text := range o.Instructions {
			op, args, _ := strings.Cut(text, " ")
			if op == "LOCK" {
				op, args = text, "("
			} else if args == "" {
				args = "(" // has an operand in memory, or it would not be here
			}
			if rule, ok := listing.RuleOf(r.GOARCH, listing.Instruction{Op: op, Args: args}); ok {
				said[text] = rule.Says
			} else if rule, ok := listing.RuleOf(r.GOARCH, listing.Instruction{Op: op}); ok {
				said[text] = rule.Says
			}
		}
	}
	if len(said) == 0 {
		return
	}
	ops := make([]string, 0, len(said))
	for op := range said {
		ops = append(ops, op)
	}
	slices.Sort(ops)
	fmt.Fprintf(b, "\ninstructions of %s\n", r.GOARCH)
	tw := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, op := range ops {
		fmt.Fprintf(tw, "  %s\t%s\n", op, said[op])
	}
	tw.Flush()
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if strings.HasSuffix(what, "s") {
		return fmt.Sprintf("%d %ses", n, what)
	}
	return fmt.Sprintf("%d %ss", n, what)
}
