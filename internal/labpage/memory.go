package labpage

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
)

// roles are what bytes of memory are for; the class of each gives its colour.
// Roles that are not listed are drawn plainly.
var roles = map[string]string{
	"control": "m-control", "key": "m-key", "value": "m-value", "link": "m-link", "pad": "m-pad",
	"header": "m-header", "residue": "m-residue", "free": "m-free",
}

func roleClass(role string) string {
	if c, ok := roles[role]; ok {
		return c
	}
	return "m-other"
}

// legend lists the roles of a picture in order of appearance.
type legend []legendItem

type legendItem struct{ Class, Text string }

func (l *legend) add(role string) {
	if role == "" {
		return
	}
	for _, have := range *l {
		if have.Text == role {
			return
		}
	}
	*l = append(*l, legendItem{roleClass(role), role})
}

// layoutView is the fields of a type, drawn as rows of bytes.
type layoutView struct {
	Size   int
	Width  int   // bytes in a row
	Height int   // pixels
	Rows   []int // offsets
	Pieces []piece
	Notes  []fieldNote
	Legend legend
}

// piece is the part of a field that lies in one row. X and Width are shares of
// the row, so that the drawing fits every screen and text keeps its size.
type piece struct {
	Class, Name, Title string
	X, Width           string
	Y                  int
	First              bool
}

type fieldNote struct {
	Class, Range, Name, Note string
}

const rowHeight = 27

func drawLayout(raw json.RawMessage) (template.HTML, error) {
	var p struct {
		Size   int
		Fields []struct {
			Name         string
			Offset, Size int
			Role, Note   string
		}
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return "", err
	}
	if p.Size <= 0 || p.Size > most || len(p.Fields) == 0 {
		return "", fmt.Errorf("a layout of %d bytes with %d fields", p.Size, len(p.Fields))
	}
	v := layoutView{Size: p.Size, Width: rowBytes(p.Size)}
	rows := (p.Size + v.Width - 1) / v.Width
	v.Height = rows*rowHeight + 1
	for r := range rows {
		v.Rows = append(v.Rows, r*v.Width)
	}
	for i, f := range p.Fields {
		if f.Offset < 0 || f.Size <= 0 || f.Offset > p.Size || f.Size > p.Size-f.Offset {
			return "", fmt.Errorf("fields[%d] (%s) is at %d+%d of %d bytes", i, f.Name, f.Offset, f.Size, p.Size)
		}
		end := f.Offset + f.Size
		v.Legend.add(f.Role)
		title := fmt.Sprintf("%s: bytes %d to %d", f.Name, f.Offset, end-1)
		if f.Note != "" {
			title += ", " + f.Note
		}
		widest := 0
		for at := f.Offset; at < end; {
			row := at / v.Width
			n := min(end, (row+1)*v.Width) - at
			widest = max(widest, n)
			v.Pieces = append(v.Pieces, piece{
				Class: roleClass(f.Role), Name: f.Name, Title: title, First: at == f.Offset,
				X: share(at-row*v.Width, v.Width), Width: share(n, v.Width), Y: row * rowHeight,
			})
			at += n
		}
		// About six pixels a letter, in a drawing of at least 300.
		if f.Note != "" || len(f.Name)*7 > widest*300/v.Width {
			v.Notes = append(v.Notes, fieldNote{roleClass(f.Role), byteRange(f.Offset, end), f.Name, f.Note})
		}
	}
	return execute("layout", v)
}

func byteRange(from, end int) string {
	if end-from == 1 {
		return fmt.Sprint(from)
	}
	return fmt.Sprintf("%d–%d", from, end-1)
}

// rowBytes keeps the drawing about as high as it is wide.
func rowBytes(size int) int {
	for _, w := range []int{8, 16, 32} {
		if size <= w*12 {
			return w
		}
	}
	return 64
}

func share(n, of int) string {
	return strings.TrimSuffix(fmt.Sprintf("%.3f", 100*float64(n)/float64(of)), ".000") + "%"
}

// hexView is a dump with what its bytes are.
type hexView struct {
	Rows    []hexRow
	Legend  legend
	Changed int // bytes that differ from before
	Diff    bool
}

type hexRow struct {
	Offset string
	Runs   []hexRun
	Before []hexByte // the old bytes if any of the row changed
	Texts  []legendItem
}

type hexRun struct {
	Class, Title string
	Bytes        []hexByte
}

type hexByte struct {
	Text    string // with the space before it
	Changed bool
}

const (
	hexWidth = 16
	maxHex   = 4096
	maxMark  = 300 // bytes of text, which stands at every run of its mark
)

func drawHex(raw json.RawMessage) (template.HTML, error) {
	var p struct {
		Bytes, Before string
		Marks         []struct {
			Offset, Size int
			Role, Text   string
		}
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return "", err
	}
	data, err := hex.DecodeString(strings.Join(strings.Fields(p.Bytes), ""))
	if err != nil {
		return "", fmt.Errorf("bytes: %w", err)
	}
	before, err := hex.DecodeString(strings.Join(strings.Fields(p.Before), ""))
	if err != nil {
		return "", fmt.Errorf("before: %w", err)
	}
	switch {
	case len(data) == 0 || len(data) > maxHex:
		return "", fmt.Errorf("a dump of %d bytes, 1 to %d are drawn", len(data), maxHex)
	case len(before) > 0 && len(before) != len(data):
		return "", fmt.Errorf("%d bytes, and before there were %d", len(data), len(before))
	}
	v := hexView{Diff: len(before) > 0}
	markAt := make([]int, len(data)) // index into Marks, counted from 1
	if len(p.Marks) > maxHex {
		return "", fmt.Errorf("%d marks on %d bytes", len(p.Marks), len(data))
	}
	for i, m := range p.Marks {
		if len(m.Text) > maxMark {
			return "", fmt.Errorf("the text of marks[%d] has %d bytes, %d are drawn", i, len(m.Text), maxMark)
		}
		if m.Offset < 0 || m.Size < 0 || m.Offset > len(data) || m.Size > len(data)-m.Offset {
			return "", fmt.Errorf("marks[%d] (%s) is at %d+%d of %d bytes", i, m.Text, m.Offset, m.Size, len(data))
		}
		v.Legend.add(m.Role)
		for at := m.Offset; at < m.Offset+m.Size; at++ {
			markAt[at] = i + 1
		}
	}
	for from := 0; from < len(data); from += hexWidth {
		row := hexRow{Offset: fmt.Sprintf("%03x", from)}
		var old []hexByte
		rowChanged := false
		for at := from; at < min(from+hexWidth, len(data)); at++ {
			m := markAt[at]
			if at == from || m != markAt[at-1] {
				run := hexRun{}
				if m > 0 {
					run.Class, run.Title = roleClass(p.Marks[m-1].Role), p.Marks[m-1].Text
				}
				row.Runs = append(row.Runs, run)
			}
			gap := " "
			if at-from == hexWidth/2 {
				gap = "  "
			}
			b := hexByte{Text: gap + fmt.Sprintf("%02x", data[at])}
			if v.Diff {
				b.Changed = before[at] != data[at]
				old = append(old, hexByte{gap + fmt.Sprintf("%02x", before[at]), b.Changed})
			}
			if b.Changed {
				rowChanged = true
				v.Changed++
			}
			last := &row.Runs[len(row.Runs)-1]
			last.Bytes = append(last.Bytes, b)
		}
		if rowChanged {
			row.Before = old
		}
		for _, m := range p.Marks {
			if m.Text != "" && m.Offset >= from && m.Offset < from+hexWidth {
				row.Texts = append(row.Texts, legendItem{roleClass(m.Role), m.Text})
			}
		}
		v.Rows = append(v.Rows, row)
	}
	return execute("hex", v)
}
