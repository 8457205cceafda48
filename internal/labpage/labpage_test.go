package labpage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/lab"
	"github.com/google/go-cmp/cmp"
)

func render(t testing.TB, rec *lab.Record) string {
	t.Helper()
	var buf bytes.Buffer
	if err := Write(&buf, rec); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestNamesOfReleases(t *testing.T) {
	rel := newReleases(sample().Releases)
	for _, tt := range []struct {
		cols []int
		want string
	}{
		{nil, "none"},
		{[]int{3}, "1.21"},
		{[]int{4, 3}, "1.21, 1.22"},
		{[]int{0, 1, 2, 4, 5, 6, 8}, "1.18 – 1.20, 1.22 – 1.24, 1.26"},
	} {
		if got := rel.names(tt.cols); got != tt.want {
			t.Errorf("names(%v) = %q, want %q", tt.cols, got, tt.want)
		}
	}
}

func TestReleasesOfOneMinorAreToldApart(t *testing.T) {
	rel := newReleases([]lab.ReleaseInfo{{Asked: "1.22.1", Version: "1.22.1", Minor: 22}, {Asked: "1.22", Version: "1.22.12", Minor: 22}, {Asked: "1.23", Version: "1.23.12", Minor: 23}, {Asked: "tip"}})
	if got, want := rel.names(rel.all()), "1.22.1 – tip"; got != want {
		t.Errorf("names = %q, want %q", got, want)
	}
	if got, want := rel.Columns[1].Label, "1.22.12"; got != want {
		t.Errorf("label = %q, want %q", got, want)
	}
}

func TestEqualOutputsAreShownOnce(t *testing.T) {
	rec := sample()
	x := newExperiment(newReleases(rec.Releases), rec.Experiments[0], &counter{})
	var got []string
	for _, p := range x.Steps[0].Outputs.Panes {
		got = append(got, p.Label)
	}
	want := []string{"1.21", "1.18 – 1.20, 1.22, 1.23", "1.24 – 1.26"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("outputs of grow (-want +got):\n%s", d)
	}
	if p := x.Steps[0].Outputs.Panes[2]; !p.Front {
		t.Error("the newest output is not in front")
	}
	if d := cmp.Diff([]absence{{"1.18, 1.19", false, "not in this release: it begins with 1.20"}, {"1.25", true, "no output within 20s"}}, x.Steps[2].Absent); d != "" {
		t.Errorf("absences of source (-want +got):\n%s", d)
	}
}

func TestLongOutputsAreCutInTheMiddle(t *testing.T) {
	o := newOutput(lab.StepRun{Output: strings.Repeat("x\n", 500) + "load_factor = 6.5\n"}, nil, "")
	if n := len(o.Lines); n != headLines+tailLines+1 {
		t.Errorf("%d lines are shown, want %d", n, headLines+tailLines+1)
	}
	if got, want := o.Lines[headLines].Text, "… 401 lines left out …"; got != want {
		t.Errorf("line in the middle = %q, want %q", got, want)
	}
	if last := o.Lines[len(o.Lines)-1]; !last.Fact {
		t.Errorf("last line %q is no fact", last.Text)
	}
}

func TestWhatTheNewestOutputHasTooIsLeftOut(t *testing.T) {
	newest := linesOf("a\nb\nc\nd\ne\nf\ng\nload_factor = 7\nh\ni\n")
	o := newOutput(lab.StepRun{Output: "a\nb\nc\nd\ne\nf\ng\nload_factor = 6.5\nh\ni\n"}, newest, "1.26")
	var got []string
	for _, l := range o.Lines {
		got = append(got, l.Text)
	}
	if d := cmp.Diff([]string{"… 7 lines as on Go 1.26 …", "load_factor = 6.5", "h", "i"}, got); d != "" {
		t.Errorf("lines (-want +got):\n%s", d)
	}
	if o.Size != "10 lines" {
		t.Errorf("size = %q, want that of the whole output", o.Size)
	}
}

func TestClaimsAreGroupedAndSorted(t *testing.T) {
	rec := sample()
	var got []string
	for _, c := range chapters(newReleases(rec.Releases), rec.Experiments) {
		ids := c.Number + " " + c.Title + ":"
		for _, cl := range c.Claims {
			ids += " " + cl.ID
		}
		got = append(got, ids)
	}
	want := []string{
		"1 What happens while a map grows: 1.3 1.4 1.6 1.9 1.10 1.17 1.19",
		"2.1 How a map lies in memory: 2.1.2",
		"2.2 What makes a map grow, and how it moves: 2.2.1 2.2.2 2.2.3 2.2.4 2.2.5 2.2.6 2.2.7 2.2.8 2.2.9 2.2.10 2.2.11 2.2.12",
		"4.1 sync.Map instead of a map: 4.1.1 4.1.2 4.1.3 4.1.4 4.1.5 4.1.6 4.1.7 4.1.8",
		"5 The memory model: 5.13",
		" Beyond the article: growth.1",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("chapters (-want +got):\n%s", d)
	}
}

func TestStripAndEvidence(t *testing.T) {
	rec := sample()
	c := newClaim(newReleases(rec.Releases), rec.Experiments[0], rec.Experiments[0].Claims[0])
	if got, want := c.Codes, "cccrccrrr"; got != want {
		t.Errorf("codes = %s, want %s", got, want)
	}
	if got, want := c.Strip, "confirmed on 1.18 – 1.20, 1.22, 1.23; refuted on 1.21, 1.24 – 1.26"; got != want {
		t.Errorf("strip = %q, want %q", got, want)
	}
	var rows []string
	for _, r := range c.Evidence.Rows {
		rows = append(rows, fmt.Sprint(r.Releases, " ", r.Verdict, " ", r.Values))
	}
	want := []string{
		"1.21 refuted [6 classic 2]",
		"1.18 – 1.20, 1.22, 1.23 confirmed [6.5 classic 2]",
		"1.24 – 1.26 refuted [7 swiss 448]",
	}
	if d := cmp.Diff(want, rows); d != "" {
		t.Errorf("evidence (-want +got):\n%s", d)
	}
	if got, want := c.Evidence.Facts[0].Link, "x-growth.grow"; got != want {
		t.Errorf("link of the first fact = %q, want %q", got, want)
	}
	unseen := newClaim(newReleases(rec.Releases), rec.Experiments[1], rec.Experiments[1].Claims[2])
	if got, want := unseen.Verdict, "not seen in 1.6 billion"; got != want {
		t.Errorf("verdict = %q, want %q", got, want)
	}
}

func TestSources(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"https://go.dev/issue/63438", "https://go.dev/issue/63438"},
		{"runtime/map.go:73 (Go 1.22.12): loadFactorNum", "https://github.com/golang/go/blob/go1.22.12/src/runtime/map.go#L73"},
		{"internal/runtime/maps/group.go:20-23 (Go 1.26.8)", "https://github.com/golang/go/blob/go1.26.8/src/internal/runtime/maps/group.go#L20-L23"},
		{"javascript:alert(1)", ""},
		{"https://go.dev and more", ""},
		{"../../x.go:1 (Go 1.22)", ""},
	} {
		if got := sourceURL(tt.text); got != tt.want {
			t.Errorf("sourceURL(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestClassicAndSwissStandSideBySide(t *testing.T) {
	rec := sample()
	var grown, group, bucket *figure
	list := figures(newReleases(rec.Releases), rec.Experiments[0], &counter{})
	for i := range list {
		switch list[i].Title {
		case "One growth, write by write":
			grown = &list[i]
		case "A bucket of map[uint64]uint64":
			bucket = &list[i]
		case "A group of map[uint64]uint64":
			group = &list[i]
		}
	}
	if grown == nil || len(grown.Sides) != 2 || grown.Sides[0].Heading != "Classic map" || grown.Sides[1].Heading != "Swiss map" {
		t.Fatalf("figure of the growth = %+v, want a classic and a Swiss side", grown)
	}
	// Each release has its own hash seed, so all six differ.
	if got, want := len(grown.Sides[0].Tabs.Panes), 6; got != want {
		t.Errorf("classic side has %d panes, want %d", got, want)
	}
	if bucket == nil || bucket.Sides[0].Tabs.Panes[0].Label != "1.18 – 1.23" {
		t.Errorf("figure of a bucket = %+v, want one pane of 1.18 – 1.23", bucket)
	}
	if group == nil || group.Sides[0].Tabs.Panes[0].Label != "1.24 – 1.26" {
		t.Errorf("figure of a group = %+v, want one pane of 1.24 – 1.26", group)
	}
}

// A program that prints nonsense costs its picture and nothing else.
func TestMalformedPicturesAreSentences(t *testing.T) {
	for _, tt := range []struct{ name, raw, want string }{
		{"no object", `[1,2]`, "no JSON object"},
		{"unknown kind", `{"kind":"hologram"}`, "hologram"},
		{"no kind", `{}`, "its kind is"},
		{"wrong type", `{"kind":"map","frames":7}`, "cannot unmarshal"},
		{"map without frames", `{"kind":"map"}`, "0 frames"},
		{"unknown slot", `{"kind":"map","frames":[{"arrays":[{"name":"a","groups":["##?"]}]}]}`, "is no state of a slot"},
		{"control of other length", `{"kind":"map","frames":[{"arrays":[{"name":"a","groups":["##"],"control":["00","11"]}]}]}`, "2 control words for 1 groups"},
		{"control is no hex", `{"kind":"map","frames":[{"arrays":[{"name":"a","groups":["##"],"control":["zz"]}]}]}`, "control word 0"},
		{"chain of no group", `{"kind":"map","frames":[{"arrays":[{"name":"a","groups":["##"],"chains":{"9":1}}]}]}`, "overflow buckets behind group"},
		{"one name twice", `{"kind":"map","frames":[{"arrays":[{"name":"a","groups":["##"]},{"name":"a","groups":["##"]}]}]}`, "two arrays"},
		{"field outside", `{"kind":"layout","size":8,"fields":[{"name":"x","offset":4,"size":8}]}`, "4+8 of 8 bytes"},
		{"field that overflows", `{"kind":"layout","size":8,"fields":[{"name":"x","offset":4,"size":9223372036854775807}]}`, "of 8 bytes"},
		{"huge layout", `{"kind":"layout","size":1000000000,"fields":[{"name":"x","size":1}]}`, "1000000000 bytes"},
		{"odd hex", `{"kind":"hex","bytes":"abc"}`, "bytes:"},
		{"before of other length", `{"kind":"hex","bytes":"abcd","before":"ab"}`, "2 bytes, and before there were 1"},
		{"mark outside", `{"kind":"hex","bytes":"abcd","marks":[{"offset":-1,"size":1}]}`, "of 2 bytes"},
		{"table without rows", `{"kind":"table","columns":["a"]}`, "no rows"},
		{"ragged table", `{"kind":"table","columns":["a","b"],"rows":[["1"]]}`, "1 cells for 2 columns"},
		{"no bars", `{"kind":"bars"}`, "0 bars"},
		{"negative bar", `{"kind":"bars","bars":[{"name":"x","value":-1}]}`, "below zero"},
		{"no timeline", `{"kind":"timeline"}`, "no timeline"},
		{"broken timeline", `{"kind":"timeline","timeline":{"unit":"step","points":[{"lane":1}]}}`, "lane 1 does not exist"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := string(draw(json.RawMessage(tt.raw), &counter{}))
			if !strings.Contains(got, "This picture is not drawn") || !strings.Contains(got, tt.want) {
				t.Errorf("draw(%s) = %q, want a sentence with %q", tt.raw, got, tt.want)
			}
		})
	}
}

// A timeline is drawn by a script; its text is there without.
func TestTimelineHasWords(t *testing.T) {
	got := string(draw(picture(map[string]any{"kind": "timeline", "timeline": phantomTimeline()}), &counter{}))
	if want := "<b>reader</b> read tophash of slot 3: taken <em>ghost</em>"; !strings.Contains(got, want) {
		t.Errorf("timeline lacks the words %q", want)
	}
}

func TestTablesSayHowMuchRoomTheyNeed(t *testing.T) {
	table := func(cells ...string) *slot {
		return &slot{kind: "table", drawings: map[int]drawing{0: {raw: picture(map[string]any{"columns": cells, "rows": [][]string{cells}})}}}
	}
	if !table("a", "b", "c").narrow() {
		t.Error("a table of three letters is not narrow")
	}
	if table("a", strings.Repeat("b", 70)).narrow() {
		t.Error("a table of 71 letters is narrow")
	}
}

// A number in a title may be what was measured.
func TestTitlesThatDifferInNumbersAreOneFigure(t *testing.T) {
	slots := merged([]*slot{
		{kind: "table", title: "after insert 1742", drawings: map[int]drawing{0: {title: "after insert 1742"}}},
		{kind: "table", title: "after insert 1781", drawings: map[int]drawing{1: {title: "after insert 1781"}}},
		{kind: "table", title: "after insert 9", drawings: map[int]drawing{1: {title: "after insert 9"}}},
	})
	if len(slots) != 2 || slots[0].title != "after insert 1781" || !slots[0].mixed || slots[1].mixed {
		t.Errorf("merged into %+v, want the first two in one with the newer title", slots)
	}
}

func TestBarsOfUnlikeGroupsHaveTheirOwnScales(t *testing.T) {
	got := string(draw(json.RawMessage(`{"kind":"bars","unit":"ns","bars":[{"name":"a","group":"x","value":10},{"name":"b","group":"x","value":5},{"name":"a","group":"y","value":9000}]}`), &counter{}))
	for _, want := range []string{`width="100.00%"`, `width="50.00%"`, "Each group has its own scale.", "9000"} {
		if !strings.Contains(got, want) {
			t.Errorf("bars lack %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "confidence") {
		t.Error("bars without intervals speak of them")
	}
}

func TestMapFramesHoldOnlyWhatChanged(t *testing.T) {
	raw := picture(map[string]any{"kind": "map", "frames": growthFrames(32, 32, 1)})
	drawn := string(draw(raw, &counter{}))
	m := regexp.MustCompile(`(?s)<script[^>]*>(.*)</script>`).FindStringSubmatch(drawn)
	if m == nil {
		t.Fatalf("no data in %.200s", drawn)
	}
	var data mapData
	if err := json.Unmarshal([]byte(m[1]), &data); err != nil {
		t.Fatal(err)
	}
	if n := len(data.Frames[2].Arrays[0].Groups); n != 1 {
		t.Errorf("frame 2 has %d groups of the old array, want the one that changed", n)
	}
	if n := len(data.Frames[1].Arrays[0].Groups); n != 32 {
		t.Errorf("frame 1 has %d groups of the old array, want all 32: it is a new one", n)
	}
	if len(m[1])*3 > len(raw) {
		t.Errorf("%d bytes of data for a picture of %d: want less than a third", len(m[1]), len(raw))
	}
}

func TestProse(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"a `<b>` c", "a <code>&lt;b&gt;</code> c"},
		{"odd ` one", "odd ` one"},
		{"`a` and ` odd", "<code>a</code> and ` odd"},
	} {
		if got := string(prose(tt.text)); got != tt.want {
			t.Errorf("prose(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestLarge(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 9999: "9999", 26_500: "26,500", 1_620_000: "1.6 million", 310_000_026: "310 million", 1_600_000_000: "1.6 billion"} {
		if got := large(n); got != want {
			t.Errorf("large(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestPageSaysWhoMeasured(t *testing.T) {
	rec := sample()
	got := render(t, rec)
	for _, want := range []string{
		"30 claims, tried on 9 Go releases: ", "AMD EPYC 9R14, 2 CPUs, linux/amd64, Linux 6.18.5", "20 July 2026, 09:30 UTC",
		"1.27: download: no network", "ghostread lab matrix --go 1.18,1.19,1.20,1.21,1.22,1.23,1.24,1.25,1.26,1.27", "by the run that made this page",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("page does not say %q", want)
		}
	}
	rec.Recorded = true
	if got := render(t, rec); !strings.Contains(got, "read from a record, not measured when this page was made") {
		t.Error("page of a record does not say that it is one")
	}
}

func TestPageOfNothing(t *testing.T) {
	if got := render(t, &lab.Record{}); !strings.Contains(got, "No claim was tried.") {
		t.Error("empty page does not say that no claim was tried")
	}
}

func TestPageRefersToNothingOutside(t *testing.T) {
	got := render(t, sample())
	// Only what a reader follows may lead outside.
	outside := regexp.MustCompile(`(?i)url\(|@import|\bsrc=|<link[^>]*href="[^d]|<(img|iframe|object|embed|base)\b`)
	if m := outside.FindString(got); m != "" {
		t.Errorf("page refers to something outside: %q", m)
	}
	if !strings.Contains(got, `Content-Security-Policy`) || strings.Contains(got, "unsafe-inline") {
		t.Error("page has no strict content policy")
	}
	if m := regexp.MustCompile(`<[^>]+ (style|on[a-z]+)="`).FindString(got); m != "" {
		t.Errorf("page has an attribute that its policy forbids: %q", m)
	}
	if m := regexp.MustCompile(`href="javascript:[^"]*"`).FindString(got); m != "" {
		t.Errorf("page has a link that runs: %q", m)
	}
}

// Ids must be unique, or links and labels lead to the wrong place.
func TestIDsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(render(t, sample()), -1) {
		if seen[m[1]] {
			t.Errorf("id %q is used twice", m[1])
		}
		seen[m[1]] = true
	}
}

func TestLinksOfThePageLeadSomewhere(t *testing.T) {
	page := render(t, sample())
	for _, m := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(page, -1) {
		id, err := url.PathUnescape(m[1])
		if err != nil {
			t.Errorf("link to #%s: %v", m[1], err)
		}
		if !strings.Contains(page, ` id="`+id+`"`) {
			t.Errorf("link to #%s, which is nowhere", m[1])
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	rec := sample()
	for b.Loop() {
		if err := Write(io.Discard, rec); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(render(b, rec))), "bytes")
}
