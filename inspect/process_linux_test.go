package inspect

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestReplaced notices that a process runs something else than before, and that
// it has ended.
func TestReplaced(t *testing.T) {
	runs, err := programOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	p := &process{pid: os.Getpid(), runs: runs}
	if err := p.refresh(); err != nil {
		t.Errorf("nothing has changed: got %v", err)
	}
	other := runs
	other.inode++
	elsewhere := runs
	elsewhere.entry++
	for _, before := range []program{other, elsewhere} {
		p.runs = before
		if err := p.refresh(); !errors.Is(err, errReplaced) {
			t.Errorf("it ran %+v and runs %+v: got %v", before, runs, err)
		}
	}
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Skip(err)
	}
	p.pid = cmd.Process.Pid
	if err := p.refresh(); !errors.Is(err, errGone) {
		t.Errorf("it has ended: got %v", err)
	}
}

// TestPopulated leaves out memory that was never written, and no other.
func TestPopulated(t *testing.T) {
	const size, written = 64 << 20, 40<<20 + 5000
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(b)
	if err := unix.Madvise(b, unix.MADV_NOHUGEPAGE); err != nil {
		t.Skip(err)
	}
	from := uint64(uintptr(unsafe.Pointer(&b[0])))
	b[written], b[size-1] = 1, 1
	p := &process{pid: os.Getpid()}
	if p.runs, err = programOf(p.pid); err != nil {
		t.Fatal(err)
	}
	if err := p.refresh(); err != nil {
		t.Fatal(err)
	}
	var all, there uint64
	has := map[uint64]bool{written: false, size - 1: false, 100: false}
	for _, r := range p.mapped() {
		all += r.to - r.from
	}
	last := uint64(0)
	for _, r := range p.populated() {
		if r.from < last || r.from >= r.to {
			t.Fatalf("%#x to %#x follows %#x", r.from, r.to, last)
		}
		last = r.to
		there += r.to - r.from
		for off := range has {
			has[off] = has[off] || r.from <= from+off && from+off < r.to
		}
	}
	if !has[written] || !has[size-1] || has[100] || there+size-1<<20 > all {
		t.Errorf("of 64 MB with two pages in use: got %v, %d bytes of %d", has, there, all)
	}
	runtime.KeepAlive(b)
}
