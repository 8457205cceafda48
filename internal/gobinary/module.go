package gobinary

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strings"
)

// Bare is what is known of an executable without DWARF: what the Go linker
// writes for the runtime itself. Addresses are as linked.
type Bare struct {
	Layout    string // release whose layouts are used: that of the executable, unless there are none
	Addr      uint64 // of runtime.firstmoduledata
	Types     Region // type descriptors are in it
	Data      []Region
	Static    []Static         // package variables by address, if there is a symbol table
	Itabs     map[uint64]*Type // types of the itabs that the linker made
	ItabRange Region           // where these are
	BuildID   Static           // the note, if it is there
	Note      []byte           // its bytes

	module []byte
	desc   *descriptors
}

// Region is a range of addresses, the end exclusive.
type Region struct{ From, To uint64 }

// Has reports whether n bytes at addr are in the region.
func (r Region) Has(addr, n uint64) bool {
	return addr >= r.From && addr <= r.To && n <= r.To-addr
}

// Static is a symbol of the data.
type Static struct {
	Name       string
	Addr, Size uint64
}

// At returns the package variable that has addr, "" if none is known.
func (b *Bare) At(addr uint64) (name string, off uint64) {
	i := sort.Search(len(b.Static), func(i int) bool { return b.Static[i].Addr > addr }) - 1
	if i < 0 || addr-b.Static[i].Addr >= b.Static[i].Size {
		return "", 0
	}
	return b.Static[i].Name, addr - b.Static[i].Addr
}

// Bounds of what is read of an executable.
const (
	maxLoad = 1 << 30
	maxRela = 1 << 26 // relocations
)

// loader reads what an executable has in memory once it is loaded at the
// address it is linked for.
type loader struct {
	f      *elf.File
	size   uint64  // of the file
	relocs []reloc // by address
}

type reloc struct{ at, to uint64 }

func newLoader(path string, f *elf.File) (*loader, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	l := &loader{f: f, size: uint64(info.Size())}
	if f.Type != elf.ET_DYN {
		return l, nil
	}
	const relativeAMD64, relativeARM64 = 8, 1027
	for _, s := range f.Sections {
		if s.Type != elf.SHT_RELA || s.Flags&elf.SHF_ALLOC == 0 || s.Size > l.size {
			continue
		}
		b, err := s.Data()
		if err != nil {
			return nil, fmt.Errorf("relocations: %w", err)
		}
		for ; len(b) >= 24 && len(l.relocs) < maxRela; b = b[24:] {
			if kind := binary.LittleEndian.Uint32(b[8:]); kind == relativeAMD64 || kind == relativeARM64 {
				l.relocs = append(l.relocs, reloc{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[16:])})
			}
		}
	}
	slices.SortFunc(l.relocs, func(a, b reloc) int {
		if a.at < b.at {
			return -1
		}
		return 1
	})
	return l, nil
}

// load returns n bytes at addr.
func (l *loader) load(addr, n uint64) ([]byte, error) {
	for _, p := range l.f.Progs {
		if p.Type != elf.PT_LOAD || addr < p.Vaddr || n > p.Filesz || addr-p.Vaddr > p.Filesz-n || n > l.size || n > maxLoad {
			continue
		}
		b := make([]byte, n)
		if _, err := p.ReadAt(b, int64(addr-p.Vaddr)); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		for i := sort.Search(len(l.relocs), func(i int) bool { return l.relocs[i].at >= addr }); i < len(l.relocs); i++ {
			off := l.relocs[i].at - addr
			if n < 8 || off > n-8 {
				break
			}
			binary.LittleEndian.PutUint64(b[off:], l.relocs[i].to)
		}
		return b, nil
	}
	return nil, fmt.Errorf("%d bytes at %#x are not in the file", n, addr)
}

// NoDWARFError says that an executable was built without debugging information
// and why it cannot be read all the same.
type NoDWARFError struct {
	Path    string
	Version string
	Reason  string
}

func (e *NoDWARFError) Error() string {
	return fmt.Sprintf("%s (%s) has no DWARF, and %s; build it without -ldflags=-w or -s, or give the executable before it was stripped with --exe", e.Path, e.Version, e.Reason)
}

// bare reads an executable without DWARF.
func (m *Image) bare(f *elf.File) error {
	refuse := func(format string, a ...any) error {
		return &NoDWARFError{m.Path, m.Version, fmt.Sprintf(format, a...)}
	}
	arch := map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"}[m.Machine]
	m.Bare = &Bare{Layout: m.Version}
	layout, ok := Layout(m.Version, arch)
	if !ok {
		kin := Kin(m.Version, arch)
		if len(kin) == 0 {
			return refuse("the layouts of the runtime of this release are not known for %s", arch)
		}
		m.Bare.Layout = kin[0]
		layout, _ = Layout(kin[0], arch)
	}
	m.named = layout
	for _, s := range []string{"-linkshared", "-buildmode"} {
		if v := m.Settings[s]; v == "true" || v == "shared" || v == "plugin" {
			return refuse("it is built with %s=%s, so that its types are spread over several files", s, v)
		}
	}
	l, err := newLoader(m.Path, f)
	if err != nil {
		return refuse("%v", err)
	}
	if err := m.Bare.find(l, layout, m.symbols); err != nil {
		return refuse("%v", err)
	}
	if err := m.describe(l); err != nil {
		return refuse("%v", err)
	}
	if at, ok := m.symbols["runtime.mheap_"]; ok {
		m.Globals = append(m.Globals, Variable{"runtime.mheap_", at, layout["runtime.mheap"]})
	}
	if s := f.Section(".note.go.buildid"); s != nil && s.Size < 1<<12 {
		if b, err := s.Data(); err == nil {
			m.Bare.BuildID, m.Bare.Note = Static{s.Name, s.Addr, s.Size}, b
		}
	}
	return nil
}

// find finds the module data: by its symbol, or else in the data by what it
// begins with, the address of the table of functions.
func (b *Bare) find(l *loader, layout map[string]*Type, symbols map[string]uint64) error {
	t := layout["runtime.moduledata"]
	if t == nil {
		return errors.New("the layout of its module data is not known")
	}
	if at, ok := symbols["runtime.firstmoduledata"]; ok {
		if b.check(l, t, at) {
			return nil
		}
		return errors.New("its module data is not as that of its release: the executable is damaged or packed")
	}
	var tables []uint64
	for _, s := range l.f.Sections {
		if s.Name == ".gopclntab" || s.Name == ".data.rel.ro.gopclntab" {
			tables = append(tables, s.Addr)
		}
	}
	if len(tables) == 0 {
		return errors.New("it has no section with the table of functions: it is packed, or more than stripped")
	}
	for _, p := range l.f.Progs {
		if p.Type != elf.PT_LOAD || p.Flags&elf.PF_W == 0 {
			continue
		}
		data, err := l.load(p.Vaddr, p.Filesz)
		if err != nil {
			continue
		}
		for _, table := range tables {
			var want [8]byte
			binary.LittleEndian.PutUint64(want[:], table)
			for at := 0; ; at += 8 {
				i := bytes.Index(data[at:], want[:])
				if i < 0 {
					break
				}
				if at += i; at&7 != 0 {
					at &^= 7
					continue
				}
				if b.check(l, t, p.Vaddr+uint64(at)) {
					return nil
				}
			}
		}
	}
	return errors.New("its module data is not found")
}

// check reports whether the module data is at addr, and takes what it says.
func (b *Bare) check(l *loader, t *Type, addr uint64) bool {
	const magic = 0xfffffff1 // of the table of functions, since Go 1.20
	data, err := l.load(addr, uint64(t.Size))
	if err != nil {
		return false
	}
	field := func(name string) uint64 {
		f, ok := t.Field(name)
		if !ok || f.Offset > t.Size-8 {
			return 0
		}
		return binary.LittleEndian.Uint64(data[f.Offset:])
	}
	head, err := l.load(field("pcHeader"), 8)
	if err != nil || binary.LittleEndian.Uint32(head) != magic || head[7] != 8 {
		return false
	}
	if field("minpc") >= field("maxpc") || field("text") >= field("etext") || field("types") >= field("etypes") || field("next") != 0 {
		return false
	}
	b.Addr, b.module = addr, data
	b.Types = Region{field("types"), field("etypes")}
	b.Data = nil
	for _, name := range []string{"noptrdata", "data", "bss", "noptrbss"} {
		r := Region{field(name), field("e" + name)}
		if r.From > r.To || r.To-r.From > maxLoad {
			return false
		}
		b.Data = append(b.Data, r)
	}
	return true
}

// Module returns what the module data has at a linked address once the program
// is loaded bias bytes above: the addresses of its code.
func (b *Bare) Module(bias uint64, t *Type) (addr uint64, want []byte) {
	want = make([]byte, 16)
	for i, name := range []string{"minpc", "maxpc"} {
		f, _ := t.Field(name)
		binary.LittleEndian.PutUint64(want[8*i:], binary.LittleEndian.Uint64(b.module[f.Offset:])+bias)
	}
	f, _ := t.Field("minpc")
	return b.Addr + bias + uint64(f.Offset), want
}

// statics keeps the package variables of a symbol table.
func (b *Bare) statics(symbols []elf.Symbol) {
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_OBJECT && s.Size > 0 && !strings.HasPrefix(s.Name, "runtime.") && !strings.HasPrefix(s.Name, "go:") && !strings.HasPrefix(s.Name, "type:") {
			b.Static = append(b.Static, Static{s.Name, s.Value, s.Size})
		}
	}
	slices.SortFunc(b.Static, func(x, y Static) int {
		if x.Addr != y.Addr {
			if x.Addr < y.Addr {
				return -1
			}
			return 1
		}
		return strings.Compare(x.Name, y.Name)
	})
}
