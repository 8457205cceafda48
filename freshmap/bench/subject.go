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

// LeftOut returns why a peer takes no part in a workload, or "".
func LeftOut(peer, workload string, size int) string {
	p := registered[peer]
	switch {
	case p == nil:
		return "unknown peer"
	case p.iterates && workload != "Iterate":
		return "only another way to iterate"
	case peer == Floor && !slices.Contains([]string{"Hits", "Misses"}, workload) && !isMix(workload):
		return "holds nothing"
	case peer == "haxmap" && size > 4_000_000:
		return fmt.Sprintf("haxmap v1.4.0 loses its index while it grows: beyond 4M entries a fill does not end in minutes (asked for %d)", size)
	}
	return ""
}
