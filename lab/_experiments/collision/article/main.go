// Article checks what the article says about the hash of its Python program. It
// computes the hash of a str as CPython 3.11 and later do: SipHash-1-3, with a
// key drawn from PYTHONHASHSEED (Python/bootstrap_hash.c, lcg_urandom, and
// Python/pyhash.c). Without that variable the key is random in each process.
package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"os"
	"strconv"
)

// known are values of python3.11 -c 'print(hash("user:1001"))' and of
// "session:abcde", by PYTHONHASHSEED.
var known = map[uint32][2]int64{
	0: {-7761950290037552437, -7349126754480353018},
	1: {-6909338260276245178, -3583348374129697453},
	7: {9074010227982892765, -2510015412695593767},
}

const user, session = "user:1001", "session:abcde"

func main() {
	for seed, want := range known {
		k := keyOf(seed)
		if k.hash(user) != want[0] || k.hash(session) != want[1] {
			fmt.Println("cannot go on: this is not the hash of Python")
			os.Exit(1)
		}
	}

	// The article asserts that both keys are in bucket 23.
	const seeds = 200000
	both, same := 0, 0
	for s := uint32(0); s < seeds; s++ {
		k := keyOf(s)
		a, b := k.hash(user)&63, k.hash(session)&63
		if a == b {
			same++
			if a == 23 {
				both++
			}
		}
	}
	fmt.Printf("of %d hash seeds %d put both keys into bucket 23 (expected 1 in 4096: %.1f), %d into one bucket (1 in 64: %.0f)\n",
		seeds, both, seeds/4096.0, same, seeds/64.0)
	zero := keyOf(0)
	fmt.Printf("with PYTHONHASHSEED=0 they are in buckets %d and %d\n", zero.hash(user)&63, zero.hash(session)&63)
	fmt.Println("seeds =", seeds)
	fmt.Println("seeds_with_both_in_23 =", both)
	fmt.Println("seeds_with_one_bucket =", same)
	fmt.Println("seed_0_agrees =", zero.hash(user)&63 == 23 && zero.hash(session)&63 == 23)

	// & 63 and % 64.
	unsigned, floored, truncated := true, true, true
	for i := int64(-1000); i < 1000; i++ {
		h := i * 0x1e3779b97f4a7c15 // wraps, on purpose
		unsigned = unsigned && uint64(h)&63 == uint64(h)%64
		floored = floored && h&63 == ((h%64)+64)%64 // Python's % is never negative here
		truncated = truncated && h&63 == h%64
	}
	fmt.Println("and_63_is_mod_64_unsigned =", unsigned)
	fmt.Println("and_63_is_mod_64_python =", floored)
	fmt.Println("and_63_is_mod_64_go_signed =", truncated)

	// "Collision rate (v1): 12.7 %, 10k keys", in 64 buckets: as a rate of pairs, and
	// of keys that share their bucket.
	const n = 10000
	lowPairs, highPairs, lowKeys := 100.0, 0.0, 100.0
	for s := uint32(0); s < 20; s++ {
		k := keyOf(s)
		var bucket [64]int
		for i := 0; i < n; i++ {
			bucket[k.hash("user:"+strconv.Itoa(i))&63]++
		}
		pairs, sharing := 0, 0
		for _, b := range bucket {
			pairs += b * (b - 1) / 2
			if b > 1 {
				sharing += b
			}
		}
		p := 100 * float64(pairs) / float64(n*(n-1)/2)
		lowPairs, highPairs = math.Min(lowPairs, p), math.Max(highPairs, p)
		lowKeys = math.Min(lowKeys, 100*float64(sharing)/n)
	}
	fmt.Printf("%d keys, 20 seeds: %.2f to %.2f %% of the pairs of keys share a bucket (1 in 64 is %.2f %%), and at least %.0f %% of the keys\n",
		n, lowPairs, highPairs, 100/64.0, lowKeys)
	fmt.Printf("pairs_percent_min = %.2f\n", lowPairs)
	fmt.Printf("pairs_percent_max = %.2f\n", highPairs)
	fmt.Printf("keys_percent_min = %.1f\n", lowKeys)
	// A key shares its bucket with one of n-1 others with 1 - (63/64)^(n-1).
	fmt.Printf("keys_for_12_7_percent = %.1f\n", 1+math.Log(1-0.127)/math.Log(63.0/64))
}

type secret struct{ k0, k1 uint64 }

// keyOf is lcg_urandom: the first 16 bytes are the key of str.
func keyOf(seed uint32) secret {
	if seed == 0 {
		return secret{} // randomisation is off
	}
	var b [16]byte
	x := seed
	for i := range b {
		x = x*214013 + 2531011
		b[i] = byte(x >> 16)
	}
	return secret{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])}
}

// hash is SipHash-1-3 of an ASCII string: one round a word, three at the end.
func (k secret) hash(s string) int64 {
	v0, v1 := k.k0^0x736f6d6570736575, k.k1^0x646f72616e646f6d
	v2, v3 := k.k0^0x6c7967656e657261, k.k1^0x7465646279746573
	round := func() {
		v0 += v1
		v1 = bits.RotateLeft64(v1, 13) ^ v0
		v0 = bits.RotateLeft64(v0, 32)
		v2 += v3
		v3 = bits.RotateLeft64(v3, 16) ^ v2
		v0 += v3
		v3 = bits.RotateLeft64(v3, 21) ^ v0
		v2 += v1
		v1 = bits.RotateLeft64(v1, 17) ^ v2
		v2 = bits.RotateLeft64(v2, 32)
	}
	last := uint64(len(s)) << 56
	for ; len(s) >= 8; s = s[8:] {
		w := binary.LittleEndian.Uint64([]byte(s[:8]))
		v3 ^= w
		round()
		v0 ^= w
	}
	for i := 0; i < len(s); i++ {
		last |= uint64(s[i]) << (8 * i)
	}
	v3 ^= last
	round()
	v0 ^= last
	v2 ^= 0xff
	round()
	round()
	round()
	h := int64(v0 ^ v1 ^ v2 ^ v3)
	if h == -1 {
		return -2 // Python keeps -1 for errors
	}
	return h
}
