package freshmap_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/bits"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
	"weak"

	"github.com/ghostread/ghostread/freshmap"
)

// A vault has secrets without having them: each is kept with a mask, and only
// the functions that use one take the mask off.
type vault struct {
	mask   uint64
	masked []uint64
	index  map[uint64]int // of a masked secret
}

func newVault(n int) *vault {
	v := &vault{mask: rand.Uint64() | 1, index: map[uint64]int{}}
	for len(v.masked) < n {
		// With the lowest bit set no secret looks like a pointer, and with the
		// highest ones set none looks like an address or a small number. What the
		// generator returns, and may keep, is the masked one.
		const set = 1 | 0xf<<60
		if s := rand.Uint64()&^set | ^v.mask&set; v.index[s] == 0 {
			v.masked = append(v.masked, s)
			v.index[s] = len(v.masked)
		}
	}
	return v
}

// scanner reads the memory of this process into a buffer of its own, which it
// leaves out.
type scanner struct {
	memory *os.File
	buffer []byte
}

func newScanner(t *testing.T) *scanner {
	t.Helper()
	switch {
	case runtime.GOOS != "linux":
		t.Skip("skipped: reads the memory of its own process, as Linux shows it in /proc")
	case bits.UintSize != 64:
		t.Skip("skipped: searches for secrets of one 64-bit word")
	}
	memory, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Skipf("skipped: %v", err)
	}
	t.Cleanup(func() { memory.Close() })
	buffer, err := syscall.Mmap(-1, 0, 1<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		t.Skipf("skipped: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(buffer) })
	return &scanner{memory, buffer}
}

// heap is an address in the heap, and so in the region where all arenas are.
var heap = new([64]int)

// areas returns the memory that can be written: the heap, with all stacks of
// goroutines in it, and the variables of the program.
func (s *scanner) areas() (areas [][2]uint64, err error) {
	file, err := os.Open("/proc/self/maps")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	region := uint64(uintptr(unsafe.Pointer(heap))) >> 36 // the race detector has terabytes elsewhere
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var from, to uint64
		var mode, rest string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); err != nil {
			return nil, fmt.Errorf("%q: %w", lines.Text(), err)
		}
		if _, after, ok := strings.Cut(lines.Text(), "/"); ok {
			rest = after
		}
		if strings.HasPrefix(mode, "rw") && (from>>36 == region || strings.HasSuffix(rest, ".test")) {
			areas = append(areas, [2]uint64{from, to})
		}
	}
	return areas, lines.Err()
}

// count returns how many copies of each secret there are in memory.
func (s *scanner) count(t *testing.T, v *vault) []int {
	t.Helper()
	areas, err := s.areas()
	if err != nil {
		t.Fatal(err)
	}
	found := make([]int, len(v.masked))
	for _, area := range areas {
		for at := area[0]; at < area[1]; {
			chunk := s.buffer[:min(uint64(len(s.buffer)), area[1]-at)]
			n, err := s.memory.ReadAt(chunk, int64(at))
			if n < 8 {
				t.Logf("%x-%x: %v", area[0], area[1], err)
				break
			}
			for i := 0; i+8 <= n; i += 8 {
				if j := v.index[binary.NativeEndian.Uint64(chunk[i:])^v.mask]; j != 0 {
					found[j-1]++
				}
			}
			at += uint64(n)
		}
	}
	clear(s.buffer)
	return found
}

// apart runs f where it leaves no traces of its own: on a stack that does not
// have to grow, and is overwritten afterwards.
func apart(f func()) {
	var wg sync.WaitGroup
	wg.Go(func() {
		scrub(64)
		f()
		scrub(64)
	})
	wg.Wait()
}

// scrub overwrites the unused part of the stack, one KiB for each level.
//
//go:noinline
func scrub(n int) byte {
	var frame [1024]byte
	for i := range frame {
		frame[i] = byte(n)
	}
	if n > 0 {
		frame[n] += scrub(n - 1)
	}
	return frame[n]
}

// A locker is a map of one pair of types, with secrets for keys and values.
// Key i is made of secret i, value i of secret i+n or, for a second value, i+2n.
type locker interface {
	store(i, value int)
	do(op string, i int)
	freshmapMethods
	snapshot() func()
}

type freshmapMethods interface {
	Clear()
	Wipe()
	Shrink()
	Grow(int)
	Len() int
	Fence(context.Context) error
}

type locked[K comparable, V any] struct {
	*freshmap.Map[K, V]
	*vault
	key   func(uint64) K
	value func(uint64) V
}

func (l locked[K, V]) k(i int) K { return l.key(l.masked[i] ^ l.mask) }
func (l locked[K, V]) v(i int) V { return l.value(l.masked[i] ^ l.mask) }

//go:noinline
func (l locked[K, V]) store(i, value int) { l.Store(l.k(i), l.v(value)) }

//go:noinline
func (l locked[K, V]) do(op string, i int) {
	n := len(l.masked) / 3
	switch op {
	case "Store":
		l.Store(l.k(i), l.v(i+2*n))
	case "LoadAndStore":
		l.LoadAndStore(l.k(i), l.v(i+2*n))
	case "Compute, Set":
		l.Compute(l.k(i), func(V, bool) (V, freshmap.Op) { return l.v(i + 2*n), freshmap.Set })
	case "CompareAndSwap":
		l.CompareAndSwap(l.k(i), l.v(i+n), l.v(i+2*n))
	case "Delete":
		l.Delete(l.k(i))
	case "LoadAndDelete":
		l.LoadAndDelete(l.k(i))
	case "Compute, Remove":
		l.Compute(l.k(i), func(old V, _ bool) (V, freshmap.Op) { return old, freshmap.Remove })
	case "CompareAndDelete":
		l.CompareAndDelete(l.k(i), l.v(i+n))
	default:
		panic(op)
	}
}

func (l locked[K, V]) snapshot() func() { return l.Snapshot().Close }

// lockers are the ways in which keys and values lie in the memory of the map:
// one word, two words, and a value of four words in two buffers.
var lockers = []struct {
	name string
	make func(*vault, ...freshmap.Option) locker
}{
	{"uint64 to uint64", func(v *vault, o ...freshmap.Option) locker {
		word := func(s uint64) uint64 { return s }
		return locked[uint64, uint64]{freshmap.New[uint64, uint64](o...), v, word, word}
	}},
	{"[2]uint64 to [2]uint64", func(v *vault, o ...freshmap.Option) locker {
		two := func(s uint64) [2]uint64 { return [2]uint64{1, s} }
		return locked[[2]uint64, [2]uint64]{freshmap.New[[2]uint64, [2]uint64](o...), v, two, two}
	}},
	{"uint64 to [4]uint64", func(v *vault, o ...freshmap.Option) locker {
		return locked[uint64, [4]uint64]{freshmap.New[uint64, [4]uint64](o...), v,
			func(s uint64) uint64 { return s }, func(s uint64) [4]uint64 { return [4]uint64{1, 2, 3, s} }}
	}},
	{"[16]byte to struct with pointer", func(v *vault, o ...freshmap.Option) locker {
		type secret struct {
			p *int
			s uint64
		}
		return locked[[16]byte, secret]{freshmap.New[[16]byte, secret](o...), v,
			func(s uint64) (k [16]byte) { binary.NativeEndian.PutUint64(k[8:], s); return k },
			func(s uint64) secret { return secret{&places[7], s} }}
	}},
}

// residues are what may be done to entries, and what may be found afterwards:
// copies of each key, of its first value and of its second.
var residues = []struct {
	name string
	do   func(l locker, n int, stage func(want string, counts ...[2]int))
}{
	{"Delete", func(l locker, n int, stage func(string, ...[2]int)) {
		for i := range n {
			l.do([]string{"Delete", "LoadAndDelete", "Compute, Remove", "CompareAndDelete"}[i%4], i)
		}
		stage("deleted, migrated ones left", [2]int{0, many}, [2]int{0, many}, gone)
		_ = l.Fence(context.Background())
		stage("deleted", gone, gone, gone)
	}},
	{"Delete without shrinking", func(l locker, n int, stage func(string, ...[2]int)) {
		_ = l.Fence(context.Background())
		stage("stored", once, once, gone)
		for i := range n / 8 {
			l.do("Delete", i)
		}
		for i := n / 8; i < n; i++ {
			l.do("LoadAndDelete", i)
		}
		_ = l.Fence(context.Background())
		stage("deleted", gone, gone, gone)
	}},
	{"overwrite", func(l locker, n int, stage func(string, ...[2]int)) {
		_ = l.Fence(context.Background())
		for i := range n {
			l.do([]string{"Store", "LoadAndStore", "Compute, Set", "CompareAndSwap"}[i%4], i)
		}
		stage("overwritten, before any fence", once, gone, once)
	}},
	{"growth", func(l locker, n int, stage func(string, ...[2]int)) {
		_ = l.Fence(context.Background())
		stage("grown by itself", once, once, gone)
		l.Grow(20 * n)
		_ = l.Fence(context.Background())
		stage("grown on demand", once, once, gone)
	}},
	{"Shrink", func(l locker, n int, stage func(string, ...[2]int)) {
		l.Grow(20 * n)
		l.Shrink()
		_ = l.Fence(context.Background())
		stage("shrunk", once, once, gone)
	}},
	{"Clear", func(l locker, n int, stage func(string, ...[2]int)) {
		l.Clear()
		_ = l.Fence(context.Background())
		stage("cleared", gone, gone, gone)
	}},
	{"Wipe", func(l locker, n int, stage func(string, ...[2]int)) {
		l.Wipe()
		stage("wiped", gone, gone, gone)
	}},
	{"Wipe in the middle of a growth", func(l locker, n int, stage func(string, ...[2]int)) {
		for i := range n {
			l.do("Store", i)
		}
		l.Wipe()
		stage("wiped", gone, gone, gone)
	}},
	{"Snapshot", func(l locker, n int, stage func(string, ...[2]int)) {
		_ = l.Fence(context.Background())
		closeIt := l.snapshot()
		for i := range n {
			l.do("Delete", i)
		}
		_ = l.Fence(context.Background())
		stage("deleted, but in a snapshot", once, once, gone)
		closeIt()
		_ = l.Fence(context.Background())
		stage("snapshot closed", gone, gone, gone)
	}},
	{"two Snapshots and Wipe", func(l locker, n int, stage func(string, ...[2]int)) {
		_ = l.Fence(context.Background())
		first := l.snapshot()
		for i := range n {
			l.do("Store", i)
		}
		second := l.snapshot()
		l.Wipe()
		stage("wiped, but in two snapshots", [2]int{1, 2}, once, once)
		first()
		_ = l.Fence(context.Background())
		stage("first closed", once, gone, once)
		second()
		_ = l.Fence(context.Background())
		stage("second closed", gone, gone, gone)
	}},
}

const many = 1 << 30

var once, gone = [2]int{1, 1}, [2]int{0, 0} // the least and the most copies

// TestResidue looks for keys and values in all memory that the process can
// write, the map's and what was the map's and has not been used again. No
// garbage collection runs in between.
//
// A signal that stops a thread at the wrong moment leaves a copy of its
// registers behind, which is nobody's fault: what is found has to be found
// three times, with new secrets.
func TestResidue(t *testing.T) {
	s := newScanner(t)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const n = 400
	for _, l := range lockers {
		for _, r := range residues {
			t.Run(l.name+"/"+r.name, func(t *testing.T) {
				var wrong string
				for range 3 {
					wrong = ""
					v := newVault(3 * n)
					var opts []freshmap.Option
					if strings.HasSuffix(r.name, "without shrinking") {
						opts = append(opts, freshmap.WithShrink(freshmap.ShrinkNever))
					}
					m := l.make(v, opts...)
					apart(func() {
						for i := range n {
							m.store(i, i+n)
						}
					})
					stage := func(name string, want ...[2]int) {
						scrub(64)
						got := s.count(t, v)
						for kind, w := range want {
							for i, copies := range got[kind*n : kind*n+n] {
								if copies < w[0] || copies > w[1] {
									wrong += fmt.Sprintf("%s: got %d copies of %s %d, want %d to %d\n",
										name, copies, []string{"key", "first value of key", "second value of key"}[kind], i, w[0], w[1])
									break
								}
							}
						}
					}
					stage("stored", [2]int{1, many}, [2]int{1, many}, gone)
					apart(func() { r.do(m, n, stage) })
					runtime.KeepAlive(m)
					if wrong == "" {
						return
					}
				}
				t.Error(wrong)
			})
		}
		runtime.GC()
	}
}

// TestResidueOfPeers is the control: the search finds what other maps leave.
func TestResidueOfPeers(t *testing.T) {
	s := newScanner(t)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const n = 400
	plain, peer := map[uint64]uint64{}, new(sync.Map)
	peers := []struct {
		name  string
		store func(k, v uint64)
		drop  func(k uint64)
	}{
		{"map", func(k, v uint64) { plain[k] = v }, func(k uint64) { delete(plain, k) }},
		{"sync.Map", func(k, v uint64) { peer.Store(k, v) }, func(k uint64) { peer.Delete(k) }},
	}
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			v := newVault(2 * n)
			apart(func() {
				for i := range n {
					p.store(v.masked[i]^v.mask, v.masked[i+n]^v.mask)
				}
				for i := range n {
					p.drop(v.masked[i] ^ v.mask)
				}
			})
			got := s.count(t, v)
			left := 0
			for _, copies := range got {
				left += min(copies, 1)
			}
			t.Logf("%d of %d deleted keys and values are still in memory", left, len(got))
			if left < n/2 {
				t.Errorf("got %d secrets after deletion, want at least %d: does the search find anything?", left, n/2)
			}
		})
	}
}

// TestRelease deletes values, and keys, that are all that holds on to an
// object: nothing in the map keeps it alive.
func TestRelease(t *testing.T) {
	type object [4]uint64
	const n = 300
	// Each store puts object i under a key, in some way, and drop deletes it.
	type holder struct {
		name  string
		store func(i int, o *object)
		drop  func(i int)
		close func() // ends what may still hold on
	}
	holders := func() []holder {
		pointers := new(freshmap.Map[int, *object])
		keys := new(freshmap.Map[*object, int])
		var made [n]weak.Pointer[object]
		anys := new(freshmap.Map[any, any])
		wide := new(freshmap.Map[int, [2]*object])
		boxed := new(freshmap.Map[[3]int, [6]*object])
		funcs := new(freshmap.Map[string, func() *object])
		over := new(freshmap.Map[int, *object])
		clear := new(freshmap.Map[int, *object])
		shot := new(freshmap.Map[int, *object])
		var snap *freshmap.Snapshot[int, *object]
		return []holder{
			{"pointer", func(i int, o *object) { pointers.Store(i, o) }, func(i int) { pointers.Delete(i) }, func() { _ = pointers.Fence(context.Background()) }},
			{"key", func(i int, o *object) { keys.Store(o, i); made[i] = weak.Make(o) }, func(i int) { keys.Delete(made[i].Value()) }, func() { _ = keys.Fence(context.Background()) }},
			{"interfaces", func(i int, o *object) { anys.Store([2]any{i, "k"}, any(o)) }, func(i int) { anys.LoadAndDelete([2]any{i, "k"}) }, func() { _ = anys.Fence(context.Background()) }},
			{"wide", func(i int, o *object) { wide.Store(i, [2]*object{nil, o}) }, func(i int) { wide.CompareAndDelete(i, first(wide.Load(i))) }, func() { _ = wide.Fence(context.Background()) }},
			{"boxed", func(i int, o *object) { boxed.Store([3]int{i}, [6]*object{5: o}) }, func(i int) { boxed.Delete([3]int{i}) }, func() { _ = boxed.Fence(context.Background()) }},
			{"closure", func(i int, o *object) { funcs.Store(fmt.Sprint(i), func() *object { return o }) }, func(i int) { funcs.Delete(fmt.Sprint(i)) }, func() { _ = funcs.Fence(context.Background()) }},
			{"overwritten", func(i int, o *object) { over.Store(i, o) }, func(i int) { over.Store(i, nil) }, func() { _ = over.Fence(context.Background()) }},
			{"cleared", func(i int, o *object) { clear.Store(i, o) }, func(i int) { clear.Clear() }, func() { _ = clear.Fence(context.Background()) }},
			{"snapshot", func(i int, o *object) {
				shot.Store(i, o)
				if i == n-1 {
					snap = shot.Snapshot()
				}
			}, func(i int) { shot.Delete(i) }, func() { snap.Close(); _ = shot.Fence(context.Background()) }},
		}
	}()
	for _, h := range holders {
		t.Run(h.name, func(t *testing.T) {
			objects := make([]weak.Pointer[object], n)
			apart(func() {
				for i := range objects {
					o := &object{uint64(i)}
					objects[i] = weak.Make(o)
					h.store(i, o)
				}
			})
			runtime.GC()
			alive := func() (n int) {
				for _, o := range objects {
					if o.Value() != nil {
						n++
					}
				}
				return n
			}
			if got := alive(); got != n {
				t.Fatalf("%d of %d stored objects are alive, want all", got, n)
			}
			apart(func() {
				for i := range objects {
					h.drop(i)
				}
				h.close()
			})
			runtime.GC()
			runtime.GC()
			if got := alive(); got != 0 {
				t.Errorf("%d of %d deleted objects are alive, want none", got, n)
			}
			runtime.KeepAlive(holders)
		})
	}
}

func first[V any](v V, _ bool) V { return v }

// TestForgottenSnapshot leaves closing to the garbage collector.
func TestForgottenSnapshot(t *testing.T) {
	var m freshmap.Map[int, int]
	for i := range 1000 {
		m.Store(i, i)
	}
	apart(func() {
		s := m.Snapshot()
		m.Store(1, 2)
		if v, ok := s.Load(1); v != 1 || !ok {
			t.Errorf("Snapshot.Load(1): got %d %t, want 1 true", v, ok)
		}
	})
	if got := m.Stats().Snapshots; got != 1 {
		t.Errorf("Stats().Snapshots: got %d, want 1", got)
	}
	for range 10_000 {
		runtime.GC() // queues the cleanup, which runs some time
		if m.Stats().Snapshots == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if got := m.Stats().Snapshots; got != 0 {
		t.Errorf("Stats().Snapshots after garbage collections: got %d, want 0", got)
	}
	if err := m.Fence(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := m.Stats().Kept; got != 0 {
		t.Errorf("Stats().Kept: got %d, want 0", got)
	}
	if got := slices.Sorted(maps.Keys(maps.Collect(m.All()))); len(got) != 1000 {
		t.Errorf("got %d keys afterwards, want 1000", len(got))
	}
}
