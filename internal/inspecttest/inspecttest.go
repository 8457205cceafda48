// Package inspecttest builds programs for tests that look into the memory of a
// running one: those in inspect/testdata say which maps they have.
package inspecttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Build builds the program in dir with a release of Go, like "1.23.12", or with
// that of this test if it is "". It skips the test where such programs cannot be
// had or not be read.
func Build(t testing.TB, dir, release string, env []string, flags ...string) string {
	t.Helper()
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("builds a program on Linux")
	}
	env = append(os.Environ(), env...)
	if release != "" {
		env = append(env, "GOTOOLCHAIN=go"+release)
	}
	version := exec.Command("go", "version")
	version.Env = env
	if out, err := version.CombinedOutput(); err != nil {
		t.Skipf("Go %s cannot be had: %s", release, out)
	}
	exe := filepath.Join(t.TempDir(), filepath.Base(dir))
	cmd := exec.Command("go", append([]string{"build", "-o", exe}, append(flags, ".")...)...)
	cmd.Dir, cmd.Env = dir, env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return exe
}
