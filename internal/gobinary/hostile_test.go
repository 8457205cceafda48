package gobinary

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// places are the parts of an executable that edits go to.
func places(t testing.TB, exe string) (text []byte, list [][2]uint64) {
	t.Helper()
	text, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	headers := binary.LittleEndian.Uint64(text[0x28:])
	list = [][2]uint64{{0, 64}, {64, 64 + 56*uint64(len(f.Progs))}, {headers, headers + 64*uint64(len(f.Sections))}}
	for _, s := range f.Sections {
		if s.Type != elf.SHT_NOBITS && s.FileSize > 0 && s.Name != ".text" {
			list = append(list, [2]uint64{s.Offset, s.Offset + s.FileSize})
		}
	}
	m, err := Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	if m.Bare != nil {
		for _, p := range f.Progs {
			for _, r := range []Region{m.Bare.Types, {m.Bare.Addr, m.Bare.Addr + 600}} {
				if p.Type == elf.PT_LOAD && r.From >= p.Vaddr && r.To <= p.Vaddr+p.Filesz {
					at := p.Off + r.From - p.Vaddr
					// Twice, since that is what the reader trusts most.
					list = append(list, [2]uint64{at, at + r.To - r.From}, [2]uint64{at, at + r.To - r.From})
				}
			}
		}
	}
	return text, list
}

// edit changes bytes of an executable as data says: a place, where in it, and
// what to write, a byte or eight.
func edit(text []byte, list [][2]uint64, data []byte) []byte {
	out := append([]byte(nil), text...)
	for ; len(data) >= 6; data = data[6:] {
		p := list[int(data[0])%len(list)]
		at := p[0] + uint64(binary.LittleEndian.Uint32(data[1:]))%max(p[1]-p[0], 1)
		if at >= uint64(len(out)) {
			continue
		}
		switch v := data[5]; {
		case v%8 == 0 && at&^7+8 <= uint64(len(out)):
			binary.LittleEndian.PutUint64(out[at&^7:], 1<<(v/4)-1)
		case v%8 == 1 && at&^7+8 <= uint64(len(out)):
			// What is there once more, so that a type leads to itself or elsewhere.
			from := p[0] + (at*31)%max(p[1]-p[0], 1)
			if from&^7+8 <= uint64(len(out)) {
				copy(out[at&^7:at&^7+8], text[from&^7:])
			}
		default:
			out[at] = v
		}
	}
	return out
}

// openDamaged opens what may be damaged. It may fail with a sentence, and must
// not take memory without bounds.
func openDamaged(t *testing.T, path string, text []byte) bool {
	t.Helper()
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m, err := Open(path)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<30 {
		t.Errorf("%d MB were allocated for a file of %d KB", got>>20, len(text)>>10)
	}
	if err != nil {
		if err.Error() == "" || strings.Contains(err.Error(), "runtime error") {
			t.Errorf("no sentence: %v", err)
		}
		return false
	}
	if m.Bare != nil {
		for i, typ := range m.Types() {
			if i%64 == 0 {
				m.Describe(m.Bare.Types.From + uint64(typ.Size)&^7)
			}
		}
	}
	return true
}

// TestHostile opens executables with some bytes changed.
func TestHostile(t *testing.T) {
	const seed, each = 5, 30
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	path := filepath.Join(t.TempDir(), "damaged")
	for _, flags := range [][]string{{"-ldflags=-s -w"}, {"-ldflags=-s -w", "-buildmode=pie"}, {"-ldflags=-compressdwarf=false"}, nil} {
		exe := plantTB(t, flags...)
		text, list := places(t, exe)
		opened := 0
		for range each {
			data := make([]byte, 6*(1+r.IntN(8)))
			for i := range data {
				data[i] = byte(r.UintN(256))
			}
			if openDamaged(t, path, edit(text, list, data)) {
				opened++
			}
		}
		t.Logf("%v: %d of %d were opened", flags, opened, each)
		if opened == 0 || opened == each {
			t.Errorf("%d of %d were opened: the test shows nothing", opened, each)
		}
		for _, n := range []int{1, 63, 64, 4096, len(text) / 2, len(text) - 1} {
			openDamaged(t, path, text[:n])
		}
	}
}

// FuzzOpen opens executables with bytes changed as the input says.
func FuzzOpen(f *testing.F) {
	var texts [][]byte
	var lists [][][2]uint64
	for _, flag := range []string{"-ldflags=-s -w", "-ldflags=-compressdwarf=false"} {
		text, list := places(f, plantTB(f, flag))
		texts, lists = append(texts, text), append(lists, list)
	}
	for i := range 10 {
		f.Add(byte(i), []byte{byte(i), 1, 2, 3, 4, byte(8 * i), byte(7 * i), 9, 8, 7, 6, byte(8*i + 1)})
	}
	f.Fuzz(func(t *testing.T, which byte, data []byte) {
		i := int(which) % len(texts)
		openDamaged(t, filepath.Join(t.TempDir(), "damaged"), edit(texts[i], lists[i], data[:min(len(data), 600)]))
	})
}

// TestBomb refuses compressed DWARF that says it is larger than any is.
func TestBomb(t *testing.T) {
	exe := plantTB(t)
	f, err := elf.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	s := f.Section(".debug_info")
	if s.Flags&elf.SHF_COMPRESSED == 0 {
		t.Fatal("it is not compressed")
	}
	binary.LittleEndian.PutUint64(text[s.Offset+8:], 1<<40)
	path := filepath.Join(t.TempDir(), "bomb")
	if openDamaged(t, path, text) {
		t.Error("a section of a terabyte was read")
	}
}

// TestOtherRelease gives a program without DWARF other versions: those of its
// minor version have layouts to try, others are refused.
func TestOtherRelease(t *testing.T) {
	version := runtime.Version()
	if _, ok := Layout(version, runtime.GOARCH); !ok || len(version) != len("go1.26.8") {
		t.Skipf("needs a test by a release of the table with a patch of one digit, not %s", version)
	}
	text, err := os.ReadFile(plantTB(t, "-ldflags=-s -w"))
	if err != nil {
		t.Fatal(err)
	}
	as := func(v string) (*Image, error) {
		path := filepath.Join(t.TempDir(), "other")
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), version, v)), 0o755); err != nil {
			t.Fatal(err)
		}
		return Open(path)
	}
	patch := version[:len(version)-1] + "9"
	if m, err := as(patch); err != nil || m.Bare.Layout == patch || m.Version != patch {
		t.Errorf("%s: got %+v, %v, want layouts of another patch release", patch, m, err)
	}
	for _, v := range []string{"go1.99.1", "go1.19.9", "go2.00.1"} {
		refused := new(NoDWARFError)
		if _, err := as(v); !errors.As(err, &refused) || !strings.Contains(err.Error(), "not known") {
			t.Errorf("%s: got %v, want a refusal", v, err)
		}
	}
}
