package inspect

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Bounds of what is believed of a core file. A process has 65,530 mappings
// unless the administrator allows more, and a million threads at most.
const (
	maxSegments = 1 << 22
	maxThreads  = 1 << 20
	maxNotes    = 1 << 23
	maxFiles    = 64 << 20 // bytes of NT_FILE
	maxAuxv     = 1 << 16
	maxPrstatus = 1 << 14
)

// magics are of files that people take for cores.
var magics = []struct{ magic, what string }{
	{"\x28\xb5\x2f\xfd", "it is compressed with zstd: unpack it first (zstd -d, or coredumpctl dump -o FILE PID)"},
	{"\x04\x22\x4d\x18", "it is compressed with lz4: unpack it first (lz4 -d, or coredumpctl dump -o FILE PID)"},
	{"\xfd7zXZ\x00", "it is compressed with xz: unpack it first (xz -d, or coredumpctl dump -o FILE PID)"},
	{"\x1f\x8b", "it is compressed with gzip: unpack it first (gzip -d)"},
	{"\xfe\xed\xfa", "it is a Mach-O file: only core files of linux are read"},
	{"\xcf\xfa\xed\xfe", "it is a Mach-O file: only core files of linux are read"},
	{"MDMP", "it is a minidump: only core files of linux are read"},
}

// readCore reads headers and notes of a core file (ELF-64 gABI; the kernel's
// fs/binfmt_elf.c, elf_core_dump). It takes memory in proportion to the number
// of mappings and threads.
func readCore(f io.ReaderAt, size int64) (*core, error) {
	head := make([]byte, 64)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for _, m := range magics {
		if bytes.HasPrefix(head[:n], []byte(m.magic)) {
			return nil, errors.New(m.what)
		}
	}
	if n < len(head) || string(head[:4]) != elf.ELFMAG {
		return nil, errors.New("it is no core file: its beginning is not that of an ELF file")
	}
	if class, data := elf.Class(head[elf.EI_CLASS]), elf.Data(head[elf.EI_DATA]); class != elf.ELFCLASS64 || data != elf.ELFDATA2LSB {
		return nil, fmt.Errorf("it is for a machine of %v, %v: only 64-bit little-endian ones are read so far (amd64, arm64)", class, data)
	}
	word16 := func(off int) uint16 { return binary.LittleEndian.Uint16(head[off:]) }
	switch kind := elf.Type(word16(16)); kind {
	case elf.ET_CORE:
	case elf.ET_EXEC, elf.ET_DYN:
		return nil, errors.New("it is an executable, not a core file: give it with --exe, and the core with --core")
	default:
		return nil, fmt.Errorf("it is no core file, but of type %v", kind)
	}
	c := &core{file: f, size: size, machine: elf.Machine(word16(18)), auxv: map[uint64]uint64{}}
	if c.machine != elf.EM_X86_64 && c.machine != elf.EM_AARCH64 {
		return nil, fmt.Errorf("it is of a program for %v: only amd64 and arm64 are read so far", c.machine)
	}
	at, each, count := binary.LittleEndian.Uint64(head[32:]), uint64(word16(54)), uint64(word16(56))
	if count == 0xffff { // PN_XNUM: the number is in the first section header
		section := make([]byte, 64)
		if off := binary.LittleEndian.Uint64(head[40:]); off == 0 || off > uint64(size) {
			return nil, errors.New("it is damaged or truncated: it has more than 65,534 segments and does not say how many")
		} else if _, err := f.ReadAt(section, int64(off)); err != nil {
			return nil, fmt.Errorf("it is truncated: the number of its segments is at %d, its end at %d", off, size)
		}
		count = uint64(u32(section, 44))
	}
	const headerBytes = 56
	switch {
	case each < headerBytes:
		return nil, fmt.Errorf("it is damaged: its program headers have %d bytes, not %d", each, headerBytes)
	case count == 0:
		return nil, errors.New("it has no segments, so no memory")
	case count > maxSegments:
		return nil, fmt.Errorf("it is damaged: it has %d segments, and a process cannot have that many", count)
	case at > uint64(size) || each*count > uint64(size)-at:
		return nil, fmt.Errorf("it is truncated: the end of its %d program headers is at %d, its own at %d", count, at+each*count, size)
	}
	return c, c.segments(int64(at), int64(each), count)
}

// segments reads the program headers.
func (c *core) segments(at, each int64, count uint64) error {
	r := bufio.NewReaderSize(io.NewSectionReader(c.file, at, each*int64(count)), 1<<16)
	b := make([]byte, each)
	var notes []region
	for range count {
		if _, err := io.ReadFull(r, b); err != nil {
			return fmt.Errorf("program headers: %w", err)
		}
		off, addr, filesz, memsz := u64(b, 8), u64(b, 16), u64(b, 32), u64(b, 40)
		have := filesz
		switch {
		case off > uint64(c.size):
			have = 0
		case filesz > uint64(c.size)-off:
			have = uint64(c.size) - off
		}
		switch elf.ProgType(u32(b, 0)) {
		case elf.PT_NOTE:
			notes = append(notes, region{off, off + have})
		case elf.PT_LOAD:
			// What is behind filesz was not dumped; it is not zero.
			if filesz > memsz || addr+memsz < addr || c.claimed+filesz < c.claimed {
				return fmt.Errorf("it is damaged: a segment of %d bytes at %#x has %d in the file", memsz, addr, filesz)
			}
			c.claimed += filesz
			c.cut += filesz - have
			if flags := elf.ProgFlag(u32(b, 4)); flags&elf.PF_R != 0 && flags&elf.PF_W != 0 {
				c.absent += memsz - filesz
			}
			if have > 0 {
				c.all = append(c.all, segment{region{addr, addr + have}, c.file, int64(off)})
			}
		}
	}
	c.arrange()
	for _, n := range notes {
		if err := c.notes(n); err != nil {
			return fmt.Errorf("notes: %w", err)
		}
	}
	if len(c.all) == 0 && c.cut > 0 {
		return errors.New(c.truncated() + ", so there is nothing to look at")
	}
	if len(c.all) == 0 {
		return errors.New("it has no memory at all")
	}
	return nil
}

// Types of notes (elf.h).
const (
	ntPrstatus = 1
	ntAuxv     = 6
	ntFile     = 0x46494c45
)

// notes reads a segment of notes, which a truncated core may end in.
func (c *core) notes(at region) error {
	head := make([]byte, 12)
	count := 0
	for pos := at.from; pos < at.to && at.to-pos >= 12; {
		if _, err := c.file.ReadAt(head, int64(pos)); err != nil {
			return err
		}
		name, size, kind := uint64(u32(head, 0)), uint64(u32(head, 4)), u32(head, 8)
		if count++; count > maxNotes {
			return fmt.Errorf("more than %d of them: it is damaged", maxNotes)
		}
		body := pos + 12 + (name+3)&^3
		if body > at.to || size > at.to-body {
			return nil
		}
		pos = body + (size+3)&^3
		most := uint64(0)
		switch kind {
		case ntPrstatus:
			most = maxPrstatus
		case ntAuxv:
			most = maxAuxv
		case ntFile:
			most = maxFiles
		}
		if most == 0 || name != 5 || kind == ntFile && c.files != nil { // "CORE" and its end
			continue
		}
		if size > most {
			return fmt.Errorf("a note of type %#x has %d bytes: it is damaged", kind, size)
		}
		b := make([]byte, size)
		if _, err := c.file.ReadAt(b, int64(body)); err != nil {
			return err
		}
		switch kind {
		case ntPrstatus:
			if err := c.prstatus(b); err != nil {
				return err
			}
		case ntAuxv:
			for ; len(b) >= 16; b = b[16:] {
				c.auxv[u64(b, 0)] = u64(b, 8)
			}
		case ntFile:
			c.mappedFiles(b)
		}
	}
	return nil
}

// prstatus reads the registers of a thread: struct elf_prstatus of
// linux/elfcore.h, whose pr_pid and pr_reg are at the same place on both
// machines.
func (c *core) prstatus(b []byte) error {
	const pid, regs = 32, 112
	if len(b) < regs {
		return fmt.Errorf("a thread with %d bytes: it is damaged", len(b))
	}
	if len(c.regs) == maxThreads {
		return fmt.Errorf("more than %d threads: it is damaged", maxThreads)
	}
	r, err := newRegisters(c.machine, int(u32(b, pid)), b[regs:])
	if err != nil {
		return err
	}
	c.regs = append(c.regs, r)
	return nil
}

// mappedFiles reads which files were mapped: count, page size, for each file
// begin, end and offset in pages, and then the paths, each with a zero.
func (c *core) mappedFiles(b []byte) {
	if len(b) < 16 {
		return
	}
	n := u64(b, 0)
	if n > uint64(len(b)-16)/24 {
		return
	}
	paths := b[16+24*n:]
	for i := range n {
		path, rest, ok := bytes.Cut(paths, []byte{0})
		if !ok {
			return
		}
		at := int64(16 + 24*i)
		c.files = append(c.files, mappedFile{region{u64(b, at), u64(b, at+8)}, string(path)})
		paths = rest
	}
}
