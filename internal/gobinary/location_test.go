package gobinary

import (
	"encoding/binary"
	"reflect"
	"testing"
)

func TestLocation(t *testing.T) {
	for _, tt := range []struct {
		name string
		expr []byte
		want []Place
	}{
		{"nothing", nil, nil},
		{"first argument", []byte{opCFA}, []Place{{Kind: InFrame}}},
		{"local", []byte{opFbreg, 0xd8, 0x7e}, []Place{{Kind: InFrame, At: -168}}},
		{"moved to the heap", []byte{opFbreg, 0x68, opDeref}, []Place{{Kind: InFrame, At: -24, Via: true}}},
		{"register", []byte{opReg0 + 3}, []Place{{Kind: InRegister, At: 3}}},
		{"high register", []byte{opRegX, 65}, []Place{{Kind: InRegister, At: 65}}},
		{"slice in parts", []byte{opReg0, opPiece, 8, opFbreg, 0x70, opPiece, 8, opPiece, 8},
			[]Place{{Size: 8, Kind: InRegister}, {Size: 8, Kind: InFrame, At: -16}, {Size: 8}}},
	} {
		if got, err := parseLocation(tt.expr); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: parseLocation(% x) = %v, %v; want %v", tt.name, tt.expr, got, err, tt.want)
		}
	}
	for _, expr := range [][]byte{{opDeref}, {opFbreg}, {opFbreg, 0x80}, {opCFA, opCFA}, {opReg0, opDeref}, {opCFA, opDeref, opDeref}, {opReg0, opPiece, 8, opReg0}, {opCFA, opPiece, 0}, {0x22}} {
		if got, err := parseLocation(expr); err == nil {
			t.Errorf("parseLocation(% x) = %v, want an error", expr, got)
		}
	}
}

// list5 is a location list of DWARF 5 as the compiler writes it.
func list5(pairs ...byte) []byte {
	b := []byte{lleBaseX, 1}
	for i := 0; i+2 < len(pairs); i += 3 {
		b = append(b, lleOffsetPair, pairs[i], pairs[i+1], 1, pairs[i+2])
	}
	return append(b, lleEnd)
}

// list4 is one of DWARF 4.
func list4(base uint64, pairs ...byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, ^uint64(0))
	b = binary.LittleEndian.AppendUint64(b, base)
	for i := 0; i+2 < len(pairs); i += 3 {
		b = binary.LittleEndian.AppendUint64(b, uint64(pairs[i]))
		b = binary.LittleEndian.AppendUint64(b, uint64(pairs[i+1]))
		b = append(b, 1, 0, pairs[i+2])
	}
	return append(b, make([]byte, 16)...)
}

func TestLocationLists(t *testing.T) {
	const base = 0x401000
	pairs := []byte{0, 4, opReg0, 4, 9, opCFA, 20, 30, opReg0 + 1}
	l := &locations{loc: list4(base, pairs...), lists: list5(pairs...)}
	l.addr = binary.LittleEndian.AppendUint64(make([]byte, 8), 7)
	l.addr = binary.LittleEndian.AppendUint64(l.addr, base)
	for pc := uint64(base - 3); pc < base+40; pc++ {
		want := byte(0)
		for i := 0; i < len(pairs); i += 3 {
			if off := pc - base; off >= uint64(pairs[i]) && off < uint64(pairs[i+1]) {
				want = pairs[i+2]
			}
		}
		for name, got := range map[string][]byte{"DWARF 4": l.find(0, pc, 0, -1), "DWARF 5": l.find(0, pc, 0, 8)} {
			if want == 0 && got != nil || want != 0 && (len(got) != 1 || got[0] != want) {
				t.Errorf("%s at base+%d: got % x, want %x", name, pc-base, got, want)
			}
		}
	}
}

func FuzzLocation(f *testing.F) {
	f.Add([]byte{opReg0, opPiece, 8, opFbreg, 0x70, opPiece, 8}, []byte{1, 2, 3}, int64(0), uint64(9), int64(0))
	f.Add(list5(0, 9, opCFA), make([]byte, 16), int64(0), uint64(3), int64(8))
	f.Add(list4(5, 0, 9, opCFA), []byte(nil), int64(0), uint64(7), int64(-1))
	f.Fuzz(func(t *testing.T, text, addr []byte, off int64, pc uint64, addrBase int64) {
		l := &locations{loc: text, lists: text, addr: addr}
		for _, expr := range [][]byte{text, l.find(off, pc, 0, addrBase)} {
			list, err := parseLocation(expr)
			if len(list) > maxPlaces || err != nil && list != nil {
				t.Errorf("parseLocation(% x) = %d places, %v", expr, len(list), err)
			}
			for _, p := range list {
				if p.At > maxFrame || p.At < -maxFrame || p.Size < 0 || p.Size > maxFrame {
					t.Errorf("parseLocation(% x) has %+v", expr, p)
				}
			}
		}
	})
}
