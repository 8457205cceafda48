package explore

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestMinimise compares with what is needed: a try will do if it has all of a
// few elements, or all of a few others.
func TestMinimise(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		n := 1 + rng.IntN(700)
		list := make([]int, n)
		for i := range list {
			list[i] = i
		}
		sets := [2][]int{}
		for i := range sets {
			sets[i] = rng.Perm(n)[:min(n, rng.IntN(6))]
		}
		holds := func(have []int) bool {
			return slices.ContainsFunc(sets[:], func(set []int) bool {
				return !slices.ContainsFunc(set, func(v int) bool { return !slices.Contains(have, v) })
			})
		}
		made := 0
		got, tries, err := minimise(list, 100_000, func(list []int, cuts []int32) (int, []int, error) {
			if len(cuts) > 2*reduceBatch {
				t.Fatalf("seed %d: %d ranges at once, want %d at most", seed, len(cuts)/2, reduceBatch)
			}
			for i := 0; i < len(cuts); i += 2 {
				made++
				if less := slices.Concat(list[:cuts[i]], list[cuts[i+1]:]); holds(less) {
					return i / 2, less, nil
				}
			}
			return -1, nil, nil
		})
		if err != nil || made != tries {
			t.Errorf("seed %d: %d tries counted, want %d; error %v", seed, tries, made, err)
		}
		if !holds(got) {
			t.Fatalf("seed %d: %v is left of %d, which will not do: want %v or %v", seed, got, n, sets[0], sets[1])
		}
		for i := range got {
			if holds(slices.Concat(got[:i], got[i+1:])) {
				t.Errorf("seed %d: %v is left, and %d can go", seed, got, got[i])
			}
		}
	}
}

// TestMinimiseEnds: the bound of tries is kept, whatever is found.
func TestMinimiseEnds(t *testing.T) {
	list := make([]int, 5000)
	for _, max := range []int{0, 1, 7, 300, 1000} {
		made := 0
		_, tries, err := minimise(list, max, func(list []int, cuts []int32) (int, []int, error) {
			made += len(cuts) / 2
			return -1, nil, nil
		})
		if err != nil || tries > max || made != tries {
			t.Errorf("with %d tries allowed: %d made, %d counted, error %v", max, made, tries, err)
		}
	}
}
