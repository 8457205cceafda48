package labpage

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
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
	Sides []side
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
	family string
}

type slot struct {
	kind, title string
	drawings    map[int]drawing // by column
	place       int             // among the pictures of its newest release
	oldest      int             // column
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
			f.Wide = len(f.Sides) > 1 || sl.kind != "layout"
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
			sl.drawings[i], sl.oldest = drawing{raw, head.Map}, i
		}
	}
	// What the kinds of map drew at the same place belongs together, the old
	// kind first.
	slices.SortStableFunc(list, func(a, b *slot) int { return cmp.Or(a.place-b.place, a.oldest-b.oldest) })
	return list
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
		groups := grouped(cols, func(c int) (json.RawMessage, string) {
			raw := sl.drawings[c].raw
			var compact bytes.Buffer
			if json.Compact(&compact, raw) == nil {
				return raw, compact.String()
			}
			return raw, string(raw)
		})
		list = append(list, side{heading, newTabs(rel, ids, groups, func(raw json.RawMessage, _ []int) any {
			return draw(raw, ids)
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
	return report.Diagram(p.Timeline, ids.next("d"))
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
