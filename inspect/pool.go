package inspect

import (
	"reflect"
	"slices"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// A sync.Pool has an unsafe.Pointer to an array with a place for each P, and to
// the array of before the last garbage collection. A place is one value, and a
// chain of rings with others (sync/pool.go and sync/poolqueue.go, the same in Go
// 1.20 to 1.27).

// poolLabel is what a pool adds to an owner, wherever in it a value is.
const poolLabel = " (sync.Pool)"

// poolFields returns the fields of the types that a pool is made of, nil for
// other types. A chain is followed in both directions, since it may change while
// it is read.
func poolFields(t *gobinary.Type) []ledField {
	switch t.Name {
	case "sync.poolLocal":
		return []ledField{{"poolLocalInternal", ""}}
	case "sync.poolLocalInternal":
		return []ledField{{"private", ""}, {"shared", ""}}
	case "sync.poolChain":
		return []ledField{{"head", ""}, {"tail", ""}}
	case "sync.poolChainElt":
		return []ledField{{"poolDequeue", ""}, {"next", ""}, {"prev", ""}}
	case "sync.poolDequeue":
		return []ledField{{"vals", ""}}
	}
	return nil
}

// ofPool reports whether t is a part of a pool that has objects of its own.
func ofPool(t *gobinary.Type) bool {
	return t != nil && (poolFields(t) != nil || t.Name == "sync.eface")
}

// flattenPool plans a pool, or the interface without methods that a slot of its
// rings is. It returns false if t is neither.
func (w *walk) flattenPool(p *plan, t *gobinary.Type, off int64, label string) bool {
	if t.Name == "sync.eface" {
		p.words = append(p.words, word{off: off, kind: reflect.Interface, t: t, label: label})
		return true
	}
	place, ok := w.t.Image.Type("sync.poolLocal")
	if t.Name != "sync.Pool" || !ok {
		return false
	}
	var words []word
	for _, name := range []string{"local", "victim"} {
		at, ok1 := t.Field(name)
		n, ok2 := t.Field(name + "Size")
		if !ok1 || !ok2 || n.Offset != at.Offset+8 {
			return false // not as it was up to Go 1.27
		}
		// Address and length lie as in a slice.
		words = append(words, word{off: off + at.Offset, kind: reflect.Slice, t: t, elem: place, label: label + poolLabel})
	}
	p.words = append(p.words, words...)
	w.flattenFields(p, t, []ledField{{"New", ".New"}}, off, label, 0)
	return true
}

// pools follows what is in pools to which no other way leads. package sync keeps
// a list of those that have something.
func (w *walk) pools() error {
	for _, v := range w.t.Image.Globals {
		if slices.Contains(poolLists, v.Name) {
			w.push(v.Addr+w.t.bias, 1, v.Type, w.paths.root(v.Name, v.Type))
		}
	}
	return w.run()
}

// poolLists are the package variables with all pools. They are no owners while
// there are others.
var poolLists = []string{"sync.allPools", "sync.oldPools"}
