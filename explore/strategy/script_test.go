package strategy

import (
	"cmp"
	"slices"
	"testing"
)

func byPlace(turns []Turn) []Turn {
	return slices.SortedFunc(slices.Values(turns), func(a, b Turn) int {
		return cmp.Or(cmp.Compare(a.Of, b.Of), cmp.Compare(a.At, b.At))
	})
}

// TestScriptRepeats: the turns found by following a schedule make the same
// schedule, and are found again.
func TestScriptRepeats(t *testing.T) {
	for seed := uint64(1); seed <= 50; seed++ {
		s := program(4, 12)
		want := slices.Clone(s.run(new(Random), seed))
		chosen := slices.Clone(s.chosen)
		buffer, count := make([]Turn, 1000), new(uint32)
		if got := s.run(NewFollow(chosen, buffer, count), 0); !slices.Equal(got, want) {
			t.Fatalf("seed %d: followed %v, want %v", seed, got, want)
		}
		turns := slices.Clone(buffer[:*count])
		if got := s.run(NewScript(byPlace(turns), buffer, count), 0); !slices.Equal(got, want) {
			t.Fatalf("seed %d: script ran %v, want %v", seed, got, want)
		}
		if got := buffer[:*count]; !slices.Equal(got, turns) {
			t.Errorf("seed %d: script took %v, want %v", seed, got, turns)
		}
	}
}

// TestScriptWithoutTurns lets each goroutine finish before the next.
func TestScriptWithoutTurns(t *testing.T) {
	count := new(uint32)
	got := program(3, 4).run(NewScript(nil, nil, count), 0)
	if want := []int32{1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3}; !slices.Equal(got, want) || *count != 0 {
		t.Errorf("ran %v with %d turns, want %v with none", got, *count, want)
	}
}

// TestScriptIgnoresWhatCannotBe: a turn whose goroutine cannot run, or whose
// place does not come, or has an id beyond the table, is not taken.
func TestScriptIgnoresWhatCannotBe(t *testing.T) {
	turns := []Turn{{-5000, 1, 1}, {1, 2, 9}, {1, 3, 2}, {1, 99, 3}, {5000, 1, 1}}
	taken, count := make([]Turn, 10), new(uint32)
	got := program(3, 4).run(NewScript(turns, taken, count), 0)
	if want := []int32{1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 1}; !slices.Equal(got[:7], want[:7]) {
		t.Errorf("ran %v, want %v first", got, want[:7])
	}
	if !slices.Equal(taken[:*count], []Turn{{1, 3, 2}}) {
		t.Errorf("took %v, want the one turn that is possible", taken[:*count])
	}
}

func TestScriptAllocatesNothing(t *testing.T) {
	count := new(uint32)
	s := NewScript([]Turn{{1, 2, 2}}, make([]Turn, 4), count)
	c := Choice{Enabled: []int32{1, 2}, Cur: 1}
	if n := testing.AllocsPerRun(100, func() { s.Begin(0); s.Choose(&c); s.Choose(&c) }); n != 0 {
		t.Errorf("Choose allocates %v times, want none", n)
	}
}
