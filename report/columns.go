package report

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/ghostread/ghostread/finding"
)

// table numbers distinct strings in order of appearance.
type table struct {
	list  []string
	index map[string]int
}

func (t *table) number(s string) int {
	if i, ok := t.index[s]; ok {
		return i
	}
	if t.index == nil {
		t.index = make(map[string]int)
	}
	i := len(t.list)
	t.index[s] = i
	t.list = append(t.list, s)
	return i
}

// timelineColumns is a timeline as the page reads it: one array for each field
// of the points, with strings in tables and times as differences. 50,000 points
// take about 20 bytes each this way, against 120 as objects.
type timelineColumns struct {
	Unit   string   `json:"unit"`
	Lanes  [][2]any `json:"lanes"` // name, note
	Ops    []string `json:"ops"`
	Texts  []string `json:"texts"`
	Addrs  []string `json:"addrs"` // as hexadecimal strings: numbers of 64 bits do not fit JavaScript's
	Marks  []string `json:"marks"`
	Lane   []int    `json:"lane"`   // index into Lanes
	First  string   `json:"first"`  // time of the first point
	At     []int64  `json:"at"`     // since the previous point
	Op     []int    `json:"op"`     // index into Ops
	Text   []int    `json:"text"`   // index into Texts
	Addr   []int    `json:"addr"`   // index into Addrs
	Stack  []int    `json:"stack"`  // index into Stacks, -1: none
	Marked [][2]int `json:"marked"` // point, index into Marks; most points have none
	Spans  [][5]any `json:"spans"`  // lane, start and end since First, state, text
	Edges  [][3]any `json:"edges"`  // from, to, kind
	Frames [][4]any `json:"frames"` // func, file, line, 1 if plumbing
	Stacks [][]int  `json:"stacks"` // indices into Frames
	Files  []source `json:"files"`  // excerpts
}

type source struct {
	File  string   `json:"file"`
	First int      `json:"first"`
	Lines []string `json:"lines"`
}

// columns returns tl, which is valid, as JSON that may stand in a script
// element: encoding/json escapes <, > and &.
func columns(opts Options, sources *excerpts, tl *finding.Timeline) ([]byte, error) {
	c := timelineColumns{
		Unit: tl.Unit, Stacks: tl.Stacks,
		Lanes: make([][2]any, len(tl.Lanes)), Frames: make([][4]any, len(tl.Frames)),
		Edges: make([][3]any, len(tl.Edges)), Spans: make([][5]any, len(tl.Spans)),
		Marked: [][2]int{}, Files: []source{},
	}
	if c.Stacks == nil {
		c.Stacks = [][]int{}
	}
	lanes := make(map[int]int, len(tl.Lanes))
	for i, l := range tl.Lanes {
		lanes[l.ID] = i
		c.Lanes[i] = [2]any{l.Name, l.Note}
	}
	first := tl.Points[0].At
	c.First = strconv.FormatInt(first, 10)

	var ops, texts, addrs, marks table
	n := len(tl.Points)
	c.Lane, c.At, c.Op = make([]int, n), make([]int64, n), make([]int, n)
	c.Text, c.Addr, c.Stack = make([]int, n), make([]int, n), make([]int, n)
	previous := first
	for i, p := range tl.Points {
		c.Lane[i] = lanes[p.Lane]
		if c.At[i] = p.At - previous; c.At[i] < 0 {
			return nil, fmt.Errorf("points[%d]: at %d is too far from the previous point", i, p.At)
		}
		previous = p.At
		c.Op[i] = ops.number(p.Op)
		c.Text[i] = texts.number(p.Text)
		addr := ""
		if p.Addr != 0 {
			addr = "0x" + strconv.FormatUint(p.Addr, 16)
		}
		c.Addr[i] = addrs.number(addr)
		c.Stack[i] = p.Stack
		if p.Mark != finding.MarkNone {
			c.Marked = append(c.Marked, [2]int{i, marks.number(string(p.Mark))})
		}
	}
	c.Ops, c.Texts, c.Addrs, c.Marks = ops.list, texts.list, addrs.list, marks.list
	if c.Marks == nil {
		c.Marks = []string{}
	}

	for i, s := range tl.Spans {
		c.Spans[i] = [5]any{lanes[s.Lane], since(first, s.Start), since(first, s.End), s.State, s.Text}
	}
	for i, e := range tl.Edges {
		c.Edges[i] = [3]any{e.From, e.To, e.Kind}
	}
	for i, f := range tl.Frames {
		plumbing := 0
		if f.Plumbing() {
			plumbing = 1
		}
		c.Frames[i] = [4]any{f.Func, opts.path(f.File), f.Line, plumbing}
	}
	c.Files = files(opts, sources, tl)
	return json.Marshal(c)
}

// since returns t - first as a number that JavaScript can hold; a span may
// begin long before the first point.
func since(first, t int64) float64 {
	return math.Trunc(float64(t) - float64(first))
}

// files returns the excerpts that the frames of tl need: those that tl has, and
// for other lines the surroundings from the file. Frames without an excerpt
// stay without.
func files(opts Options, sources *excerpts, tl *finding.Timeline) []source {
	list := make([]source, 0, len(tl.Sources))
	for _, s := range tl.Sources {
		list = append(list, source{opts.path(s.File), s.First, s.Lines})
	}
	type place struct {
		file string
		line int
	}
	seen := make(map[place]bool)
	for _, f := range tl.Frames {
		at := place{f.File, f.Line}
		if seen[at] || f.Plumbing() || covered(tl.Sources, f) {
			continue
		}
		seen[at] = true
		if src, ok := sources.at(nil, f.File, f.Line); ok {
			list = append(list, source{opts.path(src.File), src.First, src.Lines})
		}
	}
	return list
}

func covered(list []finding.Source, f finding.Frame) bool {
	for _, s := range list {
		if s.File == f.File && f.Line >= s.First && f.Line < s.First+len(s.Lines) {
			return true
		}
	}
	return false
}
