// Package labpage draws a record of the lab as one HTML page.
//
// A page has three parts: who measured what, the claims with a verdict for
// each Go release, and the experiments with their pictures, commands, outputs
// and sources. Whatever several releases agree on is shown once, with the
// releases it holds for. The page refers to nothing outside itself, reads
// without scripts, and runs with a content policy that allows its one style
// and its one script by their hashes.
//
// Everything in a record comes from programs that were run, so all of it is
// plain text to this package. A picture that is malformed becomes a sentence
// that says so; it never costs the page.
package labpage

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/ghostread/ghostread/lab"
	"github.com/ghostread/ghostread/report"
)

//go:embed html
var files embed.FS

var pageTemplate = template.Must(template.New("page.tmpl").Funcs(template.FuncMap{
	"prose":      prose,
	"paragraphs": paragraphs,
}).ParseFS(files, "html/*.tmpl"))

var (
	style  = report.BaseCSS + report.DiagramCSS + text("page.css") + text("claims.css") + text("experiments.css") + text("pictures.css") + text("print.css")
	script = report.DiagramJS + text("claims.js") + text("map.js") + text("page.js")
)

func text(name string) string {
	b, err := files.ReadFile("html/" + name)
	if err != nil {
		panic(err) // embedded above
	}
	return string(b)
}

// page is what the template shows.
type page struct {
	Title       string
	Lead        string
	Tallies     []tally
	Recorded    bool
	Date        string
	Took        string
	Host        string
	Kernel      string
	Tool        string
	Command     string
	Releases    releases
	Claims      int
	Chapters    []chapter
	Experiments []experiment

	CSS    template.CSS
	Script template.JS
	Policy string
}

// Write writes the page of a record.
func Write(w io.Writer, rec *lab.Record) error {
	var buf bytes.Buffer
	if err := pageTemplate.Execute(&buf, newPage(rec)); err != nil {
		return fmt.Errorf("write the page of the lab: %w", err)
	}
	if _, err := buf.WriteTo(w); err != nil {
		return fmt.Errorf("write the page of the lab: %w", err)
	}
	return nil
}

func newPage(rec *lab.Record) *page {
	rel := newReleases(rec.Releases)
	p := &page{
		Title:    "What is true of Go’s maps, memory and locks",
		Recorded: rec.Recorded,
		Host:     host(rec.Host),
		Kernel:   rec.Host.Kernel,
		Tool:     rec.Tool,
		Command:  command(rec),
		Releases: rel,
		CSS:      template.CSS(style),
		Script:   template.JS(script),
		Policy:   report.ContentPolicy(style, script),
	}
	if p.Tool == "" {
		p.Tool = "ghostread"
	}
	if !rec.Date.IsZero() {
		p.Date = rec.Date.UTC().Format("2 January 2006, 15:04 UTC")
	}
	if rec.Took > 0 {
		p.Took = duration(rec.Took)
	}
	p.Chapters = chapters(rel, rec.Experiments)
	for _, c := range p.Chapters {
		p.Claims += len(c.Claims)
	}
	p.Tallies = tallies(rec.Experiments)
	p.Lead = lead(p.Claims, len(rel.Columns), p.Tallies)
	ids := &counter{}
	for _, e := range rec.Experiments {
		p.Experiments = append(p.Experiments, newExperiment(rel, e, ids))
	}
	return p
}

func host(h lab.Host) string {
	var parts []string
	if h.CPU != "" {
		parts = append(parts, h.CPU)
	}
	if h.CPUs > 0 {
		parts = append(parts, report.Plural(h.CPUs, "CPU"))
	}
	if h.OS != "" {
		parts = append(parts, h.OS+"/"+h.Arch)
	}
	return strings.Join(parts, ", ")
}

// command returns what measures the same again.
func command(rec *lab.Record) string {
	text := "ghostread lab matrix"
	if rec.Tools {
		text += " --tools"
	}
	var asked []string
	for _, r := range rec.Releases {
		asked = append(asked, r.Asked)
	}
	if len(asked) > 0 {
		text += " --go " + strings.Join(asked, ",")
	}
	return text
}

// counter gives out the numbers that make ids unique in a page.
type counter struct{ n int }

func (c *counter) next(prefix string) string {
	c.n++
	return fmt.Sprintf("%s%d", prefix, c.n)
}
