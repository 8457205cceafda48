package inspect

import (
	"cmp"
	"slices"
	"time"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// Census is all maps of a program at one time.
type Census struct {
	Target  string
	Version string // of Go
	Groups  []Group
	Total   Group
	Heap    uint64 // bytes of spans in use
	Lost    Lost
	Torn    int // maps whose parts did not agree
	Elapsed time.Duration
}

// Group is the maps of one type that one owner has.
type Group struct {
	Owner      string // "example.com/store.users[].tags"
	Type       string // "map[string]int"
	Maps       int
	Entries    uint64
	Slots      uint64
	Tombstones uint64
	Bytes      uint64
	Waste      uint64
	Old        uint64
	Overflow   uint64
	Growing    int
	Largest    Map // by bytes
}

func (g *Group) add(m *Map) {
	g.Maps++
	g.Entries += m.Entries
	g.Slots += m.Slots
	g.Tombstones += m.Tombstones
	g.Bytes += m.Bytes
	g.Waste += m.Waste()
	g.Old += m.Old
	g.Overflow += m.Overflow
	if m.Growing {
		g.Growing++
	}
	if m.Bytes > g.Largest.Bytes {
		g.Largest = *m
	}
}

// Load is the share of slots that have an entry.
func (g *Group) Load() float64 {
	if g.Slots == 0 {
		return 0
	}
	return float64(g.Entries) / float64(g.Slots)
}

// walk finds all maps.
func (t *Target) walk() (*walk, error) {
	if err := t.refresh(); err != nil {
		return nil, err
	}
	w := newWalk(t)
	w.reaches(t.Image.Types())
	w.roots()
	if err := w.run(); err != nil {
		return nil, err
	}
	if err := w.sweep(); err != nil {
		return nil, err
	}
	return w, nil
}

// Census finds and reads all maps. It takes time in proportion to the memory
// that typed pointers lead to. The error says that the process has exited.
func (t *Target) Census() (*Census, error) {
	start := time.Now()
	w, err := t.walk()
	if err != nil {
		return nil, err
	}
	c := &Census{Target: t.Name, Version: t.Image.Version, Lost: w.lost, Total: Group{Owner: "total"}}
	type key struct {
		path int32
		t    *gobinary.Type
	}
	groups := map[key]*Group{}
	for _, f := range w.maps {
		k := key{f.path, f.Type}
		g := groups[k]
		if g == nil {
			g = &Group{Owner: w.paths.name(f.path), Type: f.Type.Name}
			groups[k] = g
		}
		g.add(&f.Map)
		c.Total.add(&f.Map)
		if !f.Consistent {
			c.Torn++
		}
	}
	for _, g := range groups {
		c.Groups = append(c.Groups, *g)
	}
	slices.SortFunc(c.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Waste, a.Waste), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Type, b.Type))
	})
	for i := range t.heap.spans {
		c.Heap += t.heap.spans[i].end - t.heap.spans[i].base
	}
	c.Elapsed = time.Since(start)
	return c, nil
}
