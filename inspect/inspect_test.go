package inspect

import (
	"debug/elf"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

type planted struct {
	Plants []plant
	InUse  uint64
}

type plant struct {
	Owner, Type                  string
	Entries, Maps, Since, Before int
}

// in reports whether a minor release has it, and with this owner.
func (p *plant) in(minor int) bool { return p.Since <= minor && (p.Before == 0 || minor < p.Before) }

// TestPlanted looks for the maps of a program that says which it has, with
// every release and with flags that change how a program lies in memory.
func TestPlanted(t *testing.T) {
	for _, b := range variants(
		variant{name: "pie", flags: []string{"-buildmode=pie"}},
		variant{name: "uncompressed DWARF", flags: []string{"-ldflags=-compressdwarf=false"}},
		noswissmap,
		variant{name: "without optimization", flags: []string{"-gcflags=-N -l"}},
	) {
		t.Run(b.name, func(t *testing.T) {
			s := start(t, build(t, b.release, b.env, b.flags...))
			var want planted
			s.says(t, &want)
			c := census(t, attach(t, s.pid))
			defer c.logOnFailure(t)
			if c.Torn != 0 {
				t.Errorf("%d maps are torn, in a program that waits", c.Torn)
			}
			if off := float64(c.Heap)/float64(want.InUse) - 1; off < -0.01 || off > 0.01 {
				t.Errorf("heap in use: got %d bytes, the runtime says %d", c.Heap, want.InUse)
			}
			for _, p := range want.Plants {
				if !p.in(minor(t, b.release)) {
					continue
				}
				c.check(t, p.Owner, p.Type, p.Maps, p.Entries)
			}
			checkWaste(t, c, b.classic(t))
		})
	}
}

// TestAt looks closely at maps of a program that says which it has.
func TestAt(t *testing.T) {
	for _, release := range []string{"", "1.23.12"} {
		t.Run("go"+release, func(t *testing.T) {
			target := run(t, build(t, release, nil))
			d, err := target.At("main.shrunk", 0, Look{Entries: -1})
			if err != nil {
				t.Fatal(err)
			}
			full := 0
			for n, count := range d.Full {
				full += n * count
			}
			// Deleted keys stay, their elements do not. Growth may have copied some
			// of them to slots that are used again, so not all are left.
			if len(d.First) != 100 || full != 100 || d.KeysLeft < 40_000 || d.KeysLeft > 49_900 || d.ElemsLeft != 0 || !d.Consistent {
				t.Errorf("main.shrunk: got %d entries, %d slots with one, %d keys and %d elements left; want 100, 100, nearly 49,900 and 0", len(d.First), full, d.KeysLeft, d.ElemsLeft)
			}
			for _, e := range d.First {
				if e.Key != e.Elem {
					t.Errorf("main.shrunk: got %s: %s, want twice the same", e.Key, e.Elem)
				}
			}
			for _, tt := range []struct {
				owner string
				look  Look
				want  []string
			}{
				{"main.hold.byName", Look{Entries: 9, Depth: 1}, []string{"string of 5 bytes: &{name: string of 5 bytes, tags: map at 0x...}", "string of 5 bytes: &{name: string of 6 bytes, tags: map at 0x...}"}},
				{"main.hold.byName", Look{Entries: 9, Values: true}, []string{`"forty": 0x...`, `"three": 0x...`}},
				{"main.hold.inner", Look{Entries: 9, Values: true}, []string{`1: "a"`, `2: "b"`}},
				{"main.hold.any.(map[main.point]string)", Look{Entries: 9, Values: true}, []string{`{x: 1, y: 2}: "x"`}},
				{"main.hold.wide", Look{Entries: 1}, []string{"1: [200]uint8 of 200 bytes"}},
				{"main.hold.wide", Look{Entries: 1, Values: true}, []string{"1: [200]uint8{0, 0, 0, 0, 0, 0, 0, 0, ... 200 in all}"}},
			} {
				d, err := target.At(tt.owner, 0, tt.look)
				if err != nil {
					t.Errorf("%s: %v", tt.owner, err)
					continue
				}
				var got []string
				for _, e := range d.First {
					got = append(got, address.ReplaceAllString(e.Key+": "+e.Elem, "0x..."))
				}
				slices.Sort(got)
				if !slices.Equal(got, tt.want) {
					t.Errorf("%s: got %q, want %q", tt.owner, got, tt.want)
				}
				if again, err := target.At("", d.Addr, Look{}); err != nil || again.Owner != tt.owner {
					t.Errorf("the map at %#x: got %v, %v; want %s", d.Addr, again, err, tt.owner)
				}
			}
			ambiguous := new(AmbiguousError)
			if _, err := target.At("main.hold.values[].tags", 0, Look{}); !errors.As(err, &ambiguous) || len(ambiguous.Maps) != 20 {
				t.Errorf("twenty maps of one owner: got %v", err)
			}
			if _, err := target.At("main.shrun", 0, Look{}); err == nil || !strings.Contains(err.Error(), "did you mean: main.shrunk") {
				t.Errorf("a misspelt owner: got %v", err)
			}
			if d, err := target.At("main.growing", 0, Look{}); err != nil || d.Classic != d.Growing {
				t.Errorf("main.growing: got %+v, %v; want a classic map to grow", d, err)
			}
		})
	}
}

var address = regexp.MustCompile(`0x[0-9a-f]+`)

// checkWaste looks at what is known of the map that was large once.
func checkWaste(t *testing.T, c *Census, classic bool) {
	t.Helper()
	for _, g := range c.Groups {
		switch g.Owner {
		case "main.shrunk":
			if g.Slots < 50_000 || g.Waste < 50_000*16 || g.Bytes < g.Waste || g.Advice() != "" && !strings.Contains(g.Advice(), "100 entries") {
				t.Errorf("main.shrunk: got %+v, want more than 50,000 slots of 16 bytes wasted", g)
			}
		case "main.growing":
			if classic != (g.Growing == 1) || classic != (g.Old > 0) {
				t.Errorf("main.growing: got growing %d with %d bytes of old buckets, classic map: %t", g.Growing, g.Old, classic)
			}
		}
	}
}

// TestNeverTorn reads a map that changes all the time. What is called
// consistent has to have been so at one moment: 3000 or 3001 keys in a row.
func TestNeverTorn(t *testing.T) {
	reads := 10_000
	for _, tt := range []struct {
		release string
		n       uint64
		args    []string
	}{
		{"", 3000, nil}, {"", 5, []string{"small"}}, {"1.23.12", 3000, nil}, {"1.23.12", 5, []string{"small"}},
	} {
		t.Run(fmt.Sprintf("go%s, %d keys", tt.release, tt.n), func(t *testing.T) {
			target := run(t, build(t, tt.release, nil), append([]string{"write"}, tt.args...)...)
			v, ok := target.Image.Global("main.window")
			if !ok {
				t.Fatal("no main.window")
			}
			if err := target.refresh(); err != nil {
				t.Fatal(err)
			}
			good := 0
			for range reads / 4 {
				target.mem = newCache(target.raw)
				addr, ok := target.mem.word(v.Addr + target.bias)
				if !ok {
					t.Fatal("main.window cannot be read")
				}
				w := newWalk(target)
				s := w.shape(v.Type)
				m := Map{Addr: addr, Type: v.Type}
				var pieces []piece
				if s.swiss != nil {
					pieces = w.readSwiss(s.swiss, &m)
				} else {
					pieces = w.readClassic(s.classic, &m)
				}
				if !m.Consistent {
					continue
				}
				good++
				keys := keysOf(s, pieces)
				slices.Sort(keys)
				if n := uint64(len(keys)); n != m.Entries || n != tt.n && n != tt.n+1 || keys[n-1]-keys[0] != n-1 {
					t.Fatalf("called consistent: %d entries, %d keys from %d to %d", m.Entries, n, keys[0], keys[n-1])
				}
			}
			t.Logf("%d of %d reads were consistent", good, reads/4)
		})
	}
}

func keysOf(s *shape, pieces []piece) (keys []uint64) {
	for _, p := range pieces {
		for at := int64(0); at+s.stride <= int64(len(p.data)); at += s.stride {
			b := p.data[at : at+s.stride]
			for i := range groupSlots {
				if s.live(b, i) {
					keys = append(keys, u64(b, s.slots[0].off+int64(i)*s.slots[0].stride))
				}
			}
		}
	}
	return keys
}

// TestErrors gives a sentence for what cannot be looked at.
func TestErrors(t *testing.T) {
	stripped := build(t, "", nil, "-trimpath", "-ldflags=-s -w")
	pid := start(t, stripped).pid
	if _, err := Attach(pid, build(t, "", nil, "-ldflags=-s -w", "-gcflags=-N -l")); err == nil || !strings.Contains(err.Error(), "--exe") {
		t.Errorf("another stripped program: got %v", err)
	}
	whole := build(t, "", nil, "-trimpath") // what the linker is told is in the program otherwise
	if _, err := Attach(pid, whole); err != nil {
		// The linker puts the same code at the same addresses, DWARF or not.
		t.Errorf("a stripped program with its executable from before: %v", err)
	}
	other := build(t, "1.25.7", nil)
	if _, err := Attach(pid, other); err == nil || !strings.Contains(err.Error(), "--exe") {
		t.Errorf("another program's executable: got %v", err)
	}
	if _, err := Attach(1<<22+1, ""); err == nil || !strings.Contains(err.Error(), "no process") {
		t.Errorf("no process: got %v", err)
	}
	sleep := exec.Command("sleep", "60")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer sleep.Wait()
	defer sleep.Process.Kill()
	if _, err := Attach(sleep.Process.Pid, ""); err == nil || !strings.Contains(err.Error(), "no executable that the Go linker wrote") {
		t.Errorf("a program in C: got %v", err)
	}
}

// TestDamaged looks at a program with executables whose DWARF has some bytes
// changed: that may cost maps, and is a sentence or a census, never a panic.
func TestDamaged(t *testing.T) {
	exe := build(t, "", nil, "-ldflags=-compressdwarf=false")
	pid := start(t, exe).pid
	whole, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const seed = 11
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	sections := []*elf.Section{f.Section(".debug_info"), f.Section(".debug_info"), f.Section(".debug_abbrev")}
	opened, all := 0, 0
	for range 60 {
		text := slices.Clone(whole)
		s := sections[r.IntN(len(sections))]
		for range 1 + r.IntN(3) {
			at := s.Offset + r.Uint64N(s.Size)
			if s.Name == ".debug_info" && r.IntN(2) == 0 {
				at = s.Offset + s.Size/2 + r.Uint64N(s.Size/2) // where the types are
			}
			text[at] = byte(r.UintN(256))
		}
		damaged := filepath.Join(t.TempDir(), "damaged")
		if err := os.WriteFile(damaged, text, 0o755); err != nil {
			t.Fatal(err)
		}
		target, err := Attach(pid, damaged)
		if err != nil {
			continue
		}
		opened++
		if c, err := target.Census(); err == nil && c.Total.Maps > 50 {
			all++
		}
	}
	t.Logf("%d of 60 were opened, %d gave a census with most maps", opened, all)
	if opened == 0 {
		t.Error("none was opened: the test shows nothing")
	}
}

// TestGone reads a process that ends.
func TestGone(t *testing.T) {
	s := begin(t, exec.Command(build(t, "", nil)))
	target := attach(t, s.pid)
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	if c, err := target.Census(); err != errGone {
		t.Errorf("census of a process that has exited: got %v, %v", c, err)
	}
}

// TestFullOnes compares with what each slot says.
func TestFullOnes(t *testing.T) {
	for _, s := range []*shape{{swiss: new(swiss)}, {classic: new(classic)}} {
		for x := range 1 << 16 {
			c := [groupSlots]byte{byte(x), byte(x >> 8), 0, 4, 5, 0x80, 0xFE, byte(x)}
			got := s.fullOnes(u64(c[:], 0))
			for i, b := range c {
				if full := got>>(8*i)&0xff == 0x80; full != s.full(b) || got&^highBits != 0 {
					t.Fatalf("% x: got %#x", c, got)
				}
			}
		}
	}
}

// TestControl compares with a count slot by slot.
func TestControl(t *testing.T) {
	for x := range 1 << 16 {
		var c [groupSlots]byte
		var full, deleted uint64
		for i := range c {
			switch x >> (2 * i) & 3 {
			case 0:
				c[i] = 0x80
			case 1:
				c[i] = 0xFE
				deleted++
			case 2:
				c[i] = 0x7f
				full++
			case 3:
				c[i] = byte(i)
				full++
			}
		}
		if f, d := control(c[:]); f != full || d != deleted {
			t.Fatalf("% x: got %d full and %d deleted, want %d and %d", c, f, d, full, deleted)
		}
	}
}

// TestStaleHeap reads maps whose memory was something else when the list of the
// heap's spans was read: that is no write to them.
func TestStaleHeap(t *testing.T) {
	target := attach(t, start(t, build(t, "", nil)).pid)
	if err := target.refresh(); err != nil {
		t.Fatal(err)
	}
	for i := range target.heap.spans {
		if s := &target.heap.spans[i]; s.elem > 8192 { // groups of tables
			s.n, s.elem = s.n*s.elem/64, 64
		}
	}
	w := newWalk(target)
	if err := w.follow(); err != nil {
		t.Fatal(err)
	}
	for key, g := range w.groups {
		if w.paths.name(key.path) == "main.large" && (g.Torn > 0 || g.Entries != 50_000 || g.Slots < 50_000) {
			t.Errorf("main.large: got %d entries in %d slots, %d maps torn", g.Entries, g.Slots, g.Torn)
		}
	}
	if w.torn > 0 {
		t.Errorf("%d maps are torn, in a program that waits", w.torn)
	}
}
