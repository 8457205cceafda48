package explore_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/build"
	"github.com/ghostread/ghostread/explore/overlay"
	"github.com/ghostread/ghostread/finding"
)

// crossTest has a lost update that only atomic operations are part of, so
// that it shows if the entry points of sync/atomic report what they should,
// and operations on all sizes whose results are known.
const crossTest = `package small

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestLost(t *testing.T) {
	var n atomic.Int64
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() { defer wg.Done(); v := n.Load(); n.Store(v + 1) }()
	}
	wg.Wait()
	if n.Load() != 2 {
		t.Error("lost")
	}
}

func TestRace(t *testing.T) {
	n := 0
	done := make(chan bool)
	go func() { n++; done <- true }()
	n++
	<-done
}

func TestFine(t *testing.T) {
	var a int32
	var b, seen uint64
	var c uintptr
	var p atomic.Pointer[int]
	x := 7
	var wg sync.WaitGroup
	for range 3 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			atomic.AddInt32(&a, 3)
			atomic.OrUint64(&b, 5)
			atomic.AndUint64(&b, ^uint64(8))
			atomic.AddUintptr(&c, 2)
			for {
				old := atomic.LoadInt32(&a)
				if atomic.CompareAndSwapInt32(&a, old, old+1) {
					break
				}
			}
			p.CompareAndSwap(nil, &x)
			atomic.StoreUint64(&seen, atomic.SwapUint64(&b, 13))
		}()
	}
	wg.Wait()
	if a != 12 || b != 13 || c != 6 || seen&5 != 5 || *p.Load() != 7 {
		t.Error(a, b, c, seen, *p.Load())
	}
}
`

var crossReleases = flag.Bool("cross", false, "cross-build with each release, not only with the local one, and vet the assembly")

// TestCrossBuild patches releases for linux/arm64 and compiles with the result
// what a hunt compiles. Where qemu can run the binary, it also finds bugs with
// the local release: no proof that it does so on an arm64 machine, but of the
// entry points in assembly. The first run on a machine compiles a standard
// library for each release.
func TestCrossBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("downloads toolchains and compiles their standard libraries")
	}
	patch, err := explore.Patch()
	if err != nil {
		t.Fatal(err)
	}
	arm := append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	releases := []string{"local"}
	if *crossReleases {
		releases = append(releases, "1.24.13", "1.25.7", "1.26.8", "1.27.4")
	}
	for _, release := range releases {
		t.Run(release, func(t *testing.T) {
			env := arm
			if release != "local" {
				if env, err = overlay.Select(arm, release); err != nil {
					t.Fatal(err)
				}
			}
			dir := t.TempDir()
			for name, text := range map[string]string{"go.mod": "module example.com/small\n\ngo 1.24\n", "small_test.go": crossTest} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			tc, err := overlay.Detect(t.Context(), dir, env)
			if err != nil {
				t.Skipf("Go %s cannot be downloaded: %v", release, err)
			}
			var unsupported *overlay.UnsupportedError
			if err := patch.Check(tc); !errors.As(err, &unsupported) {
				t.Errorf("Check of %s: got %v, want that tests cannot be explored with it", tc.Version, err)
			}
			o, err := overlay.Generate(t.Context(), "", tc, patch)
			if err != nil {
				t.Fatal(err)
			}
			if *crossReleases {
				vetAssembly(t, o, dir, env)
			}
			c := build.Config{Dir: dir, Env: env, Overlay: o, Cache: t.TempDir()}
			b, err := build.Build(t.Context(), c, build.Package{ImportPath: "example.com/small", Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			if release == "local" {
				t.Run("emulated", func(t *testing.T) { exploreEmulated(t, b) })
			}
		})
	}
}

// vetAssembly has go vet read the assembly of the patched runtime. It fails at
// packages that only the overlay has, whose directories it wants to go to;
// what imports them, tests of the runtime among that, is left out. dir is in a
// module that the release can read.
func vetAssembly(t *testing.T, o *overlay.Overlay, dir string, env []string) {
	t.Helper()
	args := append([]string{"vet", "-asmdecl", "-framepointer", "-tags=race,netgo,osusergo", "-gcflags=all=-race"}, o.Flags...)
	cmd := exec.CommandContext(t.Context(), o.Toolchain.Go(), append(args, "runtime")...)
	cmd.Dir, cmd.Env = dir, append(o.Toolchain.Env(env), "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "internal/ghostread/") {
			t.Errorf("go vet: %s", line)
		}
	}
}

// exploreEmulated finds what is in crossTest with a binary for arm64.
func exploreEmulated(t *testing.T, b *build.Binary) {
	const emulator = "qemu-aarch64"
	if _, err := exec.LookPath(emulator); err != nil {
		t.Skipf("%s is not installed", emulator)
	}
	run := filepath.Join(t.TempDir(), "run")
	if err := os.WriteFile(run, fmt.Appendf(nil, "#!/bin/sh\nexec %s '%s' \"$@\"\n", emulator, b.File), 0o777); err != nil {
		t.Fatal(err)
	}
	p := explore.Program{Path: run, Package: b.Package.ImportPath, Dir: b.Dir, Env: b.Env, Engine: b.Engine, Release: b.Release}
	for _, tt := range []struct {
		test string
		want finding.Kind // "" for none
	}{{"TestLost", finding.Failure}, {"TestRace", finding.Race}, {"TestFine", ""}} {
		var got finding.Kind
		s, err := explore.NewSession(p, tt.test, explore.Options{Seed: 1}, func(f finding.Finding) { got = f.Kind }, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		if err := s.Slice(ctx, 30, time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if o := s.Outcome(); got != tt.want || o.Verdict == finding.Unknown {
			t.Errorf("%s, seed 1, %d executions: got %q (%s %s), want %q", tt.test, o.Executions, got, o.Verdict, o.Reason, tt.want)
		}
	}
}
