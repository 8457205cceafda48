package listing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func module(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/m\n\ngo 1.18\n", "m.go": source} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const counter = `package m

import "sync/atomic"

var x, y int64

func Load() int64   { return atomic.LoadInt64(&x) }
func Store(v int64) { atomic.StoreInt64(&x, v) }
func Plain(v int64) { y = v }
`

// This compiles with the local Go release for ports that it need not have.
func TestCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles sync/atomic for five ports")
	}
	dir := module(t, counter)
	want := map[string][2][]string{
		"amd64":   {{"MOVQ"}, {"XCHGQ"}},
		"arm64":   {{"LDAR"}, {"STLR"}},
		"ppc64le": {{"SYNC", "MOVD", "ISYNC"}, {"SYNC", "MOVD"}},
		"riscv64": {{"LRD"}, {"AMOSWAPD"}},
		"s390x":   {{"MOVD"}, {"MOVD", "SYNC"}},
	}
	for arch, ops := range want {
		t.Run(arch, func(t *testing.T) {
			for range 2 { // the second listing comes out of the build cache
				fs, raw, err := Compile(t.Context(), "go", nil, dir, arch)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(raw, "example.com/m.Load STEXT") {
					t.Errorf("listing lacks Load:\n%s", raw)
				}
				facts := Facts(fs)
				if d := cmp.Diff(ops, [2][]string{facts["Load"], facts["Store"]}); d != "" {
					t.Errorf("Load and Store (-want +got):\n%s", d)
				}
				if got, want := facts["Plain_memory"], []string{"store y"}; !cmp.Equal(got, want) {
					t.Errorf("Plain_memory = %q, want %q", got, want)
				}
			}
		})
	}
}

// What a user has in GOFLAGS must not end up in the listing, or suppress it.
func TestCompileWithGOFLAGS(t *testing.T) {
	dir := module(t, counter)
	env := append(os.Environ(), "GOFLAGS=-x -json -race -gcflags=-N -tags=extra")
	fs, raw, err := Compile(t.Context(), "go", env, dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(fs) < 3 || fs[0].Arch == "" {
		t.Errorf("Compile: %d functions of port %q, want 3 of this one:\n%s", len(fs), fs[0].Arch, raw)
	}
}

func TestCompileSaysWhatIsWrong(t *testing.T) {
	dir := module(t, "package m\n\nvar x int = \"text\"\n")
	_, _, err := Compile(t.Context(), "go", nil, dir, "")
	if err == nil || !strings.Contains(err.Error(), "m.go:3") {
		t.Errorf("Compile: error %v, want one at m.go:3", err)
	}
}

func TestPlainFlags(t *testing.T) {
	got := plainFlags("-mod=vendor -x -json=true --gcflags=-N -tags=a,b -race")
	if want := "-mod=vendor -tags=a,b"; got != want {
		t.Errorf("plainFlags = %q, want %q", got, want)
	}
}
