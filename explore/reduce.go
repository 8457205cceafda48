package explore

import (
	"context"
	"slices"
	"time"

	"github.com/ghostread/ghostread/explore/strategy"
	"github.com/ghostread/ghostread/explore/wire"
	"github.com/ghostread/ghostread/finding"
)

// Bounds of the search for a smaller schedule of one finding. The number of
// tries decides; the time is for tests whose executions take long.
const (
	reduceTries   = 2000
	reduceTime    = 3 * time.Second
	reduceTurns   = 1 << 14 // longer schedules are left as they are
	reduceBatch   = 256     // tries of one process
	reduceSingles = 1000    // of single switches
)

// reduced is how many switches a schedule has: places at which it does other
// than let the running goroutine go on until it blocks, and then take turns.
type reduced struct {
	found int // in the schedule that the search met
	left  int // in the one that is recorded
	tries int // executions it took
	took  time.Duration
}

// reduce looks for a schedule with fewer switches that shows the same findings
// as c, which has been confirmed, and confirms it in a fresh process in its
// turn. It returns c and its findings if there is none, or if the smaller one
// shows anything less there.
func (s *Session) reduce(ctx context.Context, c candidate, list []finding.Finding) (candidate, []finding.Finding, error) {
	if s.opts.whole || s.isFresh(c) || !slices.ContainsFunc(list, func(f finding.Finding) bool { return !s.has(f) }) {
		return c, list, nil
	}
	began := time.Now()
	limit := reduceTime
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)/2)
	}
	r := &reducer{s: s, c: c, until: began.Add(limit)}
	base, ok, err := r.follow(ctx)
	if err != nil || !ok {
		return c, list, err
	}
	c.reduced = &reduced{found: len(base), left: len(base), tries: 1}
	start := base
	if strict := slices.DeleteFunc(slices.Clone(base), early); len(strict) < len(base) {
		hit, turns, err := r.attempt(ctx, strict, []int32{0, 0})
		if err != nil {
			return c, list, err
		}
		if c.reduced.tries++; hit >= 0 {
			start = turns
		}
	}
	left, tries, err := minimise(start, reduceTries, func(base []strategy.Turn, cuts []int32) (int, []strategy.Turn, error) {
		return r.attempt(ctx, base, cuts)
	})
	if err != nil {
		return c, list, err
	}
	if len(left) > 1 {
		one, n, err := r.single(ctx, c.decisions, slices.ContainsFunc(left, early), min(reduceSingles, reduceTries-tries))
		if err != nil {
			return c, list, err
		}
		tries += n
		if one != nil {
			left = one
		}
	}
	c.reduced.tries += tries
	if r.decisions != "" && len(left) < len(base) {
		small := c
		small.decisions, small.reduced = r.decisions, &reduced{found: len(base), left: len(left), tries: tries + 1}
		found, err := s.confirm(ctx, small)
		if err != nil {
			return c, list, err
		}
		small.reduced.took = time.Since(began)
		if showsAll(found, list) {
			return small, found, nil
		}
	}
	c.reduced.took = time.Since(began)
	for i := range list {
		list[i].Witness.Switches, list[i].Witness.Found = &c.reduced.left, c.reduced.found
	}
	return c, list, nil
}

// has reports whether a finding with f's fingerprint was published already,
// or waits to be with a proof that tells as much.
func (s *Session) has(f finding.Finding) bool {
	return slices.ContainsFunc(s.found, func(g finding.Finding) bool { return g.Fingerprint == f.Fingerprint }) ||
		slices.ContainsFunc(s.held, func(h held) bool {
			return h.f.Fingerprint == f.Fingerprint && telling(h.f) >= telling(f)
		})
}

// showsAll reports whether found has everything that list has, told no worse.
func showsAll(found, list []finding.Finding) bool {
	for _, f := range list {
		if !slices.ContainsFunc(found, func(g finding.Finding) bool {
			return g.Fingerprint == f.Fingerprint && g.Kind == f.Kind && (g.Title == f.Title || f.Kind == finding.History) && telling(g) >= telling(f)
		}) {
			return false
		}
	}
	return true
}

// minimise removes ranges of list while try says that what is left will do:
// the whole, halves, quarters and so on (Zeller and Hildebrandt: Simplifying
// and Isolating Failure-Inducing Input, TSE 2002), in the end one by one until
// no single element can go. try is given the list and ranges of it, each a
// first and an end index; it returns the index of the first range that can go
// and the list without it, which may have lost others too, or -1. After max
// ranges the search ends with what it has. It returns how many were tried.
func minimise[T any](list []T, max int, try func(list []T, cuts []int32) (int, []T, error)) (_ []T, tries int, err error) {
	size, at, removed := len(list), 0, false
	for len(list) > 0 && tries < max {
		size = min(size, len(list))
		var cuts []int32
		for i := at; i < len(list) && len(cuts) < 2*min(reduceBatch, max-tries); i += size {
			cuts = append(cuts, int32(i), int32(min(i+size, len(list))))
		}
		hit, less := -1, list
		if len(cuts) > 0 {
			if hit, less, err = try(list, cuts); err != nil {
				return list, tries, err
			}
		}
		switch {
		case hit >= 0 && len(less) < len(list):
			tries += hit + 1
			at, list, removed = int(cuts[2*hit]), less, true
			continue
		case hit >= 0: // no progress
			return list, tries + hit + 1, nil
		}
		tries += len(cuts) / 2
		if n := len(cuts); n > 0 && int(cuts[n-1]) < len(list) {
			at = int(cuts[n-1]) // the batch was full
			continue
		}
		switch {
		case size > 1:
			size /= 2
		case !removed:
			return list, tries, nil
		}
		at, removed = 0, false
	}
	return list, tries, nil
}

// reducer runs the tries for one candidate, many in a process.
type reducer struct {
	s         *Session
	c         candidate
	until     time.Time
	alone     bool   // see wire.Job
	decisions string // of the last try that showed the candidate
}

func (r *reducer) job() *wire.Job {
	job := r.s.opts.job(wire.Reduce, r.s.test)
	job.Strategy, job.Seed, job.What, job.Key, job.MaxTurns = r.c.strategy, r.c.seed, r.c.what, r.c.key, reduceTurns
	job.MaxTime = min(job.MaxTime, int64(time.Second))
	job.Until = r.until.UnixNano()
	return job
}

// follow returns the turns of the candidate's own schedule, and false if it
// has too many or does not show the candidate.
func (r *reducer) follow(ctx context.Context) ([]strategy.Turn, bool, error) {
	job := r.job()
	job.Decisions = r.c.decisions
	hit, _, turns, err := r.run(ctx, job)
	return turns, err == nil && hit == 0 && len(turns) < reduceTurns, err
}

// attempt tries to leave out each of the ranges of base, as minimise asks.
// When time is up it tries nothing more.
func (r *reducer) attempt(ctx context.Context, base []strategy.Turn, cuts []int32) (int, []strategy.Turn, error) {
	done := 0
	for 2*done < len(cuts) && time.Now().Before(r.until) {
		job := r.job()
		job.Cuts, job.Alone = cuts[2*done:], r.alone
		for _, t := range base {
			job.Turns = append(job.Turns, t.Of, t.At, t.To)
		}
		hit, n, turns, err := r.run(ctx, job)
		if err != nil {
			return -1, nil, err
		}
		if hit >= 0 {
			return done + hit, turns, nil
		}
		if n == 0 {
			break
		}
		done += n
	}
	return -1, nil, nil
}

// single looks for one switch, of any goroutine at any place of a schedule
// that is not much longer than decisions, that shows the candidate by itself:
// leaving out what a schedule has cannot find what it has not. It returns nil
// if none of the first max does, and how many it tried. Timers says that the
// switch may be a timer that fires early; a quarter of the tries is for those.
func (r *reducer) single(ctx context.Context, decisions string, timers bool, max int) ([]strategy.Turn, int, error) {
	chosen, err := wire.DecodeDecisions(decisions)
	if err != nil {
		return nil, 0, err
	}
	ids := slices.Compact(slices.Sorted(slices.Values(chosen)))
	ids = slices.DeleteFunc(ids, func(id int32) bool { return id < 0 })
	var all, fires []strategy.Turn
	var cuts []int32
	for at := int32(1); int(at) <= len(chosen) && len(all) < max; at++ {
		for _, of := range ids {
			if timers && len(fires) < max/4 {
				fires = append(fires, strategy.Turn{Of: of, At: at})
			}
			for _, to := range ids {
				all = append(all, strategy.Turn{Of: of, At: at, To: to}, strategy.Turn{Of: -of, At: at, To: to})
			}
		}
	}
	all = append(all[:min(len(all), max-len(fires))], fires...)
	for i := range all {
		cuts = append(cuts, int32(i), int32(i+1))
	}
	r.alone = true
	defer func() { r.alone = false }()
	hit, turns, err := r.attempt(ctx, all, cuts)
	if err != nil || hit < 0 || len(turns) > 1 {
		return nil, len(all), err
	}
	return turns, hit + 1, nil
}

// run does a job. It returns the index of the execution that showed the
// candidate, or -1, the number of executions, and the turns of the last one.
func (r *reducer) run(ctx context.Context, job *wire.Job) (hit, n int, turns []strategy.Turn, err error) {
	hit, decisions := -1, ""
	p, err := r.s.program.run(ctx, job, nil, func(rec wire.Record) error {
		if rec.Kind == "reduced" {
			hit, decisions = int(rec.GetInt("index")), rec.Get("decisions")
		}
		return nil
	})
	if err != nil {
		return -1, 0, nil, err
	}
	defer p.close()
	h := p.header()
	n = int(h.Executions)
	if cr, ok := p.crashed(); ok && h.State != 0 && h.Execution > 0 {
		n = int(h.Execution) // the one that ended the process counts
		if r.c.what == "panic" && hashText(panicKey(cr)) == r.c.key {
			d, err := p.decisions()
			if err != nil {
				return -1, 0, nil, err
			}
			hit, decisions = n-1, wire.EncodeDecisions(d)
		}
	} else if p.killed != "" {
		n = int(h.Execution)
	}
	if hit < 0 {
		return hit, n, nil, nil
	}
	at := wire.HeaderBytes + 4*int64(job.MaxDecisions)
	count, err := readArray[uint32](p.shared, at, 1)
	if err != nil {
		return -1, 0, nil, err
	}
	if turns, err = readArray[strategy.Turn](p.shared, at+4, min(int(count[0]), job.MaxTurns)); err != nil {
		return -1, 0, nil, err
	}
	r.decisions = decisions
	return hit, n, turns, nil
}
