package listing

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The files of testdata are what the compilers of six releases printed for one
// package of eight functions, without the tables of the garbage collector and
// most of the bytes.
func read(t *testing.T, name string) []Func {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	fs, err := Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	_, arch, _ := strings.Cut(name, "-")
	for i := range fs {
		fs[i].Arch = arch
	}
	return fs
}

func TestParseNames(t *testing.T) {
	for _, name := range []string{"1.18.10-amd64", "1.20.14-ppc64le", "1.22.12-arm64", "1.26.8-s390x", "1.27.4-riscv64", "1.27.4-386"} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range read(t, name) {
				file, line := f.Pos()
				if f.Package != "example.com/sample.v1" || file != "/src/a.go" || line == 0 {
					t.Errorf("%s is of package %q at %s:%d, want example.com/sample.v1 at /src/a.go", f.Name, f.Package, file, line)
				}
				got = append(got, f.Short())
			}
			want := []string{"T_Add", "Store", "StorePtr", "Wait", "Publish", "Sum"}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("names (-want +got):\n%s", d)
			}
		})
	}
}

func TestParseInstruction(t *testing.T) {
	fs := read(t, "1.18.10-amd64")
	got := fs[1].Instructions
	want := []Instruction{
		{0, "TEXT", "example.com/sample%2ev1.Store(SB), NOSPLIT|ABIInternal, $0-8", "/src/a.go", 19},
		{0, "PCDATA", "$3, $1", "/src/a.go", 19},
		{0, "LEAQ", "example.com/sample%2ev1.n(SB), CX", "/src/a.go", 19},
		{7, "XCHGQ", "AX, (CX)", "/src/a.go", 19},
		{10, "RET", "", "/src/a.go", 19},
	}
	got = append(got[:1:1], got[len(got)-4:]...)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("instructions of Store (-want +got):\n%s", d)
	}
	if got, want := fs[1].Opcodes(), []string{"LEAQ", "XCHGQ"}; !cmp.Equal(got, want) {
		t.Errorf("Opcodes() = %q, want %q", got, want)
	}
	if got, want := fs[1].Symbol(), "example.com/sample%2ev1.Store"; got != want {
		t.Errorf("Symbol() = %q, want %q", got, want)
	}
}

func TestFacts(t *testing.T) {
	tests := []struct {
		listing string
		want    map[string][]string
	}{
		{"1.18.10-amd64", map[string][]string{
			"Store": {"XCHGQ"}, "Store_memory": {"update n"}, "Store_ordering": {"XCHGQ"}, "Store_calls": {},
			"T_Add": {"LOCK XADDQ"}, "T_Add_memory": {"update 8(AX)"},
			"StorePtr":  {"CALL sync/atomic.StorePointer"},
			"Wait_loop": {"load flag"}, "Publish_memory": {"store next"}, "Publish_calls": {"runtime.gcWriteBarrier"},
		}},
		{"1.20.14-ppc64le", map[string][]string{
			"Store": {"SYNC", "MOVD"}, "Store_memory": {"store n"}, "Store_ordering": {"SYNC"},
			"T_Add": {"LWSYNC", "LDAR", "STDCCC"}, "T_Add_ordering": {"LWSYNC", "STDCCC"},
			"StorePtr":  {"CALL sync/atomic.StorePointer"},
			"Wait_loop": {"load flag"}, "Publish_memory": {"store next"},
		}},
		{"1.22.12-arm64", map[string][]string{
			"Store": {"STLR"}, "Store_memory": {"store n"},
			"T_Add": {"LDADDALD", "LDAXR", "STLXR"}, "T_Add_loop": {"load (R0)", "store (R0)"},
			"StorePtr":  {"CALL sync/atomic.StorePointer"},
			"Wait_loop": {"load flag"}, "Publish_memory": {"load next", "store next"},
		}},
		{"1.26.8-s390x", map[string][]string{
			"Store": {"MOVD", "SYNC"}, "Store_memory": {"store n"}, "T_Add": {"LAAG"},
			"StorePtr":  {"CALL sync/atomic.StorePointer"},
			"Wait_loop": {"load flag"}, "Publish_memory": {"load next", "store next"},
		}},
		{"1.27.4-riscv64", map[string][]string{
			"Store": {"AMOSWAPD"}, "Store_memory": {"update n"}, "T_Add": {"AMOADDD"},
			"StorePtr":  {"CALL sync/atomic.StorePointer"},
			"Wait_loop": {"load flag"}, "Publish_memory": {"load next", "store next"},
		}},
		{"1.27.4-386", map[string][]string{
			"Store": {"CALL sync/atomic.StoreInt64"}, "Store_memory": {}, "Store_ordering": {},
			"T_Add_calls": {"sync/atomic.AddInt64"},
			"StorePtr":    {"CALL sync/atomic.StorePointer"},
			"Wait_loop":   {"load flag"}, "Publish_memory": {"load next", "store next"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.listing, func(t *testing.T) {
			facts := Facts(read(t, tt.listing))
			for name, want := range tt.want {
				if got, ok := facts[name]; !ok || !cmp.Equal(got, want) {
					t.Errorf("fact %s = %q, %v, want %q", name, got, ok, want)
				}
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct {
		name, text, want string // want is "" where the line is passed over
	}{
		{"no end of the position", "F STEXT size=1\n\t0x0000 00000 (a.go:1\tRET\n", "listing:2: no end of the position"},
		{"no line", "F STEXT size=1\n\t0x0000 00000 (a.go)\tRET\n", `listing:2: position "a.go" has no line`},
		{"line is no number", "\nF STEXT size=1\n\t0x0000 00000 (a.go:x)\tRET\n", "listing:3: position"},
		{"offset is no number", "F STEXT size=1\n\t0x0000 000x0 (a.go:1)\tRET\n", "listing:2: offset"},
		{"no opcode", "F STEXT size=1\n\t0x0000 00000 (a.go:1)\t\n", "listing:2: no opcode"},
		{"instruction without function", "\t0x0000 00000 (a.go:1\tRET\n", ""},
		{"bytes", "F STEXT size=1\n\t0x0000 48 8d 0d                 H..\n", ""},
		{"relocation", "F STEXT size=1\n\trel 3+4 t=14 n+0\n", ""},
		{"error of a package", "F STEXT size=1\n./a.go:3:2: undefined: x\n", ""},
		{"position of a generated file", "F STEXT size=1\n\t0x0000 00000 (y.go:3[a.y:4])\tRET\n", ""},
		{"position unknown", "F STEXT size=1\n\t0x0000 00000 (<unknown line number>)\tPCALIGN\t$16\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(strings.NewReader(tt.text))
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("Parse: %v, want no error", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("Parse: error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestParseReadError(t *testing.T) {
	broken := errors.New("broken")
	if _, err := Parse(brokenReader{broken}); !errors.Is(err, broken) {
		t.Errorf("Parse: error %v, want %v", err, broken)
	}
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

// A line longer than the buffer must not be read as two.
func TestParseLongLine(t *testing.T) {
	text := "F STEXT size=1\n\t0x0000 00000 (a.go:1)\tTEXT\t" + strings.Repeat("x", 1<<20) + "\n\t0x0000 00000 (a.go:2)\tRET\nG STEXT size=1\n"
	fs, err := Parse(strings.NewReader(text))
	if err != nil || len(fs) != 2 || len(fs[0].Instructions) != 2 {
		t.Errorf("Parse: %d functions, %v, want 2", len(fs), err)
	}
}

func FuzzParse(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.txt")
	for _, n := range names {
		text, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, "arm64")
	}
	f.Fuzz(func(t *testing.T, text []byte, arch string) {
		fs, err := Parse(bytes.NewReader(text))
		if err != nil {
			return
		}
		for i := range fs {
			fs[i].Arch = arch
			for _, in := range fs[i].Instructions {
				if in.Op == "" || in.PC < 0 || in.Line < 0 {
					t.Errorf("Parse(%q): instruction %+v", text, in)
				}
			}
		}
		Facts(fs)
	})
}
