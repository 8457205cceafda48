package lab

import (
	"bytes"
	"context"
	"os/exec"
	"sync"
	"time"

	"github.com/ghostread/ghostread/internal/procgroup"
)

// maxOutput bounds what is kept of a child's output; the rest is dropped.
const maxOutput = 4 << 20

// child is how a child process ended.
type child struct {
	output  []byte // stdout and stderr together
	status  int    // exit status, -1 when a signal ended it
	timeout bool
	err     error // it could not be started
}

// runChild runs a command as a process group of its own, so that whatever it
// starts ends with it, and kills it all when ctx ends.
func runChild(ctx context.Context, dir string, env []string, name string, args ...string) child {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	out := &limited{}
	cmd.Stdout, cmd.Stderr = out, out
	procgroup.Own(cmd)
	cmd.WaitDelay = 2 * time.Second // what left the group may hold the pipes
	err := cmd.Run()
	c := child{output: out.bytes(), timeout: ctx.Err() != nil}
	if cmd.ProcessState == nil {
		c.err = err
		return c
	}
	procgroup.Kill(cmd)
	c.status = cmd.ProcessState.ExitCode()
	return c
}

// limited keeps the first maxOutput bytes that are written to it.
type limited struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *limited) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if room := maxOutput - l.buf.Len(); room > 0 {
		l.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (l *limited) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Bytes()
}
