package explore

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/explore/wire"
	"github.com/ghostread/ghostread/internal/procgroup"
)

// Program is a test binary that was built with [Patch], and how it is run.
type Program struct {
	Path    string   // of the binary
	Oracle  bool     // it was built with [OraclePatch]
	Package string   // import path
	Dir     string   // where its tests expect to run
	Env     []string // in addition to the environment
	Engine  string   // names the patched release it was built with
	Release string   // that it was built with, like go1.26.8
	Tags    []string // that it was built with, besides those of GOFLAGS
}

// process is a run of a Program on a job, while it lasts and afterwards.
type process struct {
	job    *wire.Job
	dir    string   // holds the job file and the shared file
	shared *os.File // open until close
	stderr tail
	state  *os.ProcessState
	killed string // why we ended it, if we did
	pid    int
	usage  usage         // at the last look; this and stolen belong to watch
	stolen time.Duration // see steal
}

const (
	eventBytes = int(unsafe.Sizeof(event.Event{}))

	// parallel is how many tests that call t.Parallel run at a time: enough for
	// them to meet, whatever machine this is.
	parallel = "8"

	// stuckAfter is added to the time limit of an execution before a process
	// that makes no progress is ended: the limit is enforced inside, this is
	// for a process that cannot any more.
	stuckAfter = 5 * time.Second
)

// run runs p on job and calls record for each record it sends, from the
// calling goroutine, until the process has ended; and tick, which may be nil,
// now and then, from another one. The caller must close what it returns. An
// error means that the process could not be run at all.
func (p Program) run(ctx context.Context, job *wire.Job, tick func(wire.Header), record func(wire.Record) error) (_ *process, err error) {
	dir, err := os.MkdirTemp("", "ghostread-")
	if err != nil {
		return nil, err
	}
	r := &process{job: job, dir: dir}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	job.Shared = filepath.Join(dir, "shared")
	if r.shared, err = os.Create(job.Shared); err != nil {
		return nil, err
	}
	if err := r.shared.Truncate(job.SharedBytes(eventBytes)); err != nil {
		return nil, err
	}
	jobFile := filepath.Join(dir, "job")
	if err := os.WriteFile(jobFile, job.Encode(), 0o600); err != nil {
		return nil, err
	}
	in, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := exec.CommandContext(ctx, p.Path, "-test.run=^$", "-test.timeout=0", "-test.paniconexit0", "-test.parallel="+parallel, "-test.short="+strconv.FormatBool(job.Short))
	cmd.Dir = p.Dir
	cmd.Env = append(os.Environ(), p.Env...)
	cmd.Env = append(cmd.Env, wire.JobVariable+"="+jobFile, "PWD="+p.Dir, "GOTRACEBACK=single", "GOMAXPROCS=1")
	if p.Oracle {
		cmd.Env = append(cmd.Env, "GORACE=log_path="+job.OracleLog()+" history_size=7 suppress_equal_stacks=0 suppress_equal_addresses=0 exitcode=0 atexit_sleep_ms=0")
	}
	cmd.ExtraFiles = []*os.File{out} // becomes wire.ResultFD
	cmd.Stdout = io.Discard          // a pipe, as with go test: os.DevNull looks like a terminal to programs that ask
	cmd.Stderr = &r.stderr
	cmd.WaitDelay = time.Second
	procgroup.Own(cmd)
	err = cmd.Start()
	out.Close()
	if err != nil {
		return nil, fmt.Errorf("start test binary of %s: %w", p.Package, err)
	}
	r.pid = cmd.Process.Pid
	done := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { r.watch(done, cancel, tick) })
	// What the test leaves running may hold the pipe: reading it comes to an
	// end only when that has been ended too (TestProcessLeavesNobody).
	waited := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		procgroup.Kill(cmd)
		waited <- err
	}()
	readErr := r.read(in, record)
	if readErr != nil {
		cancel(readErr)
	}
	in.Close()
	waitErr := <-waited
	close(done)
	watch.Wait()
	r.state = cmd.ProcessState
	if readErr != nil {
		return nil, readErr
	}
	if cause := context.Cause(ctx); cause != nil {
		var s stuckError
		if errors.As(cause, &s) {
			r.killed = s.Error()
		} else {
			return nil, cause
		}
	}
	var exit *exec.ExitError
	if waitErr != nil && !errors.As(waitErr, &exit) && !errors.Is(waitErr, exec.ErrWaitDelay) {
		return nil, fmt.Errorf("test binary of %s: %w", p.Package, waitErr)
	}
	return r, nil
}

// read calls record for each line of in.
func (r *process) read(in io.Reader, record func(wire.Record) error) error {
	lines := bufio.NewReaderSize(in, 1<<16)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF || errors.Is(err, os.ErrClosed) {
			return nil // a line without its end was cut off by the end of the process
		}
		if err != nil {
			return fmt.Errorf("read from test binary: %w", err)
		}
		rec, err := wire.Parse(line)
		if err != nil {
			return fmt.Errorf("from test binary: %w", err)
		}
		if rec.Kind == "error" {
			return fmt.Errorf("test binary: %s", rec.Get("why"))
		}
		if err := record(rec); err != nil {
			return err
		}
	}
}

type stuckError struct{ d time.Duration }

func (e stuckError) Error() string {
	return fmt.Sprintf("no scheduling point for %v", e.d.Round(time.Second))
}

// watch ends the process if it makes no progress inside an execution.
func (r *process) watch(done <-chan struct{}, cancel context.CancelCauseFunc, tick func(wire.Header)) {
	if r.job.Mode == wire.Symbols {
		return
	}
	limit := time.Duration(r.job.MaxTime) + stuckAfter
	every := time.NewTicker(200 * time.Millisecond)
	defer every.Stop()
	var last wire.Header
	since, stolen := time.Now(), time.Duration(0)
	for {
		select {
		case <-done:
			return
		case <-every.C:
		}
		r.steal()
		h := r.header()
		if tick != nil {
			tick(h)
		}
		if h.State != 1 || h.Execution != last.Execution {
			last, since, stolen = h, time.Now(), time.Duration(h.Stolen)
			continue
		}
		if d := time.Since(since) - (time.Duration(h.Stolen) - stolen); d > limit {
			cancel(stuckError{d})
			return
		}
	}
}

// steal tells the process how long it has waited for a CPU that others had: a
// limit of time shall not depend on what else the machine does. It is no more
// than the time in which no thread of the process ran. Without scheduler
// statistics in /proc nothing is stolen.
func (r *process) steal() {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", r.pid))
	now := usage{at: time.Now()}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		if f := strings.Fields(string(text)); len(f) == 3 {
			ran, _ := strconv.ParseInt(f[0], 10, 64)
			waited, _ := strconv.ParseInt(f[1], 10, 64)
			now.ran += time.Duration(ran)
			now.waited += time.Duration(waited)
		}
	}
	last := r.usage
	r.usage = now
	if last.at.IsZero() {
		return
	}
	idle := now.at.Sub(last.at) - (now.ran - last.ran)
	if d := min(now.waited-last.waited, idle); d > 0 {
		r.stolen += d
		b := binary.NativeEndian.AppendUint64(nil, uint64(r.stolen))
		_, _ = r.shared.WriteAt(b, int64(unsafe.Offsetof(wire.Header{}.Stolen))) // best effort
	}
}

// usage is what the threads of a process have had of the CPUs.
type usage struct {
	at          time.Time
	ran, waited time.Duration
}

// header reads the head of the shared file. It may be called while the
// process runs; the fields then are of slightly different moments.
func (r *process) header() (h wire.Header) {
	b := unsafe.Slice((*byte)(unsafe.Pointer(&h)), unsafe.Sizeof(h))
	if n, err := r.shared.ReadAt(b, 0); err != nil || n != len(b) || h.Magic != wire.Magic {
		return wire.Header{}
	}
	return h
}

// decisions reads the decisions of the execution that ran last.
func (r *process) decisions() ([]int32, error) {
	n := min(int(r.header().Decisions), r.job.MaxDecisions)
	return readArray[int32](r.shared, wire.HeaderBytes, n)
}

// log reads the events and captured stacks of a replay.
func (r *process) log() (events []event.Event, words []uint64, err error) {
	h := r.header()
	at := int64(wire.HeaderBytes) + 4*int64(r.job.MaxDecisions)
	events, err = readArray[event.Event](r.shared, at, min(int(h.Events), r.job.MaxEvents))
	if err != nil {
		return nil, nil, err
	}
	at += int64(r.job.MaxEvents) * int64(eventBytes)
	words, err = readArray[uint64](r.shared, at, min(int(h.Words), r.job.MaxWords))
	return events, words, err
}

// readArray reads n elements of fixed layout at offset at.
func readArray[T any](f *os.File, at int64, n int) ([]T, error) {
	if n == 0 {
		return nil, nil
	}
	list := make([]T, n)
	b := unsafe.Slice((*byte)(unsafe.Pointer(&list[0])), n*int(unsafe.Sizeof(list[0])))
	if _, err := f.ReadAt(b, at); err != nil {
		return nil, fmt.Errorf("read execution log: %w", err)
	}
	return list, nil
}

func (r *process) close() {
	if r.shared != nil {
		r.shared.Close()
	}
	os.RemoveAll(r.dir)
}

// crash is how a process died inside an execution.
type crash struct {
	message string // "panic: ..." or "fatal error: ..."
	text    string // from there on
}

// crashStarts are how lines begin with which the runtime ends a program.
var crashStarts = []string{"panic: ", "fatal error: ", "runtime: goroutine stack exceeds", "SIGSEGV", "unexpected fault address"}

// crashed returns what the process said when it died, if it did.
func (r *process) crashed() (crash, bool) {
	if r.killed != "" || r.state.Success() {
		return crash{}, false
	}
	// The last words count, and lines that lead up to them: the program may
	// have printed the panics of others before.
	text := r.stderr.String()
	at := -1
	for _, start := range crashStarts {
		at = max(at, strings.LastIndex("\n"+text, "\n"+start))
	}
	if at < 0 {
		return crash{}, false
	}
	for lines := text[:at]; lines != ""; {
		i := strings.LastIndexByte(lines[:len(lines)-1], '\n') + 1
		line := lines[i:]
		lines = lines[:i]
		if line == "\n" {
			break
		}
		if slices.ContainsFunc(crashStarts, func(start string) bool { return strings.HasPrefix(line, start) }) {
			at = i
		}
	}
	text = text[at:]
	message, _, _ := strings.Cut(text, "\n\n")
	message, _, _ = strings.Cut(message, "\ngoroutine ")
	return crash{strings.TrimSpace(message), text}, true
}

// tail keeps the last part of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailBytes = 256 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if len(t.buf) > 2*tailBytes {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-tailBytes:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}
