//go:build ghostread_guest

package guest

import (
	"internal/ghostread/wire"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// blocks hands out the numbers of the executions that this process makes. It
// goes through them a block at a time (wire.BlockOf); with tickets, a block
// that is begun is taken from all processes that share the file.
type blocks struct {
	n, end uint64 // the next execution; the last one of its block
	last   uint64
	until  int64
	grace  int64
	ticket *uint64 // the next block that nobody has taken; nil if there is one process
	begun  bool
}

// newBlocks returns the blocks of a job, which begin with the rest of the one
// that its first execution is in. First is 0 if there is no rest.
func newBlocks(j *wire.Job) (*blocks, error) {
	b := &blocks{n: max(j.First, 1), last: j.Last, until: j.Until, grace: j.Grace}
	if j.First != 0 {
		b.end = wire.BlockEnd(wire.BlockOf(j.First))
	}
	if j.Tickets == "" {
		return b, nil
	}
	f, err := os.OpenFile(j.Tickets, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := syscall.Mmap(int(f.Fd()), 0, wire.HeaderBytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap tickets", err)
	}
	b.ticket = (*uint64)(unsafe.Pointer(&m[0]))
	return b, nil
}

// next returns the number of the next execution, and whether this process
// begins a block, or the rest of one, with it; ok is false if there is no more to do, or no time.
// There is always time for one.
func (b *blocks) next() (n uint64, begins, ok bool) {
	first := !b.begun
	if !first && b.until != 0 {
		if late := time.Now().UnixNano() - b.until; late > 0 && (b.whole() || late > b.grace) {
			return 0, false, false
		}
	}
	b.begun = true
	if begins = first || b.whole(); b.whole() {
		k := b.end / wire.Block
		if b.ticket != nil {
			k = atomic.AddUint64(b.ticket, 1) - 1
		}
		b.n, b.end = k*wire.Block+1, wire.BlockEnd(k)
	}
	if b.n > b.last {
		return 0, false, false
	}
	b.n++
	return b.n - 1, begins, true
}

// whole reports whether the next execution is the first of a block.
func (b *blocks) whole() bool { return b.n > b.end }

// more reports whether another execution may follow that has a number of this
// process.
func (b *blocks) more() bool { return b.n <= b.last || b.ticket != nil }
