package riskservice

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
	version atomic.Uint64
	status  Status // of the rule set that version names
}

// publish announces the next version and its status. Only the goroutine of
// the feed calls it.
func (h *health) publish(s Status) {
	h.version.Add(1)
	h.status = s
}

// since returns the version in force and its status, and whether it is newer
// than the version that the caller knows.
func (h *health) since(known uint64) (version uint64, s Status, newer bool) {
	version = h.version.Load()
	if version == known {
		return version, 0, false
	}
	return version, h.status, true
}
