package inspect

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"
	"sync/atomic"
)

const (
	floodBytes  = 1 << 23 // larger maps are not kept, where their groups or buckets need not be
	windowBytes = 1 << 18 // of such a map that each goroutine has at a time: what the cache of a CPU has room for
)

// looker looks at the groups or buckets of a map while they are copied, so that
// they need not be kept.
type looker interface {
	// begin is called before a stage of r is looked at, by as many goroutines as
	// hands says. If the map is read once more, so is that.
	begin(r *copying, hands int)
	// look gets a part and its bytes, which are valid during the call. It is called
	// concurrently with different hands, from 0 on, and in no order.
	look(hand int, p *section, data []byte)
}

// window returns how much is copied at a time of what is not kept.
func (c *copier) window() int { return min(cmp.Or(c.flood, floodBytes), windowBytes) }

// divide divides buckets of a classic map, from part from on, that are longer
// than a window.
func (c *copier) divide(r *copying, from int) {
	if r.classic == nil {
		return // the groups of a table are few
	}
	stride := int(r.classic.bucket)
	some := max(c.window()/stride, 1)
	whole := slices.Clone(c.parts[from:])
	c.parts = c.parts[:from]
	for _, p := range whole {
		for most := some * stride; p.n > most && (p.what == roleBody || p.what == roleOld); p.n -= most {
			first := p
			first.n = most
			c.parts = append(c.parts, first)
			p.addr += uint64(most)
			p.chain += uint32(some)
		}
		c.parts = append(c.parts, p)
	}
}

// flow looks at the parts from from to to of a map that is not kept, a window of
// them at a time, divided among as many goroutines as c.hands says. The first time
// it counts them, shows them to the looker, and keeps a sum of each; again, it
// compares the sums. It returns false if the process has exited. What it finds
// does not depend on the number of goroutines.
//
// The sums have 64 bits and a random seed: that a part which has changed has
// the sum of before is as likely as guessing a number of 64 bits.
func (c *copier) flow(r *copying, from, to int, again bool) bool {
	if c.seed == (maphash.Seed{}) {
		c.seed = maphash.MakeSeed()
	}
	begins := []int{from} // of windows, and the end of the last one
	for i := from; i < to; {
		for size := 0; i < to && (size == 0 || size+c.parts[i].n <= c.window()); i++ {
			size += c.parts[i].n
		}
		begins = append(begins, i)
	}
	n := len(begins) - 1
	hands := min(max(c.hands, 1), n)
	for len(c.windows) < hands {
		c.windows = append(c.windows, batch{})
	}
	links := make([][]link, n)
	if !again {
		c.looker.begin(r, hands)
	}
	var unread atomic.Bool
	if !divided(n, hands, func(hand, k int) bool {
		b := &c.windows[hand]
		b.reset()
		for i := begins[k]; i < begins[k+1]; i++ {
			b.want = append(b.want, extent{c.parts[i].addr, c.parts[i].n, i})
		}
		slices.SortFunc(b.want, func(a, b extent) int { return cmp.Compare(a.addr, b.addr) })
		if b.fetch(c.t.raw) != nil {
			return false
		}
		for n, e := range b.want {
			c.parts[e.id].data = b.data[n]
		}
		for i := begins[k]; i < begins[k+1]; i++ { // in their order, that links have too
			p := &c.parts[i]
			data := p.data
			p.data = nil
			if again {
				p.changed = data == nil || maphash.Bytes(c.seed, data) != p.sum
				continue
			}
			if p.flowed = true; data == nil {
				unread.Store(true)
				continue
			}
			p.sum = maphash.Bytes(c.seed, data)
			if r.swiss != nil {
				p.countGroups(r.swiss, data)
			} else {
				links[k] = p.countBuckets(r.classic, data, links[k])
			}
			if p.what == roleBody || p.what == roleOld {
				c.looker.look(hand, p, data)
			}
		}
		return true
	}) {
		return false
	}
	if !again {
		r.bad = r.bad || unread.Load()
		c.links = slices.Concat(links...)
	}
	return true
}

// first copies the groups or buckets with the first n entries of a map that was
// copied, all of them if n < 0. It reports whether they are still what was looked
// at. They are valid until the next call.
func (c *copier) first(r *copying, n int) (list []piece, same bool) {
	var parts []*section
	b := &c.more
	b.reset()
	for p := range c.body(r) {
		if n == 0 {
			break
		}
		if n > 0 {
			n -= int(min(p.full, uint64(n)))
		}
		b.want = append(b.want, extent{p.addr, p.n, len(parts)})
		parts = append(parts, p)
	}
	slices.SortFunc(b.want, func(a, b extent) int { return cmp.Compare(a.addr, b.addr) })
	if b.fetch(c.t.raw) != nil {
		c.gone = true
		return nil, false
	}
	list, same = make([]piece, len(parts)), true
	for i, e := range b.want {
		p, data := parts[e.id], b.data[i]
		list[e.id] = piece{p.addr, data}
		if p.flowed {
			same = same && data != nil && maphash.Bytes(c.seed, data) == p.sum
		} else {
			same = same && bytes.Equal(data, p.data)
		}
	}
	return list, same
}
