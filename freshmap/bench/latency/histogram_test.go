package latency

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestBucketsAreInOrderAndNarrow(t *testing.T) {
	last := -1
	for shift := range 63 {
		for _, d := range []uint64{0, 1, 3} {
			v := uint64(1)<<shift + d
			i := bucket(v)
			if up := upper(i); up < v || float64(up-v) > float64(v)/sub {
				t.Errorf("upper(bucket(%d)) = %d, want at most one part in %d above", v, up, sub)
			}
			if shift > 2 && i < last {
				t.Errorf("bucket(%d) = %d, want at least %d", v, i, last)
			}
			last = i
		}
	}
	if i := bucket(1<<64 - 1); i >= len(Histogram{}.counts) {
		t.Errorf("bucket(1<<64-1) = %d, want below %d", i, len(Histogram{}.counts))
	}
}

func TestQuantilesOfKnownSamples(t *testing.T) {
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 0))
	var h Histogram
	var all []int64
	for range 100_000 {
		v := int64(r.ExpFloat64() * 5000)
		h.Record(v)
		all = append(all, v)
	}
	slices.Sort(all)
	for _, q := range []float64{0.001, 0.5, 0.99, 0.999} {
		want := all[int(q*float64(len(all)))-1]
		got := h.Quantile(q)
		if got < want || float64(got-want) > float64(want)/sub+1 {
			t.Errorf("seed %d: Quantile(%v) = %d, want %d and at most one part in %d more", seed, q, got, want, sub)
		}
	}
	if got, want := h.Quantile(1), all[len(all)-1]; got != want || h.Max() != want {
		t.Errorf("seed %d: Quantile(1) = %d, Max() = %d, want %d", seed, got, h.Max(), want)
	}
	if got := h.Count(); got != 100_000 {
		t.Errorf("Count() = %d, want 100000", got)
	}
}

func TestEmptyAndNegative(t *testing.T) {
	var h Histogram
	if got := h.Quantile(0.5); got != 0 {
		t.Errorf("empty: Quantile(0.5) = %d, want 0", got)
	}
	h.Record(-5)
	if got := h.Quantile(0.5); got != 0 || h.Count() != 1 {
		t.Errorf("after Record(-5): Quantile(0.5) = %d, Count() = %d, want 0, 1", got, h.Count())
	}
}

func TestRecordDoesNotAllocate(t *testing.T) {
	h := new(Histogram)
	if n := testing.AllocsPerRun(100, func() { a := Wall(); h.Record(Wall() - a); h.Record(Thread()) }); n != 0 {
		t.Errorf("Record and the clocks: %v allocations, want 0", n)
	}
}
