package inspect

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// Events of testdata/residue, in its order from 1 on.
const (
	eventDelete = iota + 1
	eventDeleteFew
	eventDeleteStrings
	eventDeleteAll
	eventClearSparse
	eventClearDense
	eventGrow
	eventDrop
	eventWipe
	eventClean
	eventSecrets
)

func residueKey(event, i int) uint64 { return uint64(event)<<48 | 0xA5<<40 | uint64(i) }

func residueToken(event, i int) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, residueKey(event, i)), "-token"...)
}

// keysIn counts by brute force the words in all memory that are keys of an
// event.
func keysIn(t *testing.T, target *Target, event int) (n int) {
	t.Helper()
	_, _, err := target.scan(0, func(_ uint64, b []byte, _ int) {
		for ; len(b) >= 8; b = b[8:] {
			if u64(b, 0)>>40 == uint64(event)<<8|0xA5 {
				n++
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestResidue compares what is left with the table of what each release leaves,
// for a program that does one thing after the other to maps with 600 entries
// and says nothing about it.
func TestResidue(t *testing.T) {
	type span struct{ lo, hi int }
	exactly := func(n int) span { return span{n, n} }
	for _, release := range releases {
		t.Run("go"+release, func(t *testing.T) {
			target := run(t, buildIn(t, "residue", release, nil))
			r, err := target.Residue("", Look{})
			if err != nil {
				t.Fatal(err)
			}
			// clear of a map with few entries left leaves groups without any alone
			// since Go 1.25.
			sparse := exactly(0)
			if minor(t, release) >= 25 {
				sparse = span{500, 597}
			}
			swiss := minor(t, release) >= 24
			for _, want := range []struct {
				owner       string
				event       int
				keys, elems span
			}{
				{"main.deleted", eventDelete, exactly(300), exactly(0)},
				{"main.deletedFew", eventDeleteFew, exactly(3), exactly(0)},
				{"main.deletedStr", eventDeleteStrings, exactly(0), exactly(0)},
				{"main.emptied", eventDeleteAll, exactly(600), exactly(0)},
				{"main.sparse", eventClearSparse, sparse, exactly(0)},
				{"main.dense", eventClearDense, exactly(0), exactly(0)},
				{"main.wiped", eventWipe, exactly(0), exactly(0)},
				{"main.clean", eventClean, exactly(0), exactly(0)},
			} {
				keys, elems := 0, 0
				for _, l := range r.Left {
					if l.Owner == want.owner {
						keys, elems = keys+l.Keys-l.Copies, elems+l.Elems
					}
				}
				if keys < want.keys.lo || keys > want.keys.hi || elems < want.elems.lo || elems > want.elems.hi {
					t.Errorf("%s: got %d keys and %d elements, want %v and %v", want.owner, keys, elems, want.keys, want.elems)
				}
				if n := keysIn(t, target, want.event); n < keys {
					t.Errorf("%s: %d keys are left, yet memory has only %d", want.owner, keys, n)
				}
			}
			// What growth has moved is in the old tables or buckets, and in the map.
			// The map that is gone had 600 entries, which no map has.
			var moved, gone int
			for _, l := range r.Left {
				if l.Type == "map[uint64]uint64" && l.In == InDropped {
					moved += l.Copies
					gone += min(l.Keys-l.Copies, l.Elems)
					if l.Certain && 2*l.Copies <= l.Keys || !l.Certain && l.Copies > 10 {
						t.Errorf("certain is %t of %d copies among %d keys", l.Certain, l.Copies, l.Keys)
					}
				}
			}
			if moved < 400 || gone < 600 || gone > 620 {
				t.Errorf("growth left %d keys and %d of a map that is gone, want more than 400 and 600", moved, gone)
			}
			if swiss && release == "" && keysIn(t, target, eventGrow) < 600+400 {
				t.Error("the program does not leave what the test looks for")
			}
			if t.Failed() {
				for _, l := range r.Left {
					t.Logf("%+v", l)
				}
			}
		})
	}
}

// TestResidueCleared looks at the same program where nothing stays: freed memory
// is overwritten.
func TestResidueCleared(t *testing.T) {
	t.Setenv("GODEBUG", "clobberfree=1")
	t.Setenv("RESIDUE_GC", "1")
	target := run(t, buildIn(t, "residue", "", nil), "drop", "wipe", "clean", "delete strings")
	r, err := target.Residue("", Look{})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range r.Left {
		if l.Type == "map[uint64]uint64" || strings.HasPrefix(l.Owner, "main.") {
			t.Errorf("got %+v, in a program that leaves nothing", l)
		}
	}
	hits, err := target.Search(Search{Secrets: []Secret{{Name: "key", Bytes: fmt.Append(nil, residueKey(eventDrop, 17)), Int: true}}})
	if err != nil || hits.Count != 0 {
		t.Errorf("a key that was overwritten: got %+v, %v", hits, err)
	}
	if _, err := target.Residue("main.wipe", Look{}); err == nil || !strings.Contains(err.Error(), "did you mean: main.wiped") {
		t.Errorf("a misspelt owner: got %v", err)
	}
}

// TestFreed finds a map in pages that no span uses any more.
func TestFreed(t *testing.T) {
	t.Setenv("RESIDUE_GC", "1")
	t.Setenv("GODEBUG", "madvdontneed=0") // the system may take freed pages, and does so later
	target := run(t, buildIn(t, "residue", "", nil), "drop large", "clean")
	r, err := target.Residue("", Look{})
	if err != nil {
		t.Fatal(err)
	}
	freed, dropped := 0, 0
	for _, l := range r.Left {
		switch {
		case l.Type != "map[uint64]uint64":
		case l.In == InFreed:
			freed += l.Keys
		case l.In == InDropped: // spans that have another object too
			dropped += l.Keys
		}
	}
	if all := keysIn(t, target, eventSecrets+1); freed < all/2 || freed+dropped < all*9/10 || all < 10_000 {
		t.Errorf("got %d keys in freed spans and %d in free objects, memory has %d", freed, dropped, all)
	}
}

// TestSearch looks for secrets of a program, and for what leads to them.
func TestSearch(t *testing.T) {
	for _, release := range []string{"", "1.23.12"} {
		t.Run("go"+release, func(t *testing.T) {
			t.Setenv("RESIDUE_GC", "1")
			target := run(t, buildIn(t, "residue", release, nil), "secrets", "delete")
			for _, tt := range []struct {
				name   string
				secret []byte
				number bool
				left   string // in the place of a hit that is left; "" if all are in use
				used   string // likewise of one in use; "" if none is
			}{
				{"key of a live entry", residueToken(eventSecrets, 110), false, "*", "of main.secrets: key leads to"},
				{"element of a live entry", residueToken(eventSecrets, 207), false, "*", "of main.secrets: element leads to"},
				{"key of a deleted entry", residueToken(eventSecrets, 105), false, "object of 16 bytes", ""},
				{"key in the slot of a deleted entry", residueToken(eventSecrets, 302), false, "of main.vault: key ", ""},
				{"key in a live slot", residueToken(eventSecrets, 301), false, "*", "of main.vault: key"},
				{"package variable", append([]byte("live-live-"), residueToken(eventSecrets, 1)...), false, "*", "package variable main.live leads to"},
				{"number of a deleted entry", fmt.Append(nil, residueKey(eventDelete, 20)), true, "of main.deleted: key ", ""},
				{"number of a live entry", fmt.Append(nil, residueKey(eventDelete, 420)), true, "*", "of main.deleted: key"},
				{"what is not there", []byte("jvNf6lwnXqz"), false, "", ""},
			} {
				h, err := target.Search(Search{Secrets: []Secret{{tt.name, tt.secret, tt.number}}})
				if err != nil {
					t.Fatal(err)
				}
				left, used := false, false
				for _, hit := range h.Hits {
					left = left || hit.Left && strings.Contains(hit.Where, tt.left)
					used = used || !hit.Left && strings.Contains(hit.Where, tt.used)
					if hit.Left && tt.left == "" || !hit.Left && tt.used == "" {
						t.Errorf("%s: got %+v", tt.name, hit)
					}
				}
				if tt.left != "" && tt.left != "*" && !left || tt.used != "" && !used {
					t.Errorf("%s: got %+v, want %q left and %q in use", tt.name, h.Hits, tt.left, tt.used)
				}
				if h.Unreadable != 0 || h.Read < 1<<20 {
					t.Errorf("read %d bytes, %d could not be", h.Read, h.Unreadable)
				}
			}
			// Once the program waits, nothing found is nothing there.
			decided := false
			for range 50 {
				h, err := target.Search(Search{Secrets: []Secret{{"none", []byte("jvNf6lwnXqz"), false}}})
				if err != nil {
					t.Fatal(err)
				}
				if decided = len(h.Undecided) == 0; decided {
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			if !decided {
				t.Error("a program that waits is said to run")
			}
		})
	}
}

// TestSearchUndecided takes nothing found in a program that runs for no answer,
// unless the program is stopped meanwhile.
// It is by design that the first budget is used up: a read takes longer.
func TestSearchUndecided(t *testing.T) {
	target := run(t, build(t, "", nil), "write")
	none := Search{Secrets: []Secret{{"none", []byte("jvNf6lwnXqz"), false}}}
	h, err := target.Search(none)
	if err != nil || h.Count > 0 || len(h.Undecided) != 1 || !strings.Contains(h.Undecided[0], "the program ran") {
		t.Errorf("while it writes to a map: got %+v, %v", h, err)
	}
	if r, err := target.Residue("", Look{}); err != nil || len(r.Undecided) == 0 {
		t.Errorf("what is left, while it writes to a map: got %+v, %v", r, err)
	}
	if err := target.AllowStop(shortest); err != nil {
		t.Fatal(err)
	}
	held := target.raw.(stoppable)
	target.raw = stoppable{slow{held.memory.(*process)}, held.stopper}
	if h, err := target.Search(none); err != nil || len(h.Undecided) == 0 {
		t.Errorf("stopped for too short a time: got %+v, %v", h, err)
	}
	target.raw = held
	if err := target.AllowStop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	if h, err := target.Search(none); err != nil || len(h.Undecided) > 0 {
		t.Errorf("while it is stopped: got %+v, %v", h, err)
	}
	if n := target.Stops().Count; n != 1 {
		t.Errorf("it was stopped %d times, want once", n)
	}
}

// TestSearchErrors refuses secrets that are found everywhere.
func TestSearchErrors(t *testing.T) {
	for _, tt := range []struct {
		secrets []Secret
		want    string
	}{
		{nil, "no secret"},
		{[]Secret{{"a", []byte("abc"), false}}, "a has 3 bytes: less than 4"},
		{[]Secret{{"a", make([]byte, maxSecret+1), false}}, "more than"},
		{[]Secret{{"a", []byte("-16777215"), true}}, "found everywhere"},
		{[]Secret{{"a", []byte("x"), true}}, "no decimal number"},
	} {
		if _, err := (&Search{Secrets: tt.secrets}).needles(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}

// slow is a process whose memory takes longer to read than the shortest stop.
type slow struct{ *process }

func (s slow) read(bufs [][]byte, addrs []uint64) error {
	time.Sleep(2 * shortest)
	return s.process.read(bufs, addrs)
}

// fake is memory of which some pages cannot be read.
type fake struct {
	regions []region
	data    func(addr uint64) byte
	holes   map[uint64]bool // by number of the page of 4 KB
}

func (f *fake) mapped() []region { return f.regions }
func (f *fake) refresh() error   { return nil }

func (f *fake) read(bufs [][]byte, addrs []uint64) error {
	for i, b := range bufs {
		for k := range b {
			addr := addrs[i] + uint64(k)
			if f.holes[addr>>12] {
				return errors.New("a hole")
			}
			b[k] = f.data(addr)
		}
	}
	return nil
}

// TestScan compares hits with those of a search through the whole, for needles
// that lie across the borders of blocks, of mappings, and of pages that cannot
// be read.
func TestScan(t *testing.T) {
	const seed = 3
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	from, size := uint64(0x7000_0000_0000), uint64(3*scanBytes)
	text := make([]byte, size)
	for i := range text {
		text[i] = byte('a' + r.IntN(2))
	}
	for _, at := range []uint64{scanBytes - 3, scanBytes, 2*scanBytes - 1, 5*4096 - 2, 6*4096 - 2, 9*4096 - 4, 0, size - 8} {
		copy(text[at:], "SECRET-8")
	}
	f := &fake{
		regions: []region{{from, from + 9*4096}, {from + 9*4096, from + size}, {from + 2*size, from + 2*size + 4096}},
		holes:   map[uint64]bool{(from + 6*4096) >> 12: true},
		data: func(addr uint64) byte {
			if addr >= from+size {
				return 0
			}
			return text[addr-from]
		},
	}
	for _, many := range []bool{false, true} {
		needles := []needle{{0, "", []byte("SECRET-8"), 1}, {1, "", []byte("abababababab"), 1}, {2, "", []byte("ababbaba"), 8}, {3, "", []byte("aaaa"), 4}}
		for i := 0; many && i < fewNeedles; i++ {
			needles = append(needles, needle{4 + i, "", fmt.Appendf(nil, "none%d", i), 1})
		}
		var got, want []string
		finder := newFinder(needles)
		_, unreadable, err := (&Target{raw: f}).scan(finder.longest-1, func(addr uint64, b []byte, seen int) {
			finder.find(addr, b, seen, func(addr uint64, n *needle) { got = append(got, fmt.Sprint(addr, n.secret)) })
		})
		if err != nil || unreadable != 4096 {
			t.Errorf("%d bytes unreadable, %v; want one page", unreadable, err)
		}
		hole := from + 6*4096
		for _, n := range needles {
			for at := uint64(0); at+uint64(len(n.b)) <= size; at++ {
				if bytes.HasPrefix(text[at:], n.b) && (from+at)%n.align == 0 && (from+at >= hole+4096 || from+at+uint64(len(n.b)) <= hole) {
					want = append(want, fmt.Sprint(from+at, n.secret))
				}
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("many needles %t: got %d hits, want %d", many, len(got), len(want))
		}
	}
}

// TestEncodings finds a secret in what the standard library makes of it with
// other bytes around it.
func TestEncodings(t *testing.T) {
	secret := []byte("p&ss \"w0rd\"/+é?")
	list, err := (&Search{Secrets: []Secret{{"s", secret, false}}, Encodings: true}).needles()
	if err != nil {
		t.Fatal(err)
	}
	for form, texts := range encoded(secret) {
		for _, text := range texts {
			if !slices.ContainsFunc(list, func(n needle) bool { return n.form == form && bytes.Contains(text, n.b) }) {
				t.Errorf("%s: not found in %q", form, text)
			}
		}
	}
}

// BenchmarkFind measures the pass over memory: one secret, and many.
func BenchmarkFind(b *testing.B) {
	block := make([]byte, scanBytes)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range block {
		if r.IntN(3) > 0 { // a heap has many zeroes
			block[i] = byte(r.UintN(256))
		}
	}
	for _, n := range []int{1, fewNeedles, 100} {
		b.Run(fmt.Sprintf("%d secrets", n), func(b *testing.B) {
			var list []needle
			for i := range n {
				list = append(list, needle{i, "", fmt.Appendf(nil, "%08x-secret", r.Uint64()), 1})
			}
			f := newFinder(list)
			b.SetBytes(scanBytes)
			for b.Loop() {
				f.find(0, block, 0, func(uint64, *needle) {})
			}
		})
	}
}

// TestAbsent takes memory that a core file does not have for no answer.
func TestAbsent(t *testing.T) {
	for _, tt := range []struct {
		c    core
		want []string
	}{
		{core{claimed: 100}, nil},
		{core{claimed: 100, cut: 40}, []string{"it is truncated: 60 B of 100 B"}},
		{core{claimed: 100, absent: 8192}, []string{"8.00 KB of writable memory are not in the core file"}},
	} {
		got := (&Target{raw: &tt.c}).absent()
		if len(got) != len(tt.want) || len(got) > 0 && !strings.HasPrefix(got[0], tt.want[0]) {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
