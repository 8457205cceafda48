package inspect

import (
	"bufio"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// snapshotVersion is that of the file format: gzip, and in it lines of JSON, of
// which the first says what follows.
const snapshotVersion = 1

// Bounds of files that are read: they may come from anywhere.
const (
	maxSnapshotLine  = 1 << 20
	maxSnapshotBytes = 4 << 30 // decompressed
)

// snapshotHeader is the first line.
type snapshotHeader struct {
	Ghostread string `json:"ghostread"` // "snapshot"
	Format    int    `json:"format"`
	*Snapshot
	Parts struct{} `json:"Parts"` // they follow
}

// snapshotLine is any other line: a part, or a group of the part before.
type snapshotLine struct {
	Part  string `json:",omitempty"`
	Old   bool   `json:",omitempty"`
	Depth int    `json:",omitempty"`

	Addr    uint64
	Bucket  int      `json:",omitempty"`
	Control string   `json:",omitempty"` // 8 bytes, hexadecimal
	States  string   `json:",omitempty"` // a letter for each slot, see stateLetters
	Keys    []uint64 `json:",omitempty"` // of the slots that have something, in order
	Elems   []uint64 `json:",omitempty"`
	Text    []Entry  `json:",omitempty"`
}

// stateLetters are those of empty, full, deleted and evacuated slots; capitals
// say that something is left.
const stateLetters = "efdv"

// WriteTo writes what [Target.Record] has made. The file has what look had shown
// on the screen, and no more: no bytes of keys and elements.
func (s *Snapshot) WriteTo(w io.Writer) (int64, error) {
	count := &counter{w: w}
	z := gzip.NewWriter(count)
	e := json.NewEncoder(z)
	e.SetEscapeHTML(false)
	err := e.Encode(snapshotHeader{Ghostread: "snapshot", Format: snapshotVersion, Snapshot: s})
	for i := range s.Parts {
		p := &s.Parts[i]
		if err == nil {
			err = e.Encode(snapshotLine{Part: p.Name, Old: p.Old, Depth: p.Depth, Addr: p.Addr})
		}
		for k := range p.Groups {
			if err == nil {
				err = e.Encode(p.Groups[k].line())
			}
		}
	}
	return count.n, errors.Join(err, z.Close())
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

func (g *SlotGroup) line() snapshotLine {
	l := snapshotLine{Addr: g.Addr, Bucket: g.Bucket}
	var control [groupSlots]byte
	for i := range g.Slots {
		slot := &g.Slots[i]
		control[i] = slot.Control
		letter := stateLetters[slot.State : slot.State+1]
		if slot.Residue() {
			letter = strings.ToUpper(letter)
		}
		l.States += letter
		if slot.Text != nil {
			l.Keys, l.Elems, l.Text = append(l.Keys, slot.KeyID), append(l.Elems, slot.ElemID), append(l.Text, *slot.Text)
		}
	}
	l.Control = hex.EncodeToString(control[:])
	return l
}

// ReadSnapshot reads what WriteTo has written. It takes up to 350 bytes for each
// group, and refuses files with more slots than [MaxSlots].
func ReadSnapshot(r io.Reader) (*Snapshot, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("no snapshot of ghostread inspect: %w", err)
	}
	in := bufio.NewScanner(io.LimitReader(z, maxSnapshotBytes))
	in.Buffer(nil, maxSnapshotLine)
	line := 1
	fail := func(format string, args ...any) error {
		return fmt.Errorf("line %d of the snapshot: %w", line, fmt.Errorf(format, args...))
	}
	if !in.Scan() {
		return nil, fail("there is none: %w", errors.Join(in.Err(), io.ErrUnexpectedEOF))
	}
	s := new(Snapshot)
	h := snapshotHeader{Snapshot: s}
	if err := json.Unmarshal(in.Bytes(), &h); err != nil || h.Ghostread != "snapshot" || h.Snapshot == nil {
		return nil, fail("no snapshot of ghostread inspect")
	}
	if h.Format != snapshotVersion {
		return nil, fail("format %d, this ghostread reads %d", h.Format, snapshotVersion)
	}
	s.Parts = nil
	groups := 0
	for line = 2; in.Scan(); line++ {
		var l snapshotLine
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return nil, fail("%w", err)
		}
		if l.Part != "" {
			if len(s.Parts) == MaxSlots/groupSlots {
				return nil, fail("more parts than a map of %s slots has", Count(MaxSlots))
			}
			s.Parts = append(s.Parts, Part{Name: l.Part, Addr: l.Addr, Old: l.Old, Depth: l.Depth})
			continue
		}
		if groups++; groups > MaxSlots/groupSlots {
			return nil, fail("more than %s slots", Count(MaxSlots))
		}
		if len(s.Parts) == 0 {
			return nil, fail("a group that is in no part")
		}
		g, err := l.group()
		if err != nil {
			return nil, fail("%w", err)
		}
		p := &s.Parts[len(s.Parts)-1]
		p.Groups = append(p.Groups, g)
	}
	if err := in.Err(); err != nil {
		return nil, fail("%w", err)
	}
	if n, _ := z.Read(make([]byte, 1)); n > 0 {
		return nil, fail("more than %s", Bytes(maxSnapshotBytes))
	}
	return s, nil
}

func (l *snapshotLine) group() (g SlotGroup, err error) {
	control, err := hex.DecodeString(l.Control)
	if err != nil || len(control) != groupSlots || len(l.States) != groupSlots {
		return g, fmt.Errorf("%d states and the control bytes %q, want 8 of each", len(l.States), l.Control)
	}
	g.Addr, g.Bucket = l.Addr, l.Bucket
	next := 0
	for i := range g.Slots {
		slot := &g.Slots[i]
		letter := l.States[i : i+1]
		state := strings.Index(stateLetters, strings.ToLower(letter))
		if state < 0 {
			return g, fmt.Errorf("a slot is %q, want one of %s", letter, stateLetters)
		}
		slot.Control, slot.State = control[i], State(state)
		residue := letter != strings.ToLower(letter)
		if slot.State != Full && !residue {
			continue
		}
		if next >= len(l.Keys) || next >= len(l.Elems) || next >= len(l.Text) {
			return g, errors.New("fewer keys than slots that have one")
		}
		slot.KeyID, slot.ElemID, slot.Text = l.Keys[next], l.Elems[next], &l.Text[next]
		slot.KeyLeft, slot.ElemLeft = residue && slot.KeyID != 0, residue && slot.ElemID != 0
		next++
	}
	return g, nil
}

// Between returns the time from one snapshot to the other.
func (s *Snapshot) Between(later *Snapshot) time.Duration { return later.Taken.Sub(s.Taken) }
