package hunt

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/explore/build"
)

// repository commits files to a new git repository and returns its directory.
func repository(t *testing.T, files map[string]string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	dir := t.TempDir()
	edit(t, dir, files)
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "."},
		{"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "first"},
	} {
		if _, err := git(t.Context(), dir, args...); err != nil {
			t.Fatalf("git %q: %v", args, err)
		}
	}
	return dir
}

// edit writes files; one without text is removed.
func edit(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if text == "" {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// project has a chain low <- mid <- top, where top only tests mid, and a
// package that stands alone.
var project = map[string]string{
	"go.mod":                 "module example.com/m\n\ngo 1.24\n",
	"README.md":              "words\n",
	"low/low.go":             "package low\n\nimport _ \"embed\"\n\n//go:embed low.txt\nvar Text string\n\nfunc Low() int { return 1 }\n",
	"low/low.txt":            "text\n",
	"low/low_test.go":        "package low\n\nimport \"testing\"\n\nfunc TestLow(t *testing.T) { Low() }\n",
	"low/notes.md":           "words\n",
	"mid/mid.go":             "package mid\n\nimport \"example.com/m/low\"\n\nfunc Mid() int { return low.Low() }\n",
	"mid/mid_test.go":        "package mid\n\nimport \"testing\"\n\nfunc TestMid(t *testing.T) { Mid() }\n",
	"mid/testdata/in/a.txt":  "a\n",
	"top/top.go":             "package top\n",
	"top/top_test.go":        "package top_test\n\nimport (\n\t\"testing\"\n\n\t\"example.com/m/mid\"\n)\n\nfunc TestTop(t *testing.T) { mid.Mid() }\n",
	"alone/alone.go":         "package alone\n",
	"alone/alone_windows.go": "package alone\n",
	"alone/alone_test.go":    "package alone\n\nimport \"testing\"\n\nfunc TestAlone(t *testing.T) {}\n",
}

func TestChangedSince(t *testing.T) {
	all := []string{"alone", "low", "mid", "top"}
	tests := []struct {
		name  string
		edits map[string]string
		want  []string // packages whose tests are explored
	}{
		{"nothing", nil, nil},
		{"code below all", map[string]string{"low/low.go": strings.Replace(project["low/low.go"], "return 1", "return 2", 1)}, []string{"low", "mid", "top"}},
		{"code in the middle", map[string]string{"mid/mid.go": "package mid\n\nfunc Mid() int { return 3 }\n"}, []string{"mid", "top"}},
		{"a comment", map[string]string{"low/low.go": "// Package low is low.\n" + strings.ReplaceAll(project["low/low.go"], "\nfunc", "\n// Low is 1.\n\nfunc")}, nil},
		{"space", map[string]string{"mid/mid.go": strings.ReplaceAll(project["mid/mid.go"], "{ return low.Low() }", "{\n\n\treturn low.Low()\n}")}, nil},
		{"a directive", map[string]string{"mid/mid.go": strings.Replace(project["mid/mid.go"], "func", "//go:noinline\nfunc", 1)}, []string{"mid", "top"}},
		{"a build constraint", map[string]string{"mid/mid.go": "//go:build linux\n\n" + project["mid/mid.go"]}, []string{"mid", "top"}},
		{"a file that does not parse", map[string]string{"mid/mid.go": "package mid \x00"}, []string{"top"}}, // mid is told as broken
		{"a test file", map[string]string{"mid/mid_test.go": project["mid/mid_test.go"] + "\nfunc TestMore(t *testing.T) {}\n"}, []string{"mid"}},
		{"a new file", map[string]string{"low/new.go": "package low\n\nfunc init() {}\n"}, []string{"low", "mid", "top"}},
		{"a new test file", map[string]string{"top/new_test.go": "package top\n"}, []string{"top"}},
		{"a new package", map[string]string{"new/new_test.go": "package new\n\nimport \"testing\"\n\nfunc TestNew(t *testing.T) {}\n"}, []string{"new"}},
		{"a removed file", map[string]string{"alone/alone_windows.go": ""}, []string{"alone"}},
		{"an embedded file", map[string]string{"low/low.txt": "other\n"}, []string{"low", "mid", "top"}},
		{"testdata", map[string]string{"mid/testdata/in/a.txt": "b\n"}, []string{"mid"}},
		{"new testdata", map[string]string{"mid/testdata/in/b.txt": "b\n"}, []string{"mid"}},
		{"words beside code", map[string]string{"low/notes.md": "more words\n"}, []string{"low"}},
		{"words beside no code", map[string]string{"README.md": "more words\n"}, nil},
		{"a report that nobody tracks", map[string]string{"mid/ghostread-report.html": "<html>\n"}, nil},
		{"the module", map[string]string{"go.mod": project["go.mod"] + "\n// more\n"}, all},
		{"the workspace", map[string]string{"go.work": "go 1.24\n\nuse .\n"}, all},
		{"a dependency is gone", map[string]string{"mid/mid.go": ""}, []string{"mid", "top"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := repository(t, project)
			edit(t, dir, tt.edits)
			c := build.Config{Dir: dir}
			list, err := build.List(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			closure, err := build.Closures(t.Context(), c, list.Packages)
			if err != nil {
				t.Fatal(err)
			}
			changed, err := changes(t.Context(), filepath.Join(dir, "low"), "HEAD") // git is asked from below the top
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range slices.Sorted(maps.Keys(reached(changed, list.Packages, closure))) {
				got = append(got, strings.TrimPrefix(p, "example.com/m/"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("packages that are explored after %v (-want +got):\n%s", changed, diff)
			}
		})
	}
}

func TestRevisionErrors(t *testing.T) {
	dir := repository(t, map[string]string{"a.txt": "a\n"})
	outside := t.TempDir()
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(outside))
	tests := []struct {
		name, dir, rev string
		noRepo         bool
	}{
		{"outside", outside, "HEAD", true},
		{"no such branch", dir, "nobranch", false},
		{"an option", dir, "--all", false},
		{"not a commit", dir, "HEAD:a.txt", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := changes(t.Context(), tt.dir, tt.rev)
			e, ok := errors.AsType[*RevisionError](err)
			if !ok || e.NoRepo != tt.noRepo || !strings.HasPrefix(err.Error(), "--changed-since "+tt.rev+": ") {
				t.Errorf("changes since %q: got %v, want a RevisionError (no repository: %t)", tt.rev, err, tt.noRepo)
			}
		})
	}
}
