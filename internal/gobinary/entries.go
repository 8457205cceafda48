package gobinary

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
)

// debugSections are those that say what types, variables and functions there
// are. Line tables and location lists are larger than all of them together.
var debugSections = []string{"abbrev", "info", "str", "ranges", "addr", "line_str", "rnglists", "str_offsets"}

// debugData reads the DWARF of an executable without what is not needed of it.
func debugData(f *elf.File) (d *dwarf.Data, s *entries, err error) {
	section := map[string][]byte{}
	for _, name := range debugSections {
		s := f.Section(".debug_" + name)
		if s == nil {
			s = f.Section(".zdebug_" + name)
		}
		if s == nil || s.Type == elf.SHT_NOBITS {
			continue
		}
		if section[name], err = s.Data(); err != nil {
			return nil, nil, fmt.Errorf("section %s: %w", s.Name, err)
		}
	}
	d, err = dwarf.New(section["abbrev"], nil, nil, section["info"], nil, nil, section["ranges"], section["str"])
	if err != nil {
		return nil, nil, err
	}
	for _, name := range debugSections[4:] {
		if b := section[name]; b != nil {
			if err := d.AddSection(".debug_"+name, b); err != nil {
				return nil, nil, err
			}
		}
	}
	return d, &entries{info: section["info"], abbrev: section["abbrev"], decode: d.Reader(), tables: map[tableKey]map[uint64]*abbreviation{}}, nil
}

// entries goes through .debug_info and decodes what is of use here: four fifths
// of the entries of a Go program are parameters, variables and inlined calls in
// functions, which are skipped without allocating anything.
type entries struct {
	info, abbrev []byte
	decode       *dwarf.Reader
	tables       map[tableKey]map[uint64]*abbreviation

	at, end int // of the unit
	unit    tableKey
	codes   map[uint64]*abbreviation
	depth   int
	skipped dwarf.Entry
}

// tableKey says where abbreviations are, and how long the forms are whose length
// depends on the unit.
type tableKey struct {
	off                     uint64
	offset, addr, reference int // bytes
}

// abbreviation is what entries with one code have in common.
type abbreviation struct {
	tag      dwarf.Tag
	children bool
	captured bool  // it has attrClosure
	steps    []int // how to go past its attributes: bytes, or what says how many
}

// errEnds says that .debug_info or .debug_abbrev end too early.
var errEnds = errors.New("it ends in the middle of an entry")

// next returns the next entry that matters, and how many entries are around it;
// nil at the end. Of entries that do not matter, but whose place does, only tag
// and offset are set, and it is valid until the next call.
func (s *entries) next() (e *dwarf.Entry, depth int, err error) {
	for {
		if s.at >= s.end {
			if s.end >= len(s.info) {
				return nil, 0, nil
			}
			if err := s.begin(); err != nil {
				return nil, 0, fmt.Errorf("unit at offset %#x: %w", s.end, err)
			}
			continue
		}
		off := s.at
		code, ok := s.uleb()
		if !ok {
			return nil, 0, fmt.Errorf("offset %#x: %w", off, errEnds)
		}
		if code == 0 {
			if s.depth == 0 {
				return nil, 0, fmt.Errorf("offset %#x: an end without a beginning", off)
			}
			s.depth--
			continue
		}
		a := s.codes[code]
		if a == nil {
			return nil, 0, fmt.Errorf("offset %#x: there is no abbreviation %d", off, code)
		}
		for _, n := range a.steps {
			if err := s.skip(n); err != nil {
				return nil, 0, fmt.Errorf("offset %#x: %w", off, err)
			}
		}
		depth := s.depth
		if a.children {
			if s.depth++; s.depth > maxDepth {
				return nil, 0, fmt.Errorf("offset %#x: entries are nested %d deep", off, maxDepth)
			}
		}
		switch matter(a, depth) {
		case decoded:
			s.decode.Seek(dwarf.Offset(off))
			e, err := s.decode.Next()
			if err != nil {
				return nil, 0, err
			}
			if e == nil || e.Offset != dwarf.Offset(off) || e.Tag != a.tag {
				return nil, 0, fmt.Errorf("offset %#x: there is no entry", off)
			}
			return e, depth, nil
		case noted:
			s.skipped = dwarf.Entry{Offset: dwarf.Offset(off), Tag: a.tag, Children: a.children}
			return &s.skipped, depth, nil
		}
	}
}

const (
	ignored = iota
	noted
	decoded
)

// matter says what of an entry is of use.
func matter(a *abbreviation, depth int) int {
	switch depth {
	case 0:
		return decoded
	case 1:
		switch a.tag {
		case dwarf.TagSubprogram, dwarf.TagVariable, dwarf.TagBaseType, dwarf.TagStructType, dwarf.TagArrayType,
			dwarf.TagPointerType, dwarf.TagSubroutineType, dwarf.TagTypedef:
			return decoded
		}
		return noted // what is in it belongs to no entry before it
	case 2:
		if a.tag == dwarf.TagMember || a.tag == dwarf.TagSubrangeType || a.tag == dwarf.TagVariable && a.captured {
			return decoded
		}
	}
	return ignored
}

// begin reads the header of the next unit (DWARF 5, 7.5.1).
func (s *entries) begin() error {
	s.at, s.depth = s.end, 0
	fixed := func(n int) (v uint64) {
		if n <= len(s.info)-s.at {
			var b [8]byte
			copy(b[:], s.info[s.at:s.at+n])
			v = binary.LittleEndian.Uint64(b[:])
		}
		s.at += n
		return v
	}
	size := fixed(4)
	k := tableKey{offset: 4}
	if size == 0xffffffff {
		size, k.offset = fixed(8), 8
	}
	if s.at > len(s.info) || size > uint64(len(s.info)-s.at) {
		return errEnds
	}
	if s.end = s.at + int(size); size == 0 {
		return nil // padding
	}
	version := fixed(2)
	switch {
	case version < 2 || version > 5:
		return fmt.Errorf("DWARF %d is not known", version)
	case version == 5:
		kind := fixed(1)
		k.addr = int(fixed(1))
		k.off = fixed(k.offset)
		switch kind {
		case 2, 6: // a type, with its signature and place
			fixed(8 + k.offset)
		case 4, 5:
			fixed(8)
		}
	default:
		k.off = fixed(k.offset)
		k.addr = int(fixed(1))
	}
	if s.at > s.end {
		return errEnds
	}
	if k.reference = k.offset; version == 2 {
		k.reference = k.addr
	}
	s.unit, s.codes = k, s.tables[k]
	if s.codes != nil {
		return nil
	}
	var err error
	if s.codes, err = s.table(k); err == nil {
		s.tables[k] = s.codes
	}
	return err
}

// table reads abbreviations, those of one unit.
func (s *entries) table(k tableKey) (map[uint64]*abbreviation, error) {
	if k.off > uint64(len(s.abbrev)) {
		return nil, errEnds
	}
	codes := map[uint64]*abbreviation{}
	b := leb{s.abbrev[k.off:]}
	for {
		code, ok := b.uleb()
		if !ok {
			return nil, errEnds
		}
		if code == 0 {
			return codes, nil
		}
		tag, _ := b.uleb()
		children, ok := b.byte()
		if !ok {
			return nil, errEnds
		}
		a := &abbreviation{tag: dwarf.Tag(tag), children: children != 0}
		for {
			attr, _ := b.uleb()
			form, ok := b.uleb()
			if !ok {
				return nil, errEnds
			}
			for more := form == formImplicitConst; more && ok; { // a signed number
				var c byte
				c, ok = b.byte()
				more = c&0x80 != 0
			}
			if attr == 0 && form == 0 {
				break
			}
			a.captured = a.captured || dwarf.Attr(attr) == attrClosure
			n, err := k.size(form)
			if err != nil {
				return nil, err
			}
			if last := len(a.steps) - 1; n >= 0 && last >= 0 && a.steps[last] >= 0 {
				a.steps[last] += n
			} else {
				a.steps = append(a.steps, n)
			}
		}
		codes[code] = a
	}
}

// leb reads numbers of variable length.
type leb struct{ b []byte }

func (l *leb) byte() (byte, bool) {
	if len(l.b) == 0 {
		return 0, false
	}
	v := l.b[0]
	l.b = l.b[1:]
	return v, true
}

func (l *leb) uleb() (uint64, bool) {
	v, n := binary.Uvarint(l.b)
	if n <= 0 {
		return 0, false
	}
	l.b = l.b[n:]
	return v, true
}

// uleb reads a number of variable length.
func (s *entries) uleb() (uint64, bool) {
	l := leb{s.info[s.at:s.end]}
	v, ok := l.uleb()
	s.at = s.end - len(l.b)
	return v, ok
}

// What says how long an attribute is, if its form does not.
const (
	sizeLeb    = -1 - iota
	sizeString // a zero byte ends it
	sizeBlock  // a number of variable length in front of it
	sizeBlock1
	sizeBlock2
	sizeBlock4
	sizeIndirect // a number of variable length is the form
)

// formImplicitConst has its value in the abbreviation.
const formImplicitConst = 0x21

// size returns how many bytes a form takes (DWARF 5, 7.5.6, and those of GNU
// from before), or one of the above.
func (k *tableKey) size(form uint64) (int, error) {
	switch form {
	case 0x19, formImplicitConst: // flag_present
		return 0, nil
	case 0x0b, 0x0c, 0x11, 0x25, 0x29: // data1, flag, ref1, strx1, addrx1
		return 1, nil
	case 0x05, 0x12, 0x26, 0x2a: // data2, ref2, strx2, addrx2
		return 2, nil
	case 0x27, 0x2b: // strx3, addrx3
		return 3, nil
	case 0x06, 0x13, 0x1c, 0x28, 0x2c: // data4, ref4, ref_sup4, strx4, addrx4
		return 4, nil
	case 0x07, 0x14, 0x20, 0x24: // data8, ref8, ref_sig8, ref_sup8
		return 8, nil
	case 0x1e: // data16
		return 16, nil
	case 0x01: // addr
		return k.addr, nil
	case 0x0e, 0x17, 0x1d, 0x1f, 0x1f20, 0x1f21: // strp, sec_offset, strp_sup, line_strp, GNU_ref_alt, GNU_strp_alt
		return k.offset, nil
	case 0x10: // ref_addr
		return k.reference, nil
	case 0x0d, 0x0f, 0x15, 0x1a, 0x1b, 0x22, 0x23, 0x1f01, 0x1f02: // sdata, udata, ref_udata, strx, addrx, loclistx, rnglistx, GNU_addr_index, GNU_str_index
		return sizeLeb, nil
	case 0x08:
		return sizeString, nil
	case 0x09, 0x18: // block, exprloc
		return sizeBlock, nil
	case 0x0a:
		return sizeBlock1, nil
	case 0x03:
		return sizeBlock2, nil
	case 0x04:
		return sizeBlock4, nil
	case 0x16:
		return sizeIndirect, nil
	}
	return 0, fmt.Errorf("form %#x of an attribute is not known", form)
}

// skip goes past attributes.
func (s *entries) skip(size int) error {
	n, ok := uint64(0), true
	switch size {
	default:
		n = uint64(size)
	case sizeLeb: // negative ones are of any length
		for n < uint64(s.end-s.at) && s.info[s.at+int(n)]&0x80 != 0 {
			n++
		}
		n++
	case sizeString:
		i := bytes.IndexByte(s.info[s.at:s.end], 0)
		n, ok = uint64(i+1), i >= 0
	case sizeBlock:
		n, ok = s.uleb()
	case sizeBlock1:
		n, ok = s.length(1)
	case sizeBlock2:
		n, ok = s.length(2)
	case sizeBlock4:
		n, ok = s.length(4)
	case sizeIndirect:
		form, _ := s.uleb()
		real, err := s.unit.size(form)
		if err != nil || real == sizeIndirect {
			return errEnds
		}
		return s.skip(real)
	}
	if !ok || n > uint64(s.end-s.at) {
		return errEnds
	}
	s.at += int(n)
	return nil
}

// length reads a number of n bytes.
func (s *entries) length(n int) (v uint64, ok bool) {
	if n > s.end-s.at {
		return 0, false
	}
	for i := range n {
		v |= uint64(s.info[s.at+i]) << (8 * i)
	}
	s.at += n
	return v, true
}
