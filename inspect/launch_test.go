//go:build unix

package inspect

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// helper names what a copy of this test binary does instead of testing, in a
// process of its own, which is then killed.
const helper = "GHOSTREAD_TEST_HELPER"

func TestMain(m *testing.M) {
	if what, arg, ok := strings.Cut(os.Getenv(helper), " "); ok {
		time.AfterFunc(time.Minute, func() { os.Exit(2) }) // if nobody kills it
		helpers[what](arg)
		return
	}
	m.Run()
}

var helpers = map[string]func(arg string){
	"launch": func(exe string) {
		l := Launch{Path: exe, Output: new(bytes.Buffer), When: regexp.MustCompile("Plants")}
		target, err := l.Start(context.Background())
		if err != nil {
			panic(err)
		}
		fmt.Println("is", target.child.cmd.Process.Pid)
		select {}
	},
}

// help starts a helper and returns it and the number that it prints.
func help(t *testing.T, what, arg string) (*exec.Cmd, int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helper+"="+what+" "+arg)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for s := bufio.NewScanner(out); s.Scan(); {
		if _, text, ok := strings.Cut(s.Text(), "is "); ok {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			return cmd, n
		}
	}
	t.Fatalf("the helper for %s ended", what)
	return nil, 0
}

// state returns the letter of proc(5) for a process, "" if there is none.
func state(pid int) string {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return rest[:1]
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 3000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("after half a minute: not %s", what)
}

func gone(pid int) func() bool {
	return func() bool { s := state(pid); return s == "" || s == "Z" }
}

// TestLaunch starts programs: they are looked at, and end with us.
func TestLaunch(t *testing.T) {
	exe := build(t, "", nil)
	var out bytes.Buffer
	l := Launch{Path: exe, Output: &out, When: regexp.MustCompile(`"Plants":.*`)}
	target, err := l.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := target.Census()
	if err != nil || c.Total.Maps < 70 {
		t.Errorf("census of a program that was started: got %v, %v", c, err)
	}
	pid := target.child.cmd.Process.Pid
	if err := target.Close(); err != nil || state(pid) != "" || target.child.cmd.ProcessState.String() != "signal: terminated" {
		t.Errorf("after Close: %v, the program is in state %q, %v", err, state(pid), target.child.cmd.ProcessState)
	}
	if target.Close() != nil || !strings.Contains(out.String(), "main.shrunk") {
		t.Errorf("output: got %q", out.String())
	}

	script := func(text string) string {
		path := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct {
		name string
		l    Launch
		want string
	}{
		{"ends early", Launch{Path: script("exit 7"), After: time.Hour}, "before it was looked at: exit status 7"},
		{"ends before it is ready", Launch{Path: exe, Stdin: strings.NewReader(""), When: regexp.MustCompile("never")}, "before it was looked at: exit status 0"},
		{"is not there", Launch{Path: filepath.Join(t.TempDir(), "none")}, "no such file"},
		{"waits for the output of one that is left", Launch{Path: exe, When: regexp.MustCompile("x"), Leave: true}, "end with us"},
	} {
		tt.l.Output = new(bytes.Buffer)
		if _, err := tt.l.Start(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("a program that %s: got %v, want %q", tt.name, err, tt.want)
		}
	}

	// What is not Go is ended, with what it has started.
	out.Reset()
	l = Launch{Path: script("sleep 1000 & echo $!; echo ready; wait"), Output: &out, When: regexp.MustCompile("^ready")}
	if _, err := l.Start(t.Context()); !errors.As(err, new(*gobinary.NotGoError)) {
		t.Errorf("a shell: got %v", err)
	}
	number, _, _ := strings.Cut(out.String(), "\n")
	if pid, err := strconv.Atoi(number); err != nil {
		t.Error(err)
	} else {
		eventually(t, "ended with the shell that started it", gone(pid))
	}

	ctx, cancel := context.WithCancel(t.Context())
	l = Launch{Path: exe, Output: writer(func([]byte) { cancel() }), After: time.Hour}
	if _, err := l.Start(ctx); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("an interrupted start: got %v", err)
	}

	// One that does not listen is killed.
	l = Launch{Path: script("trap '' TERM; echo ready; while :; do sleep 1000; done"), Output: new(bytes.Buffer)}
	cmd := exec.Command(l.Path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	deaf := &child{cmd: cmd, grace: 50 * time.Millisecond, ended: make(chan struct{})}
	if err := deaf.start(); err != nil {
		t.Fatal(err)
	}
	if deaf.Close(); state(cmd.Process.Pid) != "" {
		t.Errorf("a program that does not listen to SIGTERM goes on")
	}

	// We are killed.
	if runtime.GOOS == "linux" {
		us, pid := help(t, "launch", exe)
		us.Process.Kill()
		us.Wait()
		eventually(t, "ended with us", gone(pid))
	}
}

// writer calls a function for all that is written.
type writer func([]byte)

func (w writer) Write(b []byte) (int, error) {
	w(b)
	return len(b), nil
}

// TestMatcher cuts output anywhere.
func TestMatcher(t *testing.T) {
	text := "one\nlistening on :80\nthree\n"
	for cut := range text {
		m := &matcher{to: new(bytes.Buffer), want: regexp.MustCompile("^listening on :80$"), ready: make(chan struct{})}
		m.Write([]byte(text[:cut]))
		m.Write([]byte(text[cut:]))
		if !m.told || m.to.(*bytes.Buffer).String() != text {
			t.Errorf("cut at %d: told %t, passed on %q", cut, m.told, m.to)
		}
	}
	m := &matcher{to: new(bytes.Buffer), want: regexp.MustCompile("xy"), ready: make(chan struct{})}
	for range 3 {
		m.Write(bytes.Repeat([]byte("x"), maxLine))
	}
	if m.told || len(m.line) > maxLine {
		t.Errorf("a long line: told %t, kept %d bytes", m.told, len(m.line))
	}
}
