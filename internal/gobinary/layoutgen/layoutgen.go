// Command layoutgen writes ../layouts.txt, the layouts of the runtime's structs
// for programs without DWARF. It builds a small program with each release of Go
// that it is told, or else with those of the table that need no download, and
// reads them from its DWARF; the others stay as they are.
//
//	go run ./layoutgen 1.26.0 1.26.8 1.25.7+noswissmap
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// wanted are the structs of the table, by any of their names.
var wanted = []string{
	"runtime.mheap", "runtime.mspan", "runtime.g", "runtime.m", "runtime.gobuf", "runtime.stack", "runtime.sudog",
	"runtime.hchan", "runtime.waitq", "runtime.itab", "runtime.moduledata", "runtime.eface", "runtime.iface",
	"runtime.hmap", "runtime.mapextra", "runtime.pcHeader", "runtime.bitvector", "runtime._type", "runtime.maptype",
	"runtime.ptrtype", "runtime.slicetype", "runtime.structtype", "runtime.structfield", "runtime.arraytype",
	"runtime.chantype", "runtime.functype", "runtime.interfacetype", "runtime.uncommontype", "runtime.imethod", "runtime.name",
	"internal/abi.Type", "internal/abi.MapType", "internal/abi.SwissMapType", "internal/abi.OldMapType", "internal/abi.PtrType",
	"internal/abi.SliceType", "internal/abi.StructType", "internal/abi.StructField", "internal/abi.ArrayType",
	"internal/abi.ChanType", "internal/abi.FuncType", "internal/abi.InterfaceType", "internal/abi.UncommonType",
	"internal/abi.Imethod", "internal/abi.Name", "internal/abi.ITab",
	"internal/runtime/maps.Map", "internal/runtime/maps.table", "internal/runtime/maps.groupsReference",
}

// program uses what the linker would leave out of the DWARF otherwise.
const program = `package main

import (
	"fmt"
	"reflect"
	"runtime"
)

type pair struct{ a, b any }

func main() {
	c := make(chan pair)
	m := map[string]pair{"a": {1, c}}
	go func() { c <- m["a"] }()
	select {
	case v := <-c:
		fmt.Println(reflect.DeepEqual(v, m), reflect.TypeOf(m).Key().Method)
	}
	for _, v := range []any{m, c, &m, main, []int{1}, [2]int{}, pair{}} {
		t := reflect.TypeOf(v)
		fmt.Println(t.String(), t.PkgPath(), t.NumMethod(), reflect.MapOf(t, t), reflect.StructOf(nil), reflect.FuncOf(nil, nil, false))
		fmt.Println(reflect.ArrayOf(2, t), reflect.ChanOf(0, t), reflect.PointerTo(t), reflect.ValueOf(v).MapRange())
	}
	runtime.GC()
}
`

func main() {
	out := flag.String("out", "layouts.txt", "table to write")
	flag.Parse()
	if err := run(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "layoutgen:", err)
		os.Exit(1)
	}
}

func run(out string, releases []string) error {
	text, err := os.ReadFile(out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	all, err := gobinary.ParseLayouts(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", out, err)
	}
	told := len(releases) > 0
	if !told {
		for name := range all {
			if name, arch, _ := strings.Cut(name, "/"); arch == "amd64" {
				releases = append(releases, strings.TrimPrefix(name, "go"))
			}
		}
		slices.Sort(releases)
	}
	dir, err := os.MkdirTemp("", "layoutgen")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string]string{"go.mod": "module example.com/program\n\ngo 1.20\n", "main.go": program} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	for _, release := range releases {
		if !told && !present(release) {
			continue
		}
		for _, arch := range []string{"amd64", "arm64"} {
			structs, version, err := layouts(dir, release, arch)
			if err != nil {
				return fmt.Errorf("go%s, %s: %w", release, arch, err)
			}
			all[version+"/"+arch] = structs
		}
		if err := os.WriteFile(out, []byte(gobinary.FormatLayouts(all)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// environment returns the environment to build with a release in.
func environment(release string) []string {
	version, experiment, _ := strings.Cut(release, "+")
	return append(os.Environ(), "GOTOOLCHAIN=go"+version, "GOEXPERIMENT="+experiment, "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=", "GOWORK=off")
}

// present reports whether a release can be had without a download.
func present(release string) bool {
	cmd := exec.Command("go", "version")
	cmd.Env = append(environment(release), "GOPROXY=off")
	return cmd.Run() == nil
}

// layouts builds the program and returns its structs, and the version that it
// says it is of.
func layouts(dir, release, arch string) (structs map[string]*gobinary.Struct, version string, err error) {
	exe := filepath.Join(dir, "program")
	cmd := exec.Command("go", "build", "-o", exe, ".")
	cmd.Dir, cmd.Env = dir, append(environment(release), "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("build: %w\n%s", err, out)
	}
	m, err := gobinary.Open(exe)
	if err != nil {
		return nil, "", err
	}
	if version = gobinary.ReleaseName(m.Version); version != "go"+release {
		return nil, "", fmt.Errorf("it is %s", version)
	}
	structs = map[string]*gobinary.Struct{}
	for _, name := range wanted {
		t, ok := m.Type(name)
		if !ok || t.Kind != reflect.Struct {
			continue
		}
		s := &gobinary.Struct{Name: name, Size: t.Size}
		for _, f := range t.Fields {
			if f.Name == "_" || f.Type.Size == 0 {
				continue
			}
			s.Fields = append(s.Fields, gobinary.StructField{Name: f.Name, Offset: f.Offset, Size: f.Type.Size, Kind: f.Type.Kind, Type: f.Type.Name})
		}
		structs[name] = s
	}
	return structs, version, nil
}
