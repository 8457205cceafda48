package cost

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
)

// count steps through the operations of a job, in a process of its own, and returns
// the means of each kind.
func count(ctx context.Context, j Job) (map[string]Counts, error) {
	runtime.LockOSThread() // ptrace knows threads
	defer runtime.UnlockOSThread()
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p, err := os.StartProcess(exe, []string{exe}, &os.ProcAttr{
		Env:   append(os.Environ(), variable+"="+j.String(), "GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=2"),
		Files: []*os.File{nil, os.Stdout, os.Stderr},
		Sys:   &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return nil, fmt.Errorf("start %s under ptrace: %w", exe, err)
	}
	t := &tracer{pid: p.Pid, code: map[uint64]*instruction{}}
	defer func() {
		_ = p.Kill()
		for _, thread := range t.others { // the process is over when its threads are reaped
			_, _ = syscall.Wait4(thread, nil, syscall.WALL, nil)
		}
		_, _ = p.Wait()
	}()
	if err := t.wait(); err != nil {
		return nil, err
	}
	if err := t.run(); err != nil { // the map is filled
		return nil, err
	}
	if err := t.holdOthers(); err != nil {
		return nil, err
	}
	counts := map[string]Counts{}
	for _, name := range j.operations() {
		c, err := t.phase(ctx, j.Rounds, name == doubling)
		if err != nil {
			return nil, fmt.Errorf("count %v, %s: %w", j, name, err)
		}
		counts[name] = c
	}
	return counts, nil
}

// A tracer holds a thread.
type tracer struct {
	pid    int
	others []int // the other threads, which stand still
	code   map[uint64]*instruction
}

// phase counts one kind of operation. The first half of them shows which lines
// all of them use, and the second half counts, or both halves.
func (t *tracer) phase(ctx context.Context, rounds int, both bool) (Counts, error) {
	var always map[uint64]bool
	var all []Counts
	for range 2 {
		var followed []*operation
		if !both {
			all = nil
		}
		for range rounds {
			if ctx.Err() != nil {
				return Counts{}, context.Cause(ctx)
			}
			o := newOperation(always)
			switch disturbed, err := t.follow(o); {
			case err != nil:
				return Counts{}, err
			case !disturbed:
				followed = append(followed, o)
				all = append(all, o.end())
			}
		}
		always = inMost(followed)
	}
	if len(all) < rounds/4 {
		return Counts{}, fmt.Errorf("the scheduler disturbed %d of %d operations", rounds-len(all), rounds)
	}
	return mean(all), nil
}

// disturbs reports whether code runs because the runtime wants the goroutine to
// give way. The process runs the same executable.
func disturbs(pc uint64) bool {
	f := runtime.FuncForPC(uintptr(pc))
	if f == nil {
		return true // the return from a signal
	}
	switch f.Name() {
	case "runtime.morestack", "runtime.morestack_noctxt", "runtime.sigtramp", "runtime.asyncPreempt":
		return true
	}
	return false
}

// wait waits until the thread stops.
func (t *tracer) wait() error {
	for {
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(t.pid, &status, syscall.WALL, nil); err != nil {
			return err
		}
		switch {
		case status.Exited() || status.Signaled():
			return fmt.Errorf("the process ended (status %#x)", int(status))
		case status.Stopped() && status.StopSignal() == syscall.SIGTRAP:
			return nil
		case status.Stopped():
			// A signal that is none of ours goes to the process.
			if err := syscall.PtraceCont(t.pid, int(status.StopSignal())); err != nil {
				return err
			}
		}
	}
}

// follow lets the thread run to the next breakpoint and steps from there to the one
// after it. An operation that the scheduler disturbs is not followed to its end.
func (t *tracer) follow(o *operation) (disturbed bool, err error) {
	if err := t.run(); err != nil {
		return false, err
	}
	for last := uint64(0); ; {
		var regs syscall.PtraceRegs
		if err := syscall.PtraceGetRegs(t.pid, &regs); err != nil {
			return false, err
		}
		in := t.code[regs.Rip]
		if in == nil {
			var code [16]byte
			if _, err := syscall.PtracePeekText(t.pid, uintptr(regs.Rip), code[:]); err != nil {
				return false, err
			}
			in = decode(code[:])
			in.breakpoint = code[0] == 0xcc
			in.disturbs = disturbs(regs.Rip)
			t.code[regs.Rip] = in
		}
		if in.disturbs {
			return true, t.run()
		}
		if !in.breakpoint && regs.Rip != last { // a repeated one stops after each time
			o.step(in, &regs)
		}
		last = regs.Rip
		if err := syscall.PtraceSingleStep(t.pid); err != nil {
			return false, err
		}
		if err := t.wait(); err != nil || in.breakpoint {
			return false, err
		}
	}
}

// holdOthers stops the other threads of the process for good. One of them would
// want the goroutine to give way all the time, because stepping takes long.
func (t *tracer) holdOthers() error {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", t.pid))
	if err != nil {
		return err
	}
	for _, f := range threads {
		id, err := strconv.Atoi(f.Name())
		if err != nil || id == t.pid {
			continue
		}
		if err := syscall.PtraceAttach(id); err != nil {
			return fmt.Errorf("attach to thread %d: %w", id, err)
		}
		if _, err := syscall.Wait4(id, nil, syscall.WALL, nil); err != nil {
			return err
		}
		t.others = append(t.others, id)
	}
	return nil
}

// run lets the thread run to the next breakpoint.
func (t *tracer) run() error {
	if err := syscall.PtraceCont(t.pid, 0); err != nil {
		return err
	}
	return t.wait()
}
