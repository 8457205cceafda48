package finding

import (
	"slices"
	"time"
)

// Outcome is what one test, or one package for sources that run no tests, came
// to.
type Outcome struct {
	Subject      Subject       `json:"subject"`
	Verdict      Verdict       `json:"verdict"`
	Reason       string        `json:"reason,omitempty"` // why Verdict is Unknown, or what qualifies it
	Executions   int           `json:"executions"`
	Exhausted    bool          `json:"exhausted,omitempty"`    // every schedule was covered: Clean is a proof for these inputs
	Findings     []string      `json:"findings,omitempty"`     // fingerprints
	Uncontrolled []string      `json:"uncontrolled,omitempty"` // what the outcome depended on besides the schedule, e.g. "network"
	Duration     time.Duration `json:"duration_ns,omitempty"`
}

// NoProof begins the Reason of a Clean outcome of a search that was to explore
// all schedules and did not.
const NoProof = "no proof: "

// Summary is what a whole run came to. The zero Summary is of a run that
// checked nothing.
type Summary struct {
	Executions int           `json:"executions,omitempty"`
	Findings   int           `json:"findings"` // distinct ones
	Duration   time.Duration `json:"duration_ns,omitempty"`
	Outcomes   []Outcome     `json:"outcomes,omitempty"`
	Notes      []string      `json:"notes,omitempty"` // what holds for the whole run, e.g. "built without cgo"

	// Unchanged says that the run had to check only what changed, and that
	// nothing it could check did.
	Unchanged bool `json:"unchanged,omitempty"`
}

// Verdict condenses s: Found if anything was found, otherwise Unknown if any
// outcome is, otherwise Clean. A run without outcomes is Unknown, because
// nothing was checked, unless it is Unchanged.
func (s Summary) Verdict() Verdict {
	_, found, unknown := s.Count()
	switch {
	case found > 0 || s.Findings > 0:
		return Found
	case unknown > 0 || len(s.Outcomes) == 0 && !s.Unchanged:
		return Unknown
	}
	return Clean
}

// Count returns how many outcomes have each verdict. A verdict that this
// version does not know counts as unknown: it is not a pass.
func (s Summary) Count() (clean, found, unknown int) {
	for _, o := range s.Outcomes {
		switch o.Verdict {
		case Clean:
			clean++
		case Found:
			found++
		default:
			unknown++
		}
	}
	return clean, found, unknown
}

// Uncontrolled returns what any outcome depended on besides the schedule,
// sorted, each once.
func (s Summary) Uncontrolled() []string {
	var all []string
	for _, o := range s.Outcomes {
		all = append(all, o.Uncontrolled...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Add joins t to s, for runs that were made in parts.
func (s *Summary) Add(t Summary) {
	s.Executions += t.Executions
	s.Findings += t.Findings
	s.Duration += t.Duration
	s.Outcomes = append(s.Outcomes, t.Outcomes...)
	s.Unchanged = s.Unchanged && t.Unchanged
	for _, n := range t.Notes {
		if !slices.Contains(s.Notes, n) {
			s.Notes = append(s.Notes, n)
		}
	}
}
