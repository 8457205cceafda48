package explore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ghostread/ghostread/explore/replay"
	"github.com/ghostread/ghostread/explore/wire"
	"github.com/ghostread/ghostread/finding"
)

// Replayed is what came of a replay.
type Replayed struct {
	Findings []finding.Finding // the recorded one, or, if it did not show, what did
	Same     bool              // the recorded finding showed again
	Hash     string            // of the schedule that was run
	Diverged string            // how the schedule differs from the recorded one; "" if it does not
}

// Replay runs the schedule of f in a fresh process. Findings of the replay
// have no replay file of their own.
func Replay(ctx context.Context, p Program, f *replay.File) (*Replayed, error) {
	o := Options{MaxSteps: f.MaxSteps, Short: f.Short, NoRace: f.NoRace, Wall: time.Unix(0, f.Wall)}
	s, err := NewSession(p, f.Test, o, nil, nil)
	if err != nil {
		return nil, err
	}
	if f.Fresh {
		s.fresh = "so was the recorded one"
	}
	c := candidate{what: "any", of: finding.Kind(f.Kind), execution: f.Execution, seed: f.Seed, strategy: f.Strategy, decisions: f.Decisions}
	t, err := s.replay(ctx, c)
	if err != nil {
		return nil, err
	}
	list, err := s.findings(ctx, t, c)
	if err != nil {
		return nil, err
	}
	r := &Replayed{Hash: fmt.Sprintf("%016x", t.header.Hash)}
	slices.SortStableFunc(list, func(a, b finding.Finding) int {
		return rank(b, f) - rank(a, f)
	})
	r.Findings = list
	r.Same = len(list) > 0 && list[0].Fingerprint == f.Fingerprint
	if r.Same {
		r.Findings = list[:1] // what else shows has a replay of its own
	}
	if r.Hash != f.Hash {
		r.Diverged = divergence(t.end)
		switch {
		case f.Engine == p.Engine:
		case f.Release == "":
			r.Diverged = "it was recorded with another Go release or version of ghostread"
		case f.Release != p.Release:
			r.Diverged = "it was recorded with " + f.Release + ", and this is " + p.Release
		default:
			r.Diverged = "it was recorded with another version of ghostread"
		}
	}
	return r, nil
}

// rank puts what was recorded first.
func rank(g finding.Finding, f *replay.File) int {
	switch {
	case g.Fingerprint == f.Fingerprint:
		return 2
	case string(g.Kind) == f.Kind:
		return 1
	}
	return 0
}

func divergence(end wire.Record) string {
	if at := end.GetInt("at"); at >= 0 && end.GetInt("diverged") > 0 {
		return fmt.Sprintf("at decision %d of the recorded schedule the goroutine it names could not run", at)
	}
	return "the same decisions led past other operations"
}
