package labpage

import (
	"fmt"
	"html/template"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ghostread/ghostread/lab"
	"github.com/ghostread/ghostread/report"
)

// prose returns a text as HTML: what is between backticks is code, and nothing
// else means anything.
func prose(s string) template.HTML {
	var b strings.Builder
	parts := strings.Split(s, "`")
	for i, p := range parts {
		p = template.HTMLEscapeString(p)
		switch {
		case i%2 == 1 && i < len(parts)-1:
			b.WriteString("<code>" + p + "</code>")
		case i%2 == 1: // a backtick without its partner
			b.WriteString("`" + p)
		default:
			b.WriteString(p)
		}
	}
	return template.HTML(b.String())
}

var blankLine = regexp.MustCompile(`\n[ \t]*\n`)

// paragraphs splits a text at its blank lines.
func paragraphs(s string) []string {
	var list []string
	for _, p := range blankLine.Split(s, -1) {
		if p = strings.TrimSpace(p); p != "" {
			list = append(list, p)
		}
	}
	return list
}

// label is a verdict as the page shows it.
type label struct {
	Code  string // a letter, for filters
	Class string
	Sign  string // so that colour is not alone
	Text  string
	Short string // where there is little room
}

var labels = map[lab.Verdict]label{
	lab.Confirmed: {"c", "v-confirmed", "✓", "confirmed", "confirmed"},
	lab.Refuted:   {"r", "v-refuted", "✗", "refuted", "refuted"},
	lab.Depends:   {"d", "v-depends", "◐", "depends on the release", "depends"},
	lab.Racy:      {"y", "v-racy", "!", "only in a racy program", "only if racy"},
	lab.NotSeen:   {"n", "v-notseen", "∅", "not seen", "not seen"},
	lab.Unknown:   {"u", "v-unknown", "?", "unknown", "unknown"},
}

func labelOf(v lab.Verdict) label {
	if l, ok := labels[v]; ok {
		return l
	}
	return label{"u", "v-unknown", "?", string(v), string(v)}
}

// tally is how many claims have a verdict.
type tally struct {
	label
	Count int
	Help  string
}

var help = map[lab.Verdict]string{
	lab.Confirmed: "The measurement shows it, on every release.",
	lab.Refuted:   "The measurement shows the opposite, on every release.",
	lab.Depends:   "True on some releases and not on others.",
	lab.Racy:      "It happens, but only to a program that has a data race.",
	lab.NotSeen:   "Rare at best: it did not occur in that many tries. That proves nothing.",
	lab.Unknown:   "It could not be decided here; the reason is given. This is not a pass.",
}

func tallies(list []lab.ExperimentResult) []tally {
	count := map[lab.Verdict]int{}
	for _, e := range list {
		for _, c := range e.Claims {
			count[c.Verdict]++
		}
	}
	var result []tally
	for _, v := range lab.Verdicts {
		if count[v] > 0 {
			result = append(result, tally{labelOf(v), count[v], help[v]})
		}
	}
	return result
}

// lead is the record in one sentence.
func lead(claims, releases int, list []tally) string {
	if claims == 0 {
		return "No claim was tried."
	}
	var parts []string
	for _, t := range list {
		text := t.Text
		switch {
		case t.Code == "d" && t.Count > 1:
			text = "depend on the release"
		case t.Code == "y":
			text = "true only in a racy program"
		}
		parts = append(parts, fmt.Sprintf("%d %s", t.Count, text))
	}
	return fmt.Sprintf("%s, tried on %s: %s.", report.Plural(claims, "claim"), report.Plural(releases, "Go release"), strings.Join(parts, ", "))
}

// large writes a number so that its size is seen at once.
func large(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1e12, "trillion"}, {1e9, "billion"}, {1e6, "million"}} {
		if n >= u.size {
			return strconv.FormatFloat(float64(n)/float64(u.size), 'f', precision(n/u.size), 64) + " " + u.name
		}
	}
	s := strconv.FormatInt(n, 10)
	if n >= 10_000 {
		s = s[:len(s)-3] + "," + s[len(s)-3:]
	}
	return s
}

func precision(whole int64) int {
	if whole < 10 {
		return 1
	}
	return 0
}

func duration(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

// value writes a fact. Very long ones are cut: the record has them.
func value(v any) string {
	s := lab.FormatFact(v)
	if r := []rune(s); len(r) > maxFact {
		s = string(r[:maxFact]) + " … (cut)"
	}
	return s
}

const maxFact = 400
