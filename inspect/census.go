package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Census is all maps of a program at one time.
type Census struct {
	Target  string
	Version string // of Go
	Groups  []Group
	Total   Group
	Heap    uint64 // bytes of spans in use
	Objects uint64 // bytes of the objects in them: what runtime/metrics calls /memory/classes/heap/objects:bytes
	Lost    Lost
	Stacks  Stacks
	Torn    int // maps whose parts did not agree; Groups say whose
	Elapsed time.Duration
	Stops   Stops    // how the process was stopped meanwhile, see Target.AllowStop
	Still   bool     // the program did not run meanwhile: a core file
	Notes   []string `json:",omitempty"` // what else has to be known: of a truncated core, how much of it is there
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
	Torn       int // of the maps, those whose parts did not agree: their numbers may be of several moments
	Largest    Map // by bytes
}

func (g *Group) add(m *Map) {
	o := Group{
		Maps: 1, Entries: m.Entries, Slots: m.Slots, Tombstones: m.Tombstones, Bytes: m.Bytes, Waste: m.Waste(),
		Old: m.Old, Overflow: m.Overflow, Largest: *m,
	}
	if m.Growing {
		o.Growing = 1
	}
	if !m.Consistent {
		o.Torn = 1
	}
	g.join(&o)
}

// Sum says how many maps there are and what is in them.
func (g *Group) Sum() string {
	verb := "hold"
	if g.Maps == 1 {
		verb = "holds"
	}
	return fmt.Sprintf("%s %s %s in %s", Plural(uint64(g.Maps), "map"), verb, Plural(g.Entries, "entry"), Plural(g.Slots, "slot"))
}

// Load is the share of slots that have an entry.
func (g *Group) Load() float64 {
	if g.Slots == 0 {
		return 0
	}
	return float64(g.Entries) / float64(g.Slots)
}

// join adds what another worker counted.
func (g *Group) join(o *Group) {
	g.Maps += o.Maps
	g.Entries += o.Entries
	g.Slots += o.Slots
	g.Tombstones += o.Tombstones
	g.Bytes += o.Bytes
	g.Waste += o.Waste
	g.Old += o.Old
	g.Overflow += o.Overflow
	g.Growing += o.Growing
	g.Torn += o.Torn
	g.larger(&o.Largest)
}

// larger makes a map the largest, if it is: that with the lower address of two.
func (g *Group) larger(m *Map) {
	if l := &g.Largest; m.Bytes > l.Bytes || m.Bytes == l.Bytes && m.Addr < l.Addr {
		*l = *m
	}
}

// walk finds all maps, which are then in maps.
func (t *Target) walk() (*walk, error) {
	w := newWalk(t)
	w.keep = true
	return w, w.all()
}

// all finds all maps.
func (w *walk) all() error {
	if err := w.t.refresh(); err != nil {
		return err
	}
	return w.follow()
}

// follow is all, from where it is known which objects the heap has.
func (w *walk) follow() error {
	if w.t.Image.Bare != nil {
		if err := w.learn(); err != nil {
			return err
		}
	}
	w.reaches(w.t.Image.Types())
	w.roots()
	if w.bare != nil {
		w.boxes()
	}
	if err := w.run(); err != nil {
		return err
	}
	if err := w.again(); err != nil {
		return err
	}
	list, err := w.headed()
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return w.sweep(list, false) }, w.functions, w.again, w.stackRoots, w.pools, w.timers, w.again, func() error { return w.sweep(list, true) }, w.unowned, w.again,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	w.collected()
	return nil
}

// Census finds and reads all maps. It takes time in proportion to the memory
// that typed pointers lead to. The error says that the process has exited.
func (t *Target) Census() (*Census, error) {
	start := time.Now()
	w := newWalk(t)
	if err := w.all(); err != nil {
		return nil, err
	}
	c := &Census{Target: t.Name, Version: t.Image.Version, Lost: w.lost, Stacks: w.stacks, Torn: w.torn}
	for key, g := range w.groups {
		c.Total.join(g)
		g.Owner, g.Type = w.paths.name(key.path), key.t.Name
		c.Groups = append(c.Groups, *g)
	}
	c.Total.Owner = "total"
	slices.SortFunc(c.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Waste, a.Waste), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Type, b.Type))
	})
	for i := range t.heap.spans {
		s := &t.heap.spans[i]
		c.Heap += s.end - s.base
		c.Objects += s.used * s.elem
	}
	c.Stops, c.Still, c.Notes = t.Stops(), t.Still(), t.Notes()
	if t.Image.Bare != nil {
		c.Notes = append(c.Notes, t.bareNote())
	}
	c.Elapsed = time.Since(start)
	return c, nil
}
