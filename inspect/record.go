package inspect

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"reflect"
	"strings"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// Record is a Snapshot that can be kept and compared with another one: it says
// of each slot what is in it, in words as look has it and as a number that is
// equal for equal content.
//
// The numbers are HMACs. Their key is made from the random numbers with which
// the runtime of the process seeds its hashes, and is not kept: two snapshots of
// a process can be compared, and nobody can try guesses without the memory of
// that process, which has the content anyway. That of an element has the key of
// its entry in it, so that equal elements do not show.
func (t *Target) Record(owner string, addr uint64, look Look) (*Snapshot, error) {
	w, s, err := t.snapshot(owner, addr)
	if err != nil {
		return nil, err
	}
	key := t.processKey()
	m := &marker{w: w, mac: hmac.New(sha256.New, key)}
	s.Process = hex.EncodeToString(m.sum([]byte("process")))
	v := &viewer{w: w, look: look}
	typ := s.mapType
	for i := range s.Parts {
		for k := range s.Parts[i].Groups {
			g := &s.Parts[i].Groups[k]
			for n := range g.Slots {
				slot := &g.Slots[n]
				if slot.State != Full && !slot.Residue() {
					continue
				}
				key, elem := s.shape.entry(g.data, n)
				slot.Text = new(Entry)
				if slot.State == Full || slot.KeyLeft {
					slot.KeyID = m.mark(0, typ.Key, s.shape.slots[0].t, key)
					slot.Text.Key = v.slot(typ.Key, s.shape.slots[0].t, key)
				}
				if slot.State == Full || slot.ElemLeft {
					slot.ElemID = m.mark(slot.KeyID, typ.Elem, s.shape.slots[1].t, elem)
					slot.Text.Elem = v.slot(typ.Elem, s.shape.slots[1].t, elem)
				}
			}
		}
	}
	return s, t.mem.err
}

// processKey returns a secret that the process has as long as it lives: what
// the runtime fills with random numbers at its start (runtime/alg.go; in Go 1.27
// internal/runtime/maps). Where there is none it is a new one each time, and
// snapshots cannot be compared.
func (t *Target) processKey() []byte {
	h := sha256.New()
	h.Write([]byte("ghostread snapshot 1"))
	found := false
	for _, v := range t.Image.Globals {
		if !strings.HasSuffix(v.Name, "runtime.aeskeysched") && !strings.HasSuffix(v.Name, "runtime.hashkey") &&
			!strings.HasSuffix(v.Name, "runtime/maps.aeskeysched") && !strings.HasSuffix(v.Name, "runtime/maps.hashkey") {
			continue
		}
		if b := t.mem.bytes(v.Addr+t.bias, int(v.Type.Size)); left(b) != 0 {
			h.Write(b)
			found = true
		}
	}
	if !found {
		var b [32]byte
		rand.Read(b[:])
		h.Write(b[:])
	}
	return h.Sum(nil)
}

// marker makes numbers from content.
type marker struct {
	w   *walk
	mac hash.Hash
	out []byte
	in  []byte
}

func (m *marker) sum(b []byte) []byte {
	m.mac.Reset()
	m.mac.Write(b)
	m.out = m.mac.Sum(m.out[:0])
	return m.out[:8]
}

// mark returns the number of a value of type t that is in a slot of type in; it
// is never 0. of is that of the entry's key.
func (m *marker) mark(of uint64, t, in *gobinary.Type, b []byte) uint64 {
	m.in = binary.LittleEndian.AppendUint64(m.in[:0], of)
	if t != nil && t != in && in.Kind == reflect.Pointer && in.Elem == t {
		at := u64(b, 0)
		b = nil
		if m.w.fits(at, 1, t.Size) {
			b = append(b, m.w.t.mem.bytes(at, int(t.Size))...)
		}
		in = t
	}
	m.content(in, b, 0)
	return max(binary.LittleEndian.Uint64(m.sum(m.in)), 1)
}

// maxContent bounds how much of a string is looked at.
const maxContent = 1 << 16

// content appends what a value is equal by: of strings and byte slices what is
// in them, of all else the bytes.
func (m *marker) content(t *gobinary.Type, b []byte, nested int) {
	switch {
	case t == nil || int64(len(b)) < t.Size || nested > viewNesting:
		m.in = append(m.in, b...)
	case t.Kind == reflect.String || t.Kind == reflect.Slice && t.Elem != nil && t.Elem.Kind == reflect.Uint8:
		at, n := u64(b, 0), u64(b, 8)
		m.in = binary.LittleEndian.AppendUint64(m.in, n)
		if n > 0 && m.w.fits(at, n, 1) {
			m.in = append(m.in, m.w.t.mem.bytes(at, int(min(n, maxContent)))...)
		}
	case t.Kind == reflect.Struct:
		for _, f := range t.Fields {
			if f.Offset >= 0 && f.Type.Size >= 0 && f.Offset <= int64(len(b))-f.Type.Size {
				m.content(f.Type, b[f.Offset:f.Offset+f.Type.Size], nested+1)
			}
		}
	case t.Kind == reflect.Array && t.Elem != nil && t.Elem.Size > 0 && (t.Elem.Kind == reflect.String || t.Elem.Kind == reflect.Struct):
		for at := int64(0); at+t.Elem.Size <= int64(len(b)); at += t.Elem.Size {
			m.content(t.Elem, b[at:at+t.Elem.Size], nested+1)
		}
	default:
		m.in = append(m.in, b...)
	}
}
