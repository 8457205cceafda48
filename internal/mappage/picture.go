package mappage

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"

	"github.com/ghostread/ghostread/inspect"
)

// Kinds of slots in a picture; what is said of several wins in this order.
const (
	kindEmpty = iota
	kindFull
	kindDeleted
	kindEvacuated
	kindResidue
	kinds
)

// kindNames are for the legend; the page's script has the same order.
var kindNames = [kinds][2]string{
	{"empty", "no entry, nothing left"},
	{"full", "an entry"},
	{"deleted", "not free again, nothing left"},
	{"evacuated", "moved to other buckets"},
	{"residue", "no entry, and yet bytes of a key or an element"},
}

// picture is the memory of a map.
type picture struct {
	Legend []legend
	Parts  []part
	More   int // parts that are not in the table
	Scale  uint64
	Data   template.JS
}

type legend struct {
	Name, Text string
	Kind       int
	Count      uint64
}

// part is a run of groups, for the table.
type part struct {
	Name, Addr  string
	Depth       int
	Slots       uint64
	Counts      [kinds]uint64
	Full, Other string // widths of bars
}

// data is what the script draws from.
type data struct {
	Parts []dataPart `json:"parts"`
	Scale uint64     `json:"scale"` // groups that a drawn one stands for
	Slots string     `json:"slots"` // two slots a byte, four bytes a group, in base64
}

type dataPart struct {
	Name   string `json:"name"`
	Groups int    `json:"groups"` // that are drawn
	Addr   string `json:"addr,omitempty"`
	Stride uint64 `json:"stride,omitempty"` // between groups that lie one after the other; 0 if they do not
}

// Bounds of what is drawn: pages stay below about 2 MB.
const (
	mostGroups = 1 << 18
	mostParts  = 4096
	partRows   = 64
)

// Map writes the page of one map. looks are as for [Census].
func Map(w io.Writer, s *inspect.Snapshot, looks []Look) error {
	p := newPage()
	p.Title = s.Owner
	load := 0.0
	if s.Slots > 0 {
		load = 100 * float64(s.Entries) / float64(s.Slots)
	}
	p.Lead = fmt.Sprintf("%s in %s slots (load %.0f %%), %s deleted; %s, %s of it waste.", inspect.Plural(s.Entries, "entry"), inspect.Count(s.Slots), load,
		inspect.Count(s.Tombstones), inspect.Bytes(s.Bytes), inspect.Bytes(s.Waste))
	p.Sub = fmt.Sprintf("%s at %#x, %s, %s", s.Type, s.Addr, s.Target, s.Version)
	switch {
	case !s.Consistent:
		p.Sub += "; it changed while it was read: the picture mixes several moments"
	case s.Growing:
		p.Sub += "; it is growing"
	}
	if !s.Classic && len(s.Parts) > 0 && s.Parts[0].Name != "group" {
		p.Sub += fmt.Sprintf("; directory of %s (depth %d)", inspect.Plural(1<<s.Depth, "place"), s.Depth)
	}
	pic, err := newPicture(s)
	if err != nil {
		return err
	}
	p.Picture = pic
	if err := p.grow(looks); err != nil {
		return err
	}
	return p.write(w)
}

func newPicture(s *inspect.Snapshot) (*picture, error) {
	groups := 0
	for _, part := range s.Parts {
		groups += len(part.Groups)
	}
	scale := (groups + mostGroups - 1) / mostGroups
	pic := &picture{Scale: uint64(max(scale, 1))}
	d := data{Scale: pic.Scale}
	var slots []byte
	var total [kinds]uint64
	for _, from := range s.Parts {
		to := part{Name: from.Name, Addr: fmt.Sprintf("%#x", from.Addr), Depth: from.Depth}
		drawn := dataPart{Name: from.Name}
		if n := len(from.Groups); n > 0 {
			drawn.Addr = fmt.Sprintf("%#x", from.Groups[0].Addr)
			if n > 1 {
				if stride := from.Groups[1].Addr - from.Groups[0].Addr; from.Groups[n-1].Addr-from.Groups[0].Addr == stride*uint64(n-1) {
					drawn.Stride = stride * pic.Scale
				}
			}
		}
		for i := 0; i < len(from.Groups); i += int(pic.Scale) {
			some := from.Groups[i:min(i+int(pic.Scale), len(from.Groups))]
			var here [kinds]uint64
			for k := range some {
				for j := range some[k].Slots {
					here[kindOf(&some[k].Slots[j])]++
				}
			}
			for k := range here {
				to.Counts[k] += here[k]
			}
			slots = append(slots, pack(some, here)...)
			drawn.Groups++
		}
		for k := range to.Counts {
			total[k] += to.Counts[k]
			to.Slots += to.Counts[k]
		}
		to.Full = share(to.Counts[kindFull], to.Slots)
		to.Other = share(to.Counts[kindDeleted]+to.Counts[kindResidue], to.Slots)
		if len(pic.Parts) < partRows {
			pic.Parts = append(pic.Parts, to)
		} else {
			pic.More++
		}
		if len(d.Parts) < mostParts {
			d.Parts = append(d.Parts, drawn)
		} else { // they are drawn as one
			last := &d.Parts[len(d.Parts)-1]
			last.Name, last.Stride = "further ones", 0
			last.Groups += drawn.Groups
		}
	}
	for k, name := range kindNames {
		pic.Legend = append(pic.Legend, legend{name[0], name[1], k, total[k]})
	}
	d.Slots = base64.StdEncoding.EncodeToString(slots)
	b, err := json.Marshal(d) // escapes what would end the element
	pic.Data = template.JS(b)
	return pic, err
}

func kindOf(s *inspect.Slot) int {
	switch {
	case s.State == inspect.Full:
		return kindFull
	case s.State == inspect.Evacuated:
		return kindEvacuated
	case s.Residue():
		return kindResidue
	case s.State == inspect.Deleted:
		return kindDeleted
	}
	return kindEmpty
}

// pack writes a group, or eight slots that share out what several groups have.
func pack(groups []inspect.SlotGroup, counts [kinds]uint64) []byte {
	var eight [8]int
	if len(groups) == 1 {
		for i := range groups[0].Slots {
			eight[i] = kindOf(&groups[0].Slots[i])
		}
	} else {
		all, at, sum := uint64(8*len(groups)), 0, uint64(0)
		for k := kinds - 1; k >= 0; k-- { // what is rare comes first and is rounded up
			sum += counts[k]
			to := min(int((8*sum+all-1)/all), 8)
			for ; at < to; at++ {
				eight[at] = k
			}
		}
	}
	var b [4]byte
	for i, k := range eight {
		b[i/2] |= byte(k) << (4 * (i % 2))
	}
	return b[:]
}
