package main

import (
	"encoding/hex"
	"fmt"
)

type mark struct {
	Offset int    `json:"offset"`
	Size   int    `json:"size"`
	Role   string `json:"role"`
	Text   string `json:"text"`
}

// dumps draws one bucket of a map[[16]byte][16]byte before and after, with keys
// and values that a reader recognises. No part of it is an address.
func dumps() {
	what := "bucket"
	if swiss {
		what = "group"
	}
	p := newProbe("arrays",
		func(i int) (k [16]byte) { copy(k[:], fmt.Sprintf("session-%08d", i)); return },
		func(i int) (v [16]byte) { copy(v[:], fmt.Sprintf("account-%08d", i)); return },
		func(m map[[16]byte][16]byte) {
			for k := range m {
				delete(m, k)
			}
		})

	draw := func(title string, n, gone int, happen func(m map[[16]byte][16]byte)) {
		m := p.fill(map[[16]byte][16]byte{}, n)
		first := array(header(m))
		before := clone(bytesAt(first, p.shape.size()))
		happen(m)
		after := clone(bytesAt(first, p.shape.size()))
		marks := []mark{{0, slots, "control", "control bytes"}}
		for i := 0; i < n; i++ {
			marks = append(marks,
				entryMark(before, after, int(p.shape.keyAt(i)), "key", i, i < gone),
				entryMark(before, after, int(p.shape.valueAt(i)), "value", i, i < gone))
		}
		picture(map[string]interface{}{
			"kind": "hex", "title": title, "bytes": hex.EncodeToString(after), "before": hex.EncodeToString(before), "marks": marks,
		})
	}
	draw("The "+what+" of a map[[16]byte][16]byte after delete of entries 0 and 1 of 3", 3, 2, func(m map[[16]byte][16]byte) {
		delete(m, p.keys[0])
		delete(m, p.keys[1])
	})
	draw("The "+what+" after clear", 3, 3, p.clear)
	draw("The old "+what+" after the ninth insert has made the map grow", 8, 8, func(m map[[16]byte][16]byte) {
		for i := 8; i == 8 || growing(header(m)); i++ {
			m[p.keys[i]] = p.values[i]
		}
	})
}

// entryMark says what became of the 16 bytes of a key or value, and of one that
// is gone from there in particular.
func entryMark(before, after []byte, offset int, role string, i int, gone bool) mark {
	const n = 16
	was, is := string(before[offset:offset+n]), string(after[offset:offset+n])
	m := mark{offset, n, role, fmt.Sprintf("%s %d", role, i)}
	switch {
	case is == string(make([]byte, n)):
		m.Role, m.Text = "free", m.Text+": zeroed"
	case is == was && gone:
		m.Role, m.Text = "residue", m.Text+": gone from here, still readable"
	}
	return m
}
