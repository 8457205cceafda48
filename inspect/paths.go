package inspect

import (
	"reflect"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// paths are the ways from package variables to maps, without indices: a path
// that comes back to a type that it has passed goes on from there, so that a
// list of a million nodes has one.
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

func (p *paths) root(name string, t *gobinary.Type) int32 {
	p.list = append(p.list, path{-1, name, t})
	return int32(len(p.list) - 1)
}

func (p *paths) child(up int32, label string, t *gobinary.Type) int32 {
	k := pathKey{up, label, t}
	if i, ok := p.index[k]; ok {
		return i
	}
	to := int32(-1)
	if t != nil && t.Kind == reflect.Struct {
		for i := up; i >= 0; i = p.list[i].up {
			if p.list[i].t == t {
				to = i
				break
			}
		}
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

// words is a set of addresses of words.
type words map[uint64]*[1 << (wordsPage - 3 - 6)]uint64

// wordsPage is the logarithm of the bytes that a page of the set is for: a
// megabyte takes 16 KB.
const wordsPage = 20

// add reports whether addr was not in the set before.
func (w words) add(addr uint64) bool {
	p := w[addr>>wordsPage]
	if p == nil {
		p = new([1 << (wordsPage - 3 - 6)]uint64)
		w[addr>>wordsPage] = p
	}
	i := addr & (1<<wordsPage - 1) >> 3
	if p[i>>6]&(1<<(i&63)) != 0 {
		return false
	}
	p[i>>6] |= 1 << (i & 63)
	return true
}

// has reports whether addr is in the set.
func (w words) has(addr uint64) bool {
	p := w[addr>>wordsPage]
	i := addr & (1<<wordsPage - 1) >> 3
	return p != nil && p[i>>6]&(1<<(i&63)) != 0
}
