package hunt_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/hunt"
)

func known(n int) finding.Finding {
	return finding.Finding{
		Code: "GR2001", Fingerprint: finding.Fingerprint(fmt.Sprint(n)), Title: fmt.Sprintf("a <- b & c, %d", n),
		Subject: finding.Subject{Package: "example.com/store", Test: fmt.Sprintf("Test%d", n)},
	}
}

func write(t *testing.T, b *hunt.Baseline) string {
	t.Helper()
	var out bytes.Buffer
	if err := b.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A baseline reads as it was written, whatever the order, and a new finding
// adds one line and changes at most the comma of another.
func TestBaselineFile(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	name := filepath.Join(t.TempDir(), "baseline.json")
	before := ""
	for n := range 20 {
		var b hunt.Baseline
		for _, i := range r.Perm(n) {
			b.Add(known(i), known(i))
		}
		text := write(t, &b)
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		again, err := hunt.OpenBaseline(name)
		if err != nil {
			t.Fatalf("seed %d: OpenBaseline: %v\n%s", seed, err, text)
		}
		if got := write(t, again); got != text {
			t.Errorf("seed %d: written again (-first +second):\n%s", seed, cmp.Diff(text, got))
		}
		for i := range 20 {
			if got := again.Has(known(i).Fingerprint); got != (i < n) {
				t.Errorf("seed %d: Has(finding %d) of %d: got %t", seed, i, n, got)
			}
		}
		if n > 0 {
			now := strings.Split(strings.ReplaceAll(text, ",\n", "\n"), "\n")
			added := 0
			for _, l := range now {
				if !strings.Contains(before, l) {
					added++
				}
			}
			if added != 1 {
				t.Errorf("seed %d: finding %d changes %d lines, want 1", seed, n, added)
			}
		}
		before = text
	}
}

func TestBaselineKeepsEntries(t *testing.T) {
	f := known(1)
	b := &hunt.Baseline{}
	b.Add(f)
	f.Title = "told in other words"
	b.Add(f, finding.Finding{Title: "without a fingerprint"})
	b.Merge(&hunt.Baseline{Entries: []hunt.Entry{{Fingerprint: f.Fingerprint, Title: "in a third way"}}})
	if len(b.Entries) != 1 || b.Entries[0].Title != known(1).Title {
		t.Errorf("entries: got %+v, want the first one only", b.Entries)
	}
}

func TestBaselineErrors(t *testing.T) {
	one := `{"fingerprint":"0123456789abcdef","code":"GR2001","test":"a.TestA","title":"t"}`
	file := func(entries ...string) string {
		return "{\n\t\"version\": 1,\n\t\"findings\": [\n" + strings.Join(entries, "\n") + "\n\t]\n}\n"
	}
	tests := []struct {
		name, text string
		line       int // 0: no error
		want       string
	}{
		{"fine", file(one), 0, ""},
		{"no findings", file(), 0, ""},
		{"a line twice", file(one+",", one), 0, ""},
		{"empty", "", 1, "the file ends too early"},
		{"cut off", file(one)[:60], 4, "the file ends too early"},
		{"conflict", file("<<<<<<< HEAD", one), 4, "invalid character '<'"},
		{"comma missing", file(one, one), 5, "expected comma"},
		{"not a finding", file(one+",", "7"), 5, "want a hunt.Entry, found a number"},
		{"no fingerprint", file(one+",", `{"code":"GR2001"}`), 5, `fingerprint "", want 16 hexadecimal digits`},
		{"fingerprint cut", file(strings.Replace(one, "abcdef", "", 1)), 4, `fingerprint "0123456789", want`},
		{"another file", "{\n\"type\":\"finding\"}", 2, `unknown key "type"`},
		{"a list", "\n[]", 2, `want "{", found [`},
		{"of tomorrow", "{\n\"version\": 2, \"findings\": []}", 2, "version 2, this ghostread reads version 1"},
		{"no version", "{\"findings\": []}", 1, "no version"},
		{"more", file(one) + "\n{}", 8, "text after the end"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "b.json")
			if err := os.WriteFile(name, []byte(tt.text), 0o666); err != nil {
				t.Fatal(err)
			}
			_, err := hunt.OpenBaseline(name)
			if tt.line == 0 {
				if err != nil {
					t.Errorf("OpenBaseline: %v, want no error", err)
				}
				return
			}
			e, ok := errors.AsType[*hunt.BaselineError](err)
			if !ok || e.Line != tt.line || e.File != name || !strings.Contains(e.Msg, tt.want) {
				t.Errorf("OpenBaseline: got %v, want line %d: %s", err, tt.line, tt.want)
			}
		})
	}
	if _, err := hunt.OpenBaseline(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenBaseline of no file: got %v", err)
	}
}

// FuzzBaseline: what can be read can be written and read again.
func FuzzBaseline(f *testing.F) {
	b := &hunt.Baseline{}
	b.Add(known(1), known(2))
	var out bytes.Buffer
	if err := b.Write(&out); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Add([]byte(`{"version":1,"findings":[{},7`))
	f.Fuzz(func(t *testing.T, data []byte) {
		name := filepath.Join(t.TempDir(), "b.json")
		if err := os.WriteFile(name, data, 0o666); err != nil {
			t.Fatal(err)
		}
		b, err := hunt.OpenBaseline(name)
		if err != nil {
			if e, ok := errors.AsType[*hunt.BaselineError](err); !ok || e.Line < 1 || e.Line > 1+bytes.Count(data, []byte("\n")) {
				t.Errorf("OpenBaseline: %v, want a line of the file", err)
			}
			return
		}
		text := write(t, b)
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if again, err := hunt.OpenBaseline(name); err != nil || write(t, again) != text {
			t.Errorf("written %q, read again: %v", text, err)
		}
	})
}

// bugs has a bug of each kind that explore reports.
const bugs = `package bugs

import (
	"sync"
	"testing"
)

type counter struct{ n int }

func (c *counter) add() { c.n++ }

func TestRace(t *testing.T) {
	var c counter
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(c.add)
	}
	wg.Wait()
}

func TestFailure(t *testing.T) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	n := 0
	get := func() int { mu.Lock(); defer mu.Unlock(); return n }
	set := func(v int) { mu.Lock(); defer mu.Unlock(); n = v }
	for range 3 {
		wg.Go(func() { set(get() + 1) })
	}
	wg.Wait()
	if get() != 3 {
		t.Errorf("%d of 3 updates are there", get())
	}
}

func TestDeadlock(t *testing.T) {
	var a, b sync.Mutex
	var wg sync.WaitGroup
	wg.Go(func() { a.Lock(); b.Lock(); b.Unlock(); a.Unlock() })
	wg.Go(func() { b.Lock(); a.Lock(); a.Unlock(); b.Unlock() })
	wg.Wait()
}

func TestLeak(t *testing.T) {
	result, stop := make(chan int), make(chan bool, 1)
	go func() { result <- 1 }()
	go func() { stop <- true }()
	select {
	case <-result:
	case <-stop:
	}
}

func TestPanic(t *testing.T) {
	jobs, closed := make(chan int, 1), make(chan bool)
	var mu sync.Mutex
	done := false
	go func() {
		mu.Lock()
		done = true
		mu.Unlock()
		close(closed)
	}()
	mu.Lock()
	if !done {
		jobs = nil
	}
	mu.Unlock()
	<-closed
	_ = []int{1}[cap(jobs)]
}
`

// TestFingerprintsStay: the same bugs have the same fingerprints with other
// seeds and strategies, and after edits that move their lines.
func TestFingerprintsStay(t *testing.T) {
	if testing.Short() {
		t.Skip("builds tests on a patched Go release")
	}
	moved := strings.Replace(bugs, "package bugs\n", "// Package bugs has some.\n//\n// Really.\npackage bugs\n\n", 1)
	moved = strings.ReplaceAll(moved, "\tvar wg sync.WaitGroup\n", "\n\t// wg waits.\n\tvar wg sync.WaitGroup\n\n")
	moved = strings.ReplaceAll(moved, "\nfunc ", "\n\n// There is more.\nfunc ")
	var first map[string]string
	for _, edition := range []struct{ name, text string }{{"as it is", bugs}, {"moved", moved}} {
		dir := t.TempDir()
		for name, text := range map[string]string{"go.mod": "module example.com/bugs\n\ngo 1.25\n", "bugs_test.go": edition.text} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		for seed := uint64(1); seed <= 5; seed++ {
			o := hunt.Options{Dir: dir, Execs: 300, Explore: explore.Options{Seed: seed}}
			_, found, err := run(t, t.Context(), o, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, f := range found {
				got[f.Subject.Test+" "+string(f.Kind)] = f.Fingerprint
			}
			if first == nil {
				first = got
				for _, want := range []string{"TestRace race", "TestFailure failure", "TestDeadlock deadlock", "TestLeak leak", "TestPanic panic"} {
					if got[want] == "" {
						t.Errorf("seed %d finds no %s: %v", seed, want, got)
					}
				}
			}
			if diff := cmp.Diff(first, got); diff != "" {
				t.Errorf("%s, seed %d: fingerprints (-first +now):\n%s", edition.name, seed, diff)
			}
		}
	}
}
