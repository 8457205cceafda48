package inspect

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// TestPathsEnd walks at random through types that lead to each other, as those
// of a tree of map[string]any do: no path gets longer than there are steps, and
// a branch makes the same paths.
func TestPathsEnd(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	var types []*gobinary.Type
	for i, k := range []reflect.Kind{reflect.Map, reflect.Struct, reflect.Slice, reflect.Func, reflect.Interface} {
		types = append(types, &gobinary.Type{Name: fmt.Sprint("t", i), Kind: k})
	}
	labels := []string{"[]", ".next", ".(t0)", "[key]"}
	var p, joined paths
	p.index, joined.index = map[pathKey]int32{}, map[pathKey]int32{}
	at, same := p.root("main.x", types[0]), joined.root("main.x", types[0])
	b := branch{of: &joined}
	b.reset()
	for range 10_000 {
		label, to := labels[r.IntN(len(labels))], types[r.IntN(len(types))]
		at, same = p.child(at, label, to), b.child(same, label, to)
		steps := map[pathKey]bool{}
		n := 0
		for i := at; i >= 0; i = p.list[i].up {
			steps[pathKey{label: p.list[i].label, t: p.list[i].t}] = true
			n++
		}
		if n != len(steps) {
			t.Fatalf("seed %d: a path of %d has %d different steps: %s", seed, n, len(steps), p.name(at))
		}
		if r.IntN(10) == 0 {
			b.join()
			if same = b.joined(same); joined.name(same) != p.name(at) {
				t.Fatalf("seed %d: a branch goes to %s, want %s", seed, joined.name(same), p.name(at))
			}
			b.reset()
		}
	}
}
