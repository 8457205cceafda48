package inspect

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// process is a live process, read while it runs.
type process struct {
	pid     int
	runs    program
	regions atomic.Pointer[[]region]
	anon    atomic.Pointer[[]region] // of those, memory that is of no file
	vectors sync.Pool                // of *vectors
}

// program says what a process runs, and where that was loaded.
type program struct{ device, inode, entry uint64 }

// programOf looks at what a process runs. The error is errGone if it has ended.
func programOf(pid int) (p program, err error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	var s unix.Stat_t
	if err = unix.Stat(filepath.Join(dir, "exe"), &s); err == nil {
		p.device, p.inode = uint64(s.Dev), s.Ino
		p.entry, err = entryOf(filepath.Join(dir, "auxv"))
	}
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return p, errGone
	}
	return p, err
}

// vectors is room for what the system call takes.
type vectors struct {
	local  []unix.Iovec
	remote []unix.RemoteIovec
}

// Attach opens the process with this id for reading. exe is the executable to
// take the DWARF from, "" for the one that the process runs. The process is
// not stopped and does not notice.
func Attach(pid int, exe string) (*Target, error) {
	if strconv.IntSize < 64 {
		return nil, errors.New("a 32-bit ghostread cannot name the addresses of 64-bit programs: use a 64-bit one")
	}
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("there is no process %d", pid)
	}
	if exe == "" {
		exe = filepath.Join(dir, "exe")
	}
	image, err := gobinary.Open(exe)
	if errors.Is(err, os.ErrPermission) {
		return nil, forbidden(pid, err)
	}
	if own := errors.Is(err, os.ErrNotExist); own && threadState(pid, pid) == "Z" {
		return nil, fmt.Errorf("process %d has ended, and waits for its parent to take notice of it (a zombie)", pid)
	} else if own && exe == filepath.Join(dir, "exe") {
		return nil, fmt.Errorf("process %d runs no program: it is a thread of the kernel, or has just ended", pid)
	}
	if err != nil {
		return nil, err
	}
	p := &process{pid: pid}
	if p.runs, err = programOf(pid); errors.Is(err, os.ErrPermission) {
		return nil, forbidden(pid, err)
	} else if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	t := &Target{Image: image, Name: fmt.Sprintf("process %d", pid), bias: p.runs.entry - image.Entry, raw: p}
	if err := t.probe(); err != nil {
		return nil, err
	}
	return t, nil
}

// forbidden says that the kernel does not let us look at a process.
func forbidden(pid int, err error) error {
	return fmt.Errorf("process %d belongs to somebody else, or is protected: run ghostread as its user, or as root with CAP_SYS_PTRACE: %w", pid, err)
}

// same returns an error unless the process runs what it ran when we attached.
func (p *process) same() error {
	if p.runs == (program{}) {
		return nil // this process
	}
	switch now, err := programOf(p.pid); {
	case err != nil:
		return err
	case now != p.runs:
		return errReplaced
	}
	return nil
}

// refresh reads which addresses the process has. It may be called while others
// read.
func (p *process) refresh() error {
	if err := p.same(); err != nil {
		return err
	}
	f, err := os.Open(filepath.Join("/proc", strconv.Itoa(p.pid), "maps"))
	if errors.Is(err, os.ErrNotExist) {
		return errGone
	}
	if err != nil {
		return fmt.Errorf("memory map of process %d: %w", p.pid, err)
	}
	defer f.Close()
	var list, anon []region
	s := bufio.NewScanner(f)
	for s.Scan() {
		bounds, rest, _ := strings.Cut(s.Text(), " ")
		lo, hi, ok := strings.Cut(bounds, "-")
		from, err1 := strconv.ParseUint(lo, 16, 64)
		to, err2 := strconv.ParseUint(hi, 16, 64)
		if !ok || err1 != nil || err2 != nil || from >= to || !strings.HasPrefix(rest, "r") || strings.Contains(rest, "[vvar") {
			continue // a guard page, not ours to read, or the kernel's clock
		}
		list = append(list, region{from, to})
		const inode = 3 // behind the rights
		if f := strings.Fields(rest); len(f) > inode && f[inode] == "0" {
			anon = append(anon, region{from, to})
		}
	}
	p.regions.Store(&list)
	p.anon.Store(&anon)
	return s.Err()
}

// populated returns the readable addresses, ascending, but for memory that was
// never written or that was given back: it is zero, and to read it would cost
// the process page tables (proc(5), pagemap). Mapped files count as populated.
func (p *process) populated() (list []region) {
	f, err := os.Open(filepath.Join("/proc", strconv.Itoa(p.pid), "pagemap"))
	anon := p.anon.Load()
	if err != nil || anon == nil {
		return p.mapped()
	}
	defer f.Close()
	const present, swapped = 1 << 63, 1 << 62
	page := uint64(os.Getpagesize())
	b := make([]byte, blockBytes)
	rest := *anon
	for _, r := range p.mapped() {
		if len(rest) == 0 || rest[0] != r {
			list = append(list, r)
			continue
		}
		rest = rest[1:]
		before := false // the page before this one has something
		for at := r.from; at < r.to; {
			some := b[:min(uint64(len(b)), (r.to-at)/page*8)]
			if n, err := f.ReadAt(some, int64(at/page*8)); err != nil || n == 0 {
				list = append(list, region{at, r.to}) // it is not known
				break
			}
			for ; len(some) > 0; some = some[8:] {
				has := binary.LittleEndian.Uint64(some)&(present|swapped) != 0
				if last := len(list) - 1; before && list[last].to == at {
					list[last].to = at + page // also of a page of zeros, which what is looked for may end with
				} else if has {
					list = append(list, region{at, at + page})
				}
				before = has
				at += page
			}
		}
	}
	return list
}

// entryOf returns where the entry point of the executable was loaded.
func entryOf(auxv string) (uint64, error) {
	const atEntry = 9
	b, err := os.ReadFile(auxv)
	if err != nil {
		return 0, fmt.Errorf("where the executable was loaded: %w", err)
	}
	for ; len(b) >= 16; b = b[16:] {
		if binary.LittleEndian.Uint64(b) == atEntry {
			return binary.LittleEndian.Uint64(b[8:]), nil
		}
	}
	return 0, fmt.Errorf("%s does not say where the executable was loaded", auxv)
}

// read copies memory with one system call.
func (p *process) read(bufs [][]byte, addrs []uint64) error {
	room, _ := p.vectors.Get().(*vectors)
	if room == nil {
		room = new(vectors)
	}
	defer p.vectors.Put(room)
	local, remote := room.local[:0], room.remote[:0]
	want := 0
	for i, b := range bufs {
		if len(b) == 0 {
			continue
		}
		v := unix.Iovec{Base: &b[0]}
		v.SetLen(len(b))
		local = append(local, v)
		remote = append(remote, unix.RemoteIovec{Base: uintptr(addrs[i]), Len: len(b)})
		want += len(b)
	}
	room.local, room.remote = local, remote
	if want == 0 {
		return nil
	}
	n, err := unix.ProcessVMReadv(p.pid, local, remote, 0)
	switch {
	case err == unix.EPERM:
		return errRefused
	case err == unix.ESRCH:
		return errGone
	case err != nil:
		return fmt.Errorf("read %d bytes at %#x: %w", want, addrs[0], err)
	case n < want:
		return fmt.Errorf("read %d bytes from %#x on: only %d are there", want, addrs[0], n)
	}
	return nil
}

func (p *process) mapped() []region {
	if list := p.regions.Load(); list != nil {
		return *list
	}
	return nil
}
