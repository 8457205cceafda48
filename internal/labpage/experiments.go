package labpage

import (
	"path"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/lab"
	"github.com/ghostread/ghostread/report"
)

// experiment is a section: what was asked, what came of it, and all that is
// needed to doubt it.
type experiment struct {
	Name     string
	Anchor   string
	Title    string
	Question string
	Rule     string
	RuleHelp string
	Lesson   string
	Claims   []claimLink
	Figures  []figure
	Tables   []tableView
	Steps    []step
	Programs []program
	Took     string
}

type claimLink struct {
	ID     string
	Anchor string
	Text   string
	Label  label
}

var ruleHelp = map[lab.Rule]string{
	lab.Exact:       "compares values that are the same in every run",
	lab.Detector:    "counts how child processes end",
	lab.Statistical: "waits for something rare: one hit proves it possible, no hit proves nothing",
}

// step is a measurement on all releases.
type step struct {
	Number  int
	Name    string
	Anchor  string
	Title   string
	Outputs tabs // of outputView
	Absent  []absence
	Files   []program // without their text
}

// absence is why a step gave no result on some releases.
type absence struct {
	Releases string
	Failed   bool
	Reason   string
}

type program struct {
	Name   string
	Anchor string
	Lines  string
	Text   string
}

type tableView struct {
	Title string
	Tabs  tabs // of grid
}

func newExperiment(rel releases, e lab.ExperimentResult, ids *counter) experiment {
	x := experiment{
		Name: e.Name, Anchor: "x-" + e.Name, Title: e.Title, Question: e.Question,
		Rule: string(e.Rule), RuleHelp: ruleHelp[e.Rule], Lesson: e.Lesson,
	}
	for _, c := range e.Claims {
		x.Claims = append(x.Claims, claimLink{c.ID, "claim-" + c.ID, c.Text, labelOf(c.Verdict)})
	}
	slices.SortStableFunc(x.Claims, func(a, b claimLink) int { return natural(a.ID, b.ID) })
	for _, name := range slices.SortedFunc(keys(e.Programs), byFile) {
		text := strings.TrimRight(strings.ReplaceAll(e.Programs[name], "\t", "    "), "\n")
		x.Programs = append(x.Programs, program{name, "p-" + e.Name + "-" + name, report.Plural(strings.Count(text, "\n")+1, "line"), text})
	}
	for i, s := range e.Steps {
		x.Steps = append(x.Steps, newStep(rel, e, s, i+1, ids))
	}
	x.Figures = figures(rel, e, ids)
	for _, t := range e.Tables {
		if v, ok := newTable(rel, t, ids); ok {
			x.Tables = append(x.Tables, v)
		}
	}
	return x
}

func keys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// byFile puts the files of one program together, its main.go first.
func byFile(a, b string) int {
	if c := strings.Compare(path.Dir(a), path.Dir(b)); c != 0 {
		return c
	}
	mainA, mainB := path.Base(a) == "main.go", path.Base(b) == "main.go"
	switch {
	case mainA && !mainB:
		return -1
	case mainB && !mainA:
		return 1
	}
	return strings.Compare(a, b)
}

func newStep(rel releases, e lab.ExperimentResult, s lab.StepResult, number int, ids *counter) step {
	v := step{Number: number, Name: s.Name, Anchor: stepAnchor(e.Name, s.Name), Title: s.Title}
	for _, f := range s.Files {
		if _, ok := e.Programs[f]; ok {
			v.Files = append(v.Files, program{Name: f, Anchor: "p-" + e.Name + "-" + f})
		}
	}
	var ran, absent []int
	for i, col := range rel.Columns {
		run := s.Runs[col.Index]
		if run.Skipped != "" || run.Failed != "" {
			absent = append(absent, i)
		}
		if run.Skipped == "" {
			ran = append(ran, i)
		}
	}
	for _, g := range grouped(absent, func(c int) (lab.StepRun, string) {
		run := s.Runs[rel.Columns[c].Index]
		return run, run.Skipped + "\x00" + run.Failed
	}) {
		a := absence{Releases: rel.names(g.Columns), Reason: g.Value.Skipped}
		if g.Value.Failed != "" {
			a.Failed, a.Reason = true, g.Value.Failed
		}
		v.Absent = append(v.Absent, a)
	}
	outputs := grouped(ran, func(c int) (lab.StepRun, string) {
		run := s.Runs[rel.Columns[c].Index]
		return run, strings.TrimSpace(run.Output)
	})
	if len(outputs) == 0 {
		return v
	}
	front := outputs[len(outputs)-1]
	newest := linesOf(front.Value.Output)
	v.Outputs = newTabs(rel, ids, outputs, func(run lab.StepRun, cols []int) any {
		against := newest
		if cols[0] == front.Columns[0] {
			against = nil
		}
		o := newOutput(run, against, rel.last(front.Columns))
		o.Release = rel.last(cols)
		return o
	})
	return v
}

func newTable(rel releases, t lab.Table, ids *counter) (tableView, bool) {
	values := map[int]lab.TableValues{}
	var cols []int
	for _, v := range t.Cells {
		for i, c := range rel.Columns {
			if _, seen := values[i]; !seen && (v.Release == c.Version || "go"+v.Release == c.Version || v.Release == c.Label) {
				values[i] = v
				cols = append(cols, i)
				break
			}
		}
	}
	if len(cols) == 0 {
		return tableView{}, false
	}
	groups := grouped(cols, func(c int) (lab.TableValues, string) {
		var key strings.Builder
		key.WriteString(strings.Join(values[c].Columns, "\x00") + "\n")
		for _, row := range values[c].Rows {
			key.WriteString(strings.Join(row, "\x00") + "\n")
		}
		return values[c], key.String()
	})
	return tableView{t.Title, newTabs(rel, ids, groups, func(v lab.TableValues, _ []int) any {
		g := grid{Columns: append([]string{""}, v.Columns...)}
		for i, row := range v.Rows {
			line := []gridCell{{Text: t.Rows[i]}}
			for _, c := range row {
				line = append(line, gridCell{Text: c, Mark: string(t.Marks[c])})
			}
			g.Rows = append(g.Rows, line)
		}
		return g
	})}, true
}
