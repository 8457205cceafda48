package fixed

import "sync"

// Entry is one line of the audit trail.
type Entry struct {
	Operation string
	Done      bool // the operation ended; otherwise it began
}

// trail is the audit trail: what began and what ended, in order. The auditors
// ask for the last operations only, so it forgets the rest.
type trail struct {
	mu   sync.Mutex
	last [64]Entry
	n    int // entries ever noted
}

// note adds an entry.
func (t *trail) note(operation string, done bool) {
	t.mu.Lock()
	t.last[t.n%len(t.last)] = Entry{operation, done}
	t.n++
	t.mu.Unlock()
}

// entries returns the entries that are still known, oldest first.
func (t *trail) entries() []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := max(0, t.n-len(t.last))
	out := make([]Entry, 0, t.n-first)
	for i := first; i < t.n; i++ {
		out = append(out, t.last[i%len(t.last)])
	}
	return out
}
