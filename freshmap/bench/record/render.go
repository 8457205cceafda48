package record

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ghostread/ghostread/freshmap/bench"
	"github.com/ghostread/ghostread/freshmap/bench/plot"
	"github.com/ghostread/ghostread/freshmap/bench/result"
)

// The generated parts of the document lie between comments.
func begin(part string) string { return "<!-- " + part + ":begin -->" }
func end(part string) string   { return "<!-- " + part + ":end -->" }

// render writes the generated part of doc/freshmap.md and its pictures.
func render(dir string) error {
	about, set, err := load(dir)
	if err != nil {
		return err
	}
	doc := filepath.Join(dir, "..", "..", "doc")
	stat, err := benchstat(dir)
	if err != nil {
		return err
	}
	path := filepath.Join(doc, "freshmap.md")
	old, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		old = []byte("# freshmap\n\n" + begin("bench") + "\n" + end("bench") + "\n")
	} else if err != nil {
		return err
	}
	text, err := splice(string(old), "bench", markdown(about, set, stat))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Join(doc, "freshmap"), 0o777); err != nil {
		return err
	}
	for name, svg := range pictures(set) {
		if err := os.WriteFile(filepath.Join(doc, "freshmap", name), svg, 0o666); err != nil {
			return err
		}
	}
	return os.WriteFile(path, []byte(text), 0o666)
}

// splice puts text between the comments of a part.
func splice(doc, part, text string) (string, error) {
	begin, end := begin(part), end(part)
	i, j := strings.Index(doc, begin), strings.Index(doc, end)
	if i < 0 || j < i {
		return "", fmt.Errorf("no %s before %s", begin, end)
	}
	return doc[:i+len(begin)] + "\n" + text + doc[j:], nil
}

// PutCost puts the tables of package cost into doc/freshmap.md.
func PutCost(tables string) error {
	dir, err := module()
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "..", "..", "doc", "freshmap.md")
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, err := splice(string(old), "cost", "\n"+tables)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(text), 0o666)
}

// benchstat compares three peers by processor time.
func benchstat(dir string) (string, error) {
	raw, _ := files(dir)
	cmd := exec.Command("go", "tool", "benchstat", "-filter", ".unit:cpu-ns/op", "-ignore", "pkg",
		"-row", ".name,/size,/key,/dist,/writer,/gomaxprocs", "-col", "/peer@(xsync sync.Map freshmap)", raw)
	cmd.Dir = dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("benchstat: %w: %s", err, errs.String())
	}
	var keep []string
	for line := range strings.Lines(out.String()) {
		keep = append(keep, strings.TrimRight(line, " \n"))
	}
	return strings.Join(keep, "\n"), nil
}

// The styles of the peers in all pictures.
var styles = map[string]int{"freshmap": 0, "xsync": 1, "sync.Map": 2, "haxmap": 3, "rwmutex": 4, "orcaman": 5, "sharded": 6}

var drawn = []string{"freshmap", "xsync", "sync.Map", "haxmap", "rwmutex", "orcaman", "sharded"}

func pictures(s *result.Set) map[string][]byte {
	var panels []plot.Panel
	for _, w := range []struct{ name, title string }{
		{"Hits", "Load of a key that is there"}, {"Misses", "Load of a key that is not"},
		{"R90", "90 Loads, 5 Stores, 5 Deletes"}, {"R50", "50 Loads, 25 Stores, 25 Deletes"},
	} {
		panel := plot.Panel{Title: w.title}
		for _, peer := range drawn {
			line := plot.Series{Name: peer, Style: styles[peer]}
			for _, size := range []int{1_000, 100_000, 1_000_000, 10_000_000} {
				k := pointKey(w.name, size, bench.KeyInt, bench.Uniform, 2)
				k.Peer = peer
				if v, ok := s.Median(k, "cpu-ns/op"); ok {
					line.Points = append(line.Points, plot.Point{X: float64(size), Y: v})
				}
			}
			if len(line.Points) > 0 {
				panel.Series = append(panel.Series, line)
			}
		}
		panels = append(panels, panel)
	}
	var growing []plot.Group
	for _, op := range []string{"store", "load"} {
		g := plot.Group{Title: strings.ToUpper(op[:1]) + op[1:]}
		for _, peer := range drawn {
			k := caseKey("Latency", bench.GrowthSize, bench.KeyInt, "clock=wall", peer)
			r := plot.Row{Name: peer, Style: styles[peer]}
			for _, q := range []string{"p50", "p99", "p99.9", "max"} {
				if v, ok := s.Median(k, op+"-"+q+"-ns"); ok {
					r.Values = append(r.Values, v)
				}
			}
			if len(r.Values) > 0 {
				g.Rows = append(g.Rows, r)
			}
		}
		growing = append(growing, g)
	}
	var weights []plot.Group
	for _, key := range []string{bench.KeyInt, bench.KeyString} {
		g := plot.Group{Title: "1M entries, " + key + " keys"}
		for _, peer := range drawn {
			k := caseKey("Memory", 1_000_000, key, "", peer)
			if v, ok := s.Median(k, "B/entry"); ok {
				left, _ := s.Median(k, "left-B/entry")
				g.Rows = append(g.Rows, plot.Row{Name: peer, Style: styles[peer], Values: []float64{v, left}})
			}
		}
		if len(g.Rows) > 0 {
			weights = append(weights, g)
		}
	}
	size := func(v float64) string { return bench.Size(int(v)) }
	return map[string][]byte{
		"size.svg": plot.Lines("Processor time of one operation, int keys, GOMAXPROCS 2", "entries", "ns", panels, size),
		"growth.svg": plot.Ranges("One operation while the map grows from empty to "+bench.Size(bench.GrowthSize)+" entries, on the wall",
			"left to right", []string{"p50", "p99", "p99.9", "the longest"}, growing, plot.Nanoseconds),
		"memory.svg": plot.Bars("Bytes of heap per entry", "full: with all entries; hollow: what is left when 99 of 100 were deleted", weights),
	}
}
