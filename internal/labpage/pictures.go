package labpage

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/lab"
	"github.com/ghostread/ghostread/report"
)

// figure is a picture of an experiment. Releases may have drawn it
// differently; where classic and Swiss maps both did, they stand side by side.
type figure struct {
	Title string
	Kind  string
	Step  string // anchor
	Name  string // of the step
	Wide  bool
	// Beside says that the sides fit next to each other.
	Beside bool
	Sides  []side
}

type side struct {
	Heading string
	Tabs    tabs // of template.HTML
}

// families are the two kinds of map, in the order in which they are drawn.
var families = []string{"classic", "swiss"}

var familyNames = map[string]string{"classic": "Classic map", "swiss": "Swiss map"}

// drawing is a picture of one release before it is drawn.
type drawing struct {
	raw    json.RawMessage
	title  string
	family string
}

type slot struct {
	kind, title string
	drawings    map[int]drawing // by column
	place       int             // among the pictures of its newest release
	oldest      int             // column
	mixed       bool            // the drawings have titles of their own
}

// figures collects the pictures of all steps. Pictures of several releases
// belong together when they have the same kind and title, and are the same
// one of those that do.
func figures(rel releases, e lab.ExperimentResult, ids *counter) []figure {
	var list []figure
	for _, s := range e.Steps {
		for _, sl := range slots(rel, s) {
			f := figure{Title: sl.title, Kind: sl.kind, Step: stepAnchor(e.Name, s.Name), Name: s.Name}
			f.Sides = sides(rel, sl, ids)
			narrow := sl.kind == "layout" || sl.kind == "table" && sl.narrow()
			f.Wide = len(f.Sides) > 1 || !narrow
			f.Beside = sl.kind != "table" || narrow
			list = append(list, f)
		}
	}
	return list
}

func slots(rel releases, s lab.StepResult) []*slot {
	var list []*slot
	at := map[string]*slot{}
	for i := len(rel.Columns) - 1; i >= 0; i-- {
		run := s.Runs[rel.Columns[i].Index]
		seen := map[string]int{}
		for place, raw := range run.Pictures {
			var head struct{ Kind, Title, Map string }
			_ = json.Unmarshal(raw, &head) // a malformed picture is told of where it is drawn
			name := head.Kind + "\x00" + head.Title
			seen[name]++
			key := fmt.Sprintf("%s\x00%d", name, seen[name])
			sl := at[key]
			if sl == nil {
				sl = &slot{kind: head.Kind, title: head.Title, drawings: map[int]drawing{}, place: place}
				at[key] = sl
				list = append(list, sl)
			}
			if head.Map == "" {
				head.Map, _ = run.Facts["map"].(string)
			}
			sl.drawings[i], sl.oldest = drawing{raw, head.Title, head.Map}, i
		}
	}
	// What the kinds of map drew at the same place belongs together, the old
	// kind first.
	slices.SortStableFunc(list, func(a, b *slot) int { return cmp.Or(a.place-b.place, a.oldest-b.oldest) })
	return merged(list)
}

var digits = regexp.MustCompile(`[0-9]+`)

// merged puts slots together whose titles differ in numbers only and which no
// release has both of: a number in a title is often what was measured.
func merged(list []*slot) []*slot {
	var result []*slot
	at := map[string]*slot{}
	for _, s := range list {
		key := fmt.Sprintf("%d %s\x00%s", s.place, s.kind, digits.ReplaceAllString(s.title, "#"))
		into := at[key]
		if into == nil || slices.ContainsFunc(slices.Collect(maps.Keys(s.drawings)), func(c int) bool { _, both := into.drawings[c]; return both }) {
			at[key] = s
			result = append(result, s)
			continue
		}
		for c, d := range s.drawings {
			into.drawings[c] = d
		}
		into.mixed = into.mixed || into.title != s.title
		into.title = into.drawings[slices.Max(slices.Collect(maps.Keys(into.drawings)))].title
	}
	return result
}

// narrow reports whether each drawing, a table, fits half the page.
func (sl *slot) narrow() bool {
	for _, d := range sl.drawings {
		var p struct {
			Columns []string
			Rows    [][]string
		}
		if json.Unmarshal(d.raw, &p) != nil {
			return false
		}
		widest := make([]int, len(p.Columns))
		for _, row := range append(p.Rows, p.Columns) {
			for i, c := range row {
				if i < len(widest) {
					widest[i] = max(widest[i], len([]rune(c)))
				}
			}
		}
		width := 0
		for _, w := range widest {
			width += w*7 + 22
		}
		if width > 500 {
			return false
		}
	}
	return true
}

func sides(rel releases, sl *slot, ids *counter) []side {
	byFamily := map[string][]int{}
	for i := range rel.Columns {
		d, ok := sl.drawings[i]
		if !ok {
			continue
		}
		family := d.family
		if familyNames[family] == "" {
			family = ""
		}
		byFamily[family] = append(byFamily[family], i)
	}
	var list []side
	for _, family := range append([]string{""}, families...) {
		cols := byFamily[family]
		if len(cols) == 0 {
			continue
		}
		heading := ""
		if len(byFamily) > 1 {
			heading = familyNames[family]
		}
		groups := grouped(cols, func(c int) (drawing, string) {
			d := sl.drawings[c]
			var compact bytes.Buffer
			if json.Compact(&compact, d.raw) == nil {
				return d, compact.String()
			}
			return d, string(d.raw)
		})
		list = append(list, side{heading, newTabs(rel, ids, groups, func(d drawing, _ []int) any {
			if sl.mixed {
				return template.HTML(`<p class="own">`+string(prose(d.title))+`</p>`) + draw(d.raw, ids)
			}
			return draw(d.raw, ids)
		})})
	}
	return list
}

// draw returns the HTML of a picture, and of a sentence for one that cannot be
// drawn.
func draw(raw json.RawMessage, ids *counter) template.HTML {
	html, err := drawKind(raw, ids)
	if err != nil {
		return template.HTML(`<p class="broken"><b>This picture is not drawn:</b> ` + template.HTMLEscapeString(err.Error()) + `</p>`)
	}
	return html
}

func drawKind(raw json.RawMessage, ids *counter) (template.HTML, error) {
	var head struct{ Kind string }
	if err := json.Unmarshal(raw, &head); err != nil {
		return "", fmt.Errorf("it is no JSON object of a picture: %w", err)
	}
	switch head.Kind {
	case "map":
		return drawMap(raw, ids)
	case "layout":
		return drawLayout(raw)
	case "hex":
		return drawHex(raw)
	case "table":
		return drawTable(raw)
	case "bars":
		return drawBars(raw)
	case "timeline":
		return drawTimeline(raw, ids)
	}
	return "", fmt.Errorf("its kind is %q, and this page draws map, layout, hex, table, bars and timeline", head.Kind)
}

func drawTimeline(raw json.RawMessage, ids *counter) (template.HTML, error) {
	var p struct{ Timeline *finding.Timeline }
	if err := json.Unmarshal(raw, &p); err != nil {
		return "", err
	}
	if p.Timeline == nil {
		return "", fmt.Errorf("it has no timeline")
	}
	html, err := report.Diagram(p.Timeline, ids.next("d"))
	if err != nil {
		return "", err
	}
	list, err := execute("schedule", schedule(p.Timeline))
	return html + list, err
}

// event is a point of a timeline in words, for paper and for readers without
// scripts.
type event struct {
	At             int64
	Lane, Op, Text string
	Mark           string
}

// maxEvents is what a reader may want to read as text.
const maxEvents = 100

func schedule(tl *finding.Timeline) []event {
	names := map[int]string{}
	for _, l := range tl.Lanes {
		names[l.ID] = l.Name
	}
	var list []event
	for _, p := range tl.Points[:min(len(tl.Points), maxEvents)] {
		list = append(list, event{p.At, names[p.Lane], p.Op, p.Text, string(p.Mark)})
	}
	return list
}

// grid is a table of text.
type grid struct {
	Columns []string
	Rows    [][]gridCell
	Notes   []string
}

type gridCell struct {
	Text string
	Mark string // bad, good, doubtful
}

// Class is how a cell is drawn. Only long ones are
// broken into lines, numbers for example are not.
func (c gridCell) Class() string {
	var list []string
	if len(c.Text) > 16 {
		list = append(list, "long")
	}
	if c.Mark != "" {
		list = append(list, "is-"+c.Mark)
	}
	return strings.Join(list, " ")
}

// most limits what one picture may hold, so that a program that runs wild
// costs its picture and not the page.
const most = 4096

func drawTable(raw json.RawMessage) (template.HTML, error) {
	var p struct {
		Columns []string
		Rows    [][]any
		Notes   []string
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return "", err
	}
	switch {
	case len(p.Rows) == 0 || len(p.Columns) == 0:
		return "", fmt.Errorf("the table has no rows or no columns")
	case len(p.Rows)*len(p.Columns) > most:
		return "", fmt.Errorf("the table has %d cells, at most %d are drawn", len(p.Rows)*len(p.Columns), most)
	}
	g := grid{Columns: p.Columns, Notes: p.Notes}
	for i, row := range p.Rows {
		if len(row) != len(p.Columns) {
			return "", fmt.Errorf("rows[%d] has %d cells for %d columns", i, len(row), len(p.Columns))
		}
		var line []gridCell
		for _, c := range row {
			line = append(line, markedCell(value(c)))
		}
		g.Rows = append(g.Rows, line)
	}
	return execute("grid", g)
}

// markedCell takes the sign from a cell that begins with one.
func markedCell(s string) gridCell {
	for sign, mark := range map[string]string{"!": "bad", "+": "good", "~": "doubtful"} {
		if rest, ok := strings.CutPrefix(s, sign); ok {
			return gridCell{rest, mark}
		}
	}
	return gridCell{Text: s}
}

func execute(name string, data any) (template.HTML, error) {
	var buf bytes.Buffer
	if err := pageTemplate.ExecuteTemplate(&buf, name, data); err != nil {
		return "", err
	}
	return template.HTML(buf.String()), nil
}
