package main

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

// words are what the classes of outcomes mean.
var words = map[string]string{
	"sc":        "an interleaving",
	"racy":      "allowed, the test has a data race",
	"forbidden": "FORBIDDEN",
}

// perMillion is n of the runs.
func (m *measured) perMillion(n int) float64 {
	if m.runs == 0 {
		return 0
	}
	return float64(n) * 1e6 / float64(m.runs)
}

// outcomes returns those that were seen, in the order of their values.
func (m *measured) outcomes() []results {
	var list []results
	for o := range m.times {
		list = append(list, o)
	}
	sort.Slice(list, func(i, j int) bool {
		for k := range list[i] {
			if list[i][k] != list[j][k] {
				return list[i][k] < list[j][k]
			}
		}
		return false
	})
	return list
}

// text returns an outcome as the test names it.
func (m *measured) text(o results) string {
	var parts []string
	for i, n := range m.names {
		parts = append(parts, fmt.Sprintf("%s=%d", n, o[i]))
	}
	return strings.Join(parts, " ")
}

// number prints what is no whole number, but never an exponent.
func number(f float64) string {
	if f >= 100 || f == 0 {
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

func (m *measured) print() {
	name := m.name
	if m.how.name != "" {
		name += "_" + m.how.name
	}
	fmt.Printf("\n%s: %s\n", name, m.doc)
	if m.crowded {
		fmt.Printf("  %d threads have to share the CPUs: few of them overlap, and not seen says little\n", len(m.threads))
	}
	times := make(map[string]int)
	for _, o := range m.outcomes() {
		v, ok := m.known[o]
		if !ok {
			v = verdict{class: "forbidden"}
		}
		mark := ""
		if m.interesting(&o) {
			mark = "  <- " + m.exists
		}
		hardware := "x86-TSO: no "
		if v.tso {
			hardware = "x86-TSO: yes"
		}
		times[m.text(o)] = m.times[o]
		fmt.Printf("  %9d  %s  %s  Go: %s%s\n", m.times[o], m.text(o), hardware, words[v.class], mark)
	}
	fmt.Printf("  %d in %d ms", m.runs, m.duration.Milliseconds())
	if m.how.start == "tsc" {
		fmt.Printf(", started %d ticks ahead", m.lead)
	}
	fmt.Println()
	fmt.Printf("%s_runs = %d\n", name, m.runs)
	fmt.Printf("%s_weak = %d\n", name, m.weak)
	fmt.Printf("%s_per_million = %s\n", name, number(m.perMillion(m.weak)))
	fmt.Printf("%s_forbidden = %d\n", name, m.banned)
	fmt.Printf("%s_go = %s\n", name, m.class)
	fmt.Printf("%s_tso = %t\n", name, m.tso)
	fmt.Printf("%s_crowded = %t\n", name, m.crowded)
	text, err := json.Marshal(times)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s_histogram = %s\n", name, text)
}

// picture prints a table of all tests.
func picture(all []*measured) {
	var rows [][]string
	var notes []string
	for _, m := range all {
		runs := fmt.Sprint(m.runs)
		if m.crowded {
			runs += " (few overlap)"
		}
		tso := "no"
		if m.tso {
			tso = "yes"
		}
		allowed, sign := "yes", ""
		switch m.class {
		case "racy":
			allowed, sign = "only because of the data race", "~"
		case "forbidden":
			allowed, sign = "no", "+"
		}
		if m.class == "forbidden" && m.weak > 0 {
			sign = "!"
		}
		if m.class == "racy" && m.weak == 0 {
			sign = ""
		}
		rows = append(rows, []string{m.name, m.exists, allowed, tso, runs, sign + number(m.perMillion(m.weak))})
		notes = append(notes, m.name+": "+m.doc)
	}
	draw(map[string]interface{}{
		"kind":    "table",
		"title":   "What the models allow, and what this machine shows",
		"columns": []string{"test", "outcome", "allowed in Go", "x86-TSO", "runs", "seen per million"},
		"rows":    rows,
		"notes":   notes,
	})
}

func draw(p map[string]interface{}) {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	fmt.Printf("picture: %s\n", text)
}

// compareTechniques runs each test with each technique.
func compareTechniques() {
	for i := range tests {
		var bars []map[string]interface{}
		for _, how := range techniques {
			if how.start == "tsc" && !haveTicks {
				continue
			}
			m := measure(&tests[i], how)
			m.print()
			v := m.perMillion(m.weak)
			bars = append(bars, map[string]interface{}{"name": how.text(), "group": m.name, "value": v, "low": v, "high": v})
		}
		draw(map[string]interface{}{
			"kind":  "bars",
			"title": "How often " + tests[i].name + " shows " + tests[i].exists + ", by technique",
			"unit":  "per million",
			"bars":  bars,
		})
	}
}

// text describes a technique.
func (t technique) text() string {
	s := map[string]string{"tsc": "agreed time", "spin": "spin barrier", "none": "no start"}[t.start]
	if t.preload {
		s += ", preload"
	}
	if t.pin {
		s += ", pinned"
	}
	return s
}
