package report

import (
	"strings"
	"testing"

	"github.com/ghostread/ghostread/finding"
)

func TestDiagramForAnotherPage(t *testing.T) {
	got, err := Diagram(race().Timeline, "other")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`data-diagram="other"`, `<script type="application/json" id="other">{`} {
		if !strings.Contains(string(got), want) {
			t.Errorf("diagram lacks %q", want)
		}
	}
	if _, err := Diagram(&finding.Timeline{Unit: "step"}, "none"); err == nil {
		t.Error("a timeline without points was drawn")
	}
	broken := race().Timeline
	broken.Points[3].Lane = 99
	if _, err := Diagram(broken, "broken"); err == nil || !strings.Contains(err.Error(), "lane 99") {
		t.Errorf("error of a broken timeline = %v, want it to name lane 99", err)
	}
}
