package explore

import (
	"context"
	"syscall"

	"github.com/ghostread/ghostread/explore/wire"
)

// Run is one process of a Session, measured.
type Run struct {
	Executions, Steps uint64
	Events            uint64 // of the last execution
	PeakBytes         int64  // resident memory of the process
}

// SearchOnce makes executions first to last in one process.
func (s *Session) SearchOnce(ctx context.Context, first, last uint64) (Run, error) {
	job := s.opts.job(wire.Search, s.test)
	job.First, job.Last = first, last
	return s.once(ctx, job)
}

// ReplayOnce replays decisions as a confirmation does: with everything logged.
func (s *Session) ReplayOnce(ctx context.Context, seed, execution uint64, decisions string) (Run, error) {
	job := s.opts.job(wire.Replay, s.test)
	job.Seed, job.First, job.Last, job.Decisions = seed, execution, execution, decisions
	return s.once(ctx, job)
}

func (s *Session) once(ctx context.Context, job *wire.Job) (Run, error) {
	p, err := s.program.run(ctx, job, nil, func(wire.Record) error { return nil })
	if err != nil {
		return Run{}, err
	}
	defer p.close()
	h := p.header()
	// The kernel counts kilobytes on Linux.
	peak := p.state.SysUsage().(*syscall.Rusage).Maxrss << 10
	return Run{h.Executions, h.TotalSteps, h.Events, peak}, nil
}

// Digest stands for the executions that were made, each with its number and
// schedule.
func (s *Session) Digest() uint64 { return s.digest }

// Left is how many executions are left up to number last.
func (s *Session) Left(last uint64) uint64 { return s.left(last) }
