package inspect

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// ownMaps skips a test where a program does not read its own maps.
func ownMaps(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("a program reads its own maps on linux, amd64 and arm64")
	}
}

type wide [200]byte

// TestOf looks at maps of many types and sizes, with deletions, and compares
// with what is in them.
func TestOf(t *testing.T) {
	ownMaps(t)
	const seed = 7
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for _, n := range []int{0, 1, 5, 8, 9, 100, 1024, 3000, 40_000} {
		for _, drop := range []int{0, 2, 3} {
			checkOf(t, n, drop, func(i int) uint64 { return uint64(i)*7919 + 1 }, func(i int) int { return i + 1 })
			checkOf(t, n, drop, func(i int) string { return fmt.Sprint(i) }, func(i int) []byte { return nil })
			checkOf(t, n, drop, func(i int) [3]uint16 { return [3]uint16{uint16(i), 1, uint16(i >> 16)} }, func(i int) struct{} { return struct{}{} })
			checkOf(t, n, drop, func(i int) any { return i }, func(i int) float32 { return r.Float32() })
			if n < 3000 {
				checkOf(t, n, drop, func(i int) wide { return wide{byte(i), byte(i >> 8), 1} }, func(i int) *wide { return nil })
			}
		}
	}
}

func checkOf[K comparable, V any](t *testing.T, n, drop int, key func(int) K, elem func(int) V) {
	t.Helper()
	m := map[K]V{}
	var kept []K
	for i := range n {
		m[key(i)] = elem(i)
	}
	for i := range n {
		if drop != 0 && i%drop == 0 {
			delete(m, key(i))
		} else {
			kept = append(kept, key(i))
		}
	}
	for _, of := range []any{m, &m} {
		d, err := Of(of)
		if err != nil {
			t.Fatalf("%T: %v", m, err)
		}
		if d.Entries != uint64(len(m)) || !d.Consistent || d.Slots < d.Entries+d.Tombstones || d.Bytes < d.Slots || d.Classic || d.Growing {
			t.Errorf("%T with %d of %d keys: got %+v", m, len(m), n, d.Map)
		}
		full := 0
		for of8, groups := range d.Full {
			full += of8 * groups
		}
		if full != len(m) || d.Key != strings.TrimPrefix(fmt.Sprintf("%T", (*K)(nil)), "*") {
			t.Errorf("%T: got %d full slots, keys of type %s; want %d, %T", m, full, d.Key, len(m), kept)
		}
		if plainKey := !strings.Contains(d.Key, "string") && d.Key != "interface {}" && d.Key != "inspect.wide"; n == 8 && drop != 0 && (d.KeysLeft > 0) != plainKey {
			t.Errorf("%T with keys deleted: %d can still be read", m, d.KeysLeft)
		}
	}
}

// TestOfErrors gives a sentence for what is no map.
func TestOfErrors(t *testing.T) {
	ownMaps(t)
	for _, m := range []any{nil, 1, []int{}, (*map[int]int)(nil), new(int)} {
		if d, err := Of(m); err == nil || !strings.Contains(err.Error(), "neither a map nor a pointer to one") {
			t.Errorf("Of(%T): got %v, %v", m, d, err)
		}
	}
	var none map[string]int
	for _, m := range []any{none, &none} {
		if d, err := Of(m); err != nil || !d.Consistent || d.Slots != 0 || d.Entries != 0 || d.Key != "string" {
			t.Errorf("Of(a nil map): got %+v, %v", d, err)
		}
	}
}

// TestOfWhileWritten reads a map that a goroutine writes all the time: keys in a
// row, n or n+1 of them. The race detector has nothing to say, and what is
// called consistent is.
func TestOfWhileWritten(t *testing.T) {
	ownMaps(t)
	for _, n := range []uint64{5, 3000} {
		m := map[uint64]uint64{}
		for i := range n {
			m[i] = ^i
		}
		var stop atomic.Bool
		done := make(chan bool)
		go func() {
			defer close(done)
			for lo := uint64(0); !stop.Load(); lo++ {
				m[lo+n] = ^(lo + n)
				delete(m, lo)
			}
		}()
		good, reads := 0, 100
		for range reads {
			o, err := openOwn(m)
			if err != nil {
				t.Fatal(err)
			}
			s := o.w.shape(o.t.described)
			now := o.f.Map
			pieces := o.w.readSwiss(s.swiss, &now)
			if now.Consistent {
				good++
				keys := keysOf(s, pieces)
				slices.Sort(keys)
				if c := uint64(len(keys)); c != now.Entries || c != n && c != n+1 || keys[c-1]-keys[0] != c-1 {
					t.Fatalf("called consistent: %d entries, %d keys from %d to %d", now.Entries, c, keys[0], keys[c-1])
				}
			}
			o.close()
			if _, err := Of(m); err != nil {
				t.Fatal(err)
			}
		}
		stop.Store(true)
		<-done
		t.Logf("%d keys: %d of %d reads were consistent", n, good, reads)
	}
}

// failures is a TB that remembers.
type failures []string

func (f *failures) Helper() {}

func (f *failures) Errorf(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// expect compares how AssertNoResidue fails, line by line; "" stands for none.
func expect(t *testing.T, what string, got failures, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got %q, want %d failures", what, got, len(want))
		return
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("%s: got %q, want %q in it", what, got[i], want[i])
		}
	}
}

type id struct {
	hi, lo uint64
}

func TestAssertNoResidue(t *testing.T) {
	ownMaps(t)
	secret := id{0x5ec2e70123456789, 0xfedcba9876543210}
	other := id{1, 2}
	{
		m := map[id]string{other: "x"}
		m[secret] = "y"
		var f failures
		AssertNoResidue(&f, m, secret)
		expect(t, "before delete", f, "has not been deleted: slot 1 of group 0 of group, at 0x")
		delete(m, secret)
		f = nil
		AssertNoResidue(&f, m, secret)
		expect(t, "after delete", f, "is still readable after it was deleted, in slot 1 of group 0 of group, at 0x")
		f = nil
		AssertNoResidue(&f, m)
		expect(t, "any key", f, "slot 1 of group 0 of group, at 0x")
		f = nil
		AssertNoResidue(&f, m, id{3, 4})
		expect(t, "a key that never was", f)
		f = nil
		AssertNoResidue(&f, m, id{})
		expect(t, "the zero key", f, "choose another one")
		clear(m)
		f = nil
		AssertNoResidue(&f, m, secret, other)
		expect(t, "after clear of a map with one entry", f)
	}
	{
		// Strings: the slot is zeroed, in the same group as one that is kept.
		m := map[string]int{"kept": 1}
		m["secret"] = 2
		delete(m, "secret")
		var f failures
		AssertNoResidue(&f, m, "secret")
		expect(t, "a string", f)
		AssertNoResidue(&f, m, strings.Clone("kept"))
		expect(t, "a string that is still there", f, "has not been deleted")
	}
	checkDropped(t, func(i int) string { return fmt.Sprint("name", i) })
	checkDropped(t, func(i int) uint32 { return uint32(i) + 1 })
	checkDropped(t, func(i int) struct {
		a byte
		s string
	} {
		return struct {
			a byte
			s string
		}{byte(i), fmt.Sprint(i)}
	})
	checkDropped(t, func(i int) wide { return wide{1, byte(i)} })
}

// TestAssertNoResidueGrown finds keys in groups that growth has left behind.
func TestAssertNoResidueGrown(t *testing.T) {
	ownMaps(t)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	m := map[id]*int{}
	secret := id{0x5ec2e70123456789, 77}
	m[secret] = new(int)
	for i := range uint64(5) {
		m[id{i, i + 1}] = nil
	}
	// What was one group becomes a table, and the group is garbage.
	o, err := openOwn(m)
	if err != nil {
		t.Fatal(err)
	}
	head := o.w.t.mem.word
	group, _ := head(o.f.Addr + uint64(o.w.shape(o.t.described).swiss.dirPtr))
	o.close()
	for i := range uint64(5) {
		m[id{i + 100, 1}] = nil
	}
	// Deleted where it is now, and the slot used again.
	delete(m, secret)
	for i := range uint64(3000) {
		m[id{i + 1000, 1}] = nil
	}
	var f failures
	AssertNoResidue(&f, m, secret)
	want := fmt.Sprintf("is still readable in slot 0 of a group that the map had before it grew, at %#x", group+8)
	if !slices.ContainsFunc(f, func(s string) bool { return strings.Contains(s, want) && strings.Contains(s, "and so is its element") }) {
		t.Errorf("got %q, want %q among it", f, want)
	}
	f = nil
	AssertNoResidue(&f, m, id{0x5ec2e70123456789, 78})
	expect(t, "a key like it", f)

	// A clone that has the key counts; a map of its own does not.
	alike := maps.Collect(maps.All(map[id]*int{secret: nil}))
	fresh := map[id]*int{{1, 2}: nil}
	AssertNoResidue(&f, fresh, secret)
	expect(t, "another map has the key", f)
	runtime.KeepAlive(alike)
}

// TestListed holds that the release of this test is one whose layout is listed,
// with all that is compared, so that the comparison is not an empty one.
func TestListed(t *testing.T) {
	ownMaps(t)
	list, ok := gobinary.Layout(runtime.Version(), runtime.GOARCH)
	if !ok {
		t.Skipf("the layouts of %s are not listed", runtime.Version())
	}
	for _, name := range []string{"internal/runtime/maps.Map", "internal/runtime/maps.table", "internal/runtime/maps.groupsReference"} {
		if list[name] == nil {
			t.Errorf("%s is not listed", name)
		}
	}
	if err := asListed(); err != nil {
		t.Error(err)
	}
}

// checkDropped lets a map of eight entries grow, and finds one in the group that
// it had before, but no key like it.
func checkDropped[K comparable](t *testing.T, key func(int) K) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // or the group's memory is used again
	m := map[K]uint64{}
	for i := range 9 {
		m[key(i)] = 1
	}
	delete(m, key(3))
	var f failures
	AssertNoResidue(&f, m, key(3))
	if !slices.ContainsFunc(f, func(s string) bool {
		return strings.Contains(s, "is still readable in slot 3 of a group that the map had before it grew") && strings.Contains(s, "and so is its element")
	}) || len(f) > 2 {
		t.Errorf("%T: got %q, want the slot of the group before", m, f)
	}
	f = nil
	AssertNoResidue(&f, m, key(9))
	expect(t, "a key that never was", f)
}
