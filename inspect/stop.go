package inspect

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Stops says how often and how long a process was stopped.
type Stops struct {
	Count   int
	Total   time.Duration
	Longest time.Duration
}

func (s Stops) String() string {
	round := func(d time.Duration) time.Duration { return d.Round(max(d/100, time.Microsecond)) }
	switch s.Count {
	case 0:
		return "not stopped"
	case 1:
		return fmt.Sprintf("stopped for %v", round(s.Total))
	}
	return fmt.Sprintf("stopped %d times, for %v in all, %v at most", s.Count, round(s.Total), round(s.Longest))
}

// stopper stops a process while something is done, within a budget.
type stopper struct {
	pid    int // of the process
	budget time.Duration

	lock  sync.Mutex // held while the process is stopped
	stops Stops
	err   error // why it cannot be stopped

	cur atomic.Pointer[stopped] // nil while the process runs
}

// shortest is the least that a stop is begun for.
const shortest = time.Millisecond

// errRunning is what threads returns while they run.
var errRunning = errors.New("the process runs, so its registers are not known")

// stoppable is the memory of a process that may be stopped.
type stoppable struct {
	memory
	*stopper
}

// AllowStop lets the target be stopped, for at most budget in a census or
// another look at it. It is stopped only to read what did not hold still when
// it was read four times while the process went on, and what has to be of one
// moment; so most processes are stopped for a fraction of that, or not at all.
// The process goes on by itself also when we are killed meanwhile: the kernel
// sees to it. A child of ours must not be waited for meanwhile, which takes what
// the tracer waits for; [Launch] knows that. While the process is stopped SIGTSTP does not stop us; SIGSTOP
// does, and then it waits for us.
func (t *Target) AllowStop(budget time.Duration) error {
	p, ok := t.raw.(*process)
	if s, again := t.raw.(stoppable); again {
		p, ok = s.memory.(*process)
	}
	switch {
	case !ok:
		return fmt.Errorf("%s does not run, so it need not be stopped", t.Name)
	case budget < shortest:
		return fmt.Errorf("a budget of %v for stopping is too short, want %v at least", budget, shortest)
	}
	if err := p.canStop(); err != nil {
		return err
	}
	t.stop = &stopper{pid: p.pid, budget: budget}
	t.raw = stoppable{p, t.stop}
	return nil
}

// Stops returns how the process was stopped for the last look at it.
func (t *Target) Stops() Stops {
	if t.stop == nil {
		return Stops{}
	}
	t.stop.lock.Lock()
	defer t.stop.lock.Unlock()
	return t.stop.stops
}

// begin gives the budget anew.
func (s *stopper) begin() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.stops, s.err = Stops{}, nil
}

// notes says what came of stopping, where that is not what was wanted.
func (s *stopper) notes() []string {
	s.lock.Lock()
	defer s.lock.Unlock()
	switch {
	case s.err != nil:
		return []string{fmt.Sprintf("it could not be stopped: %v", s.err)}
	case s.budget-s.stops.Total < shortest:
		return []string{fmt.Sprintf("the %v for which it may be stopped were used up", s.budget)}
	}
	return nil
}

// hold calls do while the process is stopped; it goes on when do returns or
// when the budget ends. It returns false without calling do if the process
// cannot be stopped, or not any more. One goroutine holds at a time.
func (t *Target) hold(do func()) bool {
	s := t.stop
	if s == nil {
		return false
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	left := s.budget - s.stops.Total
	if s.err != nil || left < shortest {
		return false
	}
	cur := newStopped(s.pid, left)
	defer func() {
		s.cur.Store(nil)
		took := cur.release()
		s.stops.Count++
		s.stops.Total += took
		s.stops.Longest = max(s.stops.Longest, took)
	}()
	if s.err = cur.stop(); s.err != nil {
		return false
	}
	if s.err = t.raw.refresh(); s.err != nil { // the heap may have grown
		return false
	}
	s.cur.Store(cur)
	do()
	return true
}

// held reports whether the process is stopped, and has been since the current
// hold began.
func (t *Target) held() bool {
	if t.stop == nil {
		return false
	}
	cur := t.stop.cur.Load()
	return cur != nil && !cur.over.Load()
}

func (s *stopper) threads() ([]registers, error) {
	cur := s.cur.Load()
	if cur == nil || cur.over.Load() {
		return nil, errRunning
	}
	return cur.registers()
}

// hold calls read, which reads the map of c.single, while the process is
// stopped: again and again if a thread was stopped in the middle of a write,
// which of a map that is written to all the time is more likely than not.
func (c *copier) hold(read func() bool) {
	for c.t.hold(func() { read() }) && !c.gone && !c.single[0].ok && c.single[0].now.Writing {
		time.Sleep(shortest) // it goes on, to the end of the write
	}
}

// steady reports whether nothing has changed since the current hold began, or
// ever: what is read need not be read again to know that.
func (t *Target) steady() bool { return t.Still() || t.held() }
