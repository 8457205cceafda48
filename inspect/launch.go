package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"time"

	"github.com/ghostread/ghostread/internal/procgroup"
)

// Launch is a program that is started to be inspected.
type Launch struct {
	Path   string // of the executable; it is not looked for elsewhere
	Args   []string
	Stdin  io.Reader      // nil: it is open, and nothing comes; with Leave it is empty
	Output io.Writer      // what the program writes to standard output and standard error
	After  time.Duration  // how long it runs before it is looked at
	When   *regexp.Regexp // if not nil: it is looked at when a line of its output matches
	Leave  bool           // it goes on when the target is closed
}

// endGrace is how long a program has to end after SIGTERM.
const endGrace = 5 * time.Second

// child is a program that we started.
type child struct {
	cmd   *exec.Cmd
	leave bool
	grace time.Duration
	once  sync.Once
	ended chan struct{} // closed when it has ended; cmd.ProcessState is set then
}

// Start starts the program, waits until it is to be looked at, and attaches to
// it. Closing the target ends the program and what it has started in its
// process group: with SIGTERM, and after five seconds with SIGKILL. On Linux
// the program itself ends also if we are killed. If ctx ends while Start waits,
// the program is ended.
func (l *Launch) Start(ctx context.Context) (*Target, error) {
	path, err := filepath.Abs(l.Path)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, l.Args...)
	cmd.Stdout, cmd.Stderr = l.Output, l.Output
	cmd.WaitDelay = time.Second // for those who keep the output open
	ready := make(chan struct{})
	if l.When != nil {
		if l.Leave {
			return nil, errors.New("the output of a program that is left running cannot be waited for: it goes through us, and would end with us")
		}
		m := &matcher{to: l.Output, want: l.When, ready: ready}
		cmd.Stdout, cmd.Stderr = m, m
	}
	if cmd.Stdin = l.Stdin; l.Stdin == nil && !l.Leave {
		if _, err := cmd.StdinPipe(); err != nil { // closed by Wait
			return nil, err
		}
	}
	procgroup.Own(cmd)
	cmd.Cancel = nil // that is for commands with a context
	if !l.Leave {
		dieWithUs(cmd)
	}
	c := &child{cmd: cmd, leave: l.Leave, grace: endGrace, ended: make(chan struct{})}
	begin := time.Now()
	if err := c.start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", l.Path, err)
	}
	var after <-chan time.Time
	if l.When == nil {
		timer := time.NewTimer(l.After)
		defer timer.Stop()
		after = timer.C
	}
	select {
	case <-after:
	case <-ready:
	case <-ctx.Done():
		c.end()
		return nil, fmt.Errorf("interrupted: %s was ended before it was looked at", l.Path)
	case <-c.ended:
		return nil, l.early(c, begin)
	}
	t, err := Attach(cmd.Process.Pid, "")
	if err == nil {
		t.child = c
		return t, nil
	}
	select {
	case <-c.ended:
		return nil, l.early(c, begin)
	default:
		c.end()
		return nil, err
	}
}

// early says that a program ended too early.
func (l *Launch) early(c *child, begin time.Time) error {
	procgroup.Kill(c.cmd)
	return fmt.Errorf("%s ended after %v, before it was looked at: %v", l.Path, time.Since(begin).Round(time.Millisecond), c.cmd.ProcessState)
}

// start starts the program from a thread that lives as long as the program:
// the kernel takes the end of the thread for the end of the parent.
func (c *child) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			untilEnd(c.cmd.Process.Pid)
			_ = c.cmd.Wait() // ProcessState says it
			close(c.ended)
		}
	}()
	return <-started
}

// Close ends the program, unless it is to be left running.
func (c *child) Close() error {
	if !c.leave {
		c.end()
	}
	return nil
}

// end ends the program and what it has started.
func (c *child) end() {
	c.once.Do(func() {
		procgroup.Ask(c.cmd)
		timer := time.NewTimer(c.grace)
		defer timer.Stop()
		select {
		case <-c.ended:
		case <-timer.C:
		}
		procgroup.Kill(c.cmd)
		<-c.ended
	})
}

// matcher passes lines on and tells when one matches.
type matcher struct {
	lock  sync.Mutex
	to    io.Writer
	want  *regexp.Regexp
	line  []byte
	ready chan struct{}
	told  bool
}

// maxLine is how much of a line is looked at.
const maxLine = 1 << 16

func (m *matcher) Write(b []byte) (int, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	for rest := b; !m.told && len(rest) > 0; {
		line, more, whole := bytes.Cut(rest, []byte("\n"))
		m.line = append(m.line, line[:min(len(line), maxLine-len(m.line))]...)
		if m.want.Match(m.line) {
			m.told = true
			close(m.ready)
		}
		if rest = more; whole {
			m.line = m.line[:0]
		}
	}
	return m.to.Write(b)
}
