package inspect

import (
	"bufio"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func init() {
	// hold holds a process for a minute and says when it does so.
	helpers["hold"] = func(arg string) {
		pid, err := strconv.Atoi(arg)
		if err != nil {
			panic(err)
		}
		target, err := Attach(pid, "")
		if err == nil {
			err = target.AllowStop(time.Minute)
		}
		if err != nil {
			panic(err)
		}
		target.hold(func() {
			fmt.Println("is 1")
			time.Sleep(time.Minute)
		})
	}
	// stop stops itself.
	helpers["stop"] = func(arg string) {
		pid, err := strconv.Atoi(arg)
		if err != nil {
			panic(err)
		}
		target, err := Attach(pid, "")
		if err == nil {
			err = target.AllowStop(300 * time.Millisecond)
		}
		if err != nil {
			panic(err)
		}
		target.hold(func() {
			syscall.Kill(os.Getpid(), syscall.SIGTSTP)
			fmt.Println("is 1")
			time.Sleep(time.Minute)
		})
	}
}

// writing starts a program that changes its map all the time.
func writing(t *testing.T, release string, args ...string) (pid int, target *Target) {
	t.Helper()
	pid = start(t, build(t, release, nil), append([]string{"write"}, args...)...).pid
	return pid, attach(t, pid)
}

// allStates returns the states of all threads of a process.
func allStates(t *testing.T, pid int) (list string) {
	t.Helper()
	names, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "task", n.Name(), "stat")); err == nil {
			_, rest, _ := strings.Cut(string(text), ") ")
			list += rest[:1]
		}
	}
	return list
}

// goesOn checks that a process is not stopped and not traced, and writes to
// its map.
func goesOn(t *testing.T, pid int, target *Target) {
	t.Helper()
	eventually(t, "running", func() bool { return !strings.ContainsAny(allStates(t, pid), "tT") })
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil || !strings.Contains(string(text), "TracerPid:\t0\n") {
		t.Errorf("the process is traced, %v", err)
	}
	first := header(t, target)
	eventually(t, "writing", func() bool { return header(t, target) != first })
}

// header returns the first group or bucket of main.window.
func header(t *testing.T, target *Target) string {
	t.Helper()
	if err := target.refresh(); err != nil {
		t.Fatal(err)
	}
	v, ok := target.Image.Global("main.window")
	if !ok {
		t.Fatal("no main.window")
	}
	addr, ok := target.mem.word(v.Addr + target.bias)
	if !ok {
		t.Fatal("main.window cannot be read")
	}
	w := newWalk(target)
	s := w.shape(v.Type)
	m := Map{Addr: addr, Type: v.Type}
	if s.swiss != nil {
		return fmt.Sprint(keysOf(s, w.readSwiss(s.swiss, &m)))
	}
	return fmt.Sprint(keysOf(s, w.readClassic(s.classic, &m)))
}

// TestStop reads a map that is changed all the time while its process is
// stopped: then it holds still, and after that the process goes on.
func TestStop(t *testing.T) {
	for _, release := range []string{"", "1.23.12"} {
		t.Run("go"+release, func(t *testing.T) {
			pid, target := writing(t, release)
			if err := target.AllowStop(5 * time.Second); err != nil {
				t.Fatal(err)
			}
			stops := 0
			for range 20 {
				d, err := target.At("main.window", 0, Look{Entries: -1})
				if err != nil {
					t.Fatal(err)
				}
				stops += target.Stops().Count
				if n := len(d.First); !d.Consistent || n != 3000 && n != 3001 || d.Entries != uint64(n) {
					t.Errorf("got %d entries, header says %d, consistent: %t, %v, %q", n, d.Entries, d.Consistent, target.Stops(), target.Notes())
				}
			}
			c, err := target.Census()
			if err != nil || c.Torn != 0 {
				t.Errorf("census: got %d torn maps, %v, %v", c.Torn, c.Notes, err)
			}
			t.Logf("stopped %d times for 20 looks; for the census: %v", stops, c.Stops)
			if stops == 0 {
				t.Error("it was never stopped: the test shows nothing")
			}
			goesOn(t, pid, target)
		})
	}
}

// TestStopRunning looks for a map that only a goroutine has which runs all the
// time: where its variables are is known while it is stopped, and in a core.
func TestStopRunning(t *testing.T) {
	for _, release := range []string{"", "1.23.12"} {
		t.Run("go"+release, func(t *testing.T) {
			pid := start(t, buildIn(t, "stacks", release, nil), "spin").pid
			target := attach(t, pid)
			find := func(target *Target) (entries uint64, c *Census) {
				t.Helper()
				c = census(t, target)
				for _, g := range c.Groups {
					if g.Owner == "main.spinning: m" {
						return g.Entries, c
					}
				}
				return 0, c
			}
			if n, c := find(target); n != 0 || c.Stacks.Running < 1 {
				t.Errorf("not stopped: got a map with %d entries, %v", n, c.Stacks)
			}
			if err := target.AllowStop(time.Minute); err != nil {
				t.Fatal(err)
			}
			n, c := find(target)
			for tries := 0; c.Stacks.Running > 0 && tries < 20; tries++ { // its thread was in a signal handler
				n, c = find(target)
			}
			if n != 26 || c.Stacks.Running != 0 || c.Stops.Count == 0 {
				t.Errorf("stopped: got a map with %d entries, %v, %v %q, want 26", n, c.Stacks, c.Stops, c.Notes)
			}
			t.Logf("%v; %v", c.Stops, c.Stacks)
			path := filepath.Join(t.TempDir(), "core")
			if !target.hold(func() {
				threads, err := target.raw.(still).threads()
				if err != nil {
					t.Fatal(err)
				}
				segments, notes := dump(t, pid, everything, threads...)
				writeCore(t, path, elf.EM_X86_64, segments, notes, false)
			}) {
				t.Fatal(target.Notes())
			}
			it, err := OpenCore(path, "")
			if err != nil {
				t.Fatal(err)
			}
			defer it.Close()
			if n, c := find(it); n != 26 && c.Stacks.Running == 0 {
				t.Errorf("core: got a map with %d entries, %v, want 26", n, c.Stacks)
			}
		})
	}
}

// TestStopLaunched stops a program that we have started, and so wait for.
func TestStopLaunched(t *testing.T) {
	l := Launch{Path: build(t, "", nil), Args: []string{"write"}, Output: new(bytes.Buffer), When: regexp.MustCompile("{}")}
	target, err := l.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := target.AllowStop(time.Minute); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if !target.hold(func() {}) {
			t.Fatal(target.Notes())
		}
	}
	select {
	case <-target.child.ended:
		t.Error("a program that goes on is taken for one that has ended")
	default:
	}
	if target.Close(); state(target.child.cmd.Process.Pid) != "" {
		t.Error("the program goes on after Close")
	}
}

// TestHold looks at a process while it is held, and ends that in all ways.
func TestHold(t *testing.T) {
	pid, target := writing(t, "")
	if target.hold(func() {}) || target.held() {
		t.Error("a process was stopped though nobody allowed it")
	}
	allow := func(budget time.Duration) {
		t.Helper()
		if err := target.AllowStop(budget); err != nil {
			t.Fatal(err)
		}
	}
	allow(time.Minute)
	ok := target.hold(func() {
		if s := allStates(t, pid); strings.Trim(s, "t") != "" {
			t.Errorf("threads of a held process: got states %s, want t only", s)
		}
		if !target.held() {
			t.Error("held: got false while it is held")
		}
		checkRegisters(t, target)
	})
	if _, err := target.raw.(still).threads(); !ok || target.held() || err != errRunning || target.Stops().Count != 1 {
		t.Errorf("after: held %t, %v, %+v", target.held(), err, target.Stops())
	}
	goesOn(t, pid, target)

	// The budget ends.
	allow(20 * time.Millisecond)
	for range 2 {
		target.hold(func() {
			eventually(t, "going on, when the budget is used up", func() bool { return !target.held() && !strings.Contains(allStates(t, pid), "t") })
			if _, err := target.raw.(still).threads(); err != errRunning {
				t.Errorf("threads when the budget is used up: got %v", err)
			}
		})
	}
	if s := target.Stops(); s.Count != 1 || s.Total < 20*time.Millisecond-shortest || len(target.Notes()) != 1 {
		t.Errorf("after the budget: got %v, %q", s, target.Notes())
	}
	goesOn(t, pid, target)

	// What is done panics.
	allow(time.Minute)
	func() {
		defer func() { recover() }()
		target.hold(func() { panic("hold") })
	}()
	goesOn(t, pid, target)

	// We are killed, interrupted, or end by ourselves.
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT, syscall.SIGTERM} {
		us, _ := help(t, "hold", strconv.Itoa(pid))
		if s := allStates(t, pid); strings.Trim(s, "t") != "" {
			t.Errorf("held by another process: got states %s", s)
		}
		// While it is held, we cannot.
		if err := target.AllowStop(time.Second); err == nil || !strings.Contains(err.Error(), fmt.Sprint("traced by process ", us.Process.Pid)) {
			t.Errorf("a process that is traced: got %v", err)
		}
		us.Stderr = nil
		us.Process.Signal(sig)
		us.Wait()
		goesOn(t, pid, target)
	}

	// Ctrl-Z comes when the process goes on.
	us, _ := help(t, "stop", strconv.Itoa(pid))
	goesOn(t, pid, target)
	us.Process.Kill()
}

// checkRegisters looks whether the threads are where a program can be.
func checkRegisters(t *testing.T, target *Target) {
	t.Helper()
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		return
	}
	if target.raw.refresh() != nil {
		t.Fatal("no memory map")
	}
	list, err := target.raw.(still).threads()
	if err != nil || len(list) < 3 {
		t.Fatalf("threads: got %d, %v; want at least 3", len(list), err)
	}
	for _, r := range list {
		if target.room(r.pc) == 0 || target.room(r.sp) == 0 || r.thread == 0 {
			t.Errorf("thread %d: pc %#x and sp %#x", r.thread, r.pc, r.sp)
		}
	}
}

// TestHoldSignals sends signals to a process that is stopped again and again:
// none gets lost, and none is delivered twice.
func TestHoldSignals(t *testing.T) {
	pid, target := writing(t, "")
	if err := target.AllowStop(time.Minute); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		if i%3 == 0 {
			syscall.Kill(pid, syscall.SIGURG) // Go's own, which comes when threads run long
		}
		if !target.hold(func() {}) {
			t.Fatal(target.Notes())
		}
	}
	t.Log(target.Stops())
	goesOn(t, pid, target)

	// One that was stopped by a signal stays so.
	if err := target.AllowStop(time.Minute); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(pid, syscall.SIGSTOP)
	eventually(t, "stopped", func() bool { return strings.Trim(allStates(t, pid), "T") == "" })
	if !target.hold(func() { checkRegisters(t, target) }) {
		t.Errorf("a process that is stopped by a signal: %q", target.Notes())
	}
	eventually(t, "stopped again", func() bool { return strings.Trim(allStates(t, pid), "T") == "" })
	syscall.Kill(pid, syscall.SIGCONT)
	goesOn(t, pid, target)
}

// TestHoldThreads stops a process that starts and ends threads all the time.
func TestHoldThreads(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("processes are read on linux/amd64")
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte(`package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
)

func main() {
	fmt.Println("{}")
	for range 4 {
		go func() {
			for {
				end := make(chan bool)
				go func() { runtime.LockOSThread(); close(end) }()
				<-end
			}
		}()
	}
	io.Copy(io.Discard, os.Stdin)
}
`), 0o644); err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, "threads")
	if out, err := exec.Command("go", "build", "-o", exe, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pid := start(t, exe).pid
	target := attach(t, pid)
	if err := target.AllowStop(time.Minute); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		ok := target.hold(func() {
			if s := allStates(t, pid); strings.Trim(s, "tXZ") != "" {
				t.Errorf("threads of a held process: got states %s", s)
			}
		})
		if !ok {
			t.Fatal(target.Notes())
		}
	}
	t.Log(target.Stops())
	eventually(t, "running", func() bool { return !strings.Contains(allStates(t, pid), "t") })
}

// TestHoldGone stops a process that has ended.
func TestHoldGone(t *testing.T) {
	s := begin(t, exec.Command(build(t, "", nil)))
	target := attach(t, s.pid)
	if err := target.AllowStop(time.Second); err != nil {
		t.Fatal(err)
	}
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	if target.hold(func() {}) || len(target.Notes()) != 1 {
		t.Errorf("a process that is gone was stopped: %q", target.Notes())
	}

	// It is killed while it is held: that is for its parent to see.
	s = begin(t, exec.Command(build(t, "", nil)))
	defer s.in.Close()
	target = attach(t, s.pid)
	if err := target.AllowStop(time.Minute); err != nil {
		t.Fatal(err)
	}
	target.hold(func() {
		s.cmd.Process.Kill()
		eventually(t, "killed", gone(s.pid))
	})
	if _, err := Attach(s.pid, ""); err == nil || !strings.Contains(err.Error(), "zombie") {
		t.Errorf("a zombie: got %v", err)
	}
	exit := new(exec.ExitError)
	if err := s.cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the parent of a process that was killed while it was held: got %v", err)
	}
	self, err := Attach(os.Getpid(), "")
	if err == nil {
		err = self.AllowStop(time.Second)
	}
	if err == nil {
		t.Error("a process stops itself")
	}
}

// TestStopElsewhere follows the stack of a goroutine that runs in a PID
// namespace of its own, as in a container: its threads know themselves by other
// ids than we do.
func TestStopElsewhere(t *testing.T) {
	cmd := exec.Command(buildIn(t, "stacks", "", nil), "spin")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); errors.Is(err, syscall.EPERM) {
		t.Skipf("no PID namespace: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	}()
	if _, err := bufio.NewReader(out).ReadBytes('\n'); err != nil {
		t.Fatal(err)
	}
	target := attach(t, cmd.Process.Pid)
	if err := target.AllowStop(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	c := census(t, target)
	if !slices.ContainsFunc(c.Groups, func(g Group) bool { return g.Owner == "main.spinning: m" && g.Entries == 26 }) || c.Stacks.Running > 0 {
		t.Errorf("main.spinning: m, on the stack of a goroutine that runs, is not found: %v, %v", c.Stacks, c.Stops)
	}
}
