package report

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/ghostread/ghostread/finding"
)

const (
	maxFrames  = 12 // of a stack; the rest is in the other formats
	maxMessage = 20 // lines of what the program said
)

// ColourOn reports whether text for f should be coloured: f is a terminal and
// the environment does not object.
func ColourOn(f *os.File) bool {
	return wantsColour(os.Getenv) && term.IsTerminal(int(f.Fd()))
}

func wantsColour(getenv func(string) string) bool {
	return getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

// Text writes findings as text, one at a time.
type Text struct {
	w    io.Writer
	opts Options
}

// NewText returns a Text that writes to w.
func NewText(w io.Writer, opts Options) *Text { return &Text{w, opts} }

// Finding writes f in one Write, so that findings of concurrent callers do not
// mix on writers whose Write is atomic.
func (t *Text) Finding(f finding.Finding) error {
	b := &block{opts: t.opts}
	b.paint(bold, t.opts.position(f.Pos))
	b.plain(": ")
	b.paint(red, f.Code+" "+name(f))
	b.plain(": " + f.Title + "\n")

	for _, e := range f.Evidence {
		b.evidence(f.Kind, e)
	}
	b.message(f.Message)
	if o := origin(f); o != "" {
		b.plain("\t" + o + "\n")
	}
	if len(f.AlsoIn) > 0 {
		b.line("also in", strings.Join(f.AlsoIn, ", "))
	}
	for _, n := range f.Notes {
		b.line("note", n)
	}
	if h := help(f); h != "" {
		b.line("help", h)
	}
	if f.Witness != nil && f.Witness.Command != "" {
		b.line("replay", f.Witness.Command)
	}
	if _, err := io.WriteString(t.w, b.String()); err != nil {
		return fmt.Errorf("write finding: %w", err)
	}
	return nil
}

// style is the parameter of an escape sequence that selects how text looks.
type style string

const (
	bold   style = "1"
	dim    style = "2"
	red    style = "1;31"
	green  style = "32"
	yellow style = "33"
)

// block builds lines. What it is given may come from the program under test,
// so control characters are made visible: a terminal must not obey them.
type block struct {
	strings.Builder
	opts Options
}

// Visible returns s with its control characters made visible, for text from
// programs that goes to a terminal.
func Visible(s string) string {
	var b block
	b.plain(s)
	return b.String()
}

func (b *block) plain(s string) {
	for i, r := range s {
		switch {
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(b, `\x%02x`, s[i])
		case unicode.IsControl(r):
			fmt.Fprintf(b, `\x%02x`, r)
		case unicode.Is(unicode.Bidi_Control, r):
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
}

func (b *block) paint(st style, s string) {
	if !b.opts.Colour {
		b.plain(s)
		return
	}
	b.WriteString("\x1b[" + string(st) + "m")
	b.plain(s)
	b.WriteString("\x1b[0m")
}

// line writes one indented line with a label.
func (b *block) line(label, s string) {
	b.plain("\t")
	b.paint(labelStyle(label), label+":")
	b.plain(" " + strings.ReplaceAll(s, "\n", " ") + "\n")
}

func labelStyle(label string) style {
	switch label {
	case "help", "replay":
		return green
	case "note":
		return dim
	}
	return yellow
}

func (b *block) evidence(k finding.Kind, e finding.Evidence) {
	text := e.Text
	if a := accessed(e); a != "" {
		text += ", " + a
	}
	b.line(roleLabel(k, e.Role), text)

	stack := visible(e.Stack)
	rest := len(stack) - maxFrames
	if rest > 0 {
		stack = stack[:maxFrames]
	}
	places := make([]string, len(stack))
	width := 0
	for i, f := range stack {
		places[i] = b.opts.frame(f)
		width = max(width, utf8.RuneCountInString(places[i]))
	}
	for i, f := range stack {
		b.plain("\t\t" + places[i] + strings.Repeat(" ", width-utf8.RuneCountInString(places[i])+2))
		b.paint(dim, f.Func)
		b.plain("\n")
	}
	if rest > 0 {
		b.plain("\t\t")
		b.paint(dim, fmt.Sprintf("and %s", Plural(rest, "more frame")))
		b.plain("\n")
	}
}

// message quotes what the program said.
func (b *block) message(s string) {
	s = strings.TrimRight(s, "\n")
	if s == "" {
		return
	}
	lines := strings.Split(s, "\n")
	rest := len(lines) - maxMessage
	if rest > 0 {
		lines = lines[:maxMessage]
	}
	for _, l := range lines {
		b.plain("\t")
		b.paint(dim, "|")
		b.plain(strings.TrimRight(" "+l, " \t\r") + "\n")
	}
	if rest > 0 {
		b.plain("\t")
		b.paint(dim, fmt.Sprintf("| and %s", Plural(rest, "more line")))
		b.plain("\n")
	}
}

// WriteSummary writes what a run came to: a line for each reason why outcomes
// are unknown, or not the proof that was asked for, and one for the whole.
// Other tests that are clean or found are not listed; the findings were shown.
func WriteSummary(w io.Writer, s finding.Summary, opts Options) error {
	b := &block{opts: opts}
	for _, g := range reasons(s.Outcomes) {
		b.paint(yellow, g.verdict)
		if len(g.names) == 1 {
			b.plain(": " + g.names[0] + ": " + g.reason + "\n")
			continue
		}
		more := ""
		if n := len(g.names) - maxNames; n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		b.plain(fmt.Sprintf(": %d tests: %s: %s%s\n", len(g.names), g.reason, strings.Join(g.names[:min(len(g.names), maxNames)], ", "), more))
	}
	if u := s.Uncontrolled(); len(u) > 0 {
		b.plain("not under control: " + strings.Join(u, ", ") + "\n")
	}
	for _, n := range s.Notes {
		b.plain("note: " + n + "\n")
	}
	b.paint(verdictStyle(s.Verdict()), headline(s))
	if d := details(s); d != "" {
		b.plain(" (" + d + ")")
	}
	b.plain("\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

// maxNames is how many tests of one reason are named; all are in the other
// formats.
const maxNames = 4

// reasoned are the tests of which less can be said, for one reason.
type reasoned struct {
	verdict string
	reason  string
	names   []string
}

// reasons groups the outcomes that are neither clean nor found, and those that
// are clean without the proof that was asked for, by reason, in the order in
// which the reasons come first.
func reasons(outcomes []finding.Outcome) (groups []*reasoned) {
	byReason := map[string]*reasoned{}
	for _, o := range outcomes {
		verdict := "unknown"
		switch {
		case o.Verdict == finding.Clean && strings.HasPrefix(o.Reason, finding.NoProof):
			verdict = "clean"
		case o.Verdict == finding.Clean || o.Verdict == finding.Found:
			continue
		}
		reason := strings.ReplaceAll(o.Reason, "\n", " ")
		if reason == "" {
			reason = "no reason given"
		}
		g := byReason[reason]
		if g == nil {
			g = &reasoned{verdict: verdict, reason: reason}
			byReason[reason] = g
			groups = append(groups, g)
		}
		g.names = append(g.names, o.Subject.String())
	}
	return groups
}

func verdictStyle(v finding.Verdict) style {
	switch v {
	case finding.Clean:
		return green
	case finding.Found:
		return red
	}
	return yellow
}

// headline says in one sentence what s came to.
func headline(s finding.Summary) string {
	if len(s.Outcomes) == 0 && s.Findings == 0 {
		if s.Unchanged {
			return "nothing changed that had to be checked"
		}
		return "nothing was checked"
	}
	_, _, unknown := s.Count()
	h := Plural(s.Findings, "finding")
	if s.Findings == 0 {
		h = "nothing found"
	}
	if len(s.Outcomes) > 0 {
		h += " in " + checked(s)
	}
	if unknown > 0 {
		h += fmt.Sprintf(", %d unknown", unknown)
	}
	return h
}

// checked counts what was checked: tests, or packages where no tests ran.
func checked(s finding.Summary) string {
	tests := 0
	for _, o := range s.Outcomes {
		if o.Subject.Test != "" {
			tests++
		}
	}
	if tests == 0 {
		return Plural(len(s.Outcomes), "package")
	}
	return Plural(tests, "test")
}

// details says what it took.
func details(s finding.Summary) string {
	var parts []string
	if s.Executions > 0 {
		parts = append(parts, Plural(s.Executions, "execution"))
	}
	if s.Duration > 0 {
		parts = append(parts, shortDuration(s.Duration))
	}
	exhausted := 0
	for _, o := range s.Outcomes {
		if o.Exhausted && o.Verdict == finding.Clean {
			exhausted++
		}
	}
	if exhausted > 0 {
		parts = append(parts, Plural(exhausted, "test")+" proved clean")
	}
	return strings.Join(parts, ", ")
}

// shortDuration keeps the digits that matter.
func shortDuration(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.String()
}
