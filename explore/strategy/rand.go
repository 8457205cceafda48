package strategy

import "math/bits"

// rng is SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): eight bytes of state,
// every seed is a good one, and streams of neighbouring seeds are unrelated,
// which matters because executions are seeded with consecutive numbers.
type rng uint64

func (r *rng) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	return mix(uint64(*r))
}

// below returns a number in [0, n), or 0 if n is 0. The bias of the
// multiplication (Lemire 2019, without its rejection step) is below n/2^64.
func (r *rng) below(n uint64) uint64 {
	hi, _ := bits.Mul64(r.next(), n)
	return hi
}

// mix is SplitMix64's finaliser: a permutation in which each input bit turns
// about half of the output bits.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
