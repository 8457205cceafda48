//go:build !unix

package bench

import "github.com/ghostread/ghostread/freshmap/bench/latency"

// cpuTime is the time on the clock where a process cannot ask for its
// processor time.
func cpuTime() int64 { return latency.Wall() }
