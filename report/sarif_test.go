package report

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	// The import makes the module, whose source holds the schema, part of the
	// build; see officialSchema.
	_ "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ghostread/ghostread/finding"
)

// officialSchema returns the JSON schema of SARIF 2.1.0. Package go-sarif
// carries it as an unexported constant, and its own check looks at a log that
// it has encoded again, with nulls that the schema refuses; so the constant is
// taken from its source, and what was really written is checked.
func officialSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	var out, stderr strings.Builder
	cmd := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif")
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Skipf("the schema is not at hand: go list: %v\n%s", err, stderr.String())
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(out.String()), "schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, err = strconv.Unquote(lit.Value)
		}
		return text == ""
	})
	if err != nil || text == "" {
		t.Fatalf("schema.go holds no string: %v", err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(sarifSchema, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(sarifSchema)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSARIFFollowsTheSchema(t *testing.T) {
	schema := officialSchema(t)
	for name, in := range map[string]Input{"sample": sample(), "nothing": {}, "hostile": hostile()} {
		t.Run(name, func(t *testing.T) {
			log, err := jsonschema.UnmarshalJSON(strings.NewReader(render(t, FormatSARIF, in)))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(log); err != nil {
				t.Errorf("schema: %v", err)
			}
		})
	}
}

// The check above is worth something only if the schema refuses what is wrong.
func TestSchemaRefusesUnknownFields(t *testing.T) {
	log, err := jsonschema.UnmarshalJSON(strings.NewReader(`{"version":"2.1.0","runs":[],"walks":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	if officialSchema(t).Validate(log) == nil {
		t.Error("a log with an unknown field is accepted")
	}
}

func sarifOf(t *testing.T, in Input) sarifRun {
	t.Helper()
	var log sarifLog
	if err := json.Unmarshal([]byte(render(t, FormatSARIF, in)), &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || len(log.Runs) != 1 {
		t.Fatalf("version %q with %d runs, want 2.1.0 with one", log.Version, len(log.Runs))
	}
	return log.Runs[0]
}

// What the schema cannot say: references resolve, and every step of the
// evidence is in the flow.
func TestSARIFHoldsTogether(t *testing.T) {
	in := sample()
	run := sarifOf(t, in)
	if len(run.Results) != len(in.Findings) {
		t.Fatalf("%d results of %d findings", len(run.Results), len(in.Findings))
	}
	for i, r := range run.Results {
		f := in.Findings[i]
		if rule := run.Tool.Driver.Rules[r.RuleIndex]; rule.ID != r.RuleID || rule.Help == nil {
			t.Errorf("%s: rule %d is %s with help %v", r.RuleID, r.RuleIndex, rule.ID, rule.Help)
		}
		if got := r.Fingerprints["ghostread/v1"]; got != f.Fingerprint {
			t.Errorf("%s: fingerprint %q, want %q", r.RuleID, got, f.Fingerprint)
		}
		steps := 0
		for _, flow := range r.CodeFlows {
			for _, th := range flow.ThreadFlows {
				steps += len(th.Locations)
				for _, s := range th.Locations {
					if s.Location.Message == nil || s.Location.Message.Text == "" || s.Location.Physical == nil {
						t.Errorf("%s: a step of %s has no message or no place", r.RuleID, th.ID)
					}
				}
			}
		}
		if steps != len(f.Evidence) {
			t.Errorf("%s: %d steps for %d pieces of evidence", r.RuleID, steps, len(f.Evidence))
		}
	}
	codes := make([]string, 0, len(run.Tool.Driver.Rules))
	for _, rule := range run.Tool.Driver.Rules {
		codes = append(codes, rule.ID)
	}
	if len(slices.Compact(slices.Sorted(slices.Values(codes)))) != len(codes) {
		t.Errorf("rules are not unique: %v", codes)
	}
}

// The steps of different goroutines are ordered as in the schedule.
func TestSARIFOrdersSteps(t *testing.T) {
	f := race()
	run := sarifOf(t, Input{Findings: []finding.Finding{f}, Options: Options{Dir: dir}})
	got := make(map[string][]int)
	for _, th := range run.Results[0].CodeFlows[0].ThreadFlows {
		for _, s := range th.Locations {
			got[th.ID] = append(got[th.ID], s.Order)
		}
	}
	_, read, write, origin := raceTimeline()
	want := map[string][]int{"G1": {read + 1, origin + 1}, "G6": {write + 1, origin + 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("execution order (-want +got):\n%s", diff)
	}
}

func TestSARIFSaysWhatIsUnknown(t *testing.T) {
	run := sarifOf(t, sample())
	var got []string
	for _, n := range run.Invocations[0].Notifications {
		got = append(got, n.Level+": "+n.Message.Text)
	}
	want := []string{
		"warning: example.com/riskservice.TestDial: unknown: a goroutine waits for the network, which is not under control",
		"note: not under control: network",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("notifications (-want +got):\n%s", diff)
	}
}

func TestSARIFPlaces(t *testing.T) {
	tests := []struct {
		name, dir, file string
		want            sarifArtifact
	}{
		{"below", "/src/app", "/src/app/a/b.go", sarifArtifact{URI: "a/b.go", BaseID: srcRoot}},
		{"relative", "/src/app", "a/b.go", sarifArtifact{URI: "a/b.go", BaseID: srcRoot}},
		{"relative without directory", "", "./a.go", sarifArtifact{URI: "a.go", BaseID: srcRoot}},
		{"outside", "/src/app", "/go/src/sync/mutex.go", sarifArtifact{URI: "file:///go/src/sync/mutex.go"}},
		{"beside", "/src/app", "/src/lib/a.go", sarifArtifact{URI: "file:///src/lib/a.go"}},
		{"characters that URIs reserve", "/src/app", "/src/app/a b%#?.go", sarifArtifact{URI: "a%20b%25%23%3F.go", BaseID: srcRoot}},
		{"colon in the first part", "/src/app", "/src/app/c:d.go", sarifArtifact{URI: "./c:d.go", BaseID: srcRoot}},
		{"name that begins with dots", "/src/app", "/src/app/..a.go", sarifArtifact{URI: "..a.go", BaseID: srcRoot}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := sarifWriter{Options: Options{Dir: tt.dir}}.artifact(tt.file)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("artifact(%s) (-want +got):\n%s", tt.file, diff)
			}
			if _, err := url.Parse(got.URI); err != nil {
				t.Error(err)
			}
		})
	}
}
