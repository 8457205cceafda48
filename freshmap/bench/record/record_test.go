package record

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/freshmap/bench"
	"github.com/ghostread/ghostread/freshmap/bench/result"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func peers(t *testing.T, names string) []*bench.Peer {
	t.Helper()
	p, err := choosePeers(names)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlansHoldWhatTheFiguresNeed(t *testing.T) {
	for name, choose := range map[string]func(bench.Case) []int{"issue": issue, "quick": quick, "full": full} {
		set := &result.Set{}
		for _, s := range schedule(plan(choose, nil, name == "full", nil), peers(t, "sync.Map,xsync,freshmap"), 1) {
			set.Lines = append(set.Lines, fake(s, 1))
		}
		for _, f := range figures(set) {
			if !f.ok {
				t.Errorf("%s: %s is not measured", name, f.text)
			}
		}
	}
}

func TestScheduleInterleaves(t *testing.T) {
	jobs := plan(every, regexp.MustCompile(`^(Hits|Grow)/size=1k/key=int(/dist=uniform)?$`), false, []int{2})
	var got []string
	for _, s := range schedule(jobs, peers(t, "xsync,freshmap,floor"), 2) {
		got = append(got, fmt.Sprint(s.rep, " ", s.Workload, " ", s.peer))
	}
	want := []string{
		"0 Hits xsync", "0 Hits freshmap", "0 Hits floor", "0 Grow freshmap", "0 Grow xsync",
		"1 Hits freshmap", "1 Hits floor", "1 Hits xsync", "1 Grow xsync", "1 Grow freshmap",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("schedule (-want +got):\n%s", d)
	}
}

func TestWhatWasAskedForIsMeasuredOften(t *testing.T) {
	jobs := plan(full, regexp.MustCompile(`^(Hits|U50)/size=100k/key=int/dist=uniform$|^Memory/size=1M/key=int$`), false, []int{2})
	emphasize(jobs)
	seldom(jobs)
	got := map[string]int{}
	for _, s := range schedule(jobs, peers(t, "xsync,rwmutex"), 1) {
		got[s.Workload+" "+s.peer]++
	}
	want := map[string]int{
		"Hits xsync": issueReps, "Hits rwmutex": 1, "U50 xsync": 1, "U50 rwmutex": 1, "Memory xsync": 3, "Memory rwmutex": 1,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
}

// fake is a result that depends on the case alone.
func fake(s step, speed float64) result.Line {
	l := result.Line{Key: result.Key{Case: s.name(), Peer: s.peer, Procs: s.procs}, N: 1, Values: map[string]float64{}}
	v := float64(len(s.name())%7+10) * float64(s.Size) / 1000 / speed
	for i, u := range []string{"ns/op", "cpu-ns/op", "store-p50-ns", "store-p99-ns", "store-p99.9-ns", "store-max-ns",
		"load-p50-ns", "load-p99-ns", "load-p99.9-ns", "load-max-ns", "lost-loads", "clock-ns", "B/entry", "objects/entry", "gc-ns", "left-B/entry",
		"holes", "writer-max-ns", "B/insert", "allocs/insert"} {
		l.Values[u] = v * float64(i+1)
	}
	if s.peer != "haxmap" || s.Workload != "Latency" {
		l.Values["lost-loads"] = 0
	}
	return l
}

func TestMeasureLeavesOutWithAReason(t *testing.T) {
	jobs := plan(every, regexp.MustCompile(`^Hits/size=1k/key=int/dist=uniform$`), false, []int{2})
	jobs[0].timeout = time.Millisecond
	calls := map[string]int{}
	set, left := measure(t.Context(), schedule(jobs, peers(t, "rwmutex,xsync,haxmap,freshmap"), 3), func(ctx context.Context, s step) (string, error) {
		calls[s.peer]++
		switch s.peer {
		case "haxmap":
			<-ctx.Done()
			return "", ctx.Err()
		case "rwmutex":
			return "panic: no", errors.New("exit status 2")
		case "xsync":
			return "PASS", nil
		}
		return "goos: linux\n" + fake(s, 1).String() + "\nPASS\n", nil
	}, io.Discard)
	want := []LeftOut{
		{"Hits/size=1k/key=int/dist=uniform", 2, "rwmutex", "exit status 2: panic: no"},
		{"Hits/size=1k/key=int/dist=uniform", 2, "xsync", "printed 0 results: PASS"},
		{"Hits/size=1k/key=int/dist=uniform", 2, "haxmap", "did not end in 1ms"},
	}
	if d := cmp.Diff(want, left); d != "" {
		t.Errorf("left out (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]int{"rwmutex": 1, "xsync": 1, "haxmap": 1, "freshmap": 3}, calls); d != "" {
		t.Errorf("calls (-want +got):\n%s", d)
	}
	if len(set.Lines) != 3 || set.Get("goos") != "linux" {
		t.Errorf("measure kept %d lines and goos %q, want 3, linux", len(set.Lines), set.Get("goos"))
	}
}

func TestBigCasesOfHaxmapAreLeftOut(t *testing.T) {
	jobs := plan(full, regexp.MustCompile(`^Hits/size=10M/`), true, nil)
	_, left := measure(t.Context(), schedule(jobs, peers(t, "haxmap"), 1), func(context.Context, step) (string, error) {
		t.Error("haxmap was asked to hold 10M entries")
		return "", nil
	}, io.Discard)
	if len(left) != 1 || !strings.Contains(left[0].Reason, "10M") {
		t.Errorf("left out %v, want haxmap with its reason", left)
	}
}

func TestDocument(t *testing.T) {
	set := &result.Set{}
	speed := map[string]float64{"xsync": 1, "sync.Map": 0.3, "freshmap": 1.2, "freshmap-snapshot": 1.1, "haxmap": 0.5, "floor": 40}
	for _, s := range schedule(plan(full, regexp.MustCompile(`size=1(00)?[kM]|size=4M/key=int`), true, []int{2}), peers(t, "xsync,sync.Map,freshmap,freshmap-snapshot,haxmap,floor"), 2) {
		set.Lines = append(set.Lines, fake(s, speed[s.peer]*(1+float64(s.rep)/20)))
	}
	about := About{Date: "2026-01-02", CPU: "a processor", Cores: 2, Go: "go1.26 linux/amd64", Commit: "abc", Mode: "full", Reps: 2, Took: "1h0m0s",
		Modules: []string{"example.com/xsync v1"}, Measured: []string{"xsync", "sync.Map", "freshmap", "freshmap-snapshot", "haxmap", "floor"},
		LeftOut: []LeftOut{{"Hits/size=10M/key=int/dist=uniform", 2, "haxmap", "too many"}}}
	golden(t, "document.md", []byte(markdown(about, set, "a table")))
	for name, svg := range pictures(set) {
		golden(t, name, svg)
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got), go test -update rewrites it:\n%s", name, d)
	}
}

func TestSplice(t *testing.T) {
	got, err := splice("a\n"+begin("bench")+"\nold\n"+end("bench")+"\nb\n", "bench", "new\n")
	if want := "a\n" + begin("bench") + "\nnew\n" + end("bench") + "\nb\n"; err != nil || got != want {
		t.Errorf("splice = %q, %v, want %q", got, err, want)
	}
	if _, err := splice("no markers", "bench", "new"); err == nil {
		t.Error("splice without markers: no error, want one")
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0.00", 0.0123: "0.0123", 0.5: "0.50", 12.34: "12.3", 1234: "1234"} {
		if got := three(v); got != want {
			t.Errorf("three(%v) = %s, want %s", v, got, want)
		}
	}
	for v, want := range map[float64]string{12: "12.0 ns", 3400: "3.40 µs", 765e6: "765 ms", 2e9: "2.00 s"} {
		if got := duration(v); got != want {
			t.Errorf("duration(%v) = %s, want %s", v, got, want)
		}
	}
}

// The kept results and the document belong together.
func TestDocumentIsOfTheKeptResults(t *testing.T) {
	about, set, err := load("..")
	if os.IsNotExist(err) {
		t.Skip("no results are kept")
	} else if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../../doc/freshmap.md")
	if os.IsNotExist(err) {
		t.Skip("no document yet")
	} else if err != nil {
		t.Fatal(err)
	}
	if want := markdown(about, set, ""); !strings.Contains(string(doc), want) {
		t.Error("doc/freshmap.md differs from the kept results: go run ./cmd/record -render")
	}
	for name, want := range pictures(set) {
		if got, err := os.ReadFile(filepath.Join("../../../doc/freshmap", name)); err != nil || string(got) != string(want) {
			t.Errorf("doc/freshmap/%s differs from the kept results (%v): go run ./cmd/record -render", name, err)
		}
	}
}
