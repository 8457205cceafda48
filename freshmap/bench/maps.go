package bench

import (
	"hash/maphash"
	"sync"

	"github.com/ghostread/ghostread/freshmap"
	"github.com/puzpuzpuz/xsync/v4"
)

// locked is what one writes first.
type locked[K comparable] struct {
	mu sync.RWMutex
	m  map[K]int
}

const shardCount = 64

// shards is what one writes next. The pad keeps two locks out of one cache
// line pair.
type shards[K comparable] [shardCount]struct {
	locked[K]
	_ [128 - 32]byte
}

func newShards[K comparable]() *shards[K] {
	s := &shards[K]{}
	for i := range s {
		s[i].m = map[K]int{}
	}
	return s
}

func hashInt(k int) uint64 { return uint64(k) * 0x9e3779b97f4a7c15 >> 32 }

var seed = maphash.MakeSeed()

func hashString(k string) uint64 { return maphash.String(seed, k) }

// nothing has the calls of a map and no entries. What its loops take is what
// the loops of every other subject take besides the map.
type nothing[K comparable] struct{}

//go:noinline
func floorLoadInt(k int) (int, bool) { return k, true }

//go:noinline
func floorStoreInt(k, v int) {}

//go:noinline
func floorRemoveInt(k int) {}

//go:noinline
func floorLoadString(k string) (int, bool) { return len(k), true }

//go:noinline
func floorStoreString(k string, v int) {}

//go:noinline
func floorRemoveString(k string) {}

// The second ways to iterate.
type (
	relaxedInt     struct{ xsyncInt }
	relaxedString  struct{ xsyncString }
	snapshotInt    struct{ freshmapInt }
	snapshotString struct{ freshmapString }
)

func (s relaxedInt) each(f func(v int))     { eachRelaxed(s.m, f) }
func (s relaxedString) each(f func(v int))  { eachRelaxed(s.m, f) }
func (s snapshotInt) each(f func(v int))    { eachSnapshot(s.m, f) }
func (s snapshotString) each(f func(v int)) { eachSnapshot(s.m, f) }

func eachRelaxed[K comparable](m *xsync.Map[K, int], f func(v int)) {
	m.RangeRelaxed(func(_ K, v int) bool { f(v); return true })
}

func eachSnapshot[K comparable](m *freshmap.Map[K, int], f func(v int)) {
	s := m.Snapshot()
	defer s.Close()
	for _, v := range s.All() {
		f(v)
	}
}

func init() {
	register("xsync-relaxed",
		func() subject { return relaxedInt{newxsyncInt().(xsyncInt)} },
		func() subject { return relaxedString{newxsyncString().(xsyncString)} })
	register("freshmap-snapshot",
		func() subject { return snapshotInt{newfreshmapInt().(freshmapInt)} },
		func() subject { return snapshotString{newfreshmapString().(freshmapString)} })
	registered["xsync-relaxed"].iterates = true
	registered["freshmap-snapshot"].iterates = true
}
