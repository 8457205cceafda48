package labpage

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/lab"
)

// minors are the releases of the fixture; the last is skipped.
var minors = []int{18, 19, 20, 21, 22, 23, 24, 25, 26, 27}

// sample returns a record like a real one: ten releases of which one was
// skipped, all kinds of pictures and verdicts, and outputs that are long.
func sample() *lab.Record {
	rec := &lab.Record{
		Version: lab.FormatVersion, Tool: "ghostread v0.9.0", Date: time.Date(2026, 7, 20, 9, 30, 0, 0, time.UTC),
		Took: 13*time.Minute + 20*time.Second,
		Host: lab.Host{OS: "linux", Arch: "amd64", CPU: "AMD EPYC 9R14", CPUs: 2, Kernel: "Linux 6.18.5"},
	}
	for _, m := range minors {
		r := lab.ReleaseInfo{Asked: fmt.Sprintf("1.%d", m), Version: fmt.Sprintf("1.%d.%d", m, m%7+4), Minor: m}
		if m == 27 {
			r.Version, r.Skipped = "", "download: no network"
		}
		rec.Releases = append(rec.Releases, r)
	}
	rec.Experiments = []lab.ExperimentResult{growth(rec), phantom(rec), benchmarks(rec)}
	return rec
}

// perRelease gives each release that is not skipped a run.
func perRelease(rec *lab.Record, run func(minor int) lab.StepRun) []lab.StepRun {
	var list []lab.StepRun
	for _, r := range rec.Releases {
		sr := lab.StepRun{Skipped: r.Skipped}
		if r.Skipped == "" {
			sr = run(r.Minor)
		}
		sr.Release = r.Version
		list = append(list, sr)
	}
	return list
}

func claimOf(rec *lab.Record, id, chapter, text, why string, overall lab.Verdict, judge func(minor int) lab.Judgment) lab.ClaimResult {
	c := lab.ClaimResult{ID: id, Chapter: chapter, Text: text, Why: why, Verdict: overall, Holds: "grow.load_factor == 6.5 and grow.moved_max <= 2"}
	for _, r := range rec.Releases {
		j := lab.Judgment{Verdict: lab.Unknown, Reason: r.Skipped}
		if r.Skipped == "" {
			j = judge(r.Minor)
		}
		j.Release = r.Version
		c.Releases = append(c.Releases, j)
	}
	return c
}

func always(v lab.Verdict) func(int) lab.Judgment {
	return func(int) lab.Judgment { return lab.Judgment{Verdict: v} }
}

func picture(v map[string]any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// growthFrames moves one bucket after the other from an old array to a new one.
func growthFrames(buckets, steps, seed int) []map[string]any {
	fill := func(i int) string {
		n := (i*7+seed)%6 + 2
		return strings.Repeat("#", n) + strings.Repeat(".", 8-n)
	}
	control := func(groups []string) []string {
		var list []string
		for i, g := range groups {
			word := ""
			for j := range g {
				if g[j] == '#' {
					word += fmt.Sprintf("%02x", (i*31+j*17+seed*5)%250+5)
				} else {
					word += "01"
				}
			}
			list = append(list, word)
		}
		return list
	}
	old := make([]string, buckets)
	young := make([]string, 2*buckets)
	for i := range old {
		old[i], young[i], young[i+buckets] = fill(i), "........", "........"
	}
	old[1], old[2] = "##x#rx##", "#r#.....#"[:8]
	frames := []map[string]any{{"note": "before the insert that starts the growth", "arrays": []any{
		map[string]any{"name": "buckets", "groups": append([]string(nil), old...), "control": control(old), "chains": map[string]int{"3": 2}},
	}}}
	for s := range min(steps, buckets) {
		old[s] = strings.Repeat(">", 8)
		young[s], young[s+buckets] = fill(s)[:4]+"....", fill(s + 1)[:3]+"....."
		frames = append(frames, map[string]any{"note": fmt.Sprintf("insert %d moves bucket %d", 105+s, s), "arrays": []any{
			map[string]any{"name": "old buckets", "groups": append([]string(nil), old...), "control": control(old), "chains": map[string]int{"3": 2}},
			map[string]any{"name": "new buckets", "groups": append([]string(nil), young...), "control": control(young)},
		}})
	}
	return frames
}

func swissFrames(seed int) []map[string]any {
	full := func(n int) []string {
		var list []string
		for i := range n {
			list = append(list, strings.Repeat("#", (i+seed)%7+1)+strings.Repeat(".", 7-(i+seed)%7))
		}
		return list
	}
	return []map[string]any{
		{"note": "a table of 2 groups, 7/8 full", "arrays": []any{map[string]any{"name": "table 0", "groups": full(2)}}},
		{"note": "insert 15 makes a table of 4 and moves all in one write", "arrays": []any{map[string]any{"name": "table 0", "groups": full(4)}}},
	}
}

func growth(rec *lab.Record) lab.ExperimentResult {
	e := lab.ExperimentResult{
		Name: "growth", Title: "When a map grows, and what one write moves", Rule: lab.Exact,
		Question: "At which insert does a map grow, and how much does one write move?",
		Lesson: "A classic map grows when it holds more than 6.5 entries per bucket. `hashGrow` only allocates; the entries are moved by the writes that follow, one or two buckets each.\n\n" +
			"Go 1.21 is different: there `(bucketCnt * 13 / 16) * loadFactorDen` rounds down to 6.0, and the map grows earlier.\n\n" +
			"A Swiss map has no such state: one insert moves a whole table.",
		Programs: map[string]string{
			"grow/main.go": "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tm := map[int]int{}\n\tfor i := 0; i < 4000; i++ {\n\t\tm[i] = i // the write that moves\n\t}\n\tfmt.Println(\"n =\", len(m))\n}\n",
			"grow/hmap.go": "package main\n\n// hmap is runtime.hmap of Go 1.18 to 1.23 (runtime/map.go).\ntype hmap struct {\n\tcount int\n}\n",
		},
	}
	e.Steps = []lab.StepResult{
		{Name: "grow", Title: "insert 4000 keys and look at the header after each", Files: []string{"grow/main.go", "grow/hmap.go"}, Runs: perRelease(rec, growRun)},
		{Name: "layout", Title: "look at one bucket's memory", Files: []string{"grow/main.go"}, Runs: perRelease(rec, layoutRun)},
		{Name: "source", Title: "look into the runtime's source", Runs: perRelease(rec, func(m int) lab.StepRun {
			if m < 20 {
				return lab.StepRun{Skipped: "not in this release: it begins with 1.20"}
			}
			if m == 25 {
				return lab.StepRun{Failed: "no output within 20s", Commands: []string{"grep -rn GOMAPLOAD $(go env GOROOT)/src/runtime"}}
			}
			return lab.StepRun{Output: "gomapload = 0\n", Facts: lab.Facts{"gomapload": 0}}
		})},
	}
	e.Claims = []lab.ClaimResult{
		claimOf(rec, "1.6", "1", "A map grows when it holds more than 6.5 entries per bucket, the default load factor.",
			"6.5 in 1.18 – 1.20, 1.22 and 1.23. In 1.21 `loadFactorNum` rounds down to 6.0. A Swiss table grows when 7 of 8 slots are taken.", lab.Depends,
			func(m int) lab.Judgment {
				j := lab.Judgment{Verdict: lab.Confirmed, Facts: lab.Facts{"grow.load_factor": 6.5, "grow.moved_max": 2, "grow.map": "classic"}}
				switch {
				case m == 21:
					j.Verdict, j.Facts["grow.load_factor"] = lab.Refuted, 6
				case m >= 24:
					j.Verdict, j.Facts = lab.Refuted, lab.Facts{"grow.load_factor": 7, "grow.moved_max": 448, "grow.map": "swiss"}
				}
				return j
			}),
		claimOf(rec, "1.10", "1", "`h.nevacuate` records the progress.", "It counts the buckets that are surely moved.", lab.Depends, func(m int) lab.Judgment {
			if m >= 24 {
				return lab.Judgment{Verdict: lab.Unknown, Reason: "step source was skipped: not in this release"}
			}
			return lab.Judgment{Verdict: lab.Confirmed, Facts: lab.Facts{"grow.nevacuate": true}}
		}),
		claimOf(rec, "1.9", "1", "During growth `h.buckets` points to the old array and `h.oldbuckets` to the new one.", "It is the other way round.", lab.Refuted, always(lab.Refuted)),
		claimOf(rec, "1.19", "1", "The environment variable GOMAPLOAD tunes the load factor.", "No release has the string in its sources.", lab.Refuted, always(lab.Refuted)),
		claimOf(rec, "2.1.2", "2.1", "A bucket holds 8 pairs.", "", lab.Confirmed, always(lab.Confirmed)),
		claimOf(rec, "growth.1", "", "A map without writes stays in growth for ever.", "50 collections and 100000 reads leave it as it is.", lab.Confirmed, always(lab.Confirmed)),
	}
	e.Claims[0].Summary = "confirmed on 1.18-1.20, 1.22-1.23; refuted on 1.21, 1.24-1.26"
	e.Claims[0].Sources = []string{
		"runtime/map.go:73 (Go 1.22.12): loadFactorNum = bucketCnt*13/16*loadFactorDen",
		"https://github.com/golang/go/issues/63438", "javascript:alert(1)",
	}
	for i := range 12 {
		e.Claims = append(e.Claims, claimOf(rec, fmt.Sprintf("2.2.%d", i+1), "2.2", fmt.Sprintf("Growth step %d is announced to all readers before it begins.", i+1),
			"Nothing announces it: readers look at the first control byte of the old bucket.", lab.Refuted, always(lab.Refuted)))
	}
	e.Tables = []lab.Table{{Title: "Growth points", Rows: []string{"first growth", "load factor"}, Marks: map[string]lab.Mark{"97": lab.MarkDoubtful}}}
	for _, r := range rec.Releases {
		if r.Skipped == "" {
			first := "105"
			if r.Minor == 21 {
				first = "97"
			}
			e.Tables[0].Cells = append(e.Tables[0].Cells, lab.TableValues{Release: r.Version, Columns: []string{"int keys", "string keys"}, Rows: [][]string{{first, first}, {"6.5", "6.5"}}})
		}
	}
	return e
}

func growRun(m int) lab.StepRun {
	var out strings.Builder
	fmt.Fprintf(&out, "a map of int to int, 4000 inserts\n\n")
	for i := range 200 {
		fmt.Fprintf(&out, "insert %4d: %3d entries in %3d buckets, nothing moves, %s\n", i, i, 16, strings.Repeat("steady ", 4))
	}
	run := lab.StepRun{
		Took: 800 * time.Millisecond, Facts: lab.Facts{"load_factor": 6.5, "map": "classic"},
		Commands: []string{fmt.Sprintf("cd grow && GOTOOLCHAIN=go1.%d.%d go run . -n 4000", m, m%7+4)},
	}
	frames, kind := growthFrames(16, 16, m), "classic"
	switch {
	case m >= 24:
		frames, kind = swissFrames(m), "swiss"
		fmt.Fprintf(&out, "load_factor = 7\nmap = swiss\n")
		run.Facts = lab.Facts{"load_factor": 7, "map": "swiss"}
	case m == 21:
		fmt.Fprintf(&out, "load_factor = 6\nmap = classic\n")
	default:
		fmt.Fprintf(&out, "load_factor = 6.5\nmap = classic\n")
	}
	run.Output = out.String()
	run.Pictures = []json.RawMessage{picture(map[string]any{"kind": "map", "title": "One growth, write by write", "map": kind, "frames": frames})}
	return run
}

func layoutRun(m int) lab.StepRun {
	type f = map[string]any
	size, title := 144, "A bucket of map[uint64]uint64"
	fields := []f{{"name": "tophash[8]", "offset": 0, "size": 8, "role": "control", "note": "one byte of each hash"}}
	if m >= 24 {
		size, title = 136, "A group of map[uint64]uint64"
		fields = []f{{"name": "control word", "offset": 0, "size": 8, "role": "control", "note": "7 bits of each hash"}}
		for i := range 8 {
			fields = append(fields, f{"name": fmt.Sprint("key ", i), "offset": 8 + i*16, "size": 8, "role": "key"}, f{"name": fmt.Sprint("value ", i), "offset": 16 + i*16, "size": 8, "role": "value"})
		}
	} else {
		for i := range 8 {
			fields = append(fields, f{"name": fmt.Sprint("key ", i), "offset": 8 + i*8, "size": 8, "role": "key"})
		}
		for i := range 8 {
			fields = append(fields, f{"name": fmt.Sprint("value ", i), "offset": 72 + i*8, "size": 8, "role": "value"})
		}
		fields = append(fields, f{"name": "overflow", "offset": 136, "size": 8, "role": "link", "note": "the next bucket of the chain"})
	}
	var before, after strings.Builder
	for i := range 96 {
		b := byte(i*7 + m)
		fmt.Fprintf(&before, "%02x", b)
		if i >= 40 && i < 44 {
			b = 0
		}
		fmt.Fprintf(&after, "%02x", b)
	}
	return lab.StepRun{
		Output: fmt.Sprintf("size = %d\n", size), Facts: lab.Facts{"size": size}, Took: 120 * time.Millisecond,
		Commands: []string{"go run ."},
		Pictures: []json.RawMessage{
			picture(f{"kind": "layout", "title": title, "size": size, "fields": fields}),
			picture(f{"kind": "hex", "title": "After deleting 3 of 6 keys", "bytes": after.String(), "before": before.String(), "marks": []f{
				{"offset": 0, "size": 8, "role": "control", "text": "3 of 8 taken"},
				{"offset": 8, "size": 8, "role": "key", "text": "key 1"},
				{"offset": 24, "size": 8, "role": "residue", "text": "key 2: deleted, still readable"},
				{"offset": 40, "size": 8, "role": "free", "text": "never used"},
			}}),
			picture(f{"kind": "hologram", "title": "From a newer ghostread"}),
		},
	}
}

func phantom(rec *lab.Record) lab.ExperimentResult {
	e := lab.ExperimentResult{
		Name: "phantom", Title: "Reading a key that is not there", Rule: lab.Statistical,
		Question: "Can a reader without a lock see a key that was deleted?",
		Lesson:   "It can, but only in a program that has a data race, which `-race` reports.",
		Programs: map[string]string{"phantom/main.go": "package main\n\nfunc main() {}\n"},
	}
	e.Steps = []lab.StepResult{{Name: "phantom", Title: "4 readers and a writer, tripwire removed", Files: []string{"phantom/main.go"}, Runs: perRelease(rec, func(m int) lab.StepRun {
		return lab.StepRun{
			Output: fmt.Sprintf("reads = %d\nphantoms = %d\n", 26_000_000+m*1000, m%5), Took: 2 * time.Second,
			Commands: []string{fmt.Sprintf("GOTOOLCHAIN=go1.%d go build -overlay overlay.json -o phantom . && GOMAXPROCS=2 ./phantom 2s", m)},
			Facts:    lab.Facts{"reads": 26_000_000},
			Pictures: []json.RawMessage{picture(map[string]any{"kind": "timeline", "title": "How the phantom is read", "timeline": phantomTimeline()})},
		}
	})}}
	racy := func(m int) lab.Judgment {
		if m >= 24 {
			return lab.Judgment{Verdict: lab.NotSeen, Trials: 310_000_000 + int64(m), Facts: lab.Facts{"phantom.phantoms": 0, "phantom.reads": 310_000_000 + m}}
		}
		return lab.Judgment{Verdict: lab.Racy, Facts: lab.Facts{"phantom.phantoms": m%5 + 1, "phantom.reads": 26_000_000 + m*1000}}
	}
	e.Claims = []lab.ClaimResult{
		claimOf(rec, "1.3", "1", "A key that was deleted can still be read from memory that is not cleaned yet.", "Only with the runtime's own check removed, in a program with a data race, and only with 4 and 8 byte keys.", lab.Depends, racy),
		claimOf(rec, "1.4", "1", "A reader can see half-initialised data of the new bucket.", "A key that is always there is read as missing.", lab.Racy, always(lab.Racy)),
		claimOf(rec, "1.17", "1", "`m[0]` may read an old value.", "None of the reads was older than what was published.", lab.NotSeen, func(m int) lab.Judgment {
			return lab.Judgment{Verdict: lab.NotSeen, Trials: 180_000_000, Facts: lab.Facts{"phantom.stale": 0}}
		}),
		claimOf(rec, "5.13", "5", "Synchronisation got 37 % cheaper.", "", lab.Unknown, func(int) lab.Judgment {
			return lab.Judgment{Verdict: lab.Unknown, Reason: "the article says neither what was measured nor on what"}
		}),
	}
	return e
}

func phantomTimeline() *finding.Timeline {
	tl := &finding.Timeline{Unit: "step", Lanes: []finding.Lane{{ID: 1, Name: "writer"}, {ID: 2, Name: "reader"}}}
	add := func(lane int, op, text string, mark finding.Mark) {
		tl.Points = append(tl.Points, finding.Point{Lane: lane, At: int64(len(tl.Points) + 1), Op: op, Text: text, Stack: -1, Mark: mark})
	}
	add(1, "delete", "key 7: tophash is empty now", "")
	add(2, "read", "key word 7 is still there", "")
	add(1, "write", "tophash of slot 3, for key 9", finding.MarkOrigin)
	add(2, "read", "tophash of slot 3: taken", finding.MarkGhost)
	add(1, "write", "key 9 into slot 3", "")
	tl.Edges = []finding.Edge{{From: 2, To: 3, Kind: "reads-from"}}
	return tl
}

func benchmarks(rec *lab.Record) lab.ExperimentResult {
	e := lab.ExperimentResult{
		Name: "maps-bench", Title: "sync.Map and a map with a lock", Rule: lab.Statistical,
		Question: "Which is faster with 1 % writes?", Lesson: "On two CPUs a lock is hard to beat.",
	}
	e.Steps = []lab.StepResult{{Name: "bench", Title: "2 goroutines", Runs: perRelease(rec, func(m int) lab.StepRun {
		n := float64(m)
		return lab.StepRun{Output: "done\n", Commands: []string{"go test -bench ."}, Pictures: []json.RawMessage{
			picture(map[string]any{"kind": "bars", "title": "Time of an operation", "unit": "ns/op", "bars": []map[string]any{
				{"name": "RWMutex map", "group": "1k hits", "value": 13.9 + n/10, "low": 13.1 + n/10, "high": 14.6 + n/10},
				{"name": "sync.Map", "group": "1k hits", "value": 21.0, "low": 19.5, "high": 24.1},
				{"name": "RWMutex map", "group": "Range over 1k", "value": 9100, "low": 9000, "high": 9400},
				{"name": "sync.Map", "group": "Range over 1k", "value": 15230},
			}}),
			picture(map[string]any{"kind": "table", "title": "What sees what", "columns": []string{"case", "plain", "-race", "-asan", "clobberfree=1"}, "rows": [][]any{
				{"uaf-uintptr: only reference in a uintptr", "!silent", "+says so", "+says so", "~visible"},
				{"race-map", "!silent", "+says so", "!silent", "!silent"},
			}, "notes": []string{"each cell: 3 runs"}}),
		}}
	})}}
	for i := range 8 {
		v := []lab.Verdict{lab.Confirmed, lab.Refuted, lab.NotSeen, lab.Racy}[i%4]
		e.Claims = append(e.Claims, claimOf(rec, fmt.Sprintf("4.1.%d", i+1), "4.1", fmt.Sprintf("`sync.Map` is %d times faster than a map with an RWMutex when reads prevail.", i+2), "The ratio depends on the number of CPUs.", v, always(v)))
	}
	return e
}
