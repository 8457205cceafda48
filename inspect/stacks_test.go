package inspect

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
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
	type build_ struct {
		name, release string
		env, flags    []string
	}
	var builds []build_
	for _, r := range releases {
		builds = append(builds, build_{name: "go" + r, release: r})
	}
	builds = append(builds,
		build_{name: "pie", flags: []string{"-buildmode=pie"}},
		build_{name: "without optimization", flags: []string{"-gcflags=-N -l"}},
		build_{name: "go1.24 without optimization", release: "1.24.13", flags: []string{"-gcflags=-N -l"}},
	)
	for _, b := range builds {
		t.Run(b.name, func(t *testing.T) {
			exe := buildIn(t, "stacks", b.release, b.env, b.flags...)
			pid, line := start(t, exe)
			var want stacked
			if err := json.Unmarshal(line, &want); err != nil {
				t.Fatal(err)
			}
			target, err := Attach(pid, "")
			if err != nil {
				t.Fatal(err)
			}
			c, err := target.Census()
			if err != nil {
				t.Fatal(err)
			}
			checkStacks(t, c, &want, minor(t, b.release), plain(b.flags), false)
			checkFrames(t, target, want.Stacks)
			if t.Failed() {
				for _, g := range c.Groups {
					t.Logf("%s  %s: %d maps, %d entries", g.Owner, g.Type, g.Maps, g.Entries)
				}
			}
			t.Logf("%+v", c.Stacks)
		})
	}
}

// checkStacks looks for the maps of a program that a release has built, with
// those of goroutines that run or without.
func checkStacks(t *testing.T, c *Census, want *stacked, release int, plain, running bool) {
	t.Helper()
	for _, p := range want.Plants {
		i := slices.IndexFunc(c.Groups, func(g Group) bool { return g.Owner == p.Owner && g.Type == p.Type })
		switch {
		case p.Runs && !running || p.Since > release || p.Vague && !plain && i < 0:
		case p.Gone:
			if i >= 0 {
				t.Errorf("%s: %d maps are found, but it is dead", p.Owner, c.Groups[i].Maps)
			}
		case i < 0:
			t.Errorf("%s %s is not found", p.Owner, p.Type)
		default:
			if g := c.Groups[i]; g.Maps != p.Maps || g.Entries != uint64(p.Entries) {
				t.Errorf("%s: got %d maps with %d entries, want %d with %d", p.Owner, g.Maps, g.Entries, p.Maps, p.Entries)
			}
		}
	}
}

// TestStacksRunning looks at goroutines that run: in core files their places are
// known, of arm64 too; in a process they are counted.
func TestStacksRunning(t *testing.T) {
	core := func(t *testing.T, exe string, command ...string) (pid int, want stacked, path func() string) {
		t.Helper()
		dir := t.TempDir()
		cmd := exec.Command("sh", "-c", "ulimit -c unlimited; exec "+strings.Join(append(command, exe, "spins"), " "))
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOTRACEBACK=crash")
		if _, err := cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		if err := json.NewDecoder(out).Decode(&want); err != nil {
			t.Fatal(err)
		}
		return cmd.Process.Pid, want, func() string {
			go io.Copy(io.Discard, out)
			if err := cmd.Process.Signal(syscall.SIGABRT); err != nil {
				t.Fatal(err)
			}
			cmd.Wait()
			list, _ := filepath.Glob(filepath.Join(dir, "qemu_*.core"))
			if len(list) != 1 {
				t.Skipf("no core was written: %v", cmd.ProcessState)
			}
			return list[0]
		}
	}
	t.Run("process", func(t *testing.T) {
		exe := buildIn(t, "stacks", "", nil)
		pid, want, _ := core(t, exe)
		target, err := Attach(pid, "")
		if err != nil {
			t.Fatal(err)
		}
		c, err := target.Census()
		if err != nil {
			t.Fatal(err)
		}
		for tries := 0; c.Stacks.Running == 0 && tries < 100; tries++ {
			if c, err = target.Census(); err != nil {
				t.Fatal(err)
			}
		}
		checkStacks(t, c, &want, minor(t, ""), false, false)
		if c.Stacks.Running == 0 {
			t.Errorf("a goroutine that runs is not counted: %v", c.Stacks)
		}
		t.Log(c.Stacks)
		if err := target.AllowStop(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		if c, err = target.Census(); err != nil {
			t.Fatal(err)
		}
		checkStacks(t, c, &want, minor(t, ""), false, true)
		t.Log(c.Stacks, target.Stops())
		if c.Stacks.Running != 0 {
			t.Errorf("a goroutine runs while the process is stopped: %v", c.Stacks)
		}
		if _, err := exec.LookPath("gcore"); err != nil {
			t.Skip("gcore is not installed")
		}
		path := filepath.Join(t.TempDir(), "core")
		if out, err := exec.Command("gcore", "-o", path, strconv.Itoa(pid)).CombinedOutput(); err != nil {
			t.Skipf("gcore: %v\n%s", err, out)
		}
		c = censusOf(t, path+"."+strconv.Itoa(pid), exe)
		checkStacks(t, c, &want, minor(t, ""), false, true)
		t.Log(c.Stacks)
	})
	t.Run("arm64", func(t *testing.T) {
		qemu, err := exec.LookPath("qemu-aarch64")
		if err != nil {
			t.Skip("qemu-aarch64 is not installed")
		}
		exe := buildIn(t, "stacks", "", []string{"GOARCH=arm64", "CGO_ENABLED=0"})
		_, want, path := core(t, exe, qemu)
		c := censusOf(t, path(), exe)
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
	pid, _ := start(t, exe, "20")
	const seed = 7
	frames := 0
	for n := range uint64(12) {
		target, err := Attach(pid, "")
		if err != nil {
			t.Fatal(err)
		}
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
