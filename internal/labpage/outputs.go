package labpage

import (
	"html/template"
	"regexp"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/lab"
	"github.com/ghostread/ghostread/report"
)

// outputView is what a step printed on the releases that printed the same.
type outputView struct {
	Commands []string
	Release  string // whose commands these are
	Lines    []outputLine
	Size     string
	Took     string
}

type outputLine struct {
	Text    string
	Fact    bool
	Omitted bool // the line stands for lines that are not shown
}

// The most of an output that the page shows: enough to see what a program
// says, not so much that ten releases of it slow the page down. The record has
// the rest.
const (
	headLines = 70
	tailLines = 30
	maxLine   = 400
	// Of an output that is behind another one.
	headBehind = 30
	tailBehind = 15
	// An older release prints mostly what the newest one does. So many equal
	// lines in a row are told of in one.
	equalLines = 4
)

var factLine = regexp.MustCompile(`^[a-z][a-z0-9_]* = .`)

// newOutput returns the output of a run. What it has in common with the newest
// output, which is in front, is left out; nil means that this is the newest.
func newOutput(run lab.StepRun, newest []string, newestName string) outputView {
	o := outputView{Commands: run.Commands}
	if run.Took > 0 {
		o.Took = duration(run.Took)
	}
	lines := linesOf(run.Output)
	if len(lines) == 0 {
		return o
	}
	o.Size = report.Plural(len(lines), "line")
	equal := common(lines, newest)
	for i := 0; i < len(lines); i++ {
		same := 0
		for i+same < len(lines) && equal[i+same] {
			same++
		}
		if same >= equalLines {
			o.omit(report.Plural(same, "line") + " as on Go " + newestName)
			i += same - 1
			continue
		}
		l := lines[i]
		if r := []rune(l); len(r) > maxLine {
			l = string(r[:maxLine]) + " …"
		}
		o.Lines = append(o.Lines, outputLine{Text: l, Fact: factLine.MatchString(l)})
	}
	head, tail := headLines, tailLines
	if newest != nil {
		head, tail = headBehind, tailBehind
	}
	if cut := len(o.Lines) - head - tail; cut > 1 {
		end := slices.Clone(o.Lines[head+cut:])
		o.Lines = o.Lines[:head]
		o.omit(report.Plural(cut, "line") + " left out")
		o.Lines = append(o.Lines, end...)
	}
	return o
}

func (o *outputView) omit(what string) {
	o.Lines = append(o.Lines, outputLine{Text: "… " + what + " …", Omitted: true})
}

func linesOf(output string) []string {
	output = strings.Trim(output, "\n")
	if output == "" {
		return nil
	}
	return strings.Split(output, "\n")
}

// common marks the lines of a that are, in this order, also in b.
func common(a, b []string) []bool {
	marks := make([]bool, len(a))
	if len(a)*len(b) > 4_000_000 { // then it costs more than it saves
		return marks
	}
	// longest[i][j] is the number of lines that a[i:] and b[j:] have in common.
	longest := make([][]int32, len(a)+1)
	for i := range longest {
		longest[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			marks[i] = true
			i, j = i+1, j+1
		case longest[i+1][j] >= longest[i][j+1]:
			i++
		default:
			j++
		}
	}
	return marks
}

// HTML returns the lines with the facts set apart: they are what predicates
// see, the rest is commentary.
func (o outputView) HTML() template.HTML {
	var b strings.Builder
	for _, l := range o.Lines {
		text := template.HTMLEscapeString(l.Text)
		switch {
		case l.Fact:
			text = "<b>" + text + "</b>"
		case l.Omitted:
			text = "<i>" + text + "</i>"
		}
		b.WriteString(text + "\n")
	}
	return template.HTML(b.String())
}
