package lab

import (
	"context"
	"io/fs"

	"github.com/ghostread/ghostread/lab/listing"
	"github.com/ghostread/ghostread/lab/litmus"
)

// tests reads the litmus tests of a step.
func (e *Experiment) tests(l *Litmus) ([]*litmus.Test, error) {
	var tests []*litmus.Test
	for _, name := range l.Files {
		src, err := fs.ReadFile(e.dir, name)
		if err != nil {
			return nil, err
		}
		t, err := litmus.Parse(name, src)
		if err != nil {
			return nil, err
		}
		tests = append(tests, t)
	}
	return tests, nil
}

// litmusFiles is the program that runs the litmus tests of a step.
func (e *Experiment) litmusFiles(l *Litmus) (map[string][]byte, error) {
	tests, err := e.tests(l)
	if err != nil {
		return nil, err
	}
	return litmus.Program(tests, litmus.Options{
		Iterations: l.Iterations, Start: l.Start, NoPreload: l.NoPreload, NoPin: l.NoPin, Compare: l.Compare,
	})
}

// orderFacts tells whether the compiler kept the accesses of each thread in
// the order of the test: without that a count says nothing of the hardware.
func (e *Experiment) orderFacts(ctx context.Context, r release, s *Step, dir string) (Facts, error) {
	tests, err := e.tests(s.Litmus)
	if err != nil {
		return nil, err
	}
	funcs, _, err := listing.Compile(ctx, r.tc.Go(), r.tc.Env(baseEnv()), dir, "")
	if err != nil {
		return nil, err
	}
	return litmus.OrderFacts(tests, funcs), nil
}
