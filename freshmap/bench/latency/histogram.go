// Package latency counts durations of single operations without allocating.
//
// A [Histogram] is log-linear: 64 buckets for each power of two, so a
// quantile is too high by at most one part in 64. The maximum is exact. A
// histogram is filled by one goroutine.
package latency

import "math/bits"

const (
	subBits = 6
	sub     = 1 << subBits
	rows    = 64 - subBits
)

// A Histogram counts durations in nanoseconds. The zero value is empty.
type Histogram struct {
	counts [(rows + 1) * sub]uint64
	n      uint64
	max    uint64
}

// Record counts one duration. A negative one, from a clock that went back,
// counts as zero.
func (h *Histogram) Record(ns int64) {
	v := uint64(max(ns, 0))
	h.counts[bucket(v)]++
	h.n++
	if v > h.max {
		h.max = v
	}
}

// Count returns how many durations were recorded.
func (h *Histogram) Count() uint64 { return h.n }

// Max returns the longest duration.
func (h *Histogram) Max() int64 { return int64(h.max) }

// Quantile returns the smallest bucket bound that at least the share q of all
// durations does not exceed, and never more than [Histogram.Max].
func (h *Histogram) Quantile(q float64) int64 {
	if h.n == 0 {
		return 0
	}
	rank := uint64(q * float64(h.n))
	if float64(rank) < q*float64(h.n) || rank == 0 {
		rank++
	}
	var seen uint64
	for i, c := range h.counts {
		if seen += c; seen >= rank {
			return int64(min(upper(i), h.max))
		}
	}
	return int64(h.max)
}

// bucket is the place of a value: exact below sub, then sub buckets for each
// power of two.
func bucket(v uint64) int {
	if v < sub {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - subBits
	return (shift+1)<<subBits + int(v>>shift) - sub
}

// upper is the largest value in a bucket.
func upper(i int) uint64 {
	if i < sub {
		return uint64(i)
	}
	shift := i>>subBits - 1
	return uint64(i&(sub-1)+sub+1)<<shift - 1
}
