package labpage

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/lab"
)

const evil = `</script><script>pwned=1</script><img src=x onerror="pwned=1"> '"` + "`{{.}}`<!-- \u2028"

// hostile returns a record in which every string is evil.
func hostile() *lab.Record {
	rec := sample()
	rec.Tool, rec.Host = evil, lab.Host{OS: evil, Arch: evil, CPU: evil, CPUs: 1, Kernel: evil}
	for i := range rec.Releases {
		r := &rec.Releases[i]
		r.Asked = evil
		if r.Skipped != "" {
			r.Skipped = evil
		} else {
			r.Version = evil
		}
	}
	for i := range rec.Experiments {
		e := &rec.Experiments[i]
		e.Name, e.Title, e.Question, e.Lesson, e.Rule = evil, evil, evil, evil, evil
		e.Programs = map[string]string{evil: evil}
		for j := range e.Steps {
			s := &e.Steps[j]
			s.Name, s.Title, s.Files = evil, evil, []string{evil}
			for k := range s.Runs {
				hostileRun(&s.Runs[k])
			}
		}
		for j := range e.Claims {
			c := &e.Claims[j]
			c.ID, c.Chapter, c.Text, c.Summary, c.Why, c.Holds, c.Cannot = evil, evil, evil, evil, evil, evil, evil
			c.Sources = []string{evil, "javascript:pwned=1", "https://" + strings.ReplaceAll(evil, " ", "")}
			for k := range c.Releases {
				c.Releases[k].Reason = evil
				c.Releases[k].Facts = lab.Facts{evil: evil, "list": []any{evil}}
			}
		}
		e.Tables = []lab.Table{{Title: evil, Rows: []string{evil}, Cells: []lab.TableValues{{Release: evil, Columns: []string{evil}, Rows: [][]string{{evil}}}}}}
	}
	return rec
}

func hostileRun(r *lab.StepRun) {
	if r.Skipped != "" {
		r.Skipped = evil
		return
	}
	r.Failed, r.Output, r.Commands = evil, evil+"\nx = "+evil, []string{evil}
	r.Facts = lab.Facts{"map": evil}
	tl := &finding.Timeline{Title: evil, Unit: "step", Lanes: []finding.Lane{{ID: 1, Name: evil, Note: evil}},
		Points: []finding.Point{{Lane: 1, At: 1, Op: evil, Text: evil, Stack: -1, Mark: evil}, {Lane: 1, At: 2, Op: "constructor", Stack: -1, Mark: "__proto__"}}}
	r.Pictures = []json.RawMessage{
		json.RawMessage(`"</script><img src=x>`), // not even JSON
		picture(map[string]any{"kind": evil, "title": evil}),
		picture(map[string]any{"kind": "map", "title": evil, "map": evil, "frames": []any{
			map[string]any{"note": evil, "arrays": []any{map[string]any{"name": evil, "groups": []string{"#>xr..", "######"}, "control": []string{"00", ""}, "chains": map[string]int{"1": 3}}}},
			map[string]any{"note": evil, "arrays": []any{map[string]any{"name": "__proto__", "groups": []string{"#"}}}},
		}}),
		picture(map[string]any{"kind": "layout", "title": evil, "size": 8, "fields": []any{map[string]any{"name": evil, "offset": 0, "size": 8, "role": evil, "note": evil}}}),
		picture(map[string]any{"kind": "hex", "title": evil, "bytes": "00ff", "marks": []any{map[string]any{"offset": 0, "size": 1, "role": evil, "text": evil}}}),
		picture(map[string]any{"kind": "hex", "title": evil, "bytes": evil}),
		picture(map[string]any{"kind": "table", "title": evil, "columns": []string{evil, evil}, "rows": [][]any{{evil, "!" + evil}}, "notes": []string{evil}}),
		picture(map[string]any{"kind": "bars", "title": evil, "unit": evil, "bars": []any{map[string]any{"name": evil, "group": evil, "value": 1}}}),
		picture(map[string]any{"kind": "timeline", "title": evil, "timeline": tl}),
	}
}

func TestHostileTextStaysText(t *testing.T) {
	page := render(t, hostile())
	if a, b := strings.Count(page, "<script"), strings.Count(page, "</script"); a != b {
		t.Errorf("page begins %d scripts and ends %d", a, b)
	}
	if n := strings.Count(page, "<script>"); n != 1 {
		t.Errorf("page has %d scripts that run, want 1", n)
	}
	for _, bad := range []string{"<img", "<!--", `onerror="`, `href="javascript:`} {
		if strings.Contains(page, bad) {
			i := strings.Index(page, bad)
			t.Errorf("page contains %q: %.120s", bad, page[max(i-60, 0):])
		}
	}
}

// FuzzDraw holds that no picture breaks a page: what is drawn is markup of the
// page or a sentence.
func FuzzDraw(f *testing.F) {
	for _, e := range sample().Experiments {
		for _, s := range e.Steps {
			for _, r := range s.Runs {
				for _, p := range r.Pictures {
					f.Add([]byte(p))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := string(draw(raw, &counter{}))
		if strings.Count(got, "<script") != strings.Count(got, "</script") || strings.Contains(got, "<!--") || strings.Contains(got, "<img") {
			t.Errorf("draw(%q) = %q", raw, got)
		}
	})
}
