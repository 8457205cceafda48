package replay_test

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/explore/replay"
	"github.com/ghostread/ghostread/explore/wire"
)

func example() *replay.File {
	return &replay.File{
		Version: replay.Version, Package: "example.com/store", Test: "TestEvict", Dir: "/home/ann/store",
		Kind: "stale", Fingerprint: "1f0a9c3e55aa77bb", Title: "a read of store.n <&> returned the old value",
		Execution: 17, Strategy: "pct3", Seed: math.MaxUint64, Wall: 1_700_000_000_000_000_000, MaxSteps: 1_000_000,
		NoRace: true, Short: true, Hash: "00ff00ff00ff00ff", Engine: "go1.26.8-abc", Release: "go1.26.8", Tags: []string{"slow"}, Decisions: "1*3,2,1*2",
	}
}

func TestFileRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on the way")
	f := example()
	name, err := f.Save(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "TestEvict-stale-1f0a9c3e.json"); name != want {
		t.Errorf("Save: got name %s, want %s", name, want)
	}
	got, err := replay.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, got); diff != "" {
		t.Errorf("Open(Save) (-want +got):\n%s", diff)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o644 {
		t.Errorf("mode of %s: got %v, want one that others can read", name, got)
	}
	onlyFile(t, dir, name)
}

func onlyFile(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(name) {
			t.Errorf("Save leaves %s beside %s", e.Name(), name)
		}
	}
}

// Equal findings get equal names, others others, and no name leaves the directory.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	save := func(change func(*replay.File)) string {
		f := example()
		change(f)
		name, err := f.Save(dir)
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	first := save(func(f *replay.File) {})
	if again := save(func(f *replay.File) { f.Seed, f.Decisions, f.Title = 2, "2", "other words" }); again != first {
		t.Errorf("Save of the same finding: got %s, want %s", again, first)
	}
	if f, err := replay.Open(first); err != nil || f.Decisions != "2" {
		t.Errorf("Open after the second Save: got %+v and %v, want the newer one", f, err)
	}
	for name, change := range map[string]func(*replay.File){
		"test":        func(f *replay.File) { f.Test = "TestAdd" },
		"kind":        func(f *replay.File) { f.Kind = "torn" },
		"fingerprint": func(f *replay.File) { f.Fingerprint = "2f0a9c3e55aa77bb" },
	} {
		if other := save(change); other == first {
			t.Errorf("Save of a finding with another %s: got the same name", name)
		}
	}
	for _, test := range []string{"../../evil", "/etc/passwd", "a b;c$(d)", "TestÄ_1", "..", "x\x00y", ""} {
		name := save(func(f *replay.File) { f.Test = test })
		if filepath.Dir(name) != dir || strings.ContainsAny(filepath.Base(name), " ;$()\x00") {
			t.Errorf("Save of test %q: got %s, want a plain name in %s", test, name, dir)
		}
	}
	if name := save(func(f *replay.File) { f.Test = "TestÄ" }); filepath.Base(name) != "TestÄ-stale-1f0a9c3e.json" {
		t.Errorf("Save of TestÄ: got %s", name)
	}
}

// Whoever saves the same finding at the same time, a reader meets a whole file.
func TestConcurrentSave(t *testing.T) {
	dir := t.TempDir()
	first, err := example().Save(dir)
	if err != nil {
		t.Fatal(err)
	}
	var savers, readers sync.WaitGroup
	stop := make(chan bool)
	for g := range 8 {
		savers.Go(func() {
			f := example()
			f.Decisions = strings.TrimSuffix(strings.Repeat(fmt.Sprintf("%d,%d,", g+1, g+2), 200*(g+1)), ",")
			for range 10 {
				if name, err := f.Save(dir); err != nil || name != first {
					t.Errorf("Save: got %s and %v, want %s", name, err, first)
				}
			}
		})
	}
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := replay.Open(first); err != nil {
				t.Errorf("Open while others save: %v", err)
				return
			}
		}
	})
	savers.Wait()
	close(stop)
	readers.Wait()
	onlyFile(t, dir, first)
}

func TestSaveNowhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if name, err := example().Save(file); err == nil {
		t.Errorf("Save below a file: got %s, want an error", name)
	}
}

func TestTokenRoundTrip(t *testing.T) {
	f := example()
	token, ok := f.Token()
	if !ok || !strings.HasPrefix(token, "gr1:") || strings.ContainsAny(token, " +/=\"'$") {
		t.Fatalf("Token: got %q and %t, want a short word that no shell changes", token, ok)
	}
	want := *f
	want.Dir, want.Title = "", ""
	for name, text := range map[string]string{"as it is": token, "broken by a mail program": token[:40] + "\n" + token[40:], "pasted with a space": token + " \n"} {
		got, err := replay.Open(text)
		if err != nil {
			t.Errorf("Open of the token, %s: %v", name, err)
		} else if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("Open of the token, %s (-want +got):\n%s", name, diff)
		}
	}
	for n := len("gr1:"); n < len(token); n++ {
		if _, err := replay.Open(token[:n]); err == nil || !strings.Contains(err.Error(), "its end is missing") {
			t.Errorf("Open of the first %d of %d characters: got %v, want that the end is missing", n, len(token), err)
		}
	}
	f.Decisions = ""
	for i := range 3000 {
		f.Decisions += fmt.Sprintf("%d*%d,", i%7+1, i*i%97+1)
	}
	f.Decisions += "1"
	if token, ok := f.Token(); ok {
		t.Errorf("Token of a long schedule: got %d characters, want none", len(token))
	}
}

func deflate(t testing.TB, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return "gr1:" + base64.RawURLEncoding.EncodeToString(b.Bytes())
}

// Every error is an Error that names what was opened and says what a replay is.
func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	token, _ := example().Token()
	tests := []struct {
		name, arg, want string
	}{
		{"file that does not exist", filepath.Join(dir, "none.json"), "no such file or directory"},
		{"directory", dir, "is a directory"},
		{"empty file", file("empty", ""), "unexpected end of JSON"},
		{"not JSON", file("text", "hello"), "invalid character"},
		{"another JSON file", file("other", `{"version": 3}`), "not a replay"},
		{"an array", file("array", `[]`), "cannot unmarshal array"},
		{"newer version", file("newer", `{"ghostread_replay": 2, "package": "p", "test": "T"}`), "version 2, and this ghostread reads up to 1"},
		{"negative version", file("negative", `{"ghostread_replay": -1, "package": "p", "test": "T"}`), "not a replay"},
		{"no test", file("testless", `{"ghostread_replay": 1, "package": "p"}`), "no package or test"},
		{"no package", file("packageless", `{"ghostread_replay": 1, "test": "T"}`), "no package or test"},
		{"bad decisions", file("decisions", `{"ghostread_replay": 1, "package": "p", "test": "T", "decisions": "1,x"}`), "decisions: \"1,x\": bad at offset 2"},
		{"too many decisions", file("many", `{"ghostread_replay": 1, "package": "p", "test": "T", "decisions": "1*99999999"}`), "bad at offset 0"},
		{"seed that is a number", file("seed", `{"ghostread_replay": 1, "package": "p", "test": "T", "seed": 7}`), "seed"},
		{"empty token", "gr1:", "its end is missing"},
		{"token cut off", token[:len(token)/2], "its end is missing"},
		{"token with other characters", "gr1:!!!", "illegal base64"},
		{"token that does not unpack", "gr1:" + base64.RawURLEncoding.EncodeToString([]byte("no flate")), "corrupt input"},
		{"token of something else", deflate(t, []byte("{}")), "not a replay"},
		{"token of a later format", "gr2:abc", "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := replay.Open(tt.arg)
			if f != nil {
				t.Errorf("Open: got %+v with error %v", f, err)
			}
			var e *replay.Error
			if !errors.As(err, &e) {
				t.Fatalf("Open: got error %v, want an Error", err)
			}
			name := tt.arg
			if strings.HasPrefix(name, "gr1:") {
				name = "token"
			}
			if !strings.HasPrefix(err.Error(), name+": ") || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "a replay is what") {
				t.Errorf("Open: got error %q, want %q in it, the name before and what a replay is behind", err, tt.want)
			}
			if strings.Count(err.Error(), name) > 1 && name != "token" {
				t.Errorf("Open: error %q names the file twice", err)
			}
		})
	}
	if _, err := replay.Open(filepath.Join(dir, "none.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of a file that does not exist: got %v, want fs.ErrNotExist in it", err)
	}
}

// TestBomb opens a token that unpacks to more than any schedule takes.
func TestBomb(t *testing.T) {
	token := deflate(t, make([]byte, 80<<20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := replay.Open(token)
	runtime.ReadMemStats(&after)
	var e *replay.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("Open of a token of 80 MB in %d characters: got %v, want an Error", len(token), err)
	}
	// io.ReadAll grows by a quarter at a time: its buffers add up to about five times the last.
	if n := after.TotalAlloc - before.TotalAlloc; n > 600<<20 {
		t.Errorf("Open allocates %d MB, want 600 at most", n>>20)
	}
}

// The longest schedule that an execution can have fits into a file.
func TestLongestSchedule(t *testing.T) {
	d := make([]int32, wire.MaxDecisions)
	for i := range d {
		d[i] = 10_000 + int32(i%2)
	}
	f := example()
	f.Decisions = wire.EncodeDecisions(d)
	name, err := f.Save(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Open(name); err != nil {
		t.Errorf("Open of %d decisions: %v", len(d), err)
	}
}

// FuzzParse: no text makes Parse panic, and what it accepts round-trips
// through a file's text and through a token.
func FuzzParse(f *testing.F) {
	f.Add(`{"ghostread_replay": 1, "package": "p", "test": "T", "decisions": "1*3", "seed": "7", "wall": -1}`)
	f.Add(`{"ghostread_replay": 1, "package": "\ud800", "test": "\u0000", "title": "<&>"}`)
	f.Add(`{"ghostread_replay": 9}`)
	f.Add("[]")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := replay.Parse("fuzz", []byte(text))
		if err != nil {
			return
		}
		roundTrip(t, file)
	})
}

// FuzzOpenToken: the same for tokens.
func FuzzOpenToken(f *testing.F) {
	token, _ := example().Token()
	f.Add(strings.TrimPrefix(token, "gr1:"))
	f.Add(strings.TrimPrefix(deflate(f, []byte(`{"ghostread_replay":1,"package":"p","test":"T"}`)), "gr1:"))
	f.Add("")
	f.Fuzz(func(t *testing.T, body string) {
		file, err := replay.Open("gr1:" + body)
		if err != nil {
			return
		}
		roundTrip(t, file)
	})
}

func roundTrip(t *testing.T, file *replay.File) {
	t.Helper()
	token, ok := file.Token()
	if !ok {
		return
	}
	got, err := replay.Open(token)
	if err != nil {
		t.Fatalf("Open of the token of %+v: %v", file, err)
	}
	want := *file
	want.Dir, want.Title = "", ""
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("Open of the token (-want +got):\n%s", diff)
	}
}
