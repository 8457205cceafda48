package inspect

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// TestBare compares what is found of a program without DWARF with what its
// executable from before it was stripped says of the same process: the maps, and
// their types where they are told.
func TestBare(t *testing.T) {
	for _, b := range variants(variant{name: "with a symbol table", strip: "-w"}, variant{name: "pie", flags: []string{"-buildmode=pie"}}, noswissmap) {
		switch {
		case b.strip != "":
		case minor(t, b.release) < 26:
			b.strip = "strip"
		default:
			b.strip = "-s -w"
		}
		t.Run(b.name, func(t *testing.T) {
			// What the linker is told is in the program otherwise, and moves what is
			// behind it.
			flags := append([]string{"-trimpath"}, b.flags...)
			whole := build(t, b.release, b.env, flags...)
			stripped := filepath.Join(t.TempDir(), "stripped")
			if b.strip == "strip" {
				// Up to Go 1.25 the linker puts data elsewhere if it writes no DWARF.
				if out, err := exec.Command("strip", "-o", stripped, whole).CombinedOutput(); err != nil {
					t.Skipf("strip (of binutils): %v\n%s", err, out)
				}
			} else {
				stripped = build(t, b.release, b.env, append(flags, "-ldflags="+b.strip)...)
			}
			pid := start(t, stripped).pid
			of := func(exe string) (map[uint64]*found, *walk) {
				w := walked(t, attach(t, pid, exe))
				all := map[uint64]*found{}
				for i := range w.maps {
					all[w.maps[i].Addr] = &w.maps[i]
				}
				return all, w
			}
			want, _ := of(whole)
			got, w := of("")
			if w.t.Image.Bare == nil || w.t.Image.Bare.Layout != w.t.Image.Version {
				t.Fatalf("the image is %+v", w.t.Image.Bare)
			}
			entries, some, typed, missing := uint64(0), 0, 0, uint64(0)
			for addr, m := range want {
				if m.Slots == 0 {
					continue // never filled: nothing tells it from other objects
				}
				some++
				entries += m.Entries
				g := got[addr]
				if g == nil {
					missing++
					t.Logf("not found: %s with %d entries", m.Type.Name, m.Entries)
					continue
				}
				if g.Entries != m.Entries || g.Slots != m.Slots || g.Bytes != m.Bytes {
					t.Errorf("%s: got %d entries in %d slots, %d bytes; want %d in %d, %d", m.Type.Name, g.Entries, g.Slots, g.Bytes, m.Entries, m.Slots, m.Bytes)
				}
				name := sameMap(m.Type)
				if strings.HasPrefix(name, "type unknown: ") {
					continue // it was found as these are
				}
				if strings.HasPrefix(g.Type.Name, "type unknown: ") {
					if !strings.Contains(g.Type.Name, name) && !strings.Contains(g.Type.Name, "more") {
						t.Errorf("%s: got %s", m.Type.Name, g.Type.Name)
					}
				} else if typed++; sameMap(g.Type) != name {
					t.Errorf("%s: got %s", m.Type.Name, g.Type.Name)
				}
			}
			for addr, g := range got {
				if want[addr] == nil && g.Slots > 0 {
					t.Errorf("%s at %#x with %d entries is no map", g.Type.Name, addr, g.Entries)
				}
			}
			// Only since Go 1.24 do small maps have groups of which the size tells.
			swiss := !b.classic(t)
			t.Logf("%d maps with %d entries: %d found, %d with their type", some, entries, some-int(missing), typed)
			if int(missing)*50 > some || typed == 0 || swiss && typed*4 < some {
				t.Errorf("%d of %d maps are missing, %d have a type", missing, some, typed)
			}
			if b.strip == "-w" {
				c := census(t, w.t)
				owners := fmt.Sprint(c.Groups)
				for _, want := range []string{"main.large", "main.shrunk", "main.growing"} {
					if !strings.Contains(owners, want) {
						t.Errorf("%s is not an owner", want)
					}
				}
			}
		})
	}
}

// TestOtherLayout runs a program without DWARF that says it is of another
// release: with the layouts of the same minor version it is read, if all spans
// make sense; with those of another one it is refused.
func TestOtherLayout(t *testing.T) {
	version := runtime.Version()
	if len(version) != len("go1.26.8") {
		t.Skipf("needs a test by a release with a patch of one digit, not %s", version)
	}
	text, err := os.ReadFile(build(t, "", nil, "-ldflags=-s -w"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ version, note, refused string }{
		{version[:len(version)-1] + "9", "verified against this memory", ""}, {"go1.25.9", "", "--exe"}, {"go1.22.9", "", "--exe"},
	} {
		exe := filepath.Join(t.TempDir(), "other")
		if err := os.WriteFile(exe, bytes.ReplaceAll(text, []byte(version), []byte(tt.version)), 0o755); err != nil {
			t.Fatal(err)
		}
		pid := start(t, exe).pid
		target, err := Attach(pid, "")
		var c *Census
		var objects []uint64
		if err == nil {
			c, err = target.Census()
			for _, s := range target.heap.spans {
				objects = append(objects, s.base, s.base+8)
			}
		}
		switch {
		case tt.refused != "":
			if err == nil || !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("%s that is %s: got %v, want a refusal", version, tt.version, err)
			}
			t.Log(err)
		case err != nil:
			t.Errorf("%s: %v", tt.version, err)
		case target.verify(objects) == nil:
			t.Error("what is on the heap was taken for spans")
		case !strings.Contains(strings.Join(c.Notes, " "), tt.note) || c.Total.Entries < 50_000:
			t.Errorf("%s: got %d entries and notes %q", tt.version, c.Total.Entries, c.Notes)
		}
	}
}

// TestCgo finds the maps of a program that the C linker has linked, with DWARF
// and without.
func TestCgo(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("gcc is not here")
	}
	for _, flags := range []string{"-ldflags=-linkmode=external", "-ldflags=-linkmode=external -s -w"} {
		target := run(t, build(t, "", []string{"CGO_ENABLED=1"}, "-tags=cgo_planted", flags))
		c := census(t, target)
		if c.Total.Maps < 80 || c.Total.Entries < 56_000 || (target.Image.Bare == nil) != (c.Groups[0].Owner == "main.shrunk") {
			t.Errorf("%s: got %d maps with %d entries, first %s", flags, c.Total.Maps, c.Total.Entries, c.Groups[0].Owner)
		}
	}
}

// sameMap is the name of a map type by what it has.
func sameMap(t *gobinary.Type) string {
	if t.Key == nil || t.Elem == nil {
		return t.Name
	}
	return "map[" + t.Key.Name + "]" + t.Elem.Name
}
