package overlay

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var pondPatch = Patch{
	Min: 26, Max: 26,
	Edits: []Edit{{File: "pond/pond.go", In: "count", Op: AtStart, Text: "probe()"}},
	Add: []Added{
		{File: "pond/probe.go", Source: []byte("//go:build ghostread_guest\n\npackage pond\n\nfunc probe() {}\n")},
		{File: "pond/deep/deep.go", Source: []byte("package deep\n")},
	},
	Remove: []string{"pond/song.go"},
	Plain:  []string{"pond/..."},
}

func pondRoot(t *testing.T) Toolchain {
	return fakeRoot(t, map[string]string{"pond/pond.go": pond, "pond/song.go": "package pond\n"})
}

func TestGenerate(t *testing.T) {
	tc, cache := pondRoot(t), t.TempDir()
	o, err := Generate(t.Context(), cache, tc, pondPatch)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(o.File)
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Replace map[string]string }
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"pond/pond.go":      "func count() int { probe(); return 1 }",
		"pond/probe.go":     "func probe() {}",
		"pond/deep/deep.go": "package deep",
	} {
		file := list.Replace[filepath.Join(tc.Root, "src", name)]
		got, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(got), want) || strings.Contains(string(got), GuestTag) {
			t.Errorf("%s is replaced by %q: %q, %v; want it to contain %q", name, file, got, err, want)
		}
	}
	if to, ok := list.Replace[filepath.Join(tc.Root, "src/pond/song.go")]; !ok || to != "" {
		t.Errorf("removed file: got %q, %v, want an empty replacement", to, ok)
	}
	if want := "-gcflags=pond/...=-race=false"; len(o.Flags) != 2 || o.Flags[0] != "-overlay="+o.File || o.Flags[1] != want {
		t.Errorf("flags: got %q, want -overlay and %q", o.Flags, want)
	}

	// The second run finds all of it and writes nothing: writing needs a
	// directory beside the overlay, and there it may not create one.
	if err := os.Chmod(filepath.Dir(o.Dir), 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(filepath.Dir(o.Dir), 0o777) })
	before, err := os.Stat(filepath.Dir(o.Dir))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Generate(t.Context(), cache, tc, pondPatch)
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(filepath.Dir(o.Dir))
	if again.File != o.File || err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("second Generate: got %s (%v), want %s untouched", again.File, err, o.File)
	}
}

// TestGenerateFollowsTheSource: a GOROOT that changes, as a development
// version does, gets another overlay.
func TestGenerateFollowsTheSource(t *testing.T) {
	tc, cache := pondRoot(t), t.TempDir()
	before, err := Generate(t.Context(), cache, tc, pondPatch)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tc.Root, "src/pond/pond.go"), []byte(pond+"\nvar more int\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	after, err := Generate(t.Context(), cache, tc, pondPatch)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(after.Dir, "src/pond/pond.go"))
	if before.Dir == after.Dir || err != nil || !strings.Contains(string(got), "more int") {
		t.Errorf("Generate after a change: got %s, as before %s, with %q (%v)", after.Dir, before.Dir, got, err)
	}
}

func TestGenerateRepairs(t *testing.T) {
	damages := map[string]func(o *Overlay) error{
		"a file is cut": func(o *Overlay) error { return os.Truncate(filepath.Join(o.Dir, "src/pond/pond.go"), 10) },
		"a file was touched": func(o *Overlay) error {
			now := time.Now()
			return os.Chtimes(filepath.Join(o.Dir, "src/pond/probe.go"), now, now)
		},
		"a file is gone":       func(o *Overlay) error { return os.Remove(filepath.Join(o.Dir, "src/pond/probe.go")) },
		"overlay.json is gone": func(o *Overlay) error { return os.Remove(o.File) },
		"everything is gone":   func(o *Overlay) error { return os.RemoveAll(o.Dir) },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			tc, cache := pondRoot(t), t.TempDir()
			o, err := Generate(t.Context(), cache, tc, pondPatch)
			if err != nil {
				t.Fatal(err)
			}
			whole := snapshot(t, o.Dir)
			if err := damage(o); err != nil {
				t.Fatal(err)
			}
			again, err := Generate(t.Context(), cache, tc, pondPatch)
			if err != nil {
				t.Fatal(err)
			}
			if got := snapshot(t, again.Dir); again.Dir != o.Dir || got != whole {
				t.Errorf("Generate after the damage: got %s\n%s\nwant %s\n%s", again.Dir, got, o.Dir, whole)
			}
			checkNoLitter(t, cache)
		})
	}
}

// TestGenerateAtOnce has several callers build, damage and repair the same
// overlay. Each must see a whole one.
func TestGenerateAtOnce(t *testing.T) {
	tc, cache := pondRoot(t), t.TempDir()
	first, err := Generate(t.Context(), cache, tc, pondPatch)
	if err != nil {
		t.Fatal(err)
	}
	want := snapshot(t, first.Dir)
	for range 20 {
		if err := os.Truncate(filepath.Join(first.Dir, "src/pond/pond.go"), 1); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := Generate(t.Context(), cache, tc, pondPatch); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := snapshot(t, first.Dir); got != want {
			t.Fatalf("after eight repairs at once:\n%s\nwant\n%s", got, want)
		}
	}
	checkNoLitter(t, cache)
}

func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s at %d: %s\n", strings.TrimPrefix(path, dir), info.ModTime().UnixNano(), data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func checkNoLitter(t *testing.T, cache string) {
	t.Helper()
	litter, err := filepath.Glob(filepath.Join(cache, "overlay", ".*"))
	if err != nil || len(litter) > 0 {
		t.Errorf("left in the cache: %q (%v)", litter, err)
	}
}

func TestRelocate(t *testing.T) {
	tc, cache := pondRoot(t), t.TempDir()
	tc.ModCache = tc.Root
	if err := os.Mkdir(filepath.Join(tc.Root, "test"), 0o777); err != nil {
		t.Fatal(err)
	}
	o, err := Generate(t.Context(), cache, tc, pondPatch)
	if err != nil {
		t.Fatal(err)
	}
	if below(o.Toolchain.Root, tc.ModCache) || !below(o.Toolchain.Root, cache) {
		t.Fatalf("GOROOT of the overlay: got %s, want it below %s", o.Toolchain.Root, cache)
	}
	file, source := filepath.Join(o.Toolchain.Root, "src/pond/pond.go"), filepath.Join(tc.Root, "src/pond/pond.go")
	if got, err := os.ReadFile(file); err != nil || string(got) != pond {
		t.Errorf("%s: got %q, %v, want the original", file, got, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := Generate(t.Context(), cache, tc, pondPatch); err != nil {
		t.Errorf("Generate after a file of the copy is gone: %v", err)
	}
	a, errA := os.Stat(file)
	b, errB := os.Stat(source)
	if errA != nil || errB != nil || !os.SameFile(a, b) {
		t.Errorf("%s and %s are not the same file: %v, %v", file, source, errA, errB)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	if err := copyFile(copied, source, b.Mode()); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(copied); err != nil || string(got) != pond {
		t.Errorf("copyFile: got %q, %v, want the original", got, err)
	}
}

func TestUseSweeps(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"old", "new", "mine"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	longAgo := time.Now().Add(-time.Hour)
	for _, name := range []string{"old", "mine"} {
		if err := os.Chtimes(filepath.Join(dir, name), longAgo, longAgo); err != nil {
			t.Fatal(err)
		}
	}
	Use(filepath.Join(dir, "mine"), time.Minute)
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if want := []string{filepath.Join(dir, "mine"), filepath.Join(dir, "new")}; err != nil || !slices.Equal(left, want) {
		t.Errorf("Use leaves %q (%v), want %q", left, err, want)
	}
}
