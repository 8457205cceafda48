package fixed

import (
	"sync"
	"sync/atomic"
)

// velocity counts the payments of each merchant.
type velocity struct {
	mu         sync.RWMutex
	byMerchant map[string]*atomic.Int64
}

// seen returns how many payments of merchant were counted. It is on the path
// of every payment, and shares the lock with its like.
func (v *velocity) seen(merchant string) int64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	n, ok := v.byMerchant[merchant]
	if !ok {
		return 0 // its first payment
	}
	return n.Load()
}

// count notes one more payment of merchant.
func (v *velocity) count(merchant string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	n, ok := v.byMerchant[merchant]
	if !ok {
		n = new(atomic.Int64)
		v.byMerchant[merchant] = n
	}
	n.Add(1)
}

// merchants returns how many merchants have been seen.
func (v *velocity) merchants() int {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return len(v.byMerchant)
}
