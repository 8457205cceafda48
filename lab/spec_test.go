package lab

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// valid is an experiment that has all it needs.
const valid = `
title: Whether one is one
question: Is one one?
rule: exact
lesson: It is.
steps:
  - name: count
    title: print one
    program: count
claims:
  - id: t.1
    text: One is one.
    holds: count.one == 1
    why: The program says so.
`

func folder(yaml string) fstest.MapFS {
	return fstest.MapFS{
		"t/experiment.yaml": {Data: []byte(yaml)},
		"t/count/main.go":   {Data: []byte("package main\n\nfunc main() { println(1) }\n")},
		"t/one.litmus":      {Data: []byte("")},
	}
}

func TestLoad(t *testing.T) {
	all, err := Load(folder(valid), "t")
	if err != nil {
		t.Fatal(err)
	}
	e := all[0]
	if e.Name != "t" || len(e.Steps) != 1 || len(e.Claims) != 1 || e.Claims[0].Rule != Exact {
		t.Errorf("Load: got %+v", e)
	}
}

// Each row breaks one thing, and the error must say which.
func TestLoadErrors(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"unknown field", "rule: exact", "ruling: exact", "field ruling not found"},
		{"no question", "Is one one?", "One is one.", "is not one"},
		{"no rule", "rule: exact", "rule: sure", `rule "sure" is none`},
		{"no lesson", "lesson: It is.", "lesson: ''", "no lesson"},
		{"bad step name", "name: count", "name: Count", `step "Count"`},
		{"step name of the language", "name: count", "name: release", `step "release"`},
		{"no program", "    program: count\n", "", "needs one of"},
		{"two ways", "    program: count\n", "    program: count\n    source: [{fact: a, files: [b], find: c}]\n", "has 2"},
		{"no such folder", "program: count", "program: counts", `no folder "counts"`},
		{"unknown need", "program: count", "program: count\n    needs: [luck]", "luck"},
		{"no release", "program: count", "program: count\n    since: '2.0'", "no release"},
		{"bad pattern", "program: count", "program: count\n    outcomes: {bad: '('}", "fact bad"},
		{"outcome twice", "program: count", "program: count\n    outcomes: {bad: x}\n    facts: {bad: y}", "taken"},
		{"fact that is a counter", "program: count", "program: count\n    outcomes: {runs: x}", "taken"},
		{"junk after a release", "program: count", "program: count\n    since: '1.22x'", "no release"},
		{"no time", "program: count", "program: count\n    run: {timeout: soon}", "line 10"},
		{"predicate of no step", "count.one == 1", "counts.one == 1", "unknown name counts"},
		{"predicate that is no predicate", "count.one == 1", "1 + 1", "expected bool"},
		{"predicate that is cut off", "count.one == 1", "count.one ==", "unexpected token"},
		{"nothing decides", "    holds: count.one == 1\n", "", "either holds or undecidable"},
		{"both decide", "holds: count.one == 1", "holds: count.one == 1\n    undecidable: never", "either holds or undecidable"},
		{"no why", "    why: The program says so.\n", "", "no why"},
		{"trials of an exact claim", "holds: count.one == 1", "holds: count.one == 1\n    trials: count.one", "statistical"},
		{"table of no step", "claims:", "tables: [{title: x, rows: [one], columns: {a: counts}}]\nclaims:", `no step "counts"`},
		{"no mark", "claims:", "tables: [{title: x, rows: [one], columns: {a: count}, marks: {D: nice}}]\nclaims:", `marked "nice"`},
		{"no litmus test", "program: count", "litmus: {files: [two.litmus]}", "two.litmus"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			broken := strings.Replace(valid, tt.old, tt.new, 1)
			if broken == valid {
				t.Fatal("the row breaks nothing")
			}
			_, err := Load(folder(broken), "t")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Load: got error %v, want one with %q", err, tt.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "t/experiment.yaml: ") {
				t.Errorf("Load: the error %q does not begin with the file", err)
			}
		})
	}
}

// The example in the documentation is an experiment.
func TestLoadDocumentation(t *testing.T) {
	text, err := os.ReadFile("../doc/lab.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("doc/lab.md has no block of YAML")
	}
	fsys := folder(example)
	fsys["t/grow/main.go"] = fsys["t/count/main.go"]
	if _, err := Load(fsys, "t"); err != nil {
		t.Error(err)
	}
}

func TestLoadClaimTwice(t *testing.T) {
	fsys := folder(valid)
	fsys["u/experiment.yaml"] = fsys["t/experiment.yaml"]
	fsys["u/count/main.go"] = fsys["t/count/main.go"]
	if _, err := Load(fsys, "t", "u"); err == nil || !strings.Contains(err.Error(), "claim t.1 is judged by t already") {
		t.Errorf("Load: got error %v, want one about claim t.1", err)
	}
}

func TestMinorOf(t *testing.T) {
	for v, want := range map[string]int{
		"1.22": 22, "1.22.12": 22, "go1.22.12": 22, "1.27rc1": 27, "1.18": 18,
		"": -1, "1": -1, "2.22": -1, "1.": -1, "1.x": -1, "latest": -1,
	} {
		if got := minorOf(v); got != want {
			t.Errorf("minorOf(%q) = %d, want %d", v, got, want)
		}
	}
}

// What ghostread ships must load, and judge at least as many claims as there
// are in the articles it answers.
func TestBuiltin(t *testing.T) {
	all, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	claims := 0
	for _, e := range all {
		claims += len(e.Claims)
		if _, err := e.Source(); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
		if n := len([]rune(e.Title)); n > 70 {
			t.Errorf("%s: the title has %d characters, want 70 at most", e.Name, n)
		}
	}
	if claims < 90 {
		t.Errorf("the experiments judge %d claims, want 90 or more", claims)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(valid))
	f.Add([]byte("title: a\nquestion: b?\nrule: exact\nlesson: c\nclaims: [{id: a, text: b, holds: 'all([1], # > 0)', why: c}]"))
	f.Fuzz(func(t *testing.T, src []byte) {
		e, err := parse("t", src, folder(valid))
		if (e == nil) == (err == nil) {
			t.Fatalf("parse: got %v and error %v", e, err)
		}
	})
}
