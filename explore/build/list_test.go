package build

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree writes files to a new directory: "-- name --" begins each.
func tree(t *testing.T, archive string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq("\n"+archive, "\n-- ") {
		name, text, ok := strings.Cut(part, " --\n")
		if !ok {
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const lake = `
-- go.mod --
module example.com/lake
go 1.26
-- lake.go --
package lake
-- lake_test.go --
package lake
-- outside_test.go --
package lake_test
-- tagged/tagged.go --
package tagged
-- tagged/tagged_test.go --
//go:build deep

package tagged
-- plain/plain.go --
package plain
`

func TestList(t *testing.T) {
	tests := []struct {
		name     string
		archive  string
		sub      string
		env      []string
		tags     []string
		patterns []string
		want     []string // import paths, with the number of test files
		untested []string
		broken   []string
	}{
		{
			name: "a module", archive: lake,
			want:     []string{"example.com/lake 2"},
			untested: []string{"example.com/lake/plain", "example.com/lake/tagged"},
		},
		{
			name: "a tag", archive: lake, tags: []string{"deep"}, patterns: []string{"./tagged"},
			want: []string{"example.com/lake/tagged 1"},
		},
		{
			name: "a tag of GOFLAGS is not lost", archive: lake, tags: []string{"other"}, env: []string{"GOFLAGS=-tags=deep"}, patterns: []string{"./tagged"},
			want: []string{"example.com/lake/tagged 1"},
		},
		{
			name: "a directory below", archive: lake, sub: "tagged", patterns: []string{"../."},
			want: []string{"example.com/lake 2"},
		},
		{
			name: "a broken package does not hide the others",
			archive: lake + `
-- torn/torn.go --
package
`,
			patterns: []string{".", "./torn"},
			want:     []string{"example.com/lake 2"},
			broken:   []string{"torn/torn.go:2:2: expected 'IDENT', found 'EOF'"},
		},
		{
			name: "a workspace",
			archive: `
-- go.work --
go 1.26
use (
	./a
	./b
)
-- a/go.mod --
module example.com/a
go 1.26
-- a/a_test.go --
package a
-- b/go.mod --
module example.com/b
go 1.26
-- b/b_test.go --
package b
`,
			patterns: []string{"./a/...", "example.com/b/..."},
			want:     []string{"example.com/a 1", "example.com/b 1"},
		},
		{
			name: "a vendored dependency by its path",
			archive: `
-- go.mod --
module example.com/v
go 1.26
require example.com/dep v1.0.0
-- v.go --
package v
import _ "example.com/dep"
-- v_test.go --
package v
-- vendor/modules.txt --
# example.com/dep v1.0.0
## explicit
example.com/dep
-- vendor/example.com/dep/dep.go --
package dep
`,
			patterns: []string{"./...", "example.com/dep"},
			want:     []string{"example.com/v 1"},
			untested: []string{"example.com/dep"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := tree(t, tt.archive)
			c := Config{Dir: filepath.Join(dir, tt.sub), Tags: tt.tags, Env: append(os.Environ(), append([]string{"GOFLAGS="}, tt.env...)...)}
			l, err := List(t.Context(), c, tt.patterns...)
			if err != nil {
				t.Fatal(err)
			}
			var got, broken []string
			for _, p := range l.Packages {
				got = append(got, p.ImportPath+" "+string(rune('0'+len(p.TestFiles))))
			}
			for _, b := range l.Broken {
				broken = append(broken, strings.ReplaceAll(b.Error(), dir, "DIR"))
			}
			if diff := cmp.Diff([][]string{tt.want, tt.untested, tt.broken}, [][]string{got, l.Untested, broken}); diff != "" {
				t.Errorf("List(%q): packages, untested, broken (-want +got):\n%s", tt.patterns, diff)
			}
		})
	}
}

func TestListErrors(t *testing.T) {
	tests := []struct {
		name, archive string
		patterns      []string
		is            any
		want          string
	}{
		{"nothing below", "-- go.mod --\nmodule example.com/none\n\ngo 1.26\n", []string{"./..."}, new(*NoPackagesError),
			`no packages match ./... in DIR: "./..." matched no packages; change to the directory of a Go module`},
		{"nothing by that name", lake, []string{"./pond/..."}, new(*NoPackagesError), "no packages match ./pond/... in DIR: pattern ./pond/...: lstat ./pond/: no such file or directory; try ./..."},
		{"no such directory", lake, []string{"./pond"}, new(*NoPackagesError), "no packages match ./pond in DIR: stat DIR/pond: directory not found; try ./..."},
		{"no such module", lake, []string{"example.net/pond"}, new(*PackageError),
			"no required module provides package example.net/pond; to add it:\n\tgo get example.net/pond"},
		{"no module at all", "-- a_test.go --\npackage a\n", []string{"./..."}, new(*NoPackagesError),
			"DIR is not in a Go module, and ./... means nothing there; change to the directory of a module, or make one with: go mod init NAME"},
		{"no tests", lake, []string{"./plain"}, new(*NoTestsError),
			"example.com/lake/plain has no tests: explore runs the functions TestXxx of files _test.go; try ./..."},
		{"a file", lake, []string{"plain/plain.go"}, nil, "list plain/plain.go: name a package, not a file; try ./plain"},
		{"a bad go.mod", "-- go.mod --\nmodul example.com/none\n", []string{"./..."}, nil,
			"go list ./...: errors parsing go.mod:\ngo.mod:1: unknown directive: modul"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := tree(t, tt.archive)
			c := Config{Dir: dir, Env: append(os.Environ(), "GOFLAGS=", "GOPROXY=off")}
			_, err := List(t.Context(), c, tt.patterns...)
			if err == nil {
				t.Fatal("List: got no error")
			}
			if got := strings.ReplaceAll(err.Error(), dir, "DIR"); got != tt.want {
				t.Errorf("List(%q):\n got %s\nwant %s", tt.patterns, got, tt.want)
			}
			if tt.is != nil && !errors.As(err, tt.is) {
				t.Errorf("List(%q): got a %T, want a %T", tt.patterns, err, tt.is)
			}
		})
	}
}
