package gobinary

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
)

// mixed builds a program that has entries of a C compiler too.
func mixed(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a program")
	}
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("there is no C compiler")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module mixed\n\ngo 1.20\n",
		"main.go": `package main

// struct pair { int a[3]; union { double d; const char *s; } u; };
// enum colour { red, green };
// static inline int twice(int x) { return 2 * x; }
// static int sum(struct pair p, enum colour c) { int s = c; for (int i = 0; i < 3; i++) s += twice(p.a[i]); return s; }
import "C"

func main() { println(C.sum(C.struct_pair{}, C.green)) }
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	exe := filepath.Join(dir, "mixed")
	cmd := exec.Command("go", "build", "-o", exe, ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=1", "CGO_CFLAGS=-g -O2")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return exe
}

// TestEntries compares with the reader of package debug/dwarf, entry by entry.
func TestEntries(t *testing.T) {
	for name, exe := range map[string]string{"1.20": plant(t, "1.20.14", nil), "1.27": plant(t, "1.27.4", nil), "with C": mixed(t)} {
		f, err := elf.Open(exe)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		d, s, err := debugData(f)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := f.DWARF()
		if err != nil {
			t.Fatal(err)
		}
		decodedOnes, all := 0, 0
		depth := 0
		r := whole.Reader()
		for {
			want, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if want != nil && want.Tag == 0 {
				depth--
				continue
			}
			if all++; want != nil {
				a := &abbreviation{tag: want.Tag, captured: want.Val(attrClosure) != nil}
				what := matter(a, depth)
				if what != ignored {
					got, at, err := s.next()
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					if got == nil || got.Offset != want.Offset || got.Tag != want.Tag || got.Children != want.Children || at != depth {
						t.Fatalf("%s: got %+v at depth %d, want %+v at %d", name, got, at, want, depth)
					}
					if what == decoded {
						if decodedOnes++; !reflect.DeepEqual(got, want) {
							t.Fatalf("%s: got %+v, want %+v", name, got, want)
						}
					}
				}
				if want.Children {
					depth++
				}
				continue
			}
			if got, _, err := s.next(); got != nil || err != nil {
				t.Fatalf("%s: got %+v, %v behind the end", name, got, err)
			}
			break
		}
		t.Logf("%s: %d of %d entries were decoded", name, decodedOnes, all)
		// What is left out of the sections is not needed for ranges of code.
		for r := d.Reader(); ; r.SkipChildren() {
			e, err := r.Next()
			if e == nil || err != nil {
				break
			}
			got, err1 := d.Ranges(e)
			want, err2 := whole.Ranges(e)
			if (err1 == nil) != (err2 == nil) || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: ranges of %v: got %v, %v; want %v, %v", name, e.Offset, got, err1, want, err2)
			}
		}
	}
}

// FuzzEntries goes through damaged sections: that ends, and does not panic.
func FuzzEntries(f *testing.F) {
	abbrev := []byte{1, 0x11, 1, 0x03, 0x08, 0x13, 0x0b, 0, 0, 2, 0x24, 0, 0x03, 0x08, 0x0b, 0x0d, 0, 0, 3, 0x34, 0, 0x02, 0x18, 0x49, 0x16, 0, 0, 0}
	body := []byte{1, 'u', 0, 22, 2, 'i', 0, 0x7f, 3, 2, 9, 9, 0x13, 1, 2, 'j', 0, 0xff, 0x7f, 0}
	head := []byte{byte(7 + len(body)), 0, 0, 0, 4, 0, 0, 0, 0, 0, 8}
	f.Add(append(head, body...), abbrev)
	f.Add(append([]byte{byte(8 + len(body)), 0, 0, 0, 5, 0, 1, 8, 0, 0, 0, 0}, body...), abbrev)
	f.Add([]byte{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0}, []byte{})
	f.Fuzz(func(t *testing.T, info, abbrev []byte) {
		d, err := dwarf.New(abbrev, nil, nil, info, nil, nil, nil, nil)
		if err != nil {
			return
		}
		s := &entries{info: info, abbrev: abbrev, decode: d.Reader(), tables: map[tableKey]map[uint64]*abbreviation{}}
		last := dwarf.Offset(0)
		for n := 0; ; n++ {
			e, depth, err := s.next()
			if e == nil || err != nil {
				return
			}
			if n > 0 && e.Offset <= last || depth < 0 || depth > maxDepth || int(e.Offset) >= len(info) {
				t.Fatalf("%+v at depth %d after %v in %x, %x", e, depth, last, info, bytes.Clone(abbrev))
			}
			last = e.Offset
		}
	})
}
