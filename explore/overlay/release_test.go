package overlay

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// releasePatch touches what the real patch touches: the runtime, package
// testing, package sync, and a new package of the standard library.
var releasePatch = Patch{
	Min: 24, Max: 27,
	Edits: []Edit{
		{File: "runtime/chan.go", In: "chansend", Op: AtStart, Text: "\n\tif ghostreadProbe == 0 {\n\t\treturn false\n\t}"},
		{File: "runtime/chan.go", In: "chansend", Op: InsertBefore, Anchor: "\tif c.closed != 0 {\n", Text: "\tghostreadCount++\n"},
		{File: "runtime/chan.go", Op: InsertBefore, Anchor: "func closechan(", Text: "// One.\n// Two.\n"},
		{File: "sync/once.go", Op: Import, Text: "unsafe"},
		{File: "sync/once.go", In: "Once.Do", Op: AtStart, Text: "_ = unsafe.Pointer(o)"},
		{File: "testing/testing.go", Op: NoRace},
		{File: "testing/testing.go", Op: Import, Text: "internal/ghostread/probe"},
		{File: "testing/testing.go", In: "M.Run", Op: AtStart, Text: "\n\tprintln(\n\t\t\"probe\", probe.Value(),\n\t)\n"},
	},
	Add: []Added{
		{File: "runtime/ghostread_probe.go", Source: []byte("package runtime\n\nimport _ \"unsafe\"\n\nvar ghostreadProbe, ghostreadCount = 42, 0\n\n//go:linkname ghostreadValue\nfunc ghostreadValue() int { return ghostreadProbe }\n")},
		{File: "internal/ghostread/probe/probe.go", Source: []byte(`//go:build ghostread_guest

package probe

import _ "unsafe"

//go:linkname value runtime.ghostreadValue
func value() int

// Value shows that the new package reaches the patched runtime.
func Value() int {
	return func() int { return value() }()
}
`)},
	},
	Plain: []string{"internal/ghostread/..."},
}

const helloTest = `package hello

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func TestSend(t *testing.T) {
	c := make(chan int)
	close(c)
	defer func() {
		recover()
		pcs := make([]uintptr, 20)
		frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
		for {
			f, more := frames.Next()
			if strings.HasSuffix(f.File, "chan.go") {
				fmt.Printf("%s:%d\n", f.File, f.Line)
			}
			if !more {
				break
			}
		}
	}()
	c <- 1
}
`

// lineOf is the line of the nth occurrence of text in a file.
func lineOf(t *testing.T, file, text string) int {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut(string(src), text)
	if !ok {
		t.Fatalf("%s has no %q", file, text)
	}
	return strings.Count(before, "\n") + 1
}

func hello(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/hello\n\ngo 1.24\n", "hello_test.go": helloTest} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// goTest builds hello's tests with an overlay and returns what the go command
// prints.
func goTest(t *testing.T, dir string, o *Overlay, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), o.Toolchain.Go(), append(append([]string{"test", "-vet=off"}, o.Flags...), args...)...)
	cmd.Dir = dir
	cmd.Env = append(o.Toolchain.Env(nil), "CGO_ENABLED=0", "GOFLAGS=")
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go test %q: %v\n%s", args, err, out)
	}
	t.Logf("go test %q: %v", args, time.Since(start).Round(time.Millisecond))
	return string(out)
}

// checkHello wants the patch to work and the lines of chan.go to be the
// original's.
func checkHello(t *testing.T, o *Overlay, out string) {
	t.Helper()
	chango := filepath.Join(o.Toolchain.Root, "src/runtime/chan.go")
	for _, want := range []string{
		"probe 42\n",
		fmt.Sprintf("%s:%d\n", chango, lineOf(t, chango, `panic(plainError("send on closed channel"))`)),
		fmt.Sprintf("%s:%d\n", chango, lineOf(t, chango, "\tchansend(c, elem, true, sys.GetCallerPC())")),
	} {
		if !strings.Contains(out, want) {
			t.Errorf("go test prints no %q:\n%s", want, out)
		}
	}
}

// TestRelease patches the real GOROOT. The first run on a machine compiles
// most of the standard library.
func TestRelease(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the standard library")
	}
	dir := hello(t)
	tc, err := Detect(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := Generate(t.Context(), t.TempDir(), tc, releasePatch)
	if err != nil {
		t.Fatal(err)
	}
	checkHello(t, o, goTest(t, dir, o, "-count=1", "-v", "."))

	// Whoever generates the same overlay elsewhere compiles nothing again.
	other, err := Generate(t.Context(), t.TempDir(), tc, releasePatch)
	if err != nil {
		t.Fatal(err)
	}
	// But for the generated main package, which go test -c does not keep.
	out := goTest(t, dir, other, "-x", "-c", "-o", filepath.Join(t.TempDir(), "hello.test"), ".")
	for line := range strings.Lines(out) {
		if strings.Contains(line, "/compile ") && !strings.Contains(line, " -p main ") {
			t.Errorf("the second build compiles: %s", line)
		}
	}
}

// TestDownloadedRelease patches a release that lives in the module cache.
func TestDownloadedRelease(t *testing.T) {
	if testing.Short() {
		t.Skip("downloads a toolchain and compiles its standard library")
	}
	dir := hello(t)
	env := append(os.Environ(), "GOTOOLCHAIN=go1.25.7")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	tc, err := Detect(ctx, dir, env)
	if err != nil {
		t.Skipf("go1.25.7 cannot be downloaded: %v", err)
	}
	if !below(tc.Root, tc.ModCache) {
		t.Skipf("go1.25.7 is not in the module cache but in %s", tc.Root)
	}
	// The copy lies in the real cache, and its path is part of what the go
	// command hashes: the next run of this test compiles nothing.
	start := time.Now()
	o, err := Generate(ctx, "", tc, releasePatch)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("copy of %s: %v", tc.Root, time.Since(start).Round(time.Millisecond))
	checkHello(t, o, goTest(t, dir, o, "-count=1", "-v", "."))
}
