package build_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ghostread/ghostread/explore/build"
)

// TestBuildAgainWhenNeeded: whatever goes into a binary makes another one when
// it changes, and is found again when it changes back; what does not go in
// changes nothing.
func TestBuildAgainWhenNeeded(t *testing.T) {
	dir := module(t,
		"go.mod", "module example.com/n\n\ngo 1.26\n\nrequire example.com/dep v0.0.0\n\nreplace example.com/dep => ./dep\n",
		"n.go", "package n\n\nimport (\n\t_ \"embed\"\n\n\t\"example.com/dep\"\n)\n\n//go:embed text\nvar Text string\n\nvar N = dep.N + extra\n",
		"off.go", "//go:build !on\n\npackage n\n\nvar extra = 0\n",
		"on.go", "//go:build on\n\npackage n\n\nvar extra = 100\n",
		"text", "one",
		"unused.txt", "one",
		"n_test.go", "package n\n\nimport \"testing\"\n\nfunc TestN(t *testing.T) { t.Log(N, Text) }\n",
		"dep/go.mod", "module example.com/dep\n\ngo 1.26\n",
		"dep/dep.go", "package dep\n\nvar N = 1\n",
	)
	c := config(t, dir)
	names := map[string]string{} // of what was built, by file
	check := func(what, same string, c build.Config) {
		t.Helper()
		l, err := build.List(t.Context(), c, ".")
		if err != nil {
			t.Fatal(err)
		}
		b, err := build.Build(t.Context(), c, l.Packages[0])
		if err != nil {
			t.Fatal(err)
		}
		// Other flags have another directory, where equal contents have equal names.
		name := filepath.Base(b.File)
		if same == "" {
			same = what
		}
		if was, ok := names[name]; ok && was != same {
			t.Errorf("%s: the binary is that of %q", what, was)
		} else if !ok && same != what {
			t.Errorf("%s: another binary, want that of %q", what, same)
		}
		names[name] = same
	}
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	check("first", "", c)
	write("unused.txt", "two")
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "n.go"), later, later); err != nil {
		t.Fatal(err)
	}
	check("nothing that matters", "first", c)
	write("text", "two")
	check("an embedded file", "", c)
	write("text", "one")
	check("the embedded file as it was", "first", c)
	write("dep/dep.go", "package dep\n\nvar N = 2\n")
	check("a dependency", "", c)
	write("dep/dep.go", "package dep\n\nvar N = 1\n")
	tagged := c
	tagged.Tags = []string{"on"}
	check("a tag", "", tagged)
	flagged := c
	flagged.Env = append(c.Env[:len(c.Env):len(c.Env)], "GOFLAGS=-tags=on")
	check("a tag of GOFLAGS", "a tag", flagged)
	write("go.mod", "module example.com/n\n\ngo 1.26\n\ngodebug panicnil=1\n\nrequire example.com/dep v0.0.0\n\nreplace example.com/dep => ./dep\n")
	check("go.mod", "", c)
}
