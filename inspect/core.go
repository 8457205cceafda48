package inspect

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// core is the memory of a program as a core file has it. It is read with
// pread, never as a whole, and may be read concurrently.
type core struct {
	file    io.ReaderAt
	size    int64
	machine elf.Machine
	all     []segment // ascending, without overlap; each has bytes
	list    []region  // the same, for mapped
	regs    []registers
	auxv    map[uint64]uint64
	files   []mappedFile
	closers []io.Closer

	claimed uint64 // bytes that the program headers say are in the file
	cut     uint64 // bytes of those that are behind its end
	lent    uint64 // bytes that are taken from the executable
	absent  uint64 // bytes that the program could read and write and that were not dumped

	spanless bool // the list of the heap's spans is among what is cut
}

// segment is a range of addresses and the file that has its bytes.
type segment struct {
	region
	file io.ReaderAt
	off  int64
}

// mappedFile is an entry of NT_FILE.
type mappedFile struct {
	region
	path string
}

// OpenCore opens a core file, as the kernel or gdb's gcore writes it, of a
// program for linux on amd64 or arm64. It can be read on any system. exe is the
// executable, "" for the one that the core names. Close the target after use.
func OpenCore(path, exe string) (*Target, error) {
	if strconv.IntSize < 64 {
		return nil, errors.New("a 32-bit ghostread cannot hold what is in 64-bit programs: use a 64-bit one")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file: a core is read piece by piece, so it has to be one", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	c, err := readCore(f, info.Size())
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c.closers = append(c.closers, f)
	t, err := c.open(path, exe)
	if err != nil {
		c.Close()
		return nil, err
	}
	return t, nil
}

// open finds the executable and looks whether it is that of the core.
func (c *core) open(path, exe string) (t *Target, err error) {
	if exe == "" {
		if exe, err = c.executable(path); err != nil {
			return nil, err
		}
	}
	image, err := gobinary.Open(exe)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is of a program that ran %s, which is not there: give its executable with --exe", path, exe)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	t = &Target{Image: image, Name: "core file " + path, raw: c}
	if t.bias, err = c.bias(image); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := c.lend(exe, t.bias); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := t.probe(); err != nil {
		return nil, c.explain(t, err)
	}
	return t, nil
}

// explain says of a core that cannot be used whether that is because the most
// important things are not in it.
func (c *core) explain(t *Target, err error) error {
	v, _ := t.Image.Global("runtime.buildVersion")
	if _, ok := c.find(v.Addr + t.bias); ok {
		return err
	}
	if c.cut > 0 {
		return fmt.Errorf("%s: %s, and the program's variables are among what is missing", t.Name, c.truncated())
	}
	return fmt.Errorf("%s does not have the variables of %s (%#x): it is of another program, or was written without private memory (see core(5), coredump_filter)", t.Name, t.Image.Path, v.Addr+t.bias)
}

// truncated says how much of a core is missing.
func (c *core) truncated() string {
	return fmt.Sprintf("it is truncated: %s of %s are there (the limit for core files, ulimit -c, or a full disk)", Bytes(c.claimed-c.cut), Bytes(c.claimed))
}

// missing returns sentences on what the core does not have.
func (c *core) missing() (list []string) {
	if c.cut > 0 {
		list = append(list, c.truncated()+"; maps in the rest are not listed")
	}
	if c.spanless {
		list = append(list, "the list of the heap's spans is not there: how much of the heap is in use is not known, bytes are without the rounding of the heap, and neither what closures lead to nor what no pointer leads to is listed")
	}
	if c.lent > 0 {
		list = append(list, fmt.Sprintf("%s of read-only data, which the core does not have, were read from the executable", Bytes(c.lent)))
	}
	return list
}

// Notes returns what has to be known about what was read.
func (t *Target) Notes() []string {
	if c, ok := t.raw.(*core); ok {
		return c.missing()
	}
	if t.stop != nil {
		return t.stop.notes()
	}
	return nil
}

// Still reports whether the target never changes: it is a core file.
func (t *Target) Still() bool {
	_, ok := t.raw.(*core)
	return ok
}

// Close ends what the target needs: a core file is closed, and a program that
// was started with [Launch.Start] is ended. A process that was there before goes
// on. It may be called more than once, also while the target is read.
func (t *Target) Close() error {
	if t.child != nil {
		return t.child.Close()
	}
	if c, ok := t.raw.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Keys of the auxiliary vector (elf.h).
const (
	atEntry  = 9
	atExecfn = 31
)

// deleted is what the kernel puts behind the path of a file that was removed.
const deleted = " (deleted)"

// executable returns the path of the program that the core is of.
func (c *core) executable(path string) (string, error) {
	name := ""
	if entry := c.auxv[atEntry]; entry != 0 {
		for _, f := range c.files {
			if f.from <= entry && entry < f.to {
				name = f.path
			}
		}
	}
	if name == "" {
		name = c.text(c.auxv[atExecfn])
	}
	switch {
	case name == "":
		return "", fmt.Errorf("%s does not say which program it is of: give the executable with --exe", path)
	case strings.HasSuffix(name, deleted):
		return "", fmt.Errorf("%s is of a program that ran %s, which was removed or replaced: give the executable with --exe", path, strings.TrimSuffix(name, deleted))
	case !filepath.IsAbs(name) && !strings.HasPrefix(name, "/"):
		if near := filepath.Join(filepath.Dir(path), name); exists(near) {
			return near, nil
		}
	}
	return name, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// text returns the string at addr, "" if there is none.
func (c *core) text(addr uint64) string {
	b := make([]byte, 4096)
	n := 0
	if i, ok := c.find(addr); ok {
		n, _ = c.all[i].file.ReadAt(b[:min(uint64(len(b)), c.all[i].to-addr)], c.all[i].off+int64(addr-c.all[i].from))
	}
	if end := slices.Index(b[:n], 0); end > 0 {
		return string(b[:end])
	}
	return ""
}

// bias returns what was added to the addresses of the executable.
func (c *core) bias(image *gobinary.Image) (uint64, error) {
	switch entry := c.auxv[atEntry]; {
	case entry != 0 && !image.PIE && entry != image.Entry:
		return 0, fmt.Errorf("the program that it is of begins at %#x, that in %s at %#x: give the executable of the same build with --exe", entry, image.Path, image.Entry)
	case entry != 0:
		return entry - image.Entry, nil
	case image.PIE:
		return 0, fmt.Errorf("it does not say where %s, which can be loaded anywhere, was loaded (NT_AUXV has no AT_ENTRY)", image.Path)
	}
	return 0, nil
}

// pageSize is that of amd64, and the smallest of arm64.
const pageSize = 4096

// lend compares the executable with what the core has of it, and takes from it
// the read-only data that the core does not have.
func (c *core) lend(exe string, bias uint64) error {
	f, err := os.Open(exe)
	if err != nil {
		return err
	}
	c.closers = append(c.closers, f)
	info, err := f.Stat()
	if err != nil {
		return err
	}
	e, err := elf.NewFile(f)
	if err != nil {
		return err
	}
	if e.Machine != c.machine {
		return fmt.Errorf("it is of a program for %v, %s is for %v", c.machine, exe, e.Machine)
	}
	if err := c.sameBuild(e, exe, bias); err != nil {
		return err
	}
	var more []segment
	for _, p := range e.Progs {
		end := p.Off + p.Filesz
		if p.Type != elf.PT_LOAD || p.Flags&elf.PF_W != 0 || p.Filesz == 0 || end < p.Off || end > 1<<62 || p.Vaddr+bias+p.Filesz < p.Filesz {
			continue
		}
		// Whole pages of the file are mapped, so that there is no gap between what
		// is linked page after page.
		at, to := p.Vaddr+bias, p.Vaddr+bias+p.Filesz
		to += min(-to%pageSize, uint64(info.Size())-min(end, uint64(info.Size())))
		for at < to {
			i, has := c.find(at)
			if has {
				at = c.all[i].to
				continue
			}
			hole := to
			if i < len(c.all) {
				hole = min(hole, c.all[i].from)
			}
			more = append(more, segment{region{at, hole}, f, int64(p.Off + at - p.Vaddr - bias)})
			c.lent += hole - at
			at = hole
		}
	}
	c.all = append(c.all, more...)
	c.arrange()
	return nil
}

// buildNote is the name of the note that has the build ID of Go.
const buildNote = ".note.go.buildid"

// sameBuild looks whether the core has the build ID of the executable. Of its
// four parts the outer ones differ where the same program was linked with other
// flags, such as -s; those in the middle do not.
func (c *core) sameBuild(e *elf.File, exe string, bias uint64) error {
	s := e.Section(buildNote)
	if s == nil || s.Size > 1<<12 || s.Size < 16 {
		return nil
	}
	want, err := s.Data()
	got := make([]byte, len(want))
	if err != nil || c.read([][]byte{got}, []uint64{s.Addr + bias}) != nil {
		return nil // nothing to compare: probe decides
	}
	middle := func(b []byte) string {
		if parts := strings.Split(string(b[16:]), "/"); len(parts) == 4 {
			return parts[1] + parts[2]
		}
		return string(b)
	}
	if middle(got) != middle(want) {
		return fmt.Errorf("it is of another build than %s (build ids %q and %q): give the executable of the same build with --exe", exe, strings.Trim(string(got[16:]), "\x00"), strings.Trim(string(want[16:]), "\x00"))
	}
	return nil
}

// arrange sorts segments and cuts what overlaps: the one that begins first has
// it.
func (c *core) arrange() {
	slices.SortFunc(c.all, func(a, b segment) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to))
	})
	out := c.all[:0]
	for _, s := range c.all {
		if n := len(out); n > 0 {
			if over := out[n-1].to; s.from < over {
				if s.to <= over {
					continue
				}
				s.off += int64(over - s.from)
				s.from = over
			}
		}
		out = append(out, s)
	}
	c.all = out
	c.list = make([]region, len(out))
	for i, s := range out {
		c.list[i] = s.region
	}
}

// find returns the index of the segment that has addr, or of the next one.
func (c *core) find(addr uint64) (int, bool) {
	i, _ := slices.BinarySearchFunc(c.all, addr, func(s segment, addr uint64) int {
		if s.to <= addr {
			return -1
		}
		return 1
	})
	return i, i < len(c.all) && c.all[i].from <= addr
}

func (c *core) read(bufs [][]byte, addrs []uint64) error {
	for k, b := range bufs {
		addr := addrs[k]
		for len(b) > 0 {
			i, ok := c.find(addr)
			if !ok {
				return fmt.Errorf("the core does not have the memory at %#x", addr)
			}
			s := &c.all[i]
			n := min(uint64(len(b)), s.to-addr)
			if _, err := s.file.ReadAt(b[:n], s.off+int64(addr-s.from)); err != nil {
				return fmt.Errorf("core, memory at %#x: %w", addr, err)
			}
			b, addr = b[n:], addr+n
		}
	}
	return nil
}

func (c *core) mapped() []region { return c.list }

func (c *core) refresh() error { return nil }

func (c *core) threads() ([]registers, error) {
	if len(c.regs) == 0 {
		return nil, errors.New("the core has no registers (NT_PRSTATUS)")
	}
	return c.regs, nil
}

// Close closes the core file and the executable.
func (c *core) Close() error {
	var err error
	for _, f := range c.closers {
		err = errors.Join(err, f.Close())
	}
	return err
}

// u32 is the number of 4 bytes at off.
func u32(b []byte, off int) uint32 { return binary.LittleEndian.Uint32(b[off:]) }
