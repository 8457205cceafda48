package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/hunt"
)

func TestOutput(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "report.html")
	write := func(text string, keep bool) {
		t.Helper()
		f, err := create(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.abandon()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if keep {
			if err := f.keep(); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := func(text string, mode os.FileMode) {
		t.Helper()
		got, err := os.ReadFile(name)
		if err != nil || string(got) != text {
			t.Errorf("%s: got %q and %v, want %q", name, got, err, text)
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: got %v and %v, want mode %v", name, info.Mode(), err, mode)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("directory: got %v and %v, want the file alone", left, err)
		}
	}
	write("first", true)
	want("first", 0o644)
	write("second", false)
	want("first", 0o644)
	if err := os.Chmod(name, 0o600); err != nil {
		t.Fatal(err)
	}
	write("third", true)
	want("third", 0o600)
}

// A device is written to; the name must not become that of a file.
func TestOutputToDevice(t *testing.T) {
	f, err := create(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("gone"); err != nil {
		t.Error(err)
	}
	if err := f.keep(); err != nil {
		t.Error(err)
	}
	f.abandon()
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Errorf("%s: got %v and %v, want a device", os.DevNull, info, err)
	}
}

func TestOutputThroughLink(t *testing.T) {
	dir := t.TempDir()
	link, target := filepath.Join(dir, "link"), filepath.Join(t.TempDir(), "target")
	if err := os.WriteFile(target, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	f, err := create(link)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("new"); err != nil {
		t.Fatal(err)
	}
	if err := f.keep(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(target); err != nil || string(got) != "new" {
		t.Errorf("target of the link: got %q and %v, want what was written", got, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link: got %v and %v, want that it stays one", info, err)
	}
}

func TestOutputNowhere(t *testing.T) {
	name := filepath.Join(t.TempDir(), "none", "out.json")
	_, err := create(name)
	if err == nil || !strings.Contains(err.Error(), name+": no such file or directory") {
		t.Errorf("create: got error %v, want one that names %s", err, name)
	}
}

// TestWatcher draws on a terminal of 40 columns.
func TestWatcher(t *testing.T) {
	var b strings.Builder
	w := &watcher{line: &statusLine{w: &b, width: func() int { return 40 }}}
	w.Progress(hunt.Progress{Stage: "building example.com/a/very/long/import/path"})
	w.Progress(hunt.Progress{Tests: 1, Executions: 1, Elapsed: time.Second, Left: time.Minute, Findings: 1})
	w.Progress(hunt.Progress{Tests: 1, Executions: 2, Elapsed: time.Second}) // too soon after the last
	w.Finding(finding.Finding{})
	w.Progress(hunt.Progress{Tests: 2, Executions: 5000, Elapsed: 2 * time.Second})
	w.interrupted()
	w.clear()
	want := "\r0 found, building example.com/a/very/l…\x1b[K" +
		"\r1 found, 1 test, 1 execution (1/s), 1m…\x1b[K" +
		"\r\x1b[K" +
		"\r0 found, 2 tests, 5000 executions (250…\x1b[K" +
		"\r\x1b[Kinterrupted: finishing; interrupt again to end at once\n"
	if b.String() != want {
		t.Errorf("terminal: got\n%q, want\n%q", &b, want)
	}
}

// Without a terminal each stage is a line, and nothing else is written.
func TestWatcherWithoutTerminal(t *testing.T) {
	var b strings.Builder
	w := newWatcher(&b)
	for _, stage := range []string{"preparing go1.26.8", "building a", "building a", "building b", ""} {
		w.Progress(hunt.Progress{Stage: stage, Executions: 5})
	}
	w.clear()
	if want := "preparing go1.26.8\nbuilding a\nbuilding b\n"; b.String() != want {
		t.Errorf("stderr: got %q, want %q", &b, want)
	}
}
