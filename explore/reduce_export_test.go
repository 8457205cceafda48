package explore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ghostread/ghostread/explore/strategy"
	"github.com/ghostread/ghostread/explore/wire"
)

// Whole returns o without the search for smaller schedules.
func Whole(o Options) Options { o.whole = true; return o }

// Reduction is the reduced schedule of one finding, with the means to try
// others for the same.
type Reduction struct {
	Turns     []strategy.Turn
	Decisions int
	r         *reducer
}

// ReductionOf reduces what an execution shows of a finding.
func (s *Session) ReductionOf(ctx context.Context, execution uint64, fingerprint string) (*Reduction, error) {
	job := s.opts.job(wire.Search, s.test)
	job.First, job.Last = 1, execution // pct looks at how long earlier executions were
	var cands []candidate
	p, err := s.program.run(ctx, job, nil, func(r wire.Record) error {
		if r.Kind == "candidate" && r.GetUint("execution") == execution {
			cands = append(cands, candidate{
				what: r.Get("what"), key: r.GetUint("key"), execution: execution, seed: r.GetUint("seed"),
				decisions: r.Get("decisions"), rec: r,
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer p.close()
	if p.state.ExitCode() != 0 {
		c, ok := s.died(p, p.header())
		if ok {
			cands = append(cands, c)
		}
	}
	for _, c := range cands {
		list, err := s.confirm(ctx, c)
		if err != nil {
			return nil, err
		}
		for i, f := range list {
			if f.Fingerprint != fingerprint {
				continue
			}
			c, _, err := s.reduce(ctx, c, list[i:i+1])
			if err != nil {
				return nil, err
			}
			r := &reducer{s: s, c: c, until: time.Now().Add(time.Minute)}
			turns, ok, err := r.follow(ctx)
			if err != nil || !ok {
				return nil, fmt.Errorf("the reduced schedule does not show its candidate: %v", err)
			}
			d, err := wire.DecodeDecisions(c.decisions)
			return &Reduction{turns, len(d), r}, err
		}
	}
	return nil, fmt.Errorf("execution %d does not show %s", execution, fingerprint)
}

// Shows reports whether a schedule with the given turns shows the candidate.
func (r *Reduction) Shows(ctx context.Context, turns ...strategy.Turn) (bool, error) {
	hit, _, err := r.r.attempt(ctx, turns, []int32{0, 0})
	return hit >= 0, err
}

// Repeats reports whether the reduced schedule shows the finding in a fresh
// process.
func (r *Reduction) Repeats(ctx context.Context, fingerprint string) (bool, error) {
	list, err := r.r.s.confirm(ctx, r.r.c)
	for _, f := range list {
		if f.Fingerprint == fingerprint {
			return true, err
		}
	}
	return false, err
}

// Without is Turns without one of them.
func (r *Reduction) Without(i int) []strategy.Turn {
	return slices.Delete(slices.Clone(r.Turns), i, i+1)
}
