package labpage

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/ghostread/ghostread/lab"
)

// beyond is the chapter of claims that are not the article's.
const beyond = "Beyond the article"

// titles are the chapters of the article in English.
var titles = map[string]string{
	"1":   "What happens while a map grows",
	"2":   "Maps inside, and how they grow",
	"2.1": "How a map lies in memory",
	"2.2": "What makes a map grow, and how it moves",
	"2.3": "The life of the old buckets",
	"2.4": "Keys and values that are not cleared",
	"2.5": "Races, snapshots and phantom reads",
	"3":   "Seeing reads, and their limits",
	"3.1": "Hooking map reads with go:linkname",
	"3.2": "Hash collisions in a stale bucket",
	"3.3": "Past the write barrier",
	"4":   "Defence in code",
	"4.1": "sync.Map instead of a map",
	"4.2": "A wrapper with a lock and a barrier",
	"4.3": "Traces and profiles",
	"4.4": "What the compiler can check",
	"5":   "The memory model",
}

// chapter is a heading with its claims.
type chapter struct {
	Number string
	Title  string
	Tally  []tally
	Claims []claim
}

// claim is a row: closed it says what is so, open it says why.
type claim struct {
	ID         string
	Anchor     string
	Text       string
	Why        string
	Summary    string
	Label      label
	Verdict    string // the label's text, with numbers
	Cells      []cell
	Strip      string // the cells in words
	Codes      string // the cells in letters, for filters
	Holds      string
	Cannot     string
	Evidence   evidence
	Sources    []source
	Experiment string
	Link       string // to the experiment
	Title      string // of the experiment
}

type cell struct {
	label
	Release string
	Verdict string
}

// source is a place where a claim can be looked up.
type source struct{ Text, URL string }

func chapters(rel releases, list []lab.ExperimentResult) []chapter {
	byNumber := map[string][]claim{}
	for _, e := range list {
		for _, c := range e.Claims {
			byNumber[c.Chapter] = append(byNumber[c.Chapter], newClaim(rel, e, c))
		}
	}
	var result []chapter
	for _, n := range slices.SortedFunc(maps.Keys(byNumber), byChapter) {
		claims := byNumber[n]
		slices.SortStableFunc(claims, func(a, b claim) int { return natural(a.ID, b.ID) })
		ch := chapter{Number: n, Title: titles[n], Claims: claims}
		switch {
		case n == "":
			ch.Title = beyond
		case ch.Title == "":
			ch.Title = "Chapter " + n
		}
		for _, v := range lab.Verdicts {
			l, count := labelOf(v), 0
			for _, c := range claims {
				if c.Label.Code == l.Code {
					count++
				}
			}
			if count > 0 {
				ch.Tally = append(ch.Tally, tally{l, count, help[v]})
			}
		}
		result = append(result, ch)
	}
	return result
}

// byChapter puts the chapter without a number last.
func byChapter(a, b string) int {
	if (a == "") != (b == "") {
		return strings.Compare(b, a)
	}
	return natural(a, b)
}

// natural compares names so that 1.9 is before 1.10.
func natural(a, b string) int {
	x, y := runs(a), runs(b)
	for i := 0; i < len(x) && i < len(y); i++ {
		m, errM := strconv.Atoi(x[i])
		n, errN := strconv.Atoi(y[i])
		c := strings.Compare(x[i], y[i])
		if errM == nil && errN == nil {
			c = cmp.Compare(m, n)
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(a, b))
}

// runs splits a name into digits and the rest.
func runs(s string) []string {
	var list []string
	start := 0
	for i, r := range s {
		if i > start && unicode.IsDigit(r) != unicode.IsDigit(rune(s[start])) {
			list = append(list, s[start:i])
			start = i
		}
	}
	return append(list, s[start:])
}

func newClaim(rel releases, e lab.ExperimentResult, c lab.ClaimResult) claim {
	r := claim{
		ID: c.ID, Anchor: "claim-" + c.ID, Text: c.Text, Why: c.Why, Summary: c.Summary,
		Label: labelOf(c.Verdict), Holds: strings.TrimSpace(c.Holds), Cannot: strings.TrimSpace(c.Cannot),
		Experiment: e.Name, Link: "x-" + e.Name, Title: e.Title,
	}
	r.Verdict = r.Label.Text
	var trials int64
	for _, col := range rel.Columns {
		j := c.Releases[col.Index]
		trials += j.Trials
		l := labelOf(j.Verdict)
		r.Cells = append(r.Cells, cell{l, col.Label, judgment(j)})
		r.Codes += l.Code
	}
	if c.Verdict == lab.NotSeen && trials > 0 {
		r.Verdict = "not seen in " + large(trials)
	}
	r.Strip = strip(rel, c)
	r.Evidence = newEvidence(rel, e, c)
	for _, s := range c.Sources {
		r.Sources = append(r.Sources, source{s, sourceURL(s)})
	}
	return r
}

// judgment is a verdict on one release in words.
func judgment(j lab.Judgment) string {
	if j.Verdict == lab.NotSeen && j.Trials > 0 {
		return "not seen in " + large(j.Trials)
	}
	return labelOf(j.Verdict).Text
}

// strip says which releases have which verdict.
func strip(rel releases, c lab.ClaimResult) string {
	groups := grouped(rel.all(), func(col int) (lab.Verdict, string) {
		v := c.Releases[rel.Columns[col].Index].Verdict
		return v, string(v)
	})
	var parts []string
	for _, g := range groups {
		parts = append(parts, labelOf(g.Value).Text+" on "+rel.names(g.Columns))
	}
	return strings.Join(parts, "; ")
}

// evidence is what a verdict rests on: a row for each group of releases that
// saw the same, a column for each fact.
type evidence struct {
	Facts []factName
	Rows  []evidenceRow
}

type factName struct {
	Name string
	Link string // to the step that found it, "" when there is none
}

type evidenceRow struct {
	Releases string
	Last     string // the newest of them, to open its output
	Label    label
	Verdict  string
	Reason   string
	Values   []string // of Facts
}

func newEvidence(rel releases, e lab.ExperimentResult, c lab.ClaimResult) evidence {
	names := map[string]bool{}
	for _, col := range rel.Columns {
		for name := range c.Releases[col.Index].Facts {
			names[name] = true
		}
	}
	var ev evidence
	for _, name := range slices.SortedFunc(maps.Keys(names), natural) {
		ev.Facts = append(ev.Facts, factName{name, stepOf(e, name)})
	}
	groups := grouped(rel.all(), func(col int) (evidenceRow, string) {
		j := c.Releases[rel.Columns[col].Index]
		row := evidenceRow{Label: labelOf(j.Verdict), Verdict: judgment(j), Reason: j.Reason}
		for _, f := range ev.Facts {
			text := ""
			if v, ok := j.Facts[f.Name]; ok {
				text = value(v)
			}
			row.Values = append(row.Values, text)
		}
		return row, fmt.Sprintf("%q", []any{row.Verdict, row.Reason, row.Values})
	})
	for _, g := range groups {
		g.Value.Releases = rel.names(g.Columns)
		g.Value.Last = rel.last(g.Columns)
		ev.Rows = append(ev.Rows, g.Value)
	}
	return ev
}

// stepOf returns the anchor of the step that a fact is of.
func stepOf(e lab.ExperimentResult, fact string) string {
	name, _, ok := strings.Cut(fact, ".")
	if ok && slices.ContainsFunc(e.Steps, func(s lab.StepResult) bool { return s.Name == name }) {
		return stepAnchor(e.Name, name)
	}
	return ""
}

func stepAnchor(experiment, step string) string { return "x-" + experiment + "." + step }

var (
	webAddress = regexp.MustCompile(`^https?://\S+$`)
	// A place in the sources of a release: runtime/map.go:73 (Go 1.22.12).
	goSource = regexp.MustCompile(`^([a-z][\w/.-]*\.(?:go|s|c|h)):(\d+)(?:-(\d+))? \((?:Go |go)(1\.\d+(?:\.\d+)?)\)`)
)

// sourceURL returns the address of a source that is one, or is a line of a
// release.
func sourceURL(s string) string {
	if webAddress.MatchString(s) {
		return s
	}
	m := goSource.FindStringSubmatch(s)
	if m == nil || strings.Contains(m[1], "..") {
		return ""
	}
	url := fmt.Sprintf("https://github.com/golang/go/blob/go%s/src/%s#L%s", m[4], m[1], m[2])
	if m[3] != "" {
		url += "-L" + m[3]
	}
	return url
}
