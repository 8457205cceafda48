package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/ghostread/ghostread/explore/overlay"
	"github.com/ghostread/ghostread/lab/listing"
	"github.com/ghostread/ghostread/lab/litmus"
)

// read reads the litmus tests of a step.
func (l *Litmus) read(dir fs.FS) error {
	for _, name := range l.Files {
		src, err := fs.ReadFile(dir, name)
		if err != nil {
			return fmt.Errorf("litmus test: %w", err)
		}
		t, err := litmus.Parse(name, src)
		if err != nil {
			return err
		}
		l.tests = append(l.tests, t)
	}
	return nil
}

// program is the program that runs the litmus tests of a step.
func (l *Litmus) program() (map[string][]byte, error) {
	return litmus.Program(l.tests, litmus.Options{
		Iterations: l.Iterations, Start: l.Start, NoPreload: l.NoPreload, NoPin: l.NoPin, Compare: l.Compare,
	})
}

// order tells whether the compiler kept the accesses of each thread in the
// order of the test: without that a count says nothing of the hardware.
func (l *Litmus) order(ctx context.Context, r release, dir string) (Facts, error) {
	funcs, _, err := listing.Compile(ctx, r.tc.Go(), r.tc.Env(baseEnv()), dir, "")
	if err != nil {
		return nil, err
	}
	return litmus.OrderFacts(l.tests, funcs), nil
}

// RunLitmus runs litmus tests on one release, the one in PATH when release is
// empty. The facts of the result are those of [litmus.Program] and
// [litmus.OrderFacts].
func RunLitmus(ctx context.Context, tests []*litmus.Test, o litmus.Options, name string) (StepRun, ReleaseInfo, error) {
	local, err := overlay.Detect(ctx, os.TempDir(), baseEnv())
	if err != nil {
		return StepRun{}, ReleaseInfo{}, err
	}
	r := release{info: ReleaseInfo{Minor: local.Minor(), Version: strings.TrimPrefix(local.Version, "go")}, tc: local}
	if name != "" {
		r = find(ctx, name, local)
	}
	if r.info.Skipped != "" {
		return StepRun{}, r.info, errors.New(r.info.Skipped)
	}
	b, err := newBench("")
	if err != nil {
		return StepRun{}, r.info, err
	}
	defer os.RemoveAll(b.temp)
	e := &Experiment{Name: "litmus"}
	s := &Step{Name: "own", Litmus: &Litmus{
		Iterations: o.Iterations, Start: o.Start, NoPreload: o.NoPreload, NoPin: o.NoPin, Compare: o.Compare, tests: tests,
	}}
	// An iteration takes about 2 us of a machine that has time for it.
	s.Run.Timeout = Duration(defaultTimeout + time.Duration(o.Iterations*len(tests))*6*time.Microsecond)
	ready, err := b.prepare(ctx, r, e, s)
	if err != nil {
		return StepRun{}, r.info, err
	}
	run := b.measure(ctx, r, e, s, ready)
	if reason := reasonOf(run); reason != "" {
		err = errors.New("the program of the test " + reason + "\n" + run.Output)
	}
	return run, r.info, err
}
