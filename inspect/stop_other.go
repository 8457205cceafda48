//go:build !linux

package inspect

import (
	"sync/atomic"
	"time"
)

// process is a live process: there are none to inspect here.
type process struct {
	memory
	pid int
}

func (p *process) canStop() error { return errRunning }

// stopped is one time that a process is stopped.
type stopped struct{ over atomic.Bool }

func newStopped(int, time.Duration) *stopped { return new(stopped) }

func (s *stopped) stop() error { return errRunning }

func (s *stopped) release() time.Duration { return 0 }

func (s *stopped) registers() ([]registers, error) { return nil, errRunning }
