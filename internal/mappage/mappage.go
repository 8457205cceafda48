// Package mappage draws maps of a program as one HTML page: a census as a table
// that can be sorted, or the memory of one map as a picture, slot by slot. With
// several looks it also shows how they grew.
//
// The page refers to nothing outside itself, reads without scripts but for the
// picture, and runs with a content policy that allows its one style and its one
// script by their hashes. Owners and types come from the program that was
// looked at and are plain text to this package. Keys and elements are not on the
// page.
package mappage

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"time"

	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/inspect"
	"github.com/ghostread/ghostread/report"
)

//go:embed html
var files embed.FS

var pageTemplate = template.Must(template.New("page.tmpl").Funcs(template.FuncMap{
	"count": inspect.Count, "bytes": inspect.Bytes,
}).ParseFS(files, "html/page.tmpl"))

var (
	style  = report.BaseCSS + report.DiagramCSS + text("page.css")
	script = report.DiagramJS + text("page.js")
)

func text(name string) string {
	b, err := files.ReadFile("html/" + name)
	if err != nil {
		panic(err) // embedded above
	}
	return string(b)
}

// Look is what one look of several has seen.
type Look struct {
	At      time.Time
	Entries uint64
	Slots   uint64
	Bytes   uint64
	Waste   uint64
	Growing bool
	Grown   []string // owners that had fewer slots in the look before
}

// page is what the template shows.
type page struct {
	Title, Lead, Sub string
	Rows             []row
	Advice           []advice
	NotFollowed      []string
	Picture          *picture
	Curves           []curve
	Diagram          template.HTML

	CSS    template.CSS
	Script template.JS
	Policy string
}

func newPage() *page {
	return &page{CSS: template.CSS(style), Script: template.JS(script), Policy: report.ContentPolicy(style, script)}
}

func (p *page) write(w io.Writer) error {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return fmt.Errorf("write the page of maps: %w", err)
	}
	_, err := b.WriteTo(w)
	return err
}

// row is an owner of maps.
type row struct {
	Owner, Type                            string
	Maps, Entries, Slots, Tombstones, Size uint64
	Waste                                  uint64
	Load                                   string // percent
	Full, Dead, Wasted                     string // widths of bars
	Growing                                bool
	Torn                                   uint64
}

type advice struct{ Owner, Text string }

// mostRows bounds the rows of a page.
const mostRows = 2000

// Census writes the page of a census. looks are the ones before and the census
// itself, if there were several.
func Census(w io.Writer, c *inspect.Census, looks []Look) error {
	t := &c.Total
	p := newPage()
	p.Title = "Maps of " + c.Target
	p.Lead = fmt.Sprintf("%s: %s of %s of heap in use, %s of it waste.", t.Sum(), inspect.Bytes(t.Bytes), inspect.Bytes(c.Heap), inspect.Bytes(t.Waste))
	p.Sub = fmt.Sprintf("%s, read in %v", c.Version, c.Elapsed.Round(time.Millisecond))
	if c.Torn > 0 {
		p.Sub += fmt.Sprintf("; %s changed while being read", inspect.Plural(uint64(c.Torn), "map"))
	}
	most := uint64(1)
	for i := range c.Groups {
		most = max(most, c.Groups[i].Waste)
	}
	for i := range c.Groups {
		g := &c.Groups[i]
		if a := g.Advice(); a != "" {
			p.Advice = append(p.Advice, advice{g.Owner, a})
		}
		if len(p.Rows) == mostRows {
			continue
		}
		p.Rows = append(p.Rows, row{
			Owner: g.Owner, Type: g.Type, Maps: uint64(g.Maps), Entries: g.Entries, Slots: g.Slots, Tombstones: g.Tombstones, Size: g.Bytes, Waste: g.Waste,
			Load: fmt.Sprintf("%.0f", 100*g.Load()), Full: share(g.Entries, g.Slots), Dead: share(g.Tombstones, g.Slots), Wasted: share(g.Waste, most), Growing: g.Growing > 0, Torn: uint64(g.Torn),
		})
	}
	if more := len(c.Groups) - len(p.Rows); more > 0 {
		p.NotFollowed = append(p.NotFollowed, inspect.Plural(uint64(more), "owner")+" more than are shown")
	}
	if lost := c.Lost.String(); lost != "" {
		p.NotFollowed = append(p.NotFollowed, lost+"; maps that only these lead to have no owner, and some may be missing")
	}
	p.NotFollowed = append(append(p.NotFollowed, "Goroutines: "+c.Stacks.String()), c.Notes...)
	if err := p.grow(looks); err != nil {
		return err
	}
	return p.write(w)
}

// share is a part of a whole as a width.
func share(part, whole uint64) string {
	if whole == 0 {
		return "0%"
	}
	return strconv.FormatFloat(100*min(float64(part)/float64(whole), 1), 'f', 2, 64) + "%"
}

// curve is a number over time.
type curve struct {
	Name, First, Last, Most string
	Points                  string // of a polyline in a box of 1000 by 100
}

// grow draws what changed between looks.
func (p *page) grow(looks []Look) error {
	if len(looks) < 2 {
		return nil
	}
	start := looks[0].At
	took := max(looks[len(looks)-1].At.Sub(start), 1)
	for _, c := range []struct {
		name string
		of   func(*Look) uint64
		say  func(uint64) string
	}{
		{"Entries", func(l *Look) uint64 { return l.Entries }, inspect.Count},
		{"Slots", func(l *Look) uint64 { return l.Slots }, inspect.Count},
		{"Memory", func(l *Look) uint64 { return l.Bytes }, inspect.Bytes},
		{"Waste", func(l *Look) uint64 { return l.Waste }, inspect.Bytes},
	} {
		most := uint64(0)
		for i := range looks {
			most = max(most, c.of(&looks[i]))
		}
		var b []byte
		for i := range looks {
			x := 1000 * float64(looks[i].At.Sub(start)) / float64(took)
			y := 98 - 96*float64(c.of(&looks[i]))/float64(max(most, 1))
			b = fmt.Appendf(b, "%.1f,%.1f ", x, y)
		}
		p.Curves = append(p.Curves, curve{c.name, c.say(c.of(&looks[0])), c.say(c.of(&looks[len(looks)-1])), c.say(most), string(b)})
	}
	d, err := report.Diagram(timeline(looks), "growth")
	p.Diagram = d
	return err
}

// mostLanes bounds the owners of a timeline.
const mostLanes = 12

// timeline returns looks as points and growth as spans: a lane for the looks,
// and one for each owner that grew.
func timeline(looks []Look) *finding.Timeline {
	start := looks[0].At
	tl := &finding.Timeline{Title: "Growth", Unit: "ns", Lanes: []finding.Lane{{ID: 1, Name: "looks"}}}
	lanes := map[string]int{}
	for i := range looks {
		l := &looks[i]
		at := l.At.Sub(start).Nanoseconds()
		tl.Points = append(tl.Points, finding.Point{Lane: 1, At: at, Op: "look", Stack: -1,
			Text: fmt.Sprintf("%s in %s slots, %s, %s of it waste", inspect.Plural(l.Entries, "entry"), inspect.Count(l.Slots), inspect.Bytes(l.Bytes), inspect.Bytes(l.Waste))})
		if l.Growing && i > 0 {
			tl.Spans = append(tl.Spans, finding.Span{Lane: 1, Start: looks[i-1].At.Sub(start).Nanoseconds(), End: at + 1, State: "run", Text: "growing"})
		}
		for _, owner := range l.Grown {
			id, ok := lanes[owner]
			if !ok {
				if len(lanes) == mostLanes {
					tl.Omitted++
					continue
				}
				id = len(lanes) + 2
				lanes[owner] = id
				tl.Lanes = append(tl.Lanes, finding.Lane{ID: id, Name: owner})
			}
			tl.Points = append(tl.Points, finding.Point{Lane: id, At: at, Op: "grow", Stack: -1, Text: fmt.Sprintf("has more slots than in the look before; %s in all", inspect.Count(l.Slots))})
		}
	}
	return tl
}
