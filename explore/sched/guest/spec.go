//go:build ghostread_guest

package guest

import (
	"internal/ghostread/wire"
	"strings"
)

// broken offers what package explore/spec of the tested program has seen: an
// invariant that does not hold, a history that no order explains. Its report
// begins with a line that names the cause; "undecided" is no cause.
func (l *loop) broken(c *config) {
	if strings.HasPrefix(c.report, wire.UndecidedReport) {
		l.cutShort(c, wire.Undecided)
		return
	}
	l.leaked += int(c.goroutines)
	if key := brokenKey(c); l.fresh(key) {
		l.candidate("broken", key, wire.Record{})
	}
}

// brokenKey is the same for reports of one cause. That of an invariant has the
// place whose step broke it.
func brokenKey(c *config) uint64 {
	cause, _, _ := strings.Cut(c.report, "\n")
	if strings.HasPrefix(cause, wire.InvariantReport) || c.report == "" {
		return hash(hashString(13, cause+c.waits), uint64(c.reportPC), 0)
	}
	return hashString(13, cause)
}
