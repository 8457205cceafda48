package labpage

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
)

// slotSigns are the states of a slot, in the order of the legend.
var slotSigns = []slotSign{
	{'#', "s-full", "full"},
	{'.', "s-empty", "empty"},
	{'>', "s-moved", "moved away"},
	{'x', "s-dead", "deleted"},
	{'r', "s-residue", "empty, key still readable"},
}

type slotSign struct {
	Sign  byte
	Class string
	Text  string
}

type mapFrame struct {
	Note   string
	Arrays []mapArray
}

type mapArray struct {
	Name    string
	Groups  []string
	Control []string
	Chains  map[string]int
}

// mapData is what the script of the page reads: each frame has only what
// differs from the array of the same name and size before it, since a step
// changes one group of many.
type mapData struct {
	Frames []frameData `json:"frames"`
}

type frameData struct {
	Note   string      `json:"n"`
	Arrays []arrayData `json:"a"`
}

type arrayData struct {
	Name    string            `json:"n"`
	Count   int               `json:"c"`
	Groups  map[string]string `json:"g,omitempty"`
	Control map[string]string `json:"w,omitempty"`
	Chains  map[string]int    `json:"l,omitempty"`
}

// mapView is a map that is stepped through.
type mapView struct {
	ID     string
	Word   string // what a group is called
	Count  int
	Shown  int // the frame that is shown first
	Frame  mapFrame
	Legend []legendItem
	Data   template.JS
}

const (
	maxFrames = 200
	maxGroups = 256
)

func drawMap(raw json.RawMessage, ids *counter) (template.HTML, error) {
	var p struct {
		Map    string
		Frames []mapFrame
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return "", err
	}
	if len(p.Frames) == 0 || len(p.Frames) > maxFrames {
		return "", fmt.Errorf("a map in %d frames, 1 to %d are drawn", len(p.Frames), maxFrames)
	}
	seen := map[byte]bool{}
	var data mapData
	before := map[string]mapArray{}
	for i, f := range p.Frames {
		if err := f.check(seen); err != nil {
			return "", fmt.Errorf("frames[%d]: %w", i, err)
		}
		frame := frameData{Note: f.Note, Arrays: []arrayData{}}
		now := map[string]mapArray{}
		for _, a := range f.Arrays {
			frame.Arrays = append(frame.Arrays, a.since(before[a.Name]))
			now[a.Name] = a
		}
		before = now
		data.Frames = append(data.Frames, frame)
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		return "", err
	}
	v := mapView{ID: ids.next("m"), Word: "bucket", Count: len(p.Frames), Shown: telling(p.Frames), Data: template.JS(encoded)}
	if p.Map == "swiss" {
		v.Word = "group"
	}
	v.Frame = p.Frames[v.Shown]
	for _, s := range slotSigns {
		if seen[s.Sign] {
			v.Legend = append(v.Legend, legendItem{s.Class, s.Text})
		}
	}
	return execute("map", v)
}

// check finds what cannot be drawn, and notes the signs that occur.
func (f mapFrame) check(seen map[byte]bool) error {
	groups := 0
	names := map[string]bool{}
	for _, a := range f.Arrays {
		if names[a.Name] {
			return fmt.Errorf("two arrays are called %q", a.Name)
		}
		names[a.Name] = true
		if groups += len(a.Groups); groups > maxGroups {
			return fmt.Errorf("more than %d groups", maxGroups)
		}
		if len(a.Control) > 0 && len(a.Control) != len(a.Groups) {
			return fmt.Errorf("array %q: %d control words for %d groups", a.Name, len(a.Control), len(a.Groups))
		}
		for i, g := range a.Groups {
			if len(g) > 64 {
				return fmt.Errorf("array %q, group %d has %d slots", a.Name, i, len(g))
			}
			for j := range len(g) {
				if !slices.ContainsFunc(slotSigns, func(s slotSign) bool { return s.Sign == g[j] }) {
					return fmt.Errorf("array %q, group %d: %q is no state of a slot", a.Name, i, g[j])
				}
				seen[g[j]] = true
			}
		}
		for i, c := range a.Control {
			if _, err := hex.DecodeString(c); err != nil {
				return fmt.Errorf("array %q, control word %d: %w", a.Name, i, err)
			}
		}
		for at := range a.Chains {
			if i, err := strconv.Atoi(at); err != nil || i < 0 || i >= len(a.Groups) {
				return fmt.Errorf("array %q: overflow buckets behind group %q of %d", a.Name, at, len(a.Groups))
			}
		}
	}
	return nil
}

func (a mapArray) since(b mapArray) arrayData {
	d := arrayData{Name: a.Name, Count: len(a.Groups), Chains: a.Chains}
	d.Groups = differing(a.Groups, b.Groups)
	if len(a.Control) > 0 {
		base := b.Control
		if len(b.Groups) != len(a.Groups) {
			base = nil
		}
		d.Control = differing(a.Control, base)
	}
	return d
}

// differing returns what of a is not in b, which counts only if it is as long.
func differing(a, b []string) map[string]string {
	m := map[string]string{}
	for i, s := range a {
		if len(a) != len(b) || s != b[i] {
			m[strconv.Itoa(i)] = s
		}
	}
	return m
}

// telling returns the frame that says most: in the middle of those with the
// most arrays when there are frames with fewer, else the last.
func telling(frames []mapFrame) int {
	least, greatest := len(frames[0].Arrays), 0
	for _, f := range frames {
		least, greatest = min(least, len(f.Arrays)), max(greatest, len(f.Arrays))
	}
	if least == greatest {
		return len(frames) - 1
	}
	var full []int
	for i, f := range frames {
		if len(f.Arrays) == greatest {
			full = append(full, i)
		}
	}
	return full[len(full)/2]
}

// Text is an array for readers without scripts: a line for each group.
func (a mapArray) Text() string {
	var b strings.Builder
	for i, g := range a.Groups {
		fmt.Fprintf(&b, "%3d %s", i, g)
		if n := a.Chains[strconv.Itoa(i)]; n > 0 {
			fmt.Fprintf(&b, " +%d", n)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Number of the frame that is shown, for people.
func (v mapView) Number() int { return v.Shown + 1 }

// Key explains the signs of Text.
func (mapView) Key() string {
	var parts []string
	for _, s := range slotSigns {
		parts = append(parts, string(s.Sign)+" "+s.Text)
	}
	return strings.Join(parts, ", ")
}
