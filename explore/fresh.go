package explore

import (
	"context"

	"github.com/ghostread/ghostread/explore/wire"
	"github.com/ghostread/ghostread/finding"
)

// turnFresh gives each further execution a process of its own, because the
// test does not repeat within one: why says how that was noticed. What was
// held against the test so far is forgotten, since earlier executions may be
// to blame for it. Races that are confirmed stay. It
// reports false if that is not possible, or is so already.
func (s *Session) turnFresh(why string) bool {
	if s.fresh != "" || wire.Systematic(s.opts.Strategy) {
		return false
	}
	s.fresh = why
	s.known, s.unrepeated, s.unchecked, s.plain = map[uint64]*known{}, 0, 0, nil
	var races []held
	for _, h := range s.held {
		if !stateful(h.c.what) {
			races = append(races, h)
		}
	}
	s.held = races
	s.rests = nil
	s.passed, s.cut, s.limit = 0, 0, ""
	s.all, s.last, s.pairs = wire.Record{}, 0, 0
	s.ended, s.alone, s.lone = false, false, 0
	return true
}

// isFresh reports whether c is repeated without a warm-up.
func (s *Session) isFresh(c candidate) bool { return s.fresh != "" || c.first }

// loneFresh is how many executions in processes of their own are made of a
// test that has one goroutine.
const loneFresh = 10

// stateful reports whether what earlier executions left in package variables,
// files and the like can be the cause of such a candidate.
func stateful(what string) bool { return what != "race" }

// repeats reports whether c, which was confirmed after a warm-up, shows in the
// first execution of a process too. If it does not, the state that the warm-up
// left may be the cause: unless the warm-up's own schedule, made several
// times, ends well each time or fails at once.
func (s *Session) repeats(ctx context.Context, c candidate) (bool, error) {
	if s.fresh != "" || !stateful(c.what) {
		return true, nil
	}
	job := s.opts.job(wire.Replay, s.test)
	job.Fresh = true
	t, err := s.replayJob(ctx, job, c)
	if err != nil {
		return false, err
	}
	if t.shows(c) {
		return true, nil
	}
	if t.end.Kind != "" && t.header.Hash == c.rec.GetUint("hash") {
		return false, nil // the same schedule: only the state differs
	}
	job = s.opts.job(wire.Repeat, s.test)
	again := false
	p, err := s.program.run(ctx, job, nil, func(r wire.Record) error {
		again = again || r.Kind == "repeated"
		return nil
	})
	if err != nil {
		return false, err
	}
	defer p.close()
	return again, nil
}

// shows reports whether the replay ended in the way of c.
func (t *trace) shows(c candidate) bool {
	reason := int(t.end.GetInt("reason"))
	switch c.what {
	case "panic":
		return t.died
	case "deadlock":
		return reason == wire.Deadlock
	case "failure":
		return reason == wire.Done && t.end.Get("failed") == "true"
	case "leak":
		for _, g := range t.goroutines {
			if g.hopeless && g.key+4 == c.key && reason == wire.Done {
				return true
			}
		}
		return false
	}
	return true
}

// always reports whether f, of a test that no execution has passed so far,
// says nothing yet: the test may always end like that.
func (s *Session) always(f finding.Finding) bool {
	if s.passed > 0 {
		return false
	}
	return f.Kind == finding.Failure || f.Kind == finding.Deadlock || f.Kind == finding.Panic && s.fresh != ""
}

// freshNote says that executions had processes of their own; "" if not.
func (s *Session) freshNote() string {
	if s.fresh == "" {
		return ""
	}
	return "each execution had a process of its own: " + s.fresh
}
