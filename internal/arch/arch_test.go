package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// root is the repository, seen from the directory of this package.
const root = "../.."

func TestRepository(t *testing.T) {
	pkgs := listPackages(t)
	for _, v := range checkImports(pkgs) {
		t.Error(v)
	}
	for _, v := range checkDocs(pkgs) {
		t.Error(v)
	}
	for _, v := range checkLines(countLines(t)) {
		t.Error(v)
	}
}

// listPackages asks the go command for the packages of the module.
func listPackages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Doc,Imports", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("decode go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
	// A list that lost its packages would pass every rule.
	for _, want := range []string{"finding", "internal/arch", "cmd/ghostread"} {
		if !slices.ContainsFunc(pkgs, func(p pkg) bool { in, _ := rel(p.ImportPath); return in == want }) {
			t.Errorf("go list ./...: got no package %s among %d", want, len(pkgs))
		}
	}
	return pkgs
}

// countLines counts the lines of the files that people write.
func countLines(t *testing.T) map[string]int {
	t.Helper()
	lines := make(map[string]int)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") && name != root {
				return fs.SkipDir
			}
			return nil
		}
		switch filepath.Ext(name) {
		case ".go", ".js", ".css", ".md":
		default:
			return nil
		}
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // an editor's temporary file
		}
		if err != nil {
			return err
		}
		short, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		lines[filepath.ToSlash(short)] = bytes.Count(text, []byte("\n"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) < 20 {
		t.Errorf("count lines below %s: got %d files, want more", root, len(lines))
	}
	return lines
}

// Each rule can fail, and lets its near misses pass.
func TestCheckImports(t *testing.T) {
	tests := []struct {
		name     string
		from, to string // within the module, or an import path with a dot or of the standard library
		want     bool   // a violation
	}{
		{"source imports report", "explore", module + "/report", true},
		{"part of a source imports report", "explore/replay", module + "/report", true},
		{"source imports finding", "explore", module + "/finding", false},
		{"source imports the command line", "vet", module + "/internal/cli", true},
		{"source imports a source", "consistency", module + "/history", false},
		{"hunt imports report", "hunt", module + "/report", false},
		{"command line imports report", "internal/cli", module + "/report", false},
		{"other internal package imports report", "internal/gomap", module + "/report", true},
		{"main imports report", "cmd/ghostread", module + "/report", true},
		{"example imports report", "examples/riskservice", module + "/report", true},
		{"report imports finding", "report", module + "/finding", false},
		{"report imports a source", "report", module + "/explore", true},
		{"finding imports the standard library", "finding", "encoding/json", false},
		{"finding imports a library", "finding", "golang.org/x/term", true},
		{"finding imports a package of ours", "finding", module + "/explore/event", true},
		{"history imports finding", "history", module + "/finding", true},
		{"freshmap imports the standard library", "freshmap", "sync/atomic", false},
		{"a name that only begins like finding", "findings", "golang.org/x/term", false},
		{"guest imports a guest", "explore/detect", module + "/explore/event", false},
		{"guest imports a tiny package", "explore/detect", "math/bits", false},
		{"guest imports a large package", "explore/strategy", "fmt", true},
		{"guest imports sync", "explore/event", "sync", true},
		{"guest imports its host", "explore/strategy", module + "/explore", true},
		{"wire imports strings", "explore/wire", "strings", false},
		{"wire imports a large package", "explore/wire", "encoding/json", true},
		{"host imports a large package", "explore", "fmt", false},
		{"another module is not ours to judge", "example.com/x", module + "/report", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			from := tt.from
			if standard(from) {
				from = module + "/" + from
			}
			got := checkImports([]pkg{{ImportPath: from, Imports: []string{"unsafe", tt.to}}})
			if (len(got) > 0) != tt.want {
				t.Errorf("checkImports(%s -> %s): got %q, want a violation: %t", tt.from, tt.to, got, tt.want)
			}
		})
	}
}

func TestCheckDocs(t *testing.T) {
	got := checkDocs([]pkg{{ImportPath: "a", Doc: "Package a counts."}, {ImportPath: "b"}, {ImportPath: "c", Doc: "\n"}})
	want := []string{"b has no package documentation", "c has no package documentation"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("checkDocs (-want +got):\n%s", diff)
	}
}

func TestCheckLines(t *testing.T) {
	got := checkLines(map[string]int{
		"a.go": 800, "b.go": 801, "doc/c.md": 900,
		"cmd/x/main.go": 40, "cmd/y/main.go": 41, "cmd/y/domain.go": 41,
		"lab/_experiments/e/p/main.go": 41, "lab/_experiments/e/q/main.go": 801, "lab/_experimental/main.go": 41,
	})
	want := []string{
		"b.go has 801 lines, at most 800 are allowed: split it by idea",
		"cmd/y/main.go has 41 lines, at most 40 are allowed: split it by idea",
		"doc/c.md has 900 lines, at most 800 are allowed: split it by idea",
		"lab/_experimental/main.go has 41 lines, at most 40 are allowed: split it by idea",
		"lab/_experiments/e/q/main.go has 801 lines, at most 800 are allowed: split it by idea",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("checkLines (-want +got):\n%s", diff)
	}
}

// The repaired example is tested by the same tests as the broken one, or the
// comparison would prove nothing.
func TestExamplesShareTheirTests(t *testing.T) {
	read := func(dir, pkg string) string {
		text, err := os.ReadFile(filepath.Join(root, "examples", filepath.FromSlash(dir), "riskservice_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Replace(string(text), "package "+pkg+"\n", "package p\n", 1)
	}
	broken, fixed := read("riskservice", "riskservice"), read("riskservice/fixed", "fixed")
	if diff := cmp.Diff(broken, fixed); diff != "" {
		t.Errorf("tests of examples/riskservice and of its repaired twin (-broken +fixed):\n%s", diff)
	}
}
