package freshmap_test

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/ghostread/ghostread/freshmap"
)

// TestLayouts goes through the life of a map once for each way in which keys
// and values lie in memory: words, pointers, pairs, strings, wide and boxed.
func TestLayouts(t *testing.T) {
	type three [3]byte
	type six struct {
		a, b [3]uint64
	}
	cells := make([]int, 2000)
	layout(t, "int to int", func(i int) int { return i - 500 }, func(i int) int { return -i })
	layout(t, "uint16 to bool", func(i int) uint16 { return uint16(i) }, func(i int) bool { return i%2 == 0 })
	layout(t, "[3]byte to [3]byte", func(i int) three { return three{byte(i), 2: byte(i >> 8)} }, func(i int) three { return three{1: byte(i)} })
	layout(t, "pointer to pointer", func(i int) *int { return &cells[i] }, func(i int) *int { return &cells[1999-i] })
	layout(t, "string to string", func(i int) string { return fmt.Sprint("k", i) }, func(i int) string { return fmt.Sprint(i) })
	layout(t, "[16]byte to [2]uint64", func(i int) (k [16]byte) { k[15], k[0] = byte(i), byte(i>>8); return k }, func(i int) [2]uint64 { return [2]uint64{uint64(i), ^uint64(i)} })
	layout(t, "float to any", func(i int) float64 { return float64(i) / 3 }, func(i int) any { return fmt.Sprint(i) })
	layout(t, "any to [5]int32", func(i int) any { return i }, func(i int) [5]int32 { return [5]int32{4: int32(i)} })
	layout(t, "struct to struct of 48 bytes", func(i int) six { return six{b: [3]uint64{uint64(i)}} }, func(i int) six { return six{a: [3]uint64{uint64(i)}} })
}

func layout[K comparable, V comparable](t *testing.T, name string, key func(int) K, value func(int) V) {
	t.Run(name, func(t *testing.T) {
		const n = 1500
		var m freshmap.Map[K, V]
		check := func(when string, all iter.Seq2[K, V], length int, want func(i int) (value int, ok bool)) {
			t.Helper()
			model := map[K]V{}
			for i := range n {
				if v, ok := want(i); ok {
					model[key(i)] = value(v)
				}
			}
			if got := maps.Collect(all); !maps.Equal(got, model) || length != len(model) {
				t.Fatalf("%s: got %d entries, Len() %d; want %d, and these values", when, len(got), length, len(model))
			}
		}
		same := func(i int) (int, bool) { return i, true }
		mine := func(f func(i int)) { // two goroutines take turns at neighbours
			var wg sync.WaitGroup
			for g := range 2 {
				wg.Go(func() {
					for i := g; i < n; i += 2 {
						f(i)
					}
				})
			}
			wg.Wait()
		}
		mine(func(i int) { m.Store(key(i), value(n-i)) })
		mine(func(i int) {
			if v, ok := m.LoadAndStore(key(i), value(i)); !ok || v != value(n-i) {
				t.Errorf("LoadAndStore(%v): got %v %t, want %v true", key(i), v, ok, value(n-i))
			}
		})
		check("filled", m.All(), m.Len(), same)
		s := m.Snapshot()
		mine(func(i int) {
			switch i % 3 {
			case 0:
				m.Delete(key(i))
			case 1:
				m.Compute(key(i), func(V, bool) (V, freshmap.Op) { return value(n - i), freshmap.Set })
			}
		})
		thinned := func(i int) (int, bool) {
			if i%3 == 1 {
				return n - i, true
			}
			return i, i%3 == 2
		}
		check("thinned", m.All(), m.Len(), thinned)
		check("snapshot", s.All(), s.Len(), same)
		m.Grow(5 * n)
		s.Close()
		m.Shrink()
		check("grown and shrunk", m.All(), m.Len(), thinned)
		for i := range n {
			got, ok := m.Load(key(i))
			v, wantOK := thinned(i)
			if want := value(v); ok != wantOK || ok && got != want {
				t.Errorf("Load(%v): got %v %t, want %v %t", key(i), got, ok, want, wantOK)
			}
		}
		m.Wipe()
		check("wiped", m.All(), m.Len(), func(int) (int, bool) { return 0, false })
		if m.Migrating() {
			t.Error("Migrating() after Wipe: got true, want false")
		}
	})
}

// TestPortable builds this file and the examples for other processors, with
// the sanitizers and by other releases of Go, and runs them.
func TestPortable(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: builds and runs the tests for other processors and releases")
	}
	const guard = "FRESHMAP_PORTABLE"
	if os.Getenv(guard) != "" {
		t.Skip("skipped: runs inside itself")
	}
	tests := []struct {
		name  string
		env   []string
		flags []string
		run   []string // emulators; "" is this processor
	}{
		{"386", []string{"GOARCH=386", "CGO_ENABLED=0"}, nil, []string{"", "qemu-i386"}},
		{"arm64", []string{"GOARCH=arm64", "CGO_ENABLED=0"}, nil, []string{"", "qemu-aarch64"}},
		{"s390x", []string{"GOARCH=s390x", "CGO_ENABLED=0"}, nil, []string{"", "qemu-s390x"}}, // the other byte order
		{"race", []string{"CGO_ENABLED=1"}, []string{"-race"}, []string{""}},
		{"asan", []string{"CGO_ENABLED=1"}, []string{"-asan"}, []string{""}},
		{"checkptr", nil, []string{"-gcflags=github.com/ghostread/ghostread/freshmap=-d=checkptr"}, []string{""}},
		{"go1.26", []string{"GOTOOLCHAIN=go1.26.8"}, nil, []string{""}},
		{"go1.27", []string{"GOTOOLCHAIN=go1.27.4"}, nil, []string{""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := append(append(os.Environ(), guard+"=1"), tt.env...)
			switch {
			case len(tt.flags) > 0 && tt.name != "checkptr":
				if _, err := exec.LookPath("gcc"); err != nil {
					t.Skipf("skipped: %v", err)
				}
			case strings.HasPrefix(tt.name, "go1"):
				version := exec.CommandContext(t.Context(), "go", "version")
				version.Env = env
				if out, err := version.CombinedOutput(); err != nil {
					t.Skipf("skipped: cannot have that release: %v\n%s", err, out)
				}
			case runtime.GOOS != "linux" && strings.HasPrefix(tt.env[0], "GOARCH"):
				t.Skip("skipped: runs programs for other processors on Linux only")
			}
			binary := filepath.Join(t.TempDir(), "freshmap.test")
			build := exec.CommandContext(t.Context(), "go", append(append([]string{"test", "-c", "-vet=off", "-o", binary}, tt.flags...), "portable_test.go", "example_test.go")...)
			build.Env = env
			if out, err := build.CombinedOutput(); err != nil {
				if strings.Contains(string(out), "is not supported on") || strings.Contains(string(out), "cannot find -lasan") {
					t.Skipf("skipped: %s", out)
				}
				t.Fatalf("%s: %v\n%s", build, err, out)
			}
			args := []string{binary, "-test.short", "-test.timeout=2m", "-test.run", "^(TestLayouts|Example.*)$"}
			for _, emulator := range tt.run {
				command := args
				if emulator != "" {
					// Signals between threads sometimes stop user emulation for good.
					env = append(env, "GODEBUG=asyncpreemptoff=1")
					path, err := exec.LookPath(emulator)
					if err != nil {
						t.Skipf("skipped: this processor does not run it, and %v", err)
					}
					command = append([]string{path}, args...)
				}
				cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
				cmd.Env = env
				out, err := cmd.CombinedOutput()
				if errors.Is(err, syscall.ENOEXEC) {
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v\n%s", cmd, err, out)
				}
				if !strings.HasPrefix(string(out), "PASS") {
					t.Errorf("%s: got %q, want PASS", cmd, out)
				}
				return
			}
		})
	}
}
