package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unsafe"
)

type array struct {
	Name    string         `json:"name"`
	Groups  []string       `json:"groups"`
	Control []string       `json:"control,omitempty"`
	Chains  map[string]int `json:"chains,omitempty"`
}

type frame struct {
	Note   string  `json:"note"`
	Arrays []array `json:"arrays"`
}

func picture(title, kind string, frames []frame) {
	text, err := json.Marshal(map[string]interface{}{"kind": "map", "title": title, "map": kind, "frames": frames})
	must(err == nil, "marshal")
	fmt.Printf("picture: %s\n", text)
}

// drawBuckets reads n buckets: `#` full, `>` moved, `.` empty, `r` empty with the
// bytes of a deleted key. Overflow buckets are told by number.
func drawBuckets(name string, buckets unsafe.Pointer, n int) array {
	a := array{Name: name, Chains: map[string]int{}}
	for i := 0; i < n; i++ {
		b := bucketAt(buckets, i)
		a.Groups = append(a.Groups, draw(b.tophash, func(slot int, c byte) byte {
			switch {
			case c >= minTopHash:
				return '#'
			case c == evacuatedX || c == evacuatedY:
				return '>'
			case b.keys[slot] != 0:
				return 'r'
			}
			return '.'
		}))
		a.Control = append(a.Control, hex.EncodeToString(b.tophash[:]))
		for o := b.overflow; o != nil; o = o.overflow {
			a.Chains[fmt.Sprint(i)]++
		}
	}
	return a
}

func draw(control [8]uint8, sign func(slot int, c byte) byte) string {
	var s strings.Builder
	for slot, c := range control {
		s.WriteByte(sign(slot, c))
	}
	return s.String()
}

// classicPicture follows one growth from 16 to 32 buckets, and one from 32 to 32.
func classicPicture() {
	m := newMap(0)
	h := classic(m)
	i := 0
	for ; h.nbuckets() < 16 || h.oldbuckets != nil; i++ {
		m[i] = i
	}
	var frames []frame
	before := drawBuckets("buckets", h.buckets, 16)
	for ; h.oldbuckets == nil; i++ {
		before = drawBuckets("buckets", h.buckets, 16)
		m[i] = i
	}
	frames = append(frames, frame{fmt.Sprintf("%d entries in 16 buckets: the limit", i-1), []array{before}})
	old := h.oldbuckets
	both := func(note string) {
		left := drawBuckets("old buckets", old, 16)
		if h.oldbuckets == nil {
			left.Name = "old buckets (no longer referenced)"
		}
		frames = append(frames, frame{note, []array{left, drawBuckets("buckets", h.buckets, 32)}})
	}
	both(fmt.Sprintf("insert %d allocates 32 buckets and moves %d old buckets; nevacuate is %d", i, countEvacuated(old, 16), h.nevacuate))
	for _, part := range []int{6, 11} { // a third, two thirds
		for ; countEvacuated(old, 16) < part && h.oldbuckets != nil; i++ {
			m[i] = i
		}
		both(fmt.Sprintf("insert %d: %d of 16 old buckets have moved; nevacuate is %d", i, countEvacuated(old, 16), h.nevacuate))
	}
	for ; h.oldbuckets != nil; i++ {
		m[i] = i
	}
	both(fmt.Sprintf("insert %d moves the last old bucket and sets oldbuckets to nil", i))
	picture("A classic map grows from 16 to 32 buckets", "classic", frames)
	fact("growth_frames", len(frames))

	m, h = churnMap()
	frames = nil
	frames = append(frames, frame{"180 entries in 32 buckets, none deleted yet", []array{drawBuckets("buckets", h.buckets, 32)}})
	for i = 180; h.oldbuckets == nil; i++ {
		before = drawBuckets("buckets", h.buckets, 32)
		delete(m, i-180)
		m[i] = i
		must(i < 1000000, "no growth in a million writes")
	}
	old = h.oldbuckets
	frames = append(frames,
		frame{fmt.Sprintf("%d keys later, still 180 entries: as many overflow buckets as buckets", i-181), []array{before}},
		frame{"the next insert allocates 32 buckets again", []array{drawBuckets("old buckets", old, 32), drawBuckets("buckets", h.buckets, 32)}})
	for n := 0; h.oldbuckets != nil; n++ {
		m[i-1] = n
	}
	frames = append(frames, frame{"done: the entries are packed, most chains are gone", []array{drawBuckets("buckets", h.buckets, 32)}})
	picture("Too many overflow buckets: a growth to the same size", "classic", frames)
	fact("same_size_frames", len(frames))
}

func drawTable(name string, t *table) array {
	a := array{Name: fmt.Sprintf("%s: %d slots", name, t.capacity)}
	for i := 0; i < t.ngroups(); i++ {
		a = drawGroup(a, t.group(i))
	}
	return a
}

func drawGroup(a array, g *group) array {
	a.Groups = append(a.Groups, draw(g.control, func(_ int, c byte) byte {
		switch {
		case c < slotEmpty:
			return '#'
		case c == slotDeleted:
			return 'x'
		}
		return '.'
	}))
	a.Control = append(a.Control, hex.EncodeToString(g.control[:]))
	return a
}

// digest draws a table of 1024 slots with one sign for each group of 8.
func digest(name string, t *table) array {
	full, _ := t.count()
	a := array{Name: fmt.Sprintf("%s: %d slots, %d entries (one sign is a group of 8: # no room, . room)", name, t.capacity, full)}
	for i := 0; i < t.ngroups(); i += 8 {
		row := make([]byte, 8)
		for j := range row {
			row[j] = '#'
			for _, c := range t.group(i + j).control {
				if c == slotEmpty {
					row[j] = '.'
				}
			}
		}
		a.Groups = append(a.Groups, string(row))
	}
	return a
}

// swissPicture follows a map from one group to a table of 256 slots, and then
// the first two splits of a table of 1024.
func swissPicture() {
	m := newMap(0)
	h := swiss(m)
	for i := 0; i < 8; i++ {
		m[i] = i
	}
	small := (*group)(h.dirPtr)
	lone := drawGroup(array{Name: "the only group"}, small)
	frames := []frame{{"8 entries: one group without a table, and it is full", []array{lone}}}
	m[8] = 8
	frames = append(frames, frame{"insert 9: a table of two groups takes all entries; the group is garbage, its bytes are as they were",
		[]array{drawGroup(array{Name: "old group"}, small), drawTable("table", h.tables()[0])}})
	i := 9
	for ; h.tables()[0].capacity < 256; i++ {
		t := h.tables()[0]
		note, now := fmt.Sprintf("%d entries: 7 of 8 slots are used", i), drawTable("table", t)
		m[i] = i
		if grown := h.tables()[0]; grown != t {
			frames = append(frames, frame{note, []array{now}},
				frame{fmt.Sprintf("insert %d: all %d entries move to a table of %d slots in this one write", i+1, i, grown.capacity),
					[]array{drawTable("old table", t), drawTable("table", grown)}})
		}
	}
	picture("A Swiss map grows: a whole table in one write", "swiss", frames)
	fact("growth_frames", len(frames))

	frames = nil
	for splits := 0; splits < 2; i++ {
		before := h.tables()
		m[i] = i
		after := h.tables()
		if len(before) == len(after) {
			continue
		}
		splits++
		gone, fresh := missing(before, after)[0], missing(after, before)
		must(len(fresh) == 2, "a split made not two tables")
		full, _ := gone.count()
		frames = append(frames, frame{fmt.Sprintf("insert %d finds %d entries in a table of %d slots and splits it: two tables, told apart by one more hash bit", i+1, full, gone.capacity),
			[]array{digest("old table", gone), digest("left", fresh[0]), digest("right", fresh[1])}})
		directory(h, i+1)
	}
	picture("A Swiss table of 1024 slots is split", "swiss", frames)
	fact("split_frames", len(frames))
}

func directory(h *swissMap, inserts int) {
	var rows [][]string
	for i, t := range h.directory() {
		rows = append(rows, []string{fmt.Sprint(i), fmt.Sprintf("table %d", t.index), fmt.Sprint(t.capacity), fmt.Sprint(t.used), fmt.Sprint(t.localDepth)})
	}
	text, err := json.Marshal(map[string]interface{}{
		"kind": "table", "title": fmt.Sprintf("The directory after insert %d", inserts),
		"columns": []string{"entry", "points to", "slots", "entries", "hash bits"}, "rows": rows,
		"notes": []string{"A table that has used fewer hash bits than the directory is there more than once."},
	})
	must(err == nil, "marshal")
	fmt.Printf("picture: %s\n", text)
}
