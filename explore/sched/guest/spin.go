//go:build ghostread_guest

package guest

import (
	"internal/ghostread/event"
	"internal/ghostread/strategy"
	"internal/ghostread/wire"
)

// lockstepAt is the number of the execution of a search that lets goroutines go
// step by step in turns, and watches for a state that comes again: goroutines
// that get in each other's way for as long as neither is ahead do so there.
const lockstepAt = 12

// lockstep lets the test start what it starts, and then all go on by turns, one
// point each.
type lockstep struct{ last int32 }

// headStart is how many decisions the test's own goroutine is preferred for.
const headStart = 256

func (s *lockstep) Begin(seed uint64) { s.last = 0 }

func (s *lockstep) Choose(c *strategy.Choice) int32 {
	if c.Decision < headStart && c.Enabled[0] == 1 && (c.Cur != 1 || c.Kind != event.Yield) {
		return 0
	}
	at := 0
	for i, id := range c.Enabled {
		if id > s.last {
			at = i
			break
		}
	}
	s.last = c.Enabled[at]
	return int32(at)
}

func (s *lockstep) End(points uint64) {}

// livelock offers the execution that just ended because its state came again.
func (l *loop) livelock(c *config) {
	list := l.stuck(c)
	l.leaked += len(list)
	key := uint64(13)
	for i := range list {
		if list[i].waiting {
			key += list[i].key()
		} else {
			key += hash(14, uint64(list[i].created), 0)
		}
	}
	if l.fresh(key) {
		l.candidate("livelock", key, wire.Record{})
	}
}
