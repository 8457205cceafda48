package inspect

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// peer returns another tool, built from the module proxy into the cache of the
// user, and skips if it cannot be had.
func peer(t testing.TB, module, command string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(cache, "ghostread", "peers")
	exe := filepath.Join(dir, filepath.Base(command))
	if _, err := os.Stat(exe); err == nil {
		return exe
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Skip(err)
	}
	from := t.TempDir()
	for _, args := range [][]string{{"mod", "init", "peers"}, {"get", module + "@latest"}, {"build", "-mod=mod", "-o", exe, module + "/" + command}} {
		cmd := exec.Command("go", args...)
		cmd.Dir = from
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("%s cannot be had: %v\n%s", module, err, out)
		}
	}
	return exe
}

// TestDelve has Delve print maps of a program, and compares them entry by
// entry. Delve stops the program meanwhile.
func TestDelve(t *testing.T) {
	if testing.Short() {
		t.Skip("builds Delve, which can take a minute")
	}
	dlv := peer(t, "github.com/go-delve/delve", "cmd/dlv")
	for _, release := range []string{"1.23.12", "1.25.7", ""} {
		t.Run("go"+release, func(t *testing.T) {
			pid := start(t, build(t, release, nil)).pid
			tests := []struct{ owner, expression string }{
				{"main.empty", "main.empty"},
				{"main.shrunk", "main.shrunk"},
				{"main.growing", "main.growing"},
				{"main.hold.inner", "main.hold.inner"},
				{"main.hold.nested[]", `main.hold.nested["b"]`},
				{"main.hold.byName[].tags", `main.hold.byName["forty"].tags`},
				{"main.hold.any.(map[main.point]string)", "main.hold.any.(data)"},
				{"main.hold.closer.(main.words)", "main.hold.closer.(data)"},
			}
			var expressions []string
			for _, tt := range tests {
				expressions = append(expressions, tt.expression)
			}
			delve := delved(t, dlv, pid, expressions)
			target := attach(t, pid)
			for i, tt := range tests {
				want := delve[i]
				look, addr := Look{Entries: -1, Values: true}, uint64(0)
				var several *AmbiguousError
				if _, err := target.At(tt.owner, 0, look); errors.As(err, &several) {
					i := slices.IndexFunc(several.Maps, func(m Map) bool { return m.Entries == uint64(len(want)) })
					addr = several.Maps[max(i, 0)].Addr
				}
				d, err := target.At(tt.owner, addr, look)
				if err != nil {
					t.Errorf("%s: %v", tt.owner, err)
					continue
				}
				var got []string
				for _, e := range d.First {
					got = append(got, e.Key+": "+e.Elem)
				}
				slices.Sort(got)
				if !slices.Equal(got, want) || len(got) == 0 && tt.owner != "main.empty" {
					t.Errorf("%s: got %d entries %.300q, Delve has %d %.300q", tt.owner, len(got), got, len(want), want)
				}
			}
		})
	}
}

// delved returns the entries of maps as Delve prints them, sorted.
func delved(t *testing.T, dlv string, pid int, expressions []string) (maps [][]string) {
	t.Helper()
	script := filepath.Join(t.TempDir(), "init")
	text := "config max-array-values 100000\nprint " + strings.Join(expressions, "\nprint ") + "\nexit\n"
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(dlv, "attach", strconv.Itoa(pid), "--allow-non-terminal-interactive=true", "--init", script)
	cmd.Stdin = strings.NewReader("n\n") // it asks whether to kill the process
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	for line := range strings.Lines(string(out)) {
		entry, inside := strings.CutPrefix(line, "\t")
		switch {
		case inside && len(maps) > 0:
			last := &maps[len(maps)-1]
			*last = append(*last, strings.TrimRight(entry, ", \n"))
		case strings.HasPrefix(line, "map[") || strings.HasPrefix(line, "main.words"):
			maps = append(maps, nil)
		}
	}
	if len(maps) != len(expressions) {
		t.Fatalf("%v printed %d maps, want %d:\n%.2000s", cmd, len(maps), len(expressions), out)
	}
	for _, m := range maps {
		slices.Sort(m)
	}
	return maps
}
