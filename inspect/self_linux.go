package inspect

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// self is the memory of this process. The kernel copies it, so that a goroutine
// that writes meanwhile is no data race and an address that went away no fault.
type self struct {
	process
	file *os.File // /proc/self/mem

	// All that was copied, to be erased in the end: who looks for what is left
	// of deleted entries must not leave copies of it.
	lock   sync.Mutex
	filled [][]byte
}

// openSelf returns the memory of this process. close has to be called.
func openSelf() (*self, error) {
	s := &self{process: process{pid: os.Getpid()}}
	if err := s.refresh(); err != nil {
		return nil, fmt.Errorf("memory map of this process: %w", err)
	}
	var err error
	if s.file, err = os.Open("/proc/self/mem"); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *self) read(bufs [][]byte, addrs []uint64) error {
	s.lock.Lock()
	s.filled = append(s.filled, bufs...)
	s.lock.Unlock()
	return s.copy(bufs, addrs)
}

func (s *self) copy(bufs [][]byte, addrs []uint64) error {
	err := s.process.read(bufs, addrs)
	if !errors.Is(err, errRefused) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	// A container may forbid the system call (seccomp).
	for i, b := range bufs {
		if _, err := s.file.ReadAt(b, int64(addrs[i])); err != nil {
			return err
		}
	}
	return nil
}

func (s *self) close() {
	for _, b := range s.filled {
		clear(b)
	}
	s.filled = nil
	s.file.Close()
}

// each gives all readable memory around an address of the heap to f, in pieces
// of up to 4 MB that overlap by as many bytes. The piece is valid during the
// call; it lies outside of the memory that is read. The runtime lets the heap
// grow upwards from one place (runtime/malloc.go, mallocinit); what is further
// than half a terabyte from an object of it is others', such as the shadow of
// the race detector.
func (s *self) each(near uint64, overlap int, f func(addr uint64, piece []byte)) error {
	const size, far = 4 << 20, 1 << 39
	buf, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("%d bytes to search memory with: %w", size, err)
	}
	defer unix.Munmap(buf)
	for _, r := range s.mapped() { // as of before buf
		if r.to+far < near || near+far < r.from {
			continue
		}
		for at := r.from; at < r.to; {
			n := min(size, r.to-at)
			if s.copy([][]byte{buf[:n]}, []uint64{at}) == nil {
				f(at, buf[:n])
			}
			if at+n == r.to {
				break
			}
			at += n - uint64(overlap)
		}
	}
	return nil
}
