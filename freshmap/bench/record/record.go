// Package record measures freshmap and its peers and writes the document.
//
// Every measurement is a process of its own. Repetitions are interleaved: one
// repetition goes through all cases, a case through all peers, each time in
// another order, so that whatever else the machine does meets all peers alike.
// Raw results are kept in the format of go test -bench beside a file that says
// where they come from; the document is made from these two files alone.
package record

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ghostread/ghostread/freshmap/bench"
	"github.com/ghostread/ghostread/freshmap/bench/result"
)

const usage = `usage: go run ./cmd/record [-issue | -quick | -full | -only regexp | -render] [flags]

  -issue   the figures that were asked for, nine times, in ten minutes
  -quick   what the figures of the document need, in minutes
  -full    everything, and what was asked for nine times: two hours, with -reps 1 half an hour
  -only    the cases that match, printed and not kept (see -merge)
  -render  the document again, from the kept results

`

// About says where results come from.
type About struct {
	Version  int       `json:"version"`
	Date     string    `json:"date"`
	Mode     string    `json:"mode"`
	Reps     int       `json:"reps"`
	CPU      string    `json:"cpu"`
	Cores    int       `json:"cores"`
	Go       string    `json:"go"`
	Commit   string    `json:"commit"`
	Took     string    `json:"took"`
	Modules  []string  `json:"modules"`
	LeftOut  []LeftOut `json:"left_out"`
	Measured []string  `json:"measured"` // peers
}

// Run is the command. It returns the status of the process.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if err := run(ctx, args, stdout, stderr); err != nil {
		if err != flag.ErrHelp {
			fmt.Fprintln(stderr, "record:", err)
		}
		return 2
	}
	return 0
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("record", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() { fmt.Fprint(stderr, usage); fs.PrintDefaults() }
	isQuick := fs.Bool("quick", false, "")
	isIssue := fs.Bool("issue", false, "")
	isFull := fs.Bool("full", false, "")
	only := fs.String("only", "", "")
	isRender := fs.Bool("render", false, "")
	reps := fs.Int("reps", 0, "repetitions (5, or 3 with -quick, 9 with -issue)")
	names := fs.String("peers", "", "peers, separated by commas")
	cpu := fs.String("cpu", "", "values of GOMAXPROCS, separated by commas")
	benchtime := fs.String("benchtime", "", "for go test, instead of the case's own")
	merge := fs.Bool("merge", false, "with -only: put the results in the place of the kept ones of these cases")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 || !*isQuick && !*isIssue && !*isFull && *only == "" && !*isRender {
		fs.Usage()
		return flag.ErrHelp
	}
	dir, err := module()
	if err != nil {
		return err
	}
	if *isRender {
		return render(dir)
	}

	var pattern *regexp.Regexp
	if *only != "" {
		if pattern, err = regexp.Compile(*only); err != nil {
			return err
		}
	}
	var cpus []int
	for f := range strings.SplitSeq(*cpu, ",") {
		if n, err := strconv.Atoi(f); err == nil && n > 0 {
			cpus = append(cpus, n)
		} else if f != "" {
			return fmt.Errorf("-cpu %s: want numbers above zero", *cpu)
		}
	}
	choose, mode := every, "only"
	switch {
	case *isFull:
		choose, mode = full, "full"
	case *isIssue, *isQuick:
		choose, mode = quick, "quick"
		times := 3
		if *isIssue {
			choose, mode, times = issue, "issue", issueReps
		}
		if *names == "" {
			*names = strings.Join(quickPeers, ",")
		}
		if *reps == 0 {
			*reps = times
		}
	case len(cpus) == 0:
		cpus = []int{2}
	}
	if *reps == 0 {
		*reps = 5
	}
	peers, err := choosePeers(*names)
	if err != nil {
		return err
	}
	jobs := plan(choose, pattern, *isFull || strings.Contains(*only, "10M"), cpus)
	if len(jobs) == 0 {
		return fmt.Errorf("no case matches -only %s", *only)
	}
	if *isFull {
		emphasize(jobs)
	}
	if *isFull || *isIssue {
		seldom(jobs)
	}
	for i := range jobs {
		if *benchtime != "" {
			jobs[i].benchtime = *benchtime
		}
	}

	tmp, err := os.MkdirTemp("", "freshmap-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	exec, err := build(ctx, dir, tmp)
	if err != nil {
		return err
	}
	about := where(dir)
	about.Mode = mode
	start := time.Now()
	steps := schedule(jobs, peers, *reps)
	for _, s := range steps {
		about.Reps = max(about.Reps, s.rep+1)
	}
	set, left := measure(ctx, steps, exec, stderr)
	about.Took = time.Since(start).Round(time.Second).String()
	about.LeftOut = left
	for _, p := range peers {
		about.Measured = append(about.Measured, p.Name)
	}
	table(stdout, set, left)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped after %d results, nothing is kept: %w", len(set.Lines), err)
	}
	if *only != "" && !*merge {
		return nil
	}
	if *only != "" {
		if about, set, err = merged(dir, about, set); err != nil {
			return err
		}
	}
	if err := save(dir, about, set); err != nil {
		return err
	}
	return render(dir)
}

func choosePeers(names string) ([]*bench.Peer, error) {
	all := bench.Peers()
	if names == "" {
		return all, nil
	}
	var out []*bench.Peer
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(p *bench.Peer) bool { return p.Name == name })
		if i < 0 {
			var have []string
			for _, p := range all {
				have = append(have, p.Name)
			}
			return nil, fmt.Errorf("no peer %q, there are %s", name, strings.Join(have, ", "))
		}
		out = append(out, all[i])
	}
	return out, nil
}

// where describes the machine and the code.
func where(dir string) About {
	a := About{Version: 1, Date: time.Now().UTC().Format("2006-01-02"), CPU: "unknown processor",
		Cores: runtime.NumCPU(), Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if k, v, _ := strings.Cut(line, ":"); strings.TrimSpace(k) == "model name" {
				a.CPU = strings.TrimSpace(v)
				break
			}
		}
	}
	git := func(args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir = filepath.Dir(dir)
		out, _ := cmd.Output()
		return strings.TrimSpace(string(out))
	}
	a.Commit = git("rev-parse", "--short", "HEAD")
	if a.Commit != "" && git("status", "--porcelain", "--", "*.go") != "" {
		a.Commit += " with changes"
	}
	for _, m := range []string{"github.com/puzpuzpuz/xsync/v4", "github.com/alphadose/haxmap", "github.com/orcaman/concurrent-map/v2"} {
		cmd := exec.Command("go", "list", "-m", m)
		cmd.Dir = dir
		if out, err := cmd.Output(); err == nil {
			a.Modules = append(a.Modules, strings.TrimSpace(string(out)))
		}
	}
	return a
}

func files(dir string) (raw, about string) {
	return filepath.Join(dir, "results", "bench.txt"), filepath.Join(dir, "results", "about.json")
}

func save(dir string, about About, set *result.Set) error {
	raw, meta := files(dir)
	if err := os.MkdirAll(filepath.Dir(raw), 0o777); err != nil {
		return err
	}
	var b strings.Builder
	if err := set.Write(&b); err != nil {
		return err
	}
	if err := os.WriteFile(raw, []byte(b.String()), 0o666); err != nil {
		return err
	}
	js, err := json.MarshalIndent(about, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(meta, append(js, '\n'), 0o666)
}

func load(dir string) (about About, set *result.Set, err error) {
	raw, meta := files(dir)
	js, err := os.ReadFile(meta)
	if err != nil {
		return about, nil, err
	}
	if err := json.Unmarshal(js, &about); err != nil {
		return about, nil, fmt.Errorf("read %s: %w", meta, err)
	}
	if about.Version != 1 {
		return about, nil, fmt.Errorf("read %s: version %d, want 1", meta, about.Version)
	}
	f, err := os.Open(raw)
	if err != nil {
		return about, nil, err
	}
	defer f.Close()
	set, err = result.Parse(f)
	return about, set, err
}

// merged puts new results in the place of the kept ones of the same cases.
func merged(dir string, about About, set *result.Set) (About, *result.Set, error) {
	old, kept, err := load(dir)
	if err != nil {
		return about, nil, fmt.Errorf("-merge: %w", err)
	}
	kept.Without(set)
	kept.Lines = append(kept.Lines, set.Lines...)
	cases := set.Cases()
	old.LeftOut = slices.DeleteFunc(old.LeftOut, func(l LeftOut) bool {
		return slices.Contains(cases, result.Key{Case: l.Case, Procs: l.Procs})
	})
	old.LeftOut = append(old.LeftOut, about.LeftOut...)
	old.Date, old.Commit = about.Date, about.Commit
	if !strings.HasSuffix(old.Mode, " and parts") {
		old.Mode += " and parts"
	}
	return old, kept, nil
}
