package explore

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ghostread/ghostread/finding"
)

// TestStatement: an assertion keeps its name when its line moves, and no other
// assertion has it.
func TestStatement(t *testing.T) {
	dir := t.TempDir()
	at := func(text string, line int) string {
		file := filepath.Join(dir, "a_test.go")
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return statement(finding.Position{File: file, Line: line}, "a_test.go:1: got 7")
	}
	const text = "x()\nt.Fatal(err)\ny()\nt.Fatal(err)\nt.Error(n)\n"
	first, second, third := at(text, 2), at(text, 4), at(text, 5)
	if first == second || first == third || second == third {
		t.Errorf("three assertions: got %q, %q, %q, want three names", first, second, third)
	}
	const moved = "// more\n\nx()\n\n\tt.Fatal(err)\n// more\ny()\nt.Fatal(err)\n\nt.Error(n)\n"
	for i, want := range map[int]string{5: first, 8: second, 10: third} {
		if got := at(moved, i); got != want {
			t.Errorf("moved to line %d: got %q, want %q", i, got, want)
		}
	}
	none := finding.Position{File: filepath.Join(dir, "none.go"), Line: 3}
	if a, b := statement(none, "b.go:3: got 7, want 8"), statement(none, "b.go:9: got 2, want 8"); a != b {
		t.Errorf("without the file: got %q and %q, want the message without its numbers", a, b)
	}
	if got := at(text, 99); got != statement(none, "a_test.go:1: got 7") {
		t.Errorf("a line that the file does not have: got %q, want the message", got)
	}
}
