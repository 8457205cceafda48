package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/ghostread/ghostread/inspect"
)

// source says which program is inspected. All commands that inspect have its
// flags.
type source struct {
	exe, core string
	after     time.Duration
	when      string
	leave     bool
	stop      time.Duration
	set       *pflag.FlagSet

	// graceful says that the command ends by its context when it is interrupted.
	// Otherwise an interrupt ends ghostread at once: it has nothing to finish.
	graceful bool
}

func (s *source) flags(f *pflag.FlagSet) {
	f.StringVar(&s.exe, "exe", "", "executable to take the DWARF from; \"\" means the one that the process runs or the core file names; without either, the program to start, with the arguments behind --")
	f.StringVar(&s.core, "core", "", "inspect this core file, not a process")
	f.DurationVar(&s.after, "after", time.Second, "of a program that is started: how long it runs before it is looked at")
	f.StringVar(&s.when, "when", "", "of a program that is started: look at it when a line of its output matches this regular expression")
	f.BoolVar(&s.leave, "leave", false, "of a program that is started: let it go on afterwards")
	f.DurationVar(&s.stop, "stop", 0, "stop the process, for this long in all, to read what changes all the time; only --stop means --stop=200ms")
	f.Lookup("stop").NoOptDefVal = "200ms"
	s.set = f
}

// open opens the program that the arguments of a command name, and returns the
// owner of maps that they name after it, "" if there is none. The caller closes
// the target.
func (s *source) open(args []string) (t *inspect.Target, owner string, err error) {
	if s.core != "" && s.set.Changed("stop") {
		return nil, "", errors.New("--stop is for processes: a core file holds still")
	}
	if t, owner, err = s.find(args); err != nil || !s.set.Changed("stop") {
		return t, owner, err
	}
	if err := t.AllowStop(s.stop); err != nil {
		t.Close()
		return nil, "", err
	}
	return t, owner, nil
}

// started reports whether the arguments say that the program is to be started.
func (s *source) started(args []string) bool {
	return s.exe != "" && s.core == "" && (len(args) == 0 || s.set.ArgsLenAtDash() >= 0)
}

// named reports whether the arguments have an owner of maps.
func (s *source) named(args []string) bool {
	switch {
	case s.started(args):
		return s.set.ArgsLenAtDash() > 0
	case s.core != "":
		return len(args) > 0
	}
	return len(args) > 1
}

func (s *source) find(args []string) (t *inspect.Target, owner string, err error) {
	started := s.started(args)
	for _, name := range []string{"after", "when", "leave"} {
		if s.set.Changed(name) && !started {
			return nil, "", fmt.Errorf("--%s is for a program that is started: ghostread inspect --exe PROGRAM --%s ... -- its arguments", name, name)
		}
	}
	switch {
	case started:
		return s.start(args)
	case !s.graceful:
		signal.Reset(os.Interrupt, syscall.SIGTERM)
	}
	if s.core != "" {
		return s.openCore(args)
	}
	if len(args) < 1 || len(args) > 2 {
		return nil, "", fmt.Errorf("inspect takes the id of a process and perhaps an owner of maps, and was given %d arguments\n\tpgrep NAME finds the process", len(args))
	}
	pid, err := strconv.Atoi(args[0])
	if err != nil || pid <= 0 {
		return nil, "", fmt.Errorf("%q is no process id\n\tpgrep NAME finds it", args[0])
	}
	if t, err = inspect.Attach(pid, s.exe); err != nil {
		return nil, "", err
	}
	return t, append(args, "")[1], nil
}

// start starts the program, and ends it when we are interrupted; the first
// arguments, before --, are for us.
func (s *source) start(args []string) (t *inspect.Target, owner string, err error) {
	at := max(s.set.ArgsLenAtDash(), 0)
	if at > 1 {
		return nil, "", fmt.Errorf("inspect --exe takes at most an owner of maps before --, and was given %d arguments\n\ta process that runs already is inspected without --", at)
	}
	l := inspect.Launch{Path: s.exe, Args: args[at:], Output: os.Stderr, After: s.after, Leave: s.leave}
	if s.when != "" {
		if s.set.Changed("after") {
			return nil, "", errors.New("either --after or --when says when the program is looked at, not both")
		}
		if l.When, err = regexp.Compile(s.when); err != nil {
			return nil, "", fmt.Errorf("--when: %w", err)
		}
	}
	if s.after < 0 {
		return nil, "", fmt.Errorf("--after %v is negative", s.after)
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) && !s.leave {
		l.Stdin = os.Stdin // a terminal is ours alone
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	if t, err = l.Start(ctx); err != nil {
		stop()
		return nil, "", err
	}
	context.AfterFunc(ctx, func() {
		stop() // the next interrupt ends us
		t.Close()
	})
	return t, append(args[:at:at], "")[0], nil
}

// openCore opens a core file.
func (s *source) openCore(args []string) (t *inspect.Target, owner string, err error) {
	if len(args) > 1 {
		return nil, "", fmt.Errorf("inspect --core takes at most an owner of maps, and was given %d arguments\n\tghostread inspect --core %s %s", len(args), s.core, args[len(args)-1])
	}
	owner = append(args, "")[0]
	if pid, err := strconv.Atoi(owner); err == nil {
		return nil, "", fmt.Errorf("either a core file or process %d is inspected, not both", pid)
	}
	t, err = inspect.OpenCore(s.core, s.exe)
	return t, owner, err
}
