package gobinary

import (
	"encoding/binary"
	"errors"
)

// Place is where a part of a variable is.
type Place struct {
	Size int64 // bytes; 0 means the whole variable
	Kind PlaceKind
	At   int64 // InFrame: from the frame's base; InRegister: its DWARF number
	Via  bool  // a pointer to it is there
}

// PlaceKind says what the other fields of a [Place] mean.
type PlaceKind uint8

const (
	Nowhere    PlaceKind = iota // optimized away
	InFrame                     // at an offset from the stack pointer before the call
	InRegister                  // in a register
)

// maxPlaces bounds the parts of one variable.
const maxPlaces = 1 << 10

var errExpression = errors.New("a location with an operation that the Go compiler does not write")

// reader reads numbers from a section. After the end it gives zeros, and bad is
// set.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.b, r.bad = nil, true
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u8() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint64 {
	if b := r.bytes(2); b != nil {
		return uint64(binary.LittleEndian.Uint16(b))
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// uleb reads an unsigned number of seven bits a byte.
func (r *reader) uleb() (v uint64) {
	for shift := 0; ; shift += 7 {
		c := r.u8()
		if shift < 64 {
			v |= uint64(c&0x7f) << shift
		}
		if c&0x80 == 0 {
			return v
		}
	}
}

// sleb reads a signed one.
func (r *reader) sleb() int64 {
	var v uint64
	for shift := 0; ; shift += 7 {
		c := r.u8()
		if shift < 64 {
			v |= uint64(c&0x7f) << shift
		}
		if c&0x80 == 0 {
			if shift += 7; c&0x40 != 0 && shift < 64 {
				v |= ^uint64(0) << shift
			}
			return int64(v)
		}
	}
}

// Operations of DWARF expressions (DWARF 5, 7.7.1): all that the Go compiler
// writes for locals (cmd/compile/internal/ssa/debug.go, dwarfgen/dwarf.go, Go
// 1.20 to 1.27).
const (
	opDeref = 0x06
	opReg0  = 0x50
	opReg31 = 0x6f
	opRegX  = 0x90
	opFbreg = 0x91
	opPiece = 0x93
	opCFA   = 0x9c
)

// Bounds of numbers in locations. A stack has a gigabyte at most.
const (
	maxRegister = 1 << 10
	maxFrame    = 1 << 30
)

// parseLocation returns the parts of a variable in the order in which they lie
// in it. It takes time in proportion to the expression.
func parseLocation(expr []byte) ([]Place, error) {
	var list []Place
	var cur Place
	full := false // cur has a place
	r := &reader{b: expr}
	for len(r.b) > 0 {
		op := r.u8()
		if op != opPiece && (op == opDeref) != full {
			return nil, errExpression
		}
		switch {
		case op >= opReg0 && op <= opReg31:
			cur, full = Place{Kind: InRegister, At: int64(op - opReg0)}, true
		case op == opRegX:
			cur, full = Place{Kind: InRegister, At: int64(min(r.uleb(), maxRegister))}, true
		case op == opFbreg:
			cur, full = Place{Kind: InFrame, At: r.sleb()}, true
		case op == opCFA:
			cur, full = Place{Kind: InFrame}, true
		case op == opDeref && cur.Kind == InFrame && !cur.Via:
			cur.Via = true
		case op == opPiece:
			size := r.uleb()
			if size == 0 || size > maxFrame || len(list) == maxPlaces {
				return nil, errExpression
			}
			cur.Size = int64(size)
			list = append(list, cur)
			cur, full = Place{}, false
		default:
			return nil, errExpression
		}
		if cur.At > maxFrame || cur.At < -maxFrame {
			return nil, errExpression
		}
	}
	switch {
	case r.bad || full && len(list) > 0:
		return nil, errExpression
	case full:
		list = append(list, cur)
	}
	return list, nil
}

// Entries of location lists in .debug_loclists (DWARF 5, 7.7.3).
const (
	lleEnd          = 0
	lleBaseX        = 1
	lleStartXEndX   = 2
	lleStartXLength = 3
	lleOffsetPair   = 4
	lleDefault      = 5
	lleBase         = 6
	lleStartEnd     = 7
	lleStartLength  = 8
)

// locations has the location lists of an executable.
type locations struct {
	loc   []byte // .debug_loc, DWARF 4
	lists []byte // .debug_loclists, DWARF 5
	addr  []byte // .debug_addr
}

// find returns the expression that is valid at pc in the list at offset off, nil
// if there is none. base is the linked address where the unit's code begins,
// addrBase where its addresses are in .debug_addr, -1 for a unit of DWARF 4.
func (l *locations) find(off int64, pc, base uint64, addrBase int64) []byte {
	if addrBase >= 0 {
		return l.find5(off, pc, base, addrBase)
	}
	if off < 0 || off > int64(len(l.loc)) {
		return nil
	}
	r := &reader{b: l.loc[off:]}
	for !r.bad {
		lo, hi := r.u64(), r.u64()
		switch {
		case lo == 0 && hi == 0:
			return nil
		case lo == ^uint64(0):
			base = hi
			continue
		}
		expr := r.bytes(r.u16())
		if pc-base >= lo && pc-base < hi && pc >= base {
			return expr
		}
	}
	return nil
}

func (l *locations) find5(off int64, pc, base uint64, addrBase int64) []byte {
	if off < 0 || off > int64(len(l.lists)) {
		return nil
	}
	r := &reader{b: l.lists[off:]}
	at := func(i uint64) uint64 {
		if i > uint64(len(l.addr)) || addrBase > int64(len(l.addr)) {
			r.bad = true
			return 0
		}
		a := &reader{b: l.addr[addrBase:]}
		a.bytes(8 * i)
		v := a.u64()
		r.bad = r.bad || a.bad
		return v
	}
	var otherwise []byte
	for !r.bad {
		var lo, hi uint64
		switch r.u8() {
		case lleEnd:
			return otherwise
		case lleBaseX:
			base = at(r.uleb())
			continue
		case lleBase:
			base = r.u64()
			continue
		case lleStartXEndX:
			lo, hi = at(r.uleb()), at(r.uleb())
		case lleStartXLength:
			lo = at(r.uleb())
			hi = lo + r.uleb()
		case lleOffsetPair:
			lo, hi = base+r.uleb(), base+r.uleb()
		case lleDefault:
			otherwise = r.bytes(r.uleb())
			continue
		case lleStartEnd:
			lo, hi = r.u64(), r.u64()
		case lleStartLength:
			lo = r.u64()
			hi = lo + r.uleb()
		default:
			return nil
		}
		if expr := r.bytes(r.uleb()); pc >= lo && pc < hi && !r.bad {
			return expr
		}
	}
	return nil
}
