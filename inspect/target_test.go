package inspect

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ghostread/ghostread/internal/inspecttest"
)

// releases are those whose programs are looked at, oldest first: classic maps
// up to 1.23, Swiss maps after that.
var releases = []string{"1.20.14", "1.21.13", "1.22.12", "1.23.12", "1.24.13", "1.25.7", "", "1.27.4"}

// minor returns the second number of a release; "" is the one of this test.
func minor(t *testing.T, release string) int {
	t.Helper()
	if release == "" {
		release = strings.TrimPrefix(runtime.Version(), "go")
	}
	n, err := strconv.Atoi(strings.Split(release, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// variant is how a program is built.
type variant struct {
	name, release string // "" is the release of this test
	env, flags    []string
	strip         string // flags of the linker, or "strip" for the program of that name
}

// variants returns one for each of releases, and more.
func variants(more ...variant) (list []variant) {
	for _, r := range releases {
		list = append(list, variant{name: "go" + r, release: r})
	}
	return append(list, more...)
}

// noswissmap has classic maps in the last release that can have either.
var noswissmap = variant{name: "noswissmap", release: "1.24.13", env: []string{"GOEXPERIMENT=noswissmap"}}

// classic reports whether programs of a variant have classic maps.
func (v variant) classic(t *testing.T) bool {
	return minor(t, v.release) < 24 || v.name == noswissmap.name
}

// build builds the program in testdata/planted with a release of Go.
func build(t *testing.T, release string, env []string, flags ...string) string {
	t.Helper()
	return buildIn(t, "planted", release, env, flags...)
}

// buildIn builds a program in testdata.
func buildIn(t testing.TB, name, release string, env []string, flags ...string) string {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("processes are read on linux/amd64")
	}
	return inspecttest.Build(t, filepath.Join("testdata", name), release, env, flags...)
}

// subject is a program that runs to be looked at, until its input ends.
type subject struct {
	cmd   *exec.Cmd
	pid   int
	in    io.WriteCloser
	out   *bufio.Reader
	first []byte // line that it wrote
}

// begin runs a command and waits for its first line.
func begin(t testing.TB, cmd *exec.Cmd) *subject {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &subject{cmd: cmd, pid: cmd.Process.Pid, in: in, out: bufio.NewReader(out)}
	if s.first, err = s.out.ReadBytes('\n'); err != nil {
		s.end()
		t.Fatal(err)
	}
	return s
}

// end ends the program.
func (s *subject) end() error {
	s.in.Close()
	io.Copy(io.Discard, s.out)
	return s.cmd.Wait()
}

// says decodes the first line.
func (s *subject) says(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(s.first, v); err != nil {
		t.Fatalf("%v in %q", err, s.first)
	}
}

// start runs a program until the test ends.
func start(t testing.TB, exe string, args ...string) *subject {
	t.Helper()
	s := begin(t, exec.Command(exe, args...))
	t.Cleanup(func() {
		if err := s.end(); err != nil {
			t.Errorf("the program ended with %v", err)
		}
	})
	return s
}

// startAborting runs a command in dir that writes a core file there when it is
// sent SIGABRT. It is killed when the test ends.
func startAborting(t *testing.T, dir, command string) *subject {
	t.Helper()
	cmd := exec.Command("sh", "-c", "ulimit -c unlimited; exec "+command)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOTRACEBACK=crash")
	s := begin(t, cmd)
	t.Cleanup(func() {
		cmd.Process.Kill()
		s.end()
	})
	return s
}

// abort has a program write a core file, and returns its path, "" if there is
// none. pattern is the name that it is expected to have.
func (s *subject) abort(t *testing.T, pattern string) string {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, s.out) // its input stays open, so that it does not end by itself
	s.cmd.Wait()
	s.in.Close()
	if list, _ := filepath.Glob(filepath.Join(s.cmd.Dir, pattern)); len(list) == 1 {
		return list[0]
	}
	t.Logf("no core was written: %v", s.cmd.ProcessState)
	return ""
}

// attach opens a process, with another executable than its own if one is given.
func attach(t testing.TB, pid int, exe ...string) *Target {
	t.Helper()
	target, err := Attach(pid, strings.Join(exe, ""))
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// run runs a program until the test ends, and opens it.
func run(t testing.TB, exe string, args ...string) *Target {
	t.Helper()
	return attach(t, start(t, exe, args...).pid)
}

// walked has all maps of a target.
func walked(t *testing.T, target *Target) *walk {
	t.Helper()
	w, err := target.walk()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// census counts all maps.
func census(t *testing.T, target *Target) *Census {
	t.Helper()
	c, err := target.Census()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// of returns the maps of one owner and type, nil if there are none.
func (c *Census) of(owner, typ string) *Group {
	for i := range c.Groups {
		if g := &c.Groups[i]; g.Owner == owner && g.Type == typ {
			return g
		}
	}
	return nil
}

// check looks for maps that a program has planted.
func (c *Census) check(t *testing.T, owner, typ string, maps, entries int) {
	t.Helper()
	switch g := c.of(owner, typ); {
	case g == nil:
		t.Errorf("%s %s is not found", owner, typ)
	case g.Maps != maps || g.Entries != uint64(entries):
		t.Errorf("%s: got %d maps with %d entries, want %d with %d", owner, g.Maps, g.Entries, maps, entries)
	}
}

// logOnFailure lists all maps if the test has failed.
func (c *Census) logOnFailure(t *testing.T) {
	t.Helper()
	if !t.Failed() {
		return
	}
	for _, g := range c.Groups {
		t.Logf("%s  %s: %d maps, %d entries", g.Owner, g.Type, g.Maps, g.Entries)
	}
	t.Log(c.Lost, c.Stacks)
}
