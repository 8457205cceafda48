package detect

import "math/bits"

const (
	arenaChunkBits = 16 // 256 kB
	arenaChunk     = 1 << arenaChunkBits
	// arenaClasses: regions have 8, 16, ... 4,096 words.
	arenaClasses = 10
	// Objects and read vectors stop allocating at 32 MB, so that lanes, whose
	// clocks need 32 MB at the very most, never go without.
	arenaShared = 128
	arenaChunks = arenaShared + 144
)

// arena hands out clocks: regions of 32-bit words whose size is a power of
// two, at offsets that stay valid while it grows. Chunks are kept from run to
// run; a reset costs nothing.
type arena struct {
	next   uint32 // first unused word
	free   [arenaClasses]uint32
	chunks [arenaChunks]*[arenaChunk]uint32
}

// reset takes back all regions. Offset 0 is no region.
func (a *arena) reset() {
	a.next = 8
	a.free = [arenaClasses]uint32{}
}

// classOf returns the smallest class whose regions hold n words.
func classOf(n int) uint8 {
	if n <= 8 {
		return 0
	}
	return uint8(bits.Len32(uint32(n-1)) - 3)
}

// words returns the first n words of the region at off.
func (a *arena) words(off uint32, n int) []uint32 {
	lo := int(off & (arenaChunk - 1))
	return a.chunks[off>>arenaChunkBits][lo : lo+n : arenaChunk]
}

// get returns a region of the class, or 0 when chunks of them are in use. The
// words hold anything.
func (a *arena) get(class uint8, chunks uint32) uint32 {
	if off := a.free[class]; off != 0 {
		a.free[class] = a.words(off, 1)[0]
		return off
	}
	size := uint32(8) << class
	if a.next&(arenaChunk-1)+size > arenaChunk {
		a.next = (a.next | (arenaChunk - 1)) + 1
	}
	c := a.next >> arenaChunkBits
	if c >= chunks {
		return 0
	}
	if a.chunks[c] == nil {
		a.chunks[c] = new([arenaChunk]uint32)
	}
	off := a.next
	a.next += size
	return off
}

// put takes a region back.
func (a *arena) put(off uint32, class uint8) {
	a.words(off, 1)[0] = a.free[class]
	a.free[class] = off
}
