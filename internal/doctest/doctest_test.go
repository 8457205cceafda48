package doctest

import (
	"bytes"
	"errors"
	"fmt"
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

// TestDocumentation types every command of the documentation, in a copy of
// the repository, because a reader's commands leave files behind.
func TestDocumentation(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: builds and runs what the documentation shows")
	}
	var commands []command
	for _, name := range markdown(t) {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		found, err := parse(name, string(text))
		if err != nil {
			t.Fatal(err)
		}
		commands = append(commands, found...)
	}
	if !slices.ContainsFunc(commands, func(c command) bool { return c.File == "README.md" && !c.Slow }) {
		t.Error("README.md shows no command that can be run")
	}

	bin, work := t.TempDir(), t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./cmd/ghostread")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build ghostread: %v\n%s", err, out)
	}
	if err := copyRepository(work); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "NO_COLOR=1", "PWD="+work)

	for _, c := range commands {
		t.Run(fmt.Sprintf("%s:%d", c.File, c.Line), func(t *testing.T) {
			if c.Slow {
				if err := exists(work, c.Text); err != nil {
					t.Errorf("%s: %v", c.Text, err)
				}
				return
			}
			cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", c.Text)
			cmd.Dir, cmd.Env = work, env
			var stdout, both bytes.Buffer
			cmd.Stdout, cmd.Stderr = &tee{&stdout, &both}, &both
			err := cmd.Run()
			if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != c.Status {
				t.Fatalf("%s: got status %d, want %d\n%s", c.Text, got, c.Status, &both)
			}
			if c.Want == "" || c.Varies {
				return
			}
			// A terminal shows both streams, and so may the documentation.
			if both.String() != c.Want && stdout.String() != c.Want {
				t.Errorf("%s prints something else than the documentation shows (-documentation +output):\n%s", c.Text, cmp.Diff(c.Want, both.String()))
			}
		})
	}
}

// tee writes to two buffers.
type tee struct{ a, b *bytes.Buffer }

func (t *tee) Write(p []byte) (int, error) {
	t.a.Write(p)
	return t.b.Write(p)
}

// markdown lists the documents whose commands are typed.
func markdown(t *testing.T) []string {
	t.Helper()
	names := []string{"README.md", "CONTRIBUTING.md"}
	err := filepath.WalkDir(filepath.Join(root, "doc"), func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if filepath.Ext(name) == ".md" {
			short, err := filepath.Rel(root, name)
			if err != nil {
				return err
			}
			names = append(names, short)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// copyRepository copies the files of the repository to dir, without its
// history.
func copyRepository(dir string) error {
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		short, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, short)
		switch {
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, info.Mode().Perm())
	})
}

// exists reports why a slow command cannot work: the target of make, the
// script or a path that it names is not in dir.
func exists(dir, text string) error {
	words := strings.Fields(text)
	for _, w := range words {
		if name, ok := strings.CutPrefix(w, "./"); ok {
			name = strings.TrimSuffix(strings.TrimSuffix(name, "..."), "/")
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	switch words[0] {
	case "make":
		makefile, err := os.ReadFile(filepath.Join(dir, "Makefile"))
		if err != nil {
			return err
		}
		for _, target := range words[1:] {
			if !strings.Contains("\n"+string(makefile), "\n"+target+":") {
				return fmt.Errorf("Makefile has no target %s", target)
			}
		}
		return nil
	case "go", "ghostread":
		return nil
	}
	if strings.Contains(words[0], "/") {
		info, err := os.Stat(filepath.Join(dir, words[0]))
		if err != nil {
			return err
		}
		if info.Mode()&0o111 == 0 {
			return fmt.Errorf("%s is not executable", words[0])
		}
		return nil
	}
	return fmt.Errorf("a slow command starts with make, go, ghostread or a script of the repository, not with %s", words[0])
}

func TestParse(t *testing.T) {
	text := strings.Join([]string{
		"# Title",            // 1
		"```go",              // 2
		"$ not a command",    // 3
		"```",                // 4
		"```console exit=1",  // 5
		"$ ghostread hunt .", // 6
		"one finding",        // 7
		"",                   // 8
		"$ true",             // 9
		"```",                // 10
		"- in a list:",       // 11
		"  ```sh slow",       // 12
		"  # a comment",      // 13
		"  make test",        // 14
		"  ```",              // 15
		"```",                // 16
		"$ plain",            // 17
		"```",                // 18
		"````console varies", // 19
		"$ a",                // 20
		"```",                // 21
		"````",               // 22
	}, "\n")
	got, err := parse("x.md", text)
	if err != nil {
		t.Fatal(err)
	}
	want := []command{
		{File: "x.md", Line: 6, Text: "ghostread hunt .", Want: "one finding\n\n", Status: 1},
		{File: "x.md", Line: 9, Text: "true", Status: 1},
		{File: "x.md", Line: 14, Text: "make test", Slow: true},
		{File: "x.md", Line: 20, Text: "a", Want: "```\n", Varies: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parse (-want +got):\n%s", diff)
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct {
		name, text, want string
	}{
		{"unknown mark", "```sh quick\ntrue\n```", `x.md:1: block is marked "quick"; known are exit=N, varies and slow`},
		{"status is no number", "\n```sh exit=one\n```", `x.md:2: exit status "one": strconv.Atoi: parsing "one": invalid syntax`},
		{"output before a command", "```console\nhello\n```", `x.md:2: a console block begins with output; a command begins with "$ "`},
		{"output of another block", "```console\n$ true\n```\n```console\nhello\n```", `x.md:5: a console block begins with output; a command begins with "$ "`},
		{"not closed", "```sh\ntrue\n", "x.md: the last fenced block is not closed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse("x.md", tt.text)
			if err == nil || err.Error() != tt.want {
				t.Errorf("parse(%q): got error %v, want %s", tt.text, err, tt.want)
			}
		})
	}
}

func TestExists(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]fs.FileMode{"Makefile": 0o644, "run": 0o755, "data": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("demo:\n\ttrue\ntest: demo\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		text string
		want bool
	}{
		{"make test", true},
		{"make tests", false},
		{"./run", true},
		{"./data", false},
		{"./gone", false},
		{"go test ./...", true},
		{"go test ./gone/...", false},
		{"ghostread hunt ./data", true},
		{"curl example.com", false},
	}
	for _, tt := range tests {
		if err := exists(dir, tt.text); (err == nil) != tt.want {
			t.Errorf("exists(%q): got %v, want it to exist: %t", tt.text, err, tt.want)
		}
	}
}
