package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/inspect"
	"github.com/ghostread/ghostread/report"
)

// secretsFrom says where the secrets are that are looked for. They are never
// arguments: the list of processes shows those to everybody.
type secretsFrom struct {
	stdin   string
	files   []string
	names   []string
	numbers bool
}

// asked reports whether secrets are to be looked for.
func (s *secretsFrom) asked() bool { return s.stdin != "" || len(s.files)+len(s.names) > 0 }

// mostSecrets bounds the bytes of secrets that one source gives.
const mostSecrets = 16 << 20

// read returns the secrets, one for each line that is not empty. A source
// without one is an error: a search for nothing finds nothing.
func (s *secretsFrom) read(in io.Reader) (list []inspect.Secret, err error) {
	lines := func(what string, from io.Reader) error {
		text, err := io.ReadAll(io.LimitReader(from, mostSecrets+1))
		switch {
		case err != nil:
			return fmt.Errorf("secrets from %s: %w", what, err)
		case len(text) > mostSecrets:
			return fmt.Errorf("%s has more than %s of secrets: divide it", what, inspect.Bytes(mostSecrets))
		}
		n, before := 0, len(list)
		for line := range bytes.Lines(text) {
			n++
			if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
				list = append(list, inspect.Secret{Name: fmt.Sprintf("%s, line %d", what, n), Bytes: line, Int: s.numbers})
			}
		}
		if len(list) == before {
			return fmt.Errorf("%s has no secret: one is expected on each line", what)
		}
		return nil
	}
	if s.stdin != "" {
		if s.stdin != "-" {
			return nil, errors.New("a secret on the command line can be read by everybody who lists processes, and by the shell's history: --secret takes only - for standard input\n\tprintf %s \"$TOKEN\" | ghostread inspect residue PID --secret -\n\tor: --secret-file FILE, --secret-env NAME")
		}
		if err := lines("standard input", in); err != nil {
			return nil, err
		}
	}
	for _, name := range s.files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		err = lines(name, f)
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	for _, name := range s.names {
		value := os.Getenv(name)
		if value == "" {
			return nil, fmt.Errorf("the environment variable %s is empty or not set", name)
		}
		list = append(list, inspect.Secret{Name: "$" + name, Bytes: []byte(value), Int: s.numbers})
	}
	return list, nil
}

// newResidue returns the command that looks for what deleted entries have left.
func newResidue(s *session) *cobra.Command {
	var (
		from    source
		secrets secretsFrom
		search  inspect.Search
		look    inspect.Look
		format  string
	)
	cmd := &cobra.Command{
		Use:   "residue pid [owner]",
		Short: "find deleted keys and values, and secrets, that are still in memory",
		Long: `Residue reads the memory of a running Go program and lists what was deleted and
can be read all the same: in slots without an entry, in old buckets, in tables
and buckets that no map has any more, and in freed spans. What a map has moved
elsewhere is told from what was deleted.

With --secret-file, --secret-env or --secret - it looks for secrets instead, one
on each line: in heap, stacks, variables, freed memory, and all else that the
program has. It says for each place what it is, and what leads there. Secrets are
never taken from the command line, and never written.

Exit status: 0 nothing is left, 1 something is, 3 that could not be decided,
because memory could not be read or the program ran meanwhile.`,
		Example: "  ghostread inspect residue 4321\n  ghostread inspect residue 4321 main.sessions --entries 5\n  ghostread inspect residue 4321 --secret-file tokens.txt\n  ghostread inspect residue 4321 --secret-env API_KEY --encodings",
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := report.ParseFormat(format)
			if err != nil {
				return err
			}
			if secrets.asked() {
				if search.Secrets, err = secrets.read(cmd.InOrStdin()); err != nil {
					return err
				}
				if look.Entries != 0 || look.Values {
					return errors.New("--entries and --show-values are for what deleted entries have left: a secret is never written")
				}
			} else if cmd.Flags().Changed("hits") {
				return errors.New("--hits is for places of secrets, and there is none: give --secret-file, --secret-env or --secret -")
			} else if search.Encodings || secrets.numbers {
				return errors.New("--encodings and --secret-int say how secrets are looked for, and there is none: give --secret-file, --secret-env or --secret -")
			}
			t, owner, err := from.open(args)
			if err != nil {
				return err
			}
			defer t.Close()
			if secrets.asked() && owner != "" {
				return errors.New("secrets are looked for in all memory, not in the maps of one owner")
			}
			exe := t.Image.Path
			if name, err := os.Readlink(exe); err == nil {
				exe = name // of /proc/PID/exe, so that a finding is the same in the next process
			}
			var out residueReport
			if secrets.asked() {
				hits, err := t.Search(search)
				if err != nil {
					return fmt.Errorf("%s: %w", t.Name, err)
				}
				out = searchReport(hits, search.Secrets, exe)
			} else {
				left, err := t.Residue(owner, look)
				if err != nil {
					return fmt.Errorf("%s: %w", t.Name, err)
				}
				out = leftReport(left, look, exe)
			}
			s.verdict = out.verdict
			if f == report.FormatText {
				_, err = io.WriteString(cmd.OutOrStdout(), report.Visible(out.text))
				return err
			}
			outcome := finding.Outcome{Subject: finding.Subject{Package: exe}, Verdict: out.verdict, Reason: strings.Join(out.undecided, "; ")}
			summary := finding.Summary{Findings: len(out.findings), Outcomes: []finding.Outcome{outcome}}
			return report.Write(cmd.OutOrStdout(), f, report.Input{
				Findings: out.findings, Summary: summary, Tool: "ghostread " + moduleVersion(debug.ReadBuildInfo()),
			})
		},
	}
	f := cmd.Flags()
	from.flags(f)
	f.StringVar(&secrets.stdin, "secret", "", "- reads secrets from standard input, one on each line; nothing else is taken, since all can read a command line")
	f.StringArrayVar(&secrets.files, "secret-file", nil, "read secrets from this `file`, one on each line; may be repeated")
	f.StringArrayVar(&secrets.names, "secret-env", nil, "the secret is in this environment `variable` of ghostread; may be repeated")
	f.BoolVar(&secrets.numbers, "secret-int", false, "secrets are decimal numbers, looked for as words of 8 and of 4 bytes")
	f.BoolVar(&search.Encodings, "encodings", false, "look for secrets as hexadecimal, base64, UTF-16, and as in URLs and JSON too")
	f.IntVar(&search.Limit, "hits", 100, "how many places are named; all are counted")
	f.IntVar(&look.Entries, "entries", 0, "how many entries of each kind of place are shown")
	f.BoolVar(&look.Values, "show-values", false, "show what is in strings and byte slices")
	f.StringVar(&format, "format", "text", "what is written to standard output: text, json, sarif or html")
	return cmd
}

// residueReport is the outcome of either search in all formats.
type residueReport struct {
	verdict   finding.Verdict
	text      string
	findings  []finding.Finding
	undecided []string
}

// decide sets the verdict: what could not be decided is no pass, and a finding
// is one whatever else is open.
func (r *residueReport) decide(found bool) {
	switch {
	case found:
		r.verdict = finding.Found
	case len(r.undecided) > 0:
		r.verdict = finding.Unknown
	default:
		r.verdict = finding.Clean
	}
}

// finding adds one in the form that all sources share.
func (r *residueReport) finding(exe, title, object string, addr uint64, notes ...string) {
	c, _ := finding.Lookup("residue")
	r.findings = append(r.findings, finding.Finding{
		Code: c.Code, Kind: c.Kind, Title: title, Source: "inspect", Subject: finding.Subject{Package: exe},
		Evidence:    []finding.Evidence{{Role: finding.RoleNote, Text: title, Object: object, Addr: addr}},
		Notes:       append(notes, r.undecided...),
		Fingerprint: finding.Fingerprint(c.Code, exe, title), Help: c.Help,
	})
}

// searchReport says where secrets are.
func searchReport(h *inspect.Hits, secrets []inspect.Secret, exe string) residueReport {
	r := residueReport{undecided: h.Undecided}
	order := map[string]int{}
	for i, s := range secrets {
		order[s.Name] = i
	}
	slices.SortStableFunc(h.Hits, func(a, b inspect.Hit) int { return cmp.Compare(order[a.Secret], order[b.Secret]) })
	r.decide(h.Count > 0)
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s: looked for %s in %s of memory, in %v\n", h.Target, h.Version, inspect.Plural(uint64(len(secrets)), "secret"), inspect.Bytes(h.Read), h.Elapsed.Round(time.Millisecond))
	switch {
	case h.Count > 0:
		fmt.Fprintf(&b, "found in %s, ", inspect.Plural(uint64(h.Count), "place"))
		if h.Count > len(h.Hits) {
			fmt.Fprintf(&b, "of which %s are named, ", inspect.Count(uint64(len(h.Hits))))
		}
		fmt.Fprintf(&b, "%s of them left behind: nothing that the program uses leads there\n", inspect.Count(uint64(h.Left)))
	case r.verdict == finding.Clean:
		b.WriteString("none is there\n")
	default:
		b.WriteString("none was found\n")
	}
	r.open(&b)
	secret := ""
	for _, hit := range h.Hits {
		if hit.Secret != secret {
			secret = hit.Secret
			fmt.Fprintf(&b, "\n%s:\n", secret)
		}
		form, state := "", "in use"
		if hit.Form != "as it is" {
			form = ", " + hit.Form
		}
		if hit.Left {
			state = "left"
		}
		fmt.Fprintf(&b, "  %-6s  %#x%s  %s\n", state, hit.Addr, form, hit.Where)
		r.finding(exe, fmt.Sprintf("%s is in memory%s: %s", hit.Secret, form, hit.Where), hit.Where, hit.Addr, state)
	}
	r.text = b.String()
	return r
}

// open says what could not be decided.
func (r *residueReport) open(b *strings.Builder) {
	for _, u := range r.undecided {
		fmt.Fprintf(b, "not decided: %s\n", u)
	}
}

// leftReport says what deleted entries have left.
func leftReport(left *inspect.Residue, look inspect.Look, exe string) residueReport {
	r := residueReport{undecided: left.Undecided}
	elems := 0
	for _, l := range left.Left {
		elems += l.Elems
	}
	keys := left.Keys()
	gone := func(l *inspect.Leftover) bool { return l.Keys > l.Copies || l.Elems > l.Copies }
	found := false
	for i := range left.Left {
		found = found || gone(&left.Left[i])
	}
	r.decide(found)
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s: looked at %s and the rest of the heap, in %v\n", left.Target, left.Version, inspect.Plural(uint64(left.Maps), "map"), left.Elapsed.Round(time.Millisecond))
	if found {
		fmt.Fprintf(&b, "%s that no entry has any more can be read, and %s outside of entries\n", inspect.Plural(uint64(keys), "key"), inspect.Plural(uint64(elems), "element"))
	} else {
		b.WriteString("nothing that was deleted was found\n")
	}
	r.open(&b)
	if lost := left.Lost.String(); lost != "" {
		fmt.Fprintf(&b, "not followed: %s; what only these lead to counts as memory that no map has\n", lost)
	}
	if len(left.Left) > 0 {
		b.WriteString("\n")
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "keys\tof them moved\telements\tfrom\t  owner, type and place")
		for i := range left.Left {
			l := &left.Left[i]
			fmt.Fprintf(w, "%s\t%s\t%s\t%#x\t  %s\n", inspect.Count(uint64(l.Keys)), inspect.Count(uint64(l.Copies)), inspect.Count(uint64(l.Elems)), l.Addr, place(l))
			if gone(l) {
				r.finding(exe, fmt.Sprintf("%s and %s that were deleted can be read: %s", inspect.Plural(uint64(l.Keys-l.Copies), "key"), inspect.Plural(uint64(max(l.Elems-l.Copies, 0)), "element"), place(l)), l.Type, l.Addr)
			}
		}
		w.Flush()
	}
	for i := range left.Left {
		if l := &left.Left[i]; len(l.First) > 0 {
			fmt.Fprintf(&b, "\n%s%s:\n", place(l), masked(look))
			for _, e := range l.First {
				fmt.Fprintf(&b, "  %s\n", strings.TrimSuffix(e.Key+": "+e.Elem, ": "))
			}
		}
	}
	r.text = b.String()
	return r
}

func masked(look inspect.Look) string {
	if look.Values {
		return ""
	}
	return "; --show-values shows strings"
}

// place says in words where something was left.
func place(l *inspect.Leftover) string {
	owner := l.Owner
	switch {
	case l.In == inspect.InSlots || l.In == inspect.InOld:
		return fmt.Sprintf("%s  %s: %s", owner, l.Type, l.In)
	case l.Certain && owner != "":
		return fmt.Sprintf("%s once, certainly  %s: %s", owner, l.Type, l.In)
	case l.Certain:
		return fmt.Sprintf("%s: %s", l.Type, l.In)
	case owner != "":
		return fmt.Sprintf("perhaps %s  like %s: %s", owner, l.Type, l.In)
	}
	return fmt.Sprintf("like %s: %s", l.Type, l.In)
}
