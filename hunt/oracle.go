package hunt

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/build"
	"github.com/ghostread/ghostread/finding"
)

// TSan is the one value of Options.Oracle besides "".
const TSan = "tsan"

// Limits of the comparison with another race detector, for each test.
const (
	oracleExecs = 100
	oracleTime  = 5 * time.Second
)

// oracle is the comparison of our race detector with another one.
type oracle struct {
	notes []string
	doubt map[string]string // test -> what is not explained
}

// oracleToolchain is [Toolchain] with the C race detector of the release left
// in place, beside ours. It needs a C compiler, and says so.
func oracleToolchain(ctx context.Context, o Options) (build.Config, error) {
	if err := build.CheckC(ctx, o.Dir); err != nil {
		return build.Config{}, fmt.Errorf("--oracle %s: %w", o.Oracle, err)
	}
	c, err := toolchain(ctx, o.Dir, o.Go, o.Tags, func(string) {}, explore.OraclePatch)
	if err != nil {
		return build.Config{}, fmt.Errorf("--oracle %s: %w", o.Oracle, err)
	}
	c.Oracle = true
	return c, nil
}

// crossCheck runs the tests that were explored once more, built so that both
// race detectors watch the same executions.
func (h *Hunt) crossCheck(ctx context.Context, c build.Config, packages []build.Package) error {
	tests := map[string][]string{} // by package
	for _, t := range h.tests {
		s := t.session.Outcome().Subject
		if !t.session.Skipped() {
			tests[s.Package] = append(tests[s.Package], s.Test)
		}
	}
	h.oracle.doubt = map[string]string{}
	both, explained, executions := 0, 0, 0
	for _, pkg := range packages {
		if len(tests[pkg.ImportPath]) == 0 {
			continue
		}
		h.report("building " + pkg.ImportPath + " with ThreadSanitizer")
		b, err := build.Build(ctx, c, pkg)
		if err != nil {
			return err
		}
		p := Program(b)
		p.Oracle = true
		h.report("comparing with ThreadSanitizer: " + pkg.ImportPath)
		for _, name := range tests[pkg.ImportPath] {
			o, err := explore.CrossCheck(ctx, p, name, h.opts.Explore, h.oracleExecs(), time.Now().Add(oracleTime))
			if err != nil {
				return err
			}
			subject := finding.Subject{Package: pkg.ImportPath, Test: name}.String()
			both += o.Both
			executions += o.Executions
			if o.Reason != "" {
				h.oracle.notes = append(h.oracle.notes, fmt.Sprintf("%s: the comparison with ThreadSanitizer lacks executions, %d were made: %s", subject, o.Executions, o.Reason))
			}
			for _, d := range o.Differ {
				if d.Why != "" {
					explained++
				} else {
					h.oracle.doubt[subject] = "the race detectors disagree, and no difference of doc/race-detector.md explains it (see the notes)"
				}
				h.oracle.notes = append(h.oracle.notes, subject+": "+strings.ReplaceAll(strings.TrimSpace(d.String()), "\n", "\n\t"))
			}
		}
	}
	h.report("")
	h.oracle.notes = append(h.oracle.notes, fmt.Sprintf("ThreadSanitizer and ghostread see %d races alike in %d executions; differences that are explained: %d; tests with others: %d",
		both, executions, explained, len(h.oracle.doubt)))
	return nil
}

// oracleExecs is how many executions of a test are compared.
func (h *Hunt) oracleExecs() uint64 {
	if h.opts.Execs > 0 {
		return min(h.opts.Execs, oracleExecs)
	}
	return oracleExecs
}

// checkOracle reports a value of Options.Oracle that means nothing.
func (o Options) checkOracle() error {
	switch {
	case o.Oracle != "" && o.Oracle != TSan:
		return fmt.Errorf("--oracle %s: there is only %s, the race detector of the Go release", o.Oracle, TSan)
	case o.Oracle != "" && o.Explore.NoRace:
		return errors.New("--oracle compares race detectors, and --no-race looks for no races: leave one of them out")
	}
	return nil
}
