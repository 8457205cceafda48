package finding

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSummaryVerdict(t *testing.T) {
	tests := []struct {
		name     string
		verdicts []Verdict
		findings int
		want     Verdict
	}{
		{"nothing was checked", nil, 0, Unknown},
		{"all clean", []Verdict{Clean, Clean}, 0, Clean},
		{"one unknown spoils it", []Verdict{Clean, Unknown}, 0, Unknown},
		{"found outweighs unknown", []Verdict{Unknown, Found, Clean}, 0, Found},
		{"a finding without outcome", []Verdict{Clean}, 1, Found},
		{"a verdict of a newer version is not a pass", []Verdict{"mostly"}, 0, Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Summary{Findings: tt.findings}
			for _, v := range tt.verdicts {
				s.Outcomes = append(s.Outcomes, Outcome{Verdict: v})
			}
			if got := s.Verdict(); got != tt.want {
				t.Errorf("Verdict() of %v = %s, want %s", tt.verdicts, got, tt.want)
			}
		})
	}
}

func TestSummaryAdd(t *testing.T) {
	a := Summary{Executions: 1, Findings: 1, Duration: time.Second, Notes: []string{"x"},
		Outcomes: []Outcome{{Verdict: Clean, Uncontrolled: []string{"network", "files"}}}}
	a.Add(Summary{Executions: 2, Findings: 3, Duration: time.Second, Notes: []string{"x", "y"},
		Outcomes: []Outcome{{Verdict: Unknown, Uncontrolled: []string{"network"}}}})
	want := Summary{Executions: 3, Findings: 4, Duration: 2 * time.Second, Notes: []string{"x", "y"},
		Outcomes: []Outcome{
			{Verdict: Clean, Uncontrolled: []string{"network", "files"}},
			{Verdict: Unknown, Uncontrolled: []string{"network"}}}}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("Add (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"files", "network"}, a.Uncontrolled()); diff != "" {
		t.Errorf("Uncontrolled (-want +got):\n%s", diff)
	}
}
