//go:build ghostread_guest

package testing

import (
	"context"
	"internal/ghostread/guest"
	"io"
	"sync"
	_ "unsafe" // for linkname
)

// ghostFail notes in the event log that a test fails here.
//
//go:linkname ghostFail runtime.ghostread_fail
func ghostFail()

// ghostExplore takes the place of the loop over tests when this process is to
// explore one of them, or a fuzz target or an example.
func ghostExplore(modulePath, importPath string, matchString func(pat, str string) (bool, error), tests []InternalTest) (ran, ok, on bool) {
	if !guest.On() {
		return false, false, false
	}
	ok = guest.Main(func(name string) guest.Test {
		for _, test := range tests {
			if test.Name == name {
				return func(w io.Writer, end func(failed, skipped bool)) {
					ghostOnce(modulePath, importPath, matchString, test, w, end)
				}
			}
		}
		return ghostUnit(name)
	})
	return true, ok, true
}

// ghostOpen is the barrier of a parent that has nothing to wait for: a test
// that calls t.Parallel goes on at once.
var ghostOpen = make(chan bool)

func init() { close(ghostOpen) }

// ghostOnce runs the test as T.Run would, on the goroutine it is called on.
// The parent is made by hand for each execution, so that subtests, t.Parallel,
// cleanups, temporary directories and names behave as in a run of the test
// alone. It never is done: as in an ordinary run, where it lives as long as
// the process, it takes what is logged too late. end is called when the test
// returns or gives up.
func ghostOnce(modulePath, importPath string, matchString func(pat, str string) (bool, error), test InternalTest, w io.Writer, end func(failed, skipped bool)) {
	ctx, cancel := context.WithCancel(context.Background())
	t := &T{
		common: common{
			barrier:   make(chan bool),
			signal:    make(chan bool, 2), // t.Parallel sends, and the end
			name:      test.Name,
			parent:    &common{w: w, barrier: ghostOpen},
			level:     1,
			ctx:       ctx,
			cancelCtx: cancel,
		},
		tstate: newTestState(*parallel+1, newMatcher(matchString, "", "-test.run", "")),
	}
	t.w = indenter{&t.common}
	ghostName(t, modulePath, importPath)
	ghostOutput(&t.common)
	running.Store(t.name, highPrecisionTimeNow())
	defer func() { end(t.Failed(), t.Skipped()) }()
	tRunner(t, test.F)
}

// ghostRunning takes the place of the sync.Map of running tests: what is only
// there for the message of a timeout must neither be a point nor order two
// tests. While this process explores, one goroutine runs at a time and the turn
// does not pass in here; in an ordinary run there is a lock.
type ghostRunning struct {
	mu   sync.Mutex
	list []ghostRun
}

type ghostRun struct{ name, since any }

func (r *ghostRunning) lock() {
	if !guest.On() {
		r.mu.Lock()
	}
}

func (r *ghostRunning) unlock() {
	if !guest.On() {
		r.mu.Unlock()
	}
}

func (r *ghostRunning) Store(name, since any) {
	r.Delete(name)
	r.lock()
	defer r.unlock()
	r.list = append(r.list, ghostRun{name, since})
}

func (r *ghostRunning) Delete(name any) {
	r.lock()
	defer r.unlock()
	for i := range r.list {
		if r.list[i].name == name {
			last := len(r.list) - 1
			r.list[i], r.list[last] = r.list[last], ghostRun{}
			r.list = r.list[:last]
			return
		}
	}
}

func (r *ghostRunning) Range(f func(name, since any) bool) {
	r.lock()
	list := append([]ghostRun(nil), r.list...)
	r.unlock()
	for i := range list {
		if !f(list[i].name, list[i].since) {
			return
		}
	}
}
