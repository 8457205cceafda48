package explore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/ghostread/ghostread/explore/wire"
)

// blockGrace is how much longer than its time a slice may take so that a block
// of executions comes to its end, if Options.Repeatable asks for that.
const blockGrace = 10 * time.Second

// Spread sets how many processes [Session.Slice] may run at a time, 1 by
// default. The executions and their schedules do not depend on it, nor on
// which process makes which: blocks of wire.Block executions are handed out in
// order, and in each the strategy starts anew. Candidates are confirmed in the
// order of executions. The first block is made by one process, which finds out
// whether there is anything to explore. A search over all schedules is never
// divided; the automatic strategy goes on in one process until it has no such
// search any more.
func (s *Session) Spread(processes int) { s.width = max(processes, 1) }

// run makes the executions that are left up to number last: in one process, or
// in several that share them.
func (s *Session) run(ctx context.Context, last uint64, until time.Time) error {
	if len(s.rests) > 0 || s.width > 1 && s.next > wire.Block && s.divisible() {
		return s.divide(ctx, last, until)
	}
	return s.process(ctx, last, until)
}

// divisible reports whether no execution needs what was learnt in those before
// its block.
func (s *Session) divisible() bool {
	switch {
	case s.fresh != "" || s.last > 0 || wire.Systematic(s.opts.Strategy):
		return false
	case s.opts.Strategy == wire.Auto:
		return s.attempts == 0 || len(s.found)+len(s.held) > 0 // see process
	}
	return true
}

// end is the number of the last execution if there are to be execs more.
func (s *Session) end(execs uint64) uint64 {
	return s.next - 1 + execs - min(s.left(s.next-1), execs)
}

// left returns how many executions are left up to number last.
func (s *Session) left(last uint64) uint64 {
	n := last + 1 - min(s.next, last+1)
	for _, r := range s.rests {
		n += blockEnd(r) + 1 - r
	}
	return n
}

// extended returns when a slice of time ends at the latest.
func (s *Session) extended(until time.Time) time.Time {
	if s.opts.Repeatable {
		return until.Add(blockGrace)
	}
	return until
}

func blockEnd(n uint64) uint64 { return wire.BlockEnd(wire.BlockOf(n)) }

// divide makes executions in up to s.width processes at a time. Each begins
// with the rest of a block, if there is one, and then takes blocks that nobody
// has taken, from a file they share.
func (s *Session) divide(ctx context.Context, last uint64, until time.Time) error {
	if s.next <= last && s.next > blockEnd(s.next)-wire.Block+1 {
		s.rests = append(s.rests, s.next)
		s.next = blockEnd(s.next) + 1
	}
	tickets, err := newTickets(wire.BlockOf(s.next))
	if err != nil {
		return err
	}
	defer tickets.close()
	n := min(uint64(s.width), uint64(len(s.rests))+(last+wire.Block-min(s.next, last))/wire.Block)
	parts := make([]*Session, n)
	sum := &sums{of: make([]Progress, n), base: Progress{s.executions, s.steps}, tick: s.tick}
	for i := range parts {
		p := *s
		p.width, p.rests, p.held, p.next, p.tickets = 1, nil, nil, 0, tickets.file.Name()
		p.executions, p.steps, p.passed, p.cut, p.vain, p.digest, p.unchecked = 0, 0, 0, 0, 0, 0, 0
		p.pairs, p.novel, p.attempts = 0, 0, 0
		p.gather = map[uint64][]candidate{}
		p.tick = func(now Progress) { sum.set(i, now) }
		if len(s.rests) > 0 {
			p.next = s.rests[0]
			s.rests = s.rests[1:]
		}
		parts[i] = &p
	}
	partCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, n)
	var all sync.WaitGroup
	for i, p := range parts {
		all.Go(func() {
			errs[i] = p.takeBlocks(partCtx, last, until)
			if errs[i] != nil || p.ended || p.fresh != "" {
				cancel()
			}
		})
	}
	all.Wait()
	taken, err := tickets.taken()
	if err != nil {
		return err
	}
	s.next = min(wire.BlockEnd(taken)-wire.Block, last) + 1
	var cands []candidate
	before := s.executions
	for _, p := range parts {
		cands = append(cands, s.absorb(p)...)
		if p.pairs > s.pairs {
			s.pairs, s.novel = p.pairs, before+n*p.novel // as if all were equally far
		}
	}
	slices.Sort(s.rests)
	slices.SortStableFunc(cands, earlier)
	if ctx.Err() != nil {
		s.salvage(ctx, cands)
		return ctx.Err()
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	for _, p := range parts {
		if p.fresh != "" && s.turnFresh(p.fresh) {
			s.patience = max(s.patience, p.patience)
			cands = slices.DeleteFunc(cands, func(c candidate) bool { return stateful(c.what) })
		}
	}
	return s.prove(ctx, cands, s.extended(until))
}

// takeBlocks makes executions in one process after the other. At the end
// s.next is what is left of a block, or 0.
func (s *Session) takeBlocks(ctx context.Context, last uint64, until time.Time) error {
	for {
		before := s.executions
		if err := s.process(ctx, last, until); err != nil {
			return err
		}
		if s.executions == before || s.next > last || wire.BlockOf(s.next) != wire.BlockOf(s.next-1) {
			s.next = 0
		}
		if s.executions == before || s.ended || s.fresh != "" || !time.Now().Before(until) {
			return nil
		}
	}
}

// absorb adds what part has come to, and returns its candidates.
func (s *Session) absorb(part *Session) (cands []candidate) {
	s.executions += part.executions
	s.steps += part.steps
	s.passed += part.passed
	s.cut += part.cut
	s.vain += part.vain
	s.digest += part.digest
	s.unchecked += part.unchecked
	s.patience = max(s.patience, part.patience)
	s.outside |= part.outside
	s.coasted = s.coasted || part.coasted
	s.logFull = s.logFull || part.logFull
	s.ended = s.ended || part.ended
	s.lone = 0
	if s.limit == "" {
		s.limit = part.limit
	}
	if s.broken == "" {
		s.broken = part.broken
	}
	if part.next != 0 {
		s.rests = append(s.rests, part.next)
	}
	for _, list := range part.gather {
		cands = append(cands, list...)
	}
	return cands
}

// keep remembers a candidate of a part of the search until all parts have
// ended; of those with one key, as many as are tried.
func (s *Session) keep(c candidate) {
	if k := s.known[c.key]; k != nil && (k.confirmed || k.tries == offers) {
		return
	}
	if list := s.gather[c.key]; len(list) < offers {
		s.gather[c.key] = append(list, c)
	}
}

// sums adds up the progress of parts. Its methods may be called concurrently.
type sums struct {
	mu   sync.Mutex
	of   []Progress
	base Progress
	tick func(Progress)
}

func (s *sums) set(i int, now Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[i] = now
	all := s.base
	for _, p := range s.of {
		all.Executions += p.Executions
		all.Steps += p.Steps
	}
	s.tick(all)
}

// tickets is the file with the number of the next block that no process has
// taken.
type tickets struct{ file *os.File }

func newTickets(block uint64) (tickets, error) {
	f, err := os.CreateTemp("", "ghostread-tickets-")
	if err != nil {
		return tickets{}, err
	}
	b := make([]byte, wire.HeaderBytes)
	binary.NativeEndian.PutUint64(b, block)
	if _, err := f.WriteAt(b, 0); err != nil {
		t := tickets{f}
		t.close()
		return tickets{}, fmt.Errorf("share executions between processes: %w", err)
	}
	return tickets{f}, nil
}

// taken returns the number of the next block, which may be beyond the last.
func (t tickets) taken() (uint64, error) {
	var b [8]byte
	if _, err := t.file.ReadAt(b[:], 0); err != nil {
		return 0, fmt.Errorf("share executions between processes: %w", err)
	}
	return binary.NativeEndian.Uint64(b[:]), nil
}

func (t tickets) close() {
	t.file.Close()
	os.Remove(t.file.Name())
}
