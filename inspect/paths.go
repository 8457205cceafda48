package inspect

import (
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// paths are the ways from package variables to maps, without indices: a path
// that comes back to a struct that it has passed, or by the same step to another
// type, goes on from there, so that a list of a million nodes has one. No step
// comes twice in a path, so that none is longer than there are steps.
type paths struct {
	list  []path
	index map[pathKey]int32
}

type path struct {
	up    int32 // -1 for a variable
	label string
	t     *gobinary.Type
}

type pathKey struct {
	up    int32
	label string
	t     *gobinary.Type
}

// again reports whether a step to t comes back to where p is.
func (p *path) again(label string, t *gobinary.Type) bool {
	return p.t == t && (t != nil && t.Kind == reflect.Struct || label != "" && p.label == label)
}

func (p *paths) root(name string, t *gobinary.Type) int32 {
	p.list = append(p.list, path{-1, name, t})
	return int32(len(p.list) - 1)
}

func (p *paths) child(up int32, label string, t *gobinary.Type) int32 {
	k := pathKey{up, label, t}
	if i, ok := p.index[k]; ok {
		return i
	}
	to := up
	for to >= 0 && !p.list[to].again(label, t) {
		to = p.list[to].up
	}
	if to < 0 {
		to = int32(len(p.list))
		p.list = append(p.list, path{up, label, t})
	}
	p.index[k] = to
	return to
}

// name returns a path as a reader would write it: "store.users[].tags".
func (p *paths) name(i int32) string {
	var parts []string
	for ; i >= 0; i = p.list[i].up {
		parts = append(parts, p.list[i].label)
	}
	slices.Reverse(parts)
	return strings.Join(parts, "")
}

// none is no path.
const none = -1

// A branch is the paths that one worker met first, in the order in which it met
// them, while others read the paths that were there before. They have numbers
// below none until they are joined to those.
type branch struct {
	of    *paths
	list  []path
	index map[pathKey]int32
	final []int32 // their numbers after join
}

func (b *branch) reset() {
	b.list = b.list[:0]
	clear(b.index)
}

// at returns the path with a number, of either kind.
func (b *branch) at(i int32) *path {
	if i < none {
		return &b.list[none-1-i]
	}
	return &b.of.list[i]
}

// child is as that of paths.
func (b *branch) child(up int32, label string, t *gobinary.Type) int32 {
	k := pathKey{up, label, t}
	if i, ok := b.of.index[k]; ok {
		return i
	}
	if i, ok := b.index[k]; ok {
		return i
	}
	to := up
	for to != none && !b.at(to).again(label, t) {
		to = b.at(to).up
	}
	if to == none {
		b.list = append(b.list, path{up, label, t})
		to = none - int32(len(b.list))
	}
	if b.index == nil {
		b.index = map[pathKey]int32{}
	}
	b.index[k] = to
	return to
}

// join gives the paths their numbers. Branches that are joined in the order of
// what they were met in get the same ones whoever walked them.
func (b *branch) join() {
	b.final = b.final[:0]
	for _, p := range b.list {
		b.final = append(b.final, b.of.child(b.joined(p.up), p.label, p.t))
	}
}

// joined returns the number of a path after join.
func (b *branch) joined(i int32) int32 {
	if i < none {
		return b.final[none-1-i]
	}
	return i
}

// words is a set of addresses of words. It may be used concurrently.
type words [1 << (48 - wordsArea)]atomic.Pointer[wordsPages]

// An area of the set has pages, and a page a bit for each word.
const (
	wordsArea = 36
	wordsPage = 20 // a megabyte takes 16 KB
)

type (
	wordsPages [1 << (wordsArea - wordsPage)]atomic.Pointer[wordsBits]
	wordsBits  [1 << (wordsPage - 3 - 6)]uint64
)

// bits returns the page that addr is in, nil if it was not made.
func (w *words) bits(addr uint64) *wordsBits {
	if addr >= 1<<48 {
		return nil
	}
	area := w[addr>>wordsArea].Load()
	if area == nil {
		return nil
	}
	return area[addr>>wordsPage&(1<<(wordsArea-wordsPage)-1)].Load()
}

// make makes the page that addr is in.
func (w *words) make(addr uint64) *wordsBits {
	area := w[addr>>wordsArea].Load()
	if area == nil {
		w[addr>>wordsArea].CompareAndSwap(nil, new(wordsPages))
		area = w[addr>>wordsArea].Load()
	}
	page := &area[addr>>wordsPage&(1<<(wordsArea-wordsPage)-1)]
	page.CompareAndSwap(nil, new(wordsBits))
	return page.Load()
}

// add reports whether addr was not in the set before. Of several that add the
// same word at a time one gets true.
func (w *words) add(addr uint64) bool {
	if addr >= 1<<48 {
		return false // no address of a Go program
	}
	p := w.bits(addr)
	if p == nil {
		p = w.make(addr)
	}
	i := addr & (1<<wordsPage - 1) >> 3
	bit := uint64(1) << (i & 63)
	return atomic.LoadUint64(&p[i>>6])&bit == 0 && atomic.OrUint64(&p[i>>6], bit)&bit == 0
}

// has reports whether addr is in the set.
func (w *words) has(addr uint64) bool {
	p := w.bits(addr)
	i := addr & (1<<wordsPage - 1) >> 3
	return p != nil && atomic.LoadUint64(&p[i>>6])&(1<<(i&63)) != 0
}
