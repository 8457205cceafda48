//go:build ghostread_guest

package guest

import (
	"internal/ghostread/event"
	"internal/ghostread/wire"
	"unsafe"
)

// seedOf returns the seed of execution n. A search over all schedules gives
// the program the same chances in each.
func (l *loop) seedOf(n uint64) uint64 {
	if l.all != nil {
		n = 1
	}
	return wire.SeedOf(l.job.Seed, n)
}

// learn tells the search over all schedules what the execution was, and
// reports whether that is through.
func (l *loop) learn(c *config) (done bool) {
	switch {
	case c.reason != wire.Done && c.reason != wire.Deadlock:
		l.all.Miss("an execution was cut short: " + wire.Reason(int(c.reason)))
	case c.external:
		l.all.Miss("network or system calls had a say")
	case c.loose:
		l.all.Miss("time went on while goroutines could run")
	case c.full:
		l.all.Miss("an execution is longer than the event log")
	}
	l.all.Learn(unsafe.Slice((*event.Event)(c.events), l.head.Events))
	if !l.all.Done() {
		return false
	}
	explored, redundant := l.all.Executions()
	send(wire.Record{Kind: "exhausted"}.Uint("explored", explored).Uint("redundant", redundant).With("gap", l.all.Gap()))
	return true
}
