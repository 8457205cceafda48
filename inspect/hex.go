package inspect

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// Dump is the memory of a map with what it means.
type Dump struct {
	Snapshot *Snapshot `json:"-"`
	Sections []Section
	More     int // groups or buckets that are left out
}

// Section is a run of memory: a header, a directory, a table, a group.
type Section struct {
	Name  string
	Addr  uint64
	Lines []HexLine
	More  int // lines that are left out
}

// HexLine is a few bytes.
type HexLine struct {
	Addr uint64
	Hex  string // "··" for a byte that is not shown
	Text string
}

// Bounds of what a dump has of one part.
const (
	dumpPlaces = 32 // of a directory
	dumpBytes  = 64 // of one key or element
)

// Hex dumps the map that owner has or that is at addr, with up to groups groups
// or buckets; below 0 means all. As elsewhere, numbers, pointers and lengths are
// shown, and what is in strings and byte arrays only if look.Values is set.
func (t *Target) Hex(owner string, addr uint64, look Look, groups int) (*Dump, error) {
	w, s, err := t.snapshot(owner, addr)
	if err != nil {
		return nil, err
	}
	d := &Dump{Snapshot: s}
	if len(s.pieces) == 0 {
		return nil, fmt.Errorf("the map at %#x cannot be read", s.Addr)
	}
	d.fields("header", s.mapType.Impl, s.pieces[0])
	v := &viewer{w: w, look: look}
	if s.shape.swiss != nil && u64(s.pieces[0].data, s.shape.swiss.dirLen) > 0 && len(s.pieces) > 1 {
		d.directory(s, s.pieces[1])
	}
	tables := map[uint64][]byte{}
	if s.shape.swiss != nil {
		for _, p := range s.pieces {
			tables[p.addr] = p.data
		}
	}
	shown := 0
	for i := range s.Parts {
		p := &s.Parts[i]
		if groups < 0 || shown < groups {
			if b, ok := tables[p.Addr]; ok && p.Name != "group" {
				dir, _ := s.mapType.Impl.Field("dirPtr")
				d.fields(p.Name, follow(dir.Type, 2), piece{p.Addr, b})
			}
		}
		for k := range p.Groups {
			if groups >= 0 && shown >= groups {
				d.More += len(p.Groups) - k
				break
			}
			shown++
			d.group(s, v, p, k)
		}
	}
	return d, t.mem.err
}

// fields adds a struct of the runtime, a line for each of its fields.
func (d *Dump) fields(name string, t *gobinary.Type, p piece) {
	sec := Section{Name: name, Addr: p.addr}
	var flat func(prefix string, t *gobinary.Type, off int64, depth int)
	flat = func(prefix string, t *gobinary.Type, off int64, depth int) {
		for _, f := range t.Fields {
			at := off + f.Offset
			switch {
			case f.Type.Kind == reflect.Struct && len(f.Type.Fields) > 0 && depth < 4:
				flat(prefix+f.Name+".", f.Type, at, depth+1)
			case at < 0 || f.Type.Size <= 0 || f.Type.Size > 8 || at > int64(len(p.data))-f.Type.Size:
			default:
				n := number(p.data, at, f.Type.Size)
				text := fmt.Sprintf("%s%s = %d", prefix, f.Name, n)
				if f.Type.Size == 8 && n > 1<<32 {
					text = fmt.Sprintf("%s%s = %#x", prefix, f.Name, n)
				}
				sec.Lines = append(sec.Lines, HexLine{p.addr + uint64(at), spaced(p.data[at : at+f.Type.Size]), text})
			}
		}
	}
	if t != nil {
		flat("", t, 0, 0)
	}
	d.Sections = append(d.Sections, sec)
}

// directory adds the places of a Swiss map's directory.
func (d *Dump) directory(s *Snapshot, p piece) {
	names := map[uint64]string{}
	for i := range s.Parts {
		names[s.Parts[i].Addr] = s.Parts[i].Name
	}
	sec := Section{Name: "directory", Addr: p.addr}
	n := len(p.data) / 8
	for i := range min(n, dumpPlaces) {
		at := u64(p.data, int64(8*i))
		sec.Lines = append(sec.Lines, HexLine{p.addr + uint64(8*i), spaced(p.data[8*i : 8*i+8]), fmt.Sprintf("place %d: %s", i, names[at])})
	}
	sec.More = n - len(sec.Lines)
	d.Sections = append(d.Sections, sec)
}

// group adds one group or bucket: its control bytes, and the slots that have
// something.
func (d *Dump) group(s *Snapshot, v *viewer, p *Part, k int) {
	g := &p.Groups[k]
	sec := Section{Name: groupName(p, k), Addr: g.Addr}
	at, name := int64(0), "top hashes: "
	if s.shape.swiss != nil {
		at, name = s.shape.swiss.ctrl, "control bytes: "
	} else {
		at = s.shape.classic.tophash
	}
	var states []string
	for i := range g.Slots {
		states = append(states, controlText(s.Classic, &g.Slots[i]))
	}
	sec.Lines = append(sec.Lines, HexLine{g.Addr + uint64(at), spaced(g.data[at : at+groupSlots]), name + strings.Join(states, ", ")})
	for i := range g.Slots {
		slot := &g.Slots[i]
		if slot.State != Full && !slot.Residue() {
			continue
		}
		key, elem := s.shape.entry(g.data, i)
		for n, b := range [][]byte{key, elem} {
			f := s.shape.slots[n]
			if len(b) == 0 || slot.State != Full && s.shape.left(n, b) == 0 {
				continue
			}
			typ := []*gobinary.Type{s.mapType.Key, s.mapType.Elem}[n]
			text := fmt.Sprintf("slot %d, %s%s: %s", i, what(f.key), stateText[slot.State], v.slot(typ, f.t, b))
			hidden := !v.look.Values && hides(f.t, 0)
			sec.bytes(g.Addr+uint64(f.off+int64(i)*f.stride), b, hidden, text)
		}
	}
	if c := s.shape.classic; c != nil {
		text := "overflow: none"
		if next := u64(g.data, c.overflow); next != 0 {
			text = fmt.Sprintf("overflow: %#x", next)
		}
		sec.Lines = append(sec.Lines, HexLine{g.Addr + uint64(c.overflow), spaced(g.data[c.overflow : c.overflow+8]), text})
	}
	d.Sections = append(d.Sections, sec)
}

// bytes adds the bytes of a key or element, 16 to a line.
func (sec *Section) bytes(addr uint64, b []byte, hidden bool, text string) {
	const row = 16
	for at := 0; at < min(len(b), dumpBytes); at += row {
		line := HexLine{Addr: addr + uint64(at), Text: text}
		if part := b[at:min(at+row, len(b))]; hidden {
			line.Hex = strings.TrimSpace(strings.Repeat("·· ", len(part)))
		} else {
			line.Hex = spaced(part)
		}
		sec.Lines = append(sec.Lines, line)
		text = ""
	}
	if more := len(b) - dumpBytes; more > 0 {
		sec.Lines = append(sec.Lines, HexLine{addr + dumpBytes, "", "and " + Plural(uint64(more), "byte") + " more"})
	}
}

// hides reports whether the bytes of a value of type t are such as are only
// shown if that is asked for: text writes byte arrays by their length.
func hides(t *gobinary.Type, nested int) bool {
	switch {
	case t == nil || nested > viewNesting:
		return true
	case t.Kind == reflect.Array:
		return t.Elem != nil && (t.Elem.Kind == reflect.Uint8 || hides(t.Elem, nested+1))
	case t.Kind == reflect.Struct:
		for _, f := range t.Fields {
			if hides(f.Type, nested+1) {
				return true
			}
		}
	}
	return false
}

// controlText says what a control byte or a top hash means.
func controlText(classic bool, s *Slot) string {
	left := ""
	if s.Residue() {
		left = " with residue"
	}
	switch {
	case s.State == Full && classic:
		return fmt.Sprintf("top %#02x", s.Control)
	case s.State == Full:
		return fmt.Sprintf("H2 %#02x", s.Control)
	case classic && s.Control == 0:
		return "empty to the end" + left
	case classic && s.State == Evacuated:
		return [...]string{"moved to x", "moved to y", "moved, was empty"}[min(s.Control, 4)-evacuatedX] + left
	}
	return s.State.String() + left
}

// spaced writes bytes in hexadecimal.
func spaced(b []byte) string {
	var out strings.Builder
	for i, x := range b {
		if i > 0 {
			out.WriteByte(' ')
		}
		out.WriteString(hex.EncodeToString([]byte{x}))
	}
	return out.String()
}
