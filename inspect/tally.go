package inspect

import (
	"encoding/binary"
	"math/bits"
	"reflect"
	"sync"
)

// tally looks at each slot of a map while it is copied. What it finds does not
// depend on the number of goroutines that do: they add up whole numbers.
type tally struct {
	w       *walk
	shape   *shape
	at      [2][groupSlots]int // where keys and elements are in a group or bucket; -1 where the DWARF is damaged
	size    [2]int             // of them
	special bool               // a key may have a NaN
	lock    sync.Mutex         // of what keys lead to
	hands   []counts

	// Of a classic map with up to MaxSlots slots, by chain: slots with an entry, and
	// overflow buckets.
	entries, length []uint32
	stage           int // 1 of the buckets, 2 of the first overflow buckets, and so on
}

// counts is what one goroutine has counted.
type counts struct {
	full    [groupSlots + 1]int // groups or buckets by how many of their slots have an entry
	control [256]int            // control bytes or top hashes of slots with an entry
	left    [2]int              // of slots without an entry, keys and elements that can be read
	nan     int
	groups  int // of Swiss tables
	looks   int // groups that look-ups look at which begin at each of them; of a classic map, buckets for each entry
	worst   int
	home    int // entries that are in the first group, or bucket, that a look-up comes to

	// Of the groups of one table: entries, those with an empty slot, and those to
	// which a probe sequence leads from another one.
	used, ends, led []uint8
}

func newTally(w *walk, s *shape) *tally {
	t := &tally{w: w, shape: s, special: mayDiffer(s.slots[0].t, 0)}
	for k, f := range s.slots {
		t.size[k] = int(f.t.Size)
		for i := range t.at[k] {
			off := f.off + int64(i)*f.stride
			if off < 0 || f.t.Size < 0 || off > s.stride-f.t.Size {
				off = -1
			}
			t.at[k][i] = int(off)
		}
	}
	return t
}

// reset forgets what was found.
func (t *tally) reset() { t.hands, t.entries, t.length = t.hands[:0], nil, nil }

func (t *tally) begin(r *copying, hands int) {
	for len(t.hands) < hands {
		t.hands = append(t.hands, counts{})
	}
	if t.stage = len(r.stages) - 1; r.classic != nil && t.stage == 1 && r.now.Slots <= MaxSlots {
		n := r.now.Slots / groupSlots
		t.entries, t.length = make([]uint32, n), make([]uint32, n)
	}
}

const (
	highBits = 0x8080808080808080
	lowBits  = 0x0101010101010101
)

func (t *tally) look(hand int, p *section, data []byte) {
	c, sh := &t.hands[hand], t.shape
	n := int(int64(len(data)) / sh.stride)
	if sh.swiss != nil && len(c.used) < n {
		c.used, c.ends, c.led = make([]uint8, n), make([]uint8, n), make([]uint8, n)
	}
	at, squares := sh.control(), 0
	for k := range n {
		b := data[int64(k)*sh.stride : int64(k+1)*sh.stride]
		word := binary.LittleEndian.Uint64(b[at:])
		mask := sh.fullOnes(word)
		full := bits.OnesCount64(mask)
		c.full[full]++
		for m := mask; m != 0; m &= m - 1 {
			c.control[byte(word>>(bits.TrailingZeros64(m)&^7))]++
		}
		if t.special {
			c.nan += t.nans(b, mask)
		}
		for m := mask ^ highBits; m != 0; m &= m - 1 {
			i := bits.TrailingZeros64(m) / 8
			for k := range 2 {
				if off := t.at[k][i]; off >= 0 {
					c.left[k] += sh.left(k, b[off:off+t.size[k]])
				}
			}
		}
		if sh.swiss != nil {
			// A deleted slot has bit 1 too.
			c.used[k], c.ends[k] = uint8(full), uint8(min(word&highBits&^(word<<6), 1))
			squares += full * full
		} else if chain := int(p.chain) + k; p.what == roleBody && chain < len(t.entries) {
			t.entries[chain] += uint32(full)
			c.looks += full * t.stage
			if t.stage == 1 {
				c.home += full
			} else {
				t.length[chain]++
			}
		}
	}
	if p.squares = uint32(squares); sh.swiss != nil {
		c.probes(n)
	}
}

// fullOnes has the highest bit of each byte set whose slot has an entry, of the
// control bytes of a group or the top hashes of a bucket.
func (s *shape) fullOnes(word uint64) uint64 {
	if s.swiss != nil {
		return ^word & highBits
	}
	raised := (word | highBits) - minTopHash*lowBits // no byte borrows from the next one
	return (word | raised) & highBits
}

// nans counts the entries of a group or bucket whose keys are not equal to
// themselves.
func (t *tally) nans(b []byte, mask uint64) (n int) {
	t.lock.Lock()
	defer t.lock.Unlock()
	for m := mask; m != 0; m &= m - 1 {
		if off := t.at[0][bits.TrailingZeros64(m)/8]; off >= 0 && t.w.differs(t.shape.slots[0].t, b[off:off+t.size[0]], 0) {
			n++
		}
	}
	return n
}

// probes follows the probe sequences of a Swiss table with n groups. A look-up
// goes on from groups without an empty slot only, so an entry to which no
// sequence leads that begins at another group is in its first one
// (internal/runtime/maps/table.go).
func (c *counts) probes(n int) {
	if n == 0 || n&(n-1) != 0 {
		return // torn
	}
	used, ends, led := c.used[:n], c.ends[:n], c.led[:n]
	clear(led)
	for k := range used {
		at, seen := k, 1
		for step := 1; ends[at] == 0 && step < n; step++ {
			at = (at + step) & (n - 1)
			led[at] = 1
			seen++
		}
		c.looks += seen
		c.worst = max(c.worst, seen)
	}
	c.groups += n
	for k, x := range used {
		if led[k] == 0 {
			c.home += int(x)
		}
	}
}

// sum adds up what all have counted.
func (t *tally) sum() (sum counts) {
	for i := range t.hands {
		c := &t.hands[i]
		for n, x := range c.full {
			sum.full[n] += x
		}
		for b, x := range c.control {
			sum.control[b] += x
		}
		for k, x := range c.left {
			sum.left[k] += x
		}
		sum.nan += c.nan
		sum.groups += c.groups
		sum.looks += c.looks
		sum.worst = max(sum.worst, c.worst)
		sum.home += c.home
	}
	return sum
}

// left is 1 if something can be read in b, where the key (0) or the element (1)
// of a slot without an entry was. A string without its pointer is its length
// only: delete zeroes no more of it in maps up to Go 1.23.
func (s *shape) left(i int, b []byte) int {
	if s.slots[i].t.Kind == reflect.String && u64(b, 0) == 0 {
		return 0
	}
	return left(b)
}

// left is 1 if b has a byte that is not zero.
func left(b []byte) int {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b) != 0 {
			return 1
		}
	}
	for _, x := range b {
		if x != 0 {
			return 1
		}
	}
	return 0
}
