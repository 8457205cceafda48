package gobinary

import (
	"reflect"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/internal/inspecttest"
)

// plant builds the program of package inspect's tests.
func plant(t testing.TB, release string, env []string, flags ...string) string {
	t.Helper()
	return inspecttest.Build(t, "../../inspect/testdata/planted", release, env, flags...)
}

// plantTB is plant with the release that runs the test.
func plantTB(t testing.TB, flags ...string) string { return plant(t, "", nil, flags...) }

// TestBare compares the types that descriptors give with those of the DWARF of
// the same program.
func TestBare(t *testing.T) {
	for _, tt := range []struct {
		name, release string
		env, flags    []string
	}{
		{"go1.20", "1.20.14", nil, nil}, {"go1.22", "1.22.12", nil, nil}, {"go1.24", "1.24.13", nil, nil},
		{"noswissmap", "1.24.13", []string{"GOEXPERIMENT=noswissmap"}, nil},
		{"go1.26", "1.26.8", nil, nil}, {"go1.27", "1.27.4", nil, nil},
		{"pie", "", nil, []string{"-buildmode=pie"}}, {"arm64", "1.26.8", []string{"GOARCH=arm64"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			whole, err := Open(plant(t, tt.release, tt.env, tt.flags...))
			if err != nil {
				t.Fatal(err)
			}
			strips := []string{"-s -w"}
			if tt.name == "go1.26" {
				strips = append(strips, "-w")
			}
			for _, strip := range strips {
				bare, err := Open(plant(t, tt.release, tt.env, append(tt.flags, "-ldflags="+strip)...))
				if err != nil {
					t.Fatal(err)
				}
				if bare.Bare == nil || bare.Bare.Layout != bare.Version {
					t.Fatalf("%s: got %+v, want the layouts of %s", strip, bare.Bare, bare.Version)
				}
				compare(t, whole, bare)
			}
		})
	}
}

func compare(t *testing.T, whole, bare *Image) {
	t.Helper()
	same, maps := 0, 0
	for _, got := range bare.Types() {
		want, ok := whole.Type(got.Name)
		if !ok || want.Kind == reflect.Invalid {
			continue
		}
		same++
		if got.Kind != want.Kind || got.Size != want.Size {
			t.Errorf("%s: got %v of %d bytes, want %v of %d", got.Name, got.Kind, got.Size, want.Kind, want.Size)
		}
		if got.Kind == reflect.Struct {
			for i, f := range want.Fields {
				if i >= len(got.Fields) || got.Fields[i].Offset != f.Offset || got.Fields[i].Embedded != f.Embedded || got.Fields[i].Name != f.Name {
					t.Errorf("%s: got fields %v, want %v", got.Name, got.Fields, want.Fields)
					break
				}
			}
		}
		if got.Kind == reflect.Map {
			maps++
			if got.Impl == nil || want.Impl == nil || got.Key.Name != want.Key.Name || got.Elem.Name != want.Elem.Name {
				t.Errorf("%s: got %+v, want %+v", got.Name, got, want)
				continue
			}
			compareBody(t, got, body(got), body(want))
		}
	}
	if same < 200 || maps < 12 {
		t.Errorf("only %d types with %d maps are in both", same, maps)
	}
	for _, name := range []string{"map[string]*main.leaf", "main.words", "main.leaf", "map[main.point]string"} {
		if _, ok := bare.Type(name); !ok {
			t.Errorf("%s is not found", name)
		}
	}
}

// body is the struct of the groups or buckets of a map.
func body(t *Type) *Type {
	if f, ok := t.Impl.Field("buckets"); ok {
		return f.Type.Elem
	}
	dir, _ := t.Impl.Field("dirPtr")
	groups, _ := dir.Type.Elem.Elem.Field("groups")
	data, _ := groups.Type.Field("data")
	return data.Type.Elem
}

func compareBody(t *testing.T, m, got, want *Type) {
	t.Helper()
	if got == nil || want == nil || got.Size != want.Size {
		t.Errorf("%s: got groups or buckets %+v, want %+v", m.Name, got, want)
		return
	}
	for _, f := range want.Fields {
		if strings.HasPrefix(f.Name, "pad") {
			continue
		}
		g, ok := got.Field(f.Name)
		if !ok || g.Offset != f.Offset || g.Type.Size != f.Type.Size || f.Type.Elem != nil && f.Type.Kind == reflect.Array && g.Type.Elem.Size != f.Type.Elem.Size {
			t.Errorf("%s: got %s at %d, want it at %d", m.Name, f.Name, g.Offset, f.Offset)
		}
	}
}
