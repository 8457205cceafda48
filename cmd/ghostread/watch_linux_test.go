package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/ghostread/ghostread/internal/inspecttest"
)

// terminal returns both ends of a new terminal of the given size.
func terminal(t *testing.T, width, height uint16) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal can be had here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	resize(t, master, width, height)
	return master, slave
}

func resize(t *testing.T, master *os.File, width, height uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height}); err != nil {
		t.Fatal(err)
	}
}

// TestWatchTerminal watches a map on a terminal that is made smaller, types
// Ctrl-C, and finds the terminal as it was.
func TestWatchTerminal(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("processes are read on linux/amd64")
	}
	dir := t.TempDir()
	exe := inspecttest.Build(t, "../../inspect/testdata/planted", "", nil)
	target := exec.CommandContext(t.Context(), exe)
	in, err := target.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	ready, err := target.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Start(); err != nil {
		t.Fatal(err)
	}
	defer target.Wait()
	defer in.Close()
	if _, err := ready.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ghostread := filepath.Join(dir, "ghostread")
	if err := os.Symlink(self, ghostread); err != nil {
		t.Fatal(err)
	}
	master, slave := terminal(t, 80, 24)
	before, err := term.GetState(int(slave.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), ghostread, "inspect", strconv.Itoa(target.Process.Pid), "main.large", "--watch", "--interval", "20ms")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.Env = append(os.Environ(), "TERM=xterm")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	until := func(text string) {
		t.Helper()
		from := got.Len()
		for !strings.Contains(got.String()[from:], text) {
			b := make([]byte, 4096)
			n, err := master.Read(b)
			if got.Write(b[:n]); err != nil {
				t.Fatalf("%v before %q was shown; shown was %q", err, text, got.String())
			}
		}
	}
	until("50,000")
	until("look 3,")
	const cut = "main.large  map[uint64]uint64\x1b[0m\x1b[K" // no room for the process next to it
	resize(t, master, 40, 10)
	until(cut)
	from := got.Len()
	until("look ")
	until("look ")
	for _, frame := range strings.Split(got.String()[from:], "\x1b[H") {
		if n := strings.Count(frame, "\n"); n > 9 {
			t.Errorf("a frame of %d lines on a terminal with 10: %q", n+1, frame)
		}
	}
	if _, err := master.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	until("grown 0 times")
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C it ends with %v, want status 0", err)
	}
	text := got.String()
	for _, pair := range [][2]string{{"\x1b[?1049h", "\x1b[?1049l"}, {"\x1b[?25l", "\x1b[?25h"}, {"\x1b[?7l", "\x1b[?7h"}} {
		if on, off := strings.LastIndex(text, pair[0]), strings.LastIndex(text, pair[1]); on < 0 || off < on || !strings.Contains(text[off:], "main.large: 50,000 entries") {
			t.Errorf("%q at %d, %q at %d: want the second last, and the summary behind it", pair[0], on, pair[1], off)
		}
	}
	if after, err := term.GetState(int(slave.Fd())); err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the terminal has other settings than before: %v, %v", after, err)
	}
}
