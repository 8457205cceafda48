package fixed

import (
	"maps"
	"sync"
)

// Rule limits the payments of one merchant category.
type Rule struct {
	Category    string `json:"category"`
	MaxAmount   int64  `json:"max_amount"`   // cents a payment
	MaxPayments int64  `json:"max_payments"` // per merchant and window
}

// ruleBook is the rule set in force, by category.
type ruleBook struct {
	mu         sync.RWMutex
	byCategory map[string]Rule
}

// get returns the rule of a category.
func (b *ruleBook) get(category string) (Rule, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	r, ok := b.byCategory[category]
	return r, ok
}

// all returns a copy of the rules in force. The lock is held only to copy, so
// that a slow listing never keeps a reload waiting.
func (b *ruleBook) all() map[string]Rule {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return maps.Clone(b.byCategory)
}

// replace puts feed in force. The map is changed in place: most reloads touch
// a handful of the categories, and a new map would be built for nothing.
func (b *ruleBook) replace(feed []Rule) {
	next := make(map[string]Rule, len(feed))
	for _, r := range feed {
		next[r.Category] = r
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for category := range b.byCategory {
		if _, kept := next[category]; !kept {
			delete(b.byCategory, category)
		}
	}
	for category, r := range next {
		b.byCategory[category] = r
	}
}
