package freshmap

import (
	"maps"
	"math"
	"math/bits"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"
)

// checkStructure holds a map at rest to what the code relies on: segments cover
// the hashes once, each entry lies on the search of its hash, way bits are those
// of the entries that passed, free slots are zero, and the counts agree.
func checkStructure[K comparable, V any](t *testing.T, m *Map[K, V]) {
	t.Helper()
	m.structure.Lock()
	defer m.structure.Unlock()
	d := m.directory.Load()
	entries, segments := 0, 0
	for at := uint64(0); ; {
		s := d.segment(at)
		segments++
		if s.prefix != at || !s.covers(at) || uint(s.depth) > d.bits() {
			t.Fatalf("the segment of %#x begins at %#x, with %d bits of %d", at, s.prefix, s.depth, d.bits())
		}
		if b := m.blockOf(at); b != s.block {
			t.Fatalf("readers of %#x get another block than writers", at)
		}
		entries += checkSegment(t, m, s)
		if at = s.end(); at == 0 {
			break
		}
	}
	if entries != m.Len() || segments != m.segments {
		t.Fatalf("found %d entries in %d segments, want %d in %d", entries, segments, m.Len(), m.segments)
	}
	deep := 0
	for _, n := range m.depths {
		deep += n
	}
	if deep != segments {
		t.Fatalf("depths add up to %d segments, want %d", deep, segments)
	}
}

func checkSegment[K comparable, V any](t *testing.T, m *Map[K, V], s *segment) (entries int) {
	t.Helper()
	single := s.next.Load() == nil
	for part := s; part != nil; part = part.next.Load() {
		n := groupsIn(part.block)
		ways := make([]uint64, n)
		for i := range n {
			g := m.groupAt(part.block, i)
			if g.version >= moved {
				t.Fatalf("group %d of a live segment was moved", i)
			}
			for index := range uint(slots) {
				slot := m.slotAt(g, index)
				tag := g.ctrl >> (8 * index) & 0xff
				if tag == 0 {
					if !zero(slot, m.stride) {
						t.Fatalf("slot %d of group %d is free and not zero", index, i)
					}
					continue
				}
				entries++
				h := m.hashOf(slot)
				if !s.covers(h) || tag != tagOf(h) {
					t.Fatalf("slot %d of group %d has the tag %d and the hash %#x, in a segment of %#x", index, i, tag, h, s.prefix)
				}
				for j := homeOf(part.block, h); j != i; j = (j + 1) % n {
					ways[j] |= 1 << way(h)
				}
			}
		}
		for i, want := range ways {
			got := m.groupAt(part.block, uintptr(i)).ctrl & allWays
			if single && got != want || got&want != want {
				t.Fatalf("group %d has the way bits %#x, want %#x", i, got>>56, want>>56)
			}
		}
	}
	return entries
}

func zero(p unsafe.Pointer, n uintptr) bool {
	for _, b := range unsafe.Slice((*byte)(p), n) {
		if b != 0 {
			return false
		}
	}
	return true
}

// TestStructure runs random programs, crowded and thinned out again, and looks
// at the memory of the map after each stretch.
func TestStructure(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for round := range 60 {
		switch round % 4 {
		case 0:
			structureRound(t, rng, New[int, int](), func(i int) int { return i }, 0)
		case 1:
			structureRound(t, rng, New[string, string](), func(i int) string { return string(rune(i)) }, "v")
		case 2:
			structureRound(t, rng, New[[2]int32, *int](WithShrink(ShrinkNever)), func(i int) [2]int32 { return [2]int32{int32(i), 7} }, new(int))
		case 3:
			// A poor hash: sixteen values, so that segments are followed by others.
			h := func(k [3]int) uint64 { return uint64(k[0] & 15) }
			structureRound(t, rng, New[[3]int, any](WithHasher(h)), func(i int) [3]int { return [3]int{i} }, any(1))
		}
	}
}

func structureRound[K comparable, V any](t *testing.T, rng *rand.Rand, m *Map[K, V], key func(int) K, value V) {
	t.Helper()
	span := 1 << (2 + rng.IntN(11))
	for range 4 {
		deletions := rng.IntN(10)
		for range 2 * span {
			k := key(rng.IntN(span))
			if rng.IntN(10) < deletions {
				m.Delete(k)
			} else {
				m.Store(k, value)
			}
		}
		if rng.IntN(4) == 0 {
			m.Shrink()
		}
		if m.Len() > 0 || atomic.LoadPointer(&m.root) != nil {
			checkStructure(t, m)
		}
	}
}

// TestControlWord compares the arithmetic on control words with a loop over the
// bytes.
func TestControlWord(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 200_000 {
		ctrl := rng.Uint64() & (allWays | restOfTags)
		for i := range slots { // few values, so that bytes are equal and 0
			if rng.IntN(3) == 0 {
				ctrl &^= 0xff << (8 * i)
			} else if rng.IntN(2) == 0 {
				ctrl = ctrl&^(0xff<<(8*i)) | uint64(1+rng.IntN(3))<<(8*i)
			}
		}
		tag := uint64(1 + rng.IntN(127))
		if rng.IntN(2) == 0 {
			tag = uint64(1 + rng.IntN(3))
		}
		var match, unused, taken uint64
		for i := range slots {
			switch b := ctrl >> (8 * i) & 0xff; b {
			case tag:
				match |= 0x80 << (8 * i)
				taken |= 0x80 << (8 * i)
			case 0:
				unused |= 0x80 << (8 * i)
			default:
				taken |= 0x80 << (8 * i)
			}
		}
		if got := matching(ctrl, tag); got != match {
			t.Fatalf("matching(%#x, %d) = %#x, want %#x", ctrl, tag, got, match)
		}
		if got := free(ctrl); got != unused {
			t.Fatalf("free(%#x) = %#x, want %#x", ctrl, got, unused)
		}
		if got := used(ctrl); got != taken {
			t.Fatalf("used(%#x) = %#x, want %#x", ctrl, got, taken)
		}
	}
}

// TestMix holds the hash of words to what a random function would do with
// regular keys: no segment, group or tag gets far more of them than others.
func TestMix(t *testing.T) {
	const keys = 1 << 15
	sequences := map[string]func(i uint64) uint64{
		"one after the other":   func(i uint64) uint64 { return i },
		"by eight":              func(i uint64) uint64 { return 8 * i },
		"by 4096":               func(i uint64) uint64 { return i << 12 },
		"only the upper bits":   func(i uint64) uint64 { return i << 49 },
		"two halves alike":      func(i uint64) uint64 { return i<<32 | i },
		"bits reversed":         bits.Reverse64,
		"pointers of a span":    func(i uint64) uint64 { return 0xc000_0000_0000 + 48*i },
		"complements":           func(i uint64) uint64 { return ^i },
		"powers and small ones": func(i uint64) uint64 { return 1<<(i%64) ^ i/64 },
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for name, key := range sequences {
		for range 20 {
			secret := rng.Uint64()
			var top, home [512]int
			var tags [128]int
			for i := range uint64(keys) {
				h := mix(key(i), secret)
				top[h>>55]++
				home[uint32(h)>>23]++
				tags[tagOf(h)]++
			}
			// 64 are expected, and 256 for tags; the deviation of random ones is 8,
			// and 16.
			for what, counts := range map[string][]int{"segment": top[:], "group": home[:], "tag": tags[:]} {
				most := 0
				for _, n := range counts {
					most = max(most, n)
				}
				if limit := 3 * keys / len(counts); most > limit {
					t.Errorf("%s: a %s has %d of %d keys, want at most %d (secret %#x)", name, what, most, keys, limit, secret)
				}
			}
		}
	}
}

// TestKinds holds the kinds to the types that they are for.
func TestKinds(t *testing.T) {
	type padded struct {
		A int8
		B int32
	}
	type blank struct{ A, _ int32 }
	type meters float64
	for _, tt := range []struct {
		typ  reflect.Type
		want keyKind
	}{
		{reflect.TypeFor[int](), keyWord},
		{reflect.TypeFor[bool](), keyWord},
		{reflect.TypeFor[[3]byte](), keyWord},
		{reflect.TypeFor[struct{}](), keyWord},
		{reflect.TypeFor[struct{ a, b int32 }](), keyWord},
		{reflect.TypeFor[padded](), keyBoxed},
		{reflect.TypeFor[blank](), keyBoxed},
		{reflect.TypeFor[meters](), keyBoxed},
		{reflect.TypeFor[*int](), keyPointer},
		{reflect.TypeFor[chan int](), keyPointer},
		{reflect.TypeFor[any](), keyBoxed},
		{reflect.TypeFor[[16]byte](), keyPair},
		{reflect.TypeFor[struct{ a, b uint64 }](), keyPair},
		{reflect.TypeFor[complex128](), keyBoxed},
		{reflect.TypeFor[[3]int64](), keyBoxed},
	} {
		if got := kindOfKey(tt.typ); got != tt.want {
			t.Errorf("kindOfKey(%v) = %d, want %d", tt.typ, got, tt.want)
		}
	}
	for _, tt := range []struct {
		typ  reflect.Type
		want valueKind
	}{
		{reflect.TypeFor[float64](), valueWord},
		{reflect.TypeFor[padded](), valueWord},
		{reflect.TypeFor[struct{}](), valueWord},
		{reflect.TypeFor[map[int]int](), valuePointer},
		{reflect.TypeFor[func()](), valuePointer},
		{reflect.TypeFor[[1]*int](), valuePointer},
		{reflect.TypeFor[[]int](), valueWide},
		{reflect.TypeFor[[4]uint64](), valueWide},
		{reflect.TypeFor[[33]byte](), valueBoxed},
	} {
		if got := kindOfValue(tt.typ); got != tt.want {
			t.Errorf("kindOfValue(%v) = %d, want %d", tt.typ, got, tt.want)
		}
	}
}

// TestEqualHashes fills segments that are followed by others, because splitting
// does not help, and sees their room given back.
func TestEqualHashes(t *testing.T) {
	m := New[int, int](WithHasher(func(int) uint64 { return 7 }))
	const n = 2000
	for i := range n {
		m.Store(i, i)
	}
	checkStructure(t, m)
	for i := range n {
		if v, ok := m.Load(i); v != i || !ok {
			t.Fatalf("Load(%d) = %d, %t among equal hashes", i, v, ok)
		}
	}
	for i := range n {
		m.Delete(i)
	}
	m.Shrink()
	_ = m.Fence(t.Context())
	checkStructure(t, m)
	if st := m.Stats(); st.Slots > 2*smallGroups*slots {
		t.Errorf("Stats() after all equal hashes were deleted: got %d slots, want at most %d", st.Slots, 2*smallGroups*slots)
	}
}

// TestStringsOfOneHash has another string where a hash leads to: 64 bits of two
// strings are never equal by chance. They differ in length, or in one byte.
func TestStringsOfOneHash(t *testing.T) {
	if bits.UintSize == 32 {
		t.Skip("strings lie in boxes here")
	}
	text := "The text is longer than what is compared in words."
	for n := range len(text) {
		a := text[:n]
		stringsOfOneHash(t, a, text[:n+1])
		for i := range n {
			stringsOfOneHash(t, a, a[:i]+"#"+a[i+1:])
		}
	}
}

func stringsOfOneHash(t *testing.T, a, b string) {
	t.Helper()
	m := New[string, int]()
	p := New[string, *int]()
	one := new(int)
	m.Store(a, 1)
	p.Store(a, one)
	h, w := m.hash(a)
	at := m.find(m.blockOf(h), a, h, w)
	setText(m.slotAt(at.group, at.index), b, h)
	if v, ok := m.Load(a); ok {
		t.Errorf("Load(%q) found %q, %d", a, b, v)
	}
	if v, ok := p.Load(strings.Clone(a)); v != one || !ok {
		t.Errorf("Load(%q) = %v, %t, want %v, true", a, v, ok, one)
	}
	m.Delete(a)
	if v, ok := m.LoadAndDelete(a); ok || m.Len() != 1 {
		t.Errorf("LoadAndDelete(%q) = %d, %t, and %q is gone", a, v, ok, b)
	}
	if v, ok := m.LoadOrStore(a, 2); v != 2 || ok {
		t.Errorf("LoadOrStore(%q, 2) = %d, %t, want 2, false", a, v, ok)
	}
	m.Store(strings.Clone(a), 3)
	if v, ok := m.Load(strings.Clone(a)); v != 3 || !ok {
		t.Errorf("Load(%q) beside %q: got %d, %t, want 3, true", a, b, v, ok)
	}
	m.Delete(a)
	if got := maps.Collect(m.All()); !maps.Equal(got, map[string]int{b: 1}) {
		t.Errorf("without %q: got %v, want %q", a, got, b)
	}
	hp, _ := p.hash(a)
	at = p.find(p.blockOf(hp), a, hp, 0)
	setText(p.slotAt(at.group, at.index), b, hp)
	if v, ok := p.Load(a); ok {
		t.Errorf("Load(%q) found %q, %v", a, b, v)
	}
}

// TestWipeBesideSnapshot wipes what was stored after a snapshot was taken, while
// that is open.
func TestWipeBesideSnapshot(t *testing.T) {
	m := New[int, int]()
	m.Store(1, 1)
	s := m.Snapshot()
	defer s.Close()
	m.Store(2, 0x5ec2e7)
	d := m.directory.Load()
	m.Wipe()
	for at := uint64(0); ; {
		seg := d.segment(at)
		for i := range groupsIn(seg.block) {
			for index := range uint(slots) {
				if v := *(*int)(m.valueAt(m.slotAt(m.groupAt(seg.block, i), index))); v == 0x5ec2e7 {
					t.Fatalf("Wipe left the value in group %d, slot %d, which the snapshot does not have", i, index)
				}
			}
		}
		if at = seg.end(); at == 0 {
			break
		}
	}
	if v, ok := s.Load(1); v != 1 || !ok {
		t.Errorf("Load(1) of the snapshot = %d, %t after Wipe, want 1, true", v, ok)
	}
}

// TestHasherSeesKeys has Range look keys up again while they are deleted: the
// caller's hash function must get whole keys only.
func TestHasherSeesKeys(t *testing.T) {
	type node struct{ id uint64 }
	nodes := make([]node, 400)
	for i := range nodes {
		nodes[i].id = uint64(i)
	}
	m := New[*node, int](WithHasher(func(n *node) uint64 { return n.id })) // panics for nil
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 300 {
			for i := range nodes {
				m.Store(&nodes[i], i)
			}
			for i := range nodes {
				m.Delete(&nodes[i])
			}
		}
	}()
	for {
		select {
		case <-done:
			return
		default:
			for k, v := range m.All() {
				if k.id != uint64(v) {
					t.Fatalf("Range gave %d for key %d", v, k.id)
				}
			}
		}
	}
}

// TestRoomBeyondInt asks for more than can be counted.
func TestRoomBeyondInt(t *testing.T) {
	if depth, _ := planFor(math.MinInt); depth != 1 {
		t.Errorf("planFor(math.MinInt) has depth %d, want 1", depth)
	}
	m := New[int, int]()
	m.Store(1, 1)
	defer func() {
		if recover() == nil {
			t.Error("Grow(math.MaxInt) beside an entry returned, want a panic")
		}
	}()
	m.Grow(math.MaxInt)
}
