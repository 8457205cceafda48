package gobinary

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// TestLayouts reads the whole table, writes it again, and asks for what must be
// in it.
func TestLayouts(t *testing.T) {
	all, err := ParseLayouts(layoutText)
	if err != nil {
		t.Fatal(err)
	}
	if got := FormatLayouts(all); got != layoutText {
		t.Error("written again the table is different: go generate ./internal/gobinary")
	}
	for release := range all {
		version, arch, _ := strings.Cut(release, "/")
		types, ok := Layout(version, arch)
		if !ok {
			t.Fatalf("%s is not found", release)
		}
		names := []string{"runtime.mheap", "runtime.mspan", "runtime.g", "runtime.hchan", "runtime.moduledata", "runtime.eface"}
		if minor, _ := minorOf(version); minor >= 24 && !strings.Contains(version, "noswissmap") {
			names = append(names, "internal/runtime/maps.Map", "internal/runtime/maps.table", "internal/runtime/maps.groupsReference")
		} else {
			names = append(names, "runtime.hmap")
		}
		for _, name := range names {
			if typ := types[name]; typ == nil || len(typ.Fields) == 0 {
				t.Errorf("%s has no %s", release, name)
			}
		}
		all, _ := types["runtime.mheap"].Field("allspans")
		if all.Type == nil || all.Type.Elem == nil || all.Type.Elem.Elem != types["runtime.mspan"] {
			t.Errorf("%s: allspans does not lead to spans", release)
		}
	}
	if _, ok := Layout("go1.26.8 X:noswissmap", "amd64"); ok {
		t.Error("an experiment is ignored")
	}
	if _, ok := Layout("devel go1.28-abc", "amd64"); ok {
		t.Error("a release that does not exist is found")
	}
	if kin := Kin("go1.26.99", "amd64"); len(kin) == 0 || kin[0] != "go1.26.8" {
		t.Errorf("the kin of go1.26.99: got %v", kin)
	}
	if kin := Kin("go1.25.3 X:noswissmap", "amd64"); len(kin) == 0 || kin[0] != "go1.25.7 X:noswissmap" {
		t.Errorf("the kin of a release with classic maps: got %v", kin)
	}
}

// TestLayoutFresh compares the table with the DWARF of the release that runs
// the test.
func TestLayoutFresh(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("builds a program on Linux")
	}
	types, ok := Layout(runtime.Version(), runtime.GOARCH)
	if !ok {
		t.Skipf("%s is not in the table: go run ./internal/gobinary/layoutgen", runtime.Version())
	}
	dir := t.TempDir()
	text := "package main\n\nimport \"fmt\"\n\nfunc main() { c := make(chan map[string]any, 1); c <- nil; fmt.Println(<-c) }\n"
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, "program")
	if out, err := exec.Command("go", "build", "-o", exe, filepath.Join(dir, "main.go")).CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	m, err := Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range types {
		got, ok := m.Type(name)
		if !ok || want.Kind != reflect.Struct || len(want.Fields) == 0 {
			continue
		}
		if got.Size != want.Size {
			t.Errorf("%s: the table says %d bytes, the DWARF %d", name, want.Size, got.Size)
		}
		for _, f := range want.Fields {
			if g, ok := got.Field(f.Name); !ok || g.Offset != f.Offset || g.Type.Size != f.Type.Size {
				t.Errorf("%s.%s: the table says %d bytes at %d, the DWARF %d at %d", name, f.Name, f.Type.Size, f.Offset, g.Type.Size, g.Offset)
			}
		}
	}
}
