package lab

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/build"
	"github.com/ghostread/ghostread/explore/overlay"
	"github.com/ghostread/ghostread/finding"
)

// The exploration of a test of an experiment: enough for programs of a few
// lines, and bounded on a busy machine.
const (
	exploredExecutions = 500
	exploredTime       = 5 * time.Second
)

// runExplore explores the tests of a step's program. Each test gives a fact
// with its verdict and one with the codes that were found.
func (b *bench) runExplore(ctx context.Context, r release, e *Experiment, s *Step) StepRun {
	run := StepRun{
		Commands: []string{"ghostread explore ."},
		Facts:    Facts{},
	}
	patch, err := explore.Patch()
	if err == nil {
		err = patch.Check(r.tc)
	}
	if err != nil {
		return StepRun{Skipped: firstLine(err.Error())}
	}
	files, err := e.files(s)
	if err != nil {
		return StepRun{Failed: err.Error()}
	}
	prog, err := b.place(e.Name+"/"+s.folder(), files)
	if err != nil {
		return StepRun{Failed: err.Error()}
	}
	o, err := overlay.Generate(ctx, b.dir, r.tc, patch)
	if err != nil {
		return StepRun{Failed: err.Error()}
	}
	config := build.Config{Dir: prog.dir, Env: o.Toolchain.Env(baseEnv()), Overlay: o}
	listing, err := build.List(ctx, config, ".")
	if err != nil {
		return StepRun{Failed: err.Error()}
	}
	var out strings.Builder
	for _, pkg := range listing.Packages {
		if err := explorePackage(ctx, config, pkg, run.Facts, &out); err != nil {
			return StepRun{Commands: run.Commands, Failed: b.clean(r, prog.dir, []byte(err.Error()))}
		}
	}
	run.Output = shorten(b.clean(r, prog.dir, []byte(out.String())))
	return run
}

func explorePackage(ctx context.Context, config build.Config, pkg build.Package, facts Facts, out *strings.Builder) error {
	binary, err := build.Build(ctx, config, pkg)
	if err != nil {
		return err
	}
	suite, err := build.Tests(ctx, binary, nil)
	if err != nil {
		return err
	}
	program := explore.Program{Path: binary.File, Package: pkg.ImportPath, Dir: binary.Dir, Env: binary.Env, Engine: binary.Engine, Release: binary.Release}
	for _, test := range suite.Tests {
		var found []finding.Finding
		session, err := explore.NewSession(program, test, explore.Options{}, func(f finding.Finding) { found = append(found, f) }, nil)
		if err != nil {
			return err
		}
		if err := session.Slice(ctx, exploredExecutions, time.Now().Add(exploredTime)); err != nil {
			return err
		}
		session.Flush()
		outcome := session.Outcome()
		name := snake(strings.TrimPrefix(test, "Test"))
		codes := []any{}
		for _, f := range found {
			codes = append(codes, f.Code)
			fmt.Fprintf(out, "%s: %s %s\n", test, f.Code, f.Title)
		}
		facts[name] = string(outcome.Verdict)
		facts[name+"_codes"] = codes
		facts[name+"_executions"] = outcome.Executions
		fmt.Fprintf(out, "%s: %s in %d executions %s\n", test, outcome.Verdict, outcome.Executions, outcome.Reason)
	}
	return nil
}

// snake is atomic_value for AtomicValue.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if 'A' <= r && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
