package record

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/ghostread/ghostread/freshmap/bench"
	"github.com/ghostread/ghostread/freshmap/bench/result"
)

// LeftOut is a peer that took no part in a case.
type LeftOut struct {
	Case   string `json:"case"`
	Procs  int    `json:"procs"`
	Peer   string `json:"peer"`
	Reason string `json:"reason"`
}

// An execute runs one benchmark in a process of its own and returns what it
// printed.
type execute func(ctx context.Context, s step) (string, error)

// build compiles the benchmarks and returns how to run them.
func build(ctx context.Context, module, dir string) (execute, error) {
	bin := filepath.Join(dir, "bench.test")
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", bin, ".")
	cmd.Dir = module
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compile the benchmarks: %w\n%s", err, out)
	}
	return func(ctx context.Context, s step) (string, error) {
		args := []string{"-test.run=^$", "-test.bench=" + bench.Pattern(s.Name(s.peer)),
			"-test.benchtime=" + s.benchtime, fmt.Sprintf("-test.cpu=%d", s.procs)}
		if s.Size > bench.GrowthSize {
			args = append(args, "-big")
		}
		var out bytes.Buffer
		cmd := exec.CommandContext(ctx, bin, args...)
		cmd.Stdout, cmd.Stderr = &out, &out
		cmd.WaitDelay = time.Second
		err := cmd.Run()
		return out.String(), err
	}, nil
}

// measure runs all steps. What fails or does not end is left out from then on,
// with the reason.
func measure(ctx context.Context, steps []step, run execute, progress io.Writer) (*result.Set, []LeftOut) {
	set := &result.Set{}
	var left []LeftOut
	gone := map[result.Key]bool{}
	start := time.Now()
	for i, s := range steps {
		key := result.Key{Case: s.name(), Peer: s.peer, Procs: s.procs}
		if gone[key] {
			continue
		}
		drop := func(why string) {
			gone[key] = true
			left = append(left, LeftOut{s.name(), s.procs, s.peer, why})
		}
		if ctx.Err() != nil {
			break
		}
		if why := bench.LeftOut(s.peer, s.Case); why != "" {
			drop(why)
			continue
		}
		if i > 0 {
			rest := time.Duration(float64(time.Since(start)) / float64(i) * float64(len(steps)-i))
			fmt.Fprintf(progress, "[%d/%d, %s left] %s\n", i+1, len(steps), rest.Round(time.Second), s)
		}
		limit, cancel := context.WithTimeout(ctx, s.timeout)
		out, err := run(limit, s)
		late := limit.Err() != nil && ctx.Err() == nil
		cancel()
		part, perr := result.Parse(strings.NewReader(out))
		switch {
		case ctx.Err() != nil:
		case late:
			drop(fmt.Sprintf("did not end in %s", s.timeout))
		case err != nil:
			drop(fmt.Sprintf("%v: %s", err, tail(out)))
		case perr != nil || len(part.Lines) != 1:
			drop(fmt.Sprintf("printed %d results: %s", len(part.Lines), tail(out)))
		default:
			set.Lines = append(set.Lines, part.Lines...)
			if len(set.Config) == 0 {
				set.Config = part.Config
			}
		}
	}
	return set, left
}

// tail returns the end of an output on one line.
func tail(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 200 {
		s = "..." + s[len(s)-200:]
	}
	return s
}

// module finds the directory of the benchmarks' module from where the command
// runs.
func module() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/ghostread/ghostread/freshmap/bench").Output()
	if err == nil {
		return strings.TrimSpace(string(out)), nil
	}
	dir, werr := os.Getwd()
	if werr != nil {
		return "", werr
	}
	return "", fmt.Errorf("%s is not in the module of freshmap/bench: %w", dir, err)
}
