package inspect

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// floodBytes is how much of a large map is in our memory at a time, where its
// groups or buckets need not be kept.
const floodBytes = 1 << 23

// divide divides buckets of a classic map, from part from on, that are longer
// than what is kept at a time.
func (c *copier) divide(r *copying, from int) {
	if r.classic == nil {
		return // the groups of a table are few
	}
	stride := int(r.classic.bucket)
	most := max(cmp.Or(c.flood, floodBytes)/stride, 1) * stride
	whole := slices.Clone(c.parts[from:])
	c.parts = c.parts[:from]
	for _, p := range whole {
		for ; p.n > most && (p.what == roleBody || p.what == roleOld); p.n -= most {
			some := p
			some.n = most
			c.parts = append(c.parts, some)
			p.addr += uint64(most)
		}
		c.parts = append(c.parts, p)
	}
}

// flow looks at the parts from from to to of a map that is too large to keep, a
// window of them at a time. The first time it counts them, hands them to sink,
// and keeps a sum of each; again, it compares the sums. It returns false if the
// process has exited.
//
// The sums have 64 bits and a random seed: that a part which has changed has
// the sum of before is as likely as guessing a number of 64 bits.
func (c *copier) flow(r *copying, from, to int, again bool) bool {
	if c.seed == (maphash.Seed{}) {
		c.seed = maphash.MakeSeed()
	}
	most := cmp.Or(c.flood, floodBytes)
	b := &c.window
	for i := from; i < to; {
		b.reset()
		for size := 0; i < to && (size == 0 || size+c.parts[i].n <= most); i++ {
			b.want = append(b.want, extent{c.parts[i].addr, c.parts[i].n, i})
			size += c.parts[i].n
		}
		slices.SortFunc(b.want, func(a, b extent) int { return cmp.Compare(a.addr, b.addr) })
		if b.fetch(c.t.raw) != nil {
			return false
		}
		for n, e := range b.want {
			data, p := b.data[n], c.parts[e.id]
			sum := maphash.Bytes(c.seed, data)
			if again {
				c.parts[e.id].changed = data == nil || sum != p.sum
				continue
			}
			c.parts[e.id].flowed, c.parts[e.id].sum = true, sum
			switch {
			case data == nil:
				r.bad = true
			case r.swiss != nil:
				c.table(r, e.id-from, data)
			default:
				r.bad = r.bad || !c.chains(r, p, data)
			}
			if data != nil && (p.what == roleBody || p.what == roleOld) {
				c.sink(piece{p.addr, data})
			}
		}
	}
	return true
}
