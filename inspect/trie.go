package inspect

import (
	"reflect"
	"strings"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// A sync.Map is a hash trie since Go 1.24 (internal/sync/hashtriemap.go), and
// so is what package unique keeps since Go 1.23 (internal/concurrent). Its
// children point to nodes, which begin with a flag that tells entries from
// inner nodes; no pointer says which of the two is there.

// tries are the packages that have them.
var tries = []string{"internal/sync", "internal/concurrent"}

// trie is what a node can be.
type trie struct{ entry, inner *gobinary.Type }

// trieOf returns what nodes of type t can be; ok is false if t is no such type
// or its trie is not described.
func (w *walk) trieOf(t *gobinary.Type) (n trie, ok bool) {
	for _, pkg := range tries {
		if arguments, found := strings.CutPrefix(t.Name, pkg+".node["); found {
			if n.entry, ok = w.instance(pkg+".entry[", arguments); ok {
				n.inner, ok = w.instance(pkg+".indirect[", arguments)
			}
			return n, ok
		}
	}
	return n, false
}

// instance returns an instance of a generic type. Where the DWARF has only the
// one that instances share the code of, as Go 1.27 has of sync.Map's entries,
// that is taken for it if the arguments are empty interfaces.
func (w *walk) instance(generic, arguments string) (*gobinary.Type, bool) {
	const empty = "interface {}"
	t, ok := w.t.Image.Type(generic + arguments)
	if !ok && arguments == empty+","+empty+"]" {
		t, ok = w.t.Image.Type(generic + "go.shape." + empty + ",go.shape." + empty + "]")
	}
	return t, ok
}

// ledField is a field of the standard library's own structs that leads on, and
// what it adds to an owner: a trie reads like a map, however deep it is.
type ledField struct{ name, label string }

// trieFields returns the fields of the types that a trie is made of, nil for
// other types.
func trieFields(t *gobinary.Type) []ledField {
	if t.Name == "sync.Map" {
		if f, ok := t.Field("m"); !ok || trieFields(f.Type) == nil {
			return nil // up to Go 1.23, made of two maps
		}
		return []ledField{{"m", ""}}
	}
	for _, pkg := range tries {
		name, found := strings.CutPrefix(t.Name, pkg+".")
		if !found {
			continue
		}
		switch kind, _, _ := strings.Cut(name, "["); kind {
		case "HashTrieMap":
			return []ledField{{"root", ""}}
		case "indirect":
			return []ledField{{"children", ""}}
		case "entry":
			return []ledField{{"overflow", ""}, {"key", "[key]"}, {"value", "[]"}}
		}
	}
	return nil
}

// flattenFields plans some fields of a struct.
func (w *walk) flattenFields(p *plan, t *gobinary.Type, fields []ledField, off int64, label string, depth int) {
	for _, x := range fields {
		f, ok := t.Field(x.name)
		if !ok {
			continue
		}
		switch {
		case f.Type.Kind == reflect.Array && f.Type.Elem != nil:
			for i := range min(f.Type.Len, maxChildren) {
				w.flatten(p, f.Type.Elem, off+f.Offset+i*f.Type.Elem.Size, label+x.label, depth+1)
			}
		case f.Type.Kind == reflect.Slice && f.Type.Elem != nil:
			p.words = append(p.words, word{off: off + f.Offset, kind: reflect.Slice, t: f.Type, elem: f.Type.Elem, label: label + x.label})
		default:
			w.flatten(p, f.Type, off+f.Offset, label+x.label, depth+1)
		}
	}
}

// maxChildren bounds the children of an inner node, of which there are 16.
const maxChildren = 1 << 8

// node follows a node as what it is. Its first byte is the flag.
func (k *worker) node(p *plan, b []byte, it *item) {
	if !k.w.seen.add(it.addr) {
		return
	}
	n, ok := k.w.trieOf(p.t)
	if !ok {
		return
	}
	t := n.inner
	if b[0] != 0 {
		t = n.entry
	}
	if to := k.planOf(t); to != nil {
		k.push(it.addr, 1, lead{plan: to, path: k.paths.child(it.path, "", t)})
	}
}
