package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"

	"github.com/ghostread/ghostread/finding"
)

// What another page needs to look like the report and to draw timelines as it
// does. BaseCSS has the colours and the elements, DiagramCSS and DiagramJS are
// for what [Diagram] returns; the script defines the class Diagram, and the
// page makes one for each element of that class.
var (
	//go:embed html/base.css
	BaseCSS string
	//go:embed html/diagram.css
	DiagramCSS string
	// DiagramJS is the model, the drawing and the controls, in this order.
	DiagramJS = modelJS + drawJS + timelineJS

	//go:embed html/diagram.js
	modelJS string
	//go:embed html/draw.js
	drawJS string
	//go:embed html/timeline.js
	timelineJS string
	//go:embed html/diagram.tmpl
	diagramText string
)

var diagramTemplate = template.Must(template.New("diagrams").Parse(diagramText))

type diagramView struct {
	ID      string // of the element with the data
	Caption string
	Size    string
	Data    template.JS // columns of the timeline
}

func viewDiagram(opts Options, sources *excerpts, tl *finding.Timeline, id string) (*diagramView, error) {
	data, err := columns(opts, sources, tl)
	if err != nil {
		return nil, err
	}
	return &diagramView{id, caption(tl), sizeOf(tl), template.JS(data)}, nil
}

// Diagram returns the element that shows a timeline. The id must be unique in
// its page. A timeline that cannot be drawn is an error.
func Diagram(tl *finding.Timeline, id string) (template.HTML, error) {
	if len(tl.Points) == 0 {
		return "", errors.New("timeline: it has no points")
	}
	if err := (&finding.Finding{Timeline: tl}).Validate(); err != nil {
		return "", err
	}
	v, err := viewDiagram(Options{}, newExcerpts(Options{}), tl, id)
	if err != nil {
		return "", fmt.Errorf("timeline: %w", err)
	}
	var buf bytes.Buffer
	if err := diagramTemplate.ExecuteTemplate(&buf, "diagram", v); err != nil {
		return "", fmt.Errorf("timeline: %w", err)
	}
	return template.HTML(buf.String()), nil
}

// ContentPolicy returns the Content-Security-Policy of a page with one style
// and one script: it allows these two by their hashes and nothing else, so
// that text that slips through could not run either.
func ContentPolicy(style, script string) string {
	return fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'",
		hashSource(style), hashSource(script))
}

func hashSource(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func caption(tl *finding.Timeline) string {
	switch {
	case tl.Title != "":
		return tl.Title
	case tl.Unit == "step":
		return "Schedule"
	}
	return "Timeline"
}

// sizeOf says how much a timeline shows.
func sizeOf(tl *finding.Timeline) string {
	s := Plural(len(tl.Points), "operation") + " in " + Plural(len(tl.Lanes), "lane")
	if tl.Omitted > 0 {
		s += fmt.Sprintf(", %d more left out", tl.Omitted)
	}
	return s
}
