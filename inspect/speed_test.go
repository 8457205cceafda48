package inspect

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestTotals compares with what the runtime says of its own heap: all objects,
// and what the maps of a program take that has hardly anything else.
func TestTotals(t *testing.T) {
	for _, b := range variants(noswissmap) {
		t.Run(b.name, func(t *testing.T) {
			s := start(t, buildIn(t, "heap", b.release, b.env), "0", "70000", "5000")
			var says struct{ Before, After uint64 }
			s.says(t, &says)
			c := census(t, attach(t, s.pid))
			within := func(what string, got, want uint64) {
				t.Helper()
				if off := float64(got)/float64(want) - 1; off < -0.01 || off > 0.01 {
					t.Errorf("%s: got %d bytes, the runtime says %d: %+.2f %%", what, got, want, 100*off)
				}
			}
			within("objects", c.Objects, says.After)
			sum := uint64(0)
			for _, g := range c.Groups {
				if strings.HasPrefix(g.Owner, "main.") {
					sum += g.Bytes
				}
			}
			within("maps", sum, says.After-says.Before)
		})
	}
}

// TestWorkers takes the census of a program that waits: however many workers
// there are, each map has the same owner.
func TestWorkers(t *testing.T) {
	for _, release := range []string{"", "1.23.12"} {
		t.Run("go"+release, func(t *testing.T) {
			target := run(t, buildIn(t, "heap", release, nil), "6000", "1000", "3000")
			var groups, maps []string
			for _, n := range []int{1, 2, 4, 4, 2} {
				target.workers = n
				c := census(t, target)
				if n != 1 {
					target.flood = 1 << 12 // maps of more than 16 KB are not kept whole
				}
				w := walked(t, target)
				target.flood = 0
				list := make([]string, len(w.maps))
				for i := range w.maps {
					f := &w.maps[i]
					list[i] = fmt.Sprintf("%#x %s %s %d entries", f.Addr, w.paths.name(f.path), f.Type.Name, f.Entries)
				}
				slices.Sort(list)
				var sums []string
				for _, g := range c.Groups {
					g.Largest.Type = nil // types that are not known are made anew
					sums = append(sums, fmt.Sprintf("%+v", g))
				}
				if groups == nil {
					if groups, maps = sums, list; c.Total.Maps < 9000 {
						t.Fatalf("got %d maps, want more than 9,000", c.Total.Maps)
					}
				}
				for i := range max(len(sums), len(groups)) {
					if i >= len(sums) || i >= len(groups) || sums[i] != groups[i] {
						t.Fatalf("%d workers: got %d owners, with one %d; number %d is not the same: %q", n, len(sums), len(groups), i, append(sums, "")[min(i, len(sums))])
					}
				}
				if !slices.Equal(list, maps) {
					t.Errorf("%d workers: not the same maps", n)
				}
			}
		})
	}
}

// keeper keeps the keys that it is shown.
type keeper struct {
	shape *shape
	lock  sync.Mutex
	keys  []uint64
}

func (k *keeper) begin(*copying, int) {}

func (k *keeper) look(_ int, p *section, data []byte) {
	k.lock.Lock()
	defer k.lock.Unlock()
	k.keys = append(k.keys, keysOf(k.shape, []piece{{p.addr, data}})...)
}

// TestFlow reads a map that changes all the time, and keeps no more than a few
// KB of it: what is called consistent has been so at one moment.
func TestFlow(t *testing.T) {
	for _, release := range []string{"", "1.23.12"} {
		t.Run("go"+release, func(t *testing.T) {
			target := run(t, build(t, release, nil), "write")
			w, f, err := target.find("main.window", 0)
			if err != nil {
				t.Fatal(err)
			}
			s := w.shape(f.Type)
			kept := &keeper{shape: s}
			c := &copier{t: target, flood: 1 << 12, looker: kept}
			good := 0
			for n := range 2500 {
				c.hands = 1 + n%4
				r := &c.single[0]
				r.start(Map{Addr: f.Addr, Type: f.Type}, s.swiss, s.classic)
				kept.keys = kept.keys[:0]
				if c.copy(c.single[:], math.MaxInt); !r.ok {
					continue
				}
				good++
				keys := append(kept.keys, keysOf(s, c.kept(nil, r))...)
				slices.Sort(keys)
				if n := uint64(len(keys)); n != r.now.Entries || n != 3000 && n != 3001 || keys[n-1]-keys[0] != n-1 {
					t.Fatalf("called consistent: %d entries, %d keys from %d to %d", r.now.Entries, n, keys[0], keys[n-1])
				}
			}
			t.Logf("%d of 2500 reads were consistent", good)
		})
	}
}

// patchy is memory that has a byte of each address, and holes.
type patchy struct {
	holes []region
	calls int
}

func (p *patchy) read(bufs [][]byte, addrs []uint64) error {
	p.calls++
	for i, b := range bufs {
		for _, h := range p.holes {
			if addrs[i] < h.to && h.from < addrs[i]+uint64(len(b)) {
				return errors.New("a hole")
			}
		}
		for k := range b {
			b[k] = byteAt(addrs[i] + uint64(k))
		}
	}
	return nil
}

func (p *patchy) mapped() []region { return nil }
func (p *patchy) refresh() error   { return nil }

func byteAt(addr uint64) byte { return byte(addr * 0x9E3779B97F4A7C15 >> 56) }

// TestBatch compares what is read together with what is there, and looks which
// changes are seen when it is read again.
func TestBatch(t *testing.T) {
	const seed = 5
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	room := make([]byte, longest)
	for round := range 2000 {
		m := &patchy{}
		for range r.IntN(3) {
			at := r.Uint64N(200_000)
			m.holes = append(m.holes, region{at, at + 1 + r.Uint64N(9000)})
		}
		var b batch
		for i := range r.IntN(60) {
			b.want = append(b.want, extent{r.Uint64N(200_000), 1 + r.IntN([]int{16, 300, 6000}[r.IntN(3)]), i})
		}
		if round%100 == 0 {
			b.want = append(b.want, extent{1 << 20, longest + r.IntN(longest), 99})
		}
		slices.SortFunc(b.want, func(x, y extent) int { return cmp.Compare(x.addr, y.addr) })
		if err := b.fetch(m); err != nil {
			t.Fatal(err)
		}
		for i, e := range b.want {
			hole := slices.ContainsFunc(m.holes, func(h region) bool { return e.addr < h.to && h.from < e.addr+uint64(e.n) })
			if hole != (b.data[i] == nil) {
				t.Fatalf("%d bytes at %d, holes %v: got %v", e.n, e.addr, m.holes, b.data[i])
			}
			for k, x := range b.data[i] {
				if x != byteAt(e.addr+uint64(k)) {
					t.Fatalf("%d bytes at %d: byte %d is %d", e.n, e.addr, k, x)
				}
			}
		}
		if len(m.holes) > 0 {
			continue
		}
		for i := range b.data {
			if r.IntN(5) == 0 { // what was there before was something else
				b.data[i][r.IntN(b.want[i].n)]++
			}
		}
		got, want := map[int]bool{}, map[int]bool{}
		if err := b.compare(m, room, func(id int) { got[id] = true }); err != nil {
			t.Fatal(err)
		}
		for i := range b.data {
			for k, x := range b.data[i] {
				if x != byteAt(b.want[i].addr+uint64(k)) {
					want[b.want[i].id] = true
				}
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("changed: got %v, want %v", got, want)
		}
	}
}

// TestSorted compares the radix sort with a plain one.
func TestSorted(t *testing.T) {
	const seed = 6
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		list := make([]item, r.IntN(2000))
		few := r.IntN(2) == 0
		for i := range list {
			list[i] = item{addr: 0xc000000000 + 8*r.Uint64N(1<<24), n: uint32(i), path: r.Int32N(4)}
			if few {
				list[i].addr = r.Uint64N(9) << 40
			}
		}
		want := slices.Clone(list)
		slices.SortStableFunc(want, func(a, b item) int { return cmp.Or(cmp.Compare(a.addr, b.addr), cmp.Compare(a.path, b.path)) })
		got := sorted(list, make([]item, len(list)), func(it *item) (uint64, int32) { return it.addr, it.path })
		if !slices.Equal(got, want) {
			t.Fatalf("%d items: not in order", len(list))
		}
	}
}
