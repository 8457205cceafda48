package inspect

import (
	"encoding/binary"
	"errors"
	"slices"
)

// errGone ends everything: the process has exited.
var errGone = errors.New("the process has exited meanwhile")

// errReplaced ends everything too.
var errReplaced = errors.New("the process runs another program by now: it has called exec, or it has ended and its number was given again")

// errRefused ends everything too.
var errRefused = errors.New("the kernel does not let us read its memory (ptrace rules: see /proc/sys/kernel/yama/ptrace_scope): run ghostread as root or with CAP_SYS_PTRACE")

// memory is where a Target reads from. Several goroutines call read and mapped
// at a time, but not while one calls refresh.
type memory interface {
	// read fills each of bufs, maxVector at most, from its address, or fails.
	read(bufs [][]byte, addrs []uint64) error
	// mapped returns the readable addresses, ascending.
	mapped() []region
	// refresh looks anew at which those are. The error is errGone or errReplaced
	// if there is nothing to read any more.
	refresh() error
}

// maxVector is how many pieces are read with one call: below the kernel's
// limit of 1024.
const maxVector = 512

// region is a range of addresses, the end exclusive.
type region struct{ from, to uint64 }

// blockBytes is how much is copied at a time: below 64 KB the system call
// dominates.
const blockBytes = 1 << 16

// cacheBlocks bounds the blocks that are kept.
const cacheBlocks = 64

// cache reads memory in blocks and keeps some of them. A value in it may be
// older than what the process has now; what has to be of one moment is read
// past it. It must not be used concurrently.
type cache struct {
	from   memory
	blocks map[uint64]*block
	ring   []*block // all of them; the hand of a clock goes round
	hand   int
	last   *block
	err    error // errGone, once it was met
}

type block struct {
	at   uint64
	data []byte // shorter than blockBytes where there is nothing more
	used bool
}

func newCache(m memory) *cache { return &cache{from: m, blocks: map[uint64]*block{}} }

// block returns the block that has addr, nil if it cannot be read.
func (c *cache) block(addr uint64) *block {
	at := addr &^ (blockBytes - 1)
	if c.last != nil && c.last.at == at {
		return c.last
	}
	if b := c.blocks[at]; b != nil {
		b.used = true
		c.last = b
		return b
	}
	if c.err != nil {
		return nil
	}
	b := c.free()
	b.at, b.used = at, true
	lo, hi := c.clip(at)
	if lo == hi {
		b.data = b.data[:0]
	} else if b.data = b.data[:blockBytes]; c.from.read([][]byte{b.data[lo-at : hi-at]}, []uint64{lo}) != nil {
		clear(b.data)
		b.data = b.data[:0]
		if err := c.from.read([][]byte{make([]byte, 1)}, []uint64{lo}); errors.Is(err, errGone) {
			c.err = errGone
		}
	} else {
		clear(b.data[:lo-at])
		b.data = b.data[:hi-at]
	}
	c.blocks[at] = b
	c.last = b
	return b
}

// room returns how many bytes from addr on belong to one object of the heap or,
// outside of it, to one mapping. No value goes further. While the process is
// held objects are not looked at: they are those of some time before, and what
// is read then is not torn.
func (t *Target) room(addr uint64) uint64 {
	if !t.held() {
		if _, end, ok := t.heap.object(addr); ok {
			return end - addr
		}
	}
	list := t.raw.mapped()
	i, _ := slices.BinarySearchFunc(list, addr, func(r region, addr uint64) int {
		if r.to <= addr {
			return -1
		}
		return 1
	})
	if i == len(list) || addr < list[i].from {
		return 0
	}
	return list[i].to - addr
}

// clip returns what of the block at at is mapped: one range, since mappings
// of a Go heap are larger than blocks; of several the first.
func (c *cache) clip(at uint64) (lo, hi uint64) {
	list := c.from.mapped()
	i, _ := slices.BinarySearchFunc(list, at, func(r region, at uint64) int {
		if r.to <= at {
			return -1
		}
		return 1
	})
	if i == len(list) || list[i].from >= at+blockBytes {
		return at, at
	}
	lo = max(list[i].from, at)
	hi = min(list[i].to, at+blockBytes)
	for i++; i < len(list) && list[i].from == hi && hi < at+blockBytes; i++ {
		hi = min(list[i].to, at+blockBytes)
	}
	return lo, hi
}

// free returns a block to read into.
func (c *cache) free() *block {
	if len(c.ring) < cacheBlocks {
		b := &block{data: make([]byte, blockBytes)}
		c.ring = append(c.ring, b)
		return b
	}
	for c.ring[c.hand].used {
		c.ring[c.hand].used = false
		c.hand = (c.hand + 1) % len(c.ring)
	}
	b := c.ring[c.hand]
	c.hand = (c.hand + 1) % len(c.ring)
	delete(c.blocks, b.at)
	return b
}

// bytes returns n bytes at addr, which are valid until the next call; nil if
// they cannot be read.
func (c *cache) bytes(addr uint64, n int) []byte {
	if n <= 0 || addr == 0 || addr+uint64(n) < addr {
		return nil
	}
	b := c.block(addr)
	if b == nil {
		return nil
	}
	at := int(addr - b.at)
	if at+n <= len(b.data) {
		return b.data[at : at+n]
	}
	if at+n <= blockBytes {
		return nil // behind the end of what is mapped
	}
	out := make([]byte, 0, n)
	for len(out) < n {
		b := c.block(addr + uint64(len(out)))
		if b == nil {
			return nil
		}
		at := int(addr + uint64(len(out)) - b.at)
		if at >= len(b.data) {
			return nil
		}
		out = append(out, b.data[at:min(at+n-len(out), len(b.data))]...)
	}
	return out
}

// word returns the 8 bytes at addr; ok is false if they cannot be read.
func (c *cache) word(addr uint64) (v uint64, ok bool) {
	b := c.bytes(addr, 8)
	if b == nil {
		return 0, false
	}
	return binary.LittleEndian.Uint64(b), true
}

// number returns the unsigned number of size bytes at off, and 0 where there is
// none: offsets are the word of a DWARF that may be damaged.
func number(b []byte, off, size int64) uint64 {
	if off < 0 || off > int64(len(b))-size {
		return 0
	}
	switch size {
	case 1:
		return uint64(b[off])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b[off:]))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b[off:]))
	case 8:
		return binary.LittleEndian.Uint64(b[off:])
	}
	return 0
}

func u64(b []byte, off int64) uint64 {
	if off < 0 || off > int64(len(b))-8 {
		return 0
	}
	return binary.LittleEndian.Uint64(b[off:])
}

func u16(b []byte, off int64) uint64 { return number(b, off, 2) }
func u8(b []byte, off int64) uint64  { return number(b, off, 1) }
