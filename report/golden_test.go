package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/finding"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", file, diff)
	}
}

func render(t testing.TB, f Format, in Input) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, f, in); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextOfEveryKind(t *testing.T) {
	for _, f := range []finding.Finding{race(), stale(), deadlock(), leak(), panics(), failure()} {
		golden(t, string(f.Kind)+".txt", render(t, FormatText, Input{Findings: []finding.Finding{f}, Options: Options{Dir: dir}}))
	}
}

func TestTextColour(t *testing.T) {
	golden(t, "colour.txt", render(t, FormatText, Input{Findings: []finding.Finding{race()}, Options: Options{Dir: dir, Colour: true}}))
}

func TestSARIFGolden(t *testing.T) {
	golden(t, "sample.sarif", render(t, FormatSARIF, sample()))
}

func TestSummaryText(t *testing.T) {
	var b bytes.Buffer
	if err := WriteSummary(&b, sample().Summary, Options{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "summary.txt", b.String())
}
