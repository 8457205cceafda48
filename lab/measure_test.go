package lab

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// steps is an experiment with a step of each kind, and with each way to go
// wrong.
const steps = `
title: Every kind of step
question: Does the engine do what the file says?
rule: detector
lesson: It does.
steps:
  - {name: plain, title: prints facts, program: p, run: {args: [facts]}}
  - {name: crash, title: dies, program: p, run: {args: [panic]}}
  - {name: slow, title: does not end, program: p, run: {args: [hang], timeout: 300ms}}
  - name: many
    title: ends in many ways
    program: p
    run: {args: [dice], times: 4}
    outcomes: {boom: 'fatal error: boom', odd: 'odd'}
  - {name: forged, title: prints what is counted, program: p, run: {args: [forge], times: 2}, facts: {hits: '^hit'}}
  - {name: hung, title: hangs among many, program: p, run: {args: [hang], times: 2, timeout: 200ms}}
  - {name: broken, title: does not compile, program: broken}
  - {name: refused, title: must not compile, program: broken, build: {fails: true}, facts: {undefined: 'undefined: nowhere'}}
  - {name: accepted, title: should not compile, program: p, build: {fails: true}}
  - name: patched
    title: a changed standard library
    program: p
    run: {args: [facts]}
    build: {overlay: [{file: 'container/ring/r*.go', in: Ring.Len, find: 'n = 1', replace: 'n = 101'}]}
  - name: unpatched
    title: an edit that fits nothing
    program: p
    build: {overlay: [{file: container/ring/ring.go, find: 'no such text', replace: ''}]}
  - name: source
    title: look into the sources
    source:
      - {fact: lens, files: [container/ring/*.go], find: '\) Len\('}
      - {fact: inside, files: [container/ring/ring.go], in: Ring.Len, find: 'n\+\+'}
      - {fact: outside, files: [container/ring/ring.go], in: Ring.Do, find: 'n\+\+'}
      - {fact: nowhere, files: [container/ring/ring.go], in: Ring.Gone, find: 'n'}
      - {fact: nofile, files: [container/gone/*.go], find: 'n'}
  - {name: vet, title: a go command, go: {args: [vet, .], program: broken}, outcomes: {complains: nowhere}}
  - {name: env, title: the variables of a child, program: p, run: {args: [env], env: {GOMAXPROCS: "1"}}}
  - {name: later, title: needs a later release, program: p, since: "1.99"}
  - {name: language, title: is written in a later language, program: p, language: "1.99"}
  - {name: tools, title: takes long, program: p, optional: tools}
  - {name: alone, title: runs alone, program: p, run: {args: [facts], alone: true}}
tables:
  - {title: side by side, rows: [n, word, gone], columns: {Plain: plain, Alone: alone, Later: later}}
claims:
  - {id: s.1, text: It prints three., holds: plain.n == 3, why: It does.}
  - {id: s.2, text: It prints nothing., holds: crash.n == 3, why: It dies.}
`

const stepsProgram = `package main

import (
	"container/ring"
	"fmt"
	"os"
	"runtime"
	"time"
)

func main() {
	switch os.Args[1] {
	case "facts":
		fmt.Println("n = 3")
		fmt.Println("word = two words")
		fmt.Println("ring =", ring.New(2).Len())
		fmt.Println("picture: {\"kind\":\"table\"}")
	case "panic":
		fmt.Println("n = 3")
		panic("as asked")
	case "hang":
		time.Sleep(time.Hour)
	case "dice":
		fmt.Println("n = 1")
		fmt.Println("fatal error: boom")
		os.Exit(2)
	case "forge":
		fmt.Println("ok = yes")
		fmt.Println("runs = 7")
		fmt.Println("hits = 7")
	case "env":
		fmt.Println("procs =", runtime.GOMAXPROCS(0))
		fmt.Println("gc =", os.Getenv("GOGC") != "")
	}
}
`

// measureSteps runs the experiment of steps on the release of this test.
func measureSteps(t *testing.T, ctx context.Context, progress func(Progress)) *Record {
	t.Helper()
	t.Setenv("GOGC", "50") // must not leak into a child
	all, err := Load(fstest.MapFS{
		"s/experiment.yaml": {Data: []byte(steps)},
		"s/p/main.go":       {Data: []byte(stepsProgram)},
		"s/broken/main.go":  {Data: []byte("package main\n\nfunc main() { nowhere() }\n")},
	}, "s")
	if err != nil {
		t.Fatal(err)
	}
	releases, err := DefaultReleases(ctx)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := Measure(ctx, Options{
		Experiments: all, Releases: releases[len(releases)-1:], Dir: t.TempDir(), Tool: "test", Progress: progress,
	})
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func runOf(t *testing.T, rec *Record, step string) StepRun {
	t.Helper()
	for _, s := range rec.Experiments[0].Steps {
		if s.Name == step {
			return s.Runs[0]
		}
	}
	t.Fatalf("the record has no step %s", step)
	return StepRun{}
}

func TestMeasure(t *testing.T) {
	done := 0
	rec := measureSteps(t, t.Context(), func(p Progress) {
		if done++; p.Done != done || p.All < p.Done {
			t.Errorf("progress: got %d of %d, want %d", p.Done, p.All, done)
		}
	})
	for _, tt := range []struct {
		step, fact, want string
	}{
		{"plain", "n", "3"},
		{"plain", "word", "two words"},
		{"plain", "ring", "2"},
		{"patched", "ring", "102"},
		{"many", "runs", "4"},
		{"many", "boom", "4"},
		{"many", "odd", "0"},
		{"many", "ok", "0"},
		{"many", "failed", "0"},
		{"many", "n", "4"},
		{"forged", "ok", "2"},
		{"forged", "runs", "2"},
		{"forged", "hits", "2"},
		{"hung", "timeout", "2"},
		{"refused", "fails", "true"},
		{"refused", "undefined", "1"},
		{"accepted", "fails", "false"},
		{"source", "lens", "1"},
		{"source", "inside", "1"},
		{"source", "outside", "0"},
		{"source", "nowhere", "<nil>"},
		{"source", "nofile", "<nil>"},
		{"vet", "status", "1"},
		{"vet", "complains", "1"},
		{"env", "procs", "1"},
		{"env", "gc", "false"},
		{"alone", "n", "3"},
	} {
		if got := FormatFact(runOf(t, rec, tt.step).Facts[tt.fact]); got != tt.want {
			t.Errorf("%s.%s = %s, want %s; it failed: %q", tt.step, tt.fact, got, tt.want, runOf(t, rec, tt.step).Failed)
		}
	}
	for step, want := range map[string]string{
		"crash":     "exit status 2: panic: as asked",
		"slow":      "it did not end within 300ms",
		"broken":    "it does not build: ./main.go:3:15: undefined: nowhere",
		"unpatched": `container/ring/ring.go of go`,
	} {
		if got := runOf(t, rec, step).Failed; !strings.Contains(got, want) {
			t.Errorf("%s failed with %q, want %q", step, got, want)
		}
	}
	for step, want := range map[string]string{
		"later":    "it is for Go 1.99 and later",
		"language": "its program is written in Go 1.99",
		"tools":    "it takes long, and runs with --tools only",
	} {
		if got := runOf(t, rec, step).Skipped; got != want {
			t.Errorf("%s was skipped with %q, want %q", step, got, want)
		}
	}
	if p := runOf(t, rec, "plain").Pictures; len(p) != 1 || string(p[0]) != `{"kind":"table"}` {
		t.Errorf("pictures of plain: got %s", p)
	}
	if out := runOf(t, rec, "crash").Output; strings.Contains(out, t.TempDir()) || !strings.Contains(out, "$DIR/main.go") {
		t.Errorf("the output of crash names this machine's directories, or none:\n%s", out)
	}
	claims := rec.Experiments[0].Claims
	if claims[0].Verdict != Confirmed || claims[1].Verdict != Unknown || !strings.Contains(claims[1].Releases[0].Reason, "as asked") {
		t.Errorf("claims: got %+v", claims)
	}
	// Later did not run, and has no column.
	cells := rec.Experiments[0].Tables[0].Cells[0]
	if got, want := fmt.Sprint(cells.Columns, cells.Rows), "[Plain Alone] [[3 3] [two words two words] [ ]]"; got != want {
		t.Errorf("table: got %s, want %s", got, want)
	}

	var buf bytes.Buffer
	if err := rec.Write(&buf); err != nil {
		t.Fatal(err)
	}
	again, err := ReadRecord(&buf, "r.json")
	if err != nil {
		t.Fatal(err)
	}
	if !again.Recorded || len(again.Experiments) != 1 || again.Count()[Confirmed] != 1 {
		t.Errorf("the record read back: recorded %v, %d experiments, counts %v", again.Recorded, len(again.Experiments), again.Count())
	}
}

// A measurement that is interrupted keeps what it has and skips the rest.
func TestMeasureInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	rec := measureSteps(t, ctx, func(Progress) { cancel() }) // after the first step
	interrupted := 0
	for _, s := range rec.Experiments[0].Steps {
		if s.Runs[0].Skipped == "it was interrupted" {
			interrupted++
		}
	}
	if interrupted < 10 {
		t.Errorf("%d steps were interrupted, want nearly all of %d", interrupted, len(rec.Experiments[0].Steps))
	}
	if rec.Took > time.Minute {
		t.Errorf("the interrupted measurement took %v", rec.Took)
	}
}

func TestReadRecordErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"no JSON", "<html>", "offset"},
		{"something else", "{}", `no "ghostread_lab"`},
		{"another format", `{"ghostread_lab": 99}`, "format 99"},
		{"too few runs", `{"ghostread_lab":1,"releases":[{"asked":"1.22"}],"experiments":[{"name":"e","steps":[{"name":"s"}]}]}`, "0 runs for 1 releases"},
		{"too few verdicts", `{"ghostread_lab":1,"releases":[{"asked":"1.22"}],"experiments":[{"name":"e","claims":[{"id":"1"}]}]}`, "0 verdicts for 1 releases"},
		{"no verdict", `{"ghostread_lab":1,"experiments":[{"name":"e","claims":[{"id":"1","verdict":"maybe"}]}]}`, `no verdict "maybe"`},
		{"a ragged table", `{"ghostread_lab":1,"experiments":[{"name":"e","tables":[{"rows":["a"],"cells":[{"columns":["b"],"rows":[[]]}]}]}]}`, "0 cells for 1 columns"},
	} {
		if _, err := ReadRecord(strings.NewReader(tt.text), "r.json"); err == nil || !strings.HasPrefix(err.Error(), "r.json: ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want one about r.json with %q", tt.name, err, tt.want)
		}
	}
}

func FuzzReadRecord(f *testing.F) {
	f.Add([]byte(`{"ghostread_lab":1,"releases":[{"asked":"1.22"}],"experiments":[{"name":"e","steps":[{"name":"s","runs":[{}]}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, err := ReadRecord(bytes.NewReader(data), "r")
		if (rec == nil) == (err == nil) {
			t.Fatalf("ReadRecord: got %v and error %v", rec, err)
		}
	})
}
