package explore

import (
	"context"

	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/explore/wire"
	"github.com/ghostread/ghostread/finding"
)

// LogOf repeats decisions in a test as the search over all schedules would take
// them, and returns the log, how many decisions there were, and how many of
// them could not be repeated.
func LogOf(ctx context.Context, p Program, test string, decisions []int32) (log []event.Event, made, diverged int, err error) {
	s, err := NewSession(p, test, Options{Strategy: wire.Exhaustive, NoRace: true}, func(finding.Finding) {}, nil)
	if err != nil {
		return nil, 0, 0, err
	}
	t, err := s.replayJob(ctx, s.opts.job(wire.Replay, test), candidate{
		strategy: wire.Exhaustive, seed: 1, execution: 1, decisions: wire.EncodeDecisions(decisions),
	})
	if err != nil {
		return nil, 0, 0, err
	}
	return t.events, int(t.header.Decisions), int(t.end.GetInt("diverged")), nil
}
