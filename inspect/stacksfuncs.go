package inspect

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// functions is what the runtime knows of the code: which function is where, how
// far its frame reaches, and which of its words are live pointers
// (runtime/symtab.go, cmd/internal/obj/pcln.go, Go 1.20 to 1.27). It is read
// from the process, so no relocation has to be undone.
type functions struct {
	t       *Target
	modules []module
	link    bool // the return address of a call is in a register, as on arm64
	fields  funcFields
	known   map[uint64]*function // by address of its runtime._func
}

// module is a runtime.moduledata: of the executable, or of a plugin.
type module struct {
	text, end uint64
	gofunc    uint64
	names     table
	pctab     table
	pcln      table
	ftab      []byte // pairs of uint32: offset of the code from text, offset of the _func in pcln
}

// table is a slice of bytes in the process.
type table struct{ addr, n uint64 }

// funcFields are places of fields in runtime._func.
type funcFields struct {
	size                                 int64
	name, pcsp, npcdata, flag, nfuncdata int64
}

// function is a function of the code, with all calls that are inlined in it.
type function struct {
	m     *module
	entry uint64
	name  string
	pcsp  uint32
	top   bool     // the outermost on its stack
	split bool     // it writes the stack pointer: what is above it is not known
	pc    []uint32 // offsets in pctab
	data  []uint32 // offsets from gofunc, 1<<32-1 for none
}

// Tables of a function (internal/abi/symtab.go, Go 1.20 to 1.27).
const (
	pcdataStackMap     = 1
	funcdataArgs       = 0
	funcdataLocals     = 1
	funcdataObjects    = 2
	flagTop, flagSplit = 1, 2
)

// Bounds of what the tables can say.
const (
	maxModules   = 1 << 8
	maxFunctions = 1 << 24
	maxTables    = 1 << 6
	maxChanges   = 1 << 20 // of a table that goes with the pc
	maxName      = 1 << 12
)

// newFunctions reads where the tables are; nil and the reason if a field is
// missing.
func newFunctions(t *Target) (*functions, error) {
	if t.Image.Bare != nil {
		return nil, errors.New("without DWARF nothing says where the locals of functions are")
	}
	f := &functions{t: t, known: map[uint64]*function{}, link: t.Image.Machine == elf.EM_AARCH64}
	l := t.layout("runtime._func")
	f.fields = funcFields{
		size: l.t.Size, name: l.need("nameOff").Offset, pcsp: l.need("pcsp").Offset, npcdata: l.need("npcdata").Offset,
		flag: l.need("flag").Offset, nfuncdata: l.need("nfuncdata").Offset,
	}
	m := t.layout("runtime.moduledata")
	text, end, gofunc := m.need("text").Offset, m.need("etext").Offset, m.need("gofunc").Offset
	names, pctab, pcln, ftab, next := m.need("funcnametab").Offset, m.need("pctab").Offset, m.need("pclntable").Offset, m.need("ftab").Offset, m.need("next").Offset
	first, ok := t.Image.Global("runtime.firstmoduledata")
	if err := cmp.Or(l.err, m.err); err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%s: its DWARF has no runtime.firstmoduledata", t.Image.Path)
	}
	at := first.Addr + t.bias
	for range maxModules {
		b := t.mem.bytes(at, int(m.t.Size))
		if b == nil {
			break
		}
		b = slices.Clone(b)
		part := func(off int64) table { return table{u64(b, off), u64(b, off+8)} }
		x := module{text: u64(b, text), end: u64(b, end), gofunc: u64(b, gofunc), names: part(names), pctab: part(pctab), pcln: part(pcln)}
		if list := part(ftab); list.n <= maxFunctions && list.n > 0 {
			x.ftab = slices.Clone(t.mem.bytes(list.addr, int(8*list.n)))
		}
		f.modules = append(f.modules, x)
		if at = u64(b, next); at == 0 {
			break
		}
	}
	return f, nil
}

// at returns the function that has pc, nil if there is none in Go.
func (f *functions) at(pc uint64) *function {
	for i := range f.modules {
		m := &f.modules[i]
		if pc < m.text || pc >= m.end || pc-m.text >= 1<<32 {
			continue
		}
		off, n := uint32(pc-m.text), len(m.ftab)/8
		// The last entry has only the end of the code.
		k := sort.Search(n, func(k int) bool { return binary.LittleEndian.Uint32(m.ftab[8*k:]) > off }) - 1
		if k < 0 || k >= n-1 {
			return nil
		}
		return f.read(m, m.text+uint64(binary.LittleEndian.Uint32(m.ftab[8*k:])), uint64(binary.LittleEndian.Uint32(m.ftab[8*k+4:])))
	}
	return nil
}

// read reads a runtime._func, which is followed by the offsets of its tables.
func (f *functions) read(m *module, entry, off uint64) *function {
	at := m.pcln.addr + off
	if x := f.known[at]; x != nil {
		return x
	}
	l := &f.fields
	if off >= m.pcln.n {
		return nil
	}
	b := f.t.mem.bytes(at, int(l.size))
	if b == nil {
		return nil
	}
	flag := u8(b, l.flag)
	x := &function{m: m, entry: entry, pcsp: uint32(number(b, l.pcsp, 4)), top: flag&flagTop != 0, split: flag&flagSplit != 0}
	name, npc, ndata := number(b, l.name, 4), number(b, l.npcdata, 4), u8(b, l.nfuncdata)
	if npc > maxTables || ndata > maxTables {
		return nil
	}
	if b = f.t.mem.bytes(at+uint64(l.size), int(4*(npc+ndata))); b != nil {
		for i := range npc + ndata {
			v := uint32(number(b, int64(4*i), 4))
			if i < npc {
				x.pc = append(x.pc, v)
			} else {
				x.data = append(x.data, v)
			}
		}
	}
	x.name = f.text(m.names.addr + name)
	f.known[at] = x
	return x
}

// text reads a string that ends with a zero byte.
func (f *functions) text(at uint64) string {
	for n := 64; n <= maxName; n *= 4 {
		b := f.t.mem.bytes(at, n)
		if b == nil {
			continue
		}
		if s, _, ok := strings.Cut(string(b), "\x00"); ok {
			return s
		}
	}
	return ""
}

// value returns what a table of the function says for pc, -1 if nothing. The
// table is a list of steps: by how much the value changes, and for how many
// bytes of code it is so then.
func (f *functions) value(x *function, off uint32, pc uint64) int32 {
	if off == 0 || uint64(off) >= x.m.pctab.n {
		return -1
	}
	at := x.m.pctab.addr + uint64(off)
	r := pcReader{f: f, at: at, left: x.m.pctab.n - uint64(off)}
	quantum := uint64(1)
	if f.link {
		quantum = 4
	}
	val, to := int32(-1), x.entry
	for n := range maxChanges {
		d := r.uvarint()
		if r.bad || d == 0 && n > 0 {
			break
		}
		val += int32(-(d & 1) ^ d>>1)
		if to += uint64(r.uvarint()) * quantum; pc < to {
			return val
		}
	}
	return -1
}

// pcReader reads numbers of a table.
type pcReader struct {
	f    *functions
	at   uint64
	left uint64
	b    []byte
	bad  bool
}

func (r *pcReader) byte() byte {
	if len(r.b) == 0 {
		n := min(r.left, 256)
		r.b = r.f.t.mem.bytes(r.at, int(n))
		r.at, r.left = r.at+n, r.left-n
		if len(r.b) == 0 {
			r.bad = true
			return 0
		}
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *pcReader) uvarint() (v uint32) {
	for shift := 0; ; shift += 7 {
		c := r.byte()
		if shift < 32 {
			v |= uint32(c&0x7f) << shift
		}
		if c&0x80 == 0 {
			return v
		}
	}
}

// bitmap is which words, from an address on, are live pointers.
type bitmap struct {
	n    int
	bits []byte
}

func (b *bitmap) has(i int) bool { return i >= 0 && i < b.n && b.bits[i/8]&(1<<(i%8)) != 0 }

// maxBits bounds the words of a frame.
const maxBits = 1 << 24

// stackMap reads a bitmap of a function (runtime.stackmap: count and length of
// bitmaps, then those). ok is false if it has none.
func (f *functions) stackMap(x *function, which int, index int32) (b bitmap, ok bool) {
	at, ok := x.dataAt(which)
	if !ok {
		return b, false
	}
	head := f.t.mem.bytes(at, 8)
	if head == nil {
		return b, false
	}
	n, bits := int32(number(head, 0, 4)), int64(int32(number(head, 4, 4)))
	if index < 0 || index >= n || bits < 0 || bits > maxBits {
		return b, false
	}
	if bits == 0 {
		return b, true
	}
	size := (bits + 7) / 8
	text := f.t.mem.bytes(at+8+uint64(size)*uint64(index), int(size))
	if text == nil {
		return b, false
	}
	return bitmap{int(bits), slices.Clone(text)}, true
}

// dataAt returns where a table with data of the function is.
func (x *function) dataAt(which int) (uint64, bool) {
	if which >= len(x.data) || x.data[which] == ^uint32(0) || x.m.gofunc == 0 {
		return 0, false
	}
	return x.m.gofunc + uint64(x.data[which]), true
}

// object is a variable in a frame whose address is taken (runtime.
// stackObjectRecord): it lives as long as something live points to it.
type object struct{ from, to int64 }

// maxObjects bounds those of one frame.
const maxObjects = 1 << 16

// objects reads those of a function. Negative offsets are from the end of the
// locals, others from the arguments.
func (f *functions) objects(x *function) (list []object) {
	at, ok := x.dataAt(funcdataObjects)
	if !ok {
		return nil
	}
	n, ok := f.t.mem.word(at)
	if !ok || n > maxObjects {
		return nil
	}
	const record = 16
	b := f.t.mem.bytes(at+8, int(n*record))
	for i := int64(0); i+record <= int64(len(b)); i += record {
		off, size := int64(int32(number(b, i, 4))), int64(int32(number(b, i+4, 4)))
		if size > 0 {
			list = append(list, object{off, off + size})
		}
	}
	return list
}
