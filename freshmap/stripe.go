package freshmap

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A stripe is the lock of all keys whose hashes begin alike, and counts their
// entries. Both are in one word, so whoever gives the lock back counts by the same
// instruction: those that lock a line of the cache are what a write costs most.
type stripe struct {
	state atomic.Int64 // stripeLocked, stripeAwaited and the entries above them
	lot   *parking
	_     [64 - 8 - unsafe.Sizeof(uintptr(0))]byte
}

const (
	stripeLocked  = 1 << iota
	stripeAwaited // somebody sleeps until the lock is given back
	stripeEntry   // one entry
)

// A parking has those who wait for a stripe for longer. The stripes of a map share
// it: hardly anybody ever does.
type parking struct {
	mu   sync.Mutex
	cond sync.Cond
}

// newStripes returns free stripes without entries.
func newStripes(n int) []stripe {
	lot := new(parking)
	lot.cond.L = &lot.mu
	stripes := make([]stripe, n)
	for i := range stripes {
		stripes[i].lot = lot
	}
	return stripes
}

// lock locks the stripe. Writers hold it for some tens of nanoseconds, so it looks
// again a few times before it sleeps.
func (s *stripe) lock() {
	if !s.tryLock() {
		s.lockSlow()
	}
}

// tryLock locks the stripe unless it is locked.
func (s *stripe) tryLock() bool {
	v := s.state.Load()
	return v&stripeLocked == 0 && s.state.CompareAndSwap(v, v|stripeLocked)
}

func (s *stripe) lockSlow() {
	for !s.lockSpinning() {
		s.sleep()
	}
}

// lockSpinning locks the stripe unless it stays locked for some hundred
// nanoseconds. It looks seldom, because each look takes the line from the holder,
// and because each is a step of its own where all schedules are explored.
func (s *stripe) lockSpinning() bool {
	for range 12 {
		if s.tryLock() {
			return true
		}
		for range 50 {
			// The compiler keeps an empty loop; it is the pause.
		}
	}
	return false
}

// sleep returns when the stripe has been given back since, or is not locked.
func (s *stripe) sleep() {
	s.lot.mu.Lock()
	defer s.lot.mu.Unlock()
	for v := s.state.Load(); v&stripeLocked != 0; v = s.state.Load() {
		if v&stripeAwaited != 0 || s.state.CompareAndSwap(v, v|stripeAwaited) {
			s.lot.cond.Wait()
			return
		}
	}
}

// lockSoon locks the stripe unless its holder takes longer than a write does.
func (s *stripe) lockSoon() bool {
	for i := range 100 {
		if s.tryLock() {
			return true
		}
		if i > 10 {
			runtime.Gosched()
		}
	}
	return false
}

// unlock gives the stripe back, with so many entries more than before.
func (s *stripe) unlock(entries int) {
	if s.state.Add(int64(entries)*stripeEntry-stripeLocked)&stripeAwaited != 0 {
		s.wake()
	}
}

// wake wakes all who sleep. Those who wait for another stripe go on sleeping when
// they have looked.
func (s *stripe) wake() {
	s.lot.mu.Lock()
	defer s.lot.mu.Unlock()
	s.state.And(^stripeAwaited)
	s.lot.cond.Broadcast()
}

// entries returns how many entries the stripe has.
func (s *stripe) entries() int { return int(s.state.Load() >> 2) }
