package freshmap

import (
	"sync/atomic"
	"unsafe"
)

// A directory leads from the first bits of a hash to a segment. It has an entry
// for each value of these bits; a segment of fewer bits has several entries.
//
// When a segment needs more bits than the directory has, a directory of twice
// the size takes its place. Its entries are filled later, in small steps; until
// then an entry that is nil means the one of the directory before.
type directory struct {
	shift    uint
	blocks   []unsafe.Pointer // what readers need, atomic
	segments []atomic.Pointer[segment]
	before   atomic.Pointer[directory]
	filled   int // entries before it are filled; guarded by Map.structure
}

// rootAlign leaves room in the low bits of the pointer to a directory for 64
// shifts, in units of a pointer.
const rootAlign = 64 * unsafe.Sizeof(uintptr(0))

func newDirectory(bits uint) *directory {
	const word = unsafe.Sizeof(uintptr(0))
	n, shift := 1<<bits, 64-bits
	raw := make([]unsafe.Pointer, n+int(shift)+int(rootAlign/word))
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(raw))) % rootAlign / word)
	from := skip + int(shift)
	return &directory{
		shift:    shift,
		blocks:   raw[from : from+n],
		segments: make([]atomic.Pointer[segment], n),
	}
}

// root returns a pointer to the blocks of the directory. They begin as many
// pointers behind an aligned address as the shift says, so one load gives a
// reader both.
func (d *directory) root() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(d.blocks)) }

func (d *directory) bits() uint { return 64 - d.shift }

// blockUnder returns the block for a hash, or nil if the directory with this
// root does not have it yet.
func blockUnder(root unsafe.Pointer, h uint64) block {
	const word = unsafe.Sizeof(uintptr(0))
	shift := uintptr(root) / word & 63
	return atomic.LoadPointer((*unsafe.Pointer)(unsafe.Add(root, uintptr(h>>shift)*word)))
}

func (d *directory) segment(h uint64) *segment {
	for {
		if s := d.segments[h>>d.shift].Load(); s != nil {
			return s
		}
		// When there is nothing before any more, the entry has been filled.
		if before := d.before.Load(); before != nil {
			return before.segment(h)
		}
	}
}

// put makes the entries of the segment's range lead to it.
func (d *directory) put(s *segment) {
	from := s.prefix >> d.shift
	for i := range uint64(1) << (d.bits() - uint(s.depth)) {
		d.segments[from+i].Store(s)
		atomic.StorePointer(&d.blocks[from+i], s.block)
	}
}

// fill fills up to n of the entries that are nil and reports whether more are
// left. The caller holds Map.structure.
func (d *directory) fill(n int) bool {
	before := d.before.Load()
	if before == nil {
		return false
	}
	for ; d.filled < len(d.segments) && n > 0; d.filled++ {
		n--
		if d.segments[d.filled].Load() == nil {
			s := before.segment(uint64(d.filled) << d.shift)
			d.segments[d.filled].Store(s)
			atomic.StorePointer(&d.blocks[d.filled], s.block)
		}
	}
	if d.filled < len(d.segments) {
		return true
	}
	d.before.Store(nil)
	return false
}

// blockOf returns the block for a hash. The caller knows that the map has one.
func (m *Map[K, V]) blockOf(h uint64) block {
	if b := blockUnder(atomic.LoadPointer(&m.root), h); b != nil {
		return b
	}
	return m.segmentOf(h).block
}

func (m *Map[K, V]) segmentOf(h uint64) *segment { return m.directory.Load().segment(h) }

// install makes d the directory. The caller holds Map.structure.
func (m *Map[K, V]) install(d *directory) {
	m.directory.Store(d)
	if m.fastPath() {
		atomic.StorePointer(&m.fast, d.root())
	}
	atomic.StorePointer(&m.root, d.root())
}

// resize installs a directory of one bit more or less, to be filled later. The
// caller holds Map.structure.
func (m *Map[K, V]) resize(bits uint) {
	old := m.directory.Load()
	old.fill(len(old.segments))
	d := newDirectory(bits)
	d.before.Store(old)
	m.install(d)
	m.enqueue(task{run: func() outcome {
		m.structure.Lock()
		defer m.structure.Unlock()
		if d.fill(fillStep) {
			return more
		}
		return finished
	}})
}

// replace puts segments in the place of others that cover the same range. The
// caller holds the stripes of the range.
func (m *Map[K, V]) replace(old, with [2]*segment) {
	m.structure.Lock()
	defer m.structure.Unlock()
	for uint(with[0].depth) > m.directory.Load().bits() {
		m.resize(m.directory.Load().bits() + 1)
	}
	d := m.directory.Load()
	for _, s := range with {
		if s != nil {
			d.put(s)
			m.depths[s.depth]++
			m.segments++
		}
	}
	for _, s := range old {
		if s != nil {
			m.depths[s.depth]--
			m.segments--
		}
	}
	m.keepReserve(m.segments)
	if bits := d.bits(); bits > 1 && m.depths[bits] == 0 && m.depths[bits-1] == 0 {
		m.resize(bits - 1)
	}
}

// mayDeepen reports whether a segment of a depth may be split in two. The
// directory must not grow out of proportion when many hashes begin alike.
func (m *Map[K, V]) mayDeepen(depth uint8) bool {
	m.structure.Lock()
	defer m.structure.Unlock()
	return uint(depth) < m.directory.Load().bits() || depth < 48 && 1<<(depth+1) <= 64*max(m.segments, 4)
}
