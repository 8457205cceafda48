package build

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Suite is what a test binary holds, each in the order it would run.
type Suite struct {
	Tests, Fuzz, Examples, Benchmarks []string
}

// Explored are the names of what is explored: tests, then fuzz targets, whose
// seeds are run, then examples, of which the binary holds those with an output.
func (s *Suite) Explored() []string { return slices.Concat(s.Tests, s.Fuzz, s.Examples) }

// Tests lists the tests of a binary. It runs the binary, since TestMain, init
// functions and build tags decide what there is. It reads the test files too:
// what TestMain prints may look like the name of a test.
func Tests(ctx context.Context, b *Binary, env []string) (*Suite, error) {
	declared, err := Declared(b.Package.TestFiles)
	if err != nil {
		return nil, fmt.Errorf("list the tests of %s: %w", b.Package.ImportPath, err)
	}
	full := Config{Env: env}.environ()
	full = append(full[:len(full):len(full)], b.Env...)
	stdout, stderr, err := run(ctx, b.Dir, full, b.File, "-test.list=.")
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, &ListError{ImportPath: b.Package.ImportPath, Output: strings.TrimSpace(string(stdout) + string(stderr)), Err: err}
	}
	s := &Suite{}
	for line := range strings.Lines(string(stdout)) {
		name := strings.TrimSpace(line)
		if !declared[name] {
			continue
		}
		delete(declared, name) // a name that TestMain repeats counts once
		switch {
		case strings.HasPrefix(name, "Test"):
			s.Tests = append(s.Tests, name)
		case strings.HasPrefix(name, "Fuzz"):
			s.Fuzz = append(s.Fuzz, name)
		case strings.HasPrefix(name, "Example"):
			s.Examples = append(s.Examples, name)
		case strings.HasPrefix(name, "Benchmark"):
			s.Benchmarks = append(s.Benchmarks, name)
		}
	}
	if len(s.Tests) == 0 {
		for name := range declared {
			if strings.HasPrefix(name, "Test") {
				return nil, &ListError{ImportPath: b.Package.ImportPath, Output: strings.TrimSpace(string(stdout) + string(stderr))}
			}
		}
	}
	return s, nil
}

// Declared are the functions of test files whose names make them tests.
func Declared(files []string) (map[string]bool, error) {
	names := map[string]bool{}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || fn.Name.Name == "TestMain" {
				continue
			}
			for _, prefix := range []string{"Test", "Fuzz", "Example", "Benchmark"} {
				// As in go vet: Testify is no test, TestÄ and Test are.
				rest, ok := strings.CutPrefix(fn.Name.Name, prefix)
				if r, _ := utf8.DecodeRuneInString(rest); ok && !unicode.IsLower(r) {
					names[fn.Name.Name] = true
				}
			}
		}
	}
	return names, nil
}
