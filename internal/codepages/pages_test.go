package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/finding"
)

// The pages in doc/codes are those of the catalogue. If not, run
// `go generate ./internal/codepages`.
func TestPagesAreFresh(t *testing.T) {
	if diff := cmp.Diff(pages(), readPages(t, "../../doc/codes")); diff != "" {
		t.Errorf("doc/codes differs from the catalogue; run go generate ./internal/codepages (-catalogue +doc):\n%s", diff)
	}
}

// A code that leaves the catalogue takes its page with it.
func TestWriteRemovesOldPages(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"GR0000.md", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(pages())), slices.Sorted(maps.Keys(readPages(t, dir)))); diff != "" {
		t.Errorf("pages after write (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(dir, "notes.txt")); err != nil {
		t.Errorf("file that is no page: %v", err)
	}
}

func TestPageSaysEverything(t *testing.T) {
	got := page(finding.Check{Code: "GR0001", Name: "odd-read", Kind: finding.Race, Title: "a read is odd", Text: "\nWhy.\n", Help: "make it even"})
	for _, want := range []string{"DO NOT EDIT", "# GR0001 odd-read\n", "**A read is odd.**", "`race`", "\n\nWhy.\n\n", "make it even."} {
		if !strings.Contains(got, want) {
			t.Errorf("page: got no %q in:\n%s", want, got)
		}
	}
}

// readPages returns the Markdown files of dir.
func readPages(t *testing.T, dir string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = string(text)
	}
	return files
}
