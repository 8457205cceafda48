package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/lab/barriers"
)

// barriersIn runs lab barriers in a module with one file and returns its
// status and what it wrote.
func barriersIn(t *testing.T, source string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/m\n\ngo 1.21\n", "m.go": source} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	var out, errs bytes.Buffer
	s := new(session)
	cmd := newLabBarriers(s)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	status = execute(t.Context(), cmd, s, &out, &errs, args)
	return status, out.String(), errs.String()
}

const mixed = `package m

import "sync/atomic"

var n int64

func Add() { atomic.AddInt64(&n, 1) }

func Get() int64 { return n }
`

func TestLabBarriers(t *testing.T) {
	status, stdout, stderr := barriersIn(t, mixed, "--goarch", "arm64")
	if status != StatusFound || stderr != "" {
		t.Errorf("status %d and %q, want %d and nothing on standard error", status, stderr, StatusFound)
	}
	for _, want := range []string{
		"GOARCH=arm64: 1 synchronizing operation in 1 package\n",
		"m.go\n  7:14  atomic.AddInt64(&n, 1)  LDADDALD or LDAXR, STLXR  acquire and release\n",
		"m.go:9:27: mixed access: package variable n is read plainly in Get",
		"\tm.go:7:14: atomic.AddInt64(&n, 1) in Add\n",
		"help: use sync/atomic here too, or declare it as atomic.Int64",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("output lacks %q:\n%s", want, stdout)
		}
	}
}

func TestLabBarriersJSON(t *testing.T) {
	status, stdout, _ := barriersIn(t, mixed, "--format", "json")
	var r barriers.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v in:\n%s", err, stdout)
	}
	if status != StatusFound || r.Version != barriers.Version || len(r.Mixes) != 1 || len(r.Operations) != 1 {
		t.Errorf("status %d and %+v, want %d, one operation and one mix", status, r, StatusFound)
	}
}

func TestLabBarriersClean(t *testing.T) {
	source := strings.Replace(mixed, "return n", "return atomic.LoadInt64(&n)", 1)
	if status, stdout, stderr := barriersIn(t, source); status != StatusClean {
		t.Errorf("status %d, want %d:\n%s%s", status, StatusClean, stdout, stderr)
	}
}

func TestLabBarriersErrors(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"format", []string{"--format", "xml"}, "--format xml: want text or json"},
		{"port", []string{"--goarch", "wasm"}, "GOARCH wasm: its instructions are not known"},
		{"package", []string{"./nowhere"}, "nowhere"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, stdout, stderr := barriersIn(t, mixed, tt.args...)
			if status != StatusFailed || stdout != "" || !strings.Contains(stderr, tt.want) {
				t.Errorf("status %d, %q and %q, want %d and %q on standard error", status, stdout, stderr, StatusFailed, tt.want)
			}
		})
	}
}
