package lab

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// FormatVersion is the version of the JSON of a [Record]. It rises when a
// field changes its meaning; fields may be added without.
const FormatVersion = 1

// Record is what the experiments showed: on which machine, on which releases,
// with which programs and outputs, and what follows for each claim. It holds
// all that is needed to doubt it, so a page drawn from it needs nothing else.
type Record struct {
	Version     int                `json:"ghostread_lab"` // FormatVersion
	Tool        string             `json:"tool"`          // the ghostread that measured
	Date        time.Time          `json:"date"`
	Took        time.Duration      `json:"took_ns"`
	Tools       bool               `json:"tools,omitempty"`    // also with what takes minutes
	Recorded    bool               `json:"recorded,omitempty"` // read from a file, not measured by this run
	Host        Host               `json:"host"`
	Releases    []ReleaseInfo      `json:"releases"`
	Experiments []ExperimentResult `json:"experiments"`
}

// Host is the machine that measured.
type Host struct {
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	CPU    string `json:"cpu"` // as the kernel names it
	CPUs   int    `json:"cpus"`
	Kernel string `json:"kernel,omitempty"`
}

// ReleaseInfo is one Go release of a record.
type ReleaseInfo struct {
	Asked   string `json:"asked"`             // as the user named it: 1.22
	Version string `json:"version,omitempty"` // 1.22.12
	Minor   int    `json:"minor,omitempty"`   // 22
	Skipped string `json:"skipped,omitempty"` // why nothing ran on it
}

// ExperimentResult is an experiment with what it showed.
type ExperimentResult struct {
	Name     string            `json:"name"`
	Title    string            `json:"title"`
	Question string            `json:"question"`
	Rule     Rule              `json:"rule"`
	Lesson   string            `json:"lesson"`
	Steps    []StepResult      `json:"steps"`
	Claims   []ClaimResult     `json:"claims"`
	Tables   []Table           `json:"tables,omitempty"`
	Programs map[string]string `json:"programs,omitempty"` // file name to source
}

// StepResult is a step of an experiment on all releases.
type StepResult struct {
	Name  string    `json:"name"`
	Title string    `json:"title"`
	Files []string  `json:"files,omitempty"` // of Programs
	Runs  []StepRun `json:"runs"`            // in the order of Record.Releases
}

// StepRun is a step on one release.
type StepRun struct {
	Release  string            `json:"release"`
	Skipped  string            `json:"skipped,omitempty"`  // why it did not run
	Failed   string            `json:"failed,omitempty"`   // why it gave no result
	Commands []string          `json:"commands,omitempty"` // what can be typed to see the same
	Output   string            `json:"output,omitempty"`   // of the first child, shortened
	Facts    Facts             `json:"facts,omitempty"`
	Pictures []json.RawMessage `json:"pictures,omitempty"`
	Took     time.Duration     `json:"took_ns,omitempty"`
}

// ClaimResult is a claim with its verdicts.
type ClaimResult struct {
	ID       string     `json:"id"`
	Chapter  string     `json:"chapter,omitempty"`
	Text     string     `json:"text"`
	Verdict  Verdict    `json:"verdict"`           // over all releases
	Summary  string     `json:"summary,omitempty"` // which releases differ, in words
	Why      string     `json:"why,omitempty"`
	Holds    string     `json:"holds,omitempty"` // the predicate
	Control  string     `json:"control,omitempty"`
	Cannot   string     `json:"cannot,omitempty"`
	Sources  []string   `json:"sources,omitempty"`
	Releases []Judgment `json:"releases"` // in the order of Record.Releases
}

// Judgment is the verdict on a claim on one release.
type Judgment struct {
	Release string  `json:"release"`
	Verdict Verdict `json:"verdict"`
	Trials  int64   `json:"trials,omitempty"` // of "not seen in N"
	Reason  string  `json:"reason,omitempty"` // of "unknown"
	Facts   Facts   `json:"facts,omitempty"`  // those the predicate looked at
}

// Table is facts of several steps side by side.
type Table struct {
	Title string          `json:"title"`
	Rows  []string        `json:"rows"`
	Marks map[string]Mark `json:"marks,omitempty"` // what the values of cells are worth
	Cells []TableValues   `json:"cells"`           // one per release that has any
}

// TableValues are the cells of a table on one release, row by row. Steps that
// did not run have no column.
type TableValues struct {
	Release string     `json:"release"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// Mark is what the value of a cell is worth.
type Mark string

// The marks of cells.
const (
	MarkGood     Mark = "good"
	MarkBad      Mark = "bad"
	MarkDoubtful Mark = "doubtful"
)

// Write writes the record as JSON.
func (r *Record) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	return nil
}

// ReadRecord reads a record that [Record.Write] wrote and marks it as
// recorded. The name is used in errors.
func ReadRecord(r io.Reader, name string) (*Record, error) {
	dec := json.NewDecoder(r)
	var rec Record
	if err := dec.Decode(&rec); err != nil {
		return nil, fmt.Errorf("%s: offset %d: not a record of the lab: %w", name, dec.InputOffset(), err)
	}
	switch {
	case rec.Version == 0:
		return nil, fmt.Errorf("%s: not a record of the lab: it has no \"ghostread_lab\"; ghostread lab matrix --json FILE writes one", name)
	case rec.Version != FormatVersion:
		return nil, fmt.Errorf("%s: a record of format %d, and this ghostread reads format %d; measure again with: ghostread lab matrix", name, rec.Version, FormatVersion)
	}
	if err := rec.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	rec.Recorded = true
	return &rec, nil
}

// validate holds what a page relies on: that lists by release are as long as
// the list of releases, and that verdicts are known.
func (r *Record) validate() error {
	n := len(r.Releases)
	for _, e := range r.Experiments {
		for _, s := range e.Steps {
			if len(s.Runs) != n {
				return fmt.Errorf("experiment %s, step %s: %d runs for %d releases", e.Name, s.Name, len(s.Runs), n)
			}
		}
		for _, c := range e.Claims {
			if len(c.Releases) != n {
				return fmt.Errorf("experiment %s, claim %s: %d verdicts for %d releases", e.Name, c.ID, len(c.Releases), n)
			}
			if !c.Verdict.valid() {
				return fmt.Errorf("experiment %s, claim %s: no verdict %q", e.Name, c.ID, c.Verdict)
			}
			for _, j := range c.Releases {
				if !j.Verdict.valid() {
					return fmt.Errorf("experiment %s, claim %s, release %s: no verdict %q", e.Name, c.ID, j.Release, j.Verdict)
				}
			}
		}
		for _, t := range e.Tables {
			for _, v := range t.Cells {
				if len(v.Rows) != len(t.Rows) {
					return fmt.Errorf("experiment %s, table %q, release %s: %d rows for %d names", e.Name, t.Title, v.Release, len(v.Rows), len(t.Rows))
				}
				for i, row := range v.Rows {
					if len(row) != len(v.Columns) {
						return fmt.Errorf("experiment %s, table %q, release %s, row %s: %d cells for %d columns", e.Name, t.Title, v.Release, t.Rows[i], len(row), len(v.Columns))
					}
				}
			}
		}
	}
	return nil
}

// Pick returns the results of the named experiments, or all when there are no
// names.
func (r *Record) Pick(names []string) ([]ExperimentResult, error) {
	if len(names) == 0 {
		return r.Experiments, nil
	}
	var picked []ExperimentResult
	for _, name := range names {
		i := slices.IndexFunc(r.Experiments, func(e ExperimentResult) bool { return e.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("the record has no experiment %q\n\twhat it has: ghostread lab show", name)
		}
		picked = append(picked, r.Experiments[i])
	}
	return picked, nil
}

//go:embed recorded.json.gz
var recorded []byte

// Recorded returns the record that comes with ghostread.
func Recorded() (*Record, error) {
	z, err := gzip.NewReader(bytes.NewReader(recorded))
	if err != nil {
		return nil, fmt.Errorf("the record that comes with ghostread: %w", err)
	}
	return ReadRecord(z, "the record that comes with ghostread")
}
