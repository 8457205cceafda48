package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ghostread/ghostread/inspect"
)

// sights are looks at a program whose maps grow.
func sights(owner string) *watching {
	w := &watching{interval: time.Second}
	at := time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)
	for i := range 70 {
		n := uint64(1000 + 100*i)
		s := &sight{Version: 1, At: at.Add(time.Duration(i) * time.Second), Target: "process 4321", Go: "go1.26.8", Owner: owner, Type: "map[string]int", Addr: 0xc000123450,
			sums: sums{Maps: 2, Entries: n, Slots: 16384, Tombstones: 2048, Bytes: 400_000, Waste: 400_000 - 24*n}, Heap: 1 << 20, Tables: 16, Depth: 4, Room: 14336 - n}
		if i > 0 {
			s.Seconds, s.Added, s.Removed = 1, 120, 20
		}
		if owner == "" {
			for k := range 40 {
				s.Owners = append(s.Owners, ownerSight{Owner: fmt.Sprintf("main.cache%d", k), Type: "map[string]" + strings.Repeat("[]", k) + "int", sums: sums{Entries: n, Slots: 16384, Waste: 1000}, Grown: k%3 - 1, Added: uint64(k), history: []uint64{1, 5, n}})
			}
		}
		w.keep(s)
	}
	return w
}

// TestPainter draws at all sizes: no line is longer than the terminal, and
// there are not more of them than it has.
func TestPainter(t *testing.T) {
	for _, owner := range []string{"", "main.cache"} {
		w := sights(owner)
		for width := 1; width < 130; width += 3 {
			for height := 1; height < 40; height += 5 {
				p := painter{width: width, height: height}
				p.sight(w, w.series[len(w.series)-1])
				if len(p.lines) > height {
					t.Fatalf("%d by %d: %d lines", width, height, len(p.lines))
				}
				for _, l := range p.lines {
					if n := utf8.RuneCountInString(l); n > width {
						t.Fatalf("%d by %d: a line of %d columns: %q", width, height, n, l)
					}
				}
			}
		}
	}
}

const wantOne = `main.cache  map[string]int                                process 4321, go1.26.8
at 0xc000123450                                                look 70, every 1s

entries           7,900  +120/s -20/s
slots            16,384  load 48 %
deleted           2,048  slots that are not free again
memory           391 KB  
waste            205 KB  53 %
slots                    ██████████████████████████▒▒▒▒▒▒·····················
tables               16  depth 4, room for 6,436 more

entries          +5,200  ▁▁▁▁▁▁▁▂▂▂▂▂▂▂▃▃▃▃▃▃▄▄▄▄▄▄▄▅▅▅▅▅▅▆▆▆▆▆▆▆▇▇▇▇▇▇███████
slots                +0  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁

16:01:09  Ctrl-C ends`

func TestPainterOne(t *testing.T) {
	w := sights("main.cache")
	p := painter{width: 80, height: 24}
	p.sight(w, w.series[69])
	if got := strings.Join(p.lines, "\n"); got != wantOne {
		t.Errorf("got\n%s\nwant\n%s", got, wantOne)
	}
	// The same with colour: nothing but escapes is added.
	c := painter{width: 80, height: 24, colour: true}
	c.sight(w, w.series[69])
	plain := strings.NewReplacer("\x1b[1m", "", "\x1b[2m", "", "\x1b[33m", "", "\x1b[0m", "").Replace(strings.Join(c.lines, "\n"))
	if plain != wantOne {
		t.Errorf("without colours: got\n%s", plain)
	}
}

// TestKeep holds the series to its bound, in order, with its first look.
func TestKeep(t *testing.T) {
	w := &watching{}
	for i := range 3 * longest {
		w.keep(&sight{sums: sums{Entries: uint64(i)}})
	}
	if n := len(w.series); n > longest || n < longest/2 || w.series[0].Entries != 0 || w.series[n-1].Entries != 3*longest-1 {
		t.Errorf("%d looks are kept, from %d to %d", n, w.series[0].Entries, w.series[n-1].Entries)
	}
}

// TestSightLine holds what people and programs read of a look.
func TestSightLine(t *testing.T) {
	w := sights("")
	var b strings.Builder
	if err := writeSight(&b, w.series[1]); err != nil {
		t.Fatal(err)
	}
	const want = "16:00:01  2 maps, 1,100 entries in 16,384 slots (7 %), 2,048 deleted, 391 KB, 365 KB of it waste; +120/s -20/s; growing: main.cache1, main.cache4, main.cache7 and 10 more\n"
	if b.String() != want {
		t.Errorf("got  %q\nwant %q", b.String(), want)
	}
	text, err := json.Marshal(w.series[1])
	if err != nil || !strings.HasPrefix(string(text), `{"Version":1,"At":"2026-11-23T16:00:01Z","Seconds":1,"Target":"process 4321","Go":"go1.26.8","Type":"map[string]int"`) {
		t.Errorf("JSON: got %s, %v", text, err)
	}
	if got := line("a\nb\x1b[2J\tc"); got != `a\nb\x1b[2J\tc` {
		t.Errorf("a name with control characters: got %q", got)
	}
}

// TestGone counts the entries of owners whose maps are gone as removed.
func TestGone(t *testing.T) {
	l := &looker{owners: map[[2]string]ownerSight{}}
	group := func(owner string, entries uint64) inspect.Group {
		return inspect.Group{Owner: owner, Type: "map[int]int", Maps: 1, Entries: entries, Slots: 64}
	}
	first, second := new(sight), new(sight)
	l.owned(first, []inspect.Group{group("main.a", 10), group("main.b", 7), group("main.c", 5)})
	l.before = first
	l.owned(second, []inspect.Group{group("main.a", 13), group("main.c", 4), group("main.d", 2)})
	if second.Added != 5 || second.Removed != 8 {
		t.Errorf("3 and 2 entries came, 1 went, and 7 with their map: got +%d -%d", second.Added, second.Removed)
	}
}
