package inspect

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The kinds of changes between two snapshots.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed" // the element
	Moved   = "moved"   // the entry is in another slot
	Left    = "left"    // a key or element that is in no entry can be read, and could not before
)

// Change is what has happened to one entry or slot.
type Change struct {
	Kind string
	Slot string // in the later snapshot; of an entry that was removed, in the earlier one
	From string // of an entry that has moved: its slot in the earlier one
	Key  string // in words, as the snapshots have it
	Was  string `json:",omitempty"` // element
	Now  string `json:",omitempty"`

	Growth bool `json:",omitempty"` // it was moved by growth: its group or bucket is new
	Left   bool `json:",omitempty"` // of an entry that was removed: its key can still be read
}

// Diff is what has happened to a map between two snapshots.
type Diff struct {
	Owner   string
	Type    string
	Elapsed time.Duration
	Changes []Change
	Count   map[string]int // of changes by kind
	Grown   int            // of those that were moved: by growth
	Still   int            // of the keys that were removed: those that can still be read
	Same    int            // entries that neither moved nor changed
	Notes   []string       // what has happened to the map as a whole
}

// slotAt is a slot of a snapshot.
type slotAt struct {
	p *Part
	k int
	i int
}

func (at slotAt) slot() *Slot  { return &at.p.Groups[at.k].Slots[at.i] }
func (at slotAt) addr() uint64 { return at.p.Groups[at.k].Addr<<3 + uint64(at.i) }

// entryID is what an entry is recognized by: keys that are equal as bytes and
// not to each other, NaN for one, are numbered.
type entryID struct {
	key uint64
	n   int
}

// entries returns the entries of a snapshot, and the keys that are left.
func (s *Snapshot) entries() (entries map[entryID]slotAt, order []entryID, left map[uint64]slotAt, groups map[uint64]bool) {
	entries, left, groups = map[entryID]slotAt{}, map[uint64]slotAt{}, map[uint64]bool{}
	for i := range s.Parts {
		p := &s.Parts[i]
		for k := range p.Groups {
			groups[p.Groups[k].Addr] = true
			for n := range p.Groups[k].Slots {
				at := slotAt{p, k, n}
				slot := at.slot()
				switch {
				case slot.State == Full:
					id := entryID{slot.KeyID, 0}
					for _, again := entries[id]; again && id.n < 1<<10; _, again = entries[id] {
						id.n++
					}
					entries[id] = at
					order = append(order, id)
				case slot.KeyLeft:
					left[slot.KeyID] = at
				}
			}
		}
	}
	return entries, order, left, groups
}

// Compare returns what has happened from s to later, both of which
// [Target.Record] or [ReadSnapshot] has returned. It takes O(slots) time.
func (s *Snapshot) Compare(later *Snapshot) (*Diff, error) {
	switch {
	case s.Process == "" || later.Process == "":
		return nil, errors.New("a snapshot without contents cannot be compared")
	case s.Process != later.Process:
		return nil, fmt.Errorf("the snapshots are of different processes (%s and %s): what is in their slots is only kept as numbers that each process makes in its own way", s.Target, later.Target)
	case s.Type != later.Type:
		return nil, fmt.Errorf("the snapshots are of a %s and of a %s", s.Type, later.Type)
	}
	d := &Diff{Owner: later.Owner, Type: s.Type, Elapsed: s.Between(later), Count: map[string]int{}}
	before, order, _, groups := s.entries()
	after, orderAfter, left, _ := later.entries()
	add := func(c Change) {
		d.Changes = append(d.Changes, c)
		d.Count[c.Kind]++
	}
	removed := map[uint64]bool{}
	for _, id := range order {
		was := before[id]
		now, ok := after[id]
		if !ok {
			removed[id.key] = true
			_, still := left[id.key]
			if still {
				d.Still++
			}
			add(Change{Kind: Removed, Slot: s.name(was), Key: was.slot().text().Key, Was: was.slot().text().Elem, Left: still})
			continue
		}
		same := true
		if was.slot().ElemID != now.slot().ElemID {
			add(Change{Kind: Changed, Slot: later.name(now), Key: now.slot().text().Key, Was: was.slot().text().Elem, Now: now.slot().text().Elem})
			same = false
		}
		if was.addr() != now.addr() {
			growth := !groups[now.p.Groups[now.k].Addr]
			if growth {
				d.Grown++
			}
			add(Change{Kind: Moved, Slot: later.name(now), From: s.name(was), Key: now.slot().text().Key, Growth: growth})
			same = false
		}
		if same {
			d.Same++
		}
	}
	for _, id := range orderAfter {
		if _, ok := before[id]; !ok {
			at := after[id]
			add(Change{Kind: Added, Slot: later.name(at), Key: at.slot().text().Key, Now: at.slot().text().Elem})
		}
	}
	d.left(s, later, removed, after)
	kinds := []string{Removed, Added, Changed, Left, Moved}
	slices.SortStableFunc(d.Changes, func(a, b Change) int {
		return cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind))
	})
	d.notes(s, later)
	return d, nil
}

// left notes what is left in slots where nothing was left before, but for keys
// of entries that are told as removed, and copies of entries that were moved.
func (d *Diff) left(s, later *Snapshot, removed map[uint64]bool, after map[entryID]slotAt) {
	before := map[uint64]uint64{}
	for i := range s.Parts {
		for k := range s.Parts[i].Groups {
			for n := range s.Parts[i].Groups[k].Slots {
				if at := (slotAt{&s.Parts[i], k, n}); at.slot().Residue() {
					before[at.addr()] = at.slot().KeyID
				}
			}
		}
	}
	for i := range later.Parts {
		for k := range later.Parts[i].Groups {
			for n := range later.Parts[i].Groups[k].Slots {
				at := slotAt{&later.Parts[i], k, n}
				slot := at.slot()
				_, live := after[entryID{key: slot.KeyID}]
				if old, ok := before[at.addr()]; live || !slot.Residue() || removed[slot.KeyID] || ok && old == slot.KeyID {
					continue
				}
				d.Changes = append(d.Changes, Change{Kind: Left, Slot: later.name(at), Key: slot.text().Key, Was: slot.text().Elem})
				d.Count[Left]++
			}
		}
	}
}

// notes says what has happened to the map as a whole.
func (d *Diff) notes(s, later *Snapshot) {
	note := func(format string, args ...any) { d.Notes = append(d.Notes, fmt.Sprintf(format, args...)) }
	if !s.Consistent || !later.Consistent {
		note("it changed while it was read: a snapshot mixes several moments, and so does what follows")
	}
	if s.Addr != later.Addr {
		note("it is another map: the one before was at %#x, this one at %#x", s.Addr, later.Addr)
	} else if s.Seed != later.Seed {
		note("its hash has another seed: it was cleared, or all was deleted")
	}
	if s.Slots != later.Slots {
		note("%s slots became %s", Count(s.Slots), Count(later.Slots))
	}
	if a, b := s.parts("table"), later.parts("table"); a != b {
		note("%s became %s", Plural(uint64(a), "table"), Plural(uint64(b), "table"))
	}
	switch {
	case !s.Growing && later.Growing:
		note("it is growing")
	case s.Growing && !later.Growing:
		note("it has grown: its old buckets are gone")
	}
	if s.Tombstones != later.Tombstones {
		note("%s slots of deleted entries became %s", Count(s.Tombstones), Count(later.Tombstones))
	}
}

func (s *Snapshot) parts(prefix string) (n int) {
	for i := range s.Parts {
		if strings.HasPrefix(s.Parts[i].Name, prefix) {
			n++
		}
	}
	return n
}

func (s *Snapshot) name(at slotAt) string {
	if at.p.Name == "group" {
		return fmt.Sprintf("slot %d", at.i)
	}
	return fmt.Sprintf("slot %d of %s", at.i, groupName(at.p, at.k))
}

// text is never nil.
func (s *Slot) text() Entry {
	if s.Text == nil {
		return Entry{}
	}
	return *s.Text
}
