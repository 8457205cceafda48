package strategy

// Turn is a place at which a schedule does not do what goes without saying:
// to let the running goroutine go on until it blocks or yields, and then to
// take turns.
type Turn struct {
	Of int32 // the goroutine at whose point it is; if none is running, minus the one chosen last
	At int32 // how often Of has been asked about, from 1
	To int32 // the goroutine that goes on instead; 0: a timer fires, and At counts the opportunities at points of Of
}

// scriptIDs is one more than the highest goroutine id that a Turn can name as
// Of. A table of counters replaces a map, which Choose must not use.
const scriptIDs = 1 << 12

// Script runs without preemption but for given turns, and notes which turns
// were taken. Leaving out turns makes another schedule that is close to the
// first: places are counted by goroutine and stay where they are when others
// go. A turn whose place does not come, or whose goroutine cannot run there, is
// not taken. [NewFollow] finds the turns of recorded decisions.
type Script struct {
	Replay          // holds the decisions to follow, and the guard
	turns    []Turn // by Of, then At
	fires    []Turn // likewise, those of timers
	first    [2 * scriptIDs]int32
	next     [2 * scriptIDs]int32 // index of the next turn of each Of
	asked    [2 * scriptIDs]int32
	offered  [scriptIDs]int32
	taken    []Turn
	count    *uint32
	followed bool
}

// NewScript returns a Script of turns, sorted by Of and then At. The turns
// taken are written to taken, as many as there is room for, and their number
// to count, at once: both may lie in memory that outlives the process.
func NewScript(turns, taken []Turn, count *uint32) *Script {
	s := &Script{taken: taken, count: count}
	for _, t := range turns {
		if t.To == 0 {
			s.fires = append(s.fires, t)
		}
	}
	if s.armed = len(s.fires) > 0; s.armed {
		all := turns
		turns = make([]Turn, 0, len(all)-len(s.fires))
		for _, t := range all {
			if t.To != 0 {
				turns = append(turns, t)
			}
		}
	}
	s.turns = turns
	for i := range s.first {
		s.first[i] = int32(len(turns))
	}
	for i := len(turns) - 1; i >= 0; i-- {
		if at := slot(turns[i].Of); at >= 0 {
			s.first[at] = int32(i)
		}
	}
	return s
}

// NewFollow returns a Script that follows recorded decisions as [Replay] does
// and notes the turns in them.
func NewFollow(want []int32, taken []Turn, count *uint32) *Script {
	s := NewScript(nil, taken, count)
	s.repeat(want)
	s.followed = true
	return s
}

// slot is the index of the counters of a Turn's Of, -1 if there are none.
func slot(of int32) int32 {
	if of <= -scriptIDs || of >= scriptIDs {
		return -1
	}
	if of < 0 {
		return scriptIDs - of
	}
	return of
}

// Begin starts an execution; a Script has no use for the seed.
func (s *Script) Begin(seed uint64) {
	s.Replay.Begin(seed)
	s.next = s.first
	clear(s.asked[:])
	clear(s.offered[:])
	*s.count = 0
}

// Choose takes O(len(c.Enabled)), amortised over an execution.
func (s *Script) Choose(c *Choice) int32 {
	of := c.Cur
	if of == 0 {
		of = -s.last
	}
	at := slot(of)
	if at >= 0 {
		s.asked[at]++
	}
	i := s.guard.next(c.Enabled)
	if i < 0 {
		i = s.stay(c)
	}
	usual := i
	if s.followed {
		if s.skip(); s.pos < len(s.want) {
			i = s.prefer(c, s.want[s.pos], usual)
			s.pos++
		}
	} else if at >= 0 {
		n := s.next[at]
		for n < int32(len(s.turns)) && s.turns[n].Of == of && s.turns[n].At < s.asked[at] {
			n++
		}
		s.next[at] = n
		if n < int32(len(s.turns)) && s.turns[n].Of == of && s.turns[n].At == s.asked[at] {
			i = s.prefer(c, s.turns[n].To, usual)
		}
	}
	g := c.Enabled[i]
	if i != usual && at >= 0 && int(*s.count) < len(s.taken) {
		s.taken[*s.count] = Turn{of, s.asked[at], g}
		*s.count++
	}
	s.guard.chose(g)
	s.last = g
	return i
}

// Fire takes O(number of timers that fire).
func (s *Script) Fire(c *Choice) bool {
	of := c.Cur
	if of <= 0 || of >= scriptIDs {
		return s.followed && s.Replay.Fire(c)
	}
	s.offered[of]++
	turn, fires := Turn{Of: of, At: s.offered[of]}, false
	if s.followed {
		fires = s.Replay.Fire(c)
	} else {
		for i := range s.fires {
			fires = fires || s.fires[i] == turn
		}
	}
	if fires && int(*s.count) < len(s.taken) {
		s.taken[*s.count] = turn
		*s.count++
	}
	return fires
}

// prefer returns the index of g, or usual if it cannot run.
func (s *Script) prefer(c *Choice, g, usual int32) int32 {
	if i := find(c.Enabled, g); i >= 0 {
		return i
	}
	return usual
}
