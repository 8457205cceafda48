package report

import (
	"encoding/json"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/finding"
)

const evil = `</script><script>pwned=1</script><img src=x onerror="pwned=1"> '"{{.}}<!--`

// hostile returns an input in which every string is evil.
func hostile() Input {
	f := race()
	f.Title, f.Message, f.Help, f.Source = evil, evil, evil, evil
	f.Code, f.Kind, f.Pos.File = evil, evil, evil
	f.Subject = finding.Subject{Package: evil, Test: evil}
	f.AlsoIn, f.Notes = []string{evil}, []string{evil}
	f.Waits = []finding.Wait{{From: 1, To: 2, For: evil, Cycle: true}}
	f.Witness.Command, f.Witness.Strategy = evil, evil
	for i := range f.Evidence {
		e := &f.Evidence[i]
		e.Role, e.Text, e.Object = evil, evil, evil
		e.Stack = []finding.Frame{{Func: evil, File: evil, Line: 1}}
	}
	tl := f.Timeline
	tl.Title, tl.Unit = evil, "step"
	for i := range tl.Points {
		tl.Points[i].Text, tl.Points[i].Op = evil, evil
	}
	for i := range tl.Lanes {
		tl.Lanes[i].Name, tl.Lanes[i].Note = evil, evil
	}
	for i := range tl.Frames {
		tl.Frames[i] = finding.Frame{Func: evil, File: evil, Line: 1}
	}
	for i := range tl.Edges {
		tl.Edges[i].Kind = evil
	}
	tl.Spans[0].State, tl.Spans[0].Text = evil, evil
	tl.Sources = []finding.Source{{File: evil, First: 1, Lines: []string{evil, "\u2028"}}}
	tl.Points[0].Mark = evil
	tl.Points[1].Mark, tl.Spans[1].State, tl.Edges[1].Kind = "constructor", "constructor", "__proto__"
	return Input{Findings: []finding.Finding{f}, Tool: evil, Summary: finding.Summary{Findings: 1, Notes: []string{evil},
		Outcomes: []finding.Outcome{{Subject: f.Subject, Verdict: evil, Reason: evil, Uncontrolled: []string{evil}}}}}
}

func TestHTMLEscapesEverything(t *testing.T) {
	got := render(t, FormatHTML, hostile())
	// One element of data and one of code, whatever the strings say.
	if n := strings.Count(got, "<script"); n != 2 {
		t.Errorf("page has %d script elements, want 2", n)
	}
	if n := strings.Count(got, "</script"); n != 2 {
		t.Errorf("page has %d ends of script elements, want 2", n)
	}
	for _, bad := range []string{"<img", "<!--", "{{.}}<"} {
		if strings.Contains(got, bad) {
			t.Errorf("page contains %q", bad)
		}
	}
}

func TestHTMLRefersToNothingOutside(t *testing.T) {
	got := render(t, FormatHTML, sample())
	outside := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9-]+\.[a-z]|url\(|@import|\b(src|action)=`)
	for line := range strings.Lines(got) {
		if strings.Contains(line, `type="application/json"`) {
			continue // file names of the program under test
		}
		if m := outside.FindString(line); m != "" {
			t.Errorf("page refers to %q: %.120s", m, line)
		}
	}
}

var diagramData = regexp.MustCompile(`<script type="application/json" id="d1">(.*)</script>`)

func TestHTMLColumns(t *testing.T) {
	f := race()
	page := render(t, FormatHTML, Input{Findings: []finding.Finding{f}, Options: Options{Dir: dir}})
	m := diagramData.FindStringSubmatch(page)
	if m == nil {
		t.Fatal("page has no diagram")
	}
	var c struct {
		First                   string
		At, Lane, Op, Addr      []int
		Ops, Addrs, Marks       []string
		Marked, Stacks          [][]int
		Frames, Files, _unknown []any
	}
	if err := json.Unmarshal([]byte(m[1]), &c); err != nil {
		t.Fatal(err)
	}
	if c.First != "101" {
		t.Errorf("first = %s, want 101", c.First)
	}
	marks := 0
	for i, p := range f.Timeline.Points {
		if got := c.Ops[c.Op[i]]; got != p.Op {
			t.Errorf("point %d is %q, want %q", i, got, p.Op)
		}
		if got := f.Timeline.Lanes[c.Lane[i]].ID; got != p.Lane {
			t.Errorf("point %d is in lane %d, want %d", i, got, p.Lane)
		}
		if p.Mark != "" {
			if got := c.Marks[c.Marked[marks][1]]; c.Marked[marks][0] != i || got != string(p.Mark) {
				t.Errorf("mark %d is %s at %d, want %s at %d", marks, got, c.Marked[marks][0], p.Mark, i)
			}
			marks++
		}
	}
}

func TestHTMLDrawsNoBrokenTimeline(t *testing.T) {
	f := race()
	f.Timeline.Points[3].Lane = 99
	got := render(t, FormatHTML, Input{Findings: []finding.Finding{f}})
	if want := "timeline: points[3]: lane 99 does not exist"; !strings.Contains(got, want) {
		t.Errorf("page does not say %q", want)
	}
	if strings.Contains(got, `data-jump="`) || diagramData.MatchString(got) {
		t.Error("page offers a diagram that cannot be drawn")
	}
}

func TestHTMLReadsSourcesThroughTheCaller(t *testing.T) {
	f := leak()
	var asked []string
	in := Input{Findings: []finding.Finding{f}, Options: Options{Dir: dir, ReadFile: func(name string) ([]byte, error) {
		asked = append(asked, name)
		if name != dir+"/watch.go" {
			return nil, os.ErrNotExist
		}
		return []byte(strings.Repeat("\n", 11) + "\tch <- slow() // the send\n"), nil
	}}}
	if got := render(t, FormatHTML, in); !strings.Contains(got, "ch &lt;- slow() // the send") {
		t.Error("page lacks the excerpt")
	}
	seen := make(map[string]bool)
	for _, name := range asked {
		if seen[name] {
			t.Errorf("%s was read twice", name)
		}
		seen[name] = true
	}
}

func TestHTMLOfNothing(t *testing.T) {
	got := render(t, FormatHTML, Input{})
	if !strings.Contains(got, "nothing was checked") {
		t.Error("empty page does not say that nothing was checked")
	}
}

func TestHTMLSaysWhyUnknown(t *testing.T) {
	got := render(t, FormatHTML, sample())
	for _, want := range []string{"a goroutine waits for the network", "Unknown is not a pass", "network not under control"} {
		if !strings.Contains(got, want) {
			t.Errorf("page does not say %q", want)
		}
	}
}

// The size of the page is what people mail around: 50,000 points should stay
// below 2 MB.
func TestHTMLSizeOfFiftyThousandPoints(t *testing.T) {
	in := Input{Findings: []finding.Finding{large(50_000)}}
	if n := len(render(t, FormatHTML, in)); n > 2<<20 {
		t.Errorf("page has %d bytes, want at most %d", n, 2<<20)
	}
}

func BenchmarkHTML(b *testing.B) {
	in := Input{Findings: []finding.Finding{large(50_000)}}
	for b.Loop() {
		if err := Write(io.Discard, FormatHTML, in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(render(b, FormatHTML, in))), "bytes")
}

// BenchmarkStream is the obvious alternative to columns: the same points as
// objects.
func BenchmarkStream(b *testing.B) {
	in := Input{Findings: []finding.Finding{large(50_000)}}
	for b.Loop() {
		if err := Write(io.Discard, FormatJSON, in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(render(b, FormatJSON, in))), "bytes")
}

func TestHTMLShowsWhoWaitsForWhom(t *testing.T) {
	got := render(t, FormatHTML, Input{Findings: []finding.Finding{deadlock()}})
	for _, want := range []string{
		`<p class="cycle"><b>cycle</b> <span class="who">G5</span> <span class="for">b.mu</span> <span class="who">G6</span> <span class="for">a.mu</span> <span class="who">G5</span></p>`,
		`<p><span class="who">G1</span> <span class="for">WaitGroup wg</span> <span class="who">G5</span></p>`,
		`<p><span class="who">G7</span> <span class="for">channel done</span> <span class="who nobody">nobody</span></p>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not have %s", want)
		}
	}
}
