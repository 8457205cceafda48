package fixed

import "sync/atomic"

// Status says whether the rule set in force can be relied on.
type Status int32

// The states of a service.
const (
	Starting Status = iota // no rule set yet
	Ready
	Degraded // the last feed was empty: payments are sent to review
)

// String returns the word that the status page shows.
func (s Status) String() string {
	switch s {
	case Starting:
		return "starting"
	case Ready:
		return "ready"
	case Degraded:
		return "degraded"
	}
	return "unknown"
}

// health is the status of the rule set in force, and which one that is.
// Watchers remember the version, and only look further when it has moved.
type health struct {
	current atomic.Pointer[edition] // nil before the first rule set
}

// edition is one rule set's version and status. It never changes once it is
// published, which is what lets watchers read it without a lock.
type edition struct {
	version uint64
	status  Status
}

// publish announces the next version and its status. Only the goroutine of
// the feed calls it.
func (h *health) publish(s Status) {
	version := uint64(1)
	if e := h.current.Load(); e != nil {
		version = e.version + 1
	}
	h.current.Store(&edition{version, s})
}

// since returns the version in force and its status, and whether it is newer
// than the version that the caller knows.
func (h *health) since(known uint64) (version uint64, s Status, newer bool) {
	e := h.current.Load()
	if e == nil || e.version == known {
		return known, 0, false
	}
	return e.version, e.status, true
}
