package lab

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/lab/listing"
)

// runCompile reads the compiler's listing.
func (b *bench) runCompile(ctx context.Context, r release, e *Experiment, s *Step) StepRun {
	files, err := e.files(s)
	if err != nil {
		return StepRun{Failed: err.Error()}
	}
	prog, err := b.place(path.Join(e.Name, s.Name), files)
	if err != nil {
		return StepRun{Failed: err.Error()}
	}
	flags := slices.Clone(s.Compile.Flags)
	pkg := "."
	if s.Compile.Package != "" {
		pkg = s.Compile.Package
		flags = append(flags, pkg)
	}
	limit, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	shownEnv := map[string]string{}
	if s.Compile.GOARCH != "" {
		shownEnv["GOARCH"] = s.Compile.GOARCH
	}
	funcs, raw, err := listing.Compile(limit, r.tc.Go(), r.tc.Env(baseEnv()), prog.dir, s.Compile.GOARCH, flags...)
	run := StepRun{Commands: []string{shownCommand(r, shownEnv, append([]string{"go", "build", "-gcflags=-S"}, append(slices.Clone(s.Compile.Flags), pkg)...)...)}}
	if err != nil {
		run.Failed = err.Error()
		return run
	}
	funcs = slices.DeleteFunc(funcs, func(f listing.Func) bool { return !s.Compile.functions.MatchString(f.Short()) })
	run.Facts = Facts{}
	for name, ops := range listing.Facts(funcs) {
		list := make([]any, len(ops))
		for i, op := range ops {
			list[i] = op
		}
		run.Facts[name] = list
	}
	// The listing of a package of the runtime fills a book.
	if s.Compile.Package == "" {
		run.Output = shorten(instructions(b.clean(r, prog.dir, []byte(raw))))
	}
	s.count(run.Facts, []byte(raw))
	return run
}

// listingNoise is what the listing says besides instructions: tables for the
// collector, bytes, relocations.
var listingNoise = regexp.MustCompile(`^\t0x[0-9a-f]+ (\d+ \([^)]*\)\t(PCDATA|FUNCDATA|NOP)\b|([0-9a-f]{2} ){2,})|^\trel [0-9]`)

// instructions returns a listing without its noise.
func instructions(text string) string {
	return strings.Join(slices.DeleteFunc(strings.SplitAfter(text, "\n"), listingNoise.MatchString), "")
}
