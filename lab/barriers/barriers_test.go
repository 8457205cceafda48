package barriers

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// run compiles the module in testdata/NAME, which is copied so that it is no
// part of ours, for a port.
func run(t *testing.T, name, goarch string) *Report {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", name))); err != nil {
		t.Fatal(err)
	}
	mod := "module example.com/m\n\ngo 1.21\n"
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), Options{Dir: dir, GOARCH: goarch, Patterns: []string{"./..."}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// In the sources of testdata/mixes, a line with a mix ends in "// want read"
// or "// want write". The other lines are near misses.
func TestMixes(t *testing.T) {
	r := run(t, "mixes", "")
	got := make(map[string]string)
	note := func(p Place, access string) {
		at := fmt.Sprintf("%s:%d", p.File, p.Line)
		if got[at] != "" && got[at] != access {
			access = "read and write"
		}
		got[at] = access
	}
	for _, m := range r.Mixes {
		note(m.Place, m.Access)
		for _, a := range m.Also {
			note(a.Place, a.Access)
		}
		if len(m.Atomic) == 0 || m.Help == "" || m.In == "" || m.Variable == "" {
			t.Errorf("mix lacks its other side: %+v", m)
		}
	}
	want := make(map[string]string)
	files, err := filepath.Glob("testdata/mixes/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no sources", err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range strings.Split(string(text), "\n") {
			if _, access, ok := strings.Cut(l, "// want "); ok {
				want[fmt.Sprintf("%s:%d", filepath.Base(f), i+1)] = access
			}
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("mixes (-want +got):\n%s", d)
	}
}

func TestOperations(t *testing.T) {
	tests := []struct {
		goarch string
		want   []string // name, how, instructions, ordering
	}{
		{"amd64", []string{
			"sync/atomic.StoreInt64 inline XCHGQ full fence",
			"sync/atomic.LoadInt64 inline MOVQ acquire: the port keeps loads in order",
			"sync/atomic.(*Int64).Add inline LOCK XADDQ full fence",
			"sync/atomic.(*Pointer).Store call XCHGQ full fence",
			"sync/atomic.(*Pointer).Load inline MOVQ acquire: the port keeps loads in order",
			"sync.(*Mutex).Lock inline LOCK CMPXCHGL full fence",
			"sync.(*Mutex).Unlock inline LOCK XADDL full fence",
			"sync.Locker.Lock call  what the lock behind the interface does",
			"channel send call  that of the channel's lock",
			"channel receive call  that of the channel's lock",
			"select call  that of the channel's lock",
			"channel close call  that of the channel's lock",
			"sync/atomic.(*Int64).Store generic XCHGQ full fence",
		}},
		{"arm64", []string{
			"sync/atomic.StoreInt64 inline STLR release",
			"sync/atomic.LoadInt64 inline LDAR acquire",
			"sync/atomic.(*Int64).Add inline LDADDALD,LDAXR,STLXR acquire and release",
			"sync/atomic.(*Pointer).Store call STLR release",
			"sync/atomic.(*Pointer).Load inline LDAR acquire",
			"sync.(*Mutex).Lock inline CASALW,LDAXRW,STLXRW acquire and release",
			"sync.(*Mutex).Unlock inline LDADDALW,LDAXRW,STLXRW acquire and release",
			"sync.Locker.Lock call  what the lock behind the interface does",
			"channel send call  that of the channel's lock",
			"channel receive call  that of the channel's lock",
			"select call  that of the channel's lock",
			"channel close call  that of the channel's lock",
			"sync/atomic.(*Int64).Store generic STLR release",
		}},
		{"386", []string{
			"sync/atomic.StoreInt64 assembly  sequentially consistent, by its documentation",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.goarch, func(t *testing.T) {
			if testing.Short() && tt.goarch != "amd64" {
				t.Skip("compiles package sync for another port")
			}
			var got []string
			for _, o := range run(t, "operations", tt.goarch).Operations {
				got = append(got, fmt.Sprintf("%s %s %s %s", o.Name, o.How, strings.Join(o.Instructions, ","), o.Ordering))
			}
			got = got[:min(len(got), len(tt.want))]
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("operations (-want +got):\n%s", d)
			}
		})
	}
}

func TestWriteText(t *testing.T) {
	r := run(t, "operations", "amd64")
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"GOARCH=amd64: 13 synchronizing operations in 1 package\n\nops.go\n",
		"atomic.StoreInt64(&n, 1)",
		"\ninstructions of amd64\n  LOCK CMPXCHGL  a locked read-modify-write, which is a full fence\n",
		"no variable is accessed both atomically and plainly",
		"not seen:\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("text lacks %q:\n%s", want, &b)
		}
	}
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	tests := []struct {
		name, source, goarch, want string
	}{
		{"does not compile", "package m\n\nvar x int = \"text\"\n", "", "m.go:3"},
		{"unknown port", "package m\n", "wasm", "its instructions are not known"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"go.mod": "module example.com/m\n", "m.go": tt.source} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Run(t.Context(), Options{Dir: dir, GOARCH: tt.goarch})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run: error %v, want %q", err, tt.want)
			}
		})
	}
}
