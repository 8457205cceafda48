package latency

import "time"

var start = time.Now()

// Wall returns nanoseconds since the process began. It is one read of the
// monotonic clock, about 20 ns on this machine.
func Wall() int64 { return int64(time.Since(start)) }

// Cost returns what two calls of a clock in a row measure, in nanoseconds:
// the middle of a thousand times.
func Cost(now func() int64) int64 {
	var h Histogram
	for range 1000 {
		a := now()
		h.Record(now() - a)
	}
	return h.Quantile(0.5)
}
