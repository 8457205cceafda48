package bench

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/ghostread/ghostread/freshmap/bench/latency"
)

//go:generate go run ./cmd/generate

// A subject is one map under measurement with the loops written out for it.
type subject interface {
	reads(q Sequence) (found, sum int)
	mixed(q Sequence) (found, sum int)
	insert(q Sequence)
	removeAll(q Sequence)
	each(f func(v int))
	timedInsert(q Sequence, now func() int64, h *latency.Histogram, done *atomic.Int64)
	timedLoad(q Sequence, i int, now func() int64) (took int64, ok bool)
}

// A Peer makes subjects for the two kinds of keys.
type Peer struct {
	Name string
	make map[string]func() subject // by kind of key

	// iterates is set for a second way to iterate over a map that is there
	// under another name: it takes part in nothing else.
	iterates bool
}

// The peers in the order in which they are shown.
var order = []string{"rwmutex", "sharded", "sync.Map", "xsync", "xsync-relaxed", "haxmap", "orcaman", "freshmap", "freshmap-snapshot", Floor}

// Floor is the peer that does nothing: the loop and a call.
const Floor = "floor"

var registered = map[string]*Peer{}

func register(name string, ints, strings func() subject) {
	if !slices.Contains(order, name) {
		panic("bench: peer without a place: " + name)
	}
	registered[name] = &Peer{Name: name, make: map[string]func() subject{KeyInt: ints, KeyString: strings}}
}

// Peers returns all peers.
func Peers() []*Peer {
	var all []*Peer
	for _, name := range order {
		if p := registered[name]; p != nil {
			all = append(all, p)
		}
	}
	return all
}

// Takes reports whether a workload means anything for a peer: a second way to
// iterate only iterates, and the floor holds no entries.
func (p *Peer) Takes(workload string) bool {
	switch {
	case p.iterates:
		return workload == "Iterate"
	case p.Name == Floor:
		return workload == "Hits" || workload == "Misses" || isMix(workload)
	}
	return true
}

// LeftOut returns why a peer that takes a workload is not measured in a case,
// or "".
func LeftOut(peer string, c Case) string {
	if peer == "haxmap" && c.Size > GrowthSize {
		return fmt.Sprintf("haxmap v1.4.0 is not asked to hold %s entries: its inserts walk a list while the index grows", Size(c.Size))
	}
	return ""
}
