package inspect

import (
	"bytes"
	"errors"
)

// extent is n bytes at an address.
type extent struct {
	addr uint64
	n    int
	id   int // for whoever wants it
}

// A batch is memory that is copied at once.
type batch struct {
	want []extent // ascending by address
	data [][]byte // what is at each; nil where it cannot be read
	room []byte
	bufs [][]byte // pieces that are copied as one
	at   []uint64
	upto []int // by piece: the number of the extent after its last one
}

// gap is up to how many bytes between two extents are copied along with them:
// that takes less time than another piece for the kernel. It is below the size
// of a page, so no page is touched that has nothing wanted.
const gap = 1 << 11

// longest is the longest piece that extents are joined to.
const longest = 1 << 20

func (b *batch) reset() { b.want = b.want[:0] }

func (b *batch) add(addr uint64, n int) { b.want = append(b.want, extent{addr: addr, n: n}) }

// fetch copies what is wanted, with as few system calls as there are times
// maxVector pieces. The copies are valid until the next call. The error is
// errGone or nil.
func (b *batch) fetch(from memory) error {
	b.data, b.bufs, b.at, b.upto = b.data[:0], b.bufs[:0], b.at[:0], b.upto[:0]
	// run returns the end of the piece that begins with extent i, and the extent
	// after it.
	run := func(i int) (to uint64, next int) {
		from := b.want[i].addr
		to = from + uint64(b.want[i].n)
		for next = i + 1; next < len(b.want); next++ {
			e := b.want[next]
			end := max(to, e.addr+uint64(e.n))
			if e.addr < from || e.addr > to+gap || end-from > longest {
				break
			}
			to = end
		}
		return to, next
	}
	total := uint64(0)
	for i := 0; i < len(b.want); {
		to, next := run(i)
		total += to - b.want[i].addr
		i = next
	}
	if total > uint64(len(b.room)) {
		b.room = make([]byte, max(total, min(2*total, longest)))
	}
	room := b.room
	for i := 0; i < len(b.want); {
		to, next := run(i)
		start := b.want[i].addr
		piece := room[: to-start : to-start]
		room = room[to-start:]
		b.bufs, b.at, b.upto = append(b.bufs, piece), append(b.at, start), append(b.upto, next)
		for _, e := range b.want[i:next] {
			off := e.addr - start
			b.data = append(b.data, piece[off:off+uint64(e.n):off+uint64(e.n)])
		}
		i = next
	}
	for i := 0; i < len(b.bufs); i += maxVector {
		end := min(i+maxVector, len(b.bufs))
		if err := from.read(b.bufs[i:end], b.at[i:end]); errors.Is(err, errGone) {
			return err
		} else if err != nil {
			if err := b.singly(from, b.at[i], b.at[end-1]+uint64(len(b.bufs[end-1]))); err != nil {
				return err
			}
		}
	}
	return nil
}

// singly reads each of the extents from lo to hi by itself, since together they
// could not be read.
func (b *batch) singly(from memory, lo, hi uint64) error {
	for i, e := range b.want {
		if e.addr < lo || e.addr >= hi {
			continue
		}
		if err := from.read([][]byte{b.data[i]}, []uint64{e.addr}); errors.Is(err, errGone) {
			return err
		} else if err != nil {
			b.data[i] = nil
		}
	}
	return nil
}

// compare copies all of it again, into room of at least longest bytes, and calls changed with the id of
// each extent that is not the same as before. The error is errGone or nil.
func (b *batch) compare(from memory, room []byte, changed func(id int)) error {
	first := 0 // extent
	for i := 0; i < len(b.bufs); {
		if long := b.bufs[i]; len(long) > len(room) { // it has one extent
			same, err := equal(from, room, long, b.at[i])
			if err != nil {
				return err
			}
			if !same {
				changed(b.want[first].id)
			}
			first = b.upto[i]
			i++
			continue
		}
		var bufs [maxVector][]byte
		n, left := 0, room
		for i+n < len(b.bufs) && n < maxVector && len(b.bufs[i+n]) <= len(left) {
			size := len(b.bufs[i+n])
			bufs[n], left = left[:size], left[size:]
			n++
		}
		err := from.read(bufs[:n], b.at[i:i+n])
		if errors.Is(err, errGone) {
			return err
		}
		for piece, again := range bufs[:n] {
			for ; first < b.upto[i+piece]; first++ {
				e := &b.want[first]
				off := e.addr - b.at[i+piece]
				if b.data[first] != nil && (err != nil || !bytes.Equal(b.data[first], again[off:off+uint64(e.n)])) {
					changed(e.id)
				}
			}
		}
		i += n
	}
	return nil
}

// equal reports whether what is at addr is want. It reads through room.
func equal(from memory, room, want []byte, addr uint64) (bool, error) {
	for len(want) > 0 {
		n := min(len(want), len(room))
		if err := from.read([][]byte{room[:n]}, []uint64{addr}); err != nil {
			if errors.Is(err, errGone) {
				return false, err
			}
			return false, nil
		}
		if !bytes.Equal(want[:n], room[:n]) {
			return false, nil
		}
		want, addr = want[n:], addr+uint64(n)
	}
	return true, nil
}
