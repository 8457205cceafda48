package freshmap_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/freshmap"
)

// A cost is what one operation allocates, for one pair of types. The table in
// doc/freshmap.md has the same rows.
type cost struct {
	types                              string
	load, insert, overwrite, loadOther int
	measure                            func() [4]float64
}

// costs measures Load, inserting Store (on a map with room, after a Delete of
// the same key), overwriting Store, and the other ways to overwrite or look.
func costs[K comparable, V any](k K, v, w V) func() [4]float64 {
	return func() [4]float64 {
		m := freshmap.New[K, V](freshmap.WithShrink(freshmap.ShrinkNever))
		m.Store(k, v)
		var sink V
		load := testing.AllocsPerRun(100, func() { sink, _ = m.Load(k) })
		overwrite := testing.AllocsPerRun(100, func() { m.Store(k, w) })
		others := testing.AllocsPerRun(100, func() {
			m.LoadOrStore(k, v)
			m.LoadOrCompute(k, func() V { return v })
			m.Compute(k, func(old V, _ bool) (V, freshmap.Op) { return old, freshmap.Keep })
		})
		insert := testing.AllocsPerRun(100, func() {
			m.Delete(k)
			m.Store(k, v)
		})
		_ = sink
		return [4]float64{load, insert, overwrite, others}
	}
}

var allocationTable = []cost{
	{"`int` to `int`", 0, 0, 0, 0, costs(1000, 1000, 2000)},
	{"`uint8` to `bool`", 0, 0, 0, 0, costs(uint8(7), true, false)},
	{"`string` to `int`", 0, 0, 0, 0, costs(text(uint16(1000)), 1000, 2000)},
	{"`int` to `string`", 0, 0, 0, 0, costs(1000, text(uint16(1000)), text(uint16(2000)))},
	{"`int` to `any` with a pointer", 0, 0, 0, 0, costs[int, any](1000, &places[1], &places[2])},
	{"`[16]byte` to `int`", 0, 0, 0, 0, costs([16]byte{1}, 1000, 2000)},
	{"`*T` to `*T`", 0, 0, 0, 0, costs(&places[1], &places[1], &places[2])},
	{"`int` to `func()`", 0, 0, 0, 0, costs(1000, func() {}, nil)},
	{"`int` to `struct{}`", 0, 0, 0, 0, costs(1000, struct{}{}, struct{}{})},
	{"`int` to `[4]uint64`", 0, 0, 0, 0, costs(1000, [4]uint64{1}, [4]uint64{2})},
	{"`int` to a value of more than 32 bytes", 0, 1, 1, 0, costs(1000, [6]uint64{1}, [6]uint64{2})},
	{"`float64` to `int`", 0, 1, 0, 0, costs(1.5, 1000, 2000)},
	{"`any` to `int`", 0, 1, 0, 0, costs[any](&places[1], 1000, 2000)},
	{"a struct of 24 bytes to `int`", 0, 1, 0, 0, costs([3]uint64{1}, 1000, 2000)},
	{"a struct with a `string` to `int`", 0, 1, 0, 0, costs(pair{1, "p"}, 1000, 2000)},
}

// TestAllocations counts what operations allocate. Splitting a segment
// allocates as well, once in some eighty inserts; these inserts find room.
func TestAllocations(t *testing.T) {
	if raceEnabled() {
		t.Skip("skipped with the race detector, which allocates by itself")
	}
	for _, c := range allocationTable {
		t.Run(c.types, func(t *testing.T) {
			got := c.measure()
			want := [4]float64{float64(c.load), float64(c.insert), float64(c.overwrite), float64(c.loadOther)}
			if got != want {
				t.Errorf("allocations of Load, inserting Store, overwriting Store, others: got %v, want %v", got, want)
			}
		})
	}
}

// TestCompareAndSwapAllocations is apart because values must be comparable,
// and comparing them must not box them.
func TestCompareAndSwapAllocations(t *testing.T) {
	if raceEnabled() {
		t.Skip("skipped with the race detector, which allocates by itself")
	}
	ints := freshmap.New[int, int]()
	ints.Store(1, 5000)
	words := freshmap.New[string, string]()
	words.Store("k", "5000")
	anys := freshmap.New[int, any]()
	anys.Store(1, &places[1])
	tests := []struct {
		name string
		f    func()
	}{
		{"int to int, swapped", func() { ints.CompareAndSwap(1, 5000, 6000); ints.CompareAndSwap(1, 6000, 5000) }},
		{"int to int, other value", func() { ints.CompareAndSwap(1, 7000, 6000) }},
		{"int to int, not deleted", func() { ints.CompareAndDelete(1, 7000) }},
		{"string to string, swapped", func() { words.CompareAndSwap("k", "5000", "6000"); words.CompareAndSwap("k", "6000", "5000") }},
		{"int to any, swapped", func() {
			anys.CompareAndSwap(1, &places[1], &places[2])
			anys.CompareAndSwap(1, &places[2], &places[1])
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := testing.AllocsPerRun(100, tt.f); got != 0 {
				t.Errorf("got %v allocations, want 0", got)
			}
		})
	}
}

// TestInsertAllocations amortizes growth over many inserts.
func TestInsertAllocations(t *testing.T) {
	if raceEnabled() {
		t.Skip("skipped with the race detector, which allocates by itself")
	}
	const n = 100_000
	m := new(freshmap.Map[int, int])
	i := 0
	got := testing.AllocsPerRun(1, func() {
		for range n {
			m.Store(i, i)
			i++
		}
	}) / n
	t.Logf("%.4f allocations for each insert", got)
	if got > 0.2 {
		t.Errorf("allocations for each of %d inserts: got %.3f, want at most 0.2", n, got)
	}
}

// TestAllocationTable holds the documentation to the table above.
func TestAllocationTable(t *testing.T) {
	doc, err := os.ReadFile("../doc/freshmap.md")
	if err != nil {
		t.Skipf("skipped: %v", err)
	}
	var want strings.Builder
	for _, c := range allocationTable {
		fmt.Fprintf(&want, "| %s | %d | %d | %d |\n", c.types, c.load, c.insert, c.overwrite)
	}
	if !strings.Contains(string(doc), want.String()) {
		t.Errorf("doc/freshmap.md does not have these rows:\n%s", want.String())
	}
}

// raceEnabled reports whether the test was built with -race.
func raceEnabled() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}

// TestDocumentedTestsExist looks up every test and example that the
// documentation names.
func TestDocumentedTestsExist(t *testing.T) {
	var sources strings.Builder
	for _, dir := range []string{"*_test.go", "internal/*/*_test.go"} {
		files, err := filepath.Glob(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			sources.Write(text)
		}
	}
	names := regexp.MustCompile("`((?:Test|Fuzz|Example)[A-Za-z_]+)`")
	for _, doc := range []string{"../doc/freshmap.md", "../doc/migrate-to-freshmap.md"} {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Skipf("skipped: %v", err)
		}
		found := names.FindAllStringSubmatch(string(text), -1)
		if len(found) == 0 {
			t.Errorf("%s names no test", doc)
		}
		for _, name := range found {
			if !strings.Contains(sources.String(), "\nfunc "+name[1]+"(") {
				t.Errorf("%s names %s, which does not exist", doc, name[1])
			}
		}
	}
}

// TestMigratedCodeIsCompiled compares the new lines of the diffs in the
// migration guide with the examples.
func TestMigratedCodeIsCompiled(t *testing.T) {
	guide, err := os.ReadFile("../doc/migrate-to-freshmap.md")
	if err != nil {
		t.Skipf("skipped: %v", err)
	}
	examples, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(guide), "```diff\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		var after []string
		for line := range strings.Lines(block) {
			if !strings.HasPrefix(line, "-") {
				after = append(after, strings.TrimPrefix(strings.TrimPrefix(line, "+"), " "))
			}
		}
		for part := range strings.SplitSeq(strings.Join(after, ""), "\n\n") {
			if !strings.Contains(string(examples), strings.TrimSpace(part)) {
				t.Errorf("example_test.go does not have this code of the migration guide:\n%s", part)
			}
		}
	}
}
