package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ghostread/ghostread/internal/cli"
)

const racyTest = `package store

import "testing"

func TestAdd(t *testing.T) {
	n := 0
	done := make(chan bool)
	go func() { n++; done <- true }()
	n++
	<-done
}
`

// TestInterrupt sends the signal of Ctrl-C to a hunt that would go on for ten
// minutes, since the strategy never has enough, as soon as it has shown a finding: it ends by itself, with the
// report and the summary of what it found, and takes its processes with it.
func TestInterrupt(t *testing.T) {
	if testing.Short() {
		t.Skip("builds tests on a patched Go release")
	}
	if runtime.GOOS != "linux" {
		t.Skip("explores on linux only")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/store\n\ngo 1.24\n", "store_test.go": racyTest} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ghostread := filepath.Join(t.TempDir(), "ghostread") // the name makes the test binary the command
	if err := os.Symlink(self, ghostread); err != nil {
		t.Fatal(err)
	}
	env := goEnv(t)
	cache := strings.TrimPrefix(env[len(env)-1], "XDG_CACHE_HOME=")

	cmd := exec.CommandContext(t.Context(), ghostread, "hunt", "--budget", "10m", "--execs", "0", "--strategy", "mix", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() || !strings.Contains(lines.Text(), "GR2001") {
		t.Errorf("first line: got %q, want a finding", lines.Text())
	}
	for len(below(t, cache)) == 0 { // between two slices there is none
		if err := t.Context().Err(); err != nil {
			t.Fatal("no process of the hunt is seen: the end of the test would show nothing")
		}
		time.Sleep(time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	err = cmd.Wait()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != cli.StatusFound {
		t.Errorf("hunt ends with %v, want status %d", err, cli.StatusFound)
	}
	for _, want := range []string{"interrupted: finishing", "note: interrupted: this is what was found until then", "1 finding in 1 test"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("stderr has no %q:\n%s", want, &stderr)
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "ghostread-report.html"))
	if err != nil || !bytes.Contains(page, []byte("GR2001")) {
		t.Errorf("HTML report: got %d bytes and %v, want the finding", len(page), err)
	}
	if left := below(t, cache); len(left) > 0 {
		t.Errorf("processes are left: %q", left)
	}
}

// below returns the command lines of processes that run binaries below dir.
func below(t *testing.T, dir string) (list []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err == nil && strings.HasPrefix(string(text), dir+string(filepath.Separator)) {
			list = append(list, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return list
}
