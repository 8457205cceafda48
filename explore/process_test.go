package explore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/explore/wire"
)

// The test binary plays the program under test: started with a job and with
// fakeVariable it does what that says instead of running tests.
const fakeVariable = "GHOSTREAD_FAKE"

func TestMain(m *testing.M) {
	if what := os.Getenv(fakeVariable); what != "" && os.Getenv(wire.JobVariable) != "" {
		fake(what)
	}
	os.Exit(m.Run())
}

// fake behaves as a program under test may.
func fake(what string) {
	result := os.NewFile(wire.ResultFD, "result")
	what, arg, _ := strings.Cut(what, " ")
	text, err := os.ReadFile(os.Getenv(wire.JobVariable))
	if err != nil {
		panic(err)
	}
	job, err := wire.DecodeJob(string(text))
	if err != nil {
		panic(err)
	}
	switch what {
	case "send": // a text, and no more
		fmt.Fprint(result, arg)
	case "send-and-stay":
		fmt.Fprint(result, arg)
		time.Sleep(time.Hour)
	case "exit":
		code, _ := strconv.Atoi(arg)
		os.Exit(code)
	case "kill":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "panic":
		panic(arg)
	case "flood": // megabytes, and then a panic
		n, _ := strconv.Atoi(arg)
		line := strings.Repeat("x", 99) + "\n"
		for range n << 20 / len(line) {
			io.WriteString(os.Stderr, line)
		}
		panic("after the flood")
	case "stuck": // in the middle of an execution
		h := wire.Header{Magic: wire.Magic, State: 1, Execution: 7}
		f, err := os.OpenFile(job.Shared, os.O_RDWR, 0)
		if err != nil {
			panic(err)
		}
		f.WriteAt(unsafe.Slice((*byte)(unsafe.Pointer(&h)), unsafe.Sizeof(h)), 0)
		time.Sleep(time.Hour)
	case "daemon": // leaves a process behind that holds everything open
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), fakeVariable+"=sleep")
		cmd.Stderr = os.Stderr
		cmd.ExtraFiles = []*os.File{result}
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		fmt.Fprint(result, string(wire.Record{Kind: "child"}.Int("pid", int64(cmd.Process.Pid)).Append(nil)))
	case "sleep":
		time.Sleep(time.Hour)
	default:
		panic("unknown behaviour " + what)
	}
	os.Exit(0)
}

// fakeProgram is this binary with a behaviour.
func fakeProgram(t *testing.T, what string) Program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Program{Path: self, Package: "example.com/fake", Dir: t.TempDir(), Env: []string{fakeVariable + "=" + what}}
}

// start runs p and returns the kinds of the records that it sent. What stays
// of the run is closed when the test ends.
func start(t *testing.T, ctx context.Context, p Program) (*process, []string, error) {
	t.Helper()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	var kinds []string
	job := &wire.Job{Mode: wire.Search, Test: "TestX", MaxTime: int64(time.Millisecond), MaxDecisions: 10}
	r, err := p.run(ctx, job, nil, func(r wire.Record) error {
		kinds = append(kinds, r.Kind)
		if r.Kind == "refuse" {
			return errRefused
		}
		return nil
	})
	if err == nil {
		r.close()
	}
	left, globErr := filepath.Glob(filepath.Join(temp, "*"))
	if globErr != nil || len(left) > 0 {
		t.Errorf("the run leaves %q behind (%v), want nothing", left, globErr)
	}
	return r, kinds, err
}

var errRefused = errors.New("refused")

func TestProcessEnds(t *testing.T) {
	tests := []struct {
		name, what string
		kinds      []string
		status     string // of the process
		crash      string // the message
	}{
		{"well", "send one\ntwo a=\"1\"\n", []string{"one", "two"}, "exit status 0", ""},
		{"in the middle of a line", "send one\ntwo a=\"", []string{"one"}, "exit status 0", ""},
		{"without a word", "send", nil, "exit status 0", ""},
		{"by os.Exit", "exit 3", nil, "exit status 3", ""},
		{"by a signal", "kill", nil, "signal: killed", ""},
		{"by a panic", "panic oh no", nil, "exit status 2", "panic: oh no"},
		{"by a panic after megabytes of output", "flood 5", nil, "exit status 2", "panic: after the flood"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, kinds, err := start(t, t.Context(), fakeProgram(t, tt.what))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.kinds, kinds); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			if got := r.state.String(); got != tt.status {
				t.Errorf("process state: got %s, want %s", got, tt.status)
			}
			c, ok := r.crashed()
			if c.message != tt.crash || ok != (tt.crash != "") {
				t.Errorf("crashed: got %q and %t, want %q", c.message, ok, tt.crash)
			}
			if n := len(r.stderr.String()); n > 2*tailBytes {
				t.Errorf("%d bytes of the program's output are kept, want %d at most", n, 2*tailBytes)
			}
		})
	}
}

// A program that does not keep to the protocol is stopped: it is not the test
// that is wrong then.
func TestProcessErrors(t *testing.T) {
	notExecutable := fakeProgram(t, "exit 0")
	notExecutable.Path = filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(notExecutable.Path, []byte("data"), 0o666); err != nil {
		t.Fatal(err)
	}
	missing := fakeProgram(t, "exit 0")
	missing.Path += ".none"
	nowhere := fakeProgram(t, "exit 0")
	nowhere.Dir += ".none"
	tests := []struct {
		name    string
		program Program
		want    string
	}{
		{"is missing", missing, "start test binary of example.com/fake: "},
		{"cannot be executed", notExecutable, "start test binary of example.com/fake: "},
		{"has no directory", nowhere, "start test binary of example.com/fake: "},
		{"sends garbage", fakeProgram(t, "send-and-stay hello, world\n"), "from test binary: \"hello, world\": bad at offset"},
		{"sends another line's end", fakeProgram(t, "send-and-stay \n"), "from test binary: \"\": bad at offset 0"},
		{"complains", fakeProgram(t, "send-and-stay error why=\"no such test\"\n"), "test binary: no such test"},
		{"sends what the caller refuses", fakeProgram(t, "send-and-stay refuse\n"), "refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := start(t, t.Context(), tt.program)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("run: got error %v, want %s", err, tt.want)
			}
		})
	}
}

// A process that makes no progress inside an execution is ended, and that is
// no crash.
func TestProcessStuck(t *testing.T) {
	r, _, err := start(t, t.Context(), fakeProgram(t, "stuck"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(r.killed, "no scheduling point for") {
		t.Errorf("killed: got %q, want why", r.killed)
	}
	if c, ok := r.crashed(); ok {
		t.Errorf("crashed: got %+v, want none: we ended it", c)
	}
}

func TestProcessCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := fakeProgram(t, "send-and-stay refuse-not\n")
	job := &wire.Job{Mode: wire.Search, MaxDecisions: 10}
	_, err := p.run(ctx, job, nil, func(wire.Record) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("run: got error %v, want that of the context", err)
	}
}

// What the test starts ends with the test's process, also when it holds the
// pipe that records come through.
func TestProcessLeavesNobody(t *testing.T) {
	p := fakeProgram(t, "daemon")
	pid := 0
	job := &wire.Job{Mode: wire.Search, MaxDecisions: 10}
	r, err := p.run(t.Context(), job, nil, func(r wire.Record) error { pid = int(r.GetInt("pid")); return nil })
	if err != nil {
		t.Fatal(err)
	}
	r.close()
	if pid == 0 {
		t.Fatal("the program did not say whom it started")
	}
	// Whoever inherits the orphan may take its time to bury it.
	for state := "?"; ; state = stateOf(pid) {
		if state == "Z" || state == "" {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("process %d still lives", pid)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stateOf is the letter that the kernel has for the state of a process, "" if
// it is gone.
func stateOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return rest[:1]
}
