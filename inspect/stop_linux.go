package inspect

import (
	"cmp"
	"debug/elf"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stopped is one time that a process is stopped. All of ptrace is done by one
// thread, as the kernel wants it, that ends afterwards: whatever happens, the
// kernel detaches its tracees then, and they go on. PTRACE_SEIZE is used, so
// that no signal is sent and a process that was stopped before stays so.
type stopped struct {
	pid      int
	deadline time.Time
	ready    chan error
	end      chan struct{}
	done     chan time.Duration
	over     atomic.Bool // it goes on, or soon will
	regs     []registers
	regsErr  error
	signals  chan os.Signal
	list     []*tracee // of the thread's
}

// tracee is a thread of the process.
type tracee struct {
	id      int
	stopped bool
	signal  int // that it was about to get
}

func newStopped(pid int, budget time.Duration) *stopped {
	return &stopped{
		pid: pid, deadline: time.Now().Add(budget), ready: make(chan error), end: make(chan struct{}),
		done: make(chan time.Duration, 1), signals: make(chan os.Signal, 1),
	}
}

// stop stops all threads. release has to be called also if it returns an error.
func (s *stopped) stop() error {
	// On Ctrl-Z we would stand still while the process is stopped.
	signal.Notify(s.signals, unix.SIGTSTP)
	go s.thread()
	return <-s.ready
}

// release lets the process go on, and returns how long it was stopped.
func (s *stopped) release() time.Duration {
	close(s.end)
	took := <-s.done
	signal.Stop(s.signals)
	select {
	case <-s.signals:
		_ = unix.Kill(os.Getpid(), unix.SIGTSTP) // now
	default:
	}
	return took
}

// thread is what the tracing thread does.
func (s *stopped) thread() {
	runtime.LockOSThread() // and never unlock: the thread ends with this goroutine
	if unix.Gettid() == os.Getpid() {
		// The first thread cannot end. While it is taken, another one is found.
		other := make(chan struct{})
		go func() { defer close(other); s.thread() }()
		<-other
		runtime.UnlockOSThread()
		return
	}
	begin := time.Now()
	defer func() {
		s.over.Store(true)
		for _, t := range s.list {
			if t.stopped {
				_, _, _ = unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(t.id), 0, uintptr(t.signal), 0, 0)
			}
		}
		s.done <- time.Since(begin)
	}()
	err := s.stopAll()
	if err == nil {
		s.readRegisters()
	}
	s.ready <- err
	if err != nil {
		return
	}
	timer := time.NewTimer(time.Until(s.deadline))
	defer timer.Stop()
	select {
	case <-s.end:
	case <-timer.C:
	}
}

// stopAll stops thread after thread until there is no new one: only threads
// that run can start others.
func (s *stopped) stopAll() error {
	for {
		more, err := s.seize()
		if err != nil {
			return err
		}
		if !more {
			if len(s.list) == 0 {
				return errGone
			}
			return nil
		}
		if err := s.wait(); err != nil {
			return err
		}
	}
}

// seize traces the threads that are not traced yet.
func (s *stopped) seize() (more bool, err error) {
	names, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(s.pid), "task"))
	if err != nil {
		return false, errGone
	}
	for _, name := range names {
		id, err := strconv.Atoi(name.Name())
		if err != nil || slices.ContainsFunc(s.list, func(t *tracee) bool { return t.id == id }) || s.ended(id) {
			continue
		}
		switch err := unix.PtraceSeize(id); err {
		case nil:
		case unix.ESRCH:
			continue
		default:
			if s.ended(id) {
				continue
			}
			return false, refused(s.pid, err)
		}
		s.list, more = append(s.list, &tracee{id: id}), true
		if err := unix.PtraceInterrupt(id); err != nil && err != unix.ESRCH {
			return false, fmt.Errorf("interrupt thread %d: %w", id, err)
		}
	}
	return more, nil
}

// Of linux/ptrace.h and asm-generic/siginfo.h.
const (
	eventStop   = 128 // PTRACE_EVENT_STOP
	regsGeneral = 1   // NT_PRSTATUS
)

// wait waits until all tracees are stopped or have ended. Their ends are left
// for their parents to see, which may be us.
func (s *stopped) wait() error {
	for pause := 10 * time.Microsecond; ; pause = min(2*pause, time.Millisecond) {
		waits := 0
		for _, t := range slices.Clone(s.list) {
			if t.stopped {
				continue
			}
			var info unix.Siginfo
			err := unix.Waitid(unix.P_PID, t.id, &info, unix.WSTOPPED|unix.WNOHANG|unix.WALL, nil)
			switch {
			case err == nil && info.Signo != 0:
				// Behind three numbers and a gap: pid, uid, and si_status, which has the
				// event in its second byte.
				status := (*[7]int32)(unsafe.Pointer(&info))[6]
				if t.stopped = true; status>>8 != eventStop {
					t.signal = int(status & 0x7f)
				}
			case err == unix.EINTR || err == nil && !s.ended(t.id):
				waits++
			default:
				s.list = slices.DeleteFunc(s.list, func(o *tracee) bool { return o == t })
			}
		}
		if waits == 0 {
			return nil
		}
		if time.Now().After(s.deadline) {
			return fmt.Errorf("%d of its threads did not stop in time: they wait in the kernel, or the machine is busy", waits)
		}
		select {
		case <-s.end:
			return errRunning
		default:
			time.Sleep(pause)
		}
	}
}

// ended reports whether a thread has ended.
func (s *stopped) ended(id int) bool {
	state := threadState(s.pid, id)
	return state == "" || state == "Z" || state == "X"
}

// threadState returns the letter of proc(5), "" if there is no such thread.
func threadState(pid, id int) string {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "task", strconv.Itoa(id), "stat"))
	if err != nil {
		return ""
	}
	text := string(b)
	rest := text[strings.LastIndexByte(text, ')')+1:]
	if len(rest) < 2 {
		return ""
	}
	return rest[1:2]
}

// machines are those whose registers are read, by GOARCH.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// readRegisters reads the registers of all threads.
func (s *stopped) readRegisters() {
	buf := make([]byte, 8*max(len(amd64Order), arm64Words))
	own := statusNumber(s.pid, "NSpid")
	inside := own != 0 && own != s.pid // in a PID namespace that we are not in, that of a container
	for _, t := range s.list {
		v := unix.Iovec{Base: &buf[0]}
		v.SetLen(len(buf))
		if _, _, no := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_GETREGSET, uintptr(t.id), regsGeneral, uintptr(unsafe.Pointer(&v)), 0, 0); no != 0 {
			continue // killed meanwhile
		}
		id := t.id
		if inside {
			id = statusNumber(id, "NSpid") // by which the runtime knows it
		}
		r, err := newRegisters(machines[runtime.GOARCH], id, buf[:v.Len])
		if err != nil {
			s.regsErr = err
			return
		}
		s.regs = append(s.regs, r)
	}
}

func (s *stopped) registers() ([]registers, error) { return s.regs, s.regsErr }

// canStop says why a process cannot be stopped.
func (p *process) canStop() error {
	if p.pid == os.Getpid() {
		return fmt.Errorf("process %d is this one, which cannot stop itself", p.pid)
	}
	if tracer := tracerOf(p.pid); tracer != 0 {
		return tracedError(p.pid, tracer)
	}
	return nil
}

// refused says why the kernel does not let us trace a process.
func refused(pid int, err error) error {
	if tracer := tracerOf(pid); tracer != 0 {
		return tracedError(pid, tracer)
	}
	if err == syscall.EPERM {
		return errRefused
	}
	return fmt.Errorf("trace process %d: %w", pid, err)
}

func tracedError(pid, tracer int) error {
	return fmt.Errorf("process %d is traced by process %d, a debugger perhaps, and can have one tracer only", pid, tracer)
}

// tracerOf returns the process that traces another one, 0 if none does.
func tracerOf(pid int) int {
	thread := statusNumber(pid, "TracerPid")
	return cmp.Or(statusNumber(thread, "Tgid"), thread)
}

// statusNumber returns a number of proc(5)'s status, the last one of several, 0
// if there is none.
func statusNumber(pid int, key string) int {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "\n"+key+":\t")
	line, _, _ := strings.Cut(rest, "\n")
	n, _ := strconv.Atoi(line[strings.LastIndexByte(line, '\t')+1:])
	return n
}
