package build_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/explore/build"
	"github.com/ghostread/ghostread/internal/exploretest"
)

// module writes files to a new directory, named and filled in turns.
func module(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func config(t *testing.T, dir string, env ...string) build.Config {
	t.Helper()
	if testing.Short() {
		t.Skip("compiles the standard library")
	}
	return build.Config{Dir: dir, Env: append(os.Environ(), env...), Overlay: exploretest.Patched(t, "."), Cache: t.TempDir()}
}

// buildOne builds the only package with tests in c.Dir.
func buildOne(t *testing.T, c build.Config) (*build.Binary, error) {
	t.Helper()
	l, err := build.List(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Packages) != 1 {
		t.Fatalf("List: got %v, want one package", l.Packages)
	}
	start := time.Now()
	b, err := build.Build(t.Context(), c, l.Packages[0])
	t.Logf("build of %s: %v", l.Packages[0].ImportPath, time.Since(start).Round(time.Millisecond))
	return b, err
}

const netTest = `package net_test

import (
	"net"
	"os/user"
	"testing"
)

func TestNet(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if u, err := user.Current(); err != nil || u.Uid == "" {
		t.Fatal(u, err)
	}
}
`

// TestBuildWithoutCompiler builds with nothing in PATH, where the go command
// turns cgo off, and with cgo forced on, and runs a program that would use C.
func TestBuildWithoutCompiler(t *testing.T) {
	dir := module(t, "go.mod", "module example.com/n\n\ngo 1.26\n", "n_test.go", netTest,
		"cgo_test.go", "//go:build cgo && never\n\npackage net_test\n\nimport \"C\"\n")
	for _, tt := range []struct {
		name string
		env  []string
	}{
		{"by default", []string{"PATH=/nowhere", "CC="}},
		{"cgo on", []string{"PATH=/nowhere", "CC=", "CGO_ENABLED=1"}},
		{"cgo off", []string{"CGO_ENABLED=0"}},
		{"with a compiler if there is one", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := buildOne(t, config(t, dir, tt.env...))
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), b.File)
			cmd.Dir = b.Dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", b.File, err, out)
			}
		})
	}
}

func TestBuildErrors(t *testing.T) {
	tests := []struct {
		name  string
		files []string
		env   []string
		want  string
	}{
		{
			"the compiler's words",
			[]string{"a_test.go", "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {\n\tvar x int = \"one\"\n}\n"}, nil,
			"build the tests of example.com/a:\n./a_test.go:6:6: declared and not used: x\n./a_test.go:6:14: cannot use \"one\" (untyped string constant) as int value in variable declaration",
		},
		{
			"a missing import",
			[]string{"a_test.go", "package a\n\nimport _ \"example.net/gone\"\n"}, []string{"GOPROXY=off"},
			"build the tests of example.com/a:\na_test.go:3:8: no required module provides package example.net/gone; to add it:\n\tgo get example.net/gone",
		},
		{
			"cgo without a compiler",
			[]string{"a_test.go", "package a\n\nimport \"example.com/a/c\"\n\nvar _ = c.X\n", "c/c.go", "package c\n\n// int x;\nimport \"C\"\n\nvar X = C.x\n"},
			[]string{"PATH=/nowhere", "CC=", "CGO_ENABLED=1"},
			"build the tests of example.com/a:\ncgo: C compiler \"gcc\" not found: exec: \"gcc\": executable file not found in $PATH\nThe package uses cgo. Install a C compiler, or set CGO_ENABLED=0 if the package can do without.",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := module(t, append([]string{"go.mod", "module example.com/a\n\ngo 1.26\n"}, tt.files...)...)
			_, err := buildOne(t, config(t, dir, tt.env...))
			var e *build.Error
			if !errors.As(err, &e) {
				t.Fatalf("Build: got %v, want a *build.Error", err)
			}
			if got := e.Error(); got != tt.want {
				t.Errorf("Build:\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestBuildEnv(t *testing.T) {
	tests := []struct {
		name, gomod string
		env         []string
		want        []string
	}{
		{"a module of today", "go 1.26", nil, nil},
		{"a module of old", "go 1.21", nil, []string{"GODEBUG=asynctimerchan=0"}},
		{"a godebug line", "go 1.26\ngodebug asynctimerchan=1", nil, []string{"GODEBUG=asynctimerchan=0"}},
		{"the environment", "go 1.26", []string{"GODEBUG=asynctimerchan=1,gctrace=0"}, []string{"GODEBUG=asynctimerchan=1,gctrace=0,asynctimerchan=0"}},
		{"the environment agrees", "go 1.21", []string{"GODEBUG=asynctimerchan=0"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := module(t, "go.mod", "module example.com/e\n\n"+tt.gomod+"\n", "e_test.go", "package e\n")
			b, err := buildOne(t, config(t, dir, tt.env...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, b.Env); diff != "" {
				t.Errorf("Env (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBuildAgain: what did not change has the same name, what did has another,
// and the file of the first build stays as it is.
func TestBuildAgain(t *testing.T) {
	dir := module(t, "go.mod", "module example.com/w\n\ngo 1.26\n", "w_test.go", "package w\n\nimport \"testing\"\n\nfunc TestW(t *testing.T) {}\n")
	c := config(t, dir)
	first, err := buildOne(t, c)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(first.File)
	if err != nil {
		t.Fatal(err)
	}
	second, err := buildOne(t, c)
	if err != nil || second.File != first.File {
		t.Errorf("second build: got %v, %v, want %s", second, err, first.File)
	}
	if err := os.WriteFile(filepath.Join(dir, "w_test.go"), []byte("package w\n\nimport \"testing\"\n\nfunc TestV(t *testing.T) {}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			b, err := build.Build(t.Context(), c, first.Package)
			if err != nil {
				t.Error(err)
				return
			}
			if s, err := build.Tests(t.Context(), b, nil); err != nil || b.File == first.File || len(s.Tests) != 1 || s.Tests[0] != "TestV" {
				t.Errorf("build of a change: got %s with %v (%v), want another file with TestV", b.File, s, err)
			}
		})
	}
	wg.Wait()
	if now, err := os.ReadFile(first.File); err != nil || string(now) != string(data) {
		t.Errorf("the first binary changed (%v)", err)
	}
}

func TestBuildCancelled(t *testing.T) {
	c := config(t, module(t, "go.mod", "module example.com/x\n", "x_test.go", "package x\n"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := build.Build(ctx, c, build.Package{ImportPath: "example.com/x"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Build, cancelled: got %v, want %v", err, context.Canceled)
	}
}

const noisyTest = `package noisy

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	fmt.Println("Test")
	fmt.Println("TestNoise")
	fmt.Println("TestB")
	fmt.Println("ok TestA is next")
	EXIT
	os.Exit(m.Run())
}

func Testify() {}

func TestB(t *testing.T)      {}
func TestA(t *testing.T)      {}
func FuzzF(f *testing.F)      {}
func BenchmarkB(b *testing.B) {}

func ExampleOut() {
	fmt.Println()
	// Output:
}

func ExampleSilent() {}
`

func TestTests(t *testing.T) {
	noisy := func(exit string) string { return strings.ReplaceAll(noisyTest, "EXIT", exit) }
	tests := []struct {
		name, src string
		want      *build.Suite
		err       string
	}{
		{"noise", noisy(""), &build.Suite{
			Tests: []string{"TestB", "TestA"}, Fuzz: []string{"FuzzF"}, Examples: []string{"ExampleOut"}, Benchmarks: []string{"BenchmarkB"},
		}, ""},
		{"TestMain exits", noisy("println(\"no database\"); os.Exit(3)"), nil,
			"the tests of example.com/noisy cannot be listed: exit status 3\nTest\nTestNoise\nTestB\nok TestA is next\nno database"},
		{"only a benchmark", "package noisy\n\nimport \"testing\"\n\nfunc BenchmarkB(b *testing.B) {}\n",
			&build.Suite{Benchmarks: []string{"BenchmarkB"}}, ""},
		{"TestMain runs nothing", "package noisy\n\nimport \"testing\"\n\nfunc TestMain(m *testing.M) {}\n\nfunc TestA(t *testing.T) {}\n", nil,
			"the tests of example.com/noisy cannot be listed: the program ended before it ran any; does TestMain call m.Run?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := module(t, "go.mod", "module example.com/noisy\n\ngo 1.26\n", "noisy_test.go", tt.src)
			b, err := buildOne(t, config(t, dir))
			if err != nil {
				t.Fatal(err)
			}
			got, err := build.Tests(t.Context(), b, nil)
			if tt.err != "" {
				var e *build.ListError
				if !errors.As(err, &e) || err.Error() != tt.err {
					t.Errorf("Tests:\n got %v\nwant %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Tests (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBuildLayouts builds where the go command finds packages in other ways.
func TestBuildLayouts(t *testing.T) {
	const useDep = "package p\n\nimport (\n\t\"example.com/dep\"\n\t\"testing\"\n)\n\nfunc TestDep(t *testing.T) { _ = dep.X }\n"
	tests := []struct {
		name  string
		sub   string
		files []string
	}{
		{"vendor", "", []string{
			"go.mod", "module example.com/p\n\ngo 1.26\n\nrequire example.com/dep v1.0.0\n", "p_test.go", useDep,
			"vendor/modules.txt", "# example.com/dep v1.0.0\n## explicit\nexample.com/dep\n",
			"vendor/example.com/dep/dep.go", "package dep\n\nvar X int\n",
		}},
		{"workspace", "p", []string{
			"go.work", "go 1.26\n\nuse (\n\t./p\n\t./dep\n)\n",
			"p/go.mod", "module example.com/p\n\ngo 1.26\n", "p/p_test.go", useDep,
			"dep/go.mod", "module example.com/dep\n\ngo 1.26\n", "dep/dep.go", "package dep\n\nvar X int\n",
		}},
		{"outside test", "", []string{
			"go.mod", "module example.com/dep\n\ngo 1.26\n", "dep.go", "package dep\n\nvar X int\n",
			"dep_test.go", strings.Replace(useDep, "package p", "package dep_test", 1),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := module(t, tt.files...)
			b, err := buildOne(t, config(t, filepath.Join(dir, tt.sub)))
			if err != nil {
				t.Fatal(err)
			}
			s, err := build.Tests(t.Context(), b, nil)
			if err != nil || len(s.Tests) != 1 || s.Tests[0] != "TestDep" {
				t.Errorf("Tests: got %v, %v, want TestDep", s, err)
			}
		})
	}
}
