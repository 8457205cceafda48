// Package report shows findings to people and to machines: as text, as a
// stream of JSON lines, as SARIF, and as one HTML page that needs no network.
//
// All formats show the same [Input] and none of them decides anything: the
// verdict, the exit status and the order of findings come from the caller. The
// text format shows findings only; [WriteSummary] is apart from it, because
// findings belong on stdout and the summary on stderr. [Text] writes one
// finding at a time, for a run that reports each as soon as it is confirmed.
//
// The package opens no files. Excerpts of source come from the timelines, or
// from a function that the caller provides.
package report

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/finding"
)

// Format is one of the ways in which findings are written.
type Format string

// The formats.
const (
	FormatText  Format = "text"
	FormatJSON  Format = "json"
	FormatSARIF Format = "sarif"
	FormatHTML  Format = "html"
)

// Formats lists all formats, for usage texts and completion.
var Formats = []Format{FormatText, FormatJSON, FormatSARIF, FormatHTML}

// ParseFormat returns the format called name.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); slices.Contains(Formats, f) {
		return f, nil
	}
	return "", fmt.Errorf("unknown format %q, want text, json, sarif or html", name)
}

// Input is what a report shows.
type Input struct {
	Findings []finding.Finding
	Summary  finding.Summary
	Tool     string // program and version, e.g. "ghostread v0.1.0"
	Options
}

// Options say how findings are shown, for formats to which it matters.
type Options struct {
	// Dir is the absolute working directory. Paths below it are shown relative
	// to it where that is shorter. If it is empty, paths are shown as they are.
	Dir string
	// Colour makes text coloured. [ColourOn] says whether a file wants it.
	Colour bool
	// ReadFile, if it is not nil, provides the source for excerpts that the
	// timelines lack. os.ReadFile fits.
	ReadFile func(name string) ([]byte, error)
}

// Write writes in to w as f.
func Write(w io.Writer, f Format, in Input) error {
	switch f {
	case FormatText:
		t := NewText(w, in.Options)
		for _, f := range in.Findings {
			if err := t.Finding(f); err != nil {
				return err
			}
		}
		return nil
	case FormatJSON:
		return writeJSON(w, in)
	case FormatSARIF:
		return writeSARIF(w, in)
	case FormatHTML:
		return writeHTML(w, in)
	}
	return fmt.Errorf("write report: unknown format %q", f)
}

func writeJSON(w io.Writer, in Input) error {
	enc := finding.NewEncoder(w, in.Tool)
	for _, f := range in.Findings {
		if err := enc.Finding(f); err != nil {
			return err
		}
	}
	return enc.Summary(in.Summary)
}

// path returns file as it is shown: relative to dir if that is shorter.
func (o Options) path(file string) string {
	if rel, ok := o.relative(file); ok && len(rel) < len(file) {
		return rel
	}
	return file
}

// relative returns file relative to o.Dir. It reports false for an absolute
// file if there is no Dir or the two are on different volumes.
func (o Options) relative(file string) (string, bool) {
	if !filepath.IsAbs(file) {
		return file, true
	}
	if o.Dir == "" {
		return file, false
	}
	rel, err := filepath.Rel(o.Dir, file)
	return rel, err == nil
}

// position returns p as it is shown.
func (o Options) position(p finding.Position) string {
	p.File = o.path(p.File)
	if p.File == "" {
		p.File = "(unknown place)"
	}
	return p.String()
}

// frame returns the place of f as it is shown.
func (o Options) frame(f finding.Frame) string {
	return o.position(finding.Position{File: f.File, Line: f.Line})
}

// name returns the name of f's check for people; a code that the catalogue
// does not have comes from a newer source, and its kind says as much.
func name(f finding.Finding) string {
	if c, ok := finding.Lookup(f.Code); ok && f.Code != "" {
		return c.Name
	}
	return string(f.Kind)
}

// help returns the one line of f that can be done or typed.
func help(f finding.Finding) string {
	c, known := finding.Lookup(f.Code)
	h := f.Help
	if h == "" {
		h = c.Help
	}
	explain := "ghostread explain " + f.Code
	switch {
	case !known || strings.Contains(h, explain):
		return h
	case h == "":
		return explain
	}
	return h + ", or see: " + explain
}

// roleLabel says in a few words what the evidence of a role is to the reader.
func roleLabel(k finding.Kind, r finding.Role) string {
	switch r {
	case finding.RoleRead:
		if k == finding.History {
			return "wrong answer"
		}
		return "read"
	case finding.RoleWrite:
		switch k {
		case finding.Race:
			return "not ordered with"
		case finding.Invariant:
			return "broken by"
		case finding.History:
			return "contradicts"
		}
		return "write"
	case finding.RoleOrigin:
		return "value came from"
	case finding.RoleWait:
		return "waits"
	case finding.RoleSpin:
		return "spins"
	case finding.RoleHold:
		return "holds"
	case finding.RoleSpawn:
		return "started"
	case finding.RolePanic:
		return "stopped"
	case finding.RoleAssert:
		return "failed"
	case finding.RoleNote, "":
		return "note"
	}
	return string(r)
}

// accessed says what memory e is about beyond its text.
func accessed(e finding.Evidence) string {
	if e.Addr == 0 {
		return ""
	}
	if e.Size == 0 {
		return fmt.Sprintf("at %#x", e.Addr)
	}
	return fmt.Sprintf("%s at %#x", Plural(int(e.Size), "byte"), e.Addr)
}

// origin says in which execution f was found.
func origin(f finding.Finding) string {
	var s string
	if f.Executions > 0 {
		s = fmt.Sprintf("found in execution %d", f.Executions)
	}
	if sub := f.Subject.String(); sub != "" {
		if s == "" {
			s = "found in"
		} else {
			s += " of"
		}
		s += " " + sub
	}
	if w := f.Witness; w != nil && w.Strategy != "" {
		s += fmt.Sprintf(", strategy %s, seed %d", w.Strategy, w.Seed)
		if w.Decisions > 0 {
			s += ", " + Plural(w.Decisions, "decision")
		}
		if w.Switches != nil {
			s += ", " + switches(*w.Switches)
			if w.Found > *w.Switches {
				s += fmt.Sprintf(" (%d before it was reduced)", w.Found)
			}
		}
		if w.EarlyTimers > 0 {
			s += ", " + Plural(w.EarlyTimers, "early timer")
		}
	}
	return strings.TrimPrefix(s, ", ")
}

func switches(n int) string {
	if n == 1 {
		return "1 switch"
	}
	return fmt.Sprintf("%d switches", n)
}

// Plural counts things whose plural takes an s: "1 test", "2 tests".
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// visible returns the part of stack that explains something: without the
// plumbing around the program's own frames. The frames inside are kept, since
// they show how one part of the program was called by another.
func visible(stack []finding.Frame) []finding.Frame {
	first := slices.IndexFunc(stack, func(f finding.Frame) bool { return !f.Plumbing() })
	if first < 0 {
		return stack
	}
	last := len(stack)
	for stack[last-1].Plumbing() {
		last--
	}
	return stack[first:last]
}
