package inspect

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// dumped is a segment of a core file that a test writes.
type dumped struct {
	from, to uint64
	data     []byte // nil: not dumped
}

// writeCore writes a core file as the kernel does: header, program headers,
// notes, memory. Pages of zeros become holes. xnum has the number of segments
// in a section header, as more than 65,534 need it.
func writeCore(t testing.TB, path string, machine elf.Machine, segments []dumped, notes []byte, xnum bool) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const page = 4096
	order := binary.LittleEndian
	count := uint64(len(segments) + 1)
	headers := 64 + 56*count
	head := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(elf.ET_CORE), Machine: uint16(machine), Version: 1,
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: uint16(count),
	}
	begin := (headers + uint64(len(notes)) + 64 + page) &^ (page - 1)
	at := begin
	if xnum {
		head.Phnum, head.Shnum, head.Shentsize, head.Shoff = 0xffff, 1, 64, headers+uint64(len(notes))
	}
	var b bytes.Buffer
	binary.Write(&b, order, head)
	binary.Write(&b, order, elf.Prog64{Type: uint32(elf.PT_NOTE), Off: headers, Filesz: uint64(len(notes))})
	for _, s := range segments {
		n := uint64(len(s.data))
		binary.Write(&b, order, elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R), Off: at, Vaddr: s.from, Filesz: n, Memsz: s.to - s.from})
		at += n
	}
	b.Write(notes)
	if xnum {
		binary.Write(&b, order, elf.Section64{Info: uint32(count)})
	}
	end := at
	at = begin
	if _, err := f.WriteAt(b.Bytes(), 0); err != nil {
		t.Fatal(err)
	}
	zero := make([]byte, page)
	for _, s := range segments {
		for i := 0; i < len(s.data); i += page {
			if part := s.data[i:min(i+page, len(s.data))]; !bytes.Equal(part, zero[:len(part)]) {
				if _, err := f.WriteAt(part, int64(at)+int64(i)); err != nil {
					t.Fatal(err)
				}
			}
		}
		at += uint64(len(s.data))
	}
	if err := f.Truncate(int64(end)); err != nil {
		t.Fatal(err)
	}
}

// note appends a note of the kernel's.
func note(list []byte, kind uint32, desc []byte) []byte {
	for _, v := range []uint32{5, uint32(len(desc)), kind} {
		list = binary.LittleEndian.AppendUint32(list, v)
	}
	list = append(list, "CORE\x00\x00\x00\x00"...)
	return append(append(list, desc...), make([]byte, -len(desc)&3)...)
}

// dump returns what a core of a process would have; without says which
// mappings are not dumped. Without threads it has one that is made up.
func dump(t *testing.T, pid int, without func(path string, own bool) bool, threads ...registers) (segments []dumped, notes []byte) {
	t.Helper()
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	text, err := os.ReadFile(filepath.Join(dir, "smaps"))
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(filepath.Join(dir, "mem"))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	auxv, err := os.ReadFile(filepath.Join(dir, "auxv"))
	if err != nil {
		t.Fatal(err)
	}
	var ranges, paths []byte
	files := uint64(0)
	for _, m := range mapping.FindAllStringSubmatch(string(text), -1) {
		var s dumped
		s.from, _ = strconv.ParseUint(m[1], 16, 64)
		s.to, _ = strconv.ParseUint(m[2], 16, 64)
		path := m[4]
		if path != "" {
			files++
			for _, v := range []uint64{s.from, s.to, 0} {
				ranges = binary.LittleEndian.AppendUint64(ranges, v)
			}
			paths = append(append(paths, path...), 0)
		}
		if strings.HasPrefix(m[3], "r") && !without(path, m[5] != "0") {
			s.data = make([]byte, s.to-s.from)
			if _, err := mem.ReadAt(s.data, int64(s.from)); err != nil {
				s.data = nil // of the kernel
			}
		}
		segments = append(segments, s)
	}
	list := binary.LittleEndian.AppendUint64(nil, files)
	list = append(append(append(list, 0, 0x10, 0, 0, 0, 0, 0, 0), ranges...), paths...)
	if len(threads) == 0 {
		r := registers{thread: 77}
		for i, number := range amd64Order {
			if number >= 0 {
				r.dwarf[number] = uint64(i + 1)
			}
		}
		threads = append(threads, r)
	}
	for _, r := range threads {
		status := make([]byte, 336)
		binary.LittleEndian.PutUint32(status[32:], uint32(r.thread))
		for i, number := range amd64Order {
			if number >= 0 {
				binary.LittleEndian.PutUint64(status[112+8*i:], r.dwarf[number])
			}
		}
		notes = note(notes, ntPrstatus, status)
	}
	return segments, note(note(notes, ntAuxv, auxv), ntFile, list)
}

// mapping matches an entry of smaps: addresses, permissions, path, and how much
// of it is not as in the file.
var mapping = regexp.MustCompile(`(?m)^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+ *(/.*|)(?:\[.*\])?\n(?:[A-Z]\S*:.*\n)*?Anonymous: +(\d+) kB$`)

func everything(path string, own bool) bool { return false }

// readOnlyFiles leaves out what the kernel leaves out by default: files that
// the process has changed nothing of.
func readOnlyFiles(path string, own bool) bool { return path != "" && !own }

// censusOf opens a core and counts its maps.
func censusOf(t *testing.T, path, exe string) *Census {
	t.Helper()
	target, err := OpenCore(path, exe)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	c := census(t, target)
	return c
}

// sameMaps compares all that is said of maps.
func sameMaps(t *testing.T, what string, got, want *Census) {
	t.Helper()
	a, err := json.MarshalIndent([]any{got.Groups, got.Heap, got.Lost, got.Torn}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent([]any{want.Groups, want.Heap, want.Lost, want.Torn}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	x, y := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			t.Errorf("%s: the core and the live process differ: got %s, want %s", what, strings.Join(x[max(i-12, 0):i+1], ""), strings.Join(y[max(i-12, 0):i+1], ""))
			return
		}
	}
	if len(x) != len(y) {
		t.Errorf("%s: got %d owners of maps, want %d", what, len(got.Groups), len(want.Groups))
	}
}

// TestCore compares a live process with core files of it: whole ones, those
// that have no read-only files, those with more segments than a header can
// count, those of the kernel and of gdb.
func TestCore(t *testing.T) {
	for _, b := range []variant{
		{name: "go1.20", release: "1.20.14"}, {name: "go1.24", release: "1.24.13"}, {name: "this Go, PIE", flags: []string{"-buildmode=pie"}},
	} {
		t.Run(b.name, func(t *testing.T) {
			dir := t.TempDir()
			s := startAborting(t, dir, build(t, b.release, nil, b.flags...))
			pid := s.pid
			target := attach(t, pid)
			live := census(t, target)
			for tries := 0; live.Stacks.Running+live.Stacks.Moved > 0 && tries < 100; tries++ {
				live = census(t, target) // a goroutine ran: the core has its stack
			}
			if live.Total.Maps < 70 {
				t.Fatalf("the live process has %d maps: the test shows nothing", live.Total.Maps)
			}
			path := filepath.Join(dir, "mine")
			segments, notes := dump(t, pid, everything)
			writeCore(t, path, elf.EM_X86_64, segments, notes, false)
			whole := censusOf(t, path, "")
			sameMaps(t, "whole", whole, live)
			if len(whole.Notes) > 0 || !whole.Still {
				t.Errorf("a whole core: got notes %q, still %t", whole.Notes, whole.Still)
			}
			checkThreads(t, path)
			if b.release == "" {
				checkTruncated(t, path, live)
			}

			segments, notes = dump(t, pid, readOnlyFiles)
			var many []dumped
			for _, s := range segments {
				const piece = 1 << 16
				for s.data != nil && s.to-s.from > piece && s.from>>40 != 0 { // stacks and libraries
					many = append(many, dumped{s.from, s.from + piece, s.data[:piece]})
					s.from, s.data = s.from+piece, s.data[piece:]
				}
				many = append(many, s)
			}
			for i := range uint64(70_000) {
				many = append(many, dumped{1<<46 + i<<13, 1<<46 + i<<13 + 4096, nil})
			}
			writeCore(t, path, elf.EM_X86_64, many, notes, true)
			part := censusOf(t, path, "")
			sameMaps(t, "without read-only files, 70,000 segments", part, live)
			if len(part.Notes) != 1 || !strings.Contains(part.Notes[0], "read from the executable") {
				t.Errorf("a core without read-only files: got notes %q", part.Notes)
			}

			if b.release != "" {
				// One release is enough for what gdb writes, which is more than a GB.
			} else if gcore, err := exec.LookPath("gcore"); err != nil {
				t.Log("gdb's gcore is not installed")
			} else if text, err := exec.Command(gcore, "-o", path, strconv.Itoa(pid)).CombinedOutput(); err != nil {
				t.Logf("gcore: %v\n%s", err, text)
			} else {
				sameMaps(t, "gcore", censusOf(t, path+"."+strconv.Itoa(pid), ""), live)
			}

			if pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern"); err != nil || strings.ContainsAny(string(pattern), "|/%") {
				t.Logf("the kernel does not write cores where the program runs, but to %q, %v", pattern, err)
				return
			}
			core := s.abort(t, "core*")
			if core == "" {
				return
			}
			kernel := censusOf(t, core, "")
			kernel.Lost, kernel.Heap = live.Lost, live.Heap // it has printed its goroutines meanwhile
			sameMaps(t, "kernel", kernel, live)
		})
	}
}

// checkThreads looks at the registers that dump made up: the word i of them is
// i+1.
func checkThreads(t *testing.T, path string) {
	t.Helper()
	target, err := OpenCore(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	list, err := target.raw.(still).threads()
	if err != nil || len(list) != 1 {
		t.Fatalf("threads: got %v, %v", list, err)
	}
	// sys/user.h: r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi
	// orig_rax rip cs eflags rsp.
	want := registers{thread: 77, pc: 17, sp: 20, bp: 5, g: 2, dwarf: [33]uint64{11, 13, 12, 6, 14, 15, 5, 20, 10, 9, 8, 7, 4, 3, 2, 1, 17}}
	if list[0] != want {
		t.Errorf("threads: got %+v, want %+v", list[0], want)
	}
}

// checkTruncated cuts a core at many places: that is a census of fewer maps
// which says so, or a sentence.
func checkTruncated(t *testing.T, path string, live *Census) {
	t.Helper()
	const seed = 5
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	some := 0
	sizes := []int64{0, 10, 64, 100, 4096}
	for i := range int64(7) {
		sizes = append(sizes, info.Size()*(i+1)/8+r.Int64N(4096))
	}
	slices.Sort(sizes)
	slices.Reverse(sizes)
	for _, size := range sizes {
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		target, err := OpenCore(path, "")
		var c *Census
		if err == nil {
			c, err = target.Census()
			target.Close()
		}
		if err != nil {
			if text := err.Error(); !strings.Contains(text, "truncated") && !strings.Contains(text, "no core file") {
				t.Errorf("%d of %d bytes: got %v, want that it is truncated", size, info.Size(), err)
			}
			continue
		}
		some++
		t.Logf("%d of %d bytes: %d maps, %q", size, info.Size(), c.Total.Maps, c.Notes)
		if len(c.Notes) == 0 || !strings.Contains(c.Notes[0], "truncated") || c.Total.Maps > live.Total.Maps {
			t.Errorf("%d of %d bytes: got %d maps and notes %q", size, info.Size(), c.Total.Maps, c.Notes)
		}
	}
	if some < 3 { // the heap is in the first half of the file
		t.Errorf("%d of %d truncated cores gave a census", some, len(sizes))
	}
}

// TestCoreErrors gives a sentence for what is no core file, or not of the
// program.
func TestCoreErrors(t *testing.T) {
	header := func(change func(*elf.Header64)) string {
		h := elf.Header64{Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(elf.ET_CORE), Machine: uint16(elf.EM_X86_64), Phoff: 64, Phentsize: 56, Phnum: 1}
		change(&h)
		var b bytes.Buffer
		binary.Write(&b, binary.LittleEndian, h)
		return b.String()
	}
	load := func(p elf.Prog64) string {
		var b bytes.Buffer
		binary.Write(&b, binary.LittleEndian, p)
		return header(func(*elf.Header64) {}) + b.String()
	}
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "no core file"},
		{"text", "#!/bin/sh\n", "no core file"},
		{"zstd", "\x28\xb5\x2f\xfdxxxx", "zstd -d"},
		{"Mach-O", "\xcf\xfa\xed\xfexxxx", "Mach-O"},
		{"32 bits", header(func(h *elf.Header64) { h.Ident[4] = 1 }), "ELFCLASS32"},
		{"big endian", header(func(h *elf.Header64) { h.Ident[5] = 2 }), "ELFDATA2MSB"},
		{"an executable", header(func(h *elf.Header64) { h.Type = uint16(elf.ET_EXEC) }), "give it with --exe"},
		{"an object", header(func(h *elf.Header64) { h.Type = uint16(elf.ET_REL) }), "ET_REL"},
		{"another machine", header(func(h *elf.Header64) { h.Machine = uint16(elf.EM_RISCV) }), "EM_RISCV"},
		{"no segments", header(func(h *elf.Header64) { h.Phnum = 0 }), "no segments"},
		{"headers behind the end", header(func(h *elf.Header64) { h.Phoff = 1 << 63 }), "truncated"},
		{"headers of no size", header(func(h *elf.Header64) { h.Phentsize = 1 }), "damaged"},
		{"a number of segments behind the end", header(func(h *elf.Header64) { h.Phnum, h.Shoff = 0xffff, 1<<63 }), "truncated"},
		{"more in the file than in memory", load(elf.Prog64{Type: uint32(elf.PT_LOAD), Filesz: 2, Memsz: 1}), "damaged"},
		{"a segment around the end of addresses", load(elf.Prog64{Type: uint32(elf.PT_LOAD), Vaddr: 1<<64 - 8, Filesz: 9, Memsz: 9}), "damaged"},
		{"all of it cut", load(elf.Prog64{Type: uint32(elf.PT_LOAD), Off: 4096, Filesz: 9, Memsz: 9}), "truncated"},
		{"nothing dumped", load(elf.Prog64{Type: uint32(elf.PT_LOAD), Memsz: 9}), "no memory"},
		{"no name of a program", load(elf.Prog64{Type: uint32(elf.PT_LOAD), Filesz: 9, Memsz: 9}), "--exe"},
	} {
		path := filepath.Join(t.TempDir(), "core")
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenCore(path, ""); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := OpenCore(t.TempDir(), ""); err == nil {
		t.Error("a directory was opened")
	}
	exe := build(t, "", nil)
	pid := start(t, exe).pid
	path := filepath.Join(t.TempDir(), "core")
	write := func(without func(path string, own bool) bool, notes func([]byte) []byte) {
		segments, n := dump(t, pid, without)
		writeCore(t, path, elf.EM_X86_64, segments, notes(n), false)
	}
	write(everything, func(b []byte) []byte { return b })
	for _, tt := range []struct{ name, exe, want string }{
		{"another release", build(t, "1.25.7", nil), "--exe"},
		{"another build", build(t, "", nil, "-gcflags=-N -l"), "--exe"},
		{"a program in C", "/bin/sh", "no executable that the Go linker wrote"},
		{"no program", filepath.Join(t.TempDir(), "none"), "give its executable with --exe"},
	} {
		if _, err := OpenCore(path, tt.exe); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
	write(everything, func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte("planted\x00"), []byte("planted (deleted)\x00"))
	})
	if _, err := OpenCore(path, ""); err == nil || !strings.Contains(err.Error(), "removed or replaced") {
		t.Errorf("a removed program: got %v", err)
	}
	write(func(path string, own bool) bool { return path == "" || own }, func(b []byte) []byte { return b })
	if _, err := OpenCore(path, ""); err == nil || !strings.Contains(err.Error(), "coredump_filter") {
		t.Errorf("a core without private memory: got %v", err)
	}
}

// TestCoreARM64 reads the core of an arm64 program, which qemu writes.
func TestCoreARM64(t *testing.T) {
	qemu, err := exec.LookPath("qemu-aarch64")
	if err != nil {
		t.Skip("qemu-aarch64 is not installed")
	}
	exe := build(t, "", []string{"GOARCH=arm64", "CGO_ENABLED=0"})
	s := startAborting(t, t.TempDir(), qemu+" "+exe)
	var want planted
	s.says(t, &want)
	path := s.abort(t, "qemu_*.core")
	if path == "" {
		t.Skip("qemu wrote no core")
	}
	c := censusOf(t, path, exe)
	if c.Torn != 0 {
		t.Errorf("%d maps are torn", c.Torn)
	}
	for _, p := range want.Plants {
		if !p.in(minor(t, "")) {
			continue
		}
		c.check(t, p.Owner, p.Type, p.Maps, p.Entries)
	}
	target, err := OpenCore(path, exe)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	threads, err := target.raw.(still).threads()
	if err != nil || len(threads) == 0 {
		t.Fatalf("threads: got %d, %v", len(threads), err)
	}
	for _, r := range threads {
		if _, ok := target.raw.(*core).find(r.pc); !ok || r.sp%16 != 0 || target.room(r.sp) == 0 {
			t.Errorf("thread %d: pc %#x or sp %#x is nowhere", r.thread, r.pc, r.sp)
		}
	}
}

// FuzzCore reads what may be a core file. It must not panic, and what it says
// is there has to be readable.
func FuzzCore(f *testing.F) {
	path := filepath.Join(f.TempDir(), "core")
	notes := note(note(note(nil, ntPrstatus, make([]byte, 336)), ntAuxv, []byte("\x09\x00\x00\x00\x00\x00\x00\x00\x00\x10\x40\x00\x00\x00\x00\x00")), ntFile, make([]byte, 64))
	for _, xnum := range []bool{false, true} {
		writeCore(f, path, elf.EM_X86_64, []dumped{{0x400000, 0x401000, bytes.Repeat([]byte("x"), 100)}, {0xc000000000, 0xc000100000, []byte("yz")}, {1 << 46, 1 << 47, nil}}, notes, xnum)
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := readCore(bytes.NewReader(text), int64(len(text)))
		if err != nil {
			return
		}
		c.executable("core")
		c.missing()
		last := uint64(0)
		for _, r := range c.mapped() {
			if r.from < last || r.from >= r.to {
				t.Fatalf("regions overlap: %#x to %#x, after %#x", r.from, r.to, last)
			}
			last = r.to
			if n := r.to - r.from; n > uint64(len(text)) {
				t.Fatalf("a region of %d bytes in a file of %d", n, len(text))
			} else if err := c.read([][]byte{make([]byte, n)}, []uint64{r.from}); err != nil {
				t.Fatal(err)
			}
		}
		c.threads()
	})
}
