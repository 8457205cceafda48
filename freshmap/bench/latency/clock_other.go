//go:build !linux

package latency

// Thread is [Wall] where the processor time of a thread cannot be had.
func Thread() int64 { return Wall() }
