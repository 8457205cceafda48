package inspect

import (
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// plain reports whether code is not optimized with these flags.
func plain(flags []string) bool { return slices.Contains(flags, "-gcflags=-N -l") }

type stacked struct {
	Plants []struct {
		Owner, Type          string
		Entries, Maps, Since int
		Gone, Runs, Vague    bool
	}
	Stacks string
}

// TestStacks looks for maps that only stacks lead to, in a program that says
// which it has, with every release and with flags that change how locals lie.
func TestStacks(t *testing.T) {
	for _, b := range variants(
		variant{name: "pie", flags: []string{"-buildmode=pie"}},
		variant{name: "without optimization", flags: []string{"-gcflags=-N -l"}},
		variant{name: "go1.24 without optimization", release: "1.24.13", flags: []string{"-gcflags=-N -l"}},
	) {
		t.Run(b.name, func(t *testing.T) {
			s := start(t, buildIn(t, "stacks", b.release, b.env, b.flags...))
			var want stacked
			s.says(t, &want)
			target := attach(t, s.pid)
			c := census(t, target)
			defer c.logOnFailure(t)
			checkStacks(t, c, &want, minor(t, b.release), plain(b.flags), false)
			checkFrames(t, target, want.Stacks)
			t.Logf("%+v", c.Stacks)
		})
	}
}

// checkStacks looks for the maps of a program that a release has built, with
// those of goroutines that run or without.
func checkStacks(t *testing.T, c *Census, want *stacked, release int, plain, running bool) {
	t.Helper()
	for _, p := range want.Plants {
		found := c.of(p.Owner, p.Type) != nil
		switch {
		case p.Runs && !running || p.Since > release || p.Vague && !plain && !found:
		case !p.Gone:
			c.check(t, p.Owner, p.Type, p.Maps, p.Entries)
		case found:
			t.Errorf("%s is found, but it is dead", p.Owner)
		}
	}
}

// TestStacksRunning looks at goroutines that run: in core files their places are
// known, of arm64 too; in a process they are counted.
func TestStacksRunning(t *testing.T) {
	t.Run("process", func(t *testing.T) {
		exe := buildIn(t, "stacks", "", nil)
		s := startAborting(t, t.TempDir(), exe+" spins")
		var want stacked
		s.says(t, &want)
		target := attach(t, s.pid)
		c := census(t, target)
		for tries := 0; c.Stacks.Running == 0 && tries < 100; tries++ {
			c = census(t, target)
		}
		checkStacks(t, c, &want, minor(t, ""), false, false)
		if c.Stacks.Running == 0 {
			t.Errorf("a goroutine that runs is not counted: %v", c.Stacks)
		}
		t.Log(c.Stacks)
		if err := target.AllowStop(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		c = census(t, target)
		checkStacks(t, c, &want, minor(t, ""), false, true)
		t.Log(c.Stacks, target.Stops())
		if c.Stacks.Running != 0 {
			t.Errorf("a goroutine runs while the process is stopped: %v", c.Stacks)
		}
		if _, err := exec.LookPath("gcore"); err != nil {
			t.Skip("gcore is not installed")
		}
		path := filepath.Join(t.TempDir(), "core")
		if out, err := exec.Command("gcore", "-o", path, strconv.Itoa(s.pid)).CombinedOutput(); err != nil {
			t.Skipf("gcore: %v\n%s", err, out)
		}
		c = censusOf(t, path+"."+strconv.Itoa(s.pid), exe)
		checkStacks(t, c, &want, minor(t, ""), false, true)
		t.Log(c.Stacks)
	})
	t.Run("arm64", func(t *testing.T) {
		qemu, err := exec.LookPath("qemu-aarch64")
		if err != nil {
			t.Skip("qemu-aarch64 is not installed")
		}
		exe := buildIn(t, "stacks", "", []string{"GOARCH=arm64", "CGO_ENABLED=0"})
		s := startAborting(t, t.TempDir(), qemu+" "+exe+" spins")
		var want stacked
		s.says(t, &want)
		path := s.abort(t, "qemu_*.core")
		if path == "" {
			t.Skip("qemu wrote no core")
		}
		c := censusOf(t, path, exe)
		checkStacks(t, c, &want, minor(t, ""), false, false)
		t.Log(c.Stacks)
	})
}

// checkFrames compares the functions on all stacks with what the program's own
// stack dump has.
func checkFrames(t *testing.T, target *Target, dump string) {
	t.Helper()
	want := map[uint64][]string{}
	for _, text := range strings.Split(dump, "\n\n") {
		lines := strings.Split(text, "\n")
		number, _, _ := strings.Cut(strings.TrimPrefix(lines[0], "goroutine "), " ")
		id, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			t.Fatalf("a stack that begins with %q", lines[0])
		}
		for _, line := range lines[1:] {
			if i := strings.LastIndex(line, "("); i > 0 && !strings.HasPrefix(line, "\t") && !strings.HasPrefix(line, "created by ") && !ofRuntime(line) {
				want[id] = append(want[id], line[:i])
			}
		}
	}
	w := newWalk(target)
	if err := target.refresh(); err != nil {
		t.Fatal(err)
	}
	s := newStacks(w)
	list, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	goid := target.layout("runtime.g")
	checked := 0
	for i, head := range s.heads(list) {
		id := u64(head, goid.need("goid").Offset)
		g, ok := s.standing(list[i], head)
		if !ok || id == 1 || want[id] == nil {
			continue
		}
		g.stack = slices.Clone(target.mem.bytes(g.sp, int(g.size())))
		s.unwind(g)
		var got []string
		for _, f := range s.frames {
			s.describe(f.site)
			for _, name := range f.site.calls {
				if !ofRuntime(name) {
					got = append(got, name)
				}
			}
		}
		if checked++; !slices.Equal(got, want[id]) {
			t.Errorf("goroutine %d: got %q, the program says %q", id, got, want[id])
		}
	}
	if checked < 1000 {
		t.Errorf("%d stacks were compared, want more than 1,000", checked)
	}
}

// TestLiar looks at stacks in memory of which some bytes are wrong: that may
// cost stacks, and is never a panic, and never without an end.
func TestLiar(t *testing.T) {
	exe := buildIn(t, "stacks", "", nil)
	pid := start(t, exe, "20").pid
	const seed = 7
	frames := 0
	for n := range uint64(12) {
		target := attach(t, pid)
		if err := target.refresh(); err != nil {
			t.Fatal(err)
		}
		target.raw = &liar{target.raw, rand.New(rand.NewPCG(seed, n)), 1 << (8 + n%10)}
		target.mem = newCache(target.raw)
		w := newWalk(target)
		w.reaches(target.Image.Types())
		if err := w.stackRoots(); err != nil {
			t.Fatalf("seed %d, %d: %v", seed, n, err)
		}
		frames += w.stacks.Frames
	}
	t.Logf("seed %d: %d frames", seed, frames)
	if frames == 0 {
		t.Error("no stack was followed: the test shows nothing")
	}
}
