package strategy

import "github.com/ghostread/ghostread/explore/event"

// Replay repeats recorded decisions; a negative one is a timer that fires, see
// [Timers]. Where the recorded goroutine cannot run,
// the program is not the one that was recorded or is not deterministic: Replay
// notes the place and goes on without preemption, since the rest may still
// show the finding. After the last recorded decision it does not preempt, and
// hands over round robin when a goroutine yields, blocks or spins.
type Replay struct {
	want     []int32
	pos      int
	offered  int32 // opportunities for timers since the last decision
	armed    bool
	diverged int // decisions at which the wanted goroutine could not run
	first    int // the first of them, -1 if none
	last     int32
	guard    guard
}

// NewReplay returns a Replay of the goroutine ids chosen at each decision. It
// keeps the slice.
func NewReplay(want []int32) *Replay {
	r := &Replay{first: -1}
	r.repeat(want)
	return r
}

func (r *Replay) repeat(want []int32) {
	r.want = want
	for _, d := range want {
		r.armed = r.armed || d < 0
	}
}

// Armed reports whether a timer fires early in the recorded execution.
func (r *Replay) Armed() bool { return r.armed }

// Fire reports whether a timer fired here.
func (r *Replay) Fire(c *Choice) bool {
	r.offered++
	if r.pos == len(r.want) || r.want[r.pos] != -r.offered {
		return false
	}
	r.pos++
	r.offered = 0
	return true
}

// skip passes over timers that should have fired before this decision.
func (r *Replay) skip() {
	r.offered = 0
	for r.pos < len(r.want) && r.want[r.pos] < 0 {
		if r.diverged == 0 {
			r.first = r.pos
		}
		r.diverged++
		r.pos++
	}
}

// Begin starts the list from its beginning; a replay has no use for the seed.
func (r *Replay) Begin(seed uint64) {
	r.pos, r.diverged, r.first, r.last, r.offered = 0, 0, -1, 0, 0
	r.guard.begin()
}

// Choose takes O(len(c.Enabled)).
func (r *Replay) Choose(c *Choice) int32 {
	r.skip()
	i := int32(-1)
	if r.pos < len(r.want) {
		i = find(c.Enabled, r.want[r.pos])
		if i < 0 {
			if r.diverged == 0 {
				r.first = r.pos
			}
			r.diverged++
			i = r.stay(c)
		}
		r.pos++
	} else if i = r.guard.next(c.Enabled); i < 0 {
		i = r.stay(c)
		r.guard.chose(c.Enabled[i])
	}
	r.last = c.Enabled[i]
	return i
}

// stay keeps the current goroutine running where that is possible.
func (r *Replay) stay(c *Choice) int32 {
	if c.Cur != 0 && c.Kind != event.Yield && !r.guard.isHeld(c.Cur) {
		if i := find(c.Enabled, c.Cur); i >= 0 {
			return i
		}
	}
	i := after(c.Enabled, r.last)
	for range c.Enabled {
		if !r.guard.isHeld(c.Enabled[i]) {
			return i
		}
		i = after(c.Enabled, c.Enabled[i])
	}
	return i
}

// End does nothing.
func (r *Replay) End(points uint64) {}

// Diverged returns the position in the list of the first decision whose
// goroutine could not run, or whose timer did not fire, or -1, and how many such decisions there were.
func (r *Replay) Diverged() (first, count int) { return r.first, r.diverged }

// Used returns how many recorded decisions were asked for. Fewer than the
// list has is a divergence too: the execution ended early.
func (r *Replay) Used() int { return r.pos }
