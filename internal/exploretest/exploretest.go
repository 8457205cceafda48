// Package exploretest builds test data for exploration, for the tests of this
// module.
//
// [Patched] is a Go release ready for it, [Open] the tests of one package,
// built. What a machine cannot do skips the test that asked, with the reason;
// what should work and does not fails it. Results are cached where a hunt
// caches them, so that one standard library is compiled for all tests.
package exploretest

import (
	"os"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/build"
	"github.com/ghostread/ghostread/explore/overlay"
)

// Patched returns the Go release that dir uses, patched. It skips the test if
// the patch is not for that release or this machine.
func Patched(t testing.TB, dir string) *overlay.Overlay {
	t.Helper()
	patch, err := explore.Patch()
	if err != nil {
		t.Fatal(err)
	}
	tc, err := overlay.Detect(t.Context(), dir, os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	if err := patch.Check(tc); err != nil {
		t.Skip(err)
	}
	o, err := overlay.Generate(t.Context(), "", tc, patch)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Open builds the tests of the package in dir with the release that dir uses.
func Open(t testing.TB, dir string) (explore.Program, *build.Suite) {
	t.Helper()
	return Build(t, build.Config{Dir: dir, Overlay: Patched(t, dir)})
}

// InOrder wants text to say all of words, one behind the other.
func InOrder(t testing.TB, text string, words []string) {
	t.Helper()
	rest := text
	for _, w := range words {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			t.Errorf("finding does not say %q, or not in this order:\n%s", w, text)
			return
		}
		rest = after
	}
}

// Build builds the tests of the package in c.Dir.
func Build(t testing.TB, c build.Config) (explore.Program, *build.Suite) {
	t.Helper()
	list, err := build.List(t.Context(), c, ".")
	if err != nil {
		t.Fatal(err)
	}
	b, err := build.Build(t.Context(), c, list.Packages[0])
	if err != nil {
		t.Fatal(err)
	}
	suite, err := build.Tests(t.Context(), b, nil)
	if err != nil {
		t.Fatal(err)
	}
	return explore.Program{Path: b.File, Package: b.Package.ImportPath, Dir: b.Dir, Env: b.Env, Engine: b.Engine, Release: b.Release}, suite
}
