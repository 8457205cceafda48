package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/finding"
)

var (
	//go:embed html/page.tmpl
	pageText string
	//go:embed html/page.css
	pageCSS string
	//go:embed html/page.js
	pageJS string
)

var pageTemplate = template.Must(template.Must(diagramTemplate.Clone()).New("page").Parse(pageText))

// page is what the template shows. Everything that comes from the program
// under test is a plain string in it, and the template escapes it by context.
type page struct {
	Title        string
	Verdict      finding.Verdict
	Headline     string
	Details      string
	Tool         string
	Kinds        []kindCount
	Outcomes     []outcomeRow
	Clean        int
	Found        int
	Unknown      int
	Uncontrolled []string
	Notes        []string
	Findings     []findingView

	CSS    template.CSS
	Script template.JS
	Policy string
}

type kindCount struct {
	Kind  finding.Kind
	Count int
	First int // number of the first finding of that kind
}

type outcomeRow struct {
	finding.Outcome
	Name  string
	Took  string
	Links []link
}

type link struct {
	ID   int
	Code string
}

type findingView struct {
	finding.Finding
	ID       int // counted from 1
	Name     string
	Place    string
	Origin   string
	Help     string
	Explain  string
	Replay   string
	Evidence []evidenceView
	Chains   []chainView
	Diagram  *diagramView // nil without a timeline
	Broken   string       // why the timeline is not drawn
}

// chainView is a way through the graph of who waits for whom: a cycle, or one
// step.
type chainView struct {
	Cycle bool
	Steps []chainStep
	End   string // who comes last: again the first in a cycle
}

type chainStep struct{ Who, For string }

// chains puts the waits of each cycle together.
func chains(waits []finding.Wait) (list []chainView) {
	lane := func(id int) string {
		if id == 0 {
			return "nobody"
		}
		return fmt.Sprintf("G%d", id)
	}
	first := 0 // of the cycle that is not at its end
	for i, w := range waits {
		if i == 0 || !w.Cycle || !waits[i-1].Cycle || waits[i-1].To == waits[first].From {
			first = i
			list = append(list, chainView{Cycle: w.Cycle})
		}
		c := &list[len(list)-1]
		c.Steps = append(c.Steps, chainStep{lane(w.From), w.For})
		c.End = lane(w.To)
	}
	return list
}

type evidenceView struct {
	finding.Evidence
	Label    string
	Accessed string
	Place    string
	Excerpt  []sourceLine
	Frames   []frameView
	Hidden   int // frames that explain nothing
	Jump     int // point to select, -1: none
}

type frameView struct {
	Func, Place string
	Plumbing    bool
}

type sourceLine struct {
	Number int
	Text   string
	Here   bool
}

// writeHTML writes one page that refers to nothing outside itself. Its content
// policy allows the one style and the one script below by their hashes and
// nothing else, so that text that slips through could not run either.
func writeHTML(w io.Writer, in Input) error {
	style := BaseCSS + DiagramCSS + pageCSS
	script := DiagramJS + pageJS
	p := page{
		Title:        "ghostread: " + headline(in.Summary),
		Verdict:      in.Summary.Verdict(),
		Headline:     headline(in.Summary),
		Details:      details(in.Summary),
		Tool:         in.Tool,
		Uncontrolled: in.Summary.Uncontrolled(),
		Notes:        in.Summary.Notes,
		CSS:          template.CSS(style),
		Script:       template.JS(script),
		Policy:       ContentPolicy(style, script),
	}
	if p.Tool == "" {
		p.Tool = "ghostread"
	}
	p.Clean, p.Found, p.Unknown = in.Summary.Count()

	sources := newExcerpts(in.Options)
	byFingerprint := make(map[string]link)
	for i, f := range in.Findings {
		v, err := viewFinding(in.Options, sources, f, i+1)
		if err != nil {
			return fmt.Errorf("write html: %s at %s: %w", f.Code, f.Pos, err)
		}
		p.Findings = append(p.Findings, v)
		if f.Fingerprint != "" {
			byFingerprint[f.Fingerprint] = link{v.ID, f.Code}
		}
		p.count(f.Kind, v.ID)
	}
	for _, o := range in.Summary.Outcomes {
		row := outcomeRow{Outcome: o, Name: o.Subject.String()}
		if o.Duration > 0 {
			row.Took = shortDuration(o.Duration)
		}
		for _, fp := range o.Findings {
			if l, ok := byFingerprint[fp]; ok {
				row.Links = append(row.Links, l)
			}
		}
		p.Outcomes = append(p.Outcomes, row)
	}
	// What asks for attention must not drown in what is clean.
	slices.SortStableFunc(p.Outcomes, func(a, b outcomeRow) int { return urgency(b.Verdict) - urgency(a.Verdict) })

	var buf bytes.Buffer
	if err := pageTemplate.Execute(&buf, p); err != nil {
		return fmt.Errorf("write html: %w", err)
	}
	if _, err := buf.WriteTo(w); err != nil {
		return fmt.Errorf("write html: %w", err)
	}
	return nil
}

func urgency(v finding.Verdict) int {
	switch v {
	case finding.Found:
		return 2
	case finding.Clean:
		return 0
	}
	return 1
}

func (p *page) count(k finding.Kind, id int) {
	for i := range p.Kinds {
		if p.Kinds[i].Kind == k {
			p.Kinds[i].Count++
			return
		}
	}
	p.Kinds = append(p.Kinds, kindCount{k, 1, id})
}

func viewFinding(opts Options, sources *excerpts, f finding.Finding, id int) (findingView, error) {
	v := findingView{
		Finding: f,
		ID:      id,
		Name:    name(f),
		Place:   opts.position(f.Pos),
		Origin:  origin(f),
		Help:    f.Help,
	}
	if c, ok := finding.Lookup(f.Code); ok {
		if v.Help == "" {
			v.Help = c.Help
		}
		v.Explain = c.Text
	}
	if f.Witness != nil {
		v.Replay = f.Witness.Command
	}
	drawn := false
	if tl := f.Timeline; tl != nil && len(tl.Points) > 0 {
		if err := f.Validate(); err != nil {
			v.Broken = err.Error()
		} else {
			d, err := viewDiagram(opts, sources, tl, fmt.Sprintf("d%d", id))
			if err != nil {
				return v, err
			}
			v.Diagram, drawn = d, true
		}
	}
	v.Chains = chains(f.Waits)
	for _, e := range f.Evidence {
		v.Evidence = append(v.Evidence, viewEvidence(opts, sources, f, e, drawn))
	}
	return v, nil
}

func viewEvidence(opts Options, sources *excerpts, f finding.Finding, e finding.Evidence, drawn bool) evidenceView {
	v := evidenceView{
		Evidence: e,
		Label:    roleLabel(f.Kind, e.Role),
		Accessed: accessed(e),
		Jump:     -1,
	}
	if drawn {
		v.Jump = e.Point
	}
	if fr, ok := e.Place(); ok {
		v.Place = opts.frame(fr)
		if src, ok := sources.at(f.Timeline, fr.File, fr.Line); ok {
			for i, text := range src.Lines {
				n := src.First + i
				v.Excerpt = append(v.Excerpt, sourceLine{n, strings.ReplaceAll(text, "\t", "    "), n == fr.Line})
			}
		}
	}
	for _, fr := range e.Stack {
		v.Frames = append(v.Frames, frameView{fr.Func, opts.frame(fr), fr.Plumbing()})
		if fr.Plumbing() {
			v.Hidden++
		}
	}
	return v
}
