package labpage

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/lab"
)

// TestDrawRecord writes the page of the record that GHOSTREAD_LAB_RECORD names
// beside it, for people who work on the design.
func TestDrawRecord(t *testing.T) {
	name := os.Getenv("GHOSTREAD_LAB_RECORD")
	if name == "" {
		t.Skip("GHOSTREAD_LAB_RECORD names no record to draw")
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rec, err := lab.ReadRecord(f, name)
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := Write(&page, rec); err != nil {
		t.Fatal(err)
	}
	out := strings.TrimSuffix(name, ".json") + ".html"
	if err := os.WriteFile(out, page.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d bytes", out, page.Len())
}
